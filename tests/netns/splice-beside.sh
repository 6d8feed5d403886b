#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast uml-debug
# check: uml-fast/4
# families: 4 6
# timeout: 240
#
# A box that splices and does something else besides: connection tracking with the rules that people
# have, a flowtable, SNAT, DNAT, IPVS, policy routing, VLAN, VRF, a bridge, another box behind it, a way back
# that leads past it. Each works as it does when the box only forwards; where nothing can be spliced, it says so.
#
#   curl at c0 ── b0  box  b1 ── s0: nginx   i0 ── n0: "inner", behind the server as a second box
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"
. "$(dirname "$0")/../lib/gateway.sh"

if [ "$FAMILY" = 4 ]; then
	IP=ip LETTER=ipv4 VIP=10.2.0.99 URLVIP=10.2.0.99 HOME_=10.2.0.1
	BACK=10.8.0
else
	IP=ip6 LETTER=ipv6 VIP=fd02::99 URLVIP='[fd02::99]' HOME_=fd02::1
	BACK=fd08:
fi

# page [HOST]: a page by curl; small ones of page.py are a word.
page()
{
	client curl -sS --fail --max-time 8 -o "$TMPDIR/page" "http://${1:-$URLHOST}/page"
}

# spliced_so_far: how often the box has.
spliced_so_far()
{
	[ "$WAY" = plain ] && echo 0 || stat_of spliced
}

# works WHAT [HOST]: several pages, all of them spliced where there is splicing.
works()
{
	local before count=0

	before=$(spliced_so_far)
	for _ in 1 2 3; do
		page "${2:-}" && count=$((count + 1))
	done
	check_equal "$WAY, $1: 3 of 3 pages" 3 $count
	[ "$WAY" = plain ] ||
		check "$WAY, $1: spliced" test $(($(spliced_so_far) - before)) -ge 2
}

# passes WHAT REASON [HOST]: it works, unspliced, and is counted as REASON.
passes()
{
	local before
	before=$(stat_of "$2")
	check "$WAY, $1: a page" page "${3:-}"
	[ "$WAY" = plain ] || grew "$WAY, $1: $2" "$2" "$before" 1
}

rules()
{
	printf '%s\n' "flush ruleset" "table inet filter {" "chain forward {" \
		"type filter hook forward priority 0; policy accept;" "meta l4proto != tcp accept" \
		"$@" "}" "}" >"$TMPDIR/rules"
	box nft -f "$TMPDIR/rules" || die "the rules do not load"
}

nat()
{
	box nft -f - <<-END || die "no NAT"
		flush ruleset
		table $IP nat {
			chain $1 {
				type nat hook $1 priority $2;
				$3
			}
		}
	END
}

entries()
{
	box conntrack -L -f $LETTER -p tcp 2>/dev/null
}

tracked()
{
	rules "ct state invalid counter drop"
	works "invalid is dropped"
	rules "ct state established,related accept" "tcp dport 80 ct state new accept" "drop"
	box sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0
	works "established and new are accepted, tcp_loose 0"
	check_match "$WAY: connection tracking shows it" 'ESTABLISHED|TIME_WAIT|LAST_ACK|CLOSE' "$(entries)"
	rules "ct state new tcp flags & (fin | syn | rst | ack) != syn counter drop" "ct state invalid drop"
	works "new without SYN is dropped"
	[ "$WAY" = plain ] || nothing_before
	rules "tcp dport 80 ct state new reject with tcp reset"
	check_fails "$WAY, what the rules reject: no page" page
	box nft flush ruleset
}

# A SYN that has proved nothing leaves no entry.
nothing_before()
{
	box conntrack -F 2>/dev/null
	RAW_DEFAULTS="do=syn wait=10" raw <<<"label=one" >"$TMPDIR/raw"
	check_equal "a SYN was answered" answered "$(field result <"$TMPDIR/raw")"
	check_equal "a SYN leaves no entry" "" "$(entries | grep -v "src=$CLIENT")"
}

