#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/-
# timeout: 300
#
# Load and unload, namespaces made and deleted, services changed: 25 times each (100 times in
# churn-long.sh), while a flood and honest load of both families are under way. Established
# connections live on; the guest fails the script if the kernel warns, and on User-Mode Linux
# KASAN, lockdep and kmemleak watch.
#
#   synflood, visit, keepalive at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

TIMES=${TIMES:-25} EARLIER=10 RATE=500
BRIEF=02:00:00:00:00:b0

# Honest load: one new connection after another, whatever becomes of it.
load()
{
	{ coproc LOAD {
		client python3 -B "$TOP/tests/lib/visit.py" 0 0.1 1 10.0.0.2 fd00::2
	}; } 2>/dev/null
	LOAD_IN=${LOAD[1]} LOAD_OUT=${LOAD[0]}
}

stop_load()
{
	exec {LOAD_IN}>&-
	read -r -t 20 came failed <&"$LOAD_OUT"
	note "${came:-no} pages came meanwhile, ${failed:-none} did not"
	check "honest load was served meanwhile" [ "${came:-0}" -gt 0 ]
}

# flood_both: both families, RATE each, until stop_both.
flood_both()
{
	FLOOD_PIDS=()
	for SERVER in 10.0.0.2 fd00::2; do
		start_flood $RATE $((15 * TIMES))
		FLOOD_PIDS+=("$FLOOD_PID")
	done
}

stop_both()
{
	kill "${FLOOD_PIDS[@]}"
	wait "${FLOOD_PIDS[@]}"
}

flooding_both()
{
	kill -0 "${FLOOD_PIDS[0]}" && kill -0 "${FLOOD_PIDS[1]}"
}

fetch_both()
{
	client curl -sS --fail --max-time 20 -o /dev/null http://10.0.0.2/page &&
		client curl -sS --fail --max-time 20 -o /dev/null "http://[fd00::2]/page"
}

# The connections of both families that were opened first serve another page.
still_there()
{
	local alive4 alive6

	echo again >&"${EARLIER4[1]}"
	echo again >&"${EARLIER6[1]}"
	read -r -t 60 alive4 <&"${EARLIER4[0]}"
	read -r -t 60 alive6 <&"${EARLIER6[0]}"
	check_equal "$1" "$EARLIER $EARLIER" "$alive4 $alive6"
}

# Each of these does its work TIMES times in one shell inside the server's namespace (entering a
# namespace anew for each command would take most of the time) and prints how often it went well.
reload_all()
{
	server bash -c 'for ((i = n = 0; i < '$TIMES'; i++)); do
		rmmod cookiebox && insmod "$MODULE" &&
			cookiebox service add web port 80 mode local && n=$((n + 1))
	done; echo $n'
}

change_all()
{
	server bash -c 'for ((i = n = 0; i < '$TIMES'; i++)); do
		reply=reflect
		[ $((i % 2)) = 0 ] || reply=route
		cookiebox service set web reply $reply &&
			cookiebox service add other$i port $((1000 + i)) mode local engage observe &&
			{ [ $i = 0 ] || cookiebox service del other$((i - 1)); } &&
			{ [ $((i % 5)) != 0 ] || cookiebox key rotate; } && n=$((n + 1))
	done; cookiebox service del other'$((TIMES - 1))'; echo $n'
}

# Namespaces with a service of their own, deleted with everything still in them, a flood included.
# A deleted one goes a while later, its devices with it: hence a new name each time.
namespace_all()
{
	client bash -c 'for ((i = n = 0; i < '$TIMES'; i++)); do
		printf "%s\n" "netns add brief" "link add b0 netns brief up address '$BRIEF' type veth peer name b$i" \
			"link set b$i up" | ip -b - && '"$INNS"' brief cookiebox service add web port 80 mode local &&
			timeout 20 '"$SYNFLOOD"' b$i '$BRIEF' 10.0.0.9 80 0 0.02 >/dev/null && n=$((n + 1))
		ip netns del brief
	done; echo $n'
}

under_load()
{
	local what=$1 started=$SECONDS

	flood_both
	load
	check_equal "$2: $TIMES times" $TIMES "$("$what" 2>"$TMPDIR/log")"
	[ ! -s "$TMPDIR/log" ] || note "$(tail -n 3 "$TMPDIR/log")"
	check "the flood went on all the while" flooding_both
	stop_both
	stop_load
	still_there "no established connection was lost"
	check "new connections succeed" fetch_both
	note "$2: $((SECONDS - started)) s"
}

[ "$PLATFORM" = vm ] || RATE=300
plan
topology
start_nginx
protect
{ coproc EARLIER4 { client python3 "$TOP/tests/lib/keepalive.py" 10.0.0.2 $EARLIER; }; } 2>/dev/null
{ coproc EARLIER6 { client python3 "$TOP/tests/lib/keepalive.py" fd00::2 $EARLIER; }; } 2>/dev/null
read -r -t 20 alive4 <&"${EARLIER4[0]}"
read -r -t 20 alive6 <&"${EARLIER6[0]}"
check_equal "$EARLIER connections of each family to start with" "$EARLIER $EARLIER" "$alive4 $alive6"

under_load reload_all "load and unload"
under_load change_all "services and keys changed"
under_load namespace_all "namespaces made and deleted"
finish
