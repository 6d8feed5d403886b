# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/replay.sh - sourced after lib.sh and traffic.sh: recorded good ACKs, sent again.
#
# tests/tools/replay.c keeps the ACKs and runs for as long as its commands come; the server is
# tests/netns/single-use.py, which accepts and closes.

REPLAY=$TOP/build/guest-files/replay

# start_acceptor [FILE]: where it says what it has accepted, when it is asked (acceptor_says).
start_acceptor()
{
	server sysctl -qw net.core.somaxconn=4096
	(exec "$INNS" server "$TOP/tests/netns/single-use.py" 80 4096 "$@") &
	ACCEPTOR=$!
	wait_for 20 listening server 80 || die "the server does not listen"
}

# acceptor_says FILE: connections, and different peers, so far.
acceptor_says()
{
	rm -f "$1"
	kill -USR1 "$ACCEPTOR"
	wait_for 20 test -e "$1" || die "the acceptor says nothing"
	cat "$1"
}

# open_replay COUNT [plain]: a replayer; `replay COMMAND` drives it, close_replay ends it.
open_replay()
{
	local base=10.1.0.1

	[ "$FAMILY" != 6 ] || base=fd01::1
	coproc REPLAYER {
		exec "$INNS" client "$REPLAY" c0 "$SERVER_MAC" "${REPLAY_BASE:-$base}" "$SERVER" \
			80 "$@"
	}
}

# replay COMMAND: leaves the answers in ANSWERS.
replay()
{
	local line

	echo "$1" >&"${REPLAYER[1]}"
	read -r -t "${REPLAY_LIMIT:-200}" line <&"${REPLAYER[0]}" || die "replay $1: no end"
	[[ $line =~ \"answers\":\ *([0-9]+),\ *\"rsts\":\ *([0-9]+) ]] || die "replay $1: $line"
	ANSWERS=${BASH_REMATCH[1]}
	# shellcheck disable=SC2034 # for the script that sources this
	RSTS=${BASH_REMATCH[2]}
}

close_replay()
{
	local pid=$REPLAYER_PID

	eval "exec ${REPLAYER[1]}>&-"
	wait "$pid"
}

# count: the service's counters, into ACCEPTED, REPLAYED, REPEATED, FULL.
count()
{
	# shellcheck disable=SC2034 # for the script that sources this
	read -r ACCEPTED REPLAYED REPEATED FULL < <(server cookiebox stats | awk '{ n[$2] += $4 }
		END { print n["cookie_accepted"] + 0, n["replayed"] + 0, n["repeated"] + 0,
			n["single_use_full"] + 0 }')
}

# since: what has been counted since `count`, as "accepted replayed".
since()
{
	local accepted=$ACCEPTED replayed=$REPLAYED

	count
	echo "$((ACCEPTED - accepted)) $((REPLAYED - replayed))"
}

# status FIELD: of cookiebox show.
status()
{
	server cookiebox -j show | jq -r ".status.$1"
}

sockets()
{
	server ss -tnH state connected exclude time-wait "sport = :80" | wc -l
}

no_sockets()
{
	[ "$(sockets)" = 0 ]
}

# refused_now WHAT: replayed, all MANY of them are refused, in silence.
refused_now()
{
	count
	replay ack
	check_equal "$1: no connection, all replayed" "0 $MANY" "$(since)"
	check_equal "$1: no answer" 0 "$ANSWERS"
}
