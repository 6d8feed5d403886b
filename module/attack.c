// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on services with engagement `auto`: how long they last, and what they were like.
 *
 * Owns the end of an attack, its figures, the history and the events.  Invariants: an
 * anchor in cb_net->engage.engaged is referenced; only the tick takes it out; no segment
 * waits for any of this, as all is read from the counters that exist anyway.  One callback
 * exists: the tick, in a workqueue, armed only while something is engaged.
 */
#include <linux/math64.h>
#include <linux/slab.h>
#include "mode.h"
#include "netlink.h"
#include "table.h"

#define LEAST_TICK_MS	500u	/* a rate over less says little */

/* The next of the history.  Under lock. */
static void remember(struct cb_engage_net *en, const struct cb_attack *attack)
{
	lockdep_assert_held(&en->lock);
	if (!en->history)
		return;
	en->history[en->n_attacks % CB_ATTACKS] = *attack;
	en->n_attacks++;
}

/* Before the first attack ends, so that its end needs no memory. */
static void make_history(struct cb_engage_net *en)
{
	struct cb_attack *history;

	if (en->history)		/* nobody else makes one */
		return;
	history = kvcalloc(CB_ATTACKS, sizeof(*history), GFP_KERNEL);
	spin_lock_bh(&en->lock);
	WRITE_ONCE(en->history, history);
	spin_unlock_bh(&en->lock);
}

static struct cb_pressure_bounds bounds_of(const struct cb_net *cbn, const struct cb_service *svc,
					   const struct cb_engage *e)
{
	struct cb_engage_limits limits = cb_engage_limits(cbn, &svc->spec);
	unsigned int retries = e->retries;

	if (!retries)
		retries = READ_ONCE(cbn->net->ipv4.sysctl_tcp_synack_retries);
	return (struct cb_pressure_bounds){
		.capacity = e->capacity,
		.life_ms = cb_pressure_life_ms(retries),
		.release = limits.release,
		.hold_s = limits.hold_s,
	};
}

/* What has been counted since the last time.  Returns how many were not completed. */
static s64 measure(struct cb_engage *e, const struct cb_tally *now, u32 elapsed_ms)
{
	u64 asked = now->asked - e->last.asked;
	u64 rate = div_u64(asked * MSEC_PER_SEC, elapsed_ms);

	if (rate > e->attack.peak)
		e->attack.peak = min_t(u64, rate, U32_MAX);
	e->attack.answered = now->answered - e->first.answered;
	e->attack.completed = now->completed - e->first.completed;
	return asked - (now->completed - e->last.completed);
}

/* Is the attack over? */
static bool step(struct cb_net *cbn, struct cb_anchor *anchor, const struct cb_service *svc)
{
	u64 now_ms = cb_now_ms();
	struct cb_engage *e = &anchor->engage;
	u32 elapsed_ms = now_ms - e->last_ms;
	struct cb_pressure_bounds bounds;
	struct cb_tally now;
	s64 unfinished;

	if (elapsed_ms < LEAST_TICK_MS && svc)
		return false;
	cb_engage_tally(anchor, &now);
	spin_lock_bh(&cbn->engage.lock);	/* attack is shown meanwhile */
	unfinished = measure(e, &now, max(elapsed_ms, LEAST_TICK_MS));
	spin_unlock_bh(&cbn->engage.lock);
	e->last = now;
	e->last_ms = now_ms;
	if (!svc)
		return true;
	bounds = bounds_of(cbn, svc, e);
	return cb_pressure_step(&e->pressure, &bounds, unfinished, elapsed_ms);
}

/* From here on the service is calm; the next SYN may engage it anew. */
static void finish(struct cb_net *cbn, struct cb_anchor *anchor, struct cb_attack *attack)
{
	u64 now_ms = cb_now_ms();
	struct cb_engage_net *en = &cbn->engage;
	struct cb_engage *e = &anchor->engage;

	spin_lock_bh(&en->lock);
	list_del(&e->node);
	e->attack.end_ms = cb_wall_ms();
	*attack = e->attack;
	remember(en, attack);
	WRITE_ONCE(e->opens_until, cb_engage_life_end(cbn, now_ms));
	cb_engage_forget(e);
	smp_store_release(&e->engaged, 0);	/* whoever sees it sees opens_until */
	spin_unlock_bh(&en->lock);
}

/* Context: rcu_read_lock(). */
static const struct cb_service *still_auto(const struct cb_anchor *anchor)
{
	const struct cb_service *svc = rcu_dereference(anchor->now);

	return svc && svc->spec.engage == COOKIEBOX_ENGAGE_AUTO ? svc : NULL;
}

/* Returns whether the anchor was let go of. */
static bool look_at(struct cb_net *cbn, struct cb_anchor *anchor)
{
	struct cb_engage *e = &anchor->engage;
	const struct cb_service *svc;
	struct cb_attack attack;
	bool over;

	rcu_read_lock();
	svc = still_auto(anchor);
	if (svc && !e->told) {
		e->told = true;
		cb_netlink_event_attack(cbn, COOKIEBOX_EVENT_KIND_ENGAGED, svc, &e->attack);
	}
	over = step(cbn, anchor, svc);
	if (over) {
		finish(cbn, anchor, &attack);
		if (svc)
			cb_netlink_event_attack(cbn, COOKIEBOX_EVENT_KIND_RELEASED, svc, &attack);
	}
	rcu_read_unlock();
	if (over)
		cb_anchor_put(anchor);
	return over;
}

