// SPDX-License-Identifier: GPL-2.0
/*
 * The key ring of a namespace.
 *
 * Owns cb_net->master, ->master_pending, ->nonce, ->ring, ->ring_work and
 * ->ring_running.  epoch.c says which epochs follow which.
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
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "epoch.h"
#include "net.h"
#include "netlink.h"

#define FLOOR_MAX	0x7fffffffu
#define RETRY_MS	1000u	/* after a failed allocation */
#define WALL_CHECK_MS	30000u	/* steps of the wall clock are seen at least this often */

static u64 now_ms(void)
{
	return div_u64(ktime_get_ns(), NSEC_PER_MSEC);
}

static u64 wall_ms(void)
{
	return div_u64(ktime_get_real_ns(), NSEC_PER_MSEC);
}

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
		.now_ms = now_ms(),
		.wall_ms = wall_ms(),
		.len_ms = epoch_ms(cbn),
	};
}

static struct cb_ring *ring_of(const struct cb_net *cbn)
{
	return rcu_dereference_protected(cbn->ring, lockdep_is_held(&cbn->lock));
}

/* Gives every slot that has begun a successor. */
static void advance(struct cb_net *cbn, struct cb_ring *ring, struct cb_epoch_by *by)
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

static void publish(struct cb_net *cbn, struct cb_ring *ring)
{
	struct cb_ring *old;

	ring->cluster = cbn->master[0].clock == CB_CLOCK_WALL;
	old = rcu_replace_pointer(cbn->ring, ring, lockdep_is_held(&cbn->lock));
	if (old)
		call_rcu(&old->rcu, free_ring);
}

static void arm(struct cb_net *cbn)
{
	u64 now = now_ms(), start_ms = cb_epoch_newest(ring_of(cbn))->start_ms;
	u64 delay = start_ms > now ? start_ms - now : 0;

	if (!cbn->ring_running)
		return;
	if (cbn->master[0].clock == CB_CLOCK_WALL)
		delay = min_t(u64, delay, WALL_CHECK_MS);
	mod_delayed_work(cb_wq, &cbn->ring_work, msecs_to_jiffies(delay) + 1);
}

/* First pair of a clock: random base, or one that makes it show wall time. */
static void new_pair(struct cb_flow_pair *pair, enum cb_clock clock)
{
	get_random_bytes(&pair->key, sizeof(pair->key));
	if (clock == CB_CLOCK_WALL)
		pair->base = (u32)(wall_ms() - now_ms());
	else
		pair->base = get_random_u32();
}

/* Master, nonce, flow pair and ring come into being when first asked for. */
static int first_use(struct cb_net *cbn)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;

	if (ring_of(cbn))
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
	new_pair(&ring->pair[0], CB_CLOCK_LOCAL);
	ring->n_pairs = 1;
	by = moment(cbn);
	cb_epoch_restart(ring, &by, 1);
	advance(cbn, ring, &by);
	publish(cbn, ring);
	return 0;
}

/* A private copy of the ring, brought up to the moment.  If it slept, so that
 * its "previous" epoch may be long ago, nothing older opens.
 */
static struct cb_ring *draft(struct cb_net *cbn, struct cb_epoch_by *by)
{
	const struct cb_slot *last;
	struct cb_ring *ring;
	int err;

