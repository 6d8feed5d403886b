# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/flood.sh - sourced after lib.sh and traffic.sh: floods of spoofed SYNs, and what they
# leave in memory.
#
# The flood (tests/tools/synflood.c) goes to the service's port with sources that nobody here has;
# the answers go to the client's namespace by the default route and end there.

SYNFLOOD=$TOP/build/guest-files/synflood

# flood RATE SECONDS [COUNT]: in the foreground; {"sent": N, ...} on stdout. RATE 0: no limit.
flood()
{
	client "$SYNFLOOD" c0 "$(server cat /sys/class/net/s0/address)" "$SERVER" 80 "$@"
}

# start_flood ...: in the background. stop_flood ends it; both leave the count in FLOOD_SENT.
start_flood()
{
	flood "$@" >"$TMPDIR/flood.json" &
	FLOOD_PID=$!
}

flooding()
{
	kill -0 "$FLOOD_PID" 2>/dev/null
}

stop_flood()
{
	# ip netns exec becomes synflood itself, so this is its pid.
	kill "$FLOOD_PID" 2>/dev/null
	wait "$FLOOD_PID"
	# shellcheck disable=SC2034 # for the script that sources this
	FLOOD_SENT=$(jq .sent "$TMPDIR/flood.json")
}

# slab NAME: objects of that slab in use; 0 if there is none. (slab_nomerge on the command line.)
slab()
{
	awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }' /proc/slabinfo
}

# embryonic: objects that stand for connections that nobody has completed.
embryonic()
{
	echo $(($(slab request_sock_TCP) + $(slab request_sock_TCPv6) +
		$(slab request_sock_subflow_v4) + $(slab request_sock_subflow_v6)))
}

conntracks()
{
	server cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null || echo 0
}

# module_bytes: what the module says that it holds in the server's namespace.
module_bytes()
{
	server cookiebox -j stats | jq '[.. | .memory_bytes? // .memory? | numbers] | add // empty'
}

# fetch: one page over a new connection.
fetch()
{
	client curl -sS --fail --max-time 10 -o /dev/null "http://$URLHOST/page"
}

# fetch_many COUNT: prints how many of COUNT pages came.
fetch_many()
{
	local n=0 i

	for ((i = 0; i < $1; i++)); do
		fetch 2>>"$TMPDIR/fetch.err" && n=$((n + 1))
	done
	echo $n
}
