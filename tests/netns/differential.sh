#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast uml-debug
# check: 6.12/4 6.1/6
# families: 4 6
# timeout: 120
#
# The same recorded and mutated handshakes to the stack's own cookies (tcp_syncookies=2, engage off)
# and to the module, in one boot: answers, sockets and what can be seen of both are compared, and
# every disagreement must be of a class of differential.txt.
#
#   differential.py at c0 ──── veth ──── s0: differential.py listens, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

[ -n "$MODULE" ] || skip_all "there is nothing to compare the stack with"
case $PLATFORM in
vm) COUNT=${COUNT:-400} ;;
uml-debug) COUNT=${COUNT:-1000} ;;
*) COUNT=${COUNT:-4000} ;;
esac
topology
server sysctl -qw net.core.somaxconn=4096 net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 \
	net.ipv4.tcp_syncookies=2 net.ipv4.tcp_ecn=1 net.ipv4.tcp_rmem="4096 131072 6291456"
protect invalid reset
# shellcheck disable=SC2086 # seeds are words
exec python3 -B "$TOP/tests/netns/differential.py" "$COUNT" ${SEEDS:-1}
