#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.12/4 6.1/6
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

# get PORT: a page.
get()
{
	client curl -sS --fail --max-time "${LIMIT:-20}" -o /dev/null "http://$URLHOST:$1/page"
}

# counted SERVICE REASON
counted()
{
	server cookiebox stats "$1" | awk -v reason="$2" '$2 == reason { n = $4 } END { print n + 0 }'
}

# served PORT SERVICE WHAT: a page by way of the service, with one cookie.
served()
{
	local before
	before=$(counted "$2" syn_answered)
	check "$3: a page from port $1" get "$1"
	check_equal "$3: $2 answered" $((before + 1)) "$(counted "$2" syn_answered)"
}

# unserved PORT SERVICE WHAT: a page, and the service has no part in it.
unserved()
{
	local before
	before=$(counted "$2" syn_answered)
	check "$3: a page from port $1" get "$1"
	check_equal "$3: $2 has no part in it" "$before" "$(counted "$2" syn_answered)"
}

# refused PORT WHAT
refused()
{
	LIMIT=2 check_fails "$2: no page from port $1" get "$1"
}

add_element()
{
	check "sets: an element of $1 is added" server nft add element inet cookiebox "$1" "{ $2 }"
}

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
	local before
	served 80 web "a firewall"
	refused 8080 "a firewall, without a mark"
	before=$(counted web refused_by_host)
	refused 443 "a firewall, with a mark"
	check "a firewall, with a mark: refused when the cookie opened" \
		[ "$(counted web refused_by_host)" -gt "$before" ]
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

clear()
{
	local name
	server nft flush ruleset
	for name in $(server cookiebox service show | awk 'NR > 1 { print $1 }'); do
		wait_for 5 server cookiebox service del "$name"	# nft lets go of a rule later
	done
}

# page NAME: what is old stays until the new has taken its place.
page()
{
	local name
	for name in $(examples "$1"); do
		check "$1: $name: the example runs" example_run "$1" "$name"
		check "$1: $name: this script knows what to expect" declare -F "try_$name"
		"try_$name"
		[[ $name == *-old ]] || clear
	done
}

plan
topology
start_nginx
sed -i 's/listen 80 backlog=4096;/& listen 443; listen [::]:443 ipv6only=on; listen 8080; \
	listen [::]:8080 ipv6only=on;/' "$TMPDIR/nginx.conf"
server nginx -c "$TMPDIR/nginx.conf" -p "$TMPDIR" -s reload 2>/dev/null
wait_for 20 listening server 443 && wait_for 20 listening server 8080 || die "nginx does not reload"
load_module
page rules.rst
page from-synproxy.rst
page from-syncookies.rst
finish