# A flowtable takes what is established past all hooks: not what is spliced, which nobody would
# translate there. It is met with the SYN, if an older connection left an entry, and in the midst, if the
# entries were flushed.
shortcut()
{
	local before nc port

	box nft -f - <<-END || die "no flowtable"
		flush ruleset
		table inet quick {
			flowtable f {
				hook ingress priority filter;
				devices = { b0, b1 };
			}
			chain forward {
				type filter hook forward priority filter;
				meta l4proto tcp flow add @f
			}
		}
	END
	box sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1
	head -c 1200000 /dev/zero | tr '\0' 'd' >"$TMPDIR/www/slow/long"
	box conntrack -F 2>/dev/null
	silent_input
	server busybox nc -l -p 2222 <&"$LIB_SILENCE" >/dev/null &
	wait_for 20 listening server 2222 || die "no nc"
	{ head -c 100000 /dev/zero; sleep 30; } | client busybox nc "$SERVER" 2222 &
	nc=$!
	check "$WAY, flowtable: what no service has is offloaded" wait_for 10 offloaded 2222
	kill $nc
	before=$(spliced_so_far)
	long_page "a download" -o "$TMPDIR/long" "http://$URLHOST/slow/long"
	check "$WAY, flowtable: the same bytes" cmp -s "$TMPDIR/"{www/slow/,}long
	long_page "an upload" --limit-rate 200k -T "$TMPDIR/www/slow/long" "http://$URLHOST/up/long"
	check "$WAY, flowtable: the same bytes went up" cmp -s "$TMPDIR/www/"{slow,up}/long
	for port in 31601 31602 31603; do	# a SYN may be let pass to learn of the server
		stale $port
		long_page "an entry left by another" --local-port $port -o "$TMPDIR/long" "http://$URLHOST/slow/long"
	done
	box nft -f - <<-END || die "no NAT"
		table $IP nat {
			chain in {
				type nat hook prerouting priority dstnat;
				$IP daddr $VIP dnat to $SERVER
			}
			chain out {
				type nat hook postrouting priority srcnat;
				$IP saddr $SERVER snat to $VIP
			}
		}
	END
	[ "$WAY" = plain ] || box cookiebox service add vip addr "$VIP" port 80 mode splice || die "service add"
	works "flowtable, behind NAT" "$URLVIP"
	long_page "behind NAT" -o "$TMPDIR/long" "http://$URLVIP/slow/long"
	box cookiebox service del vip 2>/dev/null
	[ "$WAY" = plain ] || check "$WAY, flowtable: spliced" test $(($(spliced_so_far) - before)) -ge 4
	box nft flush ruleset
}

# offloaded PORT
offloaded()
{
	entries | grep -q "dport=$1 .*OFFLOAD"
}

established()
{
	entries | grep -Eq "dport=$1 .*(ESTABLISHED|OFFLOAD)|(ESTABLISHED|OFFLOAD).*dport=$1 "
}

# As if the client had vanished in the midst of a connection from that port.
stale()
{
	box conntrack -I -p tcp -s "$CLIENT" -d "$SERVER" --sport "$1" --dport 80 -t 300 \
		--state ESTABLISHED -u ASSURED,SEEN_REPLY >/dev/null 2>&1 || die "no entry made"
}

# long_page NAME CURL ARGUMENTS: a transfer of five seconds, all entries flushed in its midst.
long_page()
{
	local name=$1 curl
	shift
	client curl -sS --fail --max-time 30 "$@" &
	curl=$!
	check "$WAY, flowtable: $name is tracked" wait_for 10 established 80
	[ "$WAY" = plain ] || check_fails "$WAY, flowtable: $name is not offloaded" offloaded 80
	box conntrack -F 2>/dev/null
	check "$WAY, flowtable: $name is picked up" wait_for 10 established 80
	[ "$WAY" = plain ] || check_fails "$WAY, flowtable: nor when it is picked up" offloaded 80
	wait $curl
	check_equal "$WAY, flowtable: $name ends well" 0 $?
}

