#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/6
# families: 4 6
# timeout: 240
#
# Single use on two CPUs: the same ACKs come in on both at once, first while their cookies are
# redeemed and then, recorded, once their connections have ended. Never a second socket; what is
# counted and held is exact, and nothing is held once the epochs are over.
#
#   replay at c0, on CPUs 0 and 1 ──── veth ──── s0: a server that accepts and closes, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/replay.sh"

MANY=1000
SAID=$TMPDIR/accepted

# used_by_both NAME BASE [plain]: redeemed by both CPUs at once, and then replayed by both.
used_by_both()
{
	local REPLAY_BASE=$2 held more before distinct

	read -r before distinct < <(acceptor_says "$SAID")
	# shellcheck disable=SC2086 # none or one
	open_replay $MANY $3
	replay record
	held=$(status single_use_held)
	count
	replay live2
	since >/dev/null
	check_equal "$1: one connection of each cookie" "$((before + MANY)) $((distinct + MANY))" \
		"$(acceptor_says "$SAID")"
	check "$1: they have ended" wait_for 10 no_sockets
	more=$(($(status single_use_held) - held))
	check "$1: $more are held" [ $more -ge $MANY ]
	# Two CPUs that hold one cookie at the very same moment may take two places.
	check "$1: hardly any of them twice" [ $((more - MANY)) -lt $((MANY / 10)) ]
	replay ack2
	check_equal "$1: from both CPUs again: all replayed" "0 $((2 * MANY))" "$(since)"
	check_equal "$1: no answer" 0 "$ANSWERS"
	check "$1: no socket" no_sockets
	check_equal "$1: nor was there one" "$((before + MANY)) $((distinct + MANY))" \
		"$(acceptor_says "$SAID")"
	close_replay
}

# The ACK on one CPU and the RST on the other, which a network card's hash prevents.
residue()
{
	local again refused

	REPLAY_BASE=${NET}3 open_replay $MANY
	replay record
	replay abort2
	count
	replay ack2
	read -r again refused < <(since)
	note "reset from the other CPU: of $MANY, $again opened again"
	check "reset from the other CPU: at most one opens again of each" [ $again -le $MANY ]
	replay reset
	close_replay
	wait_for 10 no_sockets || not_ok "the connections have ended"
}

none_held()
{
	[ "$(status single_use_held)" = 0 ]
}

plan
[ -n "$MODULE" ] || skip_all "nothing is used once without the module"
[ "$(nproc)" -ge 2 ] || skip_all "one CPU"
topology
start_acceptor "$SAID"
protect
[ "$FAMILY" = 6 ] && NET=fd01:: || NET=10.1.0.
used_by_both timestamps ${NET}1
used_by_both "no timestamps" ${NET}2 plain
residue
server sysctl -qw net.cookiebox.epoch_seconds=2
server cookiebox key rotate --now || die "key rotate"
check "nothing is held when the epochs are over" wait_for 60 none_held
finish
