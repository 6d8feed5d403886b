// SPDX-License-Identifier: GPL-2.0
/*
 * Engagement `auto` in the packet path: calm, or engaged?
 *
 * Owns the beginning of an attack; its end is attack.c's.  Invariants: in calm no
 * segment is changed, dropped or answered, nor does any counter show it; the SYN that
 * finds the queue high is the first to be answered; ACKs are judged as long as a cookie
 * that was given out may come back.  The lock is taken once for each attack, never for a
 * segment.
 * Called in PRE_ROUTING, BH off, under rcu_read_lock().
 */
#include <linux/percpu.h>
#include "calm.h"
#include "mode.h"
#include "uapi/linux/cookiebox.h"

#define START_FLAGS	(CB_TCP_SYN | CB_TCP_ACK | CB_TCP_RST | CB_TCP_FIN)

struct cb_engage_limits cb_engage_limits(const struct cb_net *cbn,
					 const struct cb_service_spec *spec)
{
	const struct cb_sysctl *s = &cbn->sysctl;
	struct cb_engage_limits limits;

	limits.engage = spec->engage_at ?: READ_ONCE(s->auto_engage_percent);
	limits.release = spec->release_at ?: READ_ONCE(s->auto_release_percent);
	limits.hold_s = spec->hold ?: READ_ONCE(s->auto_hold_seconds);
	/* A sysctl may have been changed since the service was. */
	if (limits.release >= limits.engage)
		limits.release = limits.engage - 1;
	return limits;
}

/**
 * cb_engage_tally() - what has been counted so far
 * @anchor:	of the service
 * @sum:	filled in
 *
 * Context: any.  Some SYNs that are refused here would have had their place in the
 * queue: they are asked, not answered.
 */
void cb_engage_tally(const struct cb_anchor *anchor, struct cb_tally *sum)
{
	int cpu;

	*sum = (struct cb_tally){};
	for_each_possible_cpu(cpu) {
		const u64 *n = per_cpu_ptr(anchor->counters, cpu)->n[0];

		sum->answered += READ_ONCE(n[CB_R_SYN_ANSWERED]);
		sum->completed += READ_ONCE(n[CB_R_COOKIE_ACCEPTED]);
		sum->asked += READ_ONCE(n[CB_R_NO_TIMESTAMPS]) + READ_ONCE(n[CB_R_BAD_OPTIONS]);
	}
	sum->asked += sum->answered;
}

/* Both forms open for two epochs. */
u32 cb_engage_life_end(const struct cb_net *cbn, u64 now_ms)
{
	u64 life_ms = 2 * MSEC_PER_SEC * READ_ONCE(cbn->sysctl.epoch_seconds);
	const struct cb_ring *ring;

	rcu_read_lock();
	ring = rcu_dereference(cbn->ring);
	if (ring)
		life_ms = max_t(u64, life_ms, ring->ts_life_ms);
	rcu_read_unlock();
	return ((now_ms + life_ms) >> CB_ENGAGE_UNIT_SHIFT) + 2;
}

/* Once they have all expired, nobody looks at the clock any more. */
static bool outstanding(struct cb_engage *e, u64 now_ms)
{
	u32 until = READ_ONCE(e->opens_until);

	if (likely(!until))
		return false;
	if (now_ms >> CB_ENGAGE_UNIT_SHIFT < until)
		return true;
	cmpxchg(&e->opens_until, until, 0);
	return false;
}

bool cb_engage_opens(const struct cb_service *svc, u64 now_ms)
{
	struct cb_engage *e = &svc->anchor->engage;

	if (likely(svc->spec.engage == COOKIEBOX_ENGAGE_ALWAYS))
		return true;
	if (svc->spec.engage != COOKIEBOX_ENGAGE_AUTO)
		return false;
	/* Calm only with its opens_until: pairs with finish(). */
	return smp_load_acquire(&e->engaged) || outstanding(e, now_ms);
}

/* Of what is in the queues by now nothing counts: what a release leaves over. */
void cb_engage_forget(struct cb_engage *e)
{
	unsigned int i;

	for (i = 0; i < CB_ENGAGE_SLOTS; i++)
		WRITE_ONCE(e->stale[i], U32_MAX);
}

static void start(struct cb_engage *e, const struct cb_ctx *ctx, const struct cb_load *load)
{
	struct cb_engage_limits limits = cb_engage_limits(ctx->cbn, &ctx->svc->spec);
	struct cb_pressure_bounds bounds = {};

	e->capacity = min_t(u64, (u64)load->backlog * load->members, U32_MAX);
	e->retries = load->retries;
	e->last_ms = ctx->now_ms;
	e->told = false;
	cb_engage_tally(ctx->svc->anchor, &e->first);
	e->last = e->first;
	bounds.capacity = e->capacity;
	bounds.release = limits.release;
	bounds.hold_s = limits.hold_s;
	cb_pressure_begin(&e->pressure, &bounds);
	e->attack = (struct cb_attack){
		.start_ms = cb_wall_ms(),
		.id = ctx->svc->anchor->id,
	};
	strscpy(e->attack.name, ctx->svc->spec.name, sizeof(e->attack.name));
}

