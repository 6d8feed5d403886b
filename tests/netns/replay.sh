#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast
# check: uml-fast/6
# families: 4 6
# timeout: 300
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

# What makes an ACK wrong, the counter that tells, with timestamps and without (-: not tried).
CHANGES="ackdelta=1 bad_cookie bad_cookie
ackdelta=-1 bad_cookie bad_cookie
ackdelta=1234567 bad_cookie bad_cookie
seqdelta=1 bad_cookie bad_cookie
seqdelta=-77777 bad_cookie bad_cookie
portdelta=7 cookie_expired bad_cookie
tsdelta=-3600000 cookie_expired -
tsdelta=3600000 cookie_expired -"

# TIMES bare ACKs for each change and form; the label says which.
false_acks()
{
	local change ts plain i
	while read -r change ts plain; do
		for ((i = 0; i < TIMES; i++)); do
			echo "label=ts,$change,$ts do=ack wait=1 $change"
			[ "$plain" = - ] ||
				echo "label=plain,$change,$plain do=ack wait=1 $change $PLAIN"
		done
	done <<<"$CHANGES"
}

falsified()
{
	local label want bad expired
	bad=$(stat_of bad_cookie) expired=$(stat_of cookie_expired)
	false_acks | raw -b 1000 -w 100 >"$TMPDIR/false"
	for label in $(field label <"$TMPDIR/false" | sort -u); do
		grep -F "\"label\":\"$label\"" "$TMPDIR/false" >"$TMPDIR/these"
		results_are "$label: no answer" quiet "$TMPDIR/these"
	done
	check_equal "no RST to anybody" 0 "$(summary stray_rst <"$TMPDIR/false")"
	check_equal "no socket" 0 "$(sockets)"
	want=$(field label <"$TMPDIR/false" | grep -c ,bad_cookie)
	grew "$want counted as bad_cookie" bad_cookie "$bad" "$want"
	want=$(field label <"$TMPDIR/false" | grep -c ,cookie_expired)
	grew "$want counted as cookie_expired" cookie_expired "$expired" "$want"
}

# record FILE: completed handshakes of both forms whose ACKs go to a file instead of the wire.
record()
{
	local i
	rm -f "$1"
	for ((i = 0; i < TIMES; i++)); do
		echo "label=ts save=$1"
		echo "label=plain save=$1 $PLAIN"
	done | raw -w $TIMES >"$1.results"
}

refused()
{
	echo $(($(stat_of bad_cookie) + $(stat_of cookie_expired)))
}

# fresh: the module as newly loaded, with epochs of 4 s from the first one on.
fresh()
{
	unload_module
	load_module
	server sysctl -qw net.cookiebox.epoch_seconds=4
	protect invalid drop
}

# good_ones CLOCK: the control; recorded ACKs open their cookies, once they are sent.
good_ones()
{
	record "$TMPDIR/control"
	raw -S "$TMPDIR/control" -t 1 >/dev/null
	check_equal "clock $1: recorded ACKs are good ones while their cookies live" \
		$((2 * TIMES)) "$(sockets)"
	results_are "clock $1: handshakes were recorded" saved "$TMPDIR/control.results"
	raw -S "$TMPDIR/control" -t 1 >"$TMPDIR/again"
	check_equal "clock $1: sent again on the live connections, they harm nothing" \
		"$((2 * TIMES)) 0" "$(sockets) $(summary stray_rst <"$TMPDIR/again")"
	restart_nginx
	wait_for 10 no_sockets || not_ok "clock $1: connections are gone with the server"
}

epoch_reached()
{
	[ "$(key_epoch)" -ge "$1" ]
}

# after_reload CLOCK: with the same master again, what was recorded opens nothing: neither at once
# nor in the epochs that have the numbers of those before.
after_reload()
{
	local before epoch i port secret

	fresh
	secret=$(random_master)
	key_set "$secret" --now clock "$1"
	wait_for 60 epoch_reached 4 # the restored master will seal from epoch 2 or 3 on
	good_ones "$1"
	record "$TMPDIR/frames"
	epoch=$(key_epoch)
	results_are "clock $1: handshakes were recorded, in epoch $epoch" saved \
		"$TMPDIR/frames.results"
	server cookiebox key save "$TMPDIR/saved" || not_ok "key save"
	fresh
	note "loaded again: epoch $(key_epoch)"
	server cookiebox key restore "$TMPDIR/saved" || not_ok "key restore"
	before=$(refused)
	for ((i = 0; i < 6 || (i < 60 && $(key_epoch) <= epoch + 1); i++)); do
		raw -S "$TMPDIR/frames" -t 0.5 >>"$TMPDIR/replayed"
	done
	check "clock $1: the same master seals again, in epoch $(key_epoch)" key_seals "$secret"
	check_equal "clock $1: nothing recorded before the reload makes a socket" 0 "$(sockets)"
	port=$(field sport <"$TMPDIR/frames.results" | head -n 1) # the control's server still says FIN
	check_equal "clock $1: nor is it answered" "" \
		"$(grep -F "\"port\":$port," "$TMPDIR/replayed")"
	check "clock $1: all of it is counted as refused" \
		[ $(($(refused) - before)) -ge $((i * 2 * TIMES)) ]
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

falsified
check "an honest connection opens after all that" raw <<<"label=honest"
check "and one without timestamps" raw <<<"label=honest $PLAIN"

after_reload local
after_reload wall
finish
