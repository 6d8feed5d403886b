// SPDX-License-Identifier: GPL-2.0
/*
 * The key ring of a namespace.
 *
 * Owns cb_net->master, ->master_pending, ->nonce, ->ring, ->ring_work,
 * ->ring_running and ->wall_ahead_ms.  epoch.c says which epochs follow which,
 * keyset.c what an admin may change.
 *
 * Invariants, once cb_keyring_start() or any setter has run:
 *  - the newest slot of the ring has not begun yet when it is published: work
 *    that comes late finds the next epoch sealing already;
 *  - the slot that has not begun is derived from master[1] while a change is
 *    pending, every other slot from what was master[0] in its time.
 *
 * Everything runs in process context under cb_net->lock; readers use RCU and
 * see whole rings only.  One callback exists: ring_work, armed only while
 * ring_running, cancelled for good in cb_keyring_exit().
 */
#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "epoch.h"
#include "net.h"
#include "netlink.h"

#define RETRY_MS	1000u	/* after a failed allocation */
#define WALL_CHECK_MS	30000u	/* a step of the wall clock is reported within this */
#define STEP_MS		500	/* what counts as one */

static u32 epoch_ms(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->sysctl.epoch_seconds) * MSEC_PER_SEC;
}

/* The moment, and what the next slot is made from. */
static struct cb_epoch_by moment(const struct cb_net *cbn)
{
	return (struct cb_epoch_by){
		.master = &cbn->master[cbn->master_pending],
		.nonce = cbn->nonce,
		.now_ms = cb_now_ms(),
		.wall_ms = cb_wall_ms(),
		.len_ms = epoch_ms(cbn),
	};
}

/* Gives every slot that has begun a successor. */
void cb_keyring_advance(struct cb_net *cbn, struct cb_ring *ring, struct cb_epoch_by *by)
{
	while (cb_epoch_newest(ring)->start_ms <= by->now_ms) {
		if (cbn->master_pending) {
			cbn->master[0] = cbn->master[1];
			memzero_explicit(&cbn->master[1], sizeof(cbn->master[1]));
			cbn->master_pending = false;
			by->master = &cbn->master[0];
		}
		cb_epoch_append(ring, by);
	}
	cb_epoch_settle(ring, by);
}

static void free_ring(struct rcu_head *head)
{
	kfree_sensitive(container_of(head, struct cb_ring, rcu));
}

static void arm(struct cb_net *cbn)
{
	u64 now = cb_now_ms(), start_ms = cb_epoch_newest(cb_keyring_ring(cbn))->start_ms;
	u64 delay = start_ms > now ? start_ms - now : 0;

	if (cbn->master[0].clock == CB_CLOCK_WALL)
		delay = min_t(u64, delay, WALL_CHECK_MS);
	mod_delayed_work(cb_wq, &cbn->ring_work, msecs_to_jiffies(delay) + 1);
}

void cb_keyring_publish(struct cb_net *cbn, struct cb_ring *ring)
{
	static atomic64_t published;
	struct cb_ring *old;

	ring->number = atomic64_inc_return(&published);
	ring->cluster = cbn->master[0].clock == CB_CLOCK_WALL;
	old = rcu_replace_pointer(cbn->ring, ring, lockdep_is_held(&cbn->lock));
	if (old)
		call_rcu(&old->rcu, free_ring);
	cb_redeem_advanced(cbn, ring);
	if (cbn->ring_running)
		arm(cbn);
}

/* First pair of a clock: random base, or one that makes it show wall time. */
void cb_keyring_new_pair(struct cb_flow_pair *pair, enum cb_clock clock)
{
	get_random_bytes(&pair->key, sizeof(pair->key));
	if (clock == CB_CLOCK_WALL)
		pair->base = (u32)(cb_wall_ms() - cb_now_ms());
	else
		pair->base = get_random_u32();
}

/* Master, nonce, flow pair and ring come into being when first asked for. */
static int first_use(struct cb_net *cbn)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;

	if (cb_keyring_ring(cbn))
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	if (wait_for_random_bytes()) {
		kfree(ring);
		return -EINTR;
	}
	get_random_bytes(cbn->master[0].secret, sizeof(cbn->master[0].secret));
	get_random_bytes(cbn->nonce, sizeof(cbn->nonce));
	cbn->master[0].clock = CB_CLOCK_LOCAL;
	cb_keyring_new_pair(&ring->pair[0], CB_CLOCK_LOCAL);
	ring->n_pairs = 1;
	by = moment(cbn);
	cb_epoch_restart(ring, &by, 1);
	cb_keyring_advance(cbn, ring, &by);
	cb_keyring_publish(cbn, ring);
	return 0;
}

