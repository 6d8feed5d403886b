#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4
# families: 4 6
# timeout: 300
#
# Every client signature of p0f.fp fetches a page; what the SYN-ACK offers and what is in force
# at the server (`ss`, read once per batch of held connections) is judged by tests/lib/p0f.py.
#
# In a flood, or without the embryonic cache, by the cookie alone; then in calm, where MSS and window
# scale are the client's own, if SYN and ACK come by the same CPU, as a network card sees to it.
#
#   raw clients at c0 ──── veth, MTU 17000 ──── s0: nginx, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

MTU=17000
FP=/etc/p0f/p0f.fp
ROWS=$TOP/build/guest-files/rows.c

plan
topology
set_mtu $MTU
start_nginx
server sysctl -qw net.ipv4.tcp_ecn=1
protect

[ -r $FP ] || die "no $FP: install p0f"
python3 "$TOP/tests/lib/p0f.py" cases $FP "$FAMILY" >"$TMPDIR/cases" 2>"$TMPDIR/counted"
check_equal "p0f.fp has the 91 signatures" "# 91 signatures" "$(cat "$TMPDIR/counted")"

# fetch_all MEMORY: all of them, and the judgement.
fetch_all()
{
	local answered started=$SECONDS

	answered=$(stat_of syn_answered)
	taskset -cp 0 $$ >/dev/null
	RAW_DEFAULTS="end=rst wait=30" raw -b 200 -w 100 -R 3000 \
		-c "ip netns exec server ss -tinoOH >>$TMPDIR/ss-$1" <"$TMPDIR/cases" >"$TMPDIR/results-$1"
	note "$1: $(wc -l <"$TMPDIR/cases") connections in $((SECONDS - started)) s"
	cp "$TMPDIR/ss-$1" "$TMPDIR/results-$1" "$OUT" 2>/dev/null
	python3 "$TOP/tests/lib/p0f.py" judge "$TMPDIR/results-$1" "$TMPDIR/ss-$1" \
		"$([ -n "$MODULE" ] && echo "$ROWS" || echo -)" $MTU "$FAMILY" "$1" >"$TMPDIR/judged" ||
		not_ok "$1: the judge ran"
	while read -r line; do
		case $line in
		"RESULT ok "*) ok "$1: ${line#RESULT ok }" ;;
		"RESULT not ok "*) not_ok "$1: ${line#RESULT not ok }" ;;
		*) echo "$line" ;;
		esac
	done <"$TMPDIR/judged"
	grew "$1: the module answered every SYN" syn_answered "$answered" "$(wc -l <"$TMPDIR/cases")"
}

[ -z "$MODULE" ] || server sysctl -qw net.cookiebox.embryonic_max=0
fetch_all cookie
if [ -n "$MODULE" ]; then
	server sysctl -qw net.cookiebox.embryonic_max=16384 # 200 at a time are calm
	sed -i '/\.ecn1 /d' "$TMPDIR/cases" # ECN makes no difference to MSS and window scale
	fetch_all exact
fi

# Below the lowest class nothing can be sealed: the stack answers, with what was offered.
low=$(stat_of mss_too_low)
check "an MSS of 200 is served, with timestamps" raw <<<"label=low mss=200"
check "an MSS of 200 is served, without timestamps" \
	raw <<<"label=low mss=200 layout=mss,nop,ws,nop,nop,sok"
grew "and by the stack: mss_too_low counts it" mss_too_low "$low" 2
finish
