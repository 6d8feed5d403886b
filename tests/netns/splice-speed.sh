#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4
# families: 4 6
# timeout: 2400
#
# iperf3 through a box, plainly forwarded and spliced in turns: as fast, both ways. It is the link that
# limits, far below what the machine does; the processor is what limits where nanoseconds are instructions
# (tests/vm/run --icount). The long tests add loss, and disorder: what is sent again for nothing, of which
# the receiver tells by D-SACK, is no more. Where the disorder is on the other side of the box than the sender,
# who took the box for the end of the path, some is lost: see Documentation/splice.rst.
#
#   iperf3 -c ── c0 ── netem ── b0  box  b1 ── netem ── s0 ── iperf3 -s
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

PORT=5201

# plainly | spliced: from here on.
plainly()
{
	box cookiebox service del web 2>/dev/null
}

spliced()
{
	plainly
	splice web $PORT
}

# transfer up|down ARGUMENTS: kbit/s as the receiver has them.
transfer()
{
	local reverse=
	[ "$1" = up ] || reverse=-R
	shift
	# shellcheck disable=SC2086
	client timeout 120 iperf3 -c "$SERVER" -C cubic $reverse --json "$@" |
		jq '.end.sum_received.bits_per_second / 1000 | floor'
}

# said COUNTER: of TCP's, at both ends together.
said()
{
	{ client cat /proc/net/netstat /proc/net/snmp; server cat /proc/net/netstat /proc/net/snmp; } |
		awk -v wanted="$1" '/^Tcp/ { if ($1 != was) { was = $1; n = split($0, name) }
			else { for (i = 2; i <= n; i++) if (name[i] == wanted) sum += $i; was = "" } }
			END { print sum + 0 }'
}

# middle NUMBER...
middle()
{
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# The machine itself can only make a transfer slower.
best()
{
	printf '%s\n' "$@" | sort -n | tail -n 1
}

mean()
{
	echo $((($(printf '%s+' "$@")0) / $#))
}

# both JUDGE ARGUMENTS: one round more of as_fast's, without and with a splice.
both()
{
	local judge=$1
	shift
	plainly
	plain+=("$(transfer "$@")")
	spliced
	with+=("$(transfer "$@")")
	a=$($judge "${plain[@]}") b=$($judge "${with[@]}")
}

# as_fast JUDGE NAME ROUNDS up|down ARGUMENTS: within a tenth of plain forwarding, or LEAST percent, in turns.
as_fast()
{
	local judge=$1 name=$2 rounds=$3 least=${LEAST-90} plain=() with=() a b
	shift 3
	for ((i = 0; i < rounds; i++)); do
		both "$judge" "$@"
	done
	# Of the best each has to have had one that nothing else on this machine slowed down.
	while [ "$judge" = best ] && [ $((b * 100)) -lt $((a * least)) ] && [ $i -lt 10 ]; do
		both "$judge" "$@"
		i=$((i + 1))
	done
	note "$name, $1: plain ${plain[*]}; spliced ${with[*]} kbit/s"
	check "$name, $1: spliced as fast as plain" test "$((b * 100))" -ge "$((a * least))" -a "$a" -gt 0
	[ "$a" -le 0 ] || note "$name, $1: $judge $a and $b, $((b * 100 / a)) %"
	grew "$name, $1: the last of them was" spliced 0 2	# one connection is iperf3's control
}

# for_nothing up|down ROUNDS: prints what was sent again for nothing, of 10,000 segments.
for_nothing()
{
	local sent again i
	sent=$(said OutSegs) again=$(($(said TCPDSACKOldSent) + $(said TCPDSACKOfoSent)))
	for ((i = 0; i < $2; i++)); do
		[ "$(transfer "$1" -n 6M)" -gt 0 ] || { echo failed; return; }
	done
	echo $((($(said TCPDSACKOldSent) + $(said TCPDSACKOfoSent) - again) * 10000 / ($(said OutSegs) - sent)))
}

# no_more NAME up|down ROUNDS
no_more()
{
	local plain with disordered
	plainly
	disordered=$(said TCPOFOQueue)
	plain=$(for_nothing "$2" "$3")
	check "$1, $2: there is disorder" test $(($(said TCPOFOQueue) - disordered)) -ge 100
	spliced
	with=$(for_nothing "$2" "$3")
	grew "$1, $2: it was spliced" spliced 0 2
	note "$1, $2: sent again for nothing, of 10,000: plain $plain, spliced $with"
	check "$1, $2: no more sent again for nothing" test "$with" -le $((plain + 100))
}

link_limits()
{
	local way
	netem_path client delay 25ms rate 20mbit
	for way in up down; do
		as_fast best "50 ms, 20 Mbit/s" 3 $way -t 3
	done
}

# The rates of one transfer after another differ by a third: loss comes when it likes.
link_loses()
{
	local way
	netem_path client delay 25ms loss 1%
	for way in up down; do
		as_fast mean "50 ms, 1 % loss" 6 $way -P 8 -t 20
	done
	netem_path client delay 25ms 1ms loss 1%
	as_fast mean "50 ms, 1 % loss and disorder" 6 up -P 8 -t 20
	no_more "50 ms, 1 % loss and disorder" up 3
	LEAST=75 as_fast mean "50 ms, 1 % loss and disorder" 6 down -P 8 -t 20
	netem_path client delay 25ms 1ms
	no_more "50 ms, disorder" up 3
	netem_path client delay 0ms
	netem_path server delay 25ms 1ms loss 1%
	as_fast mean "50 ms behind the box, 1 % loss and disorder" 6 down -P 8 -t 20
	no_more "50 ms behind the box, 1 % loss and disorder" down 3
	netem_path server delay 25ms 1ms
	no_more "50 ms behind the box, disorder" down 3
}

plan
gateway
load_module
for ns in client server; do
	in_ns $ns sysctl -qw net.ipv4.tcp_no_metrics_save=1
done
server iperf3 -s -D --pidfile "$TMPDIR/iperf3.pid" >/dev/null
wait_for 20 listening server $PORT || die "no iperf3"
if [ "$(nproc)" = 1 ]; then		# --icount: elsewhere it is noise
	as_fast middle "no limit" 3 up -t 1
	as_fast middle "no limit" 3 down -t 1
fi
client ethtool -K c0 tso off gso off >/dev/null
server ethtool -K s0 tso off gso off >/dev/null
link_limits
[ -z "${LONG-}" ] || link_loses
finish
