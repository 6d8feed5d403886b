// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of clients that a spliced flow knows, at PRE_ROUTING.
 *
 * Owns no state of its own.  Invariants: nothing is learned from a segment that the
 * server would not take (its SEQ is outside what the server said it takes), so that
 * nobody who has to guess moves what RSTs are compared with; a RST ends a flow only if
 * its SEQ is exactly what the server expects (RFC 5961 3.2), one within the window is
 * passed on for the server to judge.  What a waiting flow does not know goes on to be
 * judged as any segment, since it may open another cookie.  Softirq or BH off, RCU.
 */
#include <net/tcp.h>
#include "redeem.h"
#include "splice.h"

#define NOT_KNOWN	(-1)
#define ACK_STEP_MAX	BIT(30)		/* the largest window there is (RFC 7323 2.3) */
#define EARLY_MAX	65535u		/* bytes behind the SYN, or before the end */

/* The checksum is right afterwards if it was before, and so are what the device summed
 * (the change of the header and that of the checksum cancel out) and what it has yet to
 * sum.
 */
enum cb_reason cb_splice_translate(const struct cb_splice *sp, struct sk_buff *skb,
				   const struct cb_segment *seg, bool to_server)
{
	struct tcphdr *th;
	__wsum diff = 0;

	if (skb_ensure_writable(skb, seg->thoff + seg->thlen))
		return CB_R_NO_MEMORY;
	th = (struct tcphdr *)(skb->data + seg->thoff);
	if (!cb_translate((u8 *)th, seg->thlen, &sp->shift, to_server, &diff))
		return CB_R_BAD_OPTIONS;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		csum_replace_by_diff(&th->check, diff);
	return CB_R_NONE;
}

static int refuse(struct cb_splice *sp, enum cb_reason reason)
{
	cb_splice_count(sp, reason);
	return NF_DROP;
}

static int pass_on(struct cb_splice *sp, struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_splice_translate(sp, ctx->skb, &ctx->seg, true);

	return likely(reason == CB_R_NONE) ? NF_ACCEPT : refuse(sp, reason);
}

static int reset(struct cb_splice *sp, struct cb_ctx *ctx)
{
	u32 off = ctx->seg.seq - READ_ONCE(sp->server.ack);
	u32 window = READ_ONCE(sp->server.window);

	if (!off)
		cb_splice_close(sp);
	else if (off < window)
		cb_splice_doubt(sp);
	else if (READ_ONCE(sp->state) == CB_SPLICE_OPEN)
		return refuse(sp, CB_R_RST_OUTSIDE);
	return pass_on(sp, ctx);
}

void cb_splice_track(struct cb_splice_end *from, const struct cb_splice_end *to,
		     const struct cb_segment *seg, const struct sk_buff *skb)
{
	u32 off = seg->seq - READ_ONCE(to->ack);
	u32 step = seg->ack - READ_ONCE(from->ack) + ACK_STEP_MAX;
	u32 now = cb_splice_now();
	u32 window;

	if (off + 1 > READ_ONCE(to->window) + 1)	/* keep-alives begin one byte before */
		return;
	if (READ_ONCE(from->heard) != now)
		WRITE_ONCE(from->heard, now);
	if (!(seg->flags & CB_TCP_ACK) || step > 2 * ACK_STEP_MAX)
		return;
	if (step != ACK_STEP_MAX)	/* back, too: what was guessed lasts for a moment only */
		WRITE_ONCE(from->ack, seg->ack);
	window = (u32)seg->window << from->wscale;
	if (READ_ONCE(from->window) != window)
		WRITE_ONCE(from->window, window);
	if (unlikely(seg->flags & CB_TCP_FIN)) {
		WRITE_ONCE(from->fin, seg->seq + (skb->len - seg->thoff - seg->thlen) + 1);
		WRITE_ONCE(from->finished, true);
	}
}

void cb_splice_settle(struct cb_splice *sp)
{
	if (likely(!READ_ONCE(sp->client.finished) || !READ_ONCE(sp->server.finished)) ||
	    READ_ONCE(sp->state) != CB_SPLICE_OPEN)
		return;
	if ((s32)(READ_ONCE(sp->server.ack) - READ_ONCE(sp->client.fin)) >= 0 &&
	    (s32)(READ_ONCE(sp->client.ack) - READ_ONCE(sp->server.fin)) >= 0)
		cb_splice_close(sp);
}

/* A SYN goes to the server as it is: that answers as it would without us, and the
 * client then ends what is left by a RST.
 */
static int open_in(struct cb_splice *sp, struct cb_ctx *ctx)
{
	u8 flags = ctx->seg.flags;

	if (unlikely((flags & (CB_TCP_SYN | CB_TCP_ACK)) == CB_TCP_SYN))
		return NF_ACCEPT;
	if (unlikely(flags & CB_TCP_RST))
		return reset(sp, ctx);
	cb_splice_track(&sp->client, &sp->server, &ctx->seg, ctx->skb);
	cb_splice_settle(sp);
	return pass_on(sp, ctx);
}

