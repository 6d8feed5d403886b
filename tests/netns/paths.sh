#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 60
#
# The ways that segments take to a listener: devices, offloads, queueing disciplines, filters and
# IPsec. On each of them an honest client has the outcome that it has without cookiebox, with the
# SYN-ACK routed and reflected.
#
#   c1 ──── s1               checksums left to the device, which is virtual: never computed
#   c1.10 ─ s1.10            VLAN on it
#   c2 ──── s2               GRO: single segments sent in bursts, merged and handed over in lists
#   c3 ──── s3 in bridge br0 without and with bridge-nf-call-iptables
#   c4 ──── s4               fq, captured; ingress through ifb, egress mirrored
#   c9 ──── s9               fq, captured
#   vx ──── vx, vy ─ vy      vxlan over c0, s0: with a remote end; with a route's metadata
#   c0 ──── s0               IPsec, transport mode, for addresses of their own
. "$(dirname "$0")/../lib/lib.sh"

# pair N [ADDRESSES NO]: cN and sN, 10.3N.0.1 and .2, fd3N::1 and ::2.
pair()
{
	ip link add "c$1" netns client type veth peer name "s$1" netns server &&
		ip -n client link set "c$1" up && ip -n server link set "s$1" up &&
		{ [ -n "$2" ] || { addresses client "c$1" "$1" 1 && addresses server "s$1" "$1" 2; }; }
}

# addresses NAMESPACE DEVICE SUBNET HOST
addresses()
{
	ip -n "$1" addr add "10.3$3.0.$4/24" dev "$2" &&
		ip -n "$1" addr add "fd3$3::$4/64" dev "$2" nodad
}

vlan()
{
	ip -n client link add link c1 name c1.10 up type vlan id 10 &&
		ip -n server link add link s1 name s1.10 up type vlan id 10 &&
		addresses client c1.10 5 1 && addresses server s1.10 5 2
}

# Segments wait at c2 and leave together, so that what follows an ACK is in the same list.
gro()
{
	pair 2 && client ethtool -K c2 tso off gso off >/dev/null &&
		server ethtool -K s2 gro on >/dev/null &&
		client tc qdisc add dev c2 root netem slot 20ms 20ms
}

bridge()
{
	pair 3 no && ip -n server link add br0 up type bridge &&
		ip -n server link set s3 master br0 &&
		addresses client c3 3 1 && addresses server br0 3 2
}

bridge_netfilter()
{
	server sysctl -qw "net.bridge.bridge-nf-call-$1=$2"
}

disciplines()
{
	pair 4 && server tc qdisc add dev s4 root fq &&
		ip -n server link add ifb0 up type ifb && ip -n server link add mirror up type dummy &&
		server tc qdisc add dev s4 clsact &&
		server tc filter add dev s4 ingress matchall action mirred egress redirect dev ifb0 &&
		server tc filter add dev s4 egress matchall action mirred egress mirror dev mirror
}

# Host 77 is nobody's: raw segments come from it.
fair_queue()
{
	pair 9 && server tc qdisc add dev s9 root fq && ip -n client link set c9 address "$RAW_MAC" &&
		ip -n server neigh add 10.39.0.77 lladdr "$RAW_MAC" dev s9 &&
		ip -n server neigh add fd39::77 lladdr "$RAW_MAC" dev s9
}

vxlan()
{
	local to
	ip -n client link add vx up type vxlan id 7 remote 10.0.0.2 dstport 4789 dev c0 &&
		ip -n server link add vx up type vxlan id 7 remote 10.0.0.1 dstport 4789 dev s0 &&
		addresses client vx 6 1 && addresses server vx 6 2 || return 1
	ip -n client link add vy up address 02:00:00:00:00:01 mtu 1400 type vxlan external dstport 4790 &&
		ip -n server link add vy up address 02:00:00:00:00:02 mtu 1400 type vxlan external dstport 4790 ||
		return 1
	for to in client:1:2 server:2:1; do
		metadata ${to//:/ } || return 1
	done
}

# metadata NAMESPACE OWN OTHER: routes and neighbours that lead through vy.
metadata()
{
	addresses "$1" vy 7 "$2" &&
		ip -n "$1" route replace "10.37.0.$3/32" encap ip id 9 dst "10.0.0.$3" dev vy &&
		ip -n "$1" -6 route replace "fd37::$3/128" encap ip id 9 dst "10.0.0.$3" dev vy &&
		ip -n "$1" neigh add "10.37.0.$3" lladdr "02:00:00:00:00:0$3" dev vy &&
		ip -n "$1" -6 neigh add "fd37::$3" lladdr "02:00:00:00:00:0$3" dev vy
}

# security FROM TO SPI
security()
{
	echo "xfrm state add src $1 dst $2 proto esp spi $3 mode transport" \
		"auth hmac(sha256) 0x$(printf %064d 7) enc ecb(cipher_null) \"\""
}

# agreement FROM TO SOURCES: what the server has, or the client with OUT=in IN=out. The
# server wants IPsec of the whole subnet.
agreement()
{
	security "$1" "$2" 101
	security "$2" "$1" 102
	echo "xfrm policy add src $2 dst $3 dir $OUT tmpl proto esp mode transport"
	echo "xfrm policy add src $3 dst $2 dir $IN tmpl proto esp mode transport"
}

# Addresses .1 and .2 agree on keys; .3 is a client that knows nothing of them.
ipsec()
{
	addresses client c0 8 1 && addresses server s0 8 2 && addresses client c0 8 3 || return 1
	OUT=out IN=in agreement 10.38.0.1 10.38.0.2 10.38.0.0/24 >"$TMPDIR/server"
	OUT=out IN=in agreement fd38::1 fd38::2 fd38::/64 >>"$TMPDIR/server"
	OUT=in IN=out agreement 10.38.0.1 10.38.0.2 10.38.0.1/32 >"$TMPDIR/client"
	OUT=in IN=out agreement fd38::1 fd38::2 fd38::1/128 >>"$TMPDIR/client"
	ip -n server -b "$TMPDIR/server" && ip -n client -b "$TMPDIR/client"
}

# have NAME COMMAND...: a path that this kernel has.
have()
{
	if "${@:2}" 2>"$TMPDIR/why"; then
		HAVE+=" $1"
	else
		note "no $1 here: $(cat "$TMPDIR/why")"
		[ "$PLATFORM" != vm ] || die "no $1"
	fi
}

HAVE=
RAW_MAC=02:00:00:00:00:c9
topology
have partial pair 1
have vlan vlan
have gro gro
have bridge bridge
modprobe -q br_netfilter
have bridge-nf bridge_netfilter iptables 0
bridge_netfilter ip6tables 0 2>/dev/null
have disciplines disciplines
have fq fair_queue
have vxlan vxlan
have ipsec ipsec
load_module
HAVE=$HAVE exec python3 -B "$TOP/tests/netns/paths.py"
