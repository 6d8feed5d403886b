#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug vm-long
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 120
#
# A client that comes back from the same port while the server is in TIME_WAIT (RFC 6191), in
# FIN_WAIT_2, in LAST_ACK, in ESTABLISHED (the client rebooted) or in SYN_RECV, and 100 times at once:
# the same clients against a service that is off and one that is always engaged, with one outcome.
#
#   raw clients at c0 ──── veth ──── s0: a listener per case, services off and always
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/scripted.sh"

plan
topology
scripted tcp-reuse.py
finish
