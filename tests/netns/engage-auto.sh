#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug uml-time
# check: 6.12/4 6.1/6 uml-debug/4 uml-time/6
# families: 4 6
# timeout: 300
#
# Engagement `auto`: in calm every segment is the stack's, to the byte and to the counter; a flood
# engages before a backlog of 128 is full, and is over a hold time after its end; honest clients get
# their connections before, between and after; what was attacked is remembered and told.
#
#   engage-auto.py at c0 ──── veth ──── s0: engage-auto.py listens, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

[ -n "$MODULE" ] || skip_all "the stack has nothing like it"
topology
server sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096 \
	net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 net.ipv4.tcp_synack_retries=1
protect engage auto
python3 -B "$TOP/tests/netns/engage-auto.py"
failed=$?
# It ends in the middle of an attack.
unload_module
exit $failed
