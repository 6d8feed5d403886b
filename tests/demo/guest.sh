#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/demo/guest.sh - the part of `make demo` and `make demo-gateway` that runs in the test guest.
#
# The scene is drawn in scene.sh; the attacker floods with SYNs from made-up addresses.
# The namespaces are made anew for every defence. Every measurement has a new
# nginx: what was half-open at the old one is gone with its listener.
# Arguments: DEFENCE RATE... [/ DEFENCE RATE...]..., the rates of the flood in SYNs a second.
# Prints every measurement as one line "data {...}" and one KTAP result; tests/demo/run reads them.
set -u

. "$(dirname "$0")/scene.sh"

REQUESTS=400 REQUEST_RATE=100 DEADLINE_MS=5000
# A half-open connection lives 63 s with Debian's five retransmissions: below this rate the queue
# needs that long to show what it comes to, above it fills within two seconds.
# A closed listener's half-open connections go when their timers fire, 32 s later at most.
SLOW_RATE=500 SLOW_WARM_UP=66 WARM_UP=2 SETTLE=33

# Time since boot in hundredths of a second: all, and idle (which Linux measures, not samples).
cpu_times()
{
	local -a t

	read -r -a t </proc/stat
	echo "$((t[1] + t[2] + t[3] + t[4] + t[5] + t[6] + t[7] + t[8])), $((t[4] + t[5]))"
}

answers()
{
	ip netns exec gw nft list counter netdev demo answers |
		while read -r word count _; do [ "$word" != packets ] || echo "$count"; done
}

start_flood()
{
	local warm_up=$WARM_UP

	[ "$1" -gt 0 ] || return
	[ "$1" -ge $SLOW_RATE ] || warm_up=$SLOW_WARM_UP
	ip netns exec gw chrt -f 1 "$TOOLS/../synflood" gws $FLOOD_MAC $SERVER $PORT "$1" \
		$((warm_up + REQUESTS / REQUEST_RATE + 10)) >"$WORK/flood" &
	flood=$!
	sleep $warm_up
}

stop_flood()
{
	[ "$1" -gt 0 ] || { echo '{"sent": 0, "seconds": 0}' >"$WORK/flood"; return; }
	kill -TERM "$flood"
	wait "$flood"
}

# measure DEFENCE RATE: one point of the figure.
measure()
{
	local sampler before after answered shows_before shows_after period=1000

	[ "$2" = 0 ] || [ "$2" -ge $SLOW_RATE ] || period=4000
	start_server "$1" || return 1
	[ "$2" != 0 ] || first_page "$1" || return 1
	answered=$(answers)
	shows_before=$(module_says "$1" show)
	ip netns exec srv "$TOOLS/sample" $period "$GUARD" >"$WORK/sample" &
	sampler=$!
	start_flood "$2"
	before=$(cpu_times)
	fetch $REQUEST_RATE $REQUESTS $DEADLINE_MS >"$WORK/load"
	after=$(cpu_times)
	shows_after=$(module_says "$1" show)
	stop_flood "$2"
	kill -TERM $sampler
	wait $sampler
	echo "data {\"defence\": \"$1\", \"rate\": $2, \"load\": $(<"$WORK/load")," \
		"\"flood\": $(<"$WORK/flood"), \"peak\": $(<"$WORK/sample")," \
		"\"answers\": $(($(answers) - answered)), \"cpu\": [$before, $after]," \
		"\"show\": [$shows_before, $shows_after]}"
}

# round DEFENCE RATE...
round()
{
	local rate defence=$1

	shift
	stage "$defence"
	for rate; do
		number=$((number + 1))
		measure "$defence" "$rate" && echo -n "ok" || echo -n "not ok"
		echo " $number - measured $defence at $rate SYN/s"
		stop_server
		[ "$rate" = 0 ] || sleep $SETTLE
	done
	strike
}

main()
{
	local -a words=()
	local word

	number=0
	echo "1..$(($(wc -w <<<"$*") - 2 * $(tr -cd / <<<"$*" | wc -c) - 1))"
	prepare "$*"
	for word in "$@" /; do
		[ "$word" = / ] || { words+=("$word"); continue; }
		round "${words[@]}"
		words=()
	done
}

main "$@"
