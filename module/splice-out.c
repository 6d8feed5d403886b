// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of servers, at POST_ROUTING, last: behind connection tracking and NAT, so that
 * their ends are again those that the client knows.
 *
 * Owns no state of its own.  Invariants: what cookiebox made itself is not translated
 * (it has come by no device, nor from a socket, and is not tracked); a segment of a flow
 * that still waits reaches its client only as what it means to somebody who has long been
 * connected: the SYN-ACK as a window update, a refusal as a RST.  Softirq or BH off,
 * rcu_read_lock().
 */
#include <net/sock.h>
#include "adopt.h"
#include "bytes.h"
#include "calm.h"
#include "profile.h"
#include "redeem.h"
#include "splice.h"
#include "table.h"

static unsigned int refuse(struct cb_splice *sp, enum cb_reason reason)
{
	cb_splice_count(sp, reason);
	return NF_DROP;
}

static u16 clip(u32 window)
{
	return min_t(u32, window, U16_MAX);
}

/* What was announced to the client, and what the server says now. */
static void measure(struct cb_shift *shift, struct cb_splice_end *server,
		    const struct cb_splice *sp, const struct cb_ctx *ctx)
{
	const struct cb_flow_facts *facts = &sp->flow.facts;
	const struct cb_options *opt = &ctx->seg.opt;
	bool scaled = opt->has & CB_OPT_WSCALE;

	*shift = (struct cb_shift) {
		.seq = sp->isn - ctx->seg.seq,
		.timestamps = opt->has & facts->has & CB_OPT_TS,
	};
	*server = (struct cb_splice_end) {
		.ack = sp->cisn + 1,
		.window = ctx->seg.window,
	};
	if (!(facts->has & CB_OPT_WSCALE))
		return;
	server->wscale = scaled ? opt->wscale : 0;
	shift->win_to_client = server->wscale - CB_SPLICE_WSCALE;
	shift->win_to_server = scaled ? 0 : facts->wscale;
}

/* The client's view of the server's clock begins with our own, which the SYN-ACK was
 * stamped with, and goes on from there: never back.
 */
static void set_clock(struct cb_shift *shift, const struct cb_ctx *ctx, u32 ts_off)
{
	if (!shift->timestamps)
		return;
	shift->ts = (u32)cb_now_ms() + ts_off - ctx->seg.opt.tsval;
	shift->first_tsval = ctx->seg.opt.tsval;
}

/* The third segment of the handshake; or, when the server repeats its SYN-ACK, again. */
static void acknowledge(const struct cb_splice *sp, const struct cb_ctx *ctx, u32 tsval,
			u16 window)
{
	struct cb_made ack = {
		.flags = CB_TCP_ACK,
		.seq = sp->cisn + 1,
		.ack = ctx->seg.seq + 1,
		.tsval = tsval,
		.tsecr = ctx->seg.opt.tsval,
		.window = clip((u32)window << sp->shift.win_to_server),
		.timestamps = sp->shift.timestamps,
	};

	cb_splice_to_server(sp, &ack);
}

static void release(const struct cb_splice *sp, struct sk_buff *held, u8 pf)
{
	struct nf_hook_state state = { .pf = pf, .hook = NF_INET_PRE_ROUTING };
	struct cb_ctx ctx CB_UNINITIALIZED;
	enum cb_reason reason;
	struct sk_buff *skb;

	ctx.state = &state;
	ctx.cbn = sp->cbn;
	while (held) {
		skb = held;
		held = skb->next;
		skb_mark_not_on_list(skb);
		ctx.skb = skb;
		reason = cb_parse_tuple(&ctx) ? ctx.header : CB_R_BAD_OPTIONS;
		if (reason == CB_R_NONE)
			reason = cb_splice_translate(sp, skb, &ctx.seg, true);
		if (reason == CB_R_NONE) {
			cb_splice_inject(sp, skb);
			continue;
		}
		cb_splice_count(sp, reason);
		kfree_skb(skb);
	}
}

/* The client, which has been connected all the time, learns that it may send more. */
static bool become_update(const struct cb_splice *sp, const struct cb_ctx *ctx, u32 tsecr)
{
	u32 window = ctx->seg.window;
	struct cb_made update = {
		.flags = CB_TCP_ACK,
		.seq = sp->isn + 1,
		.ack = sp->cisn + 1,
		.tsval = ctx->seg.opt.tsval + sp->shift.ts,
		.tsecr = tsecr,
		.timestamps = sp->shift.timestamps,
	};

	if (sp->flow.facts.has & CB_OPT_WSCALE)	/* a SYN-ACK's own is not scaled */
		window = window ? max(window >> CB_SPLICE_WSCALE, 1u) : 0;
	update.window = window;
	return cb_splice_become(sp, ctx->skb, &update);
}

