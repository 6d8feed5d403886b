#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 200
#
# The examples for gateways of the page about rules, as documented.sh does with the others.
#
#   curl at c0 ──── b0 box b1 ──── s0: nginx at 80, 443 and 8080; services by mark, at the box
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/gateway.sh"
. "$(dirname "$0")/../lib/pages.sh"

declare -A KNOWN

# spliced PORT SERVICE WHAT: served, and opened with the server. One that is not known is asked first.
spliced()
{
	if [ -z "${KNOWN[$1]-}" ]; then
		check "port $1: the first page" get "$1"
		check_match "port $1: the server was asked" '^[1-9]' "$(counted "$2" server_asked)"
		KNOWN[$1]=yes
	fi
	served "$@"
	check_equal "$3: $2 opened it with the server" "${ANSWERED[$2]}" "$(counted "$2" spliced)"
}

try_gateway()
{
	spliced 80 web gateway
	unserved 443 web gateway
}

# one_family OF: only segments of that one have a mark.
one_family()
{
	local verb=spliced
	[ "$FAMILY" = "$1" ] || verb=unserved
	$verb 80 web "a gateway's rules of IPv$1"
	$verb 443 web "a gateway's rules of IPv$1"
	unserved 8080 web "a gateway's rules of IPv$1"
}

try_gateway-ip()
{
	one_family 4
}

try_gateway-ip6()
{
	one_family 6
}

try_gateway-sets()
{
	spliced 80 web "a gateway's sets"
	spliced 443 web "a gateway's sets"
	unserved 8080 web "a gateway's sets"
	add_element "endpoints$FAMILY" "$SERVER . 8080"
	spliced 8080 web "one more endpoint"
	[ "$FAMILY" = 4 ] || return 0
	add_element trusted4 "$CLIENT"
	unserved 80 web "a trusted source"
}

try_gateway-map()
{
	spliced 80 anna "a service for each"
	unserved 443 bert "a service for each, with observe"
	unserved 443 anna "a service for each"
}

try_gateway-firewall()
{
	spliced 80 web "a gateway's firewall"
	refused 8080 "a gateway's firewall, without a mark"
	refused 443 "a gateway's firewall, with a mark"
	check_equal "a gateway's firewall, with a mark: nothing more is spliced" 1 "$(counted web spliced)"
}

plan
gateway
start_nginx
more_ports
load_module
page rules.rst
finish
