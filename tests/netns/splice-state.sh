#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast uml-debug-long
# check: uml-fast/6
# families: 4 6
# timeout: 300
#
# What a box remembers of the connections that it has spliced, what bounds that, and when it ends: clients
# that are there and never speak, each limit on its own, flush and drain, services and module that go while
# connections are there, an end, a device or a namespace that is pulled away.
#
#   curl, wrk, raw clients at c0 ── b0  box  b1 ── s0: nginx; 10.4.0.0/24, fd04::/120: nobody
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"
. "$(dirname "$0")/../lib/gateway.sh"

[ "$FAMILY" = 6 ] && NOBODY=fd04:: || NOBODY=10.4.0.
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

# limit NAME=VALUE...
limit()
{
	box sysctl -qw "${@/#/net.cookiebox.splice_}" || die "no such limit"
}

# network N: a source prefix of its own (/24, /64), up to the host.
network()
{
	[ "$FAMILY" = 4 ] && echo "10.1.$1." || echo "fd01:0:0:$1::"
}

# nobody_there: servers that say nothing.
nobody_there()
{
	local nets=${NOBODY}0/24
	[ "$FAMILY" = 4 ] || nets=${NOBODY}/120
	box ip "-$FAMILY" route replace "$([ "$FAMILY" = 4 ] && echo 10.1.0.0/16 || echo fd01::/48)" via "$CLIENT"
	box cookiebox service add nobody addr "$nets" port 80 mode splice || die "service add"
}

forget_nobody()
{
	box cookiebox cache flush --pinned service nobody >/dev/null
	wait_for 5 at_most waiting 0 || die "somebody waits"
}

# silent_from NETWORK COUNT SERVER [DESCRIPTION]: real clients, at one of them.
silent_from()
{
	yes "${4:-do=open}" | head -n "$2" | RAW_BASE=$(network "$1")1 \
		RAW_DEFAULTS="dst=$NOBODY$3 dport=80 end=keep wait=3" raw -q -b 500 >"$TMPDIR/silent"
}

# silent_clients COUNT: of ten networks.
silent_clients()
{
	local net
	for net in {1..10}; do
		silent_from "$net" $(($1 / 10)) 9
	done
}

# They are kept apart from the others, lock nobody out, and are given up after a while.
silence()
{
	local asked silent waited began
	nobody_there
	asked=$(stat_of syn_answered) silent=$(stat_of server_silent) began=$SECONDS
	silent_clients $SILENT &
	wait_for 60 grown_by syn_answered "$asked" $((SILENT / 2)) || die "the silent clients do not come"
	check "while they come: a page" fetch
	wait $!
	waited=$(flows waiting)
	check "no more of them wait than may for one server" \
		test "$waited" -le "$(box sysctl -n net.cookiebox.splice_server_max)"
	check_equal "behind them: 20 of 20 pages" 20 "$(fetch_many 20)"
	check "none waits for ever" wait_for 90 at_most waiting 0
	check "but half a minute" test $((SECONDS - began)) -ge 31
	check "each was given up by itself" grown_by server_silent "$silent" "$waited"
	check_equal "none gave way" 0 "$(stat_of splice_evicted)"
	box cookiebox service del nobody
}

# waiting_from NETWORK
waiting_from()
{
	box cookiebox -j cache show src "$(network "$1")0/$PREFIX" |
		jq '[.[] | select(.state == "waiting")] | length'
}

# goes_on WHAT: connections that are open are never given up for others, and new ones come.
goes_on()
{
	tell ask
	check_equal "$1: open connections go on" "answered 3" "$LINE"
	check_equal "$1: 5 of 5 pages" 5 "$(fetch_many 5)"
}

