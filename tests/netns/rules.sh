#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm
# check: 6.1/6
# families: 4 6
# timeout: 150
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

# why: the kernel's last sentence about the target.
why()
{
	kernel_log | grep COOKIEBOX | tail -n 1
}

# refused DESCRIPTION SENTENCE COMMAND...
refused()
{
	local what=$1 sentence=$2
	shift 2
	check_fails "$what" server "$@"
	check_match "$what: a sentence in the kernel's log" "$sentence" "$(why)"
}

# What the kernel refuses is told by x_tables or by the target, in its log.
refusals()
{
	local backend=$1 tables=$IPTABLES-$1

	refused "$backend: not in the filter table" 'only valid in raw table, not filter' \
		"$tables" -A INPUT -p tcp -j COOKIEBOX --service ruled
	refused "$backend: not in OUTPUT" 'only usable from PREROUTING' \
		"$tables" -t raw -A OUTPUT -p tcp -j COOKIEBOX --service ruled
	refused "$backend: not without -p tcp" 'must match -p tcp' \
		"$tables" -t raw -A PREROUTING -j COOKIEBOX --service ruled
	refused "$backend: not with ! -p tcp" 'must match -p tcp' \
		"$tables" -t raw -A PREROUTING ! -p tcp -j COOKIEBOX --service ruled
	refused "$backend: not for an unknown service" "no service 'nobody'" \
		"$tables" -t raw -A PREROUTING -p tcp -j COOKIEBOX --service nobody
}

# save_restore: what was saved, put in again, is what is saved.
save_restore()
{
	local backend=$1 tables=$IPTABLES-$1

	server "$tables-save" -t raw | grep -v '^#' >"$TMPDIR/saved"
	server "$tables" -t raw -F
	check "$backend: restored" server "$tables-restore" "$TMPDIR/saved"
	check_equal "$backend: what is restored is what was saved" "$(grep -v ^: "$TMPDIR/saved")" \
		"$(server "$tables-save" -t raw | grep -v '^[#:]')"
	check "$backend: restored once more, in place" server "$tables-restore" "$TMPDIR/saved"
	check_match "$backend: listed" 'COOKIEBOX service ruled' "$(server "$tables" -t raw -nL)"
}

# A chain of one's own may be reached from OUTPUT: there the target says nothing.
by_chain()
{
	local backend=$1 tables=$IPTABLES-$1 before

	server "$tables" -t raw -N own
	check "$backend: a chain of one's own" server "$tables" -t raw -A own -p tcp \
		-j COOKIEBOX --service ruled
	server "$tables" -t raw -A OUTPUT -p tcp -j own 2>/dev/null
	server "$tables" -t raw -A PREROUTING -p tcp --dport 80 -j own
	before=$(stat_of syn_answered)
	check "$backend: a page by way of the chain" fetch
	check_equal "$backend: with one cookie" $((before + 1)) "$(stat_of syn_answered)"
	server "$tables" -t raw -F
	server "$tables" -t raw -X own
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
	check_match "$backend: a service in use stays, with a sentence" \
		'(rule|rules) .*(name|use)' "$(server cookiebox service del ruled 2>&1)"
	check_match "$backend: the module in use stays" 'in use' "$(unload_module 2>&1)"
	save_restore "$backend"
	refusals "$backend"
	server "$tables" -t raw -F
	by_chain "$backend"
}

# Refused before the kernel is asked; and nft is told what to do instead.
by_extension()
{
	local tables=$IPTABLES-nft

	check_match "a name is mandatory" 'option "--service" must be specified' \
		"$(server "$tables" -t raw -A PREROUTING -p tcp -j COOKIEBOX 2>&1)"
	check_match "a name of 32 characters is too long" 'at most 31 characters' \
		"$(server "$tables" -t raw -A PREROUTING -p tcp -j COOKIEBOX --service \
			abcdefghijklmnopqrstuvwxyz012345 2>&1)"
	check_match "a name has no slash" 'letters, digits' \
		"$(server "$tables" -t raw -A PREROUTING -p tcp -j COOKIEBOX --service a/b 2>&1)"
	check_match "help" 'COOKIEBOX target options' "$(server "$tables" -j COOKIEBOX --help)"
	check_match "the translation is a comment, which says what to write" \
		'^nft # nft has no COOKIEBOX: .*set ruled mark M.*meta mark set M' \
		"$(server $IPTABLES-translate -t raw -A PREROUTING -p tcp -j COOKIEBOX --service ruled)"
}

# Neither frames of a bridge nor ARP have such a target.
other_families()
{
	local tool said

	for tool in ebtables arptables; do
		# shellcheck disable=SC2016 # its first argument
		said=$(server bash -c 'exec -a $0-nft xtables-nft-multi -A INPUT -j COOKIEBOX' \
			$tool 2>&1) && not_ok "$tool took the rule"
		check_match "$tool: a sentence" "'COOKIEBOX' does not exist" "$said"
	done
}

# revision NUMBER: the highest that the kernel has of the target (-1: not that one).
revision()
{
	server python3 - "$FAMILY" "$1" <<-'END'
	import ctypes, socket, sys
	v6, asked = sys.argv[1] == "6", int(sys.argv[2])
	level, option = (socket.IPPROTO_IPV6, 69) if v6 else (socket.IPPROTO_IP, 67)
	with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW, 255) as sock:
	    name = ctypes.create_string_buffer(b"COOKIEBOX".ljust(29, b"\0") + bytes([asked]), 30)
	    print(ctypes.CDLL(None).getsockopt(sock.fileno(), level, option, name,
	                                       ctypes.byref(ctypes.c_int(30))))
	END
}

# answered SERVICE: how many SYNs.
answered()
{
	server cookiebox stats "$1" | awk '$2 == "syn_answered" { n += $4 } END { print n + 0 }'
}

# decides SERVICE DESCRIPTION OTHER...: of a page's SYN, and none of the others.
decides()
{
	local who=$1 what=$2 other before others=0

	shift 2
	before=$(answered "$who")
	for other in "$@"; do
		others=$((others + $(answered "$other")))
	done
	check "$what: a page" fetch
	check_equal "$what: $who decides" $((before + 1)) "$(answered "$who")"
	for other in "$@"; do
		others=$((others - $(answered "$other")))
	done
	check_equal "$what: nobody else" 0 $others
}

# Documentation/rules.rst, "Which service decides", with the segments themselves.
precedence()
{
	server cookiebox service add placed port 80 mode local
	server cookiebox service add narrow addr "$SERVER" port 80 mode local
	server cookiebox service add finer mark 0x5/0xf mode local
	server cookiebox service add finest mark 0x15/0xff mode local
	server cookiebox service add ruled mode local
	decides finest "the mark of most bits" finer marked placed narrow ruled
	server cookiebox service del finest
	server cookiebox service del marked
	decides finer "the other mark" placed narrow ruled
	server $IPTABLES-legacy -t raw -A PREROUTING -p tcp --dport 80 -j COOKIEBOX --service ruled
	decides ruled "a rule" finer placed narrow
	server $IPTABLES-legacy -t raw -F
	server nft delete table inet marks
	decides narrow "the longest prefix" finer placed ruled
}

plan
topology
start_nginx
load_module
server cookiebox service add ruled mode local || die "service add failed"
before=$(stat_of syn_answered)
check "without a rule: a page" fetch
check_equal "without a rule: no cookie" "$before" "$(stat_of syn_answered)"
by_extension
other_families
by_rule nft
by_rule legacy
check_equal "revision 0 is there" 0 "$(revision 0)"
check_equal "no later one is" -1 "$(revision 1)"
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
precedence
finish
