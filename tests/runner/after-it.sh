#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: selftest
#
# Is run although the guest died before it; finds nothing of what ran before.
. "$(dirname "$0")/../lib/lib.sh"
plan 1
check "no module and no namespace is left" test -z "$(ip netns list)$(ls -d /sys/module/cookiebox 2>/dev/null)"
finish
