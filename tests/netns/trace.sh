#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4
# families: 4 6
#
# The tracepoints: an honest handshake is a cb_syn and a cb_ack of the same cookie, another outcome a
# cb_verdict; each with both addresses and ports, the service and the reason by its name.
#
#   curl at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

TRACING=/sys/kernel/tracing

hex()
{
	python3 -c 'import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
print(socket.inet_pton(family, sys.argv[1]).hex())' "$1"
}

# traced EVENT: its lines since the last fetch.
traced()
{
	grep "$1: src=$(hex "$CLIENT") sport=[0-9]* dst=$(hex "$SERVER") dport=80 " $TRACING/trace
}

# value NAME: of the line on stdin.
value()
{
	sed -n "s/.* $1=\([^ ]*\).*/\1/p"
}

# Of a first flight that both CPUs have at once, one segment may be refused here as well.
accepted()
{
	traced cb_ack | grep ' reason=cookie_accepted '
}

traced_fetch()
{
	: >$TRACING/trace
	fetch
}

has_no_numbers()
{
	! grep -h 'print fmt' $TRACING/events/cookiebox/*/format | grep -i 'cb_'
}

plan
[ -n "$MODULE" ] || skip_all "nothing to trace without the module"
topology
start_nginx
protect
echo 1 >$TRACING/events/cookiebox/enable || die "no tracepoints"
check "a page" traced_fetch
check_equal "its SYN was answered" syn_answered "$(traced cb_syn | value reason)"
check "its cookie was accepted" accepted
check_equal "the same cookie" "$(traced cb_syn | value isn)" "$(accepted | value isn)"
check_equal "of the same port" "$(traced cb_syn | value sport)" "$(accepted | value sport)"
check_equal "of the service" "$(server cookiebox -j service show web | jq '.[0].id')" \
	"$(accepted | value service)"
server cookiebox service set web allow "$CLIENT"
check "a page for one who is never challenged" traced_fetch
check_equal "is no handshake of the module" "" "$(traced cb_syn; traced cb_ack)"
check_match "but a verdict" allow_listed "$(traced cb_verdict | value reason)"
server cookiebox service set web allow none engage observe
check "a page for one who is only observed" traced_fetch
check_match "is told so" 'reason=syn_answered observed' "$(traced cb_verdict)"
check "programs that read the trace are told the reasons' numbers" has_no_numbers
echo 0 >$TRACING/events/cookiebox/enable
[ "$LIB_FAILED" = 0 ] || sed "s/^/# /" $TRACING/trace
finish