/* One CPU begins; the others find it done. */
static bool engage(struct cb_ctx *ctx, const struct cb_load *load)
{
	struct cb_anchor *anchor = ctx->svc->anchor;
	struct cb_engage_net *en = &ctx->cbn->engage;
	struct cb_engage *e = &anchor->engage;
	bool engaged;

	spin_lock(&en->lock);
	engaged = e->engaged;
	if (!engaged && !en->stopped) {
		start(e, ctx, load);
		kref_get(&anchor->ref);
		list_add_tail(&e->node, &en->engaged);
		smp_store_release(&e->engaged, 1);	/* whoever sees it sees the attack */
		mod_delayed_work(cb_wq, &en->tick, 0);
		engaged = true;
	}
	spin_unlock(&en->lock);
	return engaged;
}

/* Listeners of several ports, or of both families, have queues of their own: what one
 * has left over is not measured by the empty one of another.
 */
static u32 *stale_of(struct cb_engage *e, const struct cb_tuple *t)
{
	unsigned int slot = be16_to_cpu(t->dport) << 1 | (t->family == AF_INET6);

	return &e->stale[slot % CB_ENGAGE_SLOTS];
}

static bool high(const struct cb_ctx *ctx, struct cb_engage *e, const struct cb_load *load)
{
	struct cb_engage_limits limits = cb_engage_limits(ctx->cbn, &ctx->svc->spec);
	u32 *least = stale_of(e, &ctx->seg.tuple);
	u32 stale = READ_ONCE(*least);

	if (unlikely(load->queue < stale)) {
		stale = load->queue;
		WRITE_ONCE(*least, stale);
	}
	return cb_pressure_high(load->queue, stale, load->backlog, limits.engage);
}

/* A SYN that somebody would have to remember; how much he remembers already. */
static __always_inline bool adds(struct cb_ctx *ctx, struct cb_load *load)
{
	if ((ctx->seg.flags & START_FLAGS) != CB_TCP_SYN || cb_parse_header(ctx) != CB_R_NONE)
		return false;
	return !cb_service_allows(ctx->svc, &ctx->seg.tuple) && ctx->svc->ops->load(ctx, load);
}

/* The few that find it high are asked whether they could be answered at all. */
static bool served(struct cb_ctx *ctx)
{
	ctx->now_ms = cb_now_ms();
	return ctx->svc->ops->serves(ctx).action == CB_ANSWER;
}

static bool begins(struct cb_ctx *ctx, struct cb_engage *e)
{
	struct cb_load load;

	return adds(ctx, &load) && unlikely(high(ctx, e, &load)) && served(ctx) &&
	       engage(ctx, &load);
}

/* It would have been engaged by now, or just now. */
static void would_last(struct cb_ctx *ctx, struct cb_would *w, u32 hold_s, u64 now_ms)
{
	u32 until = ((now_ms + hold_s * MSEC_PER_SEC) >> CB_ENGAGE_UNIT_SHIFT) + 1;

	if (READ_ONCE(w->until) == until)
		return;
	spin_lock(&ctx->cbn->engage.lock);
	if (!w->until)
		WRITE_ONCE(w->times, w->times + 1);
	WRITE_ONCE(w->until, until);
	spin_unlock(&ctx->cbn->engage.lock);
}

/* And been released since: what is left over is not counted again. */
static void would_end(struct cb_ctx *ctx, struct cb_engage *e, u64 now_ms)
{
	spin_lock(&ctx->cbn->engage.lock);
	if (e->would.until && now_ms >> CB_ENGAGE_UNIT_SHIFT >= e->would.until) {
		cb_engage_forget(e);
		WRITE_ONCE(e->would.until, 0);
	}
	spin_unlock(&ctx->cbn->engage.lock);
}

static void observe(struct cb_ctx *ctx, struct cb_engage *e)
{
	u32 most = READ_ONCE(e->would.most), until = READ_ONCE(e->would.until);
	struct cb_engage_limits limits;
	struct cb_load load;
	u64 now_ms;

	if (!adds(ctx, &load))
		return;
	while (load.queue > most && !try_cmpxchg(&e->would.most, &most, load.queue))
		;
	now_ms = cb_now_ms();
	if (until && now_ms >> CB_ENGAGE_UNIT_SHIFT >= until) {
		would_end(ctx, e, now_ms);
		until = 0;
	}
	limits = cb_engage_limits(ctx->cbn, &ctx->svc->spec);
	if (until ? cb_pressure_high(load.queue, 0, load.backlog, limits.release) :
		    high(ctx, e, &load) && served(ctx))
		would_last(ctx, &e->would, limits.hold_s, now_ms);
}

bool cb_engage_protects(struct cb_ctx *ctx)
{
	struct cb_engage *e = &ctx->svc->anchor->engage;

	switch (ctx->svc->spec.engage) {
	case COOKIEBOX_ENGAGE_OFF:
		return false;
	case COOKIEBOX_ENGAGE_AUTO:
		break;
	case COOKIEBOX_ENGAGE_OBSERVE:
		observe(ctx, e);
		if (READ_ONCE(e->sketch))
			cb_calm_acked(ctx);
		return true;
	default:
		return true;
	}
	if (smp_load_acquire(&e->engaged))	/* else its opens_until: finish() */
		return true;
	if (ctx->seg.flags & CB_TCP_SYN)
		return begins(ctx, e);
	if (READ_ONCE(e->sketch))
		cb_calm_acked(ctx);
	return READ_ONCE(e->opens_until) && outstanding(e, cb_now_ms());
}
