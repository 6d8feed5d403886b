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
finish
