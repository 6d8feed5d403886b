#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6
# families: 4 6
# timeout: 240
#
# What an admin sees: verify finds what is wrong, and nothing where all is well; show and verify tell by
# their exit status; get names who decides; fidelity counts what clients lose; Prometheus can read it.
#
#   raw clients, an MPTCP and a Fast Open client at c0 ──── veth ──── s0: nginx, some services
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

# finding LEVEL SENTENCE...: verify says so; the output is in $TMPDIR/verify, the status in $TMPDIR/status.
verify()
{
	server cookiebox verify "$@" >"$TMPDIR/verify" 2>&1
	echo $? >"$TMPDIR/status"
}

finding()
{
	check_match "$1: $2" "^$1 .*$2" "$(cat "$TMPDIR/verify")"
}

status_is()
{
	check_equal "$1: exit status" "$2" "$(cat "$TMPDIR/status")"
}

# shown STATUS WHAT
shown()
{
	server cookiebox show >/dev/null
	check_equal "show: $2: exit status" "$1" $?
}

healthy()
{
	verify
	status_is "all is well" 0
	finding ok 'tcp_syncookies is 1'
	finding ok 'web: .* port 80: a cookie was sealed, opened and accepted'
	finding ok 'observed: .* port 80: observed: a cookie would have been sealed'
	finding ok 'calm: .* it is calm: the stack answered'
	finding ok 'marked: .* a cookie was sealed, opened and accepted'
	finding note 'idle: not tried: engage is off'
	finding note 'ruled: not tried: only rules select it'
	finding note 'empty: not tried: nobody listens there'
	finding note 'friend: .* the stack answered: .*allow list'
	finding ok 'come in by s0 .* are answered through it'
	check_equal "as JSON: well" true "$(server cookiebox -j verify | jq .well)"
	check_equal "as JSON: the findings of the text" "$(($(wc -l <"$TMPDIR/verify") - 1))" \
		"$(server cookiebox -j verify | jq '.findings | length')"
}

# with NAME=VALUE LEVEL SENTENCE [SERVICE]: a sysctl, and what verify says to it.
with()
{
	local name=${1%%=*} old
	old=$(server sysctl -n "$name")
	server sysctl -qw "$1"
	verify "${4:-web}"
	finding "$2" "$3"
	[ "$2" != problem ] || status_is "$1" 3
	[ "$1" != net.ipv4.tcp_syncookies=0 ] || shown 3 "tcp_syncookies is 0"
	server sysctl -qw "$name=$old"
}

# A second way out, which the address of s0 is sent to.
other_way()
{
	ip -n server link add d0 up type dummy
	ip -n server -"$FAMILY" rule add from "$SERVER" table 7
	ip -n server -"$FAMILY" route add default dev d0 table 7
	verify web
	finding note "come in by s0 to $SERVER are answered through d0"
	ip -n server -"$FAMILY" rule del from "$SERVER" table 7
	ip -n server link del d0
}

# The same where rp_filter, which only IPv4 has, looks at it.
strict()
{
	ip -n server link add d0 up type dummy
	ip -n server rule add from 10.0.0.2 table 7
	ip -n server route add default dev d0 table 7
	with net.ipv4.conf.s0.rp_filter=1 note \
		'come in by s0 to 10.0.0.2 would be answered through d0, and rp_filter is strict on s0'
	ip -n server rule del from 10.0.0.2 table 7
	ip -n server link del d0
}

# Connection tracking, which holds as many as it may.
tracked()
{
	local count most
	modprobe -qa nf_conntrack nft_ct
	server nft -f - <<-END
		table inet track {
			chain input {
				type filter hook input priority filter; ct state new accept
			}
		}
	END
	raw >/dev/null <<<"label=tracked"
	count=$(server sysctl -n net.netfilter.nf_conntrack_count)
	most=$(sysctl -n net.netfilter.nf_conntrack_max)
	sysctl -qw "net.netfilter.nf_conntrack_max=$count"
	verify web
	finding problem "connection tracking holds [0-9]* of $count entries, and drops new connections"
	status_is "connection tracking is full" 3
	sysctl -qw "net.netfilter.nf_conntrack_max=$most"
	verify web
	finding ok "connection tracking holds [0-9]* of $most entries"
	server nft delete table inet track
}

refused_by_rules()
{
	server nft -f - <<-END
		table inet deny {
			chain input {
				type filter hook input priority filter;
				tcp dport 80 tcp flags & (syn | ack) == ack drop
			}
		}
	END
	verify web
	finding problem 'a cookie was sealed, and its ACK was not accepted'
	status_is "rules refuse the ACK" 3
	server nft delete table inet deny
}

# lost WHAT: of service web.
lost()
{
	server cookiebox -j show fidelity | jq ".[] | select(.service == \"web\") | .$1"
}

fidelity()
{
	local what
	check_match "nothing is lost yet" 'every SYN that was answered has what it offered' \
		"$(server cookiebox show fidelity)"
	server sysctl -qw net.cookiebox.embryonic_max=0
	raw >/dev/null <<-END
		label=exact
		label=mss mss=1459
		label=scale layout=mss,nop,ws,nop,nop,sok ws=9
		label=row layout=mss,nop,ws,nop,nop,sok ws=8
	END
	check_equal "one MSS is rounded" 1 "$(lost mss)"
	check_equal "one window scale is rounded" 1 "$(lost wscale)"
	for what in sack ecn mptcp fastopen; do
		check_equal "no $what is lost" 0 "$(lost $what)"
	done
	server sysctl -qw net.cookiebox.embryonic_max=1024
	raw >/dev/null <<<"label=remembered mss=1459"
	check_equal "in calm the MSS is exact" 1 "$(lost mss)"
}

