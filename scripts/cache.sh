# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/cache.sh - sourced: where what is expensive to make is kept between checkouts.
# Holds unpacked kernels, User-Mode Linux builds and guest archives, each keyed by what it was
# made from. Deleting it costs time and nothing else.
# shellcheck disable=SC2034 # for the script that sources this
CACHE=${COOKIEBOX_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cookiebox}
