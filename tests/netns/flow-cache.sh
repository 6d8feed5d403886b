#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug uml-fast-long
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 120
#
# The flow cache of local mode: what it says of connections, filters, flush, limit, memory
# pressure, a table that changes while it is read; and that its loss breaks nothing, up to unload
# and the end of the namespace, with load.
#
#   scripted and raw clients at c0 ──── veth ──── s0: services web (flow-cache on), plain (off)
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

TIMES=10 RELOADS=2 FLUSHES=20
[ -z "${LONG-}" ] || TIMES=500 RELOADS=25 FLUSHES=1000

add_services()
{
	server cookiebox service add web port 80 mode local flow-cache on &&
		server cookiebox service add plain port 81 mode local
}

entries()
{
	server cookiebox -j | jq '.status.flow_cache.entries'
}

has_entries()
{
	[ "$(entries)" -gt 0 ]
}

# Honest load, 20 connections a second, whatever becomes of them.
load()
{
	raw -q -r 20 -t 100 <<<"end=rst" >/dev/null &
	LOAD_PID=$!
}

stop_load()
{
	kill "$LOAD_PID" 2>/dev/null
	wait "$LOAD_PID" 2>/dev/null
}

# FLUSHES times, each with something to flush, while 40 connections a second come: all of them end
# well.
flushed()
{
	local flusher started

	server python3 -B "$TOP/tests/netns/flow-cache.py" "$FAMILY" flush $FLUSHES \
		>"$TMPDIR/flushed" &
	flusher=$!
	while kill -0 $flusher 2>/dev/null; do
		raw -q -r 40 -t 2 <<<"end=rst" >>"$TMPDIR/load"
	done
	check "$FLUSHES flushes under load took $(<"$TMPDIR/flushed") entries" wait $flusher
	started=$(summary started <"$TMPDIR/load" | paste -sd+)
	check_equal "and no connection noticed, of $((started))" 0 \
		"$(summary failed <"$TMPDIR/load" | sort -u)"
}

reloaded()
{
	local i

	for ((i = 0; i < RELOADS; i++)); do
		wait_for 20 has_entries || { echo "round $i: no entries come"; return 1; }
		unload_module && insmod "$MODULE" && add_services || return 1
	done
}

plan
topology
load_module
server sysctl -qw net.cookiebox.embryonic_max=0 # what the cookie alone tells of options
add_services || die "service add"
relay < <(server python3 -B "$TOP/tests/netns/flow-cache.py" "$FAMILY" \
	"$SERVER_MAC" $TIMES 2>&1 || echo "not ok the clients ended well")

start_nginx
flushed
load
check "unloaded and loaded $RELOADS times with entries, under load" reloaded
check "there are entries again" wait_for 20 has_entries
ip netns del server
stop_load
# The slab complains, and so fails the script, if an entry of that namespace is left.
check "unloads after the namespace has gone with its entries" unload_module
finish
