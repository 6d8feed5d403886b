#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug uml-debug-long
# check: uml-debug/-
# timeout: 300
#
# Every command with every attribute, deformed in every way, then requests at random: as root, in a
# user namespace of one's own, and without privilege. What is refused has a sentence and changes
# nothing; the kernel does not complain.
. "$(dirname "$0")/../lib/lib.sh"

load_module
exec python3 -B "$TOP/tests/netns/netlink-fuzz.py"
