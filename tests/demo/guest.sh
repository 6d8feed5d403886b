#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/demo/guest.sh - the part of `make demo` that runs in the test guest.
#
#   client namespace          gateway namespace              server namespace
#   10.1.0.2 cli0 ----- gwc 10.1.0.1  10.2.0.1 gws ----- srv0 10.2.0.80
#   load (honest)             flood (spoofed SYNs, sent out of gws)      nginx + one defence
#                             answers to made-up addresses are counted and dropped here
#
# Owns the three namespaces; they are made anew for every defence. Every measurement has a new
# nginx: what was half-open at the old one is gone with its listener.
# Arguments: DEFENCE RATE... [/ DEFENCE RATE...]..., the rates of the flood in SYNs a second.
# Prints every measurement as one line "data {...}" and one KTAP result; tests/demo/run reads them.
set -u

REQUESTS=400 REQUEST_RATE=100
TOOLS=/cookiebox/build/guest-files/demo
SERVER=10.2.0.80 PORT=80 PAGE=/page.html PAGE_BYTES=8192 DEADLINE_MS=5000
# A half-open connection lives 63 s with Debian's five retransmissions: below this rate the queue
# needs that long to show what it comes to, above it fills within two seconds.
# A closed listener's half-open connections go when their timers fire, 32 s later at most.
SLOW_RATE=500 SLOW_WARM_UP=66 WARM_UP=2 SETTLE=33
WORK=$(mktemp -d)

# One program start costs an emulated machine more than a thousand SYNs do: hence the batches.
topology()
{
	ip -batch - <<-LINKS
		netns add srv
		netns add gw
		netns add cli
		link add gws netns gw address 02:00:00:00:00:01 type veth \
			peer name srv0 netns srv address 02:00:00:00:00:80
		link add gwc netns gw type veth peer name cli0 netns cli
	LINKS
	ip -n srv -batch - <<-LINKS
		addr add $SERVER/24 dev srv0
		link set lo up
		link set srv0 up
	LINKS
	ip -n gw -batch - <<-LINKS
		addr add 10.2.0.1/24 dev gws
		addr add 10.1.0.1/24 dev gwc
		link set gws up
		link set gwc up
	LINKS
	ip -n cli -batch - <<-LINKS
		addr add 10.1.0.2/24 dev cli0
		link set cli0 up
		route add default via 10.1.0.1
	LINKS
	ip -n srv route add default via 10.2.0.1
	ip netns exec gw bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; exec nft -f -' <<-RULES
		table netdev demo {
			counter answers { }
			chain ingress {
				type filter hook ingress device gws priority 0
				ip daddr 10.0.0.0/8 accept
				ip saddr $SERVER tcp sport $PORT tcp flags & (syn | ack) == syn | ack \
					counter name answers drop
				ip protocol tcp drop
			}
		}
	RULES
}

# The ruleset that nft's own documentation recommends.
defend_with_synproxy()
{
	nft -f - <<-RULES || return 1
		table ip demo {
			chain raw {
				type filter hook prerouting priority raw
				tcp dport $PORT tcp flags syn notrack
			}
			chain input {
				type filter hook input priority filter
				tcp dport $PORT ct state invalid,untracked \
					synproxy mss 1460 wscale 7 timestamp sack-perm
				ct state invalid drop
			}
		}
	RULES
	echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
}

# Runs in the server's namespace. What differs between the rounds; everything else is Debian's
# default, but for the SYN queue: it is made as long as nginx' own backlog of 511 allows, so that
# "none" is not a straw man.
defend()
{
	echo 4096 >/proc/sys/net/ipv4/tcp_max_syn_backlog
	case $1 in
	door)
		nft -f - <<-RULES
			table netdev demo {
				chain ingress {
					type filter hook ingress device srv0 priority 0
					ip saddr != 10.0.0.0/8 drop
				}
			}
		RULES
		;;
	none)
		echo 0 >/proc/sys/net/ipv4/tcp_syncookies ;;
	cookies)
		echo 1 >/proc/sys/net/ipv4/tcp_syncookies ;;
	synproxy)
		defend_with_synproxy ;;
	cookiebox)
		cookiebox service add web addr $SERVER port $PORT mode local engage always ;;
	esac
}

# Runs in the server's namespace.
serve()
{
	[ "$1" != synproxy ] || conntrack -F 2>/dev/null
	exec nginx -c "$WORK/nginx.conf"
}

prepare_files()
{
	head -c $PAGE_BYTES /dev/zero | tr '\0' x >"$WORK$PAGE"
	cat >"$WORK/nginx.conf" <<-CONF
		worker_processes 1;
		pid $WORK/nginx.pid;
		error_log $WORK/error.log;
		events { worker_connections 4096; }
		http {
			access_log off;
			server { listen $SERVER:$PORT; root $WORK; }
		}
	CONF
	chmod 755 "$WORK"
}

