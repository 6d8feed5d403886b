#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: 6.12/4 6.1/6
# families: 4 6
# timeout: 120
#
# Beside connection tracking, with the rulesets that people have: connections work without it, whether
# it picks up what it has not seen begin (tcp_loose) or not, whatever an older connection of the same
# ports left behind, whichever of the two was there first. It shows a connection as established once
# the cookie has opened, and nothing before; rules that refuse NEW refuse the connection.
#
#   hold.py, raw clients at c0 ──── veth ──── s0: nginx, nft rules, service web
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"

[ "$FAMILY" = 4 ] && LETTER=ipv4 || LETTER=ipv6

# rules RULE...: a chain at INPUT; the last one decides.
rules()
{
	printf '%s\n' "flush ruleset" "table inet filter {" "chain input {" \
		"type filter hook input priority 0; policy accept;" "meta l4proto != tcp accept" \
		"$@" "}" "}" >"$TMPDIR/rules"
	server nft -f "$TMPDIR/rules" || die "the rules do not load"
}

rules_of()
{
	case $1 in
	invalid) rules "ct state invalid counter drop" ;;
	new) rules "ct state established,related accept" "tcp dport 80 ct state new accept" "drop" ;;
	notsyn) rules "ct state new tcp flags & (fin | syn | rst | ack) != syn counter drop" \
		"ct state invalid drop" ;;
	esac
}

# entry PORT STATE: what an older connection left.
entry()
{
	server conntrack -I -p tcp -s "$CLIENT" -d "$SERVER" --sport "$1" --dport 80 \
		--state "$2" -t 60 >/dev/null 2>"$TMPDIR/err" || die "entry: $(<"$TMPDIR/err")"
}

entries()
{
	server conntrack -L -f $LETTER -p tcp 2>/dev/null
}

# states PORT...: connection tracking's state of the connections from these ports.
states()
{
	entries | awk -v ports="$*" '{ state = $4; for (i = 5; i <= NF; i++)
		if ($i ~ /^sport=/) { sub(/sport=/, "", $i); of[$i] = state; break } }
		END { n = split(ports, p); for (i = 1; i <= n; i++) print p[i], of[p[i]] }'
}

# hold PORT...: connections; their results are in HELD, a line each. drop_held ends them.
hold()
{
	echo "$WAIT $*" >&"${HOLDER[1]}"
	said ready
}

drop_held()
{
	echo >&"${HOLDER[1]}"
	said closed
}

# said WORD: reads what the client says, up to the word.
said()
{
	local line
	HELD=
	while read -r -t 30 line <&"${HOLDER[0]}"; do
		[ "$line" != "$1" ] || return 0
		HELD+=${HELD:+$'\n'}$line
	done
	die "the client says nothing"
}

expect()
{
	local word=$1 port
	shift
	for port; do
		echo "$port $word"
	done
}

# forget MODULE: unloads it, and before it what uses it.
forget()
{
	local user
	for user in "/sys/module/$1/holders"/*; do
		[ ! -e "$user" ] || forget "${user##*/}"
	done
	[ ! -e "/sys/module/$1/refcnt" ] || rmmod "$1"
}

# absent: what is built in has no count.
absent()
{
	[ ! -e /sys/module/nf_conntrack/refcnt ]
}

# Rules that match its states load it, and entries are its own: there is one case without it.
without()
{
	local ports="$((PORT += 3)) $((PORT + 1)) $((PORT + 2))"
	check "not loaded: connection tracking is absent" absent
	hold $ports
	check_equal "not loaded: connections" "$(expect ok $ports)" "$HELD"
	check_equal "not loaded: by cookies" 3 "$(stat_of cookie_accepted)"
	check "not loaded: it has not come with them" absent
	check_equal "not loaded, or without rules: no entries" "" "$(entries)"
	drop_held
}

# one RULESET LOOSE ORDER: a fresh tuple, one with a TIME_WAIT and one with a SYN_SENT entry.
one()
{
	local what="$1, tcp_loose $2, $3" a=$((PORT += 3))
	local ports="$a $((a + 1)) $((a + 2))"
	server nft flush ruleset
	if [ -d /sys/module/cookiebox ]; then
		server cookiebox service del web
		unload_module
	fi
	case $3 in
	"without cookiebox") rules_of "$1" ;;
	"rules first") rules_of "$1"; protect ;;
	"module first") protect; rules_of "$1" ;;
	esac
	server sysctl -qw "net.netfilter.nf_conntrack_tcp_loose=$2"
	entry $((a + 1)) TIME_WAIT
	entry $((a + 2)) SYN_SENT
	hold $ports
	check_equal "$what: connections" "$(expect ok $ports)" "$HELD"
	check_equal "$what: established there" "$(expect ESTABLISHED $ports)" "$(states $ports)"
	[ "$3" = "without cookiebox" ] ||
		check_equal "$what: by cookies" 3 "$(stat_of cookie_accepted)"
	drop_held
}

# flooded COUNT: so many SYNs more have been answered.
flooded()
{
	[ $(($(stat_of syn_answered) - answered)) -ge "$1" ]
}

# Nothing that has not proved itself leaves a trace.
nothing_before()
{
	local answered
	rules_of new
	server conntrack -F 2>/dev/null
	RAW_DEFAULTS="do=syn wait=10" raw <<<"label=one" >"$TMPDIR/raw"
	check_equal "a SYN was answered" answered "$(field result <"$TMPDIR/raw")"
	check_equal "a SYN leaves no entry" "" "$(entries)"
	answered=$(stat_of syn_answered)
	start_flood 2000 60
	wait_for 20 flooded 2000 || die "the flood does not arrive"
	check_equal "a flood leaves no entry" "" "$(entries)"
	WAIT=20 hold 40000
	check_equal "under the flood, a connection" "40000 ok" "$HELD"
	check_equal "is shown as established" "40000 ESTABLISHED" "$(states 40000)"
	check_equal "and has the only entry" 1 "$(entries | wc -l)"
	check "while the flood goes on" flooding
	stop_flood
	drop_held
}

# What the rules refuse as NEW stays refused, however good the cookie.
refused()
{
	local refused before
	rules "ct state established accept" "tcp dport 80 ct state new drop"
	refused=$(stat_of refused_by_host) before=$(stat_of cookie_accepted)
	WAIT=2 hold 41000
	check_equal "NEW is refused: no connection" "41000 timeout" "$HELD"
	grew "NEW is refused: counted" refused_by_host "$refused" 1
	check_equal "NEW is refused: no socket" 0 $(($(stat_of cookie_accepted) - before))
	drop_held
	rules "ct state established accept" "tcp dport 80 notrack accept"
}

plan
. "$(dirname "$0")/../lib/flood.sh"
topology
start_nginx
# Those of scripts before this one go when their namespaces do.
wait_for 20 forget nf_conntrack || die "nf_conntrack cannot be unloaded: $(grep ^nf_conntrack /proc/modules)"
protect
coproc HOLDER { client python3 -B "$TOP/tests/lib/hold.py" "$SERVER" 80 /page; }
PORT=30000 WAIT=10
without
modprobe -a nf_conntrack nf_conntrack_netlink nft_ct
for ruleset in invalid new notsyn; do
	for loose in 1 0; do
		[ -z "${LONG-}" ] || one $ruleset $loose "without cookiebox"
		one $ruleset $loose "module first"
		one $ruleset $loose "rules first"
	done
done
nothing_before
refused
finish
