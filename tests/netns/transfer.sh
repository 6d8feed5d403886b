#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 400
#
# 100 MB each way through connections that cookies made, byte for byte: at 0 ms with checksums and
# segments of a real wire, at 200 ms (netem) with the offloads of a virtual one.
#
#   curl at c0 ──── veth, netem on both ends ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

BYTES=$((100 * 1000 * 1000))
SOURCE=$TMPDIR/www/big

download()
{
	client curl -sS --fail --max-time 150 "http://$URLHOST/big" | cmp - "$SOURCE"
}

upload()
{
	rm -f "$TMPDIR/www/up/big"
	client curl -sS --fail --max-time 150 -T "$SOURCE" "http://$URLHOST/up/big" >/dev/null &&
		cmp "$TMPDIR/www/up/big" "$SOURCE"
}

# Buffers that a path of 200 ms needs; the window that the SYN-ACK announces depends on them.
large_windows()
{
	in_ns "$1" sysctl -qw net.ipv4.tcp_rmem="4096 1048576 33554432" \
		net.ipv4.tcp_wmem="4096 1048576 33554432"
}

both_ways()
{
	local accepted started=$SECONDS

	accepted=$(stat_of cookie_accepted)
	check "100 MB from the server, $1" download
	check "100 MB to the server, $1" upload
	grew "both through cookies, $1" cookie_accepted "$accepted" 2
	note "$1: $((SECONDS - started)) s"
}

plan 6
topology
large_windows client
large_windows server
start_nginx
head -c $BYTES /dev/urandom >"$SOURCE"
protect

both_ways "0 ms"
set_delay 200 || die "no netem"
client ethtool -K c0 tx on tso on gso on >/dev/null
server ethtool -K s0 tx on tso on gso on >/dev/null
both_ways "200 ms"
finish