static unsigned int answered(struct cb_splice *sp, struct cb_ctx *ctx)
{
	struct cb_splice_waiting was;
	struct cb_splice_end server;
	struct cb_shift shift;
	u8 pf = ctx->state->pf;

	if (cb_parse_checksum(ctx) != CB_R_NONE)	/* routers ask for none of TCP's */
		return refuse(sp, CB_R_BAD_CHECKSUM);
	if (cb_parse_options(ctx) != CB_R_NONE)
		return refuse(sp, CB_R_BAD_OPTIONS);
	measure(&shift, &server, sp, ctx);
	set_clock(&shift, ctx, READ_ONCE(sp->w.ts_off));	/* if it waits yet: it is asked */
	if (!cb_splice_open(sp, &shift, &server, &was))
		return NF_DROP;		/* the server repeats it, if it has to */
	cb_redeem_confirm(sp->cbn, was.print, was.print_at);
	cb_splice_count(sp, CB_R_SPLICED);
	cb_splice_learn(sp, ctx);
	acknowledge(sp, ctx, was.tsval, was.window);
	release(sp, was.held, pf);
	if (!become_update(sp, ctx, ctx->seg.opt.tsecr))
		return refuse(sp, CB_R_NO_MEMORY);
	return NF_ACCEPT;
}

unsigned int cb_splice_refused(struct cb_splice *sp, struct sk_buff *skb)
{
	struct cb_made rst = {
		.flags = CB_TCP_RST | CB_TCP_ACK,
		.seq = sp->isn + 1,
		.ack = sp->cisn + 1,
	};
	u64 print = READ_ONCE(sp->w.print);
	u32 at = READ_ONCE(sp->w.print_at);

	if (!cb_splice_become(sp, skb, &rst))	/* the server will say it again */
		return refuse(sp, CB_R_NO_MEMORY);
	if (!cb_splice_end_waiting(sp))
		return NF_DROP;
	cb_redeem_confirm(sp->cbn, print, at);
	cb_splice_count(sp, CB_R_SERVER_REFUSED);
	return NF_ACCEPT;
}

/* Nobody listens there: the client learns of it as if it had just been told. */
static unsigned int refused(struct cb_splice *sp, const struct cb_ctx *ctx)
{
	if (!(ctx->seg.flags & CB_TCP_ACK) || ctx->seg.ack != sp->cisn + 1)
		return refuse(sp, CB_R_RST_OUTSIDE);
	cb_splice_unlearn(sp, CB_PROFILE_RST);
	return cb_splice_refused(sp, ctx->skb);
}

/* A connection of this host may hold its lock as it sends, and what it is sent at this
 * moment asks for that lock.  A request that sends its SYN-ACK holds none.
 */
static bool may_tell(const struct sk_buff *skb)
{
	return !skb->sk || !sk_fullsock(skb->sk);
}

/* The server still has a connection of this tuple: it is told, as by a client that
 * has just sent its SYN, that it is no more (RFC 9293 3.10.7.3).
 */
static unsigned int contradict(const struct cb_splice *sp, const struct cb_ctx *ctx)
{
	struct cb_made rst = { .flags = CB_TCP_RST, .seq = ctx->seg.ack };

	if ((ctx->seg.flags & CB_TCP_ACK) && may_tell(ctx->skb))
		cb_splice_to_server(sp, &rst);
	return NF_DROP;
}

static unsigned int waiting_out(struct cb_splice *sp, struct cb_ctx *ctx)
{
	const struct cb_segment *seg = &ctx->seg;
	u8 syn_ack = CB_TCP_SYN | CB_TCP_ACK;

	if (seg->flags & CB_TCP_RST)
		return refused(sp, ctx);
	if ((seg->flags & syn_ack) == syn_ack && seg->ack == sp->cisn + 1)
		return answered(sp, ctx);
	return contradict(sp, ctx);
}

static unsigned int reset(struct cb_splice *sp, struct cb_ctx *ctx)
{
	u32 off = ctx->seg.seq - READ_ONCE(sp->client.ack);	/* both the client's view */

	if (!off)
		cb_splice_close(sp);
	else if (off < READ_ONCE(sp->client.window))
		cb_splice_doubt(sp);
	else if (READ_ONCE(sp->state) == CB_SPLICE_OPEN)
		return refuse(sp, CB_R_RST_OUTSIDE);
	return NF_ACCEPT;
}

/* Our ACK was lost: the client has nothing to do with it.  Or the server has forgotten
 * this connection, and begun another with a SYN that was passed to it: when both have been
 * asked, and have said so by a RST, the client's next SYN gets a cookie.  What has been closed is
 * forgotten at once: in calm SYNs pass.
 */
