# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/demo/scene.sh - sourced by the demos' guest scripts: three namespaces, a server, a defence.
#
#   client namespace          gateway namespace              server namespace
#   10.1.0.2 cli0 ----- gwc 10.1.0.1  10.2.0.1 gws ----- srv0 10.2.0.80
#   load (honest)             the attacker, who sends out of gws         nginx + one defence
#                             answers to addresses outside 10/8 are counted and dropped here
#
# With GUARD=box the defence is on a router in front of that server, which has none of its own:
#
#   gws 10.3.0.1 ----- bxo 10.3.0.2  box  bxi 10.2.0.1 ----- srv0
#
# Owns the namespaces (stage, strike) and nginx (start_server, stop_server). What a script may set
# before: COOKIES, the value of tcp_syncookies for the defence "cookies"; EPOCH, cookiebox' epoch in
# seconds, empty for its default; CONNECTIONS, how many nginx holds; GUARD, the namespace of the defence.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/synproxy.sh"

COOKIES=${COOKIES:-1} EPOCH=${EPOCH:-} CONNECTIONS=${CONNECTIONS:-4096}
TOOLS=/cookiebox/build/guest-files/demo
GATEWAY_MAC=02:00:00:00:00:01 SERVER_MAC=02:00:00:00:00:80 BOX_MAC=02:00:00:00:00:02
SERVER=10.2.0.80 PORT=80 PAGE=/page.html PAGE_BYTES=8192
WORK=$(mktemp -d)

GUARD=${GUARD:-srv}
if [ "$GUARD" = box ]; then
	MODE=splice HOOK=forward DOOR=bxo FLOOD_MAC=$BOX_MAC
else
	MODE=local HOOK=input DOOR=srv0 FLOOD_MAC=$SERVER_MAC
fi

# One program start costs an emulated machine more than a thousand SYNs do: hence the batches.
join_server()
{
	ip -batch - <<-LINKS
		link add gws netns gw address $GATEWAY_MAC type veth \
			peer name srv0 netns srv address $SERVER_MAC
	LINKS
	ip -n gw addr add 10.2.0.1/24 dev gws
}

join_box()
{
	ip -batch - <<-LINKS
		netns add box
		link add gws netns gw address $GATEWAY_MAC type veth \
			peer name bxo netns box address $BOX_MAC
		link add bxi netns box type veth peer name srv0 netns srv address $SERVER_MAC
	LINKS
	ip -n box -batch - <<-LINKS
		addr add 10.3.0.2/24 dev bxo
		addr add 10.2.0.1/24 dev bxi
		link set lo up
		link set bxo up
		link set bxi up
		route add default via 10.3.0.1
	LINKS
	ip -n gw addr add 10.3.0.1/24 dev gws
	ip netns exec box bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

topology()
{
	ip -batch - <<-LINKS
		netns add srv
		netns add gw
		netns add cli
		link add gwc netns gw type veth peer name cli0 netns cli
	LINKS
	[ "$GUARD" = box ] && join_box || join_server
	ip -n srv -batch - <<-LINKS
		addr add $SERVER/24 dev srv0
		link set lo up
		link set srv0 up
		route add default via 10.2.0.1
	LINKS
	ip -n gw -batch - <<-LINKS
		addr add 10.1.0.1/24 dev gwc
		link set gws up
		link set gwc up
	LINKS
	[ "$GUARD" != box ] || ip -n gw route add 10.2.0.0/24 via 10.3.0.2
	ip -n cli -batch - <<-LINKS
		addr add 10.1.0.2/24 dev cli0
		link set cli0 up
		route add default via 10.1.0.1
	LINKS
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

# Runs in the server's namespace. Everything is Debian's default, but for the SYN queue: it is made
# as long as nginx' own backlog of 511 allows, so that "none" is not a straw man. Behind a box no
# server defends itself.
harden()
{
	echo 4096 >/proc/sys/net/ipv4/tcp_max_syn_backlog
	case $GUARD/$1 in
	box/*|*/none)
		echo 0 >/proc/sys/net/ipv4/tcp_syncookies ;;
	*/cookies)
		echo "$COOKIES" >/proc/sys/net/ipv4/tcp_syncookies ;;
	esac
}