	lockdep_assert_held(&cbn->lock);
	err = first_use(cbn);
	if (err)
		return ERR_PTR(err);
	ring = kmemdup(ring_of(cbn), sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	*by = moment(cbn);
	last = cb_epoch_newest(ring);
	if (!cbn->ring_running && by->now_ms > last->start_ms + by->len_ms)
		cb_epoch_restart(ring, by, last->epoch + 1);
	advance(cbn, ring, by);
	return ring;
}

static void ring_work(struct work_struct *work)
{
	struct cb_net *cbn = container_of(to_delayed_work(work), struct cb_net, ring_work);
	struct cb_epoch_by by;
	struct cb_ring *ring;

	mutex_lock(&cbn->lock);
	if (!cbn->ring_running)
		goto out;
	ring = draft(cbn, &by);
	if (IS_ERR(ring)) {
		mod_delayed_work(cb_wq, &cbn->ring_work, msecs_to_jiffies(RETRY_MS));
		goto out;
	}
	if (ring->epoch != ring_of(cbn)->epoch)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_EPOCH, NULL, ring->epoch);
	publish(cbn, ring);
	arm(cbn);
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
	ring = draft(cbn, &by);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	publish(cbn, ring);
	cbn->ring_running = true;
	arm(cbn);
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

/* Puts @pair in front; the oldest goes when there is no room. */
static void push_pair(struct cb_ring *ring, const struct cb_flow_pair *pair)
{
	memmove(&ring->pair[1], &ring->pair[0], sizeof(ring->pair[0]) * (CB_FLOW_PAIRS - 1));
	ring->pair[0] = *pair;
	if (ring->n_pairs < CB_FLOW_PAIRS)
		ring->n_pairs++;
}

/* From the next epoch on. */
static void install_next(struct cb_net *cbn, struct cb_ring *ring, const struct cb_master *m,
			 struct cb_epoch_by *by)
{
	cbn->master[1] = *m;
	cbn->master_pending = true;
	by->master = &cbn->master[1];
	cb_epoch_replace(ring, by, false);
}

/* At once; @forget every older key too. */
static void install_now(struct cb_net *cbn, struct cb_ring *ring, const struct cb_master *m,
			struct cb_epoch_by *by, bool forget)
{
	u32 at_least = cb_epoch_newest(ring)->epoch + 1;

	/* A number may come back only under another secret. */
	if (m->clock == CB_CLOCK_WALL &&
	    memcmp(m->secret, cbn->master[0].secret, CB_MASTER_LEN))
		at_least = 1;
	cbn->master[0] = *m;
	memzero_explicit(&cbn->master[1], sizeof(cbn->master[1]));
	cbn->master_pending = false;
	by->master = &cbn->master[0];
	if (forget)
		cb_epoch_restart(ring, by, at_least);
	else
		cb_epoch_replace(ring, by, true);
}

/* Installs @m in a draft that is up to date. */
static void install(struct cb_net *cbn, struct cb_ring *ring, const struct cb_master *m,
		    bool now, struct cb_epoch_by *by)
{
	struct cb_flow_pair pair;

	if (m->clock != cbn->master[0].clock) {
		new_pair(&pair, m->clock);
		push_pair(ring, &pair);
		memzero_explicit(&pair, sizeof(pair));
		install_now(cbn, ring, m, by, now);
	} else if (now) {
		install_now(cbn, ring, m, by, true);
	} else {
		install_next(cbn, ring, m, by);
	}
	advance(cbn, ring, by);
}

static int check_master(const struct cb_master *m, struct netlink_ext_ack *extack)
{
	if (!memchr_inv(m->secret, 0, sizeof(m->secret))) {
		NL_SET_ERR_MSG(extack, "a master of zero bytes only is no secret");
		return -EINVAL;
	}
	if (m->clock != CB_CLOCK_WALL && m->floor) {
		NL_SET_ERR_MSG(extack, "a floor goes with the wall clock only");
		return -EINVAL;
	}
	if (m->floor > FLOOR_MAX) {
		NL_SET_ERR_MSG(extack, "floor is out of range");
		return -ERANGE;
	}
	return 0;
}

/* Under lock.  A ring that does not run protects nobody: it changes at once. */
static int set_master(struct cb_net *cbn, const struct cb_master *m, bool now,
		      struct netlink_ext_ack *extack)
{
	struct cb_epoch_by by;
	struct cb_ring *ring = draft(cbn, &by);

	if (IS_ERR(ring)) {
		NL_SET_ERR_MSG(extack, "no memory for a key ring");
		return PTR_ERR(ring);
	}
	install(cbn, ring, m, now || !cbn->ring_running, &by);
	publish(cbn, ring);
	arm(cbn);
	return 0;
}

/**
 * cb_keyring_set() - change the master
 * @cbn:	namespace
 * @m:		the new master; the caller zeroes its copy
 * @now:	begin an epoch at once and forget every older key; otherwise it
 *		seals from the next epoch on and no handshake in flight is lost
 * @extack:	says why not
 *
 * A change of the clock also begins an epoch at once, because the number of
 * option rows changes with it: handshakes in flight without timestamps then
 * fail and are repeated by the client.  It adds a flow pair; those in use stay.
 *
 * Context: process, takes cb_net->lock, may sleep.
 * Return: 0, -EINVAL, -ERANGE, -ENOMEM or -EINTR.
 */
int cb_keyring_set(struct cb_net *cbn, const struct cb_master *m, bool now,
		   struct netlink_ext_ack *extack)
{
	int err = check_master(m, extack);

