#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# families: 4 6
# timeout: 420
#
# Load and unload, namespaces made and deleted, services changed: 100 times each, while a flood and
# honest load are under way. Established connections live on; the guest fails the script if the
# kernel warns, and on User-Mode Linux KASAN, lockdep and kmemleak watch.
#
#   synflood, curl, keepalive at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

TIMES=100 EARLIER=10 RATE=2000

# Honest load until the file is gone: one new connection after another, whatever becomes of it.
load()
{
	touch "$TMPDIR/loading"
	while [ -e "$TMPDIR/loading" ]; do
		client curl -s --max-time 1 -o /dev/null "http://$URLHOST/page"
	done &
	LOAD_PID=$!
}

stop_load()
{
	rm -f "$TMPDIR/loading"
	wait "$LOAD_PID"
}

reload_once()
{
	unload_module && insmod "$MODULE" && server cookiebox service add web port 80 mode local
}

change_once()
{
	server cookiebox service set web reply reflect &&
		server cookiebox service add other port 81 mode local engage observe &&
		server cookiebox service set web reply route &&
		server cookiebox service del other &&
		server cookiebox key rotate
}

# A namespace with a service of its own, deleted with everything still in it.
namespace_once()
{
	ip netns add brief && ip -n brief link set lo up &&
		ip link add b0 netns brief type veth peer name b1 netns client &&
		ip -n brief link set b0 up && ip -n client link set b1 up &&
		in_ns brief cookiebox service add web port 80 mode local &&
		client timeout 1 "$SYNFLOOD" b1 "$(in_ns brief cat /sys/class/net/b0/address)" \
			"$SERVER" 80 0 0.02 >/dev/null
	local rc=$?

	ip netns del brief
	return $rc
}

# repeat WHAT: TIMES times; says how many went well.
repeat()
{
	local n=0 i

	for ((i = 0; i < TIMES; i++)); do
		"$1" >>"$TMPDIR/$1.log" 2>&1 && n=$((n + 1))
	done
	[ $n = $TIMES ] || note "$(tail -n 3 "$TMPDIR/$1.log")"
	echo $n >"$TMPDIR/$1.count"
}

under_load()
{
	local what=$1

	start_flood $RATE 200
	load
	repeat "$what"
	check_equal "$2: $TIMES times" $TIMES "$(cat "$TMPDIR/$what.count")"
	check "the flood went on all the while" flooding
	stop_flood
	stop_load
	echo again >&"${EARLIER_CONNECTIONS[1]}"
	read -r -t 60 alive <&"${EARLIER_CONNECTIONS[0]}"
	check_equal "no established connection was lost" $EARLIER "$alive"
	check "a new connection succeeds" fetch
}

[ "$PLATFORM" = vm ] || RATE=500
plan
topology
start_nginx
protect
coproc EARLIER_CONNECTIONS { client python3 "$TOP/tests/lib/keepalive.py" "$SERVER" $EARLIER; }
read -r -t 20 alive <&"${EARLIER_CONNECTIONS[0]}"
check_equal "$EARLIER connections to start with" $EARLIER "$alive"

under_load reload_once "load and unload"
under_load change_once "services and keys changed"
under_load namespace_once "namespaces made and deleted"
finish
