# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/synproxy.sh - sourced: nft synproxy, the peer of benchmark and demo.

# synproxy_rules HOOK PORT: the ruleset that nft's own documentation recommends, in both families, on a
# server (input) or on a gateway (forward); in this namespace. With its tcp_loose.
synproxy_rules()
{
	nft -f - <<-RULES || return 1
		table inet proxied {
			chain raw {
				type filter hook prerouting priority raw
				tcp dport $2 tcp flags syn notrack
			}
			chain filter {
				type filter hook $1 priority filter
				tcp dport $2 ct state invalid,untracked \
					synproxy mss 1460 wscale 7 timestamp sack-perm
				ct state invalid drop
			}
		}
	RULES
	echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
}
