#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast uml-debug
# check: uml-debug/4
# families: 4 6
# timeout: 300
#
# Single use (single-use.sh) over a change of keys and of epochs, a reload of the module with the same
# master, and the end of the namespace.
#
#   replay at c0 ──── veth ──── s0: a server that accepts and closes, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/replay.sh"

MANY=100

# next_epochs COUNT: until so many more have begun.
next_epochs()
{
	local n=0 line

	while [ $n -lt "$1" ] && read -r -t 60 line <&"$EVENTS"; do
		[[ $line != *'"event":"epoch"'* ]] || n=$((n + 1))
	done
	[ $n -eq "$1" ]
}

# used: MANY cookies, used and refused.
used()
{
	open_replay $MANY
	replay record
	replay live
	refused_now "$1"
}

changed_keys()
{
	used "before key rotate"
	server cookiebox key rotate
	refused_now "after key rotate"
	server cookiebox key rotate --now
	count
	replay ack
	check_equal "after key rotate --now nothing opens" "0 0" "$(since)"
	close_replay
}

# Over epochs: refused as long as the keys are known, and then as anything old.
over_epochs()
{
	local i

	server sysctl -qw net.cookiebox.epoch_seconds=2
	server cookiebox key rotate --now
	exec {EVENTS}< <(exec "$INNS" server cookiebox -j monitor)
	check "an epoch begins" next_epochs 1
	used "epochs of 2 s"
	count
	for ((i = 0; i < 5; i++)); do
		check "an epoch passes" next_epochs 1
		replay ack
	done
	check_match "over five epochs: no connection" "^0 " "$(since)"
	close_replay
	check "the last of their epochs pass" next_epochs 3
	check_equal "after its epochs nothing is held" 0 "$(status single_use_held)"
}

# reload CLOCK: what was used before the module was loaded anew does not open after it.
reload()
{
	unload_module
	load_module
	protect
	key_set "$(random_master)" --now clock "$1"
	used "clock $1, before a reload"
	server cookiebox key save "$TMPDIR/saved" || not_ok "key save"
	unload_module
	load_module
	protect
	server cookiebox key restore "$TMPDIR/saved" || not_ok "key restore"
	count
	replay ack
	check_equal "clock $1, after it: no connection" "0 0" "$(since)"
	close_replay
}

# The namespace goes while cookies are redeemed there.
teardown()
{
	open_replay 5000
	replay record
	echo live >&"${REPLAYER[1]}"
	wait_for 10 redeeming
	kill $ACCEPTOR
	ip netns del server
	kill "$REPLAYER_PID"
	wait "$REPLAYER_PID" 2>/dev/null
	check "the module goes after its namespace did" wait_for 20 unload_module
}

redeeming()
{
	[ "$(stat_of cookie_accepted)" -gt 100 ]
}

plan
[ -n "$MODULE" ] || skip_all "nothing is used once without the module"
topology
start_acceptor
protect
changed_keys
over_epochs
reload local
reload wall
teardown
finish