static unsigned int answered_again(struct cb_splice *sp, struct cb_ctx *ctx)
{
	if (ctx->seg.ack != sp->cisn + 1) {
		if (READ_ONCE(sp->state) == CB_SPLICE_CLOSING) {
			cb_splice_end(sp);
			cb_calm_answered(ctx);
			return NF_ACCEPT;
		}
		cb_splice_doubt(sp);
		return NF_DROP;
	}
	if (ctx->seg.seq != sp->isn - sp->shift.seq || cb_parse_options(ctx) != CB_R_NONE)
		return NF_DROP;
	acknowledge(sp, ctx, ctx->seg.opt.tsecr,
		    clip(READ_ONCE(sp->client.window) >> sp->client.wscale));
	return NF_DROP;
}

static unsigned int open_out(struct cb_splice *sp, struct cb_ctx *ctx)
{
	struct cb_segment *seg = &ctx->seg;
	unsigned int verdict = NF_ACCEPT;
	enum cb_reason reason;
	u8 flags = seg->flags;

	if (unlikely(flags & CB_TCP_SYN))
		return flags & CB_TCP_ACK ? answered_again(sp, ctx) : NF_ACCEPT;
	reason = cb_splice_translate(sp, ctx->skb, seg, false);
	if (unlikely(reason != CB_R_NONE))
		return refuse(sp, reason);
	seg->seq += sp->shift.seq;
	if (unlikely(flags & CB_TCP_RST))
		verdict = reset(sp, ctx);
	else
		cb_splice_track(&sp->server, &sp->client, seg, ctx->skb);
	cb_splice_settle(sp);
	return verdict;
}

static unsigned int judge(struct cb_splice *sp, struct cb_ctx *ctx)
{
	if (unlikely(ctx->header != CB_R_NONE))
		return refuse(sp, ctx->header);
	if (skb_nfct(ctx->skb))
		cb_splice_tracked(sp, ctx->skb);
	switch (smp_load_acquire(&sp->state)) {	/* as in splice-in.c */
	case CB_SPLICE_WAITING:
		return waiting_out(sp, ctx);
	case CB_SPLICE_RESET:
		return may_tell(ctx->skb) ? cb_splice_answer_reset(sp, &ctx->seg, false) :
					    NF_DROP;
	default:
		return open_out(sp, ctx);
	}
}

static unsigned int from_server(struct cb_net *cbn, struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	struct cb_ctx ctx CB_UNINITIALIZED;
	struct cb_splice *sp;

	ctx.skb = skb;
	ctx.state = state;
	ctx.cbn = cbn;
	if (!cb_parse_tuple(&ctx))
		return NF_ACCEPT;
	cb_splice_turn(&ctx.seg.tuple);
	sp = cb_splice_find(cbn, &ctx.seg.tuple);
	if (likely(sp))
		return judge(sp, &ctx);
	cb_calm_answered(&ctx);
	if (rcu_dereference(cbn->table)->adopts)
		cb_adopt_heard(&ctx);
	cb_splice_turn(&ctx.seg.tuple);
	cb_splice_overhear(&ctx);
	return NF_ACCEPT;
}

/* By us, that is, and not by a socket: a transparent proxy of this host is a server, too.
 * Nor by a rule that rejects what is on its way to the server: that RST is in the server's
 * numbers, and has the connection of what it rejects.  Ours have none (reply.c).
 */
static bool made_here(const struct sk_buff *skb)
{
	return !skb->skb_iif && !skb->sk && !skb_nfct(skb);
}

static bool may_know(const struct cb_net *cbn, const struct sk_buff *skb, int thoff)
{
	const u8 *port;
	u8 buf[2];
	u16 n;

	port = skb_header_pointer(skb, thoff, sizeof(buf), buf);
	if (!port)
		return false;
	n = cb_get_be16(port);
	return cb_splice_has_port(cbn, n) || cb_table_hears_port(cbn, n);
}

unsigned int cb_splice_post_routing(void *priv, struct sk_buff *skb,
				    const struct nf_hook_state *state)
{
	struct cb_glance g = cb_parse_closely(skb, state->pf);
	bool tcp = g.what == CB_GLANCE_TCP;
	struct cb_net *cbn = priv;
	unsigned int verdict;

	if (tcp && (made_here(skb) || !may_know(cbn, skb, g.thoff)))
		return NF_ACCEPT;
	local_bh_disable();		/* NFQUEUE gives segments back in process context */
	verdict = tcp ? from_server(cbn, skb, state) : cb_splice_icmp_out(cbn, skb, state->pf);
	local_bh_enable();
	return verdict;
}
