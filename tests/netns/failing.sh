#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: uml-debug
# timeout: 300
#
# Every allocation of the module fails once: at load, when a namespace is made, in each netlink command,
# in a sysctl, when a rule is inserted by either iptables, and on the way of a SYN and of an ACK, for which a raw device is written to, so
# that all of it happens in the task that writes. Each time all is as before, or all is done; and
# every place where the module allocates has failed.
#
#   client: failing.py ──write── tap cb0 ──── stack, module, listeners: failing.py
. "$(dirname "$0")/../lib/lib.sh"

[ -e /proc/self/fail-nth ] || skip_all "this kernel has no fault injection"
modprobe -qa nfnetlink nf_defrag_ipv4 nf_defrag_ipv6 x_tables ip6_tables 2>/dev/null
export XTABLES_LIBDIR=$TOP/build:/usr/lib/x86_64-linux-gnu/xtables
add_ns other
exec python3 -B "$TOP/tests/netns/failing.py"
