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
	client "$SYNFLOOD" c0 "$SERVER_MAC" "$SERVER" 80 "$@"
}

# start_flood ...: in the background. stop_flood ends it; both leave the count in FLOOD_SENT.
start_flood()
{
	# exec, so that this is the flood's own pid: what is killed is not a shell that waits for it.
	(exec "$INNS" client "$SYNFLOOD" c0 "$SERVER_MAC" "$SERVER" 80 "$@") \
		>"$TMPDIR/flood.json" &
	FLOOD_PID=$!
}

flooding()
{
	kill -0 "$FLOOD_PID" 2>/dev/null
}

stop_flood()
{
	kill "$FLOOD_PID" 2>/dev/null
	wait "$FLOOD_PID"
	# shellcheck disable=SC2034 # for the script that sources this
	FLOOD_SENT=$(flood_said sent)
}

# flood_said NAME: that member of what the last one said.
flood_said()
{
	sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$TMPDIR/flood.json"
}

# start_watch: tests/lib/watch.py. look: what there is now, in SOCKS CONNTRACKS BYTES; end_watch:
# the peaks, in the same, and in SAMPLES how often it looked.
start_watch()
{
	{ coproc WATCH { server python3 -B "$TOP/tests/lib/watch.py"; }; } 2>/dev/null
	WATCH_IN=${WATCH[1]} WATCH_OUT=${WATCH[0]}
}

look()
{
	echo >&"$WATCH_IN"
	read -r -t 30 SOCKS CONNTRACKS BYTES <&"$WATCH_OUT" || die "nobody watches"
}

end_watch()
{
	exec {WATCH_IN}>&-
	read -r -t 30 SOCKS CONNTRACKS BYTES SAMPLES <&"$WATCH_OUT" || die "nobody has watched"
}

# fetch: one page over a new connection.
fetch()
{
	client curl -sS --fail --max-time 10 -o /dev/null "http://$URLHOST/page"
}

# fetch_many COUNT: prints how many of COUNT pages came.
fetch_many()
{
	client python3 -B "$TOP/tests/lib/visit.py" "$1" 0 10 "$SERVER" | cut -d' ' -f1
}
