// SPDX-License-Identifier: GPL-2.0
/*
 * What is to become of a segment: the order in which the pure core, the mode and
 * the host are asked.
 *
 * Owns each CPU's memos of cookies that it has just opened, chosen by the cookie, which
 * nobody else can choose (memo.c).  Invariant: nothing is sent, dropped, changed or counted
 * here, but that a reset makes the embryonic cache forget; what is returned says what to do
 * and why.
 * Called by hooks.c with BH off, under rcu_read_lock(); the service of ctx is set, ring
 * and time too.
 */
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <net/tcp.h>
#include "demux.h"
#include "embryonic.h"
#include "memo.h"
#include "mode.h"
#include "uapi/linux/cookiebox.h"

static struct cb_decision judge_syn(struct cb_ctx *ctx)
{
	struct cb_decision d = cb_handshake_screen(&ctx->seg);
	enum cb_reason reason;

	if (d.action != CB_ANSWER)
		return d;
	if (cb_mode_call(ctx, known))
		return cb_decide(CB_PASS, CB_R_SYN_KNOWN_TUPLE);
	reason = cb_parse_options(ctx);
	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	d = cb_mode_call(ctx, offer);
	if (d.action != CB_ANSWER)
		return d;
	reason = cb_parse_checksum(ctx);
	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	return cb_handshake_syn(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms, &ctx->synack);
}

/* Nor is one of a first flight reset whose first segment was lost. */
static struct cb_decision reset_but_flight(struct cb_ctx *ctx, enum cb_reason reason)
{
	if (cb_mode_call(ctx, offer).action == CB_ANSWER &&
	    cb_handshake_follows(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms))
		return cb_decide(CB_DROP, reason);
	return cb_decide(CB_PASS, CB_R_NOT_OURS);
}

/* A segment that belongs to nothing and opens nothing: may the stack reset it? */
static struct cb_decision judge_invalid(struct cb_ctx *ctx, enum cb_reason reason)
{
	struct cb_decision drop = cb_decide(CB_DROP, reason);
	unsigned int rate;

	switch (ctx->svc->spec.invalid) {
	case COOKIEBOX_INVALID_DROP:
		return drop;
	case COOKIEBOX_INVALID_RESET:
		return reset_but_flight(ctx, reason);
	default:
		if (ctx->svc->spec.engage == COOKIEBOX_ENGAGE_OBSERVE)
			return drop;
		rate = READ_ONCE(ctx->cbn->sysctl.invalid_rate);
		if (!cb_gate_pass(ctx->cbn->gate, &ctx->seg.tuple, ctx->now_ms, rate))
			return drop;
		return reset_but_flight(ctx, reason);
	}
}

#define MEMOS	16u	/* of segments that are received in one list, and go on together */

static struct cb_memo __percpu *memos;	/* MEMOS of them */

static struct cb_memo *memo_of(const struct cb_ctx *ctx)
{
	return this_cpu_ptr(memos) + ctx->seg.ack % MEMOS;
}

static void keep_memo(struct cb_ctx *ctx)
{
	struct cb_memo *m = memo_of(ctx);

	m->ring = ctx->ring->number;
	m->tick = jiffies;
	m->now_ms = ctx->now_ms;
	m->hash = cb_demux_hash(ctx);
	cb_memo_keep(m, &ctx->seg, &ctx->opened);
}

/**
 * cb_judge_again() - has this CPU opened the segment's cookie in this very tick?
 * @ctx:	tuple and ring are set
 *
 * Context: LOCAL_IN, BH off.  Return: if it has, true, and time and hash are what they
 * were; whether the options are is asked later.
 */
bool cb_judge_again(struct cb_ctx *ctx)
{
	const struct cb_memo *m = memo_of(ctx);

	if (!cb_memo_fits(m, &ctx->seg, ctx->ring->number, jiffies))
		return false;
	ctx->memo = m;
	ctx->now_ms = m->now_ms;
	ctx->hash.value = m->hash;
	ctx->hash.known = true;
	return true;
}

static bool remembers(struct cb_ctx *ctx)
{
	if (!ctx->memo || !cb_memo_fits_options(ctx->memo, &ctx->seg.opt))
		return false;
	ctx->opened = ctx->memo->opened;
	return true;
}

struct cb_decision cb_judge_cookie(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_options(ctx);
	struct cb_decision d;

	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	if (remembers(ctx))
		return cb_decide(CB_REDEEM, CB_R_COOKIE_ACCEPTED);
	d = cb_mode_call(ctx, sealed_by);
	if (d.action != CB_ANSWER)
		return d;
	return cb_handshake_ack(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms, &ctx->opened);
}

/* A later segment of a first flight: it opens nothing, but echoes a fresh timestamp
 * of ours.  What opens may be just ahead of it, in the list that it was received in
 * or in a queue, so LOCAL_IN decides.  A blind sender does not get this far.
 */
