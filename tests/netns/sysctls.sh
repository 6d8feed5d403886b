#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4
# families: 4 6
# timeout: 240
#
# net.cookiebox.*: as Documentation/sysctl.rst says, never clamped; changed under load no connection
# is lost; when the length of epochs is changed, cookies given out before live as long as they were to.
#
#   raw clients and visit at c0 ──── veth, 100 ms ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
export TOP

TS="label=ts"
PLAIN="label=plain layout=mss,nop,ws,nop,nop,sok"
SCRIPT=$TOP/tests/netns/sysctls.py

# In a namespace of its own, with a service, while cookies of another one grow old.
start_ranges()
{
	add_ns other
	in_ns other sh -c 'cookiebox service add web port 80 mode local && exec python3 -B "$@"' \
		sh "$SCRIPT" >"$TMPDIR/ranges" 2>&1 &
	RANGES=$!
}

ranges()
{
	local line n=0
	wait "$RANGES"
	while IFS= read -r line; do
		n=$((n + 1))
		case $line in
		'ok '*) ok "${line#ok }" ;;
		'not ok '*) not_ok "${line#not ok }" ;;
		*) note "$line" && not_ok "ranges: $line" ;;
		esac
	done <"$TMPDIR/ranges"
	check "all of them were tried: $n results" [ $n -gt 80 ]
}

# Who can pin memory that is charged to nobody is kept to the defaults.
container()
{
	local name most
	for name in flow_cache_bytes=16777216 single_use_max=262144 splice_max=65536 \
		splice_waiting_max=4096 splice_held_bytes=4194304; do
		most=${name#*=} name=${name%=*}
		check_match "in a user namespace of its own: not more $name than $most" \
			"$name $((most + 1)): a user namespace of its own has $most at most" \
			"$(unshare -Urn cookiebox setconf <<<"sysctl $name $((most + 1))" 2>&1)"
		check_fails "nor by hand" unshare -Urn \
			sh -c "echo $((most + 1)) >/proc/sys/net/cookiebox/$name"
		check "in a user namespace of its own: one less" unshare -Urn \
			sh -c "echo $most >/proc/sys/net/cookiebox/$name"
	done
	check_equal "this namespace's are another's" 16777216 \
		"$(server sysctl -n net.cookiebox.flow_cache_bytes)"
}

# Two do not count: of a first flight that two CPUs have at once one segment is dropped, and sent again.
drops()
{
	server cookiebox stats | awk '
		$3 == "drop" && $4 && $2 != "repeated" && $2 != "race_lost" { printf "%s=%d ", $2, $4 }'
}

under_load()
{
	local load visits before
	before=$(drops)
	printf '%s\n' "$TS" "$PLAIN" | raw -R 6000 -r 20 -t 5 >"$TMPDIR/load" &
	load=$!
	client python3 -B "$TOP/tests/lib/visit.py" 5s 0 10 "$SERVER" >"$TMPDIR/visits" 2>&1 &
	visits=$!
	server python3 -B "$SCRIPT" 4.5 >"$TMPDIR/changes" 2>&1
	check_match "changes under load" '^[1-9][0-9]+$' "$(cat "$TMPDIR/changes")"
	wait $load $visits
	results_are "every raw connection got its page" ok "$TMPDIR/load"
	check_match "every visit, too" '^[1-9][0-9]* 0$' "$(cat "$TMPDIR/visits")"
	check_equal "not one segment was dropped" "$before" "$(drops)"
}

# old_cookies SECONDS: cookies of epochs of 10 s are held for 8.5 s, and the length is set meanwhile.
old_cookies()
{
	local held
	server sysctl -qw net.cookiebox.epoch_seconds=10
	key_rotate --now	# an epoch of that length begins
	printf '%s\n' "$TS hold=8.5" "$PLAIN hold=8.5" | raw -R 6000 -r 20 -t 1 >"$TMPDIR/held" &
	held=$!
	pause 1.5
	server sysctl -qw "net.cookiebox.epoch_seconds=$1"
	wait $held
	results_are "epochs of $1 s instead of 10 s: old cookies open" ok "$TMPDIR/held"
}

plan
topology
start_nginx
load_module
container
set_delay 100 || die "no netem"
protect invalid drop flow-cache on
under_load
server sysctl -qw net.cookiebox.embryonic_max=0
old_cookies 2
start_ranges
old_cookies 3600
ranges
finish
