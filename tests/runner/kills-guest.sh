#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: selftest
#
# Reports all it promised and takes the guest down.
. "$(dirname "$0")/../lib/lib.sh"
plan 1
ok "the only"
busybox poweroff -f
