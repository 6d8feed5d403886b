# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/scripted.sh - sourced after lib.sh: runs cases written for tests/lib/tcpscript.py.

# scripted FILE [SERVICE ARGUMENTS]: all cases of tests/netns/FILE, which prints a line for each, and
# last how many connections cookies should have made.
scripted()
{
	local file=$1 line cookies=
	shift

	load_module
	server cookiebox service add off port 2000-2999 mode local engage off "$@" &&
		server cookiebox service add always port 3000-3999 mode local "$@" || die "service add"
	while read -r line; do
		case $line in
		"ok "*) ok "${line#ok }" ;;
		"not ok "*) not_ok "${line#not ok }" ;;
		"cookies "*) cookies=${line#cookies } ;;
		*) echo "$line" ;;
		esac
	done < <(server taskset -c 0 python3 -B "$TOP/tests/netns/$file" "$FAMILY" \
		"$SERVER_MAC" 2>&1)
	check_equal "as many connections of cookies as the cases say" "${cookies:-no end}" \
		"$(server cookiebox stats | awk '$2 == "cookie_accepted" { n += $4 } END { print n + 0 }')"
}
