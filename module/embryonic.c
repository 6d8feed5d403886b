// SPDX-License-Identifier: GPL-2.0
/*
 * The embryonic cache of a namespace (Aura and Nikander, Stateless connections, 4.4:
 * state as a cache that may be purged at any moment).
 *
 * Owns cb_net->embryonic: for each CPU a keeper, which is a lane (lane.h) with a lock
 * and one timer.  The timers:
 *	keeper->timer	armed while the lane holds anything, for what is due first;
 *			coarse, so that many are sent in one go; softirq
 *
 * Invariants: memory is allocated in process context and fixed; what is found here was
 * sent by this CPU, and is a hint: no decision depends on it, but for whether to send
 * a SYN-ACK again and how exact the options of a cookie that opened are.  Only the
 * lane's own CPU counts whether it is calm; all else is under the keeper's lock,
 * which nobody but a flush, or the timer of a CPU that went offline, contends for.
 * Segments are sent without it.
 *
 * Packets find it under RCU.  It goes in this order: the pointer, a grace period (no
 * packet can arm a timer any more), the timers, the memory.  A CPU that comes online
 * later has no keeper until the cache is made anew, and does without.
 */
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include "demux.h"
#include "embryonic.h"
#include "lane.h"
#include "uapi/linux/cookiebox.h"

#define COARSE_MS	64u	/* a power of two: timers go off at multiples of it */
#define BATCH		64u	/* of what is due, before others have a turn */

struct cb_keeper {
	spinlock_t lock;
	struct cb_embryonic *emb;
	struct timer_list timer;
	bool armed;		/* under the lock, with... */
	u32 armed_for;		/* ms */
	struct cb_lane lane;	/* last: its places follow */
};

struct cb_embryonic {
	struct cb_net *cbn;
	struct cb_gate *gate;	/* of SYN-ACKs sent again: has a rate of its own */
	struct cb_keeper * __percpu *keeper;	/* NULL: none on this CPU */
	size_t bytes;
};

/* Under the lock: see to it that the timer goes off for what is due first. */
static void arm(struct cb_keeper *k, u32 now)
{
	u32 due;

	lockdep_assert_held(&k->lock);
	if (!cb_lane_next(&k->lane, &due))
		return;
	due = (due + COARSE_MS - 1) & ~(COARSE_MS - 1);
	if (k->armed && (s32)(k->armed_for - due) <= 0)
		return;
	k->armed = true;
	k->armed_for = due;
	mod_timer(&k->timer, jiffies + msecs_to_jiffies(max((s32)(due - now), 1)));
}

static void forget(struct cb_keeper *k, const struct cb_embryo *e)
{
	u32 hash = cb_demux_tuple_hash(k->emb->cbn->net, &e->tuple);
	struct cb_embryo *found;

	spin_lock(&k->lock);
	found = cb_lane_find(&k->lane, hash, &e->tuple);
	if (found && found->isn == e->isn)
		cb_lane_forget(&k->lane, found);
	spin_unlock(&k->lock);
}

static bool take_due(struct cb_keeper *k, u32 now, struct cb_embryo *e)
{
	bool due;

	spin_lock(&k->lock);
	due = cb_lane_due(&k->lane, now, e);
	spin_unlock(&k->lock);
	return due;
}

/* In a flood nothing is sent again: what is due is forgotten. */
static void expire(struct timer_list *timer)
{
	struct cb_keeper *k = container_of(timer, struct cb_keeper, timer);
	struct cb_embryonic *emb = k->emb;
	unsigned int room = BATCH;
	struct cb_embryo e;
	u64 now = cb_now_ms();

	rcu_read_lock();
	while (room-- && take_due(k, now, &e))
		if (!cb_lane_is_calm(&k->lane, now) ||
		    !cb_resend(emb->cbn, emb->gate, &e, now))
			forget(k, &e);
	rcu_read_unlock();
	spin_lock(&k->lock);
	k->armed = false;
	arm(k, now);
	spin_unlock(&k->lock);
}

