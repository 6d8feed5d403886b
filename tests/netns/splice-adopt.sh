#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/6
# families: 4 6
# timeout: 240
#
# Connections that are older than a service with mode splice and `unknown drop` or `reset` go on, whoever
# speaks first; what has no connection, or other numbers than its server, does not, and new connections
# are spliced as ever. What a box spliced that has forgotten it is reset at both ends.
#
#   curl, socat, raw clients at c0 ── b0  box  b1 ── s0: nginx, socat; made-up servers behind it
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"
. "$(dirname "$0")/../lib/gateway.sh"

BYTES=2000000

# may_speak_first SECONDS: clients of older connections.
may_speak_first()
{
	box sysctl -qw "net.cookiebox.splice_adopt_seconds=$1"
}

# in_state STATE PORT: so many entries of the flow cache.
in_state()
{
	box cookiebox -j cache show port "$2" | jq --arg s "$1" '[.[] | select(.state == $s)] | length'
}

numbers()
{
	relay "numbers, " < <(box taskset -c 0 python3 -B "$TOP/tests/netns/splice-adopt.py" "$FAMILY" \
		"$SERVER_MAC" "$BOX_MAC" 2>&1)
}

# served UNKNOWN, or ARGUMENTS: the web server is behind the service from now on; only then.
served()
{
	[ $# -gt 1 ] || set -- unknown "$1"
	splice web 80 "$@"
}

# slowly: what begins now is under way for a quarter of a minute, unless quickly comes.
slowly()
{
	netem_path client delay 10ms rate 1mbit || die "no netem"
}

quickly()
{
	netem_path client delay 10ms rate 100mbit
}

start_download()
{
	rm -f "$TMPDIR/got"
	client curl -sS --fail --max-time 60 -o "$TMPDIR/got" "http://$URLHOST/big" &
	DOWN=$!
}

start_upload()
{
	rm -f "$TMPDIR/www/up/big"
	client curl -sS --fail --max-time 60 -T "$TMPDIR/www/big" "http://$URLHOST/up/big" >/dev/null &
	UP=$!
}

comes_down()
{
	wait_for 20 downloading || die "nothing comes down"
}

downloading()
{
	[ "$(stat -c %s "$TMPDIR/got")" -gt 100000 ]
}

comes_up()
{
	wait_for 20 compgen -G "$TMPDIR/nginx/0*" || die "nothing comes up"
}

download_is_whole()
{
	wait $DOWN
	check_equal "$1: the download ends well" 0 $?
	check "$1: what came down is whole" cmp "$TMPDIR/got" "$TMPDIR/www/big"
}

upload_is_whole()
{
	wait $UP
	check_equal "$1: the upload ends well" 0 $?
	check "$1: what came up is whole" cmp "$TMPDIR/www/up/big" "$TMPDIR/www/big"
}

# early UNKNOWN PORT: connections that idle, and such as are busy, while clients may speak first.
early()
{
	local before
	may_speak_first 60
	box cookiebox service del web 2>/dev/null
	held 3 "$2"
	slowly
	start_download
	start_upload
	comes_down
	comes_up
	served "$1"
	check "$1, early: the upload was under way" kill -0 $UP
	check "$1, early: so was the download" kill -0 $DOWN
	quickly
	download_is_whole "$1, early"
	upload_is_whole "$1, early"
	tell ask
	check_equal "$1, early: the clients speak first" "answered 3" "$LINE"
	check "$1, early: they are adopted" [ "$(in_state adopted 80)" -ge 3 ]
	may_speak_first 0
	tell ask
	check_equal "$1: and still are when it is late" "answered 3" "$LINE"
	before=$(stat_of spliced)
	check "$1: a new page" fetch
	check_equal "$1: that is spliced" 1 $(($(stat_of spliced) - before))
	let_go
}

# What the server sends tells of it then; an ACK of what had been on its way is lost.
late()
{
	may_speak_first 0
	box cookiebox service del web
	slowly
	start_download
	comes_down
	served drop
	check "drop, late: the download was under way" kill -0 $DOWN
	quickly
	download_is_whole "drop, late"
}

# talk: a connection to port 82 whose ends say what is written to the descriptors S and C.
talk()
{
	local name
	for name in s c; do
		rm -f "$TMPDIR/$name.in" "$TMPDIR/$name.out"
		busybox mkfifo "$TMPDIR/$name.in"
	done
	server socat - TCP6-LISTEN:82,ipv6only=0,reuseaddr <"$TMPDIR/s.in" >"$TMPDIR/s.out" 2>"$TMPDIR/s.err" &
	exec {S}>"$TMPDIR/s.in"
	wait_for 10 listening server 82 || die "nobody listens"
	client socat - "TCP:$URLHOST:82" <"$TMPDIR/c.in" >"$TMPDIR/c.out" 2>"$TMPDIR/c.err" &
	exec {C}>"$TMPDIR/c.in"
	wait_for 10 talking || die "no connection"
}

talking()
{
	[ -n "$(server ss -Htn state established 'sport = :82')" ]
}

silent()
{
	! talking
}

end_talk()
{
	exec {C}>&- {S}>&-
	wait_for 10 silent || note "the talk goes on"
	box cookiebox service del talk
}

# said s|c LINE: that end has read it.
said()
{
	grep -qx "$2" "$TMPDIR/$1.out"
}

# server_first UNKNOWN: at last.
server_first()
{
	box cookiebox cache flush >"$TMPDIR/flush"
	talk
	may_speak_first 0
	splice talk 82 unknown "$1"
	if [ "$1" = drop ]; then
		echo early >&$C
		pause 1
		check_fails "drop, late: silence for a client that speaks first" said s early
	fi
	echo hello >&$S
	check "$1, late: the server speaks first" wait_for 10 said c hello
	echo question >&$C
	check "$1, late: then so may the client" wait_for 10 said s question
	[ "$1" = reset ] || check "$1, late: what was dropped came again" said s early
	check_equal "$1, late: it is adopted" 1 "$(in_state adopted 82)"
	box cookiebox cache flush >"$TMPDIR/flush"
	check_equal "$1, late: flush forgets it" 0 "$(in_state adopted 82)"
	echo again >&$S
	check "$1, flushed: the server speaks first" wait_for 10 said c again
	echo answer >&$C
	check "$1, flushed: then so may the client" wait_for 10 said s answer
	end_talk
}

no_flows()
{
	[ "$(box cookiebox -j show | jq .status.flow_cache.pinned)" = 0 ]
}

# forgotten PORT ARGUMENTS: spliced, forgotten without a word to the ends, and met again by a box that
# knows nothing, with a service of these.
forgotten()
{
	local port=$1 how="forgotten, ${*:2}"
	shift
	box cookiebox service del web
	splice web 80
	held 3 "$port"
	box tc qdisc replace dev b0 root netem loss 100%
	box tc qdisc replace dev b1 root netem loss 100%
	box cookiebox cache flush --pinned >"$TMPDIR/flush"
	check "$how: no flow is left" wait_for 10 no_flows
	check "$how: the module goes" wait_for 10 unload_module
	box tc qdisc del dev b0 root
	box tc qdisc del dev b1 root
	check_equal "$how: the server has its connections" 3 \
		"$(server ss -Htn state established 'sport = :80' | wc -l)"
	load_module
	may_speak_first 2
	served "$@"
	both_told "$how"
	let_go
}

# both_told NAME: neither end is left half-open when the client speaks.
both_told()
{
	tell ask
	check_equal "$1: the clients get nothing" "answered 0" "$LINE"
	check "$1: the server is told" wait_for 10 none_at_server
	check_equal "$1: so are the clients" "" "$(client ss -Htn state established 'dport = :80')"
	check_equal "$1: none was adopted" 0 "$(in_state adopted 80)"
	grew "$1: counted" unknown_reset 0 3
	check "$1: a new page" fetch
}

none_at_server()
{
	[ -z "$(server ss -Htn state established 'sport = :80')" ]
}

plan
gateway
can_splice || skip_all "the stack has nothing like it"
start_nginx
head -c $BYTES /dev/urandom >"$TMPDIR/www/big"
numbers
early drop 33000
early reset 33100
late
client tc qdisc del dev c0 root && box tc qdisc del dev b0 root
server_first drop
server_first reset
forgotten 34000 unknown reset
forgotten 34100 invalid reset
finish