# Flows that wait: of one server, of one prefix, of all.
waiting_limits()
{
	local capped evicted
	capped=$(stat_of splice_cap) evicted=$(stat_of splice_evicted)
	limit server_max=10
	silent_from 1 8 1
	silent_from 2 8 1
	check_equal "splice_server_max: so many wait for a server" 10 "$(flows waiting)"
	check "splice_server_max: the others are counted" grown_by splice_cap "$capped" 6
	silent_from 1 8 2
	check_equal "splice_server_max: another has room" 18 "$(flows waiting)"
	goes_on splice_server_max
	forget_nobody

	capped=$(stat_of splice_cap)
	limit server_max=2048 prefix_max=5
	silent_from 1 8 3
	check_equal "splice_prefix_max: so many of a prefix" 5 "$(flows waiting)"
	check "splice_prefix_max: the others are counted" grown_by splice_cap "$capped" 3
	silent_from 2 8 3
	check_equal "splice_prefix_max: and of the next" "5 5" "$(waiting_from 1) $(waiting_from 2)"
	goes_on splice_prefix_max
	check_equal "neither sacrifices what waits" "$evicted" "$(stat_of splice_evicted)"
	forget_nobody

	limit prefix_max=256 waiting_max=15
	silent_from 1 10 4
	silent_from 2 10 4
	silent_from 3 10 4
	check_equal "splice_waiting_max: so many wait, and the oldest gave way" "0 5 10" \
		"$(waiting_from 1) $(waiting_from 2) $(waiting_from 3)"
	check_equal "splice_waiting_max: they are counted" $((evicted + 15)) "$(stat_of splice_evicted)"
	goes_on splice_waiting_max
	limit waiting_max=4096
	forget_nobody
}

# All flows: what is closing gives way, what is open does not, and who comes in vain comes again.
full()
{
	local full curl
	wait_for 10 at_most pinned 3 || die "none is gone"
	full=$(stat_of splice_full)
	limit max=3
	client curl -sS --fail --max-time 20 -o /dev/null "http://$URLHOST/page" &
	curl=$!
	check "splice_max: one too many is counted" wait_for 10 grown_by splice_full "$full" 1
	tell ask
	check_equal "splice_max: open connections go on" "answered 3" "$LINE"
	check_equal "splice_max: there are no more" 3 "$(flows pinned)"
	limit max=4
	wait $curl
	check_equal "splice_max: whoever came in vain is served when there is room" 0 $?
	goes_on "splice_max, one may come"
	check "splice_max: one that closes gives way" at_most pinned 4
	limit max=65536
}

# What clients say before their server has answered: a little of it is kept.
early()
{
	local held dropped
	path_delay server 200
	held=$(stat_of held) dropped=$(stat_of held_full)
	check "early: a page" fetch
	check "early: its request is held" grown_by held "$held" 1
	check_equal "early: and not dropped" "$dropped" "$(stat_of held_full)"
	limit held_bytes=0
	held=$(stat_of held)
	check "splice_held_bytes 0: a page" fetch
	check "splice_held_bytes 0: its request came again" grown_by held_full "$dropped" 1
	check_equal "splice_held_bytes 0: nothing is held" "$held" "$(stat_of held)"
	server tc qdisc del dev s0 root
	box tc qdisc del dev b1 root

	limit held_bytes=4096
	dropped=$(stat_of held_full)
	silent_from 1 10 5 do=get
	check "splice_held_bytes: some requests are held" grown_by held "$held" 1
	check_fails "splice_held_bytes: not all" grown_by held "$held" 9
	check "splice_held_bytes: the others are dropped" grown_by held_full "$dropped" 2
	forget_nobody
	held=$(stat_of held)
	silent_from 1 1 6 do=get
	check "splice_held_bytes: there is room again" grown_by held "$held" 1
	limit held_bytes=4194304
	forget_nobody
}

limits()
{
	box cookiebox cache flush --pinned >/dev/null
	limit linger_seconds=1
	nobody_there
	held 3 33600
	waiting_limits
	full
	early
	box cookiebox service del nobody
	let_go
	limit linger_seconds=60
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
	check_match "the module stays while flows are pinned" 'cookiebox.* in use' "$(unload_module 2>&1)"
	check_equal "and says how many" "$(flows pinned)" "$(lsmod | awk '$1 == "cookiebox" { print $3 }')"
	check_equal "the flow cache has them" 5 "$(open_flows)"
	check "flush --pinned" box cookiebox cache flush --pinned
	tell ended 1
	check_equal "flushed: the clients are reset within a second" "reset 5 closed 0" "$LINE"
	check_equal "flushed: so is the server" 0 "$(sockets)"
	check "flushed: no flow is left" wait_for 3 no_flows
	let_go
	check "flushed: the next one works" fetch
	box cookiebox cache flush --pinned >/dev/null
	check "then the module can go" wait_for 5 unload_module
	load_module
	go spliced
}