translated()
{
	nat postrouting srcnat "oifname b1 masquerade"
	works "SNAT"
	check_match "$WAY, SNAT: the server sees the box" "dst=$HOME_ " "$(entries)"
	nat prerouting dstnat "$IP daddr $VIP tcp dport 80 dnat to $SERVER"
	if [ "$WAY" != plain ]; then
		box cookiebox service add vip addr "$VIP" port 80 mode splice || die "service add"
	fi
	works "DNAT" "$URLVIP"
	nat prerouting dstnat "$IP daddr $VIP tcp dport 80 dnat to $SERVER
		}
		chain post {
			type nat hook postrouting priority srcnat;
			oifname b1 masquerade"
	works "DNAT and SNAT" "$URLVIP"
	box cookiebox service del vip 2>/dev/null
	box nft flush ruleset
}

# Of the box itself: its addresses are not forwarded to.
local_ends()
{
	ip -n box addr add "$VIP/$PREFIX" dev b1 nodad 2>/dev/null || ip -n box addr add "$VIP/$PREFIX" dev b1
	box ipvsadm -A -t "$URLVIP:80" -s rr && box ipvsadm -a -t "$URLVIP:80" -r "$URLHOST:80" -m ||
		die "no IPVS"
	[ "$WAY" = plain ] || box cookiebox service add vip addr "$VIP" port 80 mode splice
	passes "IPVS" not_forwarded "$URLVIP"
	box ipvsadm -C
	box cookiebox service del vip 2>/dev/null
	ip -n box addr del "$VIP/$PREFIX" dev b1
}

# A proxy on the box takes what is for the server, of what is spliced as well: in neither direction is more
# than the first connection lost, nothing hangs, and no handshake goes round.
diverted()
{
	local before proxy
	(exec "$INNS" box python3 "$TOP/tests/lib/page.py" 8081 diverted transparent) &
	proxy=$!
	wait_for 20 listening box 8081 || die "no transparent server"
	box nft -f - <<-END || die "no TPROXY"
		table inet divert {
			chain prerouting {
				type filter hook prerouting priority mangle;
				meta nfproto ipv$FAMILY tcp dport 80 tproxy $IP to :8081 meta mark set 1 accept
			}
		}
	END
	box ip "-$FAMILY" rule add fwmark 1 lookup 100
	box ip "-$FAMILY" route add local default dev lo table 100
	page >/dev/null 2>&1
	before=$(spliced_so_far)
	check_equal "$WAY, TPROXY: but for the first 3 of 3 pages" 3 "$(quick_pages diverted)"
	[ "$WAY" = plain ] ||
		check_equal "$WAY, TPROXY: one handshake each" 3 $(($(spliced_so_far) - before))
	box ip "-$FAMILY" rule del fwmark 1 lookup 100
	box ip "-$FAMILY" route del local default dev lo table 100
	box nft flush ruleset
	kill $proxy
	page >/dev/null 2>&1
	check_equal "$WAY, no TPROXY any more: but for the first 3 of 3 pages" 3 "$(quick_pages ccc)"
}

# quick_pages WORD: how many of 3 begin so, and come within seconds.
quick_pages()
{
	local count=0
	for _ in 1 2 3; do
		client curl -sS --fail --max-time 5 -o "$TMPDIR/page" "http://$URLHOST/page" &&
			grep -q "^$1" "$TMPDIR/page" && count=$((count + 1))
	done
	echo $count
}

# By input device and by mark: whoever routes so sees an ordinary SYN.
policies()
{
	local nets
	[ "$FAMILY" = 4 ] && nets=10.2.0.0/24 || nets=fd02::/64
	box ip "-$FAMILY" route add "$nets" dev b1 table 77
	box ip "-$FAMILY" rule add iif b0 to "$nets" lookup 77 pref 10
	box ip "-$FAMILY" rule add to "$nets" iif b0 unreachable pref 11
	works "a route by input device"
	box ip "-$FAMILY" rule del pref 10
	box ip "-$FAMILY" rule del pref 11
}

