#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4
# families: 4 6
# timeout: 300
#
# The examples of the pages about rules, and about what people had before, do what the page says:
# their commands and rulesets are taken from it, and each port of the server is asked whether the
# right service answered.
#
#   curl at c0 ──── veth ──── s0: nginx at 80, 443 and 8080, services by rule and by mark
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/pages.sh"

export XTABLES_LIBDIR=$TOP/build:/usr/lib/x86_64-linux-gnu/xtables

try_iptables()
{
	served 80 web iptables
	unserved 443 web iptables
}

try_host()
{
	served 80 web host
	unserved 443 web host
}

try_host-ip()
{
	local verb=served
	[ "$FAMILY" = 4 ] || verb=unserved
	$verb 80 web "rules of IPv4"
	$verb 443 web "rules of IPv4"
}

try_host-ip6()
{
	local verb=served
	[ "$FAMILY" = 6 ] || verb=unserved
	$verb 80 web "rules of IPv6"
	$verb 443 web "rules of IPv6"
}

try_map()
{
	served 80 web map
	served 443 tls map
	served 8080 web map
}

try_sets()
{
	served 80 web sets
	served 443 web sets
	unserved 8080 web sets
	add_element "endpoints$FAMILY" "$SERVER . 8080"
	served 8080 web "one more endpoint"
	[ "$FAMILY" = 4 ] || return
	add_element trusted4 "$CLIENT"
	unserved 80 web "a trusted source"
	add_element refused4 "$CLIENT"
	refused 80 "a refused source"
}

try_vmap()
{
	served 80 anna "a service for each"
	unserved 443 bert "a service for each, with auto in calm"
	unserved 443 anna "a service for each"
}

try_firewall()
{
	served 80 web "a firewall"
	refused 8080 "a firewall, without a mark"
	refused 443 "a firewall, with a mark"
	check "a firewall, with a mark: refused when the cookie opened" \
		[ "$(counted web refused_by_host)" -gt 0 ]
}

# Both families have nft's rules; of iptables, the page has IPv4's.
try_nft-old()
{
	check "synproxy: a page from port 80" get 80
	check "synproxy: it is there" server grep -q syn_received /proc/net/stat/synproxy
}

try_nft-new()
{
	served 80 web "instead of nft's synproxy"
}

try_iptables-old()
{
	check "SYNPROXY: a page from port 80" get 80
}

try_iptables-new()
{
	[ "$FAMILY" = 4 ] || return 0
	served 80 web "instead of SYNPROXY"
}

try_overflow-old()
{
	check "the kernel's cookies: a page" get 80
}

try_overflow-new()
{
	unserved 80 web "instead of the kernel's cookies, in calm"
	check_match "the service engages by itself" 'auto' "$(server cookiebox get "$CLIENT" "$SERVER" 80)"
}

try_always-old()
{
	check "the kernel's cookies, always: a page" get 80
}

try_always-new()
{
	served 80 web "instead of the kernel's cookies, always"
}

plan
topology
start_nginx
more_ports
load_module
page rules.rst
page from-synproxy.rst
page from-syncookies.rst
finish
