#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: selftest
#
# Uses a program that there is not, and takes no notice.
. "$(dirname "$0")/../lib/lib.sh"

plan
no-such-program 2>/dev/null
ok "a result"
finish