/* Of the connection that has ended, or of one that takes its place?  The client has said
 * nothing behind its end; a client that begins anew at once does so only a little behind it.
 */
static int closing_in(struct cb_splice *sp, struct cb_ctx *ctx)
{
	u32 end = READ_ONCE(sp->client.finished) ? READ_ONCE(sp->client.fin) :
						   READ_ONCE(sp->server.ack);
	u32 step = ctx->seg.ack - READ_ONCE(sp->client.ack) + ACK_STEP_MAX;

	if (ctx->seg.flags & CB_TCP_SYN)
		return NOT_KNOWN;
	if (end - ctx->seg.seq > EARLY_MAX || step > 2 * ACK_STEP_MAX)
		return NOT_KNOWN;
	return open_in(sp, ctx);
}

/* The client has given up before the server answered: it is told, too. */
static int abandon(struct cb_splice *sp, const struct cb_ctx *ctx)
{
	struct cb_made rst = { .flags = CB_TCP_RST, .seq = sp->cisn + 1 };

	if (ctx->seg.seq != sp->cisn + 1)
		return refuse(sp, CB_R_RST_OUTSIDE);
	if (cb_splice_end_waiting(sp))
		cb_splice_to_server(sp, &rst);
	return NF_DROP;
}

/* Is it a segment of the handshake's first flight? */
static bool early(const struct cb_splice *sp, const struct cb_segment *seg)
{
	return (seg->flags & CB_TCP_ACK) && seg->ack == sp->isn + 1 &&
	       seg->seq - (sp->cisn + 1) <= EARLY_MAX;
}

/* What the server is to be told of the client when it answers; but the time stamp stays
 * that of the ACK that opened: a later one than a held segment's would have it dropped
 * (RFC 7323 5.3).
 */
static bool note(struct cb_splice *sp, const struct cb_segment *seg)
{
	struct cb_flows *flows = sp->cbn->flows;
	bool waits;

	spin_lock_bh(&flows->lock);
	waits = !sp->flow.gone && sp->state == CB_SPLICE_WAITING;
	if (waits) {
		sp->w.window = seg->window;
		sp->again += !seg->payload_len && sp->again < U8_MAX;
	}
	spin_unlock_bh(&flows->lock);
	return waits;
}

/* It no longer waits: the server has answered meanwhile, or it is gone.  What is gone as
 * it waited is no end of a connection that anything could be noted of.
 */
static int too_late(struct cb_splice *sp, struct cb_ctx *ctx)
{
	if (smp_load_acquire(&sp->state) == CB_SPLICE_WAITING)	/* as in judge() */
		return NF_DROP;		/* sent again, it opens its cookie again */
	return open_in(sp, ctx);
}

static int hold(struct cb_splice *sp, struct cb_ctx *ctx)
{
	if (!note(sp, &ctx->seg))
		return too_late(sp, ctx);
	if (!ctx->seg.payload_len && !(ctx->seg.flags & CB_TCP_FIN))
		return NF_DROP;		/* it has told all that it had to */
	switch (cb_splice_hold(sp, ctx->skb)) {
	case CB_HELD:
		cb_splice_count(sp, CB_R_HELD);
		return NF_STOLEN;
	case CB_HELD_LATE:
		return too_late(sp, ctx);
	default:
		return refuse(sp, CB_R_HELD_FULL);
	}
}

static int waiting_in(struct cb_splice *sp, struct cb_ctx *ctx)
{
	u8 flags = ctx->seg.flags;

	if (flags & CB_TCP_SYN)
		return ctx->seg.seq == sp->cisn && !(flags & CB_TCP_ACK) ? NF_DROP : NOT_KNOWN;
	if (flags & CB_TCP_RST)
		return abandon(sp, ctx);
	return early(sp, &ctx->seg) ? hold(sp, ctx) : NOT_KNOWN;
}

static int judge(struct cb_splice *sp, struct cb_ctx *ctx)
{
	if (unlikely(ctx->header != CB_R_NONE))
		return refuse(sp, ctx->header);
	switch (smp_load_acquire(&sp->state)) {	/* with all that cb_splice_open() wrote */
	case CB_SPLICE_WAITING:
		return waiting_in(sp, ctx);
	case CB_SPLICE_OPEN:
		return open_in(sp, ctx);
	case CB_SPLICE_RESET:
		return cb_splice_answer_reset(sp, &ctx->seg, true);
	default:
		return closing_in(sp, ctx);
	}
}

int cb_splice_in(struct cb_ctx *ctx)
{
	struct cb_splice *sp = cb_splice_find(ctx->cbn, &ctx->seg.tuple);

	return sp ? judge(sp, ctx) : NOT_KNOWN;
}
