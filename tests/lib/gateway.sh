# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/gateway.sh - sourced after lib.sh and traffic.sh: a router between client and server, which
# is where cookiebox works (guard).
#
#   client ────── veth ────── box ────── veth ────── server
#   c0 10.0.0.1       10.0.0.2 b0   b1 10.2.0.1       10.2.0.2 s0
#      fd00::1         fd00::2         fd02::1         fd02::2
#
# Nobody has 10.1.0.0/16 and fd01::/64, which are routed to the client, and 10.4.0.0/16 and fd04::/64,
# routed to the server: from there come clients and servers that a script makes up.

GUARD=box

box()
{
	in_ns box "$@"
}

# gateway_addresses NAMESPACE DEVICE NETWORK HOST [GATEWAY]
gateway_addresses()
{
	ip -n "$1" -b - <<-END
		addr replace 10.$3.0.$4/24 dev $2
		addr replace fd0$3::$4/64 dev $2 nodad
		${5:+route replace default via 10.$3.0.$5}
		${5:+route replace default via fd0$3::$5}
	END
}

mac_of()
{
	ip -n "$1" -o link show "$2" | sed -n 's/.*link\/ether \([0-9a-f:]*\).*/\1/p'
}

# gateway: the picture above. Sets what topology does; SERVER_MAC is the box's, as the client sees it, and
# BOX_MAC as the server does; BOX and MADE_UP: the box' address towards the client, servers' that are made up.
gateway()
{
	add_ns client box server && add_link client c0 box b0 && add_link box b1 server s0 &&
		gateway_addresses client c0 0 1 2 && gateway_addresses box b0 0 2 &&
		gateway_addresses box b1 2 1 && gateway_addresses server s0 2 2 1 ||
		die "no namespaces or no veth"
	box sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n box -b - <<-END || die "no routes"
		route add 10.1.0.0/16 via 10.0.0.1
		route add fd01::/64 via fd00::1
		route add 10.4.0.0/16 via 10.2.0.2
		route add fd04::/64 via fd02::2
	END
	SERVER_MAC=$(mac_of box b0) BOX_MAC=$(mac_of box b1)
	if [ "$FAMILY" = 6 ]; then
		CLIENT=fd00::1 BOX=fd00::2 SERVER=fd02::2 URLHOST='[fd02::2]' MADE_UP=fd04::/64
		PREFIX=64 ANY=::
	else
		CLIENT=10.0.0.1 BOX=10.0.0.2 SERVER=10.2.0.2 URLHOST=10.2.0.2 MADE_UP=10.4.0.0/16
		PREFIX=24 ANY=0.0.0.0
	fi
	wait_for 5 client busybox ping -c 1 -W 1 "$SERVER" || die "the box does not forward"
}

# behind_server: a host there, INNER (URLINNER in addresses of curl and socat); the server forwards to it.
behind_server()
{
	INNER=10.9.0.2 URLINNER=10.9.0.2
	[ "$FAMILY" = 4 ] || INNER=fd09::2 URLINNER='[fd09::2]'
	add_ns inner && add_link server i0 inner n0 && gateway_addresses server i0 9 1 &&
		gateway_addresses inner n0 9 2 1 || die "no host behind the server"
	server sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	box ip route add 10.9.0.0/24 via 10.2.0.2
	box ip route add fd09::/64 via fd02::2
}

# netem_path client|server RULE...: both directions of the path between that one and the box.
netem_path()
{
	local there=$1 device=c0 near=b0
	[ "$1" = client ] || device=s0 near=b1
	shift
	in_ns "$there" tc qdisc del dev $device root 2>/dev/null	# replace would keep what is not named
	box tc qdisc del dev $near root 2>/dev/null
	in_ns "$there" tc qdisc replace dev $device root netem "$@" limit 100000 &&
		box tc qdisc replace dev $near root netem "$@" limit 100000
}

# path_delay client|server MS: round trip, half of it each way.
path_delay()
{
	netem_path "$1" delay $(($2 / 2))ms
}

# can_splice: whether this module has the mode at all.
can_splice()
{
	[ -n "$MODULE" ] || return 1
	[ -d /sys/module/cookiebox ] || load_module
	box cookiebox service add asked addr "$BOX" port 9 mode splice 2>/dev/null || return 1
	box cookiebox service del asked
}

# splice NAME PORTS [SERVICE ARGUMENTS]: in front of the servers; engaged always unless told otherwise.
splice()
{
	local name=$1 ports=$2
	shift 2
	[ $# -gt 0 ] || set -- engage always
	box cookiebox service add "$name" addr "$SERVER" port "$ports" mode splice "$@" || die "service add"
}

# ways: how programs' cases run. Plainly forwarded in the long tests, with the argument "stock", and where
# the module has no such mode, to show that each can succeed; then spliced.
ways()
{
	if ! can_splice; then
		echo plain
		return
	fi
	[ -z "${LONG-}" ] || echo plain
	echo spliced
}

# go WAY [SERVICE ARGUMENTS]: the web server's port from here on.
go()
{
	local way=$1
	shift
	box cookiebox service del web 2>/dev/null
	[ "$way" = plain ] || splice web 80 "$@"
}

# through FILE: all cases of tests/netns/FILE, written for gateway.py, plainly forwarded and spliced.
through()
{
	local plain=plain

	if can_splice; then
		plain=
		box cookiebox service add off addr "$MADE_UP" port 2000-2499 mode splice engage off &&
			box cookiebox service add always addr "$MADE_UP" port 2500-2999 mode splice ||
			die "service add"
	fi
	relay < <(box taskset -c 0 python3 -B "$TOP/tests/netns/$1" "$FAMILY" "$SERVER_MAC" "$BOX_MAC" \
		$plain 2>&1)
	[ "$LIB_COUNT" != 0 ] || die "no case ran"
}

# held COUNT PORT: begins connections that stay; tests/lib/linger.py. The first of all may be let pass
# untouched, for the box to learn what the server is like: that one is not held. From HELD_FROM, if not client.
held()
{
	fetch || die "no page"
	{ coproc HELD { in_ns "${HELD_FROM-client}" python3 -B "$TOP/tests/lib/linger.py" "$SERVER" "$1" "$2"; }; } 2>/dev/null
	HELD_IN=${HELD[1]} HELD_OUT=${HELD[0]}
	read -r -t 30 LINE <&"$HELD_OUT" && [ "$LINE" = "ready $1" ] || die "no connections: $LINE"
}

# tell COMMAND: its answer in LINE.
tell()
{
	echo "$*" >&"$HELD_IN"
	read -r -t 30 LINE <&"$HELD_OUT" || LINE=nothing
}

let_go()
{
	exec {HELD_IN}>&-
	while read -r -t 10 LINE <&"$HELD_OUT"; do :; done
}
