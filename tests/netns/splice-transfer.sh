#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 400
#
# Honest programs through a box in front of a stock server: pages and uploads byte for byte, whatever
# the network cards leave to be done; loss and disorder, watched on both sides; wrk; a server that speaks
# first, and how long its first byte takes; the same port again at once.
#
#   curl, wrk, socat at c0 ── b0  box  b1 ── s0: nginx, socat
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

# 100 MB in the long tests.
BYTES=$(((${LONG:-0} ? 100 : 5) * 1000 * 1000))
SOURCE=$TMPDIR/www/big

download()
{
	client curl -sS --fail --max-time 150 "http://$URLHOST/big" | cmp - "$SOURCE"
}

upload()
{
	rm -f "$TMPDIR/www/up/big"
	client curl -sS --fail --max-time 150 -T "$SOURCE" "http://$URLHOST/up/big" >/dev/null &&
		cmp "$TMPDIR/www/up/big" "$SOURCE"
}

# offload WHERE STATE...: ethtool's words for both devices there.
offload()
{
	local where=$1
	shift
	case $where in
	ends) client ethtool -K c0 "$@" >/dev/null && server ethtool -K s0 "$@" >/dev/null ;;
	box) box ethtool -K b0 "$@" >/dev/null && box ethtool -K b1 "$@" >/dev/null ;;
	esac || die "no offload: $where $*"
}

both_ways()
{
	check "$1: a download" download
	check "$1: an upload" upload
}

# sent_by DEVICE: how many pieces, of whatever size, the box has sent there.
sent_by()
{
	ip -n box -s -j link show "$1" | jq '.[0].stats64.tx.packets'
}

# in_pieces NAME single|large: both ways; what is large goes on as it came.
in_pieces()
{
	local down up few=$((BYTES / 1448 / 4))
	down=$(sent_by b0) up=$(sent_by b1)
	both_ways "$1"
	down=$(($(sent_by b0) - down)) up=$(($(sent_by b1) - up))
	note "$1: pieces down $down, up $up"
	if [ "$2" = large ]; then
		check "$1: large ones pass as such" test $down -lt $few -a $up -lt $few
	else
		check "$1: each segment by itself" test $down -gt $((4 * few)) -a $up -gt $((4 * few))
	fi
}

# A real wire's segments; what ends leave to their cards, in segments of any size; the box merges, too.
offloads()
{
	in_pieces "$1, no offload" single
	offload ends tx on tso on gso on
	both_ways "$1, ends offload"
	offload box gro on
	offload ends tx off tso off gso on
	both_ways "$1, the box merges"
	offload ends tx on tso on
	both_ways "$1, ends offload, the box merges"
	offload box tx on tso on gso on
	in_pieces "$1, all offload" large
	offload box gro off tx off
	offload ends tx off
}

# Loss and disorder between client and box, with both sides watched.
rough()
{
	local line
	head -c 1000000 "$SOURCE" >"$TMPDIR/www/little"
	netem_path client delay 10ms 2ms loss 1.5% reorder 97% || die "no netem"
	{ coproc PAIRS { box python3 -B "$TOP/tests/lib/pairs.py" "$FAMILY" "$1"; }; } 2>/dev/null
	PAIRS_IN=${PAIRS[1]} PAIRS_OUT=${PAIRS[0]}
	read -r -t 30 line <&"$PAIRS_OUT" || die "nobody listens"
	check "$1, loss and disorder: a download" fetch_little
	check "$1, loss and disorder: an upload" put_little
	netem_path client delay 0ms
	exec {PAIRS_IN}>&-
	while read -r -t 60 line <&"$PAIRS_OUT"; do
		case $line in
		"ok "*) ok "${line#ok * - }" ;;
		"not ok "*) not_ok "${line#not ok * - }" ;;
		*) echo "$line" ;;
		esac
	done
}

fetch_little()
{
	client curl -sS --fail --max-time 60 "http://$URLHOST/little" | cmp - "$TMPDIR/www/little"
}

put_little()
{
	client curl -sS --fail --max-time 60 -T "$TMPDIR/www/little" "http://$URLHOST/up/little" \
		>/dev/null && cmp "$TMPDIR/www/up/little" "$TMPDIR/www/little"
}

# No request fails, over connections that stay and over one for each.
many()
{
	local said
	said=$(client wrk -t 1 -c 20 -d 3 --timeout 10 "http://$URLHOST/page")
	check_match "$1: wrk is served" 'requests in' "$said"
	check_equal "$1: wrk sees no error" "" "$(grep -E 'Socket errors|Non-2xx' <<<"$said")"
	said=$(client wrk -t 1 -c 5 -d 3 --timeout 10 -H 'Connection: close' "http://$URLHOST/page")
	check_equal "$1: wrk, each over a connection of its own, sees no error" "" \
		"$(grep -E 'Non-2xx|timeout [1-9]|connect [1-9]' <<<"$said")"
}

# first_byte PORT [REQUEST]
first_byte()
{
	client python3 -B "$TOP/tests/lib/firstbyte.py" "$SERVER" "$1" 3 "${@:2}"
}

# Not later than directly, and the round trip between box and server.
promptness()
{
	local banner page

	if [ "$1" != plain ] && [ -z "$DIRECT_PAGE" ]; then
		go plain
		box cookiebox service del mail
		promptness plain
		go "$1"
		splice mail 25
	fi
	path_delay client 60
	path_delay server 100
	banner=$(first_byte 25) page=$(first_byte 80 "GET /page HTTP/1.0")
	note "$1: first byte of a banner after $banner ms, of a page after $page ms"
	path_delay client 0
	path_delay server 0
	[ "$1" = plain ] && { DIRECT_BANNER=$banner DIRECT_PAGE=$page; return; }
	check "$1: the banner's first byte in time" test "$banner" -le $((DIRECT_BANNER + 100 + 30))
	check "$1: the page's first byte in time" test "$page" -le $((DIRECT_PAGE + 100 + 30))
}

again()
{
	check_equal "$1: the same port again at once, 100 times" 100 "$(client python3 -B \
		"$TOP/tests/lib/reconnect.py" "$SERVER" 31000 100 | tail -n 1)"
	check_equal "$1: the same port again behind a reset, 100 times" 100 "$(client python3 -B \
		"$TOP/tests/lib/reconnect.py" "$SERVER" 31001 100 reset | tail -n 1)"
}

plan
gateway
start_nginx
head -c "$BYTES" /dev/urandom >"$SOURCE"
server socat "TCP$FAMILY-LISTEN:25,fork,reuseaddr" "SYSTEM:echo 220 welcome" &
wait_for 10 listening server 25 || die "no server that speaks first"
for way in $(ways); do
	go "$way"
	[ "$way" = plain ] || splice mail 25
	before=$(stat_of spliced)
	offloads "$way"
	rough "$way"
	many "$way"
	promptness "$way"
	again "$way"
	[ "$way" = plain ] || grew "the box spliced them" spliced "$before" 200
done
finish
