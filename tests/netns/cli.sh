#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/-
# timeout: 500
#
# The tool against the module: transcripts of every verb in text and JSON (tests/cli/kernel).
#
#   namespaces without a network: cookiebox ──netlink── module
. "$(dirname "$0")/../lib/lib.sh"
export TOP

# transcripts NAME...: their results as ours, each in a fresh namespace.
transcripts()
{
	local line ended=
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "${line#ok * - }" ;;
		'not ok '*) not_ok "${line#not ok * - }" ;;
		1..*) ended=1 ;;
		*) note "$line" ;;
		esac
	done < <(python3 -B "$TOP/tests/cli/transcript.py" --fresh \
		"${@/#/$TOP/tests/cli/kernel/}" 2>&1)
	check "the transcripts ran to their end" [ -n "$ended" ]
}

plan
check_match "without the module: a sentence" 'module is not loaded: modprobe cookiebox' \
	"$(cookiebox show 2>&1)"
load_module
transcripts {service,refusals,key,transaction,monitor,get,stats,conf,examples}.txt
finish
