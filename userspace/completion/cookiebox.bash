# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion for cookiebox: the tool itself knows what may follow.
_cookiebox()
{
	local candidates word=${COMP_WORDS[COMP_CWORD]}
	candidates=$(cookiebox --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "${candidates//FILE/}" -- "$word")
	# it says FILE where only the shell knows what there is
	[[ $candidates != *FILE* ]] || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
}
complete -o default -F _cookiebox cookiebox
