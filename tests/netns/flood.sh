#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-fast
# check: 6.12/4 uml-fast/6
# families: 4 6
# timeout: 240
#
# A flood of spoofed SYNs (200,000 in a VM, 1,000,000 in User-Mode Linux): nothing is remembered
# for any of them, earlier connections live on, and honest clients are served meanwhile.
#
#   synflood, curl, rawtcp at c0 ──── veth ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

COUNT=200000 HONEST=100 EARLIER=20
[ "$PLATFORM" = vm ] || COUNT=1000000

plan
topology
modprobe -q nf_conntrack 2>/dev/null
server nft -f - <<-END || die "no conntrack rules"
	table inet watch {
		chain in { type filter hook input priority 0; ct state established accept; }
	}
END
start_nginx
server sysctl -qw net.ipv4.tcp_syncookies=1
protect
fetch || die "no page even without a flood"
wait_for 10 sh -c '[ "$(ip netns exec server ss -Htn state established | wc -l)" = 0 ]'

# Connections that exist before the flood and are used again after it.
coproc EARLIER_CONNECTIONS { client python3 "$TOP/tests/lib/keepalive.py" "$SERVER" $EARLIER; }
read -r -t 20 alive <&"${EARLIER_CONNECTIONS[0]}"
check_equal "$EARLIER connections before the flood" $EARLIER "$alive"

start_watch
look
socks_before=$SOCKS conntracks_before=$CONNTRACKS bytes_before=$BYTES
answered_before=$(stat_of syn_answered)
[ -z "$MODULE" ] || check "the module tells how many bytes it holds ($BYTES)" [ "$BYTES" -gt 0 ]

start_flood 0 120 $COUNT
served=$(fetch_many $HONEST)
check "the flood has not ended yet" flooding
check_equal "$HONEST of $HONEST honest connections during the flood" $HONEST "$served"
wait "$FLOOD_PID"
FLOOD_SENT=$(flood_said sent)
check_equal "all SYNs of the flood were sent" $COUNT "$FLOOD_SENT"
answered=$(($(stat_of syn_answered) - answered_before))
check "at least 99 % of them were answered ($answered)" [ $answered -ge $((COUNT * 99 / 100)) ]

look
check_equal "request socks afterwards" "$socks_before" "$SOCKS"
check_equal "the module's own bytes afterwards" "$bytes_before" "$BYTES"
end_watch
note "flooded for $(flood_said seconds) s; $SAMPLES samples"
check_equal "request socks at the peak" "$socks_before" "$SOCKS"
# An honest connection may be seen by conntrack while it lasts, and in TIME_WAIT after it.
check "conntrack entries at the peak ($CONNTRACKS) are those of honest connections" \
	[ "$CONNTRACKS" -le $((conntracks_before + HONEST)) ]
check_equal "the module's own bytes at the peak" "$bytes_before" "$BYTES"
check "looked often enough ($SAMPLES times)" [ "$SAMPLES" -ge 20 ]

echo again >&"${EARLIER_CONNECTIONS[1]}"
read -r -t 60 alive <&"${EARLIER_CONNECTIONS[0]}"
check_equal "$EARLIER earlier connections still serve" $EARLIER "$alive"
finish
