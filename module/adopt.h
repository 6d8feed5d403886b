/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adoption: connections through this host that are older than their service of mode splice.
 *
 * They are entries of the flow cache like any: the limit, memory pressure and flush may
 * take them at any moment.  adopt.c, packet path: BH off, rcu_read_lock().
 */
#ifndef CB_ADOPT_H
#define CB_ADOPT_H

#include "flow.h"
#include "mode.h"
#include "uapi/linux/cookiebox.h"

enum cb_adopt {
	CB_ADOPT_NO,		/* nothing speaks for it */
	CB_ADOPT_WAIT,		/* its server was heard, and has neither said nor waits for that */
	CB_ADOPT_MAYBE,		/* nothing speaks against it, so early: its server is asked */
	CB_ADOPT_YES,		/* its server was heard to have it */
};

/* Of the other services, ACKs that belong to nothing pass, or were not to pass ever. */
static inline bool cb_adopts(const struct cb_service_spec *spec)
{
	return spec->mode == COOKIEBOX_MODE_SPLICE && spec->unknown != COOKIEBOX_UNKNOWN_PASS &&
	       spec->invalid == COOKIEBOX_INVALID_AUTO &&
	       spec->engage != COOKIEBOX_ENGAGE_OFF && cb_service_by_address(spec);
}

/* Is what was not heard of since then, or was under way, still to be heard of? */
static inline bool cb_adopt_early(const struct cb_ctx *ctx, u64 since_ms)
{
	u64 ms = READ_ONCE(ctx->cbn->sysctl.splice_adopt_seconds) * MSEC_PER_SEC;

	return ctx->now_ms < since_ms + ms;
}

/* Cheap, and never wrong when it says no: an ACK that belongs to nothing and opens nothing. */
static inline bool cb_adopt_may(const struct cb_ctx *ctx)
{
	return ctx->svc->spec.unknown != COOKIEBOX_UNKNOWN_PASS &&
	       ((READ_ONCE(ctx->cbn->flows->n.entries) &&
		 cb_flow_may_be_older(ctx->cbn->flows, &ctx->seg.tuple)) ||
		cb_adopt_early(ctx, ctx->svc->since_ms)) &&
	       cb_adopts(&ctx->svc->spec);
}

/* What is known of such an ACK, if it may be. */
enum cb_adopt cb_adopt_asked(const struct cb_ctx *ctx);
/* A server's segment of no spliced flow; the tuple is as seen from the client. */
void cb_adopt_heard(struct cb_ctx *ctx);

#endif