links()
{
	ip -n box link add link b1 name b1.10 up type vlan id 10
	ip -n server link add link s0 name s0.10 up type vlan id 10
	gateway_addresses box b1.10 6 1
	gateway_addresses server s0.10 6 2
	[ "$FAMILY" = 4 ] && VLAN=10.6.0.2 URLVLAN=10.6.0.2 || VLAN=fd06::2 URLVLAN='[fd06::2]'
	[ "$WAY" = plain ] || box cookiebox service add vlan addr "$VLAN" port 80 mode splice
	works "VLAN" "$URLVLAN"
	box cookiebox service del vlan 2>/dev/null
	ip -n box link del b1.10
	ip -n server link del s0.10

	ip -n box link add br0 up type bridge
	ip -n box link set b1 master br0
	ip -n box addr flush dev b1
	gateway_addresses box br0 2 1
	works "b1 is a bridge's port"
	ip -n box link del br0
	gateway_addresses box b1 2 1
	made_up_route
}

made_up_route()
{
	ip -n box -b - <<-END
		route replace 10.4.0.0/16 via 10.2.0.2
		route replace fd04::/64 via fd02::2
	END
}

# Both devices are of one VRF, or the box is none.
vrf()
{
	ip -n box link add red up type vrf table 1001 2>/dev/null || { note "no VRF here"; return; }
	ip -n box link set b0 master red
	ip -n box link set b1 master red
	gateway_addresses box b0 0 2
	gateway_addresses box b1 2 1
	works "VRF"
	ip -n box link del red
	gateway_addresses box b0 0 2
	gateway_addresses box b1 2 1
	made_up_route
}

# Another box behind the box, which protects the same server: no loop, two handshakes.
second_box()
{
	if ! ip netns list | grep -q inner; then
		behind_server
		in_ns inner python3 "$TOP/tests/lib/page.py" 80 inner &
		wait_for 20 listening inner 80 || die "no server inside"
	fi
	if [ "$WAY" != plain ]; then
		box cookiebox service add inner addr "$INNER" port 80 mode splice
		server cookiebox service add inner addr "$INNER" port 80 mode splice
	fi
	works "a box behind the box" "$URLINNER"
	[ "$WAY" = plain ] || check "the second has spliced, too" test 0 != \
		"$(server cookiebox stats | awk '$2 == "spliced" { n += $4 } END { print n + 0 }')"
	box cookiebox service del inner 2>/dev/null
	server cookiebox service del inner 2>/dev/null
}

# What the server says does not come by the box.
one_way()
{
	local before
	add_link client c9 server s9
	ip -n client addr add "${BACK}.1/24" dev c9 2>/dev/null || ip -n client addr add fd08::1/64 dev c9 nodad
	ip -n server addr add "${BACK}.2/24" dev s9 2>/dev/null || ip -n server addr add fd08::2/64 dev s9 nodad
	[ "$FAMILY" = 4 ] && ip -n server route add "$CLIENT" via 10.8.0.1 ||
		ip -n server -6 route add "$CLIENT" via fd08::1
	if [ "$WAY" = plain ]; then
		check "plain, another way back: a page" page
	else
		before=$(stat_of one_way)
		page 2>/dev/null
		check "another way back is noticed" wait_for 60 one_way_since "$before"
	fi
	ip -n client link del c9
}

one_way_since()
{
	[ "$(stat_of one_way)" -gt "$1" ]
}

plan
gateway
modprobe -qa nf_conntrack nf_conntrack_netlink nft_ct nft_nat nft_chain_nat nft_masq nft_tproxy \
	nft_reject_inet nf_flow_table nf_flow_table_inet nft_flow_offload ip_vs ip_vs_rr bridge 8021q vrf
box sysctl -qw net.ipv4.vs.conntrack=1 2>/dev/null
start_nginx
for WAY in $(ways); do
	go "$WAY"
	works "alone"
	tracked
	shortcut
	translated
	local_ends
	diverted
	policies
	links
	vrf
	second_box
	one_way
done
finish