static void fill(struct cb_embryo *e, const struct cb_ctx *ctx)
{
	struct cb_offer offer = cb_handshake_offer(&ctx->seg, &ctx->policy);
	const struct cb_synack *sa = &ctx->synack;

	*e = (struct cb_embryo){
		.tuple = ctx->seg.tuple,
		.cisn = ctx->seg.seq,
		.isn = sa->isn,
		.tsval = sa->tsecr,
		.service = ctx->svc->anchor->id,
		.mark = ctx->dress.mark,
		.priority = ctx->dress.priority,
		.oif = ctx->dress.oif,
		.ifindex = ctx->state->in->ifindex,
		.sdif = ctx->dress.sdif,
		.offered_mss = offer.mss,
		.mss = sa->mss,
		.window = sa->window,
		.offered_wscale = offer.wscale,
		.wscale = sa->wscale,
		.has = sa->has,
		.ttl = ctx->dress.ttl,
		.tos = ctx->dress.tos,
		.ece = sa->ece,
	};
}

static noinline void keep(struct cb_keeper *k, struct cb_ctx *ctx)
{
	u32 hash = cb_demux_hash(ctx);
	struct cb_embryo e;

	fill(&e, ctx);
	spin_lock(&k->lock);
	cb_lane_keep(&k->lane, hash, &e, ctx->now_ms);
	arm(k, ctx->now_ms);
	spin_unlock(&k->lock);
}

/* The keeper of this CPU, or NULL. */
static struct cb_keeper *mine(const struct cb_ctx *ctx)
{
	struct cb_embryonic *emb = rcu_dereference(ctx->cbn->embryonic);

	return emb ? this_cpu_read(*emb->keeper) : NULL;
}

bool cb_embryonic_answered(struct cb_ctx *ctx)
{
	struct cb_keeper *k = mine(ctx);

	if (!k || !cb_lane_calm(&k->lane, ctx->now_ms))
		return false;
	keep(k, ctx);
	return true;
}

/* The cookie says what the SYN-ACK announced, and which options are in force. */
static void use(struct cb_opened *opened, const struct cb_embryo *e)
{
	if (e->cisn != opened->cisn || e->isn != opened->isn)
		return;
	opened->exact = true;
	opened->offer.mss = e->offered_mss;
	if (opened->offer.has_wscale)
		opened->offer.wscale = e->offered_wscale;
}

static noinline void look_up(struct cb_keeper *k, struct cb_ctx *ctx, bool redeemed)
{
	u32 hash = cb_demux_hash(ctx);
	struct cb_embryo *e;

	spin_lock(&k->lock);
	e = cb_lane_find(&k->lane, hash, &ctx->seg.tuple);
	if (e)
		use(&ctx->opened, e);
	if (e && redeemed)
		cb_lane_forget(&k->lane, e);
	spin_unlock(&k->lock);
}

void cb_embryonic_exact(struct cb_ctx *ctx)
{
	struct cb_keeper *k = mine(ctx);

	if (k && READ_ONCE(k->lane.used))
		look_up(k, ctx, false);
}

void cb_embryonic_redeem(struct cb_ctx *ctx)
{
	struct cb_keeper *k = mine(ctx);

	if (!k)
		return;
	cb_lane_redeemed(&k->lane);
	if (READ_ONCE(k->lane.used))
		look_up(k, ctx, true);
}

void cb_embryonic_reset(struct cb_ctx *ctx)
{
	struct cb_keeper *k = mine(ctx);
	struct cb_embryo *e;
	u32 hash;

	if (!k || !READ_ONCE(k->lane.used))
		return;
	hash = cb_demux_hash(ctx);
	spin_lock(&k->lock);
	e = cb_lane_find(&k->lane, hash, &ctx->seg.tuple);
	if (e && ctx->seg.seq == e->cisn + 1)
		cb_lane_forget(&k->lane, e);
	spin_unlock(&k->lock);
}

static struct cb_keeper *keeper_alloc(struct cb_embryonic *emb, int cpu, u32 places)
{
	size_t bytes = offsetof(struct cb_keeper, lane) + cb_lane_bytes(places);
	struct cb_keeper *k = kvzalloc_node(bytes, GFP_KERNEL_ACCOUNT, cpu_to_node(cpu));

	if (!k)
		return NULL;
	spin_lock_init(&k->lock);
	k->emb = emb;
	timer_setup(&k->timer, expire, TIMER_PINNED);
	cb_lane_init(&k->lane, places);
	emb->bytes += bytes;
	return k;
}

/**
 * cb_embryonic_free() - free a cache that no packet finds any more
 * @emb:	cache or NULL
 *
 * Context: process; a grace period has passed since cb_embryonic_detach().
 */
