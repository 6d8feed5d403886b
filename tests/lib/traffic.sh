# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/traffic.sh - sourced after lib.sh: a web server, raw clients, the service under test.
#
# The raw clients (tests/tools/rawtcp.c) send from 10.1.0.0/16 or fd01::/64, which are routed to
# the client's namespace and belong to nobody there, so that its kernel does not answer for them.
# With the argument "stock", or without MODULE, the stock stack is the peer: proof of the tools.

RAWTCP=$TOP/build/guest-files/rawtcp
PAGE_BYTES=20000
[ "$1" != stock ] || MODULE=

# start_nginx: pages at port 80 of both families; uploads with PUT below /up/; slow ones below /slow/.
start_nginx()
{
	mkdir -p "$TMPDIR/www/up" "$TMPDIR/www/slow" "$TMPDIR/nginx"
	head -c $PAGE_BYTES /dev/zero | tr '\0' 'c' >"$TMPDIR/www/page"
	cat >"$TMPDIR/nginx.conf" <<-END
		user root;
		worker_processes 1;
		pid $TMPDIR/nginx.pid;
		error_log $TMPDIR/nginx.log;
		events { worker_connections 8192; }
		http {
			access_log off;
			client_max_body_size 0;
			client_body_temp_path $TMPDIR/nginx;
			proxy_temp_path $TMPDIR/nginx/proxy;
			fastcgi_temp_path $TMPDIR/nginx/fastcgi;
			uwsgi_temp_path $TMPDIR/nginx/uwsgi;
			scgi_temp_path $TMPDIR/nginx/scgi;
			keepalive_timeout 1h;
			keepalive_requests 1000000;
			server {
				listen 80 backlog=4096;
				listen [::]:80 ipv6only=on backlog=4096;
				root $TMPDIR/www;
				location /up/ { dav_methods PUT; }
				location /slow/ { limit_rate 200k; }
			}
		}
	END
	server sysctl -qw net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=4096
	server nginx -c "$TMPDIR/nginx.conf" -p "$TMPDIR" 2>"$TMPDIR/nginx.err" ||
		die "nginx does not start: $(cat "$TMPDIR/nginx.err")"
	wait_for 20 listening server 80 || die "nginx does not listen"
}

# restart_nginx: it closes its connections and begins anew.
restart_nginx()
{
	server nginx -c "$TMPDIR/nginx.conf" -p "$TMPDIR" -s stop 2>/dev/null
	wait_for 10 test ! -e "$TMPDIR/nginx.pid" || die "nginx does not stop"
	server nginx -c "$TMPDIR/nginx.conf" -p "$TMPDIR" || die "nginx does not start again"
	wait_for 20 listening server 80 || die "nginx does not listen again"
}

# guard COMMAND...: where cookiebox works: the server, or the box in front of it (gateway.sh).
guard()
{
	in_ns "${GUARD:-server}" "$@"
}

# protect [SERVICE ARGUMENTS]: the module, and a service for port 80.
protect()
{
	[ -n "$MODULE" ] || return 0
	[ -d /sys/module/cookiebox ] || load_module
	guard cookiebox service add web port 80 mode local "$@" || die "service add failed"
}

# set_mtu BYTES: of both ends of the link.
set_mtu()
{
	ip -n client link set c0 mtu "$1" && ip -n server link set s0 mtu "$1"
}

# set_delay MS: round trip, half of it each way.
set_delay()
{
	local half=$(($1 / 2))

	client tc qdisc replace dev c0 root netem delay ${half}ms limit 100000 &&
		server tc qdisc replace dev s0 root netem delay ${half}ms limit 100000
}

# raw ARGUMENTS: the raw client; descriptions come on stdin. RAW_DEFAULTS are added to each.
raw()
{
	local base=10.1.0.1
	[ "$FAMILY" != 6 ] || base=fd01::1
	# On one CPU, whose backlog is first in, first out: with two, data may overtake the ACK before it.
	client taskset -c 0 "$RAWTCP" -i c0 -m "$SERVER_MAC" -s "${RAW_BASE:-$base}" \
		-g /page -d "dst=$SERVER ${RAW_DEFAULTS:-}" "$@"
}

# stat_of REASON: the service's counter; "" without the module.
stat_of()
{
	[ -z "$MODULE" ] || guard cookiebox stats | awk -v reason="$1" '$2 == reason { n += $4 } END { print n + 0 }'
}

# no_services: all of them go.
no_services()
{
	local name
	for name in $(guard cookiebox service show | awk 'NR > 1 { print $1 }'); do
		wait_for 5 guard cookiebox service del "$name"	# nft lets go of a rule later
	done
}

# grew DESCRIPTION REASON BEFORE AT-LEAST: the counter grew; skipped without the module.
grew()
{
	local now
	if [ -z "$MODULE" ]; then
		skip "$1" "no module"
		return
	fi
	now=$(stat_of "$2")
	if [ $((now - $3)) -ge "$4" ]; then
		ok "$1"
	else
		note "$2: $3 before, $now now; wanted at least $4 more"
		not_ok "$1"
	fi
}

# fields KIND NAME...: what the objects on stdin that have a member KIND say under these names, a
# line for each, "null" for what is not there. The raw client writes one object a line, and names
# are followed by a number or a string without blanks. (jq takes a fifth of a second in a VM.)
fields()
{
	awk -v names="$*" 'BEGIN { n = split(names, want, " ") }
	index($0, "\"" want[1] "\":") {
		for (i = 2; i <= n; i++) {
			skip = length(want[i]) + 3
			value = "null"
			if (match($0, "\"" want[i] "\":(\"[^\"]*\"|[-0-9.]+)"))
				value = substr($0, RSTART + skip, RLENGTH - skip)
			gsub(/"/, "", value)
			printf "%s%s", value, i < n ? " " : "\n"
		}
	}'
}

# field NAME: that field of the results on stdin, one a line, the summary left out.
field()
{
	fields label "$1"
}

# summary NAME: that field of the summary on stdin.
summary()
{
	fields summary "$1"
}

# results_are DESCRIPTION WANT FILE: every connection in the file ended so.
results_are()
{
	local other
	other=$(awk -v want="\"result\":\"$2\"" '/"label":/ && !index($0, want)' "$3")
	if [ -s "$3" ] && [ -z "$other" ]; then
		ok "$1"
	else
		note "not $2:"
		note "${other:-no result at all}"
		not_ok "$1"
	fi
}

# --- Keys: nothing without the module ---------------------------------------------------------

random_master()
{
	head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# key_set HEX [ARGUMENTS]
key_set()
{
	local master=$1
	shift
	[ -z "$MODULE" ] || guard cookiebox key set - "$@" <<<"$master"
}

key_rotate()
{
	guard cookiebox key rotate "$@"
}

key_epoch()
{
	[ -z "$MODULE" ] || guard cookiebox key show | awk '$1 == "epoch" && NF == 2 { print $2 }'
}

key_secret()
{
	guard cookiebox key show --secret | awk '$1 == "master" { print $2 }'
}

# key_seals HEX: that master seals.
key_seals()
{
	[ "$(key_secret)" = "$1" ]
}
