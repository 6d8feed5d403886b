#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 90
#
# Single use costs honest clients nothing: SYN-ACKs lost, ACKs and data sent again, full accept
# queues. Each client has what it has against a service that is off, and nothing is taken for a
# replay.
#
#   raw clients at c0 ──── veth ──── s0: a listener per case, services off and always
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/scripted.sh"

# counted REASON: of all services.
counted()
{
	server cookiebox stats | awk -v reason="$1" '$2 == reason { n += $4 } END { print n + 0 }'
}

plan
topology
scripted single-use-honest.py
check_equal "nothing was taken for a replay" 0 "$(counted replayed)"
check "ACKs found the queue full: $(counted queue_full)" [ "$(counted queue_full)" -ge 8 ]
finish
