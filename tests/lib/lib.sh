# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/lib.sh - sourced by every test script: KTAP, waiting on conditions, a topology.
#
# A script starts with these comment lines and calls `plan`, then one check after another, last
# `finish`. A script that stops early has no complete report and so counts as failed.
#   # runs: vm uml-debug       where: vm (both kernels), uml-fast, uml-debug, uml-time
#   # families: 4 6            once per family, with FAMILY=4 or 6; leave out if it does not matter
#   # timeout: 60              seconds on an idle machine; TEST_SLOWNESS times that is allowed
# Every word in runs: may end in -long: part of `make check-long` there, with LONG=1 set.
# The guest gives it FAMILY, PLATFORM (vm, uml-fast, uml-debug), TOP (the tree), MODULE (the .ko),
# OUT (files put here come back to the host) and TMPDIR (fresh); cookiebox is in PATH. The module
# is not loaded when the script starts, and what the script leaves behind is cleared after it.

TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
FAMILY=${FAMILY:-4}
TMPDIR=${TMPDIR:-/tmp}
LIB_COUNT=0
LIB_FAILED=0
LIB_PLAN=
LIB_SILENCE=

# --- KTAP -----------------------------------------------------------------------------------

# plan N: how many results will follow. `plan` alone: as many as there were; `finish` says it.
plan()
{
	echo "KTAP version 1"
	LIB_PLAN=${1:-late}
	[ "$LIB_PLAN" = late ] || echo "1..$LIB_PLAN"
}

ok()
{
	LIB_COUNT=$((LIB_COUNT + 1))
	echo "ok $LIB_COUNT - $*"
}

not_ok()
{
	LIB_COUNT=$((LIB_COUNT + 1))
	LIB_FAILED=$((LIB_FAILED + 1))
	echo "not ok $LIB_COUNT - $*"
}

# relay [PREFIX]: what a program prints of results, numbered or not, on stdin, become results of the script.
relay()
{
	local line what
	while read -r line; do
		what=${line#*ok }
		[[ $what =~ ^[0-9]+\ -\ (.*) ]] && what=${BASH_REMATCH[1]}
		case $line in
		"ok "*) ok "${1-}$what" ;;
		"not ok "*) not_ok "${1-}$what" ;;
		*) echo "$line" ;;
		esac
	done
}

# skip DESCRIPTION REASON
skip()
{
	LIB_COUNT=$((LIB_COUNT + 1))
	echo "ok $LIB_COUNT - $1 # SKIP $2"
}

# skip_all REASON: the whole script does not apply here.
skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

note()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# check DESCRIPTION COMMAND...: ok if the command succeeds; its output is shown if it does not.
check()
{
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$what"
	else
		note "failed: $*"
		[ -z "$output" ] || note "$output"
		not_ok "$what"
	fi
}

# check_fails DESCRIPTION COMMAND...: ok if the command fails.
check_fails()
{
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		note "succeeded, but should not: $*"
		note "$output"
		not_ok "$what"
	else
		ok "$what"
	fi
}

# check_equal DESCRIPTION WANT GOT
check_equal()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		note "wanted: $2"
		note "got:    $3"
		not_ok "$1"
	fi
}

# check_match DESCRIPTION EXTENDED-REGEX TEXT
check_match()
{
	if grep -Eq -- "$2" <<<"$3"; then
		ok "$1"
	else
		note "no match for: $2"
		note "$3"
		not_ok "$1"
	fi
}

# die REASON: something that is not under test went wrong; the rest of the script is void.
die()
{
	note "cannot go on: $*"
	not_ok "$(head -n 1 <<<"$*")"
	exit 1
}

# A guest has only the programs of its image: what misses one has not tested what it says. bash calls this.
command_not_found_handle()
{
	echo "$1: no such program in this guest" >&2
	echo "$1" >>"$TMPDIR/missing"
	return 127
}

finish()
{
	[ ! -e "$TMPDIR/missing" ] || not_ok "programs are missing: $(sort -u "$TMPDIR/missing" | xargs)"
	[ "$LIB_PLAN" != late ] || echo "1..$LIB_COUNT"
	[ "$LIB_FAILED" = 0 ]
	exit
}