	if (err)
		return err;
	mutex_lock(&cbn->lock);
	err = set_master(cbn, m, now, extack);
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_keyring_rotate() - change to a fresh random master
 * @cbn:	namespace
 * @now:	as in cb_keyring_set()
 * @extack:	says why not
 *
 * Context: process, takes cb_net->lock, may sleep.
 * Return: 0, -EOPNOTSUPP (wall clock), -ENOMEM or -EINTR.
 */
int cb_keyring_rotate(struct cb_net *cbn, bool now, struct netlink_ext_ack *extack)
{
	struct cb_master m = { .clock = CB_CLOCK_LOCAL };
	int err;

	mutex_lock(&cbn->lock);
	if (cbn->master[0].clock == CB_CLOCK_WALL) {
		NL_SET_ERR_MSG(extack,
			       "a wall-clock master is shared by a cluster: set a new one on every box");
		err = -EOPNOTSUPP;
	} else {
		get_random_bytes(m.secret, sizeof(m.secret));
		err = set_master(cbn, &m, now, extack);
	}
	mutex_unlock(&cbn->lock);
	memzero_explicit(&m, sizeof(m));
	return err;
}

/**
 * cb_keyring_epoch_changed() - the sysctl epoch_seconds was written
 * @cbn:	namespace
 *
 * The length of an epoch is settled when its predecessor begins, so the one
 * that seals and the next keep theirs: cookies in flight are honoured.
 *
 * Context: process, takes cb_net->lock, may sleep.  Return: 0, or -ENOMEM.
 */
int cb_keyring_epoch_changed(struct cb_net *cbn)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;
	int err = 0;

	mutex_lock(&cbn->lock);
	if (ring_of(cbn)) {
		ring = draft(cbn, &by);
		if (IS_ERR(ring)) {
			err = PTR_ERR(ring);
		} else {
			publish(cbn, ring);
			arm(cbn);
		}
	}
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_keyring_set_flow() - change the flow clock's pairs
 * @cbn:	namespace
 * @pairs:	newest first; the first stamps new connections
 * @n:		how many, 1 to CB_FLOW_PAIRS
 * @extack:	says why not
 *
 * The list is replaced: to change the pair, give the old ones behind the new,
 * because live sockets keep theirs; to retire one, leave it out.
 *
 * Context: process, takes cb_net->lock, may sleep.
 * Return: 0, -EINVAL, -ENOMEM or -EINTR.
 */
int cb_keyring_set_flow(struct cb_net *cbn, const struct cb_flow_pair *pairs, unsigned int n,
			struct netlink_ext_ack *extack)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;
	int err = 0;

	if (!n || n > CB_FLOW_PAIRS) {
		NL_SET_ERR_MSG(extack, "1 to 4 flow-clock pairs are held");
		return -EINVAL;
	}
	mutex_lock(&cbn->lock);
	ring = draft(cbn, &by);
	if (IS_ERR(ring)) {
		NL_SET_ERR_MSG(extack, "no memory for a key ring");
		err = PTR_ERR(ring);
	} else {
		memset(ring->pair, 0, sizeof(ring->pair));
		memcpy(ring->pair, pairs, n * sizeof(*pairs));
		ring->n_pairs = n;
		publish(cbn, ring);
		arm(cbn);
	}
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_keyring_read() - what `key show` shows
 * @cbn:	namespace
 * @out:	filled in; holds secrets, the caller zeroes it
 *
 * Context: process, takes cb_net->lock, may sleep.
 * Return: 0, -ENOMEM or -EINTR.
 */
int cb_keyring_read(struct cb_net *cbn, struct cb_key_info *out)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;

	memset(out, 0, sizeof(*out));
	mutex_lock(&cbn->lock);
	ring = draft(cbn, &by);
	if (IS_ERR(ring)) {
		mutex_unlock(&cbn->lock);
		return PTR_ERR(ring);
	}
	out->master = cbn->master[0];
	out->pending = cbn->master_pending;
	if (out->pending)
		out->next = cbn->master[1];
	out->epoch = ring->epoch;
	out->floor = cb_epoch_newest(ring)->epoch;
	out->next_ms = cb_epoch_newest(ring)->start_ms - by.now_ms;
	out->n_pairs = ring->n_pairs;
	memcpy(out->pair, ring->pair, sizeof(out->pair));
	publish(cbn, ring);
	mutex_unlock(&cbn->lock);
	return 0;
}