# Without --now they are waited for.
drained_slowly()
{
	local drain
	limit linger_seconds=1
	held 3 33150
	box cookiebox service drain web >"$TMPDIR/drained" 2>&1 &
	drain=$!
	check "drain: how many are left" wait_for 10 grep -q '^[34] left' "$TMPDIR/drained"
	tell ask
	check_equal "drain: connections go on" "answered 3" "$LINE"
	check "drain: it waits" kill -0 $drain
	let_go
	wait $drain
	check_equal "drain: it ends with the last" "0 0 left" "$? $(tail -n 1 "$TMPDIR/drained")"
	limit linger_seconds=60
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

# pull NAMESPACE DEVICE: all at once, with whatever runs in it; nothing of it gets out. Sockets that nobody has
# any more hold it for a moment.
pull()
{
	in_ns "$1" tc qdisc replace dev "$2" root netem loss 100%
	in_ns "$1" sysctl -qw net.ipv4.tcp_orphan_retries=1
	ip netns pids "$1" | xargs -r kill -9
	ip netns del "$1"
	check "the namespace $1 goes, with the box' device" wait_for 10 no_device "$1"
}

no_device()
{
	! box ip link show dev "$1" >/dev/null 2>&1
}

# behind_box NAMESPACE NETWORK: another link of the box; the address is in PULLED, in URLs in URLPULLED.
behind_box()
{
	add_ns "$1" && add_link box "$1" "$1" p0 && gateway_addresses box "$1" "$2" 1 &&
		gateway_addresses "$1" p0 "$2" 2 1 || die "no namespace more"
	PULLED=10.$2.0.2 URLPULLED=10.$2.0.2
	[ "$FAMILY" = 4 ] || PULLED=fd0$2::2 URLPULLED="[fd0$2::2]"
}

# echoes: begins a connection, ECHO, to a server there, which says again what it is told.
echoes()
{
	[ -p "$TMPDIR/ask" ] || busybox mkfifo "$TMPDIR/ask" || die "no pipe"
	exec {ASK}<>"$TMPDIR/ask"			# it does not end
	rm -f "$TMPDIR/echo"
	(exec "$INNS" client socat -d -t 1 - "TCP$FAMILY:$URLPULLED:80" <"$TMPDIR/ask" >"$TMPDIR/echo" 2>"$TMPDIR/why") &
	ECHO=$!
	echo hello >&"$ASK"
	wait_for 10 grep -q hello "$TMPDIR/echo"
}

not_running()
{
	! kill -0 "$1" 2>/dev/null
}

# nobody_of ADDRESS: the server has no connection of that client.
nobody_of()
{
	[ -z "$(server ss -Htn state established "dst = $1")" ]
}

# The whole namespace of an end goes, and with it its link and the box' route.
pulled()
{
	local spliced
	limit idle_seconds=2 probe_seconds=1 probes=2
	behind_box guest 7
	HELD_FROM=guest held 3 33700
	pull guest p0
	check "the client's namespace is gone: the server is told" wait_for 20 nobody_of "$PULLED"
	behind_box vault 8
	in_ns vault socat "TCP$FAMILY-LISTEN:80,fork,reuseaddr" EXEC:cat &
	wait_for 20 listening vault 80 || die "nobody listens there"
	box cookiebox service add vault addr "$PULLED" port 80 mode splice || die "service add"
	spliced=$(stat_of spliced)
	echoes || die "no echo"		# the box may learn from it
	kill $ECHO; wait $ECHO
	echoes || die "no second echo"
	check "a server in a namespace of its own: spliced" test "$(stat_of spliced)" -gt "$spliced"
	pull vault p0
	check "the server's namespace is gone: the client is told" wait_for 20 not_running $ECHO
	check_match "by a RST" "reset by peer" "$(<"$TMPDIR/why")"
	box cookiebox service del vault
	box sysctl -qw net.cookiebox.splice_idle_seconds=1800
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
limits
service_goes
flushed
drained_slowly
drained
half_open
pulled
under_traffic
finish
