#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 300
#
# Single use: a recorded good ACK, sent again after its connection has ended, makes no second one,
# whatever becomes of services and of the size of the set.
#
#   replay at c0 ──── veth ──── s0: a server that accepts and closes, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/replay.sh"

MANY=100

# ended: the client resets what the server has closed.
ended()
{
	replay reset
	wait_for 10 no_sockets || not_ok "the connections have ended"
}

both_forms()
{
	local form

	for form in "" plain; do
		# shellcheck disable=SC2086 # none or one
		open_replay $MANY $form
		replay record
		count
		replay live
		check_equal "${form:-timestamps}: each handshake is one connection" "$MANY 0" "$(since)"
		refused_now "${form:-timestamps}, at once"
		refused_now "${form:-timestamps}, once more"
		check "${form:-timestamps}: no socket" no_sockets
		close_replay
	done
}

# Closed by the client before the server could look: what was not seen may open again.
residue()
{
	local again refused

	open_replay $MANY
	replay record
	replay abort
	count
	replay ack
	read -r again refused < <(since)
	note "reset right behind the ACK: $again of $MANY opened again, $refused refused"
	check_equal "reset at once: each ACK opens again or is refused" $MANY $((again + refused))
	replay reset
	close_replay
}

# The set outlives its services, and a size that is changed.
kept()
{
	open_replay $MANY
	replay record
	replay live
	server cookiebox service del web
	protect
	refused_now "the last service went and came again"
	check "held: $(status single_use_held)" [ "$(status single_use_held)" -ge $MANY ]
	server sysctl -qw net.cookiebox.single_use_max=30000
	refused_now "another size"
	check_equal "the size is shown" 30000 "$(status single_use_max)"
	check_fails "another size yet, before the first change is complete" \
		server sysctl -qw net.cookiebox.single_use_max=40000
	check_equal "which changes nothing" 30000 "$(server sysctl -n net.cookiebox.single_use_max)"
	server cookiebox service set web single-use off
	count
	replay ack
	check_equal "single-use off: they open" "$MANY 0" "$(since)"
	server cookiebox service set web single-use on
	ended
	refused_now "on again"
	close_replay
}

# A set of 64 and 200 cookies: what finds no room is accepted, or not, as the sysctl says.
full()
{
	local bytes events=$TMPDIR/events held refused

	unload_module
	load_module
	protect
	check "an empty set changes its size at once" \
		server sysctl -qw net.cookiebox.single_use_max=64
	bytes=$(status single_use_memory)
	check "memory: $bytes bytes" [ "$bytes" -le $((64 * 16 + 65536)) ]
	server cookiebox -j monitor >"$events" &
	MONITOR=$!
	wait_for 10 grep -q listening "$events"
	open_replay 200
	replay record
	count
	replay live
	check_equal "full, accept: every handshake is a connection" "200 0" "$(since)"
	held=$(status single_use_held)
	check "held: $held, at least what it is for" [ "$held" -ge 64 ]
	check_equal "the rest is counted" $((200 - held)) "$(status single_use_unheld)"
	check "an event" wait_for 10 grep -q single_use_full "$events"
	count
	replay ack
	check_equal "what was held is refused, the rest opens again" "$((200 - held)) $held" \
		"$(since)"
	ended
	server sysctl -qw net.cookiebox.single_use_full=drop
	count
	refused=$FULL
	replay ack
	check_equal "drop: no connection" "0 $held" "$(since)"
	count
	check_equal "drop: counted" $((200 - held)) $((FULL - refused))
	check_equal "one event an epoch" 1 "$(grep -c single_use_full "$events")"
	close_replay
	kill $MONITOR
}

plan
[ -n "$MODULE" ] || skip_all "nothing is used once without the module"
topology
start_acceptor
protect
check_equal "on by default" on "$(server cookiebox -j show | jq -r '.services[].single_use')"
both_forms
residue
kept
full
finish
