#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/demo/recovery.sh - the part of `make demo-recovery` that runs in the test guest.
#
# The scene is drawn in scene.sh; here the attacker has 200 real addresses, whose answers it reads.
# What it does to one defence is one measurement, with namespaces and a server of its own:
#   replay      first it makes RECORDED connections as anybody does, keeps the frames of each one's
#               SYN and ACK, and resets them. During the flood it sends those frames round and round.
#   connection  during the flood it makes connections, as many a second.
# Each connection's ACK carries the first byte of a request, and no more of it comes: nginx, which
# closes silent connections to make room for others, keeps those for its whole header timeout.
# Arguments: DEFENCE/FLOOD... Prints every measurement as one line "data {...}" and one KTAP
# result; tests/demo/recovery reads them.
set -u

# The kernel's cookies live one to two minutes. So do the module's here, or what was recorded would
# have expired before the flood is over. With tcp_syncookies=1 the attacker would have to fill the SYN
# queue before there is a cookie to record.
COOKIES=2 EPOCH=60
# Debian's nginx.conf has 768, too.
CONNECTIONS=768
. "$(dirname "$0")/scene.sh"

# Seconds; no cookie that was recorded is older than BEFORE + FLOOD and what recording takes.
BEFORE=6 FLOOD=20 AFTER=46
REQUEST_RATE=25 DEADLINE_MS=2000
RATE=400 RECORDED=1000

# attack OPTIONS...: the attacker's connections or frames.
attack()
{
	ip netns exec gw chrt -f 1 "$TOOLS/../rawtcp" -i gws -m $SERVER_MAC -s 198.18.0.1 -q "$@"
}

record()
{
	rm -f "$WORK/frames"
	yes "do=open" | head -n $RECORDED |
		attack -d "dst=$SERVER say=1 end=rst record=$WORK/frames" >"$WORK/recorded"
}

# flood_by replay|connection
flood_by()
{
	if [ "$1" = replay ]; then
		attack -S "$WORK/frames" -r $((2 * RATE)) -t $FLOOD
	else
		attack -d "dst=$SERVER say=1 end=keep wait=2" -r $RATE -t $FLOOD <<<"do=open"
	fi | tail -n 1
}

# measure DEFENCE FLOOD
measure()
{
	local sampler load before after

	start_server "$1" && first_page "$1" || return 1
	[ "$2" != replay ] || record || { tail -n 2 "$WORK/recorded" | sed 's/^/# /'; return 1; }
	before=$(module_says "$1" stats)
	ip netns exec srv "$TOOLS/sample" 1000 >"$WORK/sample" &
	sampler=$!
	fetch $REQUEST_RATE $((REQUEST_RATE * (BEFORE + FLOOD + AFTER))) $DEADLINE_MS >"$WORK/load" &
	load=$!
	sleep $BEFORE
	flood_by "$2" >"$WORK/flood"
	wait $load
	after=$(module_says "$1" stats)
	kill -TERM $sampler
	wait $sampler
	echo "data {\"defence\": \"$1\", \"flood\": \"$2\", \"rate\": $RATE, \"asked\": $REQUEST_RATE," \
		"\"load\": $(<"$WORK/load"), \"attack\": $(<"$WORK/flood")," \
		"\"peak\": $(<"$WORK/sample"), \"stats\": [$before, $after]}"
}

main()
{
	local defence flood number=0 word

	echo "1..$#"
	prepare "${*/\// }"
	for word; do
		defence=${word%/*} flood=${word#*/} number=$((number + 1))
		stage "$defence"
		measure "$defence" "$flood" && echo -n "ok" || echo -n "not ok"
		echo " $number - measured $defence under a $flood flood"
		stop_server
		strike
	done
}

main "$@"
