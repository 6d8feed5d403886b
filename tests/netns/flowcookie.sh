#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4
# families: 4 6
# timeout: 90
#
# A connection opened before a master change and steps of the wall clock by an hour carries a
# verifiable flow cookie later (seconds here, hours in flowcookie-hours.sh): each TSval is CLOCK_MONOTONIC + base + F(tuple), computed anew in tests/lib/flowcookie.py.
#
#   flowcookie.py client at c0 ──── veth ──── s0: flowcookie.py server, service echo
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

FLOWCOOKIE=$TOP/tests/lib/flowcookie.py
PAUSE=${PAUSE:-3}

start_pair()
{
	server python3 "$FLOWCOOKIE" server "$SERVER" &
	wait_for 20 listening server 7777 || die "the echo server does not listen"
	coproc CONNECTION { client python3 "$FLOWCOOKIE" client "$SERVER" c0; }
}

step_clock()
{
	date -s "@$(($(date +%s) + $1))" >/dev/null
}

# carries DESCRIPTION: the next segment's TSval is the flow cookie, to 100 ms.
carries()
{
	local report off

	echo >&"${CONNECTION[1]}"
	read -r -t 80 report <&"${CONNECTION[0]}" || report=none
	off=$("$FLOWCOOKIE" offset "$KEY" "$BASE" "$report" 2>&1)
	check "$1 (off by $off ms)" test "${off#-}" -le 100
}

later()
{
	sleep "$PAUSE"
}

plan
topology
load_module
server cookiebox service add echo port 7777 mode local || die "service add failed"
start_pair
secret=$(server cookiebox -j key show --secret)
KEY=$(jq -r '.flow[0].key' <<<"$secret") BASE=$(jq -r '.flow[0].base' <<<"$secret")
carries "a fresh connection carries its flow cookie"
wrong=$KEY KEY=$(tr 0-9a-f 1-9a-f0 <<<"$KEY")
echo >&"${CONNECTION[1]}"
read -r -t 80 report <&"${CONNECTION[0]}"
off=$("$FLOWCOOKIE" offset "$KEY" "$BASE" "$report")
check "and no other key explains it (off by $off ms)" test "${off#-}" -gt 100
KEY=$wrong

check "a new master, at once" server cookiebox key rotate --now
carries "after a new master"
step_clock 3600
later
carries "$PAUSE s after a step of +1 h"
step_clock -7200
later
carries "$PAUSE s after a step of -1 h beside the true time"
check "the pair is still accepted" test "$(server cookiebox -j key show --secret |
	jq --arg k "$KEY" '[.flow[] | select(.key == $k)] | length')" = 1
finish
