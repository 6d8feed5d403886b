#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# runs: vm uml-debug
# check: uml-debug/4
# families: 4 6
# timeout: 300
#
# What the transcripts of configurations (tests/cli/kernel/conf.txt) cannot show: connections and
# handshakes while the configuration changes, changes that meet, what is put back, rules that hold a
# service, what the systemd unit runs, a stop under attack, and 10,000 services.
#
#   visit, curl, cookies at c0 ──── veth ──── s0: nginx, cookiebox
. "$(dirname "$0")/../lib/lib.sh"
. "$(dirname "$0")/../lib/traffic.sh"
. "$(dirname "$0")/../lib/flood.sh"

# How long they take is counted by the benchmark; User-Mode Linux is slow at page faults.
MANY=10000
[ "$PLATFORM" = vm ] || MANY=1000

in_force()
{
	server cookiebox showconf --all
}

start_visits()
{
	{ coproc LOAD {
		client python3 -B "$TOP/tests/lib/visit.py" 0 0.02 5 "$SERVER"
	}; } 2>/dev/null
	LOAD_IN=${LOAD[1]} LOAD_OUT=${LOAD[0]}
}

# stop_visits WHAT: as many pages came as were asked for.
stop_visits()
{
	local came failed

	exec {LOAD_IN}>&-
	read -r -t 30 came failed <&"$LOAD_OUT"
	note "${came:-no} pages came, ${failed:-none} did not"
	check "$1" [ "${came:-0}" -gt 0 ]
	check_equal "none was missed" 0 "$failed"
}

# A connection that asks for a page, and for another one when told to.
start_download()
{
	{ coproc DOWNLOAD {
		client python3 -uB -c '
import http.client, sys
held = http.client.HTTPConnection(sys.argv[1], 80, timeout=20)
for line in sys.stdin:
    held.request("GET", "/page")
    answer = held.getresponse()
    print(answer.status, len(answer.read()) > 100, flush=True)
' "$SERVER"
	}; } 2>/dev/null
	DOWNLOAD_IN=${DOWNLOAD[1]} DOWNLOAD_OUT=${DOWNLOAD[0]}
	ask_download
}

ask_download()
{
	ANSWER=
	echo >&"$DOWNLOAD_IN"
	read -r -t 30 ANSWER <&"$DOWNLOAD_OUT"
}

# Sixteen changes of every kind under load.
uninterrupted()
{
	local engage round

	echo "service add web port 80 mode local" | server cookiebox setconf
	start_download
	check_equal "a connection, made by a cookie" "200 True 1" "$ANSWER $(stat_of cookie_accepted)"
	start_visits
	for round in 1 2 3 4; do
		for engage in always observe always auto; do
			printf '%s\n' "service add web port 80 mode local engage $engage" \
				"service add other$round port 8$round mode local" \
				"sysctl epoch_seconds $((30 + round))" >"$TMPDIR/round.conf"
			server cookiebox syncconf "$TMPDIR/round.conf" ||
				not_ok "round $round $engage was refused"
		done
	done
	stop_visits "pages came while the configuration changed"
	ask_download
	exec {DOWNLOAD_IN}>&-
	check_equal "and a connection lived through it" "200 True" "$ANSWER"
}

# numbered LETTER COUNT: so many services.
numbered()
{
	seq "$2" | sed "s/.*/service add $1& port & mode local/"
}

# Two that read the same state and then change it: one is told so, and nothing is mixed.
meeting()
{
	for _ in 1 2 3 4 5 6; do
		numbered a 200 >"$TMPDIR/a.conf"
		numbered b 200 >"$TMPDIR/b.conf"
		server cookiebox setconf "$TMPDIR/a.conf" 2>>"$TMPDIR/met" &
		server cookiebox setconf "$TMPDIR/b.conf" 2>>"$TMPDIR/met"
		wait $!
		in_force | grep -o '^service add [ab]' | sort | uniq -c
	done >"$TMPDIR/mixed"
	check_equal "two changes at one time: always all of one" 6 \
		"$(grep -c '^ *200 service add [ab]$' "$TMPDIR/mixed")"
	check_equal "who came too late is told so, and of nothing else" "" \
		"$(grep -v 'another change came between' "$TMPDIR/met")"
}

# A change that waits, is confirmed, and is not.
guarded()
{
	local before

	echo "service add web port 80 mode local" | server cookiebox setconf
	before=$(in_force)
	check_match "it says what to do" 'cookiebox confirm' "$(server cookiebox setconf \
		--confirm 300 <<<"service add ssh port 22 mode local")"
	check_match "a change that waits is in force" 'ssh' "$(in_force)"
	check_fails "no second one can wait" server cookiebox setconf --confirm 5 /dev/null
	check_fails "nor be confirmed from another namespace" client cookiebox confirm
	check "confirmed" server cookiebox confirm
	check_fails "only once" server cookiebox confirm
	echo "service add web port 80 mode local" | server cookiebox setconf
	server cookiebox setconf --confirm 1 <<<"service add lockout port 1 mode local" >/dev/null
	check "not confirmed, it is put back" wait_for 15 same_as "$before"
}

same_as()
{
	[ "$(in_force)" = "$1" ]
}

# held: a service that a rule names cannot go, and the sentence names it.
held()
{
	printf '%s\n' "service add web port 80 mode local" "service add ruled mode local" |
		server cookiebox setconf
	server "$IPTABLES" -t raw -A PREROUTING -p tcp --dport 99 -j COOKIEBOX --service ruled ||
		{ not_ok "no rule"; return; }
	check_match "a rule holds its service" 'service ruled, which goes: an iptables rule names' \
		"$(echo "service add web port 80 mode local" | server cookiebox setconf 2>&1)"
	check_match "it can change, though" 'engage off' "$(
		printf '%s\n' "service add ruled mode local engage off" | server cookiebox setconf
		in_force)"
	server cookiebox stop 0
	check_equal "stop leaves it, switched off" "service add ruled mode local engage off" \
		"$(server cookiebox showconf | grep service)"
	server "$IPTABLES" -t raw -F PREROUTING
	server cookiebox stop 0
	check_equal "and takes it when the rule is gone" "" \
		"$(server cookiebox showconf | grep service)"
}

