#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: uml-fast uml-debug
# check: uml-fast/4 uml-debug/6
# families: 4 6
# timeout: 60
#
# What becomes of the SYN's buffer and of what receiving left in it: a capture keeps the SYN, a
# partial checksum does not go out again; a wrong one is not answered; the answer obeys OUTPUT rules;
# a SYN on a live connection is the stack's.
#
#   client: buffer.py ──write── tap cb0 ──── stack, module, listener: buffer.py
. "$(dirname "$0")/../lib/lib.sh"

load_module
exec python3 -B "$TOP/tests/netns/buffer.py"