static void tick(struct work_struct *work)
{
	struct cb_engage_net *en = container_of(to_delayed_work(work), struct cb_engage_net, tick);
	struct cb_net *cbn = container_of(en, struct cb_net, engage);
	struct cb_anchor *anchor, *next;
	LIST_HEAD(mine);
	bool more;

	make_history(en);
	spin_lock_bh(&en->lock);
	list_splice_init(&en->engaged, &mine);
	spin_unlock_bh(&en->lock);
	list_for_each_entry_safe(anchor, next, &mine, engage.node) {
		look_at(cbn, anchor);
		cond_resched();
	}
	spin_lock_bh(&en->lock);
	list_splice(&mine, &en->engaged);
	more = !list_empty(&en->engaged);
	spin_unlock_bh(&en->lock);
	if (more)
		queue_delayed_work(cb_wq, &en->tick, HZ);
}

void cb_engage_init(struct cb_net *cbn)
{
	struct cb_engage_net *en = &cbn->engage;

	spin_lock_init(&en->lock);
	INIT_LIST_HEAD(&en->engaged);
	INIT_DELAYED_WORK(&en->tick, tick);
}

/**
 * cb_engage_stop() - the namespace goes: nothing engages any more
 * @cbn:	namespace; its hooks are off, segments may still be inside
 */
void cb_engage_stop(struct cb_net *cbn)
{
	spin_lock_bh(&cbn->engage.lock);
	cbn->engage.stopped = true;
	spin_unlock_bh(&cbn->engage.lock);
}

/**
 * cb_engage_exit() - let go of all anchors, forget the history
 * @cbn:	namespace; no segment is inside the hooks any more
 */
void cb_engage_exit(struct cb_net *cbn)
{
	struct cb_engage_net *en = &cbn->engage;
	struct cb_anchor *anchor, *next;

	cancel_delayed_work_sync(&en->tick);
	list_for_each_entry_safe(anchor, next, &en->engaged, engage.node) {
		list_del(&anchor->engage.node);
		cb_anchor_put(anchor);
	}
	kvfree(en->history);
	en->history = NULL;
}

/**
 * cb_engage_changed() - a commit is about to put a service's settings in force
 * @cbn:	namespace
 * @old:	settings before
 * @svc:	settings to come; may be the same
 *
 * Cookies that `always` has given out are honoured by `auto`, too.  An attack on a
 * service that is no longer `auto` is ended by the tick.  What is observed is counted anew.
 *
 * Context: process, cb_net->lock held.
 */
void cb_engage_changed(struct cb_net *cbn, const struct cb_service *old,
		       const struct cb_service *svc)
{
	struct cb_engage *e = &svc->anchor->engage;
	u64 now_ms = cb_now_ms();

	if (old->spec.engage == COOKIEBOX_ENGAGE_ALWAYS &&
	    svc->spec.engage == COOKIEBOX_ENGAGE_AUTO)
		WRITE_ONCE(e->opens_until, cb_engage_life_end(cbn, now_ms));
	if (old == svc)
		return;
	spin_lock_bh(&cbn->engage.lock);
	WRITE_ONCE(e->would.times, 0);
	WRITE_ONCE(e->would.most, 0);
	WRITE_ONCE(e->would.until, 0);
	spin_unlock_bh(&cbn->engage.lock);
}

bool cb_attack_of(struct cb_net *cbn, const struct cb_service *svc, struct cb_attack *out)
{
	struct cb_engage *e = &svc->anchor->engage;
	bool engaged;

	spin_lock_bh(&cbn->engage.lock);
	engaged = e->engaged && svc->spec.engage == COOKIEBOX_ENGAGE_AUTO;
	if (engaged)
		*out = e->attack;
	spin_unlock_bh(&cbn->engage.lock);
	return engaged;
}

bool cb_attack_past(struct cb_net *cbn, u64 *n, struct cb_attack *out)
{
	struct cb_engage_net *en = &cbn->engage;
	bool found;

	spin_lock_bh(&en->lock);
	if (en->n_attacks > CB_ATTACKS)
		*n = max(*n, en->n_attacks - CB_ATTACKS);
	found = *n < en->n_attacks;
	if (found)
		*out = en->history[*n % CB_ATTACKS];
	spin_unlock_bh(&en->lock);
	return found;
}

u64 cb_attack_count(struct cb_net *cbn)
{
	u64 n;

	spin_lock_bh(&cbn->engage.lock);
	n = cbn->engage.n_attacks;
	spin_unlock_bh(&cbn->engage.lock);
	return n;
}

size_t cb_attack_bytes(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->engage.history) ? CB_ATTACKS * sizeof(struct cb_attack) : 0;
}
