// SPDX-License-Identifier: GPL-2.0
/*
 * Mode splice: the listener is on a server behind this host.
 *
 * Owns no state.  Invariants: a flow begins only with a cookie that opened, whose
 * segment is in order and whose destination is forwarded at this moment; the ACK that
 * opened it, or a new segment if that has data, is the client's SYN to the server, which
 * goes on as any segment of the client's does.  No local listener is asked for.
 * Softirq or BH off, rcu_read_lock().
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/dsfield.h>
#include <net/inet_ecn.h>
#include "adopt.h"
#include "calm.h"
#include "embryonic.h"
#include "redeem.h"
#include "splice.h"
#include "uapi/linux/cookiebox.h"

/* What flows know was asked before: splice-in.c. */
static bool known(struct cb_ctx *ctx)
{
	return false;
}

static bool delays(struct cb_ctx *ctx)
{
	return false;
}

static void dress(struct cb_ctx *ctx)
{
	if (ctx->seg.tuple.family == AF_INET6) {
		ctx->dress.tos = ipv6_get_dsfield(ipv6_hdr(ctx->skb)) & ~INET_ECN_MASK;
		ctx->dress.ttl = ipv6_hdr(ctx->skb)->hop_limit;
		return;
	}
	ctx->dress.tos = ip_hdr(ctx->skb)->tos & ~INET_ECN_MASK;
	ctx->dress.ttl = ip_hdr(ctx->skb)->ttl;
}

/* Another connection of the same ends may have been left behind: this client proves that
 * it has begun a new one.
 */
static void replace(struct cb_ctx *ctx)
{
	struct cb_splice *old = cb_splice_find(ctx->cbn, &ctx->seg.tuple);

	if (unlikely(old))		/* an old cookie that waited is used up, rightly */
		cb_splice_end_unless_open(old);
}

static struct cb_decision send_syn(struct cb_ctx *ctx, struct cb_splice *sp)
{
	const struct cb_segment *seg = &ctx->seg;
	bool early = seg->payload_len || (seg->flags & CB_TCP_FIN);

	if (!early) {
		if (cb_splice_become_syn(sp, ctx->skb, ctx->opened.tsval, seg->window))
			return cb_decide(CB_PASS, CB_R_COOKIE_ACCEPTED);
		cb_splice_end(sp);
		cb_redeem_end(ctx, CB_R_NO_MEMORY);
		return cb_decide(CB_DROP, CB_R_NO_MEMORY);
	}
	if (cb_splice_hold(sp, ctx->skb) != CB_HELD)
		kfree_skb(ctx->skb);
	cb_splice_send_syn(sp, ctx->opened.tsval, seg->window);
	return cb_decide(CB_STOLEN, CB_R_COOKIE_ACCEPTED);
}

static struct cb_decision opened(struct cb_ctx *ctx)
{
	struct cb_decision d = cb_offer_splice_serves(ctx);
	enum cb_reason reason;
	struct cb_splice *sp;

	if (d.action != CB_ANSWER)
		return d;
	reason = cb_parse_checksum(ctx);
	if (reason == CB_R_NONE)
		reason = cb_redeem_begin(ctx);
	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	dress(ctx);
	replace(ctx);
	cb_embryonic_redeem(ctx);
	sp = cb_splice_begin(ctx, &reason);
	if (sp)
		return send_syn(ctx, sp);
	if (reason != CB_R_REPEATED)
		cb_redeem_end(ctx, reason);
	return cb_decide(CB_DROP, reason);
}

static struct cb_decision reset_both(struct cb_ctx *ctx)
{
	if (ctx->svc->spec.engage != COOKIEBOX_ENGAGE_OBSERVE && !cb_splice_reset_unknown(ctx))
		return cb_decide(CB_DROP, CB_R_NO_MEMORY);
	return cb_decide(CB_PASS, CB_R_UNKNOWN_RESET);
}

/* As often as the stack of a host would be asked to. */
static struct cb_decision reset_some(struct cb_ctx *ctx, enum cb_reason reason)
{
	unsigned int rate = READ_ONCE(ctx->cbn->sysctl.invalid_rate);

	if (!cb_gate_pass(ctx->cbn->gate, &ctx->seg.tuple, ctx->now_ms, rate))
		return cb_decide(CB_DROP, reason);
	return reset_both(ctx);
}

/* Of a first flight whose first segment was lost, or comes later: it echoes a fresh time
 * stamp of ours, or would have opened one of ours had it come first.  The server, which
 * knows nothing of it yet, would reset it.
 */
static bool follows(struct cb_ctx *ctx, enum cb_reason reason)
{
	if (ctx->seg.opt.has & CB_OPT_TS ? reason != CB_R_BAD_COOKIE : !cb_offer_splice_guess(ctx))
		return false;
	return cb_handshake_follows(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms);
}

/* Of a connection that is older than the service, or that this box has forgotten: by
 * default the server says what is to become of it.  What the service says of segments
 * that belong to nothing goes first.
 */
static struct cb_decision unknown(struct cb_ctx *ctx, enum cb_reason reason)
{
	const struct cb_service_spec *spec = &ctx->svc->spec;
	enum cb_adopt adopt = CB_ADOPT_NO;
	u8 fate = spec->unknown;

	if (cb_offer_splice_serves(ctx).action != CB_ANSWER)
		return cb_decide(CB_PASS, CB_R_NOT_FORWARDED);
	if (cb_adopt_may(ctx))
		adopt = cb_adopt_asked(ctx);
	if (adopt == CB_ADOPT_YES)
		return cb_decide(CB_PASS, CB_R_ADOPTED);
	if (adopt == CB_ADOPT_WAIT)
		return cb_decide(CB_DROP, reason);
	if (adopt == CB_ADOPT_MAYBE)
		fate = COOKIEBOX_UNKNOWN_PASS;
	if (spec->invalid == COOKIEBOX_INVALID_DROP || fate == COOKIEBOX_UNKNOWN_DROP ||
	    follows(ctx, reason))
		return cb_decide(CB_DROP, reason);
	if (spec->invalid == COOKIEBOX_INVALID_RESET)
		return reset_both(ctx);
	if (fate == COOKIEBOX_UNKNOWN_RESET)
		return reset_some(ctx, reason);
	return cb_decide(CB_PASS, CB_R_UNKNOWN_PASSED);
}

static struct cb_decision awaits(struct cb_ctx *ctx)
{
	if (cb_splice_find(ctx->cbn, &ctx->seg.tuple))
		return cb_decide(CB_PASS, CB_R_NONE);
	return cb_decide(CB_ANSWER, CB_R_NONE);
}

const struct cb_mode_ops cb_mode_splice = {
	.name = "splice",
	.sealed_by = cb_offer_splice_sealed_by,
	.delays = delays,
	.serves = cb_offer_splice_serves,
	.offer = cb_offer_splice,
	.known = known,
	.opened = opened,
	.unknown = unknown,
	.load = cb_calm_load,
	.awaits = awaits,
};
