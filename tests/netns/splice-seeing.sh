#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/6
# families: 4 6
# timeout: 120
#
# What an admin of a gateway sees: verify asks the servers and says what mode splice lacks; show counts the
# connections that are spliced.
#
#   raw client, nc at c0 ── b0  box  b1 ── s0: nginx at 80, nobody at 81
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

verify()
{
	box cookiebox verify "$@" >"$TMPDIR/verify" 2>&1
	echo $? >"$TMPDIR/status"
}

finding()
{
	check_match "$1: $2" "^$1 .*$2" "$(cat "$TMPDIR/verify")"
}

status_is()
{
	check_equal "$1: exit status" "$2" "$(cat "$TMPDIR/status")"
}

healthy()
{
	verify
	status_is "all is well" 0
	finding ok "forwarding  $FORWARDING is 1"
	finding ok "web: $SERVER port 80 lets this host connect"
	finding note 'many: no server is known yet, and of several none is asked'
	finding ok '0 of [0-9]* connections are spliced'
	finding ok '0 of [0-9]* connections wait for their server'
	check_equal "as JSON: well" true "$(box cookiebox -j verify | jq .well)"
}

no_forwarding()
{
	box sysctl -qw "$FORWARDING=0"
	verify web
	finding problem "forwarding  $FORWARDING is 0: nothing reaches the servers of web"
	status_is "no forwarding" 3
	box sysctl -qw "$FORWARDING=1"
}

closed_port()
{
	splice shut 81
	verify shut
	finding problem "shut: $SERVER port 81 does not let this host connect: Connection refused"
	status_is "a closed port" 3
	client curl -s -m 5 "http://$URLHOST:81/"
	check "show servers: it is dead" wait_for 5 dead_server
	before=$(counted shut server_dead)
	check_fails "a client is refused by the server itself" client curl -s -m 5 "http://$URLHOST:81/"
	check "the box does not answer for it" [ "$(counted shut server_dead)" -gt "$before" ]
	verify shut
	finding note "shut: 1 server was refused or silent.*the last is $SERVER port 81"
	box cookiebox service del shut
}

# counted SERVICE REASON [done|observed]
counted()
{
	box cookiebox -j stats "$1" | jq --arg r "$2" --arg c "${3:-done}" '[.. | .[$c]?[$r]? // 0] | add'
}

# Nothing is done, and what would have been is counted.
observed()
{
	local answered seen

	box cookiebox service set web engage observe
	answered=$(counted web syn_answered) seen=$(counted web syn_answered observed)
	check "observe: a page, from the server itself" client curl -s -o /dev/null -m 5 "http://$URLHOST/"
	check_equal "observe: nothing is answered" "$answered" "$(counted web syn_answered)"
	check_equal "observe: what would be is told" $((seen + 1)) "$(counted web syn_answered observed)"
	box cookiebox service set web engage always
}

dead_server()
{
	box cookiebox show servers | grep -q dead
}

# spliced N: what show says of connections that are spliced.
spliced()
{
	box cookiebox show | grep -qx "spliced: $1 connections, 0 of them wait for their server"
}

none_pinned()
{
	[ "$(box cookiebox -j show | jq .status.flow_cache.pinned)" = 0 ]
}

# shown MSS TIMESTAMPS SACK: what the row of the web server says, null what is not known.
shown()
{
	box cookiebox -j show servers | jq -e --arg a "$SERVER" --argjson m "$1" --argjson t "$2" \
		--argjson s "$3" '.. | objects | select(.addr? == $a and .port == 80) |
			.mss == $m and .timestamps == $t and .sack == $s' >/dev/null
}

# answers_with MSS TIMESTAMPS SACK: the server's own settings, 0 or 1; a handshake shows them.
answers_with()
{
	local nets=10.0.0.0/24 via=10.2.0.1
	[ "$FAMILY" = 4 ] || nets=fd00::/64 via=fd02::1
	ip -n server "-$FAMILY" route replace "$nets" via "$via" advmss "$1"
	server sysctl -qw net.ipv4.tcp_timestamps="$2" net.ipv4.tcp_sack="$3"
	client curl -s -o /dev/null -m 5 "http://$URLHOST/"
}

# Less is believed at once, a larger MSS after a minute; what is not offered to it a server cannot agree to.
changes()
{
	answers_with 1400 1 1
	check "show servers: what the server answers with" wait_for 5 shown 1400 true true
	answers_with 1300 1 0
	check "it has changed: MSS and SACK are learned again" wait_for 5 shown 1300 true false
	answers_with 1250 0 0
	check "it has changed once more: timestamps are" wait_for 5 shown 1250 false false
	check "and a page" client curl -s -o /dev/null -m 5 "http://$URLHOST/"
}

in_use()
{
	check_equal "show: nothing is spliced" "" "$(box cookiebox show | grep '^spliced')"
	client curl -s -o /dev/null -m 5 "http://$URLHOST/"	# its SYN may pass, to learn
	check "show: what has ended is not there" wait_for 10 none_pinned
	(sleep 30) | client busybox nc "$SERVER" 80 >"$TMPDIR/nc" &
	connection=$!
	check "show: a connection is spliced" wait_for 10 spliced 1
	check_match "Prometheus: it is pinned" '^cookiebox_flow_cache_pinned 1$' \
		"$(box cookiebox stats --prometheus)"
	check_match "Prometheus: it does not wait" '^cookiebox_splice_waiting 0$' \
		"$(box cookiebox stats --prometheus)"
	verify many
	finding ok 'many: what 1 server answers with is known'
	verify ruled
	finding note 'ruled: a mark or a rule selects it, so its servers are not told apart'
	check_fails "a server of another service is not counted" grep -q 'ruled: what' "$TMPDIR/verify"
	box sysctl -qw net.cookiebox.splice_max=1
	verify web
	finding note '1 of 1 connections are spliced: raise net.cookiebox.splice_max'
	box cookiebox cache flush --pinned >"$TMPDIR/flush"
	kill $connection
}

plan
gateway
start_nginx
load_module
[ "$FAMILY" = 6 ] && FORWARDING=net.ipv6.conf.all.forwarding NET=fd02::/48 ||
	FORWARDING=net.ipv4.ip_forward NET=10.2.0.0/16
splice web 80
box cookiebox service add many addr "$NET" port 80-90 mode splice || die "service add"
box cookiebox service add ruled mode splice || die "service add"
healthy
no_forwarding
closed_port
in_use
observed
changes
finish
