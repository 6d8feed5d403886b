#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/6 uml-debug/4
# families: 4 6
# timeout: 120
#
# ICMP errors about segments that a box has translated: whoever gets one finds in it the number that
# it sent. And what it is for: a path whose MTU is small, before and behind the box, where only the
# errors tell.
#
#   client ── c0  b0 ── box ── b1  s0 ── server: raw ends, and a page of 200 kB by nginx
#                                        i0 ── n0 inner, behind the server as a second router
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

whole_page()
{
	client curl -sS --fail --max-time 20 "http://$URLHOST/big" | cmp - "$TMPDIR/www/big"
}

upload()
{
	rm -f "$TMPDIR/www/up/big"
	client curl -sS --fail --max-time 20 -T "$TMPDIR/www/big" "http://$URLHOST/up/big" >/dev/null &&
		cmp "$TMPDIR/www/up/big" "$TMPDIR/www/big"
}

# learned client|server ADDRESS: what the kernel there has been told about the path.
learned()
{
	in_ns "$1" ip route get "$2" | grep -o 'mtu [0-9]*'
}

forget()
{
	local ns
	for ns in client server; do
		ip -n $ns route flush cache
		ip -n $ns -6 route flush cache
	done
}

# narrow WAY DEVICE: the box' device has a small MTU, of which the ends' own devices know nothing.
narrow()
{
	local at="$1, MTU of 1300 at $2"

	forget
	box ip link set "$2" mtu 1300
	[ "$2" = b0 ] && { check "$at: a download" whole_page
		check_match "$at: the server was told" 'mtu 1300' "$(learned server "$CLIENT")"; }
	# A box that answers for the server announces no more than its own way there takes.
	[ "$2" = b1 ] && { check "$at: an upload" upload
		[ "$1" = spliced ] || check_match "$at: the client was told" 'mtu 1300' \
			"$(learned client "$SERVER")"; }
	box ip link set "$2" mtu 1500
}

# A host behind the server, which forwards to it over a link that takes 1300.
further()
{
	behind_server
	ip -n server link set i0 mtu 1300
	wait_for 5 client busybox ping -c 1 -W 1 "$INNER" || die "nobody behind the server"
}

# carried: the whole of it arrives there.
carried()
{
	local there

	in_ns inner timeout 40 socat -u "TCP$FAMILY-LISTEN:9000,reuseaddr" CREATE:"$TMPDIR/carried" &
	there=$!
	wait_for 20 listening inner 9000 || die "nobody listens behind the server"
	client timeout 20 socat -u "FILE:$TMPDIR/www/big" "TCP$FAMILY:$URLINNER:9000"
	wait $there
	cmp "$TMPDIR/carried" "$TMPDIR/www/big"
}

# What the box announces is the server's own MSS, and that is too much for the way behind it.
beyond()
{
	local at="$1, MTU of 1300 behind the server" before=0

	forget
	if [ "$1" = spliced ]; then
		box cookiebox service add inner addr "$INNER" port 9000 mode splice || die "service add"
		before=$(stat_of spliced)
	fi
	check "$at: an upload" carried		# of a server that is not known yet
	check "$at: another" carried
	check_match "$at: the client was told" 'mtu 1300' "$(learned client "$INNER")"
	[ "$1" = plain ] || check "$at: spliced" test "$(stat_of spliced)" -gt "$before"
}

plan
gateway
through splice-icmp.py
further		# not before: a server that forwards would send back what is for made-up ones
start_nginx
head -c 200000 /dev/urandom >"$TMPDIR/www/big"
for way in $(ways); do
	go "$way"
	narrow "$way" b0
	narrow "$way" b1
	beyond "$way"
done
finish
