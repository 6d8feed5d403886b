#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/- uml-debug/-
# timeout: 120
#
# The control plane against a program that means no good: malformed attributes, stale and
# abandoned transactions, dumps of a table that changes, no privilege, memory that runs out.
. "$(dirname "$0")/../lib/lib.sh"

load_module
exec python3 -B "$TOP/tests/netns/netlink.py"