# A listener that speaks MPTCP at 81 and one that takes Fast Open at 82, and a client of each.
extras()
{
	modprobe -q mptcp 2>/dev/null
	server sysctl -qw net.ipv4.tcp_fastopen=3 net.mptcp.enabled=1 2>/dev/null
	client sysctl -qw net.ipv4.tcp_fastopen=1 net.mptcp.enabled=1 2>/dev/null
	server python3 -B - <<-'END' &
		import socket, select
		def listen(port, proto, fast):
		    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, proto)
		    if fast:
		        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
		    s.bind(("::", port))
		    s.listen(16)
		    return s
		socks = [listen(82, 0, True)]
		try:
		    socks.append(listen(81, 262, False))
		except OSError:
		    pass
		while True:
		    for s in select.select(socks, [], [])[0]:
		        s.accept()[0].close()
	END
	wait_for 20 listening server 82 || die "nobody listens"
	server cookiebox service set web port 80-82
	ADDRESS=$SERVER client python3 -B - <<-'END'
		import os, socket
		family = socket.AF_INET6 if ":" in os.environ["ADDRESS"] else socket.AF_INET
		s = socket.socket(family, socket.SOCK_STREAM)
		s.sendto(b"x", socket.MSG_FASTOPEN, (os.environ["ADDRESS"], 82))
		try:
		    s = socket.socket(family, socket.SOCK_STREAM, 262)
		    s.connect((os.environ["ADDRESS"], 81))
		except OSError:
		    pass
	END
	check_equal "Fast Open is lost once" 1 "$(lost fastopen)"
	if [ -n "$(server ss -HltnM 'sport = :81' 2>/dev/null)" ]; then
		check_equal "MPTCP is lost once" 1 "$(lost mptcp)"
	else
		skip "MPTCP is lost once" "this kernel has no MPTCP"
	fi
}

prometheus()
{
	server cookiebox stats --prometheus >"$TMPDIR/metrics"
	check_equal "Prometheus: nothing but comments and samples" "" "$(grep -vE \
		-e '^# (HELP cookiebox_[a-z_]+ [^ ].*|TYPE cookiebox_[a-z_]+ (counter|gauge))$' \
		-e '^cookiebox_[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [0-9]+$' "$TMPDIR/metrics")"
	check_equal "Prometheus: each name has one type" "" \
		"$(awk '/^# TYPE/ { print $3 }' "$TMPDIR/metrics" | sort | uniq -d)"
	check_match "Prometheus: the SYNs that were answered" \
		'service="web",reason="syn_answered",class="answer",observed="no"} [1-9]' \
		"$(cat "$TMPDIR/metrics")"
	check_match "Prometheus: what was reduced" \
		'cookiebox_reduced_total.service="web",option="mss". 1$' "$(cat "$TMPDIR/metrics")"
}

get_names()
{
	check_match "get: the service" '^web decides' "$(server cookiebox get "$CLIENT" "$SERVER" 80)"
	[ "$PLATFORM" = vm ] || return
	server ip6tables-nft -t raw -A PREROUTING -p tcp -j COOKIEBOX --service ruled ||
		die "no rule: $(kernel_log | tail -n 3)"
	check_match "get: and the rules" 'ruled decides instead where an iptables rule' \
		"$(server cookiebox get "$CLIENT" "$SERVER" 80)"
	check_equal "get: as JSON" '[{"service":"ruled","rules":1}]' \
		"$(server cookiebox -j get "$CLIENT" "$SERVER" 80 | jq -c .rules)"
	server ip6tables-nft -t raw -F
}

export XTABLES_LIBDIR=$TOP/build:/usr/lib/x86_64-linux-gnu/xtables
plan
topology
start_nginx
load_module
shown 3 "no service"
verify
finding problem 'nothing is protected'
protect
shown 0 "one service"
fidelity
extras
server cookiebox service add observed addr "$SERVER" port 80 mode local engage observe
server cookiebox service add calm addr "$SERVER" port 80 mark 1 mode local engage auto
server cookiebox service add marked port 80 mark 2 mode local
server cookiebox service add friend port 80 mark 4 mode local \
	allow 127.0.0.0/8,10.0.0.0/8,::1,fd00::/16
server cookiebox service add idle port 70 mode local engage off
server cookiebox service add empty port 71 mode local
server cookiebox service add ruled mode local
healthy
with net.ipv4.tcp_syncookies=2 problem 'tcp_syncookies is 2: the stack seals every SYN' calm
server cookiebox service del observed calm
with net.ipv4.tcp_syncookies=0 problem 'tcp_syncookies is 0'
with net.ipv4.tcp_timestamps=0 note 'tcp_timestamps is 0'
with net.ipv4.tcp_sack=0 note 'tcp_sack is 0'
other_way
strict
refused_by_rules
tracked
prometheus
get_names
finish
