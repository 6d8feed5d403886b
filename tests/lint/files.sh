# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lint/files.sh - sourced by the checks in this folder. Each executable here is one check: it
# says what is wrong, one line each, and exits with 1; silence and 0 mean that nothing is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# files [REGEX]: the files of the tree whose path matches, without build/ and the like.
# shellcheck disable=SC2120 # some callers want all of them
files()
{
	{
		git ls-files --cached --others --exclude-standard 2>/dev/null ||
			find . -path ./.git -prune -o -path ./build -prune -o -type f -printf '%P\n'
	} | grep -E "${1:-.}" | sort -u | while read -r file; do
		[ ! -f "$file" ] || [ -L "$file" ] || echo "$file"
	done
}

# of_language REGEX: files whose first line, a shebang, matches.
of_language()
{
	files | while read -r file; do
		! head -c 80 "$file" | head -n 1 | grep -aqE "^#!.*$1" || echo "$file"
	done
}
