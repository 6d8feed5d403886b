#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm-long uml-fast uml-fast-long
# check: uml-fast/4
# families: 4 6
# timeout: 900
#
# Single use of very many: recorded good ACKs, sent again inside their life after a RST has ended
# their connections, make no connection, and each is counted. And how many can be used again where
# the RST came right behind the ACK. 50,000 in the VM, a million in User-Mode Linux; a few where
# this is not a long test.
#
#   replay at c0 ──── veth ──── s0: a server that accepts and closes, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/replay.sh"

MANY=2000
if [ -n "${LONG-}" ]; then
	[ "$PLATFORM" = vm ] && MANY=50000 || MANY=1000000
fi
MAX=$((MANY + MANY / 4)) # for the residue, too
FEW=$((MANY / 10 < 4000 ? MANY / 10 : 4000)) # what the accept queue holds: more would not be accepted
REPLAY_LIMIT=2400
LIFE=3600 # seconds of an epoch: all of this happens in the life of the first cookie

used_and_replayed()
{
	local bytes
	open_replay $MANY
	replay record
	count
	replay live
	check_equal "$MANY handshakes are $MANY connections" "$MANY 0" "$(since)"
	check "the RSTs have ended them" wait_for 10 no_sockets
	bytes=$(status single_use_memory)
	check_equal "held: each of them" $MANY "$(status single_use_held)"
	check "in $bytes bytes" [ "$bytes" -le $((MAX * 16 + 65536)) ]
	refused_now "sent again"
	check "no socket" no_sockets
	check "the cookies are alive: $SECONDS s" [ $SECONDS -lt $LIFE ]
	close_replay
}

# What was recorded and reset at once, before anybody has looked for the connection.
residue()
{
	local again refused form

	for form in "" plain; do
		# shellcheck disable=SC2086 # none or one
		REPLAY_BASE=$BASE2 open_replay $FEW $form
		replay record
		replay abort
		count
		replay ack
		read -r again refused < <(since)
		note "${form:-timestamps}, reset right behind the ACK:" \
			"$again of $FEW opened again, $refused refused"
		check_equal "${form:-timestamps}: each ACK opens again or is refused" \
			$FEW $((again + refused))
		replay reset
		close_replay
	done
}

plan
[ -n "$MODULE" ] || skip_all "nothing is used once without the module"
topology
BASE2=10.1.128.1
[ "$FAMILY" = 4 ] || BASE2=fd01::8001
start_acceptor
load_module
server sysctl -qw net.cookiebox.epoch_seconds=$LIFE net.cookiebox.single_use_max=$MAX
protect
server cookiebox key rotate --now || die "key rotate"
SECONDS=0
used_and_replayed
residue
finish
