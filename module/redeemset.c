// SPDX-License-Identifier: GPL-2.0
/*
 * The set of redeemed cookies of a namespace: its life.
 *
 * Owns cb_net->redeem.  Invariants: set and lists exist before the hooks are
 * registered, and until a grace period after they are gone; a fingerprint is
 * forgotten only when no ring holds the keys of its epoch any more, whatever
 * becomes of epochs, master and clock, since serials count slots and not time.  When
 * the size changes, the set before stays behind the new one until it is empty.
 *
 * Process context.  One work forgets; the timers of redeem.c end by themselves.
 */
#include <linux/slab.h>
#include "epoch.h"
#include "mode.h"
#include "netlink.h"
#include "redeem.h"

static struct cb_prints *set_of(const struct cb_net *cbn)
{
	return rcu_dereference_protected(cbn->redeem.set, lockdep_is_held(&cbn->lock));
}

static struct cb_prints *old_of(const struct cb_net *cbn, const struct cb_prints *set)
{
	return rcu_dereference_protected(set->old, lockdep_is_held(&cbn->lock));
}

static void init_recent(struct cb_net *cbn, struct cb_recent __percpu *all)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct cb_recent *recent = per_cpu_ptr(all, cpu);

		recent->cbn = cbn;
		timer_setup(&recent->timer, cb_redeem_timer, TIMER_PINNED);
	}
}

/**
 * cb_redeem_start() - make the set, if there is none yet
 * @cbn:	namespace, cb_net->lock held; the hooks are not registered yet
 *
 * It stays until the namespace goes, as cookies may outlive the last service.
 *
 * Context: process.  Return: 0 or -ENOMEM.
 */
int cb_redeem_start(struct cb_net *cbn)
{
	struct cb_recent __percpu *recent;
	struct cb_prints *set;

	lockdep_assert_held(&cbn->lock);
	if (set_of(cbn))
		return 0;
	set = cb_prints_alloc(READ_ONCE(cbn->sysctl.single_use_max));
	if (!set)
		return -ENOMEM;
	recent = alloc_percpu_gfp(struct cb_recent, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!recent) {
		cb_prints_free(set);
		return -ENOMEM;
	}
	init_recent(cbn, recent);
	cbn->redeem.recent = recent;
	rcu_assign_pointer(cbn->redeem.set, set);
	return 0;
}

static void drop_old(struct cb_net *cbn, struct cb_prints *set)
{
	struct cb_prints *old = old_of(cbn, set);

	rcu_assign_pointer(set->old, NULL);
	synchronize_rcu();
	cb_prints_free(old);
}

/* Forgets in both sets; the one before goes when it is empty. */
static void sweep(struct cb_net *cbn, struct cb_prints *set, u8 newest)
{
	struct cb_prints *old = old_of(cbn, set);

	cb_prints_sweep(set, newest);
	if (old && !cb_prints_sweep(old, newest))
		drop_old(cbn, set);
	cbn->redeem.swept = newest;
}

static void redeem_work(struct work_struct *work)
{
	struct cb_net *cbn = container_of(work, struct cb_net, redeem.work);
	const struct cb_ring *ring;
	struct cb_prints *set;

	mutex_lock(&cbn->lock);
	ring = cb_keyring_ring(cbn);
	set = set_of(cbn);
	if (ring && set) {
		sweep(cbn, set, cb_epoch_newest(ring)->serial);
		if (xchg(&cbn->redeem.full, false))
			cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_SINGLE_USE_FULL, NULL,
					 ring->epoch);
	}
	mutex_unlock(&cbn->lock);
}

/**
 * cb_redeem_advanced() - a ring was put in force
 * @cbn:	namespace, cb_net->lock held
 * @ring:	it
 */
void cb_redeem_advanced(struct cb_net *cbn, const struct cb_ring *ring)
{
	lockdep_assert_held(&cbn->lock);
	if (set_of(cbn) && cb_epoch_newest(ring)->serial != cbn->redeem.swept)
		queue_work(cb_wq, &cbn->redeem.work);
}

