# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/lib/pages.sh - sourced by scripts that run what Documentation/*.rst says. An example is what
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

# example_run PAGE NAME: the commands, in the server's namespace, and then the text, if any, with nft.
example_run()
{
	example_commands "$1" "$2" >"$TMPDIR/commands"
	example_text "$1" "$2" >"$TMPDIR/ruleset"
	server bash -eu "$TMPDIR/commands" || return
	[ ! -s "$TMPDIR/ruleset" ] || server nft -f "$TMPDIR/ruleset"
}
