#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.1/6 uml-debug/4
# families: 4 6
# timeout: 60
#
# Rules of the host between the two hooks: NFQUEUE, whose program lets segments through late, in
# another order, or when the listener is gone; and INPUT rules that drop or reject. No connection is
# made of what they have not let through.
#
#   clients at c0 ──── veth ──── s0: listeners, nft rules, a program on the queue
. "$(dirname "$0")/../lib/lib.sh"

topology
load_module
# The ports are those of queue.py. What the drop is flushed from is a chain of its own.
server nft -f - <<-END || die "no nft, or no queue"
	table inet rules {
		chain raw {
			type filter hook prerouting priority raw
			tcp dport 6100 queue num 1
		}
		chain mangle {
			type filter hook prerouting priority mangle
			tcp dport 6200 queue num 1
		}
		chain waiting {
			type filter hook input priority filter
			tcp dport 6000-6099 queue num 1
			tcp dport 6400 reject with tcp reset
		}
		chain input {
			type filter hook input priority filter
		}
	}
END
# Keeps the module's hooks where they are: 6.1 warns (nf_reinject) if a queue that is closed still has
# what was queued when there were more hooks.
server cookiebox service add keep port 9 mode local || die "service add failed"
exec python3 -B "$TOP/tests/netns/queue.py"
