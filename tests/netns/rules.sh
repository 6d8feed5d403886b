#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4 6.1/6
# families: 4 6
# timeout: 90
#
# Services chosen by firewall rules: the iptables target with both back ends, and marks set by nft.
# A rule in use keeps its service; a rule in the wrong place is refused.
#
#   curl at c0 ──── veth ──── s0: nginx, services by rule and by mark
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

export XTABLES_LIBDIR=$TOP/build:/usr/lib/x86_64-linux-gnu/xtables
[ "$FAMILY" = 4 ] && IPTABLES=iptables || IPTABLES=ip6tables

answered_by()
{
	server cookiebox -j stats "$1" | jq '[.. | .syn_answered? // empty | .. | numbers] | add // 0'
}

by_rule()
{
	local backend=$1 tables=$IPTABLES-$1 before

	check "$backend: rule added" server "$tables" -t raw -A PREROUTING -p tcp --dport 80 \
		-j COOKIEBOX --service ruled
	check_match "$backend: rule is listed with its service" 'COOKIEBOX .*--service ruled' \
		"$(server "$tables-save" -t raw)"
	before=$(stat_of syn_answered)
	check "$backend: a page" fetch
	check_equal "$backend: its SYN was answered with a cookie" $((before + 1)) \
		"$(stat_of syn_answered)"
	check_fails "$backend: a service in use stays" server cookiebox service del ruled
	check_fails "$backend: the module in use stays" unload_module
	server "$tables-save" -t raw >"$TMPDIR/saved"
	check "$backend: save and restore" server "$tables-restore" "$TMPDIR/saved"
	check_fails "$backend: not in the filter table" server "$tables" -A INPUT -p tcp \
		-j COOKIEBOX --service ruled
	check_fails "$backend: not without -p tcp" server "$tables" -t raw -A PREROUTING \
		-j COOKIEBOX --service ruled
	check_fails "$backend: not for an unknown service" server "$tables" -t raw -A PREROUTING \
		-p tcp -j COOKIEBOX --service nobody
	server "$tables" -t raw -F
}

plan
topology
start_nginx
load_module
server cookiebox service add ruled mode local || die "service add failed"
before=$(stat_of syn_answered)
check "without a rule: a page" fetch
check_equal "without a rule: no cookie" "$before" "$(stat_of syn_answered)"
by_rule nft
by_rule legacy
check "a service out of use can go" server cookiebox service del ruled

check "service by mark" server cookiebox service add marked mark 0x10/0xf0 mode local
before=$(stat_of syn_answered)
check "without the mark: a page" fetch
check_equal "without the mark: no cookie" "$before" "$(stat_of syn_answered)"
server nft -f - <<-END
	table inet marks {
		chain early {
			type filter hook prerouting priority raw;
			tcp dport 80 meta mark set 0x15
		}
	}
END
before=$(stat_of syn_answered)
check "with the mark: a page" fetch
check_equal "with the mark: a cookie" $((before + 1)) "$(stat_of syn_answered)"
finish