# commands KEY: what the unit runs, one a line, without the "-" before it.
commands()
{
	sed -n "s/^$1=-\{0,1\}//p" "$TOP/userspace/systemd/cookiebox.service" |
		sed "s|/usr/sbin/cookiebox|cookiebox|g; s|/etc/|$TMPDIR/|g; s|/var/lib/cookiebox|$TMPDIR|g"
}

run_unit()
{
	local command

	while read -r command; do
		server bash -c "$command" || return 1
	done < <(commands "$1")
}

master()
{
	server cookiebox -j key show --secret | jq -r '.pending_master // .master'
}

unit()
{
	local before

	chmod 700 "$TMPDIR"
	echo "service add web port 80 mode local" >"$TMPDIR/cookiebox.conf"
	check "the unit's start" run_unit ExecStart
	check "it protects" fetch
	before=$(master)
	echo "service add api port 81 mode local" >>"$TMPDIR/cookiebox.conf"
	check "its reload" run_unit ExecReload
	check_match "has read the file" 'api' "$(in_force)"
	start_visits
	check "its stop" run_unit ExecStop
	stop_visits "pages came while it stopped"
	check_equal "nothing is protected then" "" "$(server cookiebox showconf | grep service)"
	check_equal "the master is saved, for its owner only" 600 "$(stat -c %a "$TMPDIR/key")"
	server cookiebox key rotate --now
	check "its start again" run_unit ExecStart
	check_equal "has the master of before" "$before" "$(master)"
	server cookiebox stop 0
}

engaged()
{
	[ "$(server cookiebox -j service show web | jq '.[0].engaged')" = true ]
}

# answered COUNT: so many SYNs of all services, or more.
answered()
{
	[ "$(stat_of syn_answered)" -ge "$1" ]
}

stopping()
{
	[ "$(server cookiebox showconf | grep -c '^service .*engage observe')" = 3 ]
}

# lets_go: stop, in the middle of an attack: nothing is sealed any more, but what was sealed opens.
lets_go()
{
	local clients stop before

	server cookiebox setconf <<-END
		service add web port 80 mode local engage auto engage-at 2 release-at 1
		service add api port 81 mode local
		service add idle port 82 mode local engage off
		service add seen port 83 mode local engage observe
	END
	flood 0 5 400 >/dev/null
	check "a flood engages" wait_for 10 engaged
	before=$(stat_of syn_answered)
	raw -R 20000 -r 20 -t 1 <<<"label=ts hold=5" >"$TMPDIR/held" &
	clients=$!
	check "clients have cookies" wait_for 10 answered $((before + 20))
	(exec "$INNS" server cookiebox stop 600) &
	stop=$!
	check "stop: what may seal observes, attacked or not" wait_for 10 stopping
	check_match "what is off stays off" 'idle port 82 mode local engage off' \
		"$(server cookiebox showconf)"
	before=$(stat_of syn_answered)
	flood 0 5 100 >/dev/null
	check "the stack makes connections in a flood that goes on" fetch
	check_equal "nothing more is sealed" "$before" "$(stat_of syn_answered)"
	wait $clients
	results_are "what was sealed has opened" ok "$TMPDIR/held"
	kill $stop
	wait $stop 2>/dev/null
	server cookiebox stop 0
}

# now_ms: of this machine's clock, which is the guest's.
now_ms()
{
	echo $(($(date +%s%N) / 1000000))
}

took()
{
	local before what=$1

	before=$(now_ms)
	shift
	"$@" || not_ok "$what failed"
	note "$what: $(($(now_ms) - before)) ms"
}

many()
{
	local conf=$TMPDIR/many.conf

	seq $MANY | awk '{ printf "service add s%d addr 10.%d.%d.%d port 80 mode local engage auto\n",
			$1, $1 / 65536 + 1, $1 / 256 % 256, $1 % 256 }' >"$conf"
	took "$MANY services by one setconf" server cookiebox setconf "$conf"
	in_force >"$TMPDIR/all.conf"
	check_equal "all are there" $MANY "$(grep -c '^service' "$TMPDIR/all.conf")"
	took "syncconf with what is in force" server cookiebox syncconf "$TMPDIR/all.conf" -n
	sed -i 's/^\(service add s777 .*\) engage auto/\1/' "$conf"
	check_equal "one line that changed is one change" \
		"service set s777 engage always  # was engage auto" \
		"$(server cookiebox syncconf "$conf" -n)"
	echo "service add twin addr 10.1.3.9 port 80 mode local" >>"$conf"
	check_match "a mistake in the last line names it" "line $((MANY + 1)): .*same address" \
		"$(server cookiebox setconf "$conf" 2>&1)"
	check_equal "and has changed nothing" "$(md5sum <"$TMPDIR/all.conf")" "$(in_force | md5sum)"
	took "all of them go" server cookiebox setconf /dev/null
	check_equal "none is left" 0 "$(in_force | grep -c '^service')"
}

plan
IPTABLES=iptables
[ "$FAMILY" = 4 ] || IPTABLES=ip6tables
topology
start_nginx
load_module
uninterrupted
meeting
guarded
held
unit
lets_go
many
check "root of an own user namespace may" unshare -Urn sh -c \
	'echo "service add a port 1 mode local" | cookiebox setconf && cookiebox showconf | cookiebox setconf'
finish
