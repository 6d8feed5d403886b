# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion for cookiebox: the tool itself knows what may follow.
_cookiebox()
{
	local candidates
	candidates=$(cookiebox --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _cookiebox cookiebox
