#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 400
#
# Steps of the wall clock, with epochs numbered by either clock: handshakes that begin right after
# a step succeed, those in flight over it too, and older connections go on.
#
#   raw clients and curl at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

FORMS="label=ts
label=plain layout=mss,nop,ws,nop,nop,sok"

step()
{
	date -s "@$(($(date +%s) + $1))" >/dev/null
}

# around_step SECONDS WHAT: connections in flight over a step, and directly after it.
around_step()
{
	local epoch flight now
	epoch=$(key_epoch)
	RAW_DEFAULTS="hold=1 wait=5" raw -R 5000 <<<"$FORMS" >"$TMPDIR/flight" &
	flight=$!
	sleep 0.5
	step "$1" || die "the clock cannot be set"
	RAW_DEFAULTS="wait=5" raw -R 5000 -r 40 -t 0.5 <<<"$FORMS" >"$TMPDIR/after"
	check "$2: curl, right after" client curl -sS --fail --max-time 5 -o /dev/null \
		"http://$URLHOST/page"
	results_are "$2: 20 handshakes right after" ok "$TMPDIR/after"
	check_equal "$2: nothing repeated" 0 "$(summary retransmits <"$TMPDIR/after")"
	wait $flight
	results_are "$2: handshakes in flight" ok "$TMPDIR/flight"
	now=$(key_epoch)
	[ -z "$MODULE" ] || check "$2: epochs do not go back ($epoch, now $now)" \
		[ "$now" -ge "$epoch" ]
}

steps()
{
	around_step -10 "$1, -10 s"
	around_step 10 "$1, +10 s"
	around_step -3600 "$1, -1 h"
	around_step 3600 "$1, +1 h"
}

plan
topology
start_nginx
head -c 6000000 /dev/urandom >"$TMPDIR/www/long"
protect
client curl -sS --fail --max-time 200 --limit-rate 100K "http://$URLHOST/long" >"$TMPDIR/long" &
long=$!

steps "clock local"
if [ -n "$MODULE" ]; then
	key_set "$(random_master)" clock wall --now
	steps "clock wall"
	server sysctl -qw net.cookiebox.epoch_seconds=2
	steps "clock wall, epochs of 2 s"
fi
wait $long
check_equal "a download that lasted all the while ends well" 0 $?
check "and is right" cmp "$TMPDIR/long" "$TMPDIR/www/long"
finish
