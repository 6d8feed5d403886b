// SPDX-License-Identifier: GPL-2.0
/*
 * The packet path in one translation unit, so that the compiler sees through the
 * calls between its parts (as kernel/sched/build_policy.c does): a SYN passes some
 * forty functions, and each call kept costs a dozen instructions.
 *
 * Owns nothing.  Each part stands for itself, with its own header; none uses what
 * is static in another.
 */
#include "keys.c"
#include "segment.c"
#include "options.c"
#include "rows.c"
#include "cookie.c"
#include "flowcookie.c"
#include "handshake.c"
#include "memo.c"
#include "lane.c"

#include "service.c"
#include "stats.c"
#include "gate.c"
#include "parse.c"
#include "established.c"
#include "demux.c"
#include "offer.c"
#include "build.c"
#include "reply.c"
#include "embryonic.c"
#include "prints.c"
#include "redeem.c"
#include "local.c"
#include "engage.c"
#include "judge.c"
#include "hooks.c"
