#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast
# check: uml-fast/4
# families: 4 6
# timeout: 400
#
# Changes of keys under load, at a round trip of 200 ms: epochs of 2 s, `key rotate` and `key set`
# lose no handshake and no connection; an ACK lives for one epoch and is dead after three.
#
#   raw clients, visit and curl at c0 ──── veth, 200 ms ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

TS="label=ts"
PLAIN="label=plain layout=mss,nop,ws,nop,nop,sok"
LOAD_SECONDS=10

# start_load: 20 raw connections a second of both forms, visits one after another, one long download.
# A raw client waits 6 s before it repeats a segment.
start_load()
{
	DROPS=$(drops)
	printf '%s\n' "$TS" "$PLAIN" | raw -R 6000 -r 20 -t $LOAD_SECONDS >"$TMPDIR/load" &
	load=$!
	client python3 -B "$TOP/tests/lib/visit.py" ${LOAD_SECONDS}s 0 10 "$SERVER" \
		>"$TMPDIR/visits" 2>&1 &
	visits=$!
	client curl -sS --fail --max-time 60 --limit-rate 400K "http://$URLHOST/long" \
		>"$TMPDIR/long" 2>"$TMPDIR/long.err" &
	long=$!
}

# What was dropped since the module was loaded, by reason. Two do not count: of a first flight that two
# CPUs have at once one segment is dropped, whatever the keys, and sent again.
drops()
{
	[ -z "$MODULE" ] || server cookiebox stats | awk '
		$3 == "drop" && $4 && $2 != "repeated" && $2 != "race_lost" { printf "%s=%d ", $2, $4 }'
}

# end_load WHAT: nothing was lost.
end_load()
{
	wait $load
	wait $visits
	wait $long
	check_equal "$1: the long download is whole, exit" 0 $?
	check "$1: and right" cmp "$TMPDIR/long" "$TMPDIR/www/long"
	results_are "$1: every raw connection got its page" ok "$TMPDIR/load"
	check_equal "$1: not one segment was dropped" "$DROPS" "$(drops)"
	check_match "$1: every new connection got its page" "^[1-9][0-9]* 0\$" "$(cat "$TMPDIR/visits")"
	note "$1: $(summary started <"$TMPDIR/load") raw connections, the slowest" \
		"$(summary max_ms <"$TMPDIR/load") ms, $(summary retransmits <"$TMPDIR/load") repeats"
}

# every SECONDS COMMAND...: again and again while the load lasts, 5 times.
every()
{
	local interval=$1 times
	shift
	for times in 1 2 3 4 5; do
		sleep "$interval"
		"$@" || not_ok "$* (time $times)"
	done
}

set_random_master()
{
	key_set "$(random_master)"
}

epochs_under_load()
{
	local first
	first=$(key_epoch)
	start_load
	end_load "epochs of 2 s"
	[ -z "$MODULE" ] || check "epochs went on meanwhile, from $first to $(key_epoch)" \
		[ "$(key_epoch)" -ge $((first + LOAD_SECONDS / 2 - 2)) ]
}

changes_under_load()
{
	[ -n "$MODULE" ] || return
	start_load
	every 1.7 key_rotate
	end_load "key rotate"
	start_load
	every 1.7 set_random_master
	end_load "key set"
}

# reached EPOCH: it has begun.
reached()
{
	[ "$(key_epoch)" -ge "$1" ]
}

# Each of 10 connections of both forms holds its ACK, at every phase of an epoch of 4 s.
held_acks()
{
	local expired bad epoch
	[ -n "$MODULE" ] || return
	server sysctl -qw net.cookiebox.epoch_seconds=4
	epoch=$(key_epoch)
	# The epoch that has begun and the one that was planned still have the old length.
	wait_for 20 reached $((epoch + 2)) || die "epochs do not advance"
	expired=$(stat_of cookie_expired) bad=$(stat_of bad_cookie)
	printf '%s\n' "$TS hold=3.7" "$PLAIN hold=3.7" | raw -R 6000 -r 5 -t 4 >"$TMPDIR/one" &
	printf '%s\n' "$TS hold=12.2 wait=3" "$PLAIN hold=12.2 wait=3" |
		raw -R 6000 -r 5 -t 4 >"$TMPDIR/three" &
	wait
	results_are "an ACK held for one epoch opens" ok "$TMPDIR/one"
	results_are "an ACK held for three is dropped" timeout "$TMPDIR/three"
	check_equal "with a RST for none of them" 0 "$(summary stray_rst <"$TMPDIR/three")"
	grew "cookie_expired counts those with timestamps" cookie_expired "$expired" 10
	grew "bad_cookie counts those without" bad_cookie "$bad" 10
}

# What was saved comes back, and only root can read it.
save_restore()
{
	[ -n "$MODULE" ] || return
	key_set "$(random_master)" --now
	check "key save" server cookiebox key save "$TMPDIR/saved"
	check_equal "for root's eyes only" 600 "$(stat -c %a "$TMPDIR/saved")"
	local before
	before=$(key_secret)
	key_set "$(random_master)" --now
	check_fails "another master is another" key_seals "$before"
	check "key restore" server cookiebox key restore "$TMPDIR/saved"
	check "brings the master back, from the next epoch on" wait_for 10 key_seals "$before"
	check "and connections go on" raw <<<"$TS"
}

plan
topology
start_nginx
head -c 4000000 /dev/urandom >"$TMPDIR/www/long"
set_delay 200 || die "no netem"
# Set before the first service, so that the first epoch has that length already.
[ -z "$MODULE" ] || load_module
[ -z "$MODULE" ] || server sysctl -qw net.cookiebox.epoch_seconds=2
protect invalid drop

epochs_under_load
changes_under_load
held_acks
save_restore
finish
