#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/- uml-debug/-
# timeout: 500
#
# The tool against the module: transcripts of every verb in text and JSON (tests/cli/kernel).
#
#   namespaces without a network: cookiebox ──netlink── module
. "$(dirname "$0")/../lib/lib.sh"
export TOP

box()
{
	in_ns box "$@"
}

# transcript NAME: its results as ours, in a fresh namespace.
transcript()
{
	local line
	add_ns box || die "no namespace"
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "${line#ok * - }" ;;
		'not ok '*) not_ok "${line#not ok * - }" ;;
		*) note "$line" ;;
		esac
	done < <(box python3 "$TOP/tests/cli/transcript.py" "$TOP/tests/cli/kernel/$1.txt" 2>&1)
	ip netns del box
}

plan
check_match "without the module: a sentence" 'module is not loaded: modprobe cookiebox' \
	"$(cookiebox show 2>&1)"
load_module
for name in service refusals get key stats monitor transaction examples; do
	transcript $name
done
finish
