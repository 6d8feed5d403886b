#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 120
#
# What the segments of a connection through a box say: sequence numbers, SACK blocks and timestamps
# (of any tick) that either end knows for its own, windows, FIN and RST, the same ports again. Plainly
# forwarded and spliced, with one outcome.
#
#   raw clients at c0 ──── b0  box: services off and always  b1 ──── s0: raw servers
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

plan
gateway
through splice-segments.py
finish
