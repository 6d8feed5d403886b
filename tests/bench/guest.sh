#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/bench/guest.sh - the part of `make bench` that runs in the test guest.
#
#   made-up clients ~~~ gateway 10.99.0.1 ~~~ cbbench 10.99.0.2     (fd99::1, fd99::2)
#            a made-up server 10.98.0.2 ~~~ cbinner 10.98.0.1       (fd98::2, fd98::1)
#
# There is no wire: cbbench.ko hands segments to netif_receive_skb() and swallows the answers. The
# default route has a gateway with one permanent neighbour, as a server's has. Port 80 is protected
# by the peer, port 81 is not. For the peers gw-... the guest is a router, and the second device is up.
# Arguments: ROUNDS FAMILY... [kallsyms] / PEER:ROW,ROW... , e.g. 32 4 6 / route:syn,bad in-stack:syn.
# Prints every measurement as one line "data {...}" and one KTAP result; tests/bench/run reads them.
set -u

. "$TOP/tests/lib/synproxy.sh"

PORT=80 OTHER=81
WARM_UP=16
# A gate that lets so many refused segments of a prefix through in a second must be closed before
# refusing is measured.
GATE_WARM_UP=48

bench_module()
{
	if [ "$PLATFORM" = vm ]; then
		echo "$TOP/build/guest-files/bench/$(uname -r)/cbbench.ko"
	else
		echo "$TOP/build/$PLATFORM/bench/cbbench.ko"
	fi
}

topology()
{
	insmod "$(bench_module)" || return 1
	sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.router_solicitations=0 net.core.somaxconn=8192 \
		net.ipv4.tcp_max_syn_backlog=8192
	ip -batch - <<-LINK || return 1
		link set cbbench up
		addr add 10.99.0.2/24 dev cbbench
		addr add fd99::2/64 dev cbbench nodad
		neigh add 10.99.0.1 lladdr 02:00:00:00:99:01 nud permanent dev cbbench
		neigh add fd99::1 lladdr 02:00:00:00:99:01 nud permanent dev cbbench
		route add default via 10.99.0.1
		route add ::/0 via fd99::1
	LINK
}

# Where a host filters or forwards; and a table that the benchmark does not fill.
synproxy()
{
	synproxy_rules "$1" $PORT || return 1
	sysctl -qw net.netfilter.nf_conntrack_max=262144
	echo 65536 >/sys/module/nf_conntrack/parameters/hashsize
}

# forwarding 1|0: the guest is a router, and has the servers' network.
forwarding()
{
	sysctl -qw net.ipv4.ip_forward="$1" net.ipv6.conf.all.forwarding="$1"
	if [ "$1" = 0 ]; then
		ip link set cbinner down
		return
	fi
	ip -batch - <<-LINK
		link set cbinner up
		addr replace 10.98.0.1/24 dev cbinner
		addr replace fd98::1/64 dev cbinner nodad
		neigh replace 10.98.0.2 lladdr 02:00:00:00:98:02 nud permanent dev cbinner
		neigh replace fd98::2 lladdr 02:00:00:00:98:02 nud permanent dev cbinner
	LINK
}

# The kernel's own example of SYN cookies in XDP, built by tests/bench/build; behind it synproxy, to
# which it leaves the connections that have shown a cookie.
xdp()
{
	local fs=/sys/fs/bpf

	mountpoint -q $fs || mount -t bpf bpf $fs || return 1
	synproxy input && sysctl -qw net.ipv4.tcp_syncookies=2 || return 1
	bpftool prog loadall "$TOP/build/guest-files/bench/$(uname -r)/xdp_synproxy.o" $fs/bench \
		pinmaps $fs/maps || return 1
	bpftool map update pinned $fs/maps/allowed_ports key 0 0 0 0 value $PORT 0 || return 1
	bpftool net attach xdpgeneric pinned $fs/bench/syncookie_xdp dev cbbench
}

drop()
{
	nft -f - <<-RULES
		table $1 bench {
			chain door {
				type filter hook $2 priority $3
				tcp dport $PORT drop
			}
		}
	RULES
}

