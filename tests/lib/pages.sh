# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/pages.sh - sourced, after traffic.sh, by scripts that run what Documentation/*.rst says, and ask
# each port of the server whether the right service answered. An example is what
# follows the comment line
#   .. example: NAME
# up to the next one or the next heading. Its literal blocks are commands, if their first line begins
# with "# ", or else text for a file.

# examples PAGE: their names, one a line.
examples()
{
	sed -n 's/^\.\. example: \([a-z0-9-]*\)$/\1/p' "$TOP/Documentation/$1"
}

# blocks PAGE NAME: literal blocks of the example, each line numbered with its block: N<tab>LINE.
blocks()
{
	awk -v want="$2" '
	/^\.\. example: / { on = $3 == want; text = 0; next }
	/^(===|---)/ { on = 0 }
	!on { next }
	/^::$/ { n++; text = 1; next }
	text && /^[^ ]/ { text = 0 }
	text { sub(/^    /, ""); if (length) print n "\t" $0 }' "$TOP/Documentation/$1"
}

# example_commands PAGE NAME: its commands, without the prompt; lines that end in \ go on.
example_commands()
{
	blocks "$1" "$2" | awk -F '\t' '
	!($1 in kind) { kind[$1] = $2 ~ /^# / }
	kind[$1] { sub(/^[0-9]+\t/, ""); sub(/^# /, ""); print }'
}

# example_text PAGE NAME: its blocks that are no commands, one after another.
example_text()
{
	blocks "$1" "$2" | awk -F '\t' '
	!($1 in kind) { kind[$1] = $2 ~ /^# / }
	!kind[$1] { sub(/^[0-9]+\t/, ""); print }'
}

# example_run PAGE NAME: the commands, where cookiebox works, and then the text, if any, with nft.
example_run()
{
	example_commands "$1" "$2" >"$TMPDIR/commands"
	example_text "$1" "$2" >"$TMPDIR/ruleset"
	guard bash -eu "$TMPDIR/commands" || return
	[ ! -s "$TMPDIR/ruleset" ] || guard nft -f "$TMPDIR/ruleset"
}

# get PORT: a page.
get()
{
	client curl -sS --fail --max-time "${LIMIT:-20}" -o /dev/null "http://$URLHOST:$1/page"
}

# counted SERVICE REASON
counted()
{
	guard cookiebox stats "$1" | awk -v reason="$2" '$2 == reason { n = $4 } END { print n + 0 }'
}

# ANSWERED[SERVICE]: SYNs since the example began.
declare -A ANSWERED

# served PORT SERVICE WHAT: a page by way of the service, with one cookie.
served()
{
	check "$3: a page from port $1" get "$1"
	ANSWERED[$2]=$((${ANSWERED[$2]:-0} + 1))
	check_equal "$3: $2 answered" "${ANSWERED[$2]}" "$(counted "$2" syn_answered)"
}

# unserved PORT SERVICE WHAT: a page, and the service has no part in it.
unserved()
{
	check "$3: a page from port $1" get "$1"
	check_equal "$3: $2 has no part in it" "${ANSWERED[$2]:-0}" "$(counted "$2" syn_answered)"
}

# refused PORT WHAT
refused()
{
	LIMIT=2 check_fails "$2: no page from port $1" get "$1"
}

add_element()
{
	check "sets: an element of $1 is added" guard nft add element inet cookiebox "$1" "{ $2 }"
}

# more_ports: nginx, at 443 and 8080, too.
more_ports()
{
	sed -i 's/listen 80 backlog=4096;/& listen 443; listen [::]:443 ipv6only=on; listen 8080; \
		listen [::]:8080 ipv6only=on;/' "$TMPDIR/nginx.conf"
	server nginx -c "$TMPDIR/nginx.conf" -p "$TMPDIR" -s reload 2>/dev/null
	wait_for 20 listening server 443 && wait_for 20 listening server 8080 ||
		die "nginx does not reload"
}

clear()
{
	guard nft flush ruleset
	no_services
}

# page PAGE: those that begin with "gateway" where the guard is a box, the others where it is the
# server. What is old stays until the new has taken its place.
page()
{
	local name place
	for name in $(examples "$1"); do
		place=server
		[[ $name != gateway* ]] || place=box
		[ $place = "${GUARD:-server}" ] || continue
		ANSWERED=()
		check "$1: $name: the example runs" example_run "$1" "$name"
		check "$1: $name: this script knows what to expect" declare -F "try_$name"
		"try_$name"
		[[ $name == *-old ]] || clear
	done
}
