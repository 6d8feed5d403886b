#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 120
#
# Keepalive and zero-window probes of both ends, half and simultaneous closes, RST in every state.
# Each with timestamps and without, against a service that is off and one that is always engaged,
# side by side: what both ends saw and what the socket says of itself (as in `ss -ti`) is the same.
#
#   raw clients at c0 ──── veth ──── s0: a listener per case, services off and always
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/scripted.sh"

plan
topology
scripted tcp-close.py
finish
