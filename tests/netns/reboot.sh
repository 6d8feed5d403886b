#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: host
# timeout: 200
#
# reboot.sh record CLOCK | replay CLOCK: two boots with one master (tests/lib/reboot runs them).
# The first records ACKs at an uptime of UPTIME seconds and saves the key ring; the second restores
# it and sends the ACKs at the same uptime, when echoed timestamps look fresh again.
#
#   raw clients at c0 ──── veth ──── s0: nginx, service web
phase=$1 clock=$2
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

# Later than any guest of this kind is ready.
case $PLATFORM in
vm) UPTIME=90 ;;
*) UPTIME=45 ;;
esac
TIMES=20
PLAIN="layout=mss,nop,ws,nop,nop,sok"
KEPT=$TOP/build/guest-files/reboot

uptime_is()
{
	awk -v want="$1" '{ exit !($1 >= want) }' /proc/uptime
}

wait_until()
{
	while ! uptime_is "$1"; do
		sleep 0.1
	done
}

connections()
{
	server ss -tnH state established state syn-recv "sport = :80" | wc -l
}

refused()
{
	echo $(($(stat_of bad_cookie) + $(stat_of cookie_expired)))
}

record()
{
	local i

	key_set "$(random_master)" clock "$clock" --now
	wait_until $UPTIME
	for ((i = 0; i < TIMES; i++)); do
		echo "label=ts save=$OUT/frames"
		echo "label=plain save=$OUT/frames $PLAIN"
	done | raw -w $TIMES >"$TMPDIR/recorded"
	results_are "recorded $((2 * TIMES)) ACKs at uptime $(cut -d ' ' -f 1 /proc/uptime)" \
		saved "$TMPDIR/recorded"
	check "saved the key ring" server cookiebox key save "$OUT/key"
	key_epoch >"$OUT/epoch"
	date +%s >"$OUT/date"
	raw -S "$OUT/frames" -t 1 >/dev/null
	check_equal "the ACKs are good ones in this boot" $((2 * TIMES)) "$(connections)"
}

replay()
{
	local before opened

	uptime_is $((UPTIME - 5)) && die "too late: $(cat /proc/uptime)"
	date -s "@$(($(cat "$KEPT/date") - UPTIME + 5))" >/dev/null # as a clock that forgot
	chmod 600 "$KEPT/key"
	install -m 600 "$KEPT/key" "$TMPDIR/key" 2>/dev/null || cp "$KEPT/key" "$TMPDIR/key"
	chmod 600 "$TMPDIR/key"
	check "restored the key ring" server cookiebox key restore "$TMPDIR/key"
	note "recorded in epoch $(cat "$KEPT/epoch"), now in $(key_epoch)"
	wait_until $((UPTIME - 2))
	before=$(refused)
	while ! uptime_is $((UPTIME + 8)); do
		raw -S "$KEPT/frames" -t 0.5 >>"$TMPDIR/replayed"
	done
	note "sent until uptime $(cat /proc/uptime), epoch $(key_epoch)"
	check_equal "none of the recorded ACKs makes a connection" 0 "$(connections)"
	opened=$(stat_of cookie_accepted)
	check_equal "nor opens a cookie" 0 "$opened"
	check_equal "nor is answered" "" "$(jq -c 'select(.answer_to)' "$TMPDIR/replayed")"
	check "all are counted as refused" \
		[ $(($(refused) - before)) -ge $((2 * TIMES)) ]
	check "new connections open" raw <<<"label=new"
}

plan
topology
start_nginx
load_module
server sysctl -qw net.cookiebox.epoch_seconds=4 # from the first epoch on
protect invalid drop
$phase
finish