# Runs in the namespace of the defence: what differs between the rounds.
defend()
{
	case $1 in
	door)
		nft -f - <<-RULES
			table netdev demo {
				chain ingress {
					type filter hook ingress device $DOOR priority 0
					ip saddr != 10.0.0.0/8 drop
				}
			}
		RULES
		;;
	synproxy)
		synproxy_rules $HOOK $PORT ;;
	cookiebox)
		[ -z "$EPOCH" ] || echo "$EPOCH" >/proc/sys/net/cookiebox/epoch_seconds
		cookiebox service add web addr $SERVER port $PORT mode $MODE engage always ;;
	esac
}

# Runs in the server's namespace.
serve()
{
	exec nginx -c "$WORK/nginx.conf"
}

# insmod loads nothing that a module depends on.
load_module()
{
	local -a needed

	IFS=, read -r -a needed < <(modinfo -F depends "$MODULE")
	[ ${#needed[@]} = 0 ] || modprobe -a "${needed[@]}" || return 1
	insmod "$MODULE" || { echo "# the module did not load: $(dmesg | tail -n 1)"; return 1; }
}

# What the rounds have in common; DEFENCES, all in one word.
prepare()
{
	modprobe veth
	[[ " $1 " != *" cookiebox "* ]] || load_module || exit 1
	head -c $PAGE_BYTES /dev/zero | tr '\0' x >"$WORK$PAGE"
	cat >"$WORK/nginx.conf" <<-CONF
		worker_processes 1;
		pid $WORK/nginx.pid;
		error_log $WORK/error.log;
		events { worker_connections $CONNECTIONS; }
		http {
			access_log off;
			server { listen $SERVER:$PORT; root $WORK; }
		}
	CONF
	chmod 755 "$WORK"
	export -f harden defend synproxy_rules serve
	export SERVER PORT WORK COOKIES EPOCH GUARD MODE HOOK DOOR
}

# stage DEFENCE
stage()
{
	topology
	# shellcheck disable=SC2016 # the inner shell expands it
	ip netns exec srv bash -c 'harden "$1"' - "$1"
	# shellcheck disable=SC2016 # the inner shell expands it
	ip netns exec "$GUARD" bash -c 'defend "$1"' - "$1" || echo "# no $1 here"
}

strike()
{
	[ "$GUARD" = srv ] || ip netns del "$GUARD"
	ip -batch - <<-NAMES
		netns del cli
		netns del gw
		netns del srv
	NAMES
	sleep 1
}

# start_server DEFENCE
start_server()
{
	[ "$1" != synproxy ] || ip netns exec "$GUARD" conntrack -F 2>/dev/null
	# shellcheck disable=SC2016 # the inner shell expands it
	ip netns exec srv bash -c 'serve "$1"' - "$1"
}

stop_server()
{
	[ ! -e "$WORK/nginx.pid" ] || kill -TERM "$(<"$WORK/nginx.pid")"
	for _ in {1..50}; do
		[ -e "$WORK/nginx.pid" ] || return 0
		sleep 0.1
	done
}

# first_page DEFENCE: by curl, without a flood: the server is up, as an ordinary client sees it.
first_page()
{
	local got

	got=$(ip netns exec cli curl -s -o /dev/null --retry 3 --retry-connrefused --max-time 5 \
		-w '%{size_download}' "http://$SERVER:$PORT$PAGE")
	[ "$got" = $PAGE_BYTES ] || { echo "# $1: no page even without a flood"; return 1; }
}

# module_says DEFENCE show|stats: what the tool says of the module, on one line.
module_says()
{
	local text=null

	[ "$1" != cookiebox ] || text=$(ip netns exec "$GUARD" cookiebox -j "$2")
	echo "${text//$'\n'/ }"
}

# fetch RATE COUNT DEADLINE_MS: honest clients.
fetch()
{
	ip netns exec cli "$TOOLS/load" $SERVER $PORT $PAGE "$1" "$2" "$3" $PAGE_BYTES
}
