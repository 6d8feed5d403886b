#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 60
#
# The listeners that people have: wildcard, specific, dual-stack, groups, bound to a device or a
# VRF, transparent, marked, deferring, with a small window, full, closed and opened again. Each
# honest client has the outcome that it has without cookiebox.
#
#   clients at c0 ──── veth ──── s0: listeners, one service each
#   clients at c1 ──── veth ──── s1 in VRF red
. "$(dirname "$0")/../lib/lib.sh"

# VRF red; an address for each of: taken by a local route, by a policy route, reached by mark 7 only.
more_topology()
{
	ip -n server -b - <<-END
		link add red type vrf table 100
		link set red up
		link add s1 type veth peer name c1 netns client
		link set s1 master red
		link set s1 up
		addr add 10.2.0.2/24 dev s1
		addr add fd02::2/64 dev s1 nodad
		route add local 10.77.0.7 dev lo
		route add local 10.78.0.7 dev lo table 110
		rule add to 10.78.0.7 lookup 110
		route add unreachable 10.79.0.1
		route add 10.79.0.1 via 10.0.0.1 dev s0 table 120
		rule add fwmark 7 lookup 120
	END
	ip -6 -n server -b - <<-END
		route add local fd77::7 dev lo
		route add local fd78::7 dev lo table 110
		rule add to fd78::7 lookup 110
		route add unreachable fd79::1
		route add fd79::1 via fd00::1 dev s0 table 120
		rule add fwmark 7 lookup 120
	END
	ip -n client -b - <<-END
		link set c1 up
		addr add 10.2.0.1/24 dev c1
		addr add fd02::1/64 dev c1 nodad
		addr add 10.79.0.1/32 dev c0
		addr add fd79::1/128 dev c0 nodad preferred_lft 0
	END
	server sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096
	server nft -f - <<-END
		table inet marks {
			chain early {
				type filter hook prerouting priority raw;
				tcp sport 4990-4999 meta mark set 9
			}
		}
	END
}

topology
more_topology || die "no VRF, no routes or no rules"
load_module
exec python3 -B "$TOP/tests/netns/listeners.py"
