// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that are older than their service (mode splice, unknown drop or reset).
 *
 * Owns the entries of the flow cache that have CB_FLOW_OLDER.  What a server sends with ACK
 * and without SYN is of a connection that it has: one that has none answers an ACK by a RST,
 * and a SYN by a SYN-ACK.  So such a segment of no spliced flow makes an entry, and a client's
 * ACK that fits it goes on to the server.
 *
 *	          low                     end
 *	-----------|-----------------------|-----------> SEQ of the server
 *	    early: |    fits: of both      | early:
 *	    maybe  |                       | maybe
 *
 * Invariants: nothing that a client sends makes an entry, or moves what its ACKs are compared
 * with.  The numbers of a connection that was spliced by a box that has forgotten it differ by
 * 32 random bits between its ends, so it does not fit: what is between low and end was sent
 * since the server was first heard.  Nor does it become adopted later, as its client
 * never acknowledges what its server sends.  No entry decides about what opens a cookie.
 */
#include <net/tcp.h>
#include "adopt.h"

#define WINDOW_MAX	BIT(30)		/* the largest window there is (RFC 7323 2.3) */
#define FLIGHT_MAX	BIT(26)		/* on its way when the server is first heard */

static struct cb_flow *find(const struct cb_ctx *ctx)
{
	struct cb_flow *flow = cb_flow_find(ctx->cbn->flows, &ctx->seg.tuple);

	return flow && cb_flow_is_older(flow) ? flow : NULL;
}

/* SEQ behind it. */
static u32 end_of(const struct cb_ctx *ctx)
{
	const struct cb_segment *seg = &ctx->seg;

	return seg->seq + (ctx->skb->len - seg->thoff - seg->thlen) +
	       !!(seg->flags & CB_TCP_FIN);
}

/* Where either end might be the server, a client's own segment would do. */
static bool both_serve(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct cb_tuple turned = {
		.saddr = t->daddr, .daddr = t->saddr,
		.sport = t->dport, .dport = t->sport, .family = t->family,
	};

	return cb_service_match(ctx->cbn, 0, &turned);
}

/* A socket of this host needs none: its connections are known without. */
static void remember(struct cb_ctx *ctx)
{
	u64 limit = cb_flow_entries(READ_ONCE(ctx->cbn->sysctl.flow_cache_bytes));
	const struct cb_tuple *t = &ctx->seg.tuple;
	const struct cb_service *svc = cb_service_match(ctx->cbn, 0, t);
	struct cb_flow_facts facts;

	if (!svc || !cb_adopts(&svc->spec) || both_serve(ctx) || cb_service_allows(svc, t))
		return;
	if (ctx->skb->sk || cb_parse_checksum(ctx) != CB_R_NONE)
		return;
	facts = (struct cb_flow_facts) {
		.opened_ms = cb_now_ms(),
		.service = svc->anchor->id,
		.has = CB_FLOW_OLDER,
		.heard = { .low = ctx->seg.seq, .end = end_of(ctx) },
	};
	cb_flow_add_older(ctx->cbn->flows, limit, t, &facts, ctx->seg.ack);
}

/* What it said so far may be of another connection: then it begins anew. */
static bool goes_on(const struct cb_flow *flow, const struct cb_ctx *ctx)
{
	const struct cb_flow_heard *h = &flow->facts.heard;
	u32 low = READ_ONCE(h->low), end = READ_ONCE(h->end);
	u32 acked = READ_ONCE(flow->acked);

	return between(ctx->seg.seq, low - FLIGHT_MAX, end + WINDOW_MAX) &&
	       between(ctx->seg.ack, acked - WINDOW_MAX, acked + WINDOW_MAX);
}

static void refresh(struct cb_flow *flow, const struct cb_ctx *ctx)
{
	struct cb_flow_heard *h = &flow->facts.heard;
	u32 end = end_of(ctx);

	if (READ_ONCE(flow->acked) != ctx->seg.ack)
		WRITE_ONCE(flow->acked, ctx->seg.ack);
	if ((s32)(ctx->seg.seq - READ_ONCE(h->low)) < 0)	/* a hole, filled */
		WRITE_ONCE(h->low, ctx->seg.seq);
	if ((s32)(end - READ_ONCE(h->end)) <= 0)
		return;
	WRITE_ONCE(h->end, end);
	if (end - READ_ONCE(h->low) > WINDOW_MAX)
		WRITE_ONCE(h->low, end - WINDOW_MAX);
}

/* A RST says that there is none, if it is not forged; and so does a SYN, of the one before. */
static void over(const struct cb_ctx *ctx)
{
	struct cb_flow *flow = find(ctx);
	const struct cb_flow_heard *h;

	if (!flow)
		return;
	h = &flow->facts.heard;
	if ((ctx->seg.flags & CB_TCP_SYN) ||
	    between(ctx->seg.seq, READ_ONCE(h->low), READ_ONCE(h->end) + 1))
		cb_flow_forget(ctx->cbn->flows, flow);
}

void cb_adopt_heard(struct cb_ctx *ctx)
{
	u8 flags = ctx->seg.flags;
	struct cb_flow *flow;

	if (ctx->header != CB_R_NONE)
		return;
	if (flags & (CB_TCP_SYN | CB_TCP_RST)) {
		over(ctx);
		return;
	}
	if (!(flags & CB_TCP_ACK))
		return;
	flow = find(ctx);
	if (flow && goes_on(flow, ctx))
		refresh(flow, ctx);
	else
		remember(ctx);
}

/* The server takes it: its ACK is of what was sent, its SEQ within any window. */
static bool fits(const struct cb_flow *flow, const struct cb_segment *seg, u32 flight)
{
	const struct cb_flow_heard *h = &flow->facts.heard;
	u32 low = READ_ONCE(h->low), end = READ_ONCE(h->end) + 1;	/* as of a keep-alive */
	u32 acked = READ_ONCE(flow->acked);

	return between(seg->ack, low - flight, end + flight) &&
	       between(seg->seq, acked - WINDOW_MAX, acked + WINDOW_MAX);
}

static void mark_both(struct cb_flow *flow)
{
	u8 has = READ_ONCE(flow->facts.has);

	if (!(has & CB_FLOW_BOTH))
		WRITE_ONCE(flow->facts.has, has | CB_FLOW_BOTH);
}

/* What contradicts a server that was heard is worth a RST only if it has the very number that
 * the server expects: else the server would not heed the RST, and a client that gets one
 * would no longer send what it would.
 */
enum cb_adopt cb_adopt_asked(const struct cb_ctx *ctx)
{
	struct cb_flow *flow = cb_flow_find(ctx->cbn->flows, &ctx->seg.tuple);
	bool early = cb_adopt_early(ctx, ctx->svc->since_ms);
	u64 heard_ms;

	if (flow && flow->spliced)
		return CB_ADOPT_NO;
	if (!flow || !cb_flow_is_older(flow))
		return early ? CB_ADOPT_MAYBE : CB_ADOPT_NO;
	if (fits(flow, &ctx->seg, 0)) {
		mark_both(flow);
		return CB_ADOPT_YES;
	}
	heard_ms = READ_ONCE(flow->facts.opened_ms);
	if (early && heard_ms < ctx->svc->since_ms)	/* of another time, and connection */
		return CB_ADOPT_MAYBE;
	if ((early || cb_adopt_early(ctx, heard_ms)) && fits(flow, &ctx->seg, FLIGHT_MAX))
		return CB_ADOPT_MAYBE;
	return ctx->seg.seq == READ_ONCE(flow->acked) ? CB_ADOPT_NO : CB_ADOPT_WAIT;
}
