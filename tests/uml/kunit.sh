#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: uml-fast uml-debug
# timeout: 180
#
# The KUnit suites (tests/kunit/). insmod's exit code does not tell whether a suite failed, so each
# suite's report is read from debugfs, and every suite in the source must have left one.
. "$(dirname "$0")/../lib/lib.sh"

RESULTS=/sys/kernel/debug/kunit

names()
{
	sed -n 's/.*\.name = "\(cookiebox_[a-z_]*\)".*/\1/p' "$TOP"/tests/kunit/*-test.c | sort
}

plan
[ -n "$(names)" ] || die "no suite in tests/kunit"
insmod "${MODULE%.ko}-kunit.ko" || die "insmod failed: $(dmesg | tail -n 3)"
for suite in $(names); do
	report=$RESULTS/$suite/results
	if [ ! -r "$report" ]; then
		not_ok "$suite left no report"
		continue
	fi
	# Nested results follow KTAP's rule: deeper by four, before the line that sums them up.
	grep -vE '^KTAP version|^1\.\.1$|^(not )?ok ' "$report"
	if grep -q '^ok ' "$report" && ! grep -qE '^ *not ok ' "$report"; then
		ok "$suite"
	else
		not_ok "$suite"
	fi
done
rmmod cookiebox-kunit
finish