# One page by curl, without a flood: the server is up, as an ordinary client sees it.
first_page()
{
	ip netns exec cli curl -s -o /dev/null --retry 3 --retry-connrefused --max-time 5 \
		-w '%{size_download}' "http://$SERVER:$PORT$PAGE"
}

# Time since boot in hundredths of a second: all, and idle (which Linux measures, not samples).
cpu_times()
{
	local -a t

	read -r -a t </proc/stat
	echo "$((t[1] + t[2] + t[3] + t[4] + t[5] + t[6] + t[7] + t[8])), $((t[4] + t[5]))"
}

answers()
{
	ip netns exec gw nft list counter netdev demo answers |
		while read -r word count _; do [ "$word" != packets ] || echo "$count"; done
}

# What the tool shows of the module, on one line.
module_shows()
{
	local text=null

	[ "$1" != cookiebox ] || text=$(ip netns exec srv cookiebox -j show)
	echo "${text//$'\n'/ }"
}

start_flood()
{
	local warm_up=$WARM_UP

	[ "$1" -gt 0 ] || return
	[ "$1" -ge $SLOW_RATE ] || warm_up=$SLOW_WARM_UP
	ip netns exec gw chrt -f 1 "$TOOLS/../synflood" gws 02:00:00:00:00:80 $SERVER $PORT "$1" \
		$((warm_up + REQUESTS / REQUEST_RATE + 10)) >"$WORK/flood" &
	flood=$!
	sleep $warm_up
}

stop_flood()
{
	[ "$1" -gt 0 ] || { echo '{"sent": 0, "seconds": 0}' >"$WORK/flood"; return; }
	kill -TERM "$flood"
	wait "$flood"
}

stop_server()
{
	[ ! -e "$WORK/nginx.pid" ] || kill -QUIT "$(<"$WORK/nginx.pid")"
	[ "$1" = 0 ] || sleep $SETTLE
	for _ in {1..50}; do
		[ -e "$WORK/nginx.pid" ] || return 0
		sleep 0.1
	done
}

# measure DEFENCE RATE: one point of the figure.
measure()
{
	local sampler before after answered shows_before shows_after period=1000

	[ "$2" = 0 ] || [ "$2" -ge $SLOW_RATE ] || period=4000
	# shellcheck disable=SC2016 # the inner shell expands it
	ip netns exec srv bash -c 'serve "$1"' - "$1" || return 1
	if [ "$2" = 0 ] && [ "$(first_page)" != $PAGE_BYTES ]; then
		echo "# $1: no page even without a flood"
		return 1
	fi
	answered=$(answers)
	shows_before=$(module_shows "$1")
	ip netns exec srv "$TOOLS/sample" $period >"$WORK/sample" &
	sampler=$!
	start_flood "$2"
	before=$(cpu_times)
	ip netns exec cli "$TOOLS/load" $SERVER $PORT $PAGE "$REQUEST_RATE" "$REQUESTS" $DEADLINE_MS \
		$PAGE_BYTES >"$WORK/load"
	after=$(cpu_times)
	shows_after=$(module_shows "$1")
	stop_flood "$2"
	kill -TERM $sampler
	wait $sampler
	echo "data {\"defence\": \"$1\", \"rate\": $2, \"load\": $(<"$WORK/load")," \
		"\"flood\": $(<"$WORK/flood"), \"peak\": $(<"$WORK/sample")," \
		"\"answers\": $(($(answers) - answered)), \"cpu\": [$before, $after]," \
		"\"show\": [$shows_before, $shows_after]}"
}

# round DEFENCE RATE...
round()
{
	local rate defence=$1

	shift
	topology
	# shellcheck disable=SC2016 # the inner shell expands it
	ip netns exec srv bash -c 'defend "$1"' - "$defence" || echo "# no $defence here"
	for rate; do
		number=$((number + 1))
		measure "$defence" "$rate" && echo -n "ok" || echo -n "not ok"
		echo " $number - measured $defence at $rate SYN/s"
		stop_server "$rate"
	done
	ip -batch - <<-NAMES
		netns del cli
		netns del gw
		netns del srv
	NAMES
	sleep 1
}

# insmod loads nothing that a module depends on.
load_module()
{
	local -a needed

	IFS=, read -r -a needed < <(modinfo -F depends "$MODULE")
	[ ${#needed[@]} = 0 ] || modprobe -a "${needed[@]}" || return 1
	insmod "$MODULE" || { echo "# the module did not load: $(dmesg | tail -n 1)"; return 1; }
}

main()
{
	local -a words=()
	local word

	number=0
	echo "1..$(($(wc -w <<<"$*") - 2 * $(tr -cd / <<<"$*" | wc -c) - 1))"
	modprobe veth
	[[ " $* " != *" cookiebox "* ]] || load_module || exit 1
	prepare_files
	export -f defend defend_with_synproxy serve
	export SERVER PORT WORK
	for word in "$@" /; do
		[ "$word" = / ] || { words+=("$word"); continue; }
		round "${words[@]}"
		words=()
	done
}

main "$@"
