// SPDX-License-Identifier: GPL-2.0
/*
 * Single use on the packet path.
 *
 * Owns each CPU's list of recent redemptions (struct cb_recent).  Invariants: all
 * that can refuse a connection was asked before cb_redeem_begin(); a redemption is
 * tentative until its tuple is found in the established hash, and a cookie is refused
 * as replayed only after that.  So what did not become a connection can be tried
 * again: nobody is locked out by a lost race, a want of memory or a filter.
 *
 * Where the child is made by the stack, behind our hook, it is looked for by whatever
 * comes first on this CPU: the next redemption, a RST for any service, a FIN, or the
 * timer, a tick later.  A connection that has ended by then was not seen, and its cookie
 * can be used again (Documentation/design.rst).  Softirq or BH off, rcu_read_lock().
 */
#include <linux/jiffies.h>
#include "accept.h"
#include "demux.h"
#include "redeem.h"
#include "uapi/linux/cookiebox.h"

static enum cb_print find(struct cb_prints *set, const struct cb_ctx *ctx)
{
	struct cb_prints *old = rcu_dereference(set->old);
	enum cb_print found;

	if (unlikely(old)) {
		found = cb_prints_find(old, ctx->opened.print, ctx->now_ms);
		if (found != CB_PRINT_NONE)
			return found;
	}
	return cb_prints_find(set, ctx->opened.print, ctx->now_ms);
}

static void confirm(struct cb_net *cbn, u64 print, u32 at)
{
	struct cb_prints *set = rcu_dereference(cbn->redeem.set);
	struct cb_prints *old;

	if (likely(cb_prints_confirm_at(set, print, at)))
		return;
	old = rcu_dereference(set->old);
	cb_prints_confirm(set, print);
	if (unlikely(old))
		cb_prints_confirm(old, print);
}

/* Is the connection there? Then it is held for good. */
static bool settled(struct cb_net *cbn, const struct cb_recent_one *one)
{
	if (!cb_demux_has_tuple(cbn->net, &one->tuple, one->hash, one->dif, one->sdif))
		return false;
	confirm(cbn, one->print, one->at);
	return true;
}

void cb_redeem_settle(struct cb_net *cbn)
{
	struct cb_recent *recent;

	if (!cbn->redeem.recent)
		return;
	recent = this_cpu_ptr(cbn->redeem.recent);
	if (recent->n && settled(cbn, &recent->one[recent->n - 1]))
		recent->n--;
}

/* All of them; those that are neither seen nor young are given up: not before the set lets
 * their cookies open again, since what is on the list is let through before (failed_here()).
 */
static void settle_all(struct cb_recent *recent, u64 now_ms)
{
	unsigned int i = 0;

	while (i < recent->n) {
		struct cb_recent_one *one = &recent->one[i];

		if (settled(recent->cbn, one) || now_ms - one->since_ms >= CB_REPEAT_MOST_MS)
			*one = recent->one[--recent->n];
		else
			i++;
	}
}

/* A timer of a CPU that went away fires on another: then the list stays as it is. */
void cb_redeem_timer(struct timer_list *timer)
{
	struct cb_recent *recent = from_timer(recent, timer, timer);

	if (recent != this_cpu_ptr(recent->cbn->redeem.recent))
		return;
	rcu_read_lock();
	settle_all(recent, cb_now_ms());
	rcu_read_unlock();
	if (recent->n)
		mod_timer(timer, jiffies + msecs_to_jiffies(CB_REPEAT_MS));
}

/* One that was looked for in vain gives way, and its cookie opens again at once. */
static void give_up(struct cb_net *cbn, struct cb_recent *recent)
{
	cb_prints_undo(rcu_dereference(cbn->redeem.set), recent->one[0].print);
	recent->one[0] = recent->one[--recent->n];
}

/* In a tick; the timer may be waiting for an older one. */
static void look_soon(struct timer_list *timer)
{
	unsigned long soon = jiffies + 1;

	if (!timer_pending(timer) || time_after(READ_ONCE(timer->expires), soon))
		timer_reduce(timer, soon);
}