# --- Waiting --------------------------------------------------------------------------------

# silent_input: LIB_SILENCE is a descriptor that never has anything to read, nor an end.
silent_input()
{
	[ -n "$LIB_SILENCE" ] || exec {LIB_SILENCE}<> <(:)
}

# pause SECONDS: as sleep, without a process.
pause()
{
	silent_input
	read -r -t "$1" -u "$LIB_SILENCE"
	return 0
}

# wait_for SECONDS COMMAND...: polls until the command succeeds; fails when the time is over.
wait_for()
{
	local limit=$1 end
	shift
	end=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -le $end ] || return 1
		pause 0.05
	done
}

# listening NAMESPACE PORT: somebody listens there.
listening()
{
	[ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ]
}

# --- Namespaces -----------------------------------------------------------------------------
#
#   client ──── veth ──── server        10.0.0.1 / fd00::1      10.0.0.2 / fd00::2
#   more subnets routed to the client: 10.1.0.0/16, fd01::/64 (spoofed sources have a way back)

# in_ns NAMESPACE COMMAND...: much cheaper than `ip netns exec`; but /sys stays as it is.
INNS=$TOP/build/guest-files/inns
in_ns()
{
	"$INNS" "$@"
}

client()
{
	in_ns client "$@"
}

server()
{
	in_ns server "$@"
}

# add_ns NAME...
add_ns()
{
	local ns
	printf 'netns add %s\n' "$@" | ip -b - || return 1
	for ns; do
		in_ns "$ns" sh -c 'cd /proc/sys/net/ipv6/conf
			echo 0 >all/accept_dad; echo 0 >default/accept_dad; exec ip link set lo up'
	done
}

# add_link NS1 DEVICE1 NS2 DEVICE2: a veth pair, both ends up, checksums computed for real.
add_link()
{
	ip link add "$2" netns "$1" up type veth peer name "$4" netns "$3" || return 1
	in_ns "$1" ethtool -K "$2" tx off >/dev/null 2>&1
	in_ns "$3" ethtool -K "$4" tx off >/dev/null 2>&1
	ip -n "$3" link set "$4" up
}

# topology_addresses NAMESPACE DEVICE OWN-HOST OTHER-HOST
topology_addresses()
{
	ip -n "$1" -b - <<-END
		addr add 10.0.0.$3/24 dev $2
		addr add fd00::$3/64 dev $2 nodad
		route add default via 10.0.0.$4
		route add default via fd00::$4
	END
}

# topology: the picture above. Sets CLIENT, SERVER (addresses), URLHOST, PREFIX, ANY by FAMILY,
# and SERVER_MAC, the address of s0.
topology()
{
	local link
	add_ns client server && add_link client c0 server s0 &&
		topology_addresses client c0 1 2 && topology_addresses server s0 2 1 ||
		die "no namespaces or no veth"
	link=$(ip -n server -o link show s0)
	# shellcheck disable=SC2034 # for the script that sources this
	[[ $link =~ link/ether\ ([0-9a-f:]+) ]] && SERVER_MAC=${BASH_REMATCH[1]}
	if [ "$FAMILY" = 6 ]; then
		CLIENT=fd00::1 SERVER=fd00::2 URLHOST='[fd00::2]' PREFIX=64 ANY=::
	else
		# shellcheck disable=SC2034 # for the script that sources this
		CLIENT=10.0.0.1 SERVER=10.0.0.2 URLHOST=10.0.0.2 PREFIX=24 ANY=0.0.0.0
	fi
	wait_for 5 client busybox ping -c 1 -W 1 "$SERVER" || die "the namespaces do not reach each other"
}

# --- The module -----------------------------------------------------------------------------

# load_module [PARAMETERS]
load_module()
{
	modprobe -qa nfnetlink nf_defrag_ipv4 nf_defrag_ipv6 x_tables ip6_tables 2>/dev/null
	insmod "$MODULE" "$@" || die "insmod $MODULE failed: $(dmesg | tail -n 3)"
}

unload_module()
{
	rmmod cookiebox
}

# kernel_log: what the kernel has said since this script began.
kernel_log()
{
	dmesg | awk '/cb-job-/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }'
}
