#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug-long
# check: 6.12/6
# families: 4 6
# timeout: 240
#
# What a box remembers of the connections that it has spliced, and when that ends: clients that are there
# and never speak, flush and drain, services and module that go while connections are there, an end, a
# device or a namespace that is pulled away.
#
#   curl, wrk, raw clients at c0 ── b0  box  b1 ── s0: nginx; 10.4.0.9, fd04::9: nobody
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"
. "$(dirname "$0")/../lib/gateway.sh"

[ "$FAMILY" = 6 ] && NOBODY=fd04::9 || NOBODY=10.4.0.9
SILENT=$((${LONG:-0} ? 10000 : 3000))

# flows NAME: that number of the box' flow cache.
flows()
{
	box cookiebox -j show | jq "[.. | .$1? | numbers] | add // 0"
}

# open_flows: neither waiting nor closing.
open_flows()
{
	box cookiebox -j cache show | jq '[.. | objects | select(.state? == "open")] | length'
}

no_flows()
{
	[ "$(flows pinned)" = 0 ]
}

some_flows()
{
	! no_flows
}

at_most()
{
	[ "$(flows "$1")" -le "$2" ]
}

# sockets: how many connections nginx has.
sockets()
{
	server ss -Htn state established "sport = :80" | wc -l
}

# silent_clients COUNT: real ones, of ten networks, at a server that says nothing.
silent_clients()
{
	local net base
	for net in {1..10}; do
		base=10.1.$net.1
		[ "$FAMILY" = 4 ] || base=fd01:0:0:0:$net::1
		yes "do=open" | head -n $(($1 / 10)) |
			RAW_BASE=$base RAW_DEFAULTS="dst=$NOBODY dport=80 end=keep wait=2" raw -q -b 500 \
			>"$TMPDIR/silent"
	done
}

# They are kept apart from the others, and lock nobody out.
silence()
{
	local asked max
	max=$(box sysctl -n net.cookiebox.splice_waiting_max)
	box cookiebox service add nobody addr "$NOBODY" port 80 mode splice
	asked=$(stat_of syn_answered)
	silent_clients $SILENT &
	wait_for 60 grown_by syn_answered "$asked" $((SILENT / 2)) || die "the silent clients do not come"
	check "while they come: a page" fetch
	wait $!
	check "no more of them wait than may" at_most waiting "$max"
	check_equal "behind them: 20 of 20 pages" 20 "$(fetch_many 20)"
	check "none waits for ever" wait_for 90 at_most waiting 0
	box cookiebox service del nobody
}

grown_by()
{
	[ $(($(stat_of "$1") - $2)) -ge "$3" ]
}

# What is established outlives its service, and is not touched by a change of it.
service_goes()
{
	held 5 33000
	box cookiebox service set web engage off
	tell ask
	check_equal "service off: connections go on" "answered 5" "$LINE"
	box cookiebox service del web
	tell ask
	check_equal "service gone: connections go on" "answered 5" "$LINE"
	go spliced
	let_go
}

flushed()
{
	held 5 33100
	check_fails "the module stays while flows are pinned" unload_module
	check_equal "the flow cache has them" 5 "$(open_flows)"
	check "flush --pinned" box cookiebox cache flush --pinned
	tell ended 3
	check_equal "flushed: the clients are reset" "reset 5 closed 0" "$LINE"
	check_equal "flushed: so is the server" 0 "$(sockets)"
	check "flushed: no flow is left" wait_for 5 no_flows
	let_go
	check "flushed: the next one works" fetch
	box cookiebox cache flush --pinned >/dev/null
	check "then the module can go" wait_for 5 unload_module
	load_module
	go spliced
}

# Only those of one service; no new one is spliced, and the command ends with the last.
drained()
{
	local before drain
	held 5 33200
	box cookiebox service drain --now web >"$TMPDIR/drained" 2>&1 &
	drain=$!
	tell ended 10
	check_equal "drained: the clients are reset" "reset 5 closed 0" "$LINE"
	check_equal "drained: so is the server" 0 "$(sockets)"
	wait $drain
	check_equal "drain ends" 0 $?
	check_equal "and says that none is left" "0 left" "$(tail -n 1 "$TMPDIR/drained")"
	let_go
	before=$(stat_of spliced)
	check "drained: a page all the same" fetch
	check_equal "drained: not spliced" 0 $(($(stat_of spliced) - before))
	go spliced
}

# One end is gone: the other is told.
half_open()
{
	box sysctl -qw net.cookiebox.splice_idle_seconds=2 net.cookiebox.splice_probe_seconds=1 \
		net.cookiebox.splice_probes=2
	held 3 33300
	ip -n client link set c0 down
	check "the client is gone: the server is told" wait_for 20 test_sockets 0
	ip -n client link set c0 up
	ip -n client -b - <<-END
		addr replace fd00::1/64 dev c0 nodad
		route replace default via 10.0.0.2
		route replace default via fd00::2
	END
	let_go
	held 3 33400
	ip -n server link set s0 down
	tell ended 20
	check_equal "the server is gone: the clients are told" "reset 3 closed 0" "$LINE"
	ip -n server link set s0 up
	ip -n server -b - <<-END
		addr replace fd02::2/64 dev s0 nodad
		route replace default via 10.2.0.1
		route replace default via fd02::1
	END
	let_go
	box sysctl -qw net.cookiebox.splice_idle_seconds=1800
	check "both are back: a page" wait_for 10 fetch
	held 2 33500
	pause 3
	tell ask
	check_equal "an idle connection that is alive stays" "answered 2" "$LINE"
	let_go
}

test_sockets()
{
	[ "$(sockets)" = "$1" ]
}

start_load()
{
	client wrk -t 1 -c 10 -d "$1" --timeout 2 "http://$URLHOST/page" >/dev/null 2>&1 &
	LOAD=$!
}

# unloads: as soon as no flow is pinned; new ones may come before.
unloads()
{
	box cookiebox service del web 2>/dev/null
	box cookiebox cache flush --pinned >/dev/null
	unload_module
}

# Everything goes while segments are on their way.
under_traffic()
{
	start_load 60
	check "load comes" wait_for 20 some_flows
	check "unload under traffic" wait_for 20 unloads
	load_module
	go spliced
	check "after it: a page" wait_for 10 fetch
	box ip link del b1
	pause 0.5
	kill $LOAD
	add_link box b1 server s0 && gateway_addresses box b1 2 1 && gateway_addresses server s0 2 2 1
	check "a device that went: a page by the new one" wait_for 20 fetch
	start_load 60
	wait_for 20 some_flows
	ip netns del box
	kill $LOAD
	check "the namespace went under traffic: the module can go" wait_for 20 unload_module
}

plan
gateway
start_nginx
can_splice || { check "plain: a page" fetch; finish; }
go spliced
check "a page" fetch
silence
service_goes
flushed
drained
half_open
under_traffic
finish
