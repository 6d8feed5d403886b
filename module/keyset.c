// SPDX-License-Identifier: GPL-2.0
/*
 * What an admin changes about keys, and sees of them.
 *
 * Owns no state; keyring.c does.  Every change is a new ring, drafted and
 * published under cb_net->lock.  A draft may have moved on to another epoch
 * and promoted a pending master, so it is always published.  Called by netlink
 * and sysctl handlers in process context.
 */
#include <linux/minmax.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/string.h>
#include "epoch.h"
#include "net.h"

#define FLOOR_MAX	0x7fffffffu

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

static void put_pairs(struct cb_ring *ring, const struct cb_flow_pair *pairs, unsigned int n)
{
	memset(ring->pair, 0, sizeof(ring->pair));
	memcpy(ring->pair, pairs, n * sizeof(*pairs));
	ring->n_pairs = n;
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
		cb_keyring_new_pair(&pair, m->clock);
		push_pair(ring, &pair);
		memzero_explicit(&pair, sizeof(pair));
		install_now(cbn, ring, m, by, now);
	} else if (now) {
		install_now(cbn, ring, m, by, true);
	} else {
		install_next(cbn, ring, m, by);
	}
	cb_keyring_advance(cbn, ring, by);
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
		      const struct cb_flow_pair *pairs, unsigned int n,
		      struct netlink_ext_ack *extack)
{
	struct cb_epoch_by by;
	struct cb_ring *ring = cb_keyring_draft(cbn, &by);

	if (IS_ERR(ring)) {
		NL_SET_ERR_MSG(extack, "no memory for a key ring");
		return PTR_ERR(ring);
	}
	install(cbn, ring, m, now || !cbn->ring_running, &by);
	if (n)
		put_pairs(ring, pairs, n);
	cb_keyring_publish(cbn, ring);
	return 0;
}

/**
 * cb_keyring_set() - change the master
 * @cbn:	namespace
 * @m:		the new master; the caller zeroes its copy
 * @now:	begin an epoch at once and forget every older key; otherwise it
 *		seals from the next epoch on and no handshake in flight is lost
 * @pairs:	flow pairs to hold from now on, as in cb_keyring_set_flow()
 * @n:		how many; 0: those that are held stay
 * @extack:	says why not
 *
 * A change of the clock also begins an epoch at once, because the number of
 * option rows changes with it: handshakes in flight without timestamps then
 * fail and are repeated by the client.  It adds a flow pair; those in use stay.
 *
 * Return: 0, -EINVAL, -ERANGE, -ENOMEM or -EINTR.
 * Context of this and all below: process, takes cb_net->lock, may sleep.
 */
int cb_keyring_set(struct cb_net *cbn, const struct cb_master *m, bool now,
		   const struct cb_flow_pair *pairs, unsigned int n,
		   struct netlink_ext_ack *extack)
{
	int err = check_master(m, extack);

	if (err)
		return err;
	mutex_lock(&cbn->lock);
	err = set_master(cbn, m, now, pairs, n, extack);
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_keyring_rotate() - change to a fresh random master
 * @cbn:	namespace
 * @now:	as in cb_keyring_set()
 * @extack:	says why not
 *
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
		err = set_master(cbn, &m, now, NULL, 0, extack);
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
 * Return: 0, -ENOMEM or -EINTR.
 */
int cb_keyring_epoch_changed(struct cb_net *cbn)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;
	int err = 0;

	mutex_lock(&cbn->lock);
	ring = cb_keyring_ring(cbn) ? cb_keyring_draft(cbn, &by) : NULL;
	if (IS_ERR(ring))
		err = PTR_ERR(ring);
	else if (ring)
		cb_keyring_publish(cbn, ring);
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
	ring = cb_keyring_draft(cbn, &by);
	if (IS_ERR(ring)) {
		NL_SET_ERR_MSG(extack, "no memory for a key ring");
		err = PTR_ERR(ring);
	} else {
		put_pairs(ring, pairs, n);
		cb_keyring_publish(cbn, ring);
	}
	mutex_unlock(&cbn->lock);
	return err;
}

/**
 * cb_keyring_read() - what `key show` shows
 * @cbn:	namespace
 * @out:	filled in; holds secrets, the caller zeroes it
 *
 * Return: 0, -ENOMEM or -EINTR.
 */
int cb_keyring_read(struct cb_net *cbn, struct cb_key_info *out)
{
	struct cb_epoch_by by;
	struct cb_ring *ring;

	memset(out, 0, sizeof(*out));
	mutex_lock(&cbn->lock);
	ring = cb_keyring_draft(cbn, &by);
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
	cb_keyring_publish(cbn, ring);
	mutex_unlock(&cbn->lock);
	return 0;
}
