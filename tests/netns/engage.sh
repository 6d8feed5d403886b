#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 90
#
# Who is challenged and who is not: engagement always, observe and off; the allow list; a port that
# nobody listens on; an address that is not this host's; tcp_syncookies=0.
#
#   curl, synflood at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

# of COLUMN REASON: a counter of the service, done or observed.
of()
{
	server cookiebox -j stats | jq --arg c "$1" --arg r "$2" '[.. | .[$c]?[$r]? // 0] | add'
}

expect_growth()
{
	local what=$1 reason=$2 by=$3 before

	before=$(stat_of "$reason")
	fetch || not_ok "$what: no page"
	check_equal "$what" "$by" "$(($(stat_of "$reason") - before))"
}

plan
topology
start_nginx
protect
expect_growth "always: the SYN is answered" syn_answered 1
expect_growth "always: the cookie becomes a connection" cookie_accepted 1

server cookiebox service set web engage off
expect_growth "off: nothing is answered" syn_answered 0

server cookiebox service set web engage observe
answered=$(of "done" syn_answered) seen=$(of observed syn_answered)
check "observe: a page" fetch
flood 0 5 50 >/dev/null
check_equal "observe: nothing is answered" "$answered" "$(of "done" syn_answered)"
check_equal "observe: what would be is counted apart" $((seen + 51)) "$(of observed syn_answered)"

# would [WORDS]: how often 60 SYNs would have engaged it, after that setting.
would()
{
	server cookiebox service set web engage always "$@" && server cookiebox service set web engage observe
	flood 0 5 60 >/dev/null
	server cookiebox -j service show web | jq '.[0].would_engage'
}

# nginx has a backlog of 511; 50 to 110 are half-open.
check_equal "observe: auto would not have engaged at half of the backlog" 0 "$(would)"
check_equal "observe: but at a hundredth" 1 "$(would release-at 1 engage-at 2)"
check "observe: and is told" grep -q "^observed: web would have engaged by itself 1 time; at most " \
	<(server cookiebox show)
server cookiebox service set web release-at default engage-at default

server cookiebox service set web engage always allow "$CLIENT"
expect_growth "allow list: not challenged" syn_answered 0
expect_growth "allow list: counted" allow_listed 1
server cookiebox service set web allow none
expect_growth "allow list emptied: challenged again" syn_answered 1

server cookiebox service add closed port 81 mode local
check_fails "a closed port still refuses" client curl -s --max-time 3 "http://$URLHOST:81/"
check_equal "and quickly: curl says refused" 7 \
	"$(client curl -s --max-time 3 "http://$URLHOST:81/"; echo $?)"

server sysctl -qw net.ipv4.tcp_syncookies=0
expect_growth "tcp_syncookies=0 later: the stack serves" syncookies_off 1
server sysctl -qw net.ipv4.tcp_syncookies=1
expect_growth "and cookiebox again once it is 1" syn_answered 1
finish
