#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: selftest
# timeout: 2
#
# Reports all it promised and then does not end.
. "$(dirname "$0")/../lib/lib.sh"
plan 1
ok "the only"
sleep 1000
