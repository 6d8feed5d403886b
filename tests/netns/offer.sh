#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast
# check: 6.1/6 uml-fast/4
# families: 4 6
# timeout: 300
#
# The SYN-ACK of the module beside the stack's own, under the same sysctls, routes and SYNs: it
# offers no more than the host allows, and nothing in it tells a scanner more than the stack does.
#
#   raw clients at c0 ──── veth ──── s0: nginx; service web, engaged or off
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

SYNS="label=linux layout=mss,sok,ts,nop,ws ws=7 quirks=df,id+
label=linux-ecn layout=mss,sok,ts,nop,ws ws=7 quirks=df,id+,ecn
label=windows layout=mss,nop,ws,nop,nop,sok ws=8 quirks=df,id+
label=windows-ecn layout=mss,nop,ws,nop,nop,sok ws=8 quirks=df,id+,ecn
label=apple layout=mss,nop,ws,nop,nop,ts,sok,eol+1 ws=6 quirks=df
label=bare layout=mss
label=no-option layout= mss=0
label=scale-15 layout=mss,nop,ws ws=15
label=tiny-window layout=mss,nop,ws,nop,nop,sok ws=0 win=1
label=data layout=mss,sok,ts,nop,ws ws=7 data=100"

# What a scanner sees of the SYN-ACK, but for the order of options and the window, judged apart.
# The cookie has no row for ECN without SACK or without window scaling: LOST is left out.
seen()
{
	fields label label a_mss a_ws a_sack a_ts a_flags a_ttl a_df a_len a_id <"$1" |
		awk -v lost="$LOST" '$1 != lost { $10 = $10 > 0; print }'
}

layouts()
{
	fields label label a_layout <"$1"
}

# same VIEW: what both answers look like through it is the same; only what differs is shown.
same()
{
	diff <("$1" "$TMPDIR/stack") <("$1" "$TMPDIR/module")
}

windows()
{
	field a_win <"$1"
}

# The window is the listener's business. The socket of a cookie rounds it to the client's MSS, the
# stack's SYN-ACK to its own: apart from that they are the same.
windows_near()
{
	paste "$1" "$2" | awk '$2 > $1 * 1.02 || $2 < $1 * 0.9 { bad = 1; print } END { exit bad }'
}

LOST=

engage()
{
	[ -z "$MODULE" ] || server cookiebox service set web engage "$1"
}

# compare SETTING: the stack's answers, then the module's.
compare()
{
	local answered
	engage off
	RAW_DEFAULTS="do=syn wait=10" raw <<<"$SYNS" >"$TMPDIR/stack"
	engage always
	answered=$(stat_of syn_answered)
	RAW_DEFAULTS="do=syn wait=10" raw <<<"$SYNS" >"$TMPDIR/module"
	windows "$TMPDIR/stack" >"$TMPDIR/stack.win"
	windows "$TMPDIR/module" >"$TMPDIR/module.win"
	check "$1: offers, header and length are the stack's" same seen
	check "$1: options stand in the stack's order" same layouts
	check "$1: windows are the stack's, rounding apart" \
		windows_near "$TMPDIR/stack.win" "$TMPDIR/module.win"
	check_equal "$1: checksums and echoes are right" "" \
		"$(fields label label bad_csum a_ts tsecr_ok <"$TMPDIR/module" |
		awk '$2 != 0 || ($3 == 1 && $4 != 1)')"
	grew "$1: the module answered" syn_answered "$answered" "$(wc -l <<<"$SYNS")"
}

with_sysctl()
{
	local old
	old=$(server sysctl -n "$1")
	server sysctl -qw "$1=$2"
	compare "$1=$2"
	server sysctl -qw "$1=$old"
}

plan
topology
start_nginx
server sysctl -qw net.ipv4.tcp_ecn=2
protect

compare "defaults"
with_sysctl net.ipv4.tcp_timestamps 0
LOST=windows-ecn
with_sysctl net.ipv4.tcp_sack 0
with_sysctl net.ipv4.tcp_window_scaling 0
LOST=
with_sysctl net.ipv4.tcp_ecn 0
with_sysctl net.ipv4.tcp_ecn 1
with_sysctl net.ipv4.ip_default_ttl 77
with_sysctl net.ipv4.tcp_rmem "4096 262144 33554432"
set_mtu 1380
compare "mtu 1380"
set_mtu 1500
server ip route replace 10.1.0.0/16 via 10.0.0.1 advmss 1111
server ip -6 route replace fd01::/64 via fd00::1 advmss 1111
sleep 0.3 # what depends on the destination alone may be cached for 100 ms
compare "route advmss 1111"
finish
