#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/-
# timeout: 500
#
# What a transcript cannot show: no mistake changes anything, 1,000 services,
# dumps while the table changes, a monitor that is too slow.
#
#   a namespace without a network: cookiebox ──netlink── module
. "$(dirname "$0")/../lib/lib.sh"
export TOP

box()
{
	in_ns box "$@"
}

# state: all that bad input could change.
state()
{
	box cookiebox -j show | jq -S 'del(.status.next_epoch_ms, .status.epoch, .status.memory)'
	box cookiebox -j key show --secret | jq -S '[.master, .pending_master, .clock, .flow]'
}

# Every command of the transcripts of mistakes, with services in place: nothing changes.
mistakes()
{
	local before
	cd "$TMPDIR" || return
	box cookiebox service add web port 80 mode local
	before=$(state)
	sed -n 's/^\$ //p' "$TOP"/tests/cli/offline/{service,get,key}.txt >script
	box bash script </dev/null >said 2>&1
	check "the script of mistakes ran to its end" grep -q 'key restore: f can be read' said
	check_equal "no mistake changes anything" "$before" "$(state)"
	box cookiebox service del web
}

# Reads the table while it changes: each dump is of one table, whole.
changing()
{
	local i
	for i in 1 2 3 4 5 6 7 8; do
		box cookiebox service add extra port $i mode local
		box cookiebox service del extra
	done
}

thousand()
{
	local counts before=$SECONDS
	check_equal "1,000 services in one transaction" "begin: ok
commit: ok" "$(box "$TOP/tests/cli/transaction.py" many 1000)"
	check_equal "a dump has all of them" 1000 "$(box cookiebox -j service show | jq length)"
	check_equal "in text, too" 1001 "$(box cookiebox service show | wc -l)"
	check_equal "stats, too" 1000 "$(box cookiebox -j stats | jq '.services | length')"
	changing &
	counts=$(for _ in 1 2 3 4 5 6; do box cookiebox -j service show | grep -c '"name": '; done |
		sort -u)
	wait $!
	check_match "dumps while the table changes are whole" '^(1000|1001|1000 1001)$' \
		"$(tr '\n' ' ' <<<"$counts" | sed 's/ $//')"
	note "$((SECONDS - before)) s"
}

# heard FILE: events read, and events told as lost.
heard()
{
	jq -s '[(map(select(.event == "lost").count) | add // 0), (map(select(.generation)) | length)] | add' "$1"
}

# A monitor that is stopped while 1,000 services go: what it then reads and what it is told was
# lost make up all of them.
losing()
{
	local monitor
	box cookiebox -j monitor >"$TMPDIR/events" 2>&1 &
	monitor=$!
	wait_for 20 grep -q listening "$TMPDIR/events"
	box cookiebox service add first port 1 mode local
	wait_for 10 grep -q first "$TMPDIR/events"
	kill -STOP $monitor
	# shellcheck disable=SC2046 # names have no blanks
	box cookiebox service del $(seq -f s%g 1000)
	kill -CONT $monitor
	wait_for 10 grep -q '"s1"' "$TMPDIR/events"
	box cookiebox service add last port 2 mode local
	wait_for 10 grep -q '"last"' "$TMPDIR/events"
	kill $monitor
	wait $monitor 2>/dev/null
	check_match "a slow monitor is told how many events it lost" '"event":"lost"' \
		"$(grep lost "$TMPDIR/events")"
	check "and misses none in the sum" [ "$(heard "$TMPDIR/events")" -ge 1002 ]
	box cookiebox service del first last
}

plan
load_module
add_ns box || die "no namespace"
mistakes
thousand
losing
check "root of an own user namespace may" unshare -Urn cookiebox service add web port 80 mode local
ip netns del box
finish
