#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/demo/gateway.sh - as guest.sh, with the defence on a router in front of the server.
GUARD=box exec "$(dirname "$0")/guest.sh" "$@"
