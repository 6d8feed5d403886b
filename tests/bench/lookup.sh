#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/bench/lookup.sh - the part of `make bench` that measures look-ups in the flow cache.
#
# A cache of many entries must not cost a look-up more than one of few does: 1.3 times at most.
# cblookup.ko has the cache's own code. Arguments: FAMILY... Prints "lookup FAMILY ENTRIES HUNDREDTHS"
# for each measurement and a KTAP result for each family.
set -u

FEW=1000 MANY=1000000
ko=$TOP/build/guest-files/bench/$(uname -r)/cblookup.ko

# look_up FAMILY ENTRIES: into HUNDREDTHS of an instruction.
look_up()
{
	HUNDREDTHS=0
	insmod "$ko" family="$1" entries="$2" || return 1
	HUNDREDTHS=$(</sys/module/cblookup/parameters/hundredths)
	rmmod cblookup
	echo "lookup $1 $2 $HUNDREDTHS"
}

number=0
echo "1..$#"
for family; do
	number=$((number + 1))
	if look_up "$family" $FEW && few=$HUNDREDTHS && look_up "$family" $MANY &&
		[ $((HUNDREDTHS * 10)) -le $((few * 13)) ]; then
		echo "ok $number - IPv$family: a look-up among $MANY entries is as cheap as among $FEW"
	else
		echo "not ok $number - IPv$family: a look-up among $MANY entries costs $HUNDREDTHS" \
			"hundredths of an instruction, among $FEW ${few:-?}"
	fi
done
