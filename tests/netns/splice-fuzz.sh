#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/4
# families: 4 6
# timeout: 900
#
# Segments and ICMP errors of connections through a gateway, changed at random, from both sides: of spliced
# ones in each state, and of ones that are older than their service. From a fixed seed, and in the long
# tests from others, which are told.
#
#   splice-fuzz.py: raw clients at c0 ── b0  box  b1 ── s0 raw servers
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

FRAMES=4000 SEEDS=1

gateway
can_splice || skip_all "the stack has nothing like it"
box cookiebox service add always addr "$MADE_UP" port 2500-2999 mode splice unknown drop || die "service add"
[ -z "${LONG-}" ] || SEEDS="1 $RANDOM $RANDOM" FRAMES=10000
plan
for seed in $SEEDS; do
	before=$LIB_COUNT
	relay "seed $seed: " < <(box taskset -c 0 python3 -B "$TOP/tests/netns/splice-fuzz.py" "$FAMILY" \
		"$SERVER_MAC" "$BOX_MAC" $FRAMES "$seed" 2>&1)
	[ $((LIB_COUNT - before)) = 6 ] || die "seed $seed: it broke off"
done
finish