static void remember(struct cb_ctx *ctx)
{
	struct cb_recent *recent = this_cpu_ptr(ctx->cbn->redeem.recent);
	struct cb_recent_one *one;

	if (recent->n == CB_RECENT)
		give_up(ctx->cbn, recent);
	one = &recent->one[recent->n++];
	one->print = ctx->opened.print;
	one->at = ctx->print_at;
	one->since_ms = ctx->now_ms;
	one->tuple = ctx->seg.tuple;
	one->hash = cb_demux_hash(ctx);
	cb_demux_devices(ctx, &one->dif, &one->sdif);
	look_soon(&recent->timer);
}

/* Once an epoch somebody is told. */
static noinline enum cb_reason is_full(struct cb_ctx *ctx)
{
	struct cb_redeem *r = &ctx->cbn->redeem;
	u16 told = ctx->opened.serial + 1;

	if (READ_ONCE(r->told) != told) {
		WRITE_ONCE(r->told, told);
		WRITE_ONCE(r->full, true);
		queue_work(cb_wq, &r->work);
	}
	if (READ_ONCE(ctx->cbn->sysctl.single_use_full) == COOKIEBOX_SINGLE_USE_FULL_DROP)
		return CB_R_SINGLE_USE_FULL;
	this_cpu_inc(r->recent->unheld);
	return CB_R_NONE;
}

static bool single(const struct cb_ctx *ctx)
{
	return ctx->svc->spec.single_use == COOKIEBOX_SINGLE_USE_ON;
}

/* Did this very CPU redeem it, and the stack make no connection of it?  It is known by
 * now, unlike what another CPU may still be doing.
 */
static bool failed_here(const struct cb_ctx *ctx)
{
	struct cb_recent *recent = this_cpu_ptr(ctx->cbn->redeem.recent);
	unsigned int i;

	for (i = 0; i < recent->n; i++) {
		if (recent->one[i].print != ctx->opened.print)
			continue;
		recent->one[i] = recent->one[--recent->n];
		return true;
	}
	return false;
}

enum cb_reason cb_redeem_begin(struct cb_ctx *ctx)
{
	struct cb_prints *set = rcu_dereference(ctx->cbn->redeem.set);
	enum cb_print found;

	ctx->print_at = 0;
	if (!set || !single(ctx))
		return CB_R_NONE;
	cb_redeem_settle(ctx->cbn);
	found = find(set, ctx);
	if (found == CB_PRINT_NONE)
		found = cb_prints_hold(set, ctx->opened.print, ctx->opened.serial, ctx->now_ms,
				       &ctx->print_at);
	switch (found) {
	case CB_PRINT_CONFIRMED:
		return CB_R_REPLAYED;
	case CB_PRINT_REPEATED:
		return failed_here(ctx) ? CB_R_NONE : CB_R_REPEATED;
	case CB_PRINT_FULL:
		return is_full(ctx);
	default:
		return CB_R_NONE;
	}
}

void cb_redeem_end(struct cb_ctx *ctx, enum cb_reason reason)
{
	struct cb_prints *set = rcu_dereference(ctx->cbn->redeem.set);

	if (!set || !single(ctx))
		return;
	if (reason != CB_R_COOKIE_ACCEPTED)
		cb_prints_undo(set, ctx->opened.print);
	else if (cb_accept_makes_child())
		confirm(ctx->cbn, ctx->opened.print, ctx->print_at);
	else
		remember(ctx);
}

void cb_redeem_confirm(struct cb_net *cbn, u64 print, u32 at)
{
	if (rcu_access_pointer(cbn->redeem.set))
		confirm(cbn, print, at);
}

void cb_redeem_undo(struct cb_net *cbn, u64 print)
{
	struct cb_prints *set = rcu_dereference(cbn->redeem.set);

	if (set)
		cb_prints_undo(set, print);
}

bool cb_redeem_replays(const struct cb_ctx *ctx)
{
	struct cb_prints *set = rcu_dereference(ctx->cbn->redeem.set);
	struct cb_prints *old;

	if (!set || !single(ctx))
		return false;
	old = rcu_dereference(set->old);
	return cb_prints_confirmed(set, ctx->opened.print) ||
	       (old && cb_prints_confirmed(old, ctx->opened.print));
}