/* Under lock.  The set before must have become empty. */
static int resize(struct cb_net *cbn, struct cb_prints *was)
{
	struct cb_prints *set;

	if (old_of(cbn, was))
		return -EBUSY;
	set = cb_prints_alloc(READ_ONCE(cbn->sysctl.single_use_max));
	if (!set)
		return -ENOMEM;
	rcu_assign_pointer(set->old, was);
	rcu_assign_pointer(cbn->redeem.set, set);
	synchronize_rcu();		/* nobody adds to the one before any more */
	if (!cb_prints_held(was))
		drop_old(cbn, set);
	return 0;
}

/**
 * cb_redeem_resize() - the sysctl single_use_max was written
 * @cbn:	namespace
 *
 * Return: 0, -ENOMEM, or -EBUSY: an earlier change is not complete.
 */
int cb_redeem_resize(struct cb_net *cbn)
{
	struct cb_prints *set;
	int err = 0;

	mutex_lock(&cbn->lock);
	set = set_of(cbn);
	if (set && set->max != READ_ONCE(cbn->sysctl.single_use_max))
		err = resize(cbn, set);
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_redeem_init() - prepare; makes nothing yet
 * @cbn:	namespace that is being created
 */
void cb_redeem_init(struct cb_net *cbn)
{
	INIT_WORK(&cbn->redeem.work, redeem_work);
}

/**
 * cb_redeem_exit() - free all
 * @cbn:	namespace; a grace period after its hooks, its ring is gone
 *
 * Context: process, not under cb_net->lock.
 */
void cb_redeem_exit(struct cb_net *cbn)
{
	struct cb_prints *set = rcu_dereference_protected(cbn->redeem.set, true);
	int cpu;

	cancel_work_sync(&cbn->redeem.work);
	if (!set)
		return;
	for_each_possible_cpu(cpu)
		del_timer_sync(&per_cpu_ptr(cbn->redeem.recent, cpu)->timer);
	free_percpu(cbn->redeem.recent);
	cbn->redeem.recent = NULL;
	RCU_INIT_POINTER(cbn->redeem.set, NULL);
	cb_prints_free(set);
}

/**
 * cb_redeem_bytes() - what single use holds
 * @cbn:	namespace
 *
 * Context: rcu_read_lock().
 */
u64 cb_redeem_bytes(const struct cb_net *cbn)
{
	const struct cb_prints *set = rcu_dereference(cbn->redeem.set), *old;
	u64 bytes;

	if (!set)
		return 0;
	old = rcu_dereference(set->old);
	bytes = cb_prints_bytes(set) + num_possible_cpus() * sizeof(struct cb_recent);
	return bytes + (old ? cb_prints_bytes(old) : 0);
}

/**
 * cb_redeem_read() - what `cookiebox show` shows
 * @cbn:	namespace
 * @info:	filled in
 *
 * Context: process, takes cb_net->lock; counts, so it takes a while.
 */
void cb_redeem_read(struct cb_net *cbn, struct cb_redeem_info *info)
{
	const struct cb_prints *set, *old;
	int cpu;

	memset(info, 0, sizeof(*info));
	mutex_lock(&cbn->lock);
	set = set_of(cbn);
	info->max = READ_ONCE(cbn->sysctl.single_use_max);
	if (set) {
		old = old_of(cbn, set);
		info->held = cb_prints_held(set) + (old ? cb_prints_held(old) : 0);
		for_each_possible_cpu(cpu)
			info->unheld += READ_ONCE(per_cpu_ptr(cbn->redeem.recent, cpu)->unheld);
	}
	rcu_read_lock();
	info->bytes = cb_redeem_bytes(cbn);
	rcu_read_unlock();
	mutex_unlock(&cbn->lock);
}
