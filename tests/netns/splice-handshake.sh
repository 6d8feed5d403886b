#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 120
#
# How connections open through a box in front of a server that knows nothing of it: the SYN that it sends
# (the client's number and options, again when lost), refusal, the small window until the server answers,
# data that comes before, whoever speaks first. Plainly forwarded and spliced, with one outcome.
#
#   raw clients at c0 ──── b0  box: services off and always  b1 ──── s0: raw servers
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"

plan
gateway
through splice-handshake.py
finish
