#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug uml-time
# check: uml-time/4
# families: 4 6
# timeout: 200
#
# Engagement `auto` on a gateway: in calm everything passes, and the box counts what its server has
# half-open, as the server itself does; a flood engages it before the server's backlog is full, nobody
# loses a connection by that or by the release, and what happened is told.
#
#   curl, floods at c0 ──── b0  box  b1 ──── s0: nginx, without cookies
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"
. "$(dirname "$0")/../lib/gateway.sh"

ABANDONED=1200

# server_half_open: what the server's listener has.
server_half_open()
{
	server ss -Htn state syn-recv | wc -l
}

# of_service NAME: that member of the service.
of_service()
{
	box cookiebox -j service show web | jq ".[0].$1"
}

# between LEAST MOST GOT: within a tenth of what lies between.
between()
{
	note "the server has $1 and had $2, the box counts $3"
	[ $((10 * $3)) -ge $((9 * $1)) ] && [ $((10 * $3)) -le $((11 * $2)) ]
}

# near WANT GOT: within a tenth.
near()
{
	between "$1" "$1" "$2"
}

is()
{
	[ "$(of_service "$1")" = "$2" ]
}

settled()
{
	[ "$(of_service half_open)" -le "$1" ] && [ "$(server_half_open)" -le "$1" ]
}

# Completed, abandoned, and half of all segments twice.
counted()
{
	local pages truth
	box sysctl -qw net.cookiebox.splice_backlog=16777216
	go spliced engage auto
	check "calm: a page" fetch
	check_equal "calm: none is half-open" 0 "$(of_service half_open)"
	client tc qdisc replace dev c0 root netem duplicate 50%
	yes "do=syn wait=0" | head -n $ABANDONED |
		RAW_DEFAULTS="dport=80 end=keep" raw -q -b 100 >"$TMPDIR/sent" &
	pages=$(fetch_many 200)
	wait $!
	client tc qdisc del dev c0 root
	check_equal "calm: 200 of 200 pages beside those that are abandoned" 200 "$pages"
	truth=$(server_half_open)
	check "the server has them all" [ "$truth" -ge $((ABANDONED * 99 / 100)) ]
	check "half-open, within a tenth of the truth" near "$truth" "$(of_service half_open)"
	check_equal "ACKs that complete nothing" 100 "$(box python3 -B "$TOP/tests/netns/splice-auto.py" \
		"$FAMILY" "$SERVER_MAC" "$SERVER" 100)"
	# The server may have begun to forget; the box does so a little later.
	check "they take nothing out" between "$(server_half_open)" "$truth" "$(of_service half_open)"
	check_equal "calm: nothing is answered" 0 "$(stat_of syn_answered)"
	check_equal "calm: nothing is spliced" 0 "$(stat_of spliced)"
	check_equal "calm: not engaged" false "$(of_service engaged)"
	check "what is forgotten by the server is by the box" wait_for 60 settled 0
}

# Everything passes, and what `auto` would have done is told: at 64 half-open of 128.
observed()
{
	local i
	box sysctl -qw net.cookiebox.splice_backlog=128
	box cookiebox service set web engage observe
	check_equal "observe: nothing yet" "0 0" "$(of_service would_engage) $(of_service half_open_most)"
	flood 500 4 50 >/dev/null
	check_equal "observe: 50 half-open would not have engaged" 0 "$(of_service would_engage)"
	check "observe: and are told" near 50 "$(of_service half_open_most)"
	check "observe: in words" grep -q "^observed: web would not have engaged by itself; at most [45][0-9] half" \
		<(box cookiebox service show web)
	flood 500 4 30 >/dev/null
	check_equal "observe: 80 would have" 1 "$(of_service would_engage)"
	check "observe: half-open, within a tenth of the truth" near "$(server_half_open)" \
		"$(of_service half_open)"
	for i in 1 2 3; do			# longer than hold, and of one burst
		pause 1
		flood 500 4 3 >/dev/null
	done
	check_equal "observe: it would still last" 1 "$(of_service would_engage)"
	pause 4
	flood 500 4 3 >/dev/null
	check_equal "observe: what is left over does not count again" 1 "$(of_service would_engage)"
	check "observe: a page" fetch
	check_equal "observe: nothing is answered" 0 "$(stat_of syn_answered)"
	check "observe: what is forgotten by the server is by the box" wait_for 60 settled 0
	flood 500 4 110 >/dev/null
	check_equal "observe: it would have begun anew" 2 "$(of_service would_engage)"
	check "observe: in words" grep -q "^observed: web would have engaged by itself 2 times; at most 1[0-9][0-9] half" \
		<(box cookiebox show)
	check "observe: settled" wait_for 60 settled 0
	box cookiebox service set web mark 5
	check_equal "observe, by mark: not told" "null null" \
		"$(of_service would_engage) $(of_service half_open)"
	box cookiebox service set web mark none
	box cookiebox service set web engage auto
	check_equal "auto: it is done, not told" null "$(of_service would_engage)"
	box cookiebox service set web engage observe
	check_equal "observe again: anew" 0 "$(of_service would_engage)"
	box cookiebox service set web engage auto
}