cookiebox_module()
{
	local -a needed

	[ ! -d /sys/module/cookiebox ] || return 0
	IFS=, read -r -a needed < <(modinfo -F depends "$MODULE")
	[ ${#needed[@]} = 0 ] || modprobe -a "${needed[@]}" || return 1
	insmod "$MODULE"
}

# The service that decides is found behind 10,000 others, whose addresses are longer prefixes. A
# guest that is emulated does 400 million instructions a second and more: to set them takes less than 2 s.
MANY_MS=800

many_services()
{
	local before took

	{
		echo "service add bench port $PORT mode local engage always reply route"
		seq 5000 | awk '{
			printf "service add s%d addr 10.9.%d.%d port 80 mode local\n", $1, $1 / 256, $1 % 256
			printf "service add t%d addr fd00::%x port 80 mode local\n", $1, $1 }'
	} >/many.conf
	before=$(date +%s%N)
	cookiebox setconf /many.conf || return 1
	took=$((($(date +%s%N) - before) / 1000000))
	number=$((number + 1))
	[ $took -le $MANY_MS ] || [ "$PLATFORM" != vm ] || echo -n "not "
	echo "ok $number - 10,000 services by one setconf take $took ms, at most $MANY_MS"
}

# Flows that wait for a made-up end are told, and are gone.
unload_spliced()
{
	cookiebox service del bench && cookiebox cache flush --pinned >/dev/null
	for _ in $(seq 50); do
		rmmod cookiebox 2>/dev/null && return
		sleep 0.1
	done
}

# begin PEER: everything else is the kernel's default.
begin()
{
	[ ! -d /sys/module/cookiebox ] || return 1	# the peer before has left it
	case $1 in
	none)
		;;
	drop-prerouting)
		drop inet prerouting raw ;;
	drop-ingress)
		drop netdev "ingress device cbbench" 0 ;;
	in-stack)
		sysctl -qw net.ipv4.tcp_syncookies=2 ;;
	synproxy)
		synproxy input ;;
	gw-none)
		forwarding 1 ;;
	gw-synproxy)
		forwarding 1 && synproxy forward ;;
	gw-splice)
		forwarding 1 && cookiebox_module && sysctl -qw net.cookiebox.splice_adopt_seconds=0 &&
			cookiebox service add bench port $PORT mode splice engage always unknown drop ;;
	xdp)
		xdp ;;
	route|reflect)
		cookiebox_module &&
			cookiebox service add bench port $PORT mode local engage always reply "$1" ;;
	use-off)
		cookiebox_module &&
			cookiebox service add bench port $PORT mode local engage always single-use off ;;
	many)
		cookiebox_module && many_services ;;
	*)
		false ;;
	esac
}

end()
{
	case $1 in
	drop-*|synproxy)
		nft flush ruleset ;;
	gw-*)
		nft flush ruleset
		forwarding 0
		[ ! -d /sys/module/cookiebox ] || unload_spliced ;;
	in-stack)
		sysctl -qw net.ipv4.tcp_syncookies=1 ;;
	xdp)
		bpftool net detach xdpgeneric dev cbbench
		nft flush ruleset ;;
	route|reflect|use-off|many)
		rmmod cookiebox ;;
	esac
}

# measure PEER ROW FAMILY
measure()
{
	local port=$PORT row=$2 warm_up=$WARM_UP

	case $row in
	other)
		port=$OTHER row=later ;;
	syn-calm)
		# More places, and so many that all of these SYNs are a calm time.
		row=syn
		sysctl -qw net.cookiebox.embryonic_max=32768 ;;
	bad*|gw-bad)
		warm_up=$GATE_WARM_UP ;;
	esac
	number=$((number + 1))
	if echo "$row $3 $port $ROUNDS $warm_up" >/proc/cbbench; then
		echo "data {\"peer\": \"$1\", \"name\": \"$2\", \"result\": $(</proc/cbbench)}"
		echo "ok $number - $1 $2 IPv$3"
	else
		echo "not ok $number - $1 $2 IPv$3"
	fi
	[ "$2" != syn-calm ] || sysctl -qw net.cookiebox.embryonic_max=1024
}

peer()
{
	local name=${1%%:*} family row
	local -a rows

	IFS=, read -r -a rows <<<"${1#*:}"
	if ! begin "$name"; then
		number=$((number + 1))
		echo "not ok $number - $name cannot be set up: $(dmesg | tail -n 1)"
		return
	fi
	for family in "${families[@]}"; do
		for row in "${rows[@]}"; do
			measure "$name" "$row" "$family"
		done
	done
	# Where a module was while its functions ran.
	[ -z "$kallsyms" ] || grep " [tTwW] " /proc/kallsyms >"/out/kallsyms-$name"
	end "$name"
}

main()
{
	number=0 families=() kallsyms=
	ROUNDS=$1
	shift
	while [ "$1" != / ]; do
		[ "$1" != kallsyms ] && families+=("$1") || kallsyms=1
		shift
	done
	shift
	topology || { echo "Bail out! no device: $(dmesg | tail -n 2)"; exit 1; }
	for name; do
		peer "$name"
	done
	rmmod cbbench
	echo "1..$number"
}

main "$@"
