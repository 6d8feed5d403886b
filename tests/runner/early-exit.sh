#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: selftest
#
# Stops before its plan, with exit code 0.
. "$(dirname "$0")/../lib/lib.sh"
plan
ok "the first"
exit 0
