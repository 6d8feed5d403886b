#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 uml-debug/6
# families: 4 6
# timeout: 120
#
# SYN-ACKs are remembered in calm times: sent again at 1, 3 and 7 s while their ACKs would be
# redeemed, and no more than a source prefix may be sent; each of the copies opens, over the end of
# an epoch. What makes them cease, what a flush, another size and a flood do. (embryonic.py)
#
#   raw clients, synflood at c0 ──── veth ──── s0: listeners, services by port
. "$(dirname "$0")/../lib/lib.sh"

topology
load_module
server sysctl -qw net.cookiebox.epoch_seconds=8 # the fourth copy comes after 7 s
# All on one CPU, as a network card gives it what belongs to one connection.
exec "$INNS" server taskset -c 0 python3 -B "$TOP/tests/netns/embryonic.py" "$FAMILY" "$SERVER_MAC"