# visits FILE: one page after another, 100 ms away, until the file is there; how many came, and did not.
visits()
{
	local came=0 lost=0
	until [ -e "$1" ]; do
		if fetch 2>>"$TMPDIR/lost"; then came=$((came + 1)); else lost=$((lost + 1)); fi
	done
	echo "$came $lost"
}

# again: a page from one port.
again()
{
	client python3 -B "$TOP/tests/lib/reconnect.py" "$SERVER" 31500 1 | tail -n 1
}

attacked()
{
	local visitor most=0 now came lost
	box sysctl -qw net.cookiebox.splice_backlog=128
	path_delay client 100
	visits "$TMPDIR/enough" >"$TMPDIR/visits" &
	visitor=$!
	held 5 33000
	start_flood 1000 6
	check "the flood engages it" wait_for 5 is engaged true
	check_equal "in the flood: a page" 1 "$(again)"
	while flooding; do
		now=$(server_half_open)
		[ "$now" -le $most ] || most=$now
		pause 0.05
	done
	stop_flood
	note "the server had $most half-open at most"
	check "engaged before a backlog of 128 is full" [ $most -lt 128 ]
	check "but not as soon as there was anything" [ $most -ge 16 ]
	check "the flood was answered with cookies" [ "$(stat_of syn_answered)" -ge 500 ]
	tell ask
	check_equal "connections of before go on" "answered 5" "$LINE"
	check "when it is over it is released" wait_for 30 is engaged false
	check_equal "calm: at once from the port of a spliced connection" 1 "$(again)"
	touch "$TMPDIR/enough"
	wait $visitor
	read -r came lost <"$TMPDIR/visits"
	check "a page after another, before, between and after: $came came, none is lost" [ "$lost" = 0 ]
	check "and there were many" [ "$came" -ge 8 ]
	check "of them some were spliced" [ "$(stat_of spliced)" -ge 1 ]
	tell ask
	check_equal "and still do" "answered 5" "$LINE"
	let_go
	box cookiebox -j show attacks >"$TMPDIR/attacks"
	check "the attack is remembered" grep -q '"web"' "$TMPDIR/attacks"
}

refusals()
{
	check_fails "not with a mark" box cookiebox service add m mark 7 mode splice engage auto
	check_fails "nor beside unknown drop" box cookiebox service set web unknown drop
	check_fails "nor beside invalid reset" box cookiebox service set web invalid reset
	check_equal "and nothing has changed" '"pass"' "$(of_service unknown)"
}

plan
gateway
can_splice || skip_all "the stack has nothing like it"
ip -n box route replace default via 10.0.0.1
ip -n box route replace default via fd00::1
server sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096 net.ipv4.tcp_syncookies=0
box sysctl -qw net.ipv4.tcp_synack_retries=3 net.cookiebox.auto_hold_seconds=2
server sysctl -qw net.ipv4.tcp_synack_retries=3
start_nginx
counted
observed
attacked
refusals
finish