void cb_embryonic_free(struct cb_embryonic *emb)
{
	struct cb_keeper *k;
	int cpu;

	if (!emb)
		return;
	for_each_possible_cpu(cpu) {
		k = emb->keeper ? *per_cpu_ptr(emb->keeper, cpu) : NULL;
		if (!k)
			continue;
		timer_shutdown_sync(&k->timer);
		kvfree(k);
	}
	free_percpu(emb->keeper);
	cb_gate_free(emb->gate);
	kfree(emb);
}

static bool fill_cpus(struct cb_embryonic *emb, u32 places)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct cb_keeper *k = keeper_alloc(emb, cpu, places);

		if (!k)
			return false;
		*per_cpu_ptr(emb->keeper, cpu) = k;
	}
	return true;
}

static struct cb_embryonic *alloc_cache(struct cb_net *cbn, u32 places)
{
	struct cb_embryonic *emb = kzalloc(sizeof(*emb), GFP_KERNEL_ACCOUNT);

	if (!emb)
		return NULL;
	emb->cbn = cbn;
	emb->bytes = sizeof(*emb) + cb_gate_bytes() + num_possible_cpus() * sizeof(void *);
	emb->gate = cb_gate_alloc();
	emb->keeper = alloc_percpu_gfp(struct cb_keeper *, GFP_KERNEL_ACCOUNT);
	if (emb->gate && emb->keeper && fill_cpus(emb, places))
		return emb;
	cb_embryonic_free(emb);
	return NULL;
}

static struct cb_embryonic *cache_of(const struct cb_net *cbn)
{
	return rcu_dereference_protected(cbn->embryonic, lockdep_is_held(&cbn->lock));
}

/**
 * cb_embryonic_start() - make the cache of a namespace, if it is to have one
 * @cbn:	namespace, cb_net->lock held
 *
 * Context: process, may sleep.  Return: 0 or -ENOMEM.
 */
int cb_embryonic_start(struct cb_net *cbn)
{
	u32 places = READ_ONCE(cbn->sysctl.embryonic_max);
	struct cb_embryonic *emb = NULL;

	lockdep_assert_held(&cbn->lock);
	if (places) {
		emb = alloc_cache(cbn, places);
		if (!emb)
			return -ENOMEM;
	}
	rcu_assign_pointer(cbn->embryonic, emb);
	return 0;
}

/**
 * cb_embryonic_detach() - take the cache away from the packet path
 * @cbn:	namespace, cb_net->lock held
 *
 * Context: process.  Return: the cache or NULL, to be freed with cb_embryonic_free()
 * after a grace period.
 */
struct cb_embryonic *cb_embryonic_detach(struct cb_net *cbn)
{
	struct cb_embryonic *emb = cache_of(cbn);

	RCU_INIT_POINTER(cbn->embryonic, NULL);
	return emb;
}

/* Without memory for a new one, the old one stays. */
static int replace(struct cb_net *cbn)
{
	struct cb_embryonic *old = cache_of(cbn);
	int err = cb_embryonic_start(cbn);

	if (err || !old)
		return err;
	synchronize_net();
	cb_embryonic_free(old);
	return 0;
}

int cb_embryonic_resize(struct cb_net *cbn)
{
	int err = 0;

	mutex_lock(&cbn->lock);
	if (cbn->hooks_registered)
		err = replace(cbn);
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_embryonic_flush() - forget every SYN-ACK
 * @cbn:	namespace
 *
 * Nothing is sent again, options are as exact as their cookies; every handshake in
 * flight completes.  Context: process.
 */
void cb_embryonic_flush(struct cb_net *cbn)
{
	struct cb_embryonic *emb;
	struct cb_keeper *k;
	int cpu;

	rcu_read_lock();
	emb = rcu_dereference(cbn->embryonic);
	for_each_possible_cpu(cpu) {
		k = emb ? *per_cpu_ptr(emb->keeper, cpu) : NULL;
		if (!k)
			continue;
		spin_lock_bh(&k->lock);
		cb_lane_clear(&k->lane);
		spin_unlock_bh(&k->lock);
	}
	rcu_read_unlock();
}

u32 cb_embryonic_count(const struct cb_net *cbn)
{
	struct cb_embryonic *emb = rcu_dereference(cbn->embryonic);
	const struct cb_keeper *k;
	u32 count = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		k = emb ? *per_cpu_ptr(emb->keeper, cpu) : NULL;
		if (k)
			count += READ_ONCE(k->lane.used);
	}
	return count;
}

size_t cb_embryonic_bytes(const struct cb_net *cbn)
{
	const struct cb_embryonic *emb = rcu_dereference(cbn->embryonic);

	return emb ? emb->bytes : 0;
}
