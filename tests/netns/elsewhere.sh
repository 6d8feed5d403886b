#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 90
#
# A port that is listened on and is also taken elsewhere: by DNAT, as container engines do beside
# their proxy, by TPROXY, by IPVS. It is noticed by the first connection, which is reset, and
# released: the next ones go where the rules take them. Without the rule it is protected.
#
#   curl at c0 ──── veth ──── s0: nginx at 80, the diverter   i0 ──── veth ──── n0: "inner" at 8080
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

if [ "$FAMILY" = 4 ]; then
	IP=ip INNER=10.9.0.2 TO=10.9.0.2:8080 VIP=10.0.0.9 URLVIP=10.0.0.9
else
	IP=ip6 INNER=fd09::2 TO='[fd09::2]:8080' VIP=fd00::9 URLVIP='[fd00::9]'
fi

inner_host()
{
	add_ns inner && add_link server i0 inner n0 || die "no inner host"
	ip -n server addr add 10.9.0.1/24 dev i0
	ip -n server addr add fd09::1/64 dev i0 nodad
	ip -n inner addr add 10.9.0.2/24 dev n0
	ip -n inner addr add fd09::2/64 dev n0 nodad
	ip -n inner route add default via 10.9.0.1
	ip -n inner -6 route add default via fd09::1
	server sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_ns inner python3 "$TOP/tests/lib/page.py" 8080 inner &
	server python3 "$TOP/tests/lib/page.py" 8081 diverted transparent &
	wait_for 20 listening inner 8080 || die "no server inside"
	wait_for 20 listening server 8081 || die "no transparent server"
}

page()
{
	client curl -sS --max-time 20 "http://${1:-$URLHOST}/page" 2>"$TMPDIR/curl" | head -c 20
}

# reset_at_once: a connection ends without a page, and long before curl's own patience does. What curl calls
# that (reset, empty reply, not connected) depends on which of its calls met the reset.
reset_at_once()
{
	local took

	rm -f "$TMPDIR/got"
	took=$(client curl -sS --max-time 20 -o "$TMPDIR/got" -w '%{time_total}' "http://$URLHOST/page" 2>/dev/null)
	[ ! -s "$TMPDIR/got" ] && awk "BEGIN { exit !($took < 3) }"
}

# taken WHAT WORD: the first connection tells, the next ones arrive.
taken()
{
	local before
	before=$(stat_of not_local)
	check "$1: the first connection is reset at once" reset_at_once
	grew "$1: noticed" not_local "$before" 1
	# What is cached of a destination lives for 100 ms, and holds for one CPU.
	check "$1: the next ones arrive where the rule says" wait_for 15 arrives "$2"
	before=$(stat_of syn_answered)
	check "$1: released" arrives "$2"
	check_equal "$1: not answered any more" 0 $(($(stat_of syn_answered) - before))
}

arrives()
{
	[ "$(page)" = "$1" ]
}

# alone WHAT WORD: where the page comes from without cookiebox.
alone()
{
	no_services
	unload_module || die "rmmod"
	check_equal "$1: without cookiebox, too, it arrives there" "$2" "$(page)"
}

renew()
{
	server nft flush ruleset
	protect
}

# A port that IPVS takes and nginx listens on. IPVS wants the SYN, which only connection tracking is shown.
ipvs_beside()
{
	local before
	URLHOST=$URLVIP
	before=$(stat_of cookie_accepted)
	check_equal "IPVS beside a listener, no connection tracking: the listener's page" \
		"$(head -c 20 "$TMPDIR/www/page")" "$(page)"
	grew "IPVS beside a listener, no connection tracking: by a cookie" cookie_accepted "$before" 1
	server nft "add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in ct state established accept"
	taken "IPVS beside a listener" inner
}

plan
topology
inner_host
start_nginx
protect
modprobe -a nf_conntrack nft_ct nft_nat nft_chain_nat nft_tproxy ip_vs ip_vs_rr 2>/dev/null

before=$(stat_of cookie_accepted)
check "without a rule: the listener's page" test "$(page)" = "$(head -c 20 "$TMPDIR/www/page")"
grew "without a rule: by a cookie" cookie_accepted "$before" 1

server nft -f - <<-END || die "no DNAT"
	table $IP nat {
		chain prerouting {
			type nat hook prerouting priority dstnat;
			tcp dport 80 dnat to $TO
		}
	}
END
taken DNAT inner
alone DNAT inner
renew

server nft -f - <<-END || die "no TPROXY"
	table inet divert {
		chain prerouting {
			type filter hook prerouting priority mangle;
			meta nfproto ipv$FAMILY tcp dport 80 tproxy $IP to :8081 meta mark set 1 accept
		}
	}
END
server ip "-$FAMILY" rule add fwmark 1 lookup 100
server ip "-$FAMILY" route add local default dev lo table 100
taken TPROXY diverted
alone TPROXY diverted
renew

ip -n server addr add "$VIP/$PREFIX" dev s0 nodad 2>/dev/null
for port in 80 8000; do
	server ipvsadm -A -t "$URLVIP:$port" -s rr &&
		server ipvsadm -a -t "$URLVIP:$port" -r "$TO" -m || die "no IPVS"
done
server cookiebox service add vip port 8000 mode local
before=$(stat_of no_listener)
check_equal "IPVS of a port that nobody listens on: works" inner "$(page "$URLVIP:8000")"
grew "IPVS: left to the stack" no_listener "$before" 1
ipvs_beside
alone "IPVS beside a listener" inner
finish
