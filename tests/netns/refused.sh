#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 90
#
# Segments that are to be refused, one at a time, each between the SYN-ACK and the ACK of an honest
# handshake of the same tuple: the counter named in refused.py grows by exactly one and no other
# does, nothing is sent that the stack would not send, no socket comes of it; and that handshake,
# one beside it and an established connection go on. And what a SYN may carry that is ignored.
#
#   refused.py at c0 ──── veth ──── s0: refused.py listens, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

[ -n "$MODULE" ] || skip_all "it counts what the module counts"
topology
server sysctl -qw net.core.somaxconn=4096 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0
load_module
server sysctl -qw net.cookiebox.embryonic_max=0 # each counter exactly
server sysctl -qw net.cookiebox.epoch_seconds=4 # some cookies are dead of old age at the end
protect invalid drop
exec python3 -B "$TOP/tests/netns/refused.py"