/* A private copy of the ring, brought up to the moment.  If it slept, so that
 * its "previous" epoch may be long ago, nothing older opens.
 */
struct cb_ring *cb_keyring_draft(struct cb_net *cbn, struct cb_epoch_by *by)
{
	const struct cb_slot *last;
	struct cb_ring *ring;
	int err;

	lockdep_assert_held(&cbn->lock);
	err = first_use(cbn);
	if (err)
		return ERR_PTR(err);
	ring = kmemdup(cb_keyring_ring(cbn), sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	*by = moment(cbn);
	last = cb_epoch_newest(ring);
	if (!cbn->ring_running && by->now_ms > last->start_ms + by->len_ms)
		cb_epoch_restart(ring, by, last->epoch + 1);
	cb_keyring_advance(cbn, ring, by);
	return ring;
}

/* Tells listeners what the work has found. */
static void report(struct cb_net *cbn, const struct cb_ring *ring, const struct cb_epoch_by *by)
{
	s64 ahead_ms = by->wall_ms - by->now_ms, step_ms = ahead_ms - cbn->wall_ahead_ms;

	cbn->wall_ahead_ms = ahead_ms;
	if (cbn->master[0].clock == CB_CLOCK_WALL && abs(step_ms) > STEP_MS)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_CLOCK_STEPPED, NULL, ring->epoch);
	if (ring->epoch != cb_keyring_ring(cbn)->epoch)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_EPOCH, NULL, ring->epoch);
}

static void ring_work(struct work_struct *work)
{
	struct cb_net *cbn = container_of(to_delayed_work(work), struct cb_net, ring_work);
	struct cb_epoch_by by;
	struct cb_ring *ring;

	mutex_lock(&cbn->lock);
	if (!cbn->ring_running)
		goto out;
	ring = cb_keyring_draft(cbn, &by);
	if (IS_ERR(ring)) {
		mod_delayed_work(cb_wq, &cbn->ring_work, msecs_to_jiffies(RETRY_MS));
		goto out;
	}
	report(cbn, ring, &by);
	cb_keyring_publish(cbn, ring);
out:
	mutex_unlock(&cbn->lock);
}

/**
 * cb_keyring_init() - prepare the key ring of a namespace
 * @cbn:	namespace
 *
 * Makes no secret yet.  Context: process, namespace creation.  Return: 0.
 */
int cb_keyring_init(struct cb_net *cbn)
{
	INIT_DELAYED_WORK(&cbn->ring_work, ring_work);
	return 0;
}

/**
 * cb_keyring_exit() - stop the work, zero and free every secret
 * @cbn:	namespace; its hooks are gone and a grace period has passed
 *
 * Context: process, not under cb_net->lock, may sleep.
 */
void cb_keyring_exit(struct cb_net *cbn)
{
	struct cb_ring *ring;

	mutex_lock(&cbn->lock);
	cbn->ring_running = false;
	mutex_unlock(&cbn->lock);
	cancel_delayed_work_sync(&cbn->ring_work);

	mutex_lock(&cbn->lock);
	ring = rcu_replace_pointer(cbn->ring, NULL, lockdep_is_held(&cbn->lock));
	memzero_explicit(cbn->master, sizeof(cbn->master));
	memzero_explicit(cbn->nonce, sizeof(cbn->nonce));
	cbn->master_pending = false;
	mutex_unlock(&cbn->lock);
	kfree_sensitive(ring);
}

/**
 * cb_keyring_start() - make epochs from now on
 * @cbn:	namespace, cb_net->lock held
 *
 * After a pause of two epochs or more nothing sealed before opens.
 *
 * Context: process, may sleep.  Return: 0, -ENOMEM or -EINTR.
 */
int cb_keyring_start(struct cb_net *cbn)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;

	lockdep_assert_held(&cbn->lock);
	if (cbn->ring_running)
		return 0;
	ring = cb_keyring_draft(cbn, &by);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	cbn->ring_running = true;
	cbn->wall_ahead_ms = by.wall_ms - by.now_ms;
	cb_keyring_publish(cbn, ring);
	return 0;
}

/**
 * cb_keyring_stop() - make no further epochs; keys stay for cb_keyring_start()
 * @cbn:	namespace, cb_net->lock held
 *
 * The work may still run once and finds ring_running false.  Context: process.
 */
void cb_keyring_stop(struct cb_net *cbn)
{
	lockdep_assert_held(&cbn->lock);
	cbn->ring_running = false;
	cancel_delayed_work(&cbn->ring_work);
}
