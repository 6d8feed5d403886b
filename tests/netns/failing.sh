#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: uml-debug
# timeout: 400
#
# Every allocation of the module fails once: at load, when a namespace is made, in each netlink command,
# in a sysctl, when a rule is inserted by either iptables, and on the way of a SYN, of an ACK and of all
# that makes and crosses a spliced connection, for which raw devices are written to, so that it happens
# in the task that writes. Each time all is as before, or all is done, or it comes to be when the ends
# send again; and every place where the module allocates has failed.
#
#   client: failing.py ──write── tap cb0 ──── stack, module, listeners: failing.py
#           └──────── write── tap cb1, behind which is a server: failing_splice.py
. "$(dirname "$0")/../lib/lib.sh"

[ -e /proc/self/fail-nth ] || skip_all "this kernel has no fault injection"
modprobe -qa nfnetlink nf_defrag_ipv4 nf_defrag_ipv6 x_tables ip6_tables 2>/dev/null
export XTABLES_LIBDIR=$TOP/build:/usr/lib/x86_64-linux-gnu/xtables
add_ns other
exec python3 -B "$TOP/tests/netns/failing.py"
