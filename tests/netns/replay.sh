#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast
# families: 4 6
# timeout: 120
#
# ACKs that no cookie of this moment, this tuple and this client's ISN stands behind: falsified
# ones, and recorded ones after a reload with the same master. Refused, counted by reason, and
# nothing comes of them; honest connections go on.
#
#   raw clients at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

PLAIN="layout=mss,nop,ws,nop,nop,sok"
TIMES=20

sockets()
{
	server ss -tnH state established state syn-recv "sport = :80" | wc -l
}

# falsified WHAT REASON CHANGE: TIMES bare ACKs of a form, falsified by CHANGE, make nothing.
falsified()
{
	local before i
	before=$(stat_of "$2")
	for ((i = 0; i < TIMES; i++)); do
		echo "label=false do=ack wait=1 $3"
	done | raw -w $TIMES >"$TMPDIR/false"
	results_are "$1: no answer" quiet "$TMPDIR/false"
	check_equal "$1: no RST to anybody" 0 "$(summary stray_rst <"$TMPDIR/false")"
	check_equal "$1: no socket" 0 "$(sockets)"
	grew "$1: $2" "$2" "$before" $TIMES
}

forms()
{
	falsified "$1, with timestamps" "$2" "$4"
	falsified "$1, without" "$3" "$4 $PLAIN"
}

# record FILE: completed handshakes of both forms whose ACKs go to a file instead of the wire.
record()
{
	local i
	rm -f "$1"
	for ((i = 0; i < TIMES; i++)); do
		echo "label=ts save=$1"
		echo "label=plain save=$1 $PLAIN"
	done | raw -w $TIMES >"$TMPDIR/recorded"
	results_are "recorded $((2 * TIMES)) ACKs" saved "$TMPDIR/recorded"
}

refused()
{
	echo $(($(stat_of bad_cookie) + $(stat_of cookie_expired)))
}

# good_ones CLOCK: the control; recorded ACKs open their cookies, once they are sent.
good_ones()
{
	record "$TMPDIR/control"
	raw -S "$TMPDIR/control" -t 1 >/dev/null
	check_equal "clock $1: recorded ACKs are good ones while their cookies live" \
		$((2 * TIMES)) "$(sockets)"
	raw -S "$TMPDIR/control" -t 1 >"$TMPDIR/again"
	check_equal "clock $1: sent again on the live connections, they harm nothing" \
		"$((2 * TIMES)) 0" "$(sockets) $(summary stray_rst <"$TMPDIR/again")"
	restart_nginx
	wait_for 10 no_sockets || not_ok "clock $1: connections are gone with the server"
}

# after_reload CLOCK: with the same master again, what was recorded opens nothing: neither at once
# nor in any epoch that has the number of one before.
after_reload()
{
	local before i secret

	server sysctl -qw net.cookiebox.epoch_seconds=2
	secret=$(random_master)
	key_set "$secret" --now clock "$1"
	good_ones "$1"
	record "$TMPDIR/frames"
	server cookiebox key save "$TMPDIR/saved" || not_ok "key save"
	note "clock $1: recorded in epoch $(key_epoch)"
	unload_module
	protect invalid drop
	server sysctl -qw net.cookiebox.epoch_seconds=2
	server cookiebox key restore "$TMPDIR/saved" || not_ok "key restore"
	before=$(refused)
	for i in 1 2 3 4 5 6 7 8; do
		raw -S "$TMPDIR/frames" -t 1 >>"$TMPDIR/replayed"
	done
	check "clock $1: the same master seals again, in epoch $(key_epoch)" key_seals "$secret"
	check_equal "clock $1: nothing recorded before the reload makes a socket" 0 "$(sockets)"
	check_equal "clock $1: nor is it answered" "" "$(jq -c 'select(.answer_to)' "$TMPDIR/replayed")"
	check "clock $1: all of it is counted as refused" \
		[ $(($(refused) - before)) -ge $((8 * 2 * TIMES)) ]
	check "clock $1: new connections open" raw <<<"label=new"
	wait_for 10 no_sockets
}

no_sockets()
{
	[ "$(sockets)" = 0 ]
}

plan
[ -n "$MODULE" ] || skip_all "the stock stack answers otherwise"
topology
start_nginx
protect invalid drop

forms "ACK number + 1" bad_cookie bad_cookie ackdelta=1
forms "ACK number - 1" bad_cookie bad_cookie ackdelta=-1
forms "ACK number far off" bad_cookie bad_cookie ackdelta=1234567
forms "another client ISN" bad_cookie bad_cookie seqdelta=1
forms "another port" cookie_expired bad_cookie portdelta=7
falsified "an echo of an hour ago" cookie_expired "tsdelta=-3600000"
falsified "an echo of the future" cookie_expired "tsdelta=3600000"
check "an honest connection opens after all that" raw <<<"label=honest"
check "and one without timestamps" raw <<<"label=honest $PLAIN"

after_reload local
after_reload wall
finish
