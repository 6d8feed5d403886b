#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 60
#
# Listeners and clients with something of their own: MPTCP, Fast Open, TCP-MD5 (both ways of
# auth-option), inherited options, socket filters, TTL security, loopback, link-local addresses,
# IP options, extension and routing headers. Each has the outcome that it has without cookiebox, except
# where the case says why not.
#
#   clients at c0 ──── veth ──── s0: listeners, one service each
. "$(dirname "$0")/../lib/lib.sh"

topology
# An address of the client from which MPTCP joins, and nobody else sends by himself.
ip -n client addr add 10.0.0.11/24 dev c0
ip -n client addr add fd00::11/64 dev c0 nodad preferred_lft 0
# One of the server that is a segment of routing headers.
ip -n server addr add fd00::22/64 dev s0 nodad preferred_lft 0
for ns in client server; do
	ip -n $ns mptcp limits set subflow 2 add_addr_accepted 2
done
[ "$FAMILY" = 6 ] && further=fd00::11 || further=10.0.0.11
ip -n client mptcp endpoint add $further dev c0 subflow || note "no MPTCP endpoints here"
load_module
exec python3 -B "$TOP/tests/netns/listeners-odd.py"