static bool follows(const struct cb_ctx *ctx, enum cb_reason reason)
{
	return reason == CB_R_BAD_COOKIE && (ctx->seg.opt.has & CB_OPT_TS) &&
	       ctx->svc->ops->deliver && cb_engage_opens(ctx->svc, ctx->now_ms);
}

static bool opens_nothing(enum cb_reason reason)
{
	return reason == CB_R_BAD_COOKIE || reason == CB_R_COOKIE_EXPIRED ||
	       reason == CB_R_NO_TIMESTAMPS;
}

/* A refused ACK whose handshake may just be waiting for its listener is never reset;
 * that look-up is for the few that the gate lets pass.
 */
static struct cb_decision judge_ack(struct cb_ctx *ctx)
{
	struct cb_decision d = cb_judge_cookie(ctx);
	struct cb_decision reset;

	if (d.action == CB_REDEEM) {
		if (ctx->svc->ops->deliver)
			keep_memo(ctx);
		ctx->redeeming = true;
		return cb_mode_call(ctx, opened);
	}
	if (ctx->requested)
		return cb_decide(CB_PASS, CB_R_NONE);
	if (!opens_nothing(d.reason))
		return d;
	if (follows(ctx, d.reason))
		return cb_decide(CB_PASS, CB_R_NONE);
	if (ctx->svc->ops->unknown)
		return ctx->svc->ops->unknown(ctx, d.reason);
	reset = judge_invalid(ctx, d.reason);
	if (reset.action == CB_PASS && ctx->svc->ops->delays(ctx))
		return d;
	return reset;
}

/* Neither SYN nor ACK, or both, or RST: never starts a connection here. */
static struct cb_decision judge_other(struct cb_ctx *ctx)
{
	if (ctx->seg.flags & CB_TCP_RST) {
		cb_embryonic_reset(ctx);
		cb_redeem_settle(ctx->cbn);
	}
	if ((ctx->seg.flags & CB_TCP_RST) ||
	    ctx->svc->spec.invalid != COOKIEBOX_INVALID_DROP || cb_mode_call(ctx, known))
		return cb_decide(CB_PASS, CB_R_NONE);
	return cb_decide(CB_DROP, CB_R_INVALID_DROPPED);
}

static struct cb_decision judge_service(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_header(ctx);
	u8 flags = ctx->seg.flags;
	bool syn = (flags & (CB_TCP_SYN | CB_TCP_ACK)) == CB_TCP_SYN;

	if (reason == CB_R_FRAGMENT && !syn)
		return cb_decide(CB_PASS, CB_R_NONE);
	if (cb_service_allows(ctx->svc, &ctx->seg.tuple))
		return cb_decide(CB_PASS, syn ? CB_R_ALLOW_LISTED : CB_R_NONE);
	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	if (syn)
		return judge_syn(ctx);
	if (cb_is_bare_ack(flags))
		return judge_ack(ctx);
	return judge_other(ctx);
}

/* Nothing is dropped but what was sent to somebody whom the mode serves: a
 * service of all ports sees what is forwarded and masqueraded as well.
 */
static struct cb_decision if_served(struct cb_ctx *ctx, struct cb_decision d)
{
	struct cb_decision o;

	if (d.action != CB_DROP)
		return d;
	o = cb_mode_call(ctx, serves);
	return o.action == CB_PASS ? o : d;
}

struct cb_decision cb_judge(struct cb_ctx *ctx)
{
	return if_served(ctx, judge_service(ctx));
}

/* A cookie that opens here was sealed by us, so it is honoured whatever the
 * engagement is by now.  What does not open is none of our business any more, but
 * for what was let pass because it might follow one that does.
 */
struct cb_decision cb_judge_delivery(struct cb_ctx *ctx)
{
	struct cb_decision d;

	if (cb_mode_call(ctx, known)) {	/* made since PRE_ROUTING: of one batch */
		cb_redeem_settle(ctx->cbn);
		return cb_decide(CB_PASS, CB_R_NONE);
	}
	if (cb_parse_header(ctx) != CB_R_NONE)
		return cb_decide(CB_PASS, CB_R_NONE);
	d = cb_judge_cookie(ctx);
	if (d.action == CB_REDEEM)
		return cb_mode_call(ctx, deliver);
	return follows(ctx, d.reason) ? if_served(ctx, d) : cb_decide(CB_PASS, CB_R_NONE);
}

int cb_judge_register(void)
{
	memos = __alloc_percpu(MEMOS * sizeof(struct cb_memo), __alignof__(struct cb_memo));
	return memos ? 0 : -ENOMEM;
}

void cb_judge_unregister(void)
{
	free_percpu(memos);
}
