/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys: one master secret, a ring of epoch keys derived from it, and the flow
 * clock's pairs.
 *
 * keyring.c owns the ring of a namespace.  The packet path reads it under RCU
 * (cb_net->ring); writers hold cb_net->lock.  Epoch numbers and start times
 * are explicit in each slot, so a changed epoch length, a new master and a
 * stepped wall clock all are nothing but a next slot.
 *
 * A changed master seals from the start of the next epoch on: so never more
 * than two keys open for a client without timestamps, and no handshake in
 * flight is lost.  `key rotate --now` starts an epoch at once and forgets all
 * older keys: for a master that became known.
 *
 * keys.c holds the derivation, pure: it compiles in userspace too.
 */
#ifndef CB_KEYRING_H
#define CB_KEYRING_H

#include <linux/siphash.h>
#include "flowcookie.h"

#define CB_MASTER_LEN	32
#define CB_NONCE_LEN	16

enum cb_key_purpose {		/* bound into the derivation: never renumber */
	CB_KEY_COOKIE_TS = 1,
	CB_KEY_COOKIE_ROWS = 2,
	CB_KEY_GATE = 3,
	CB_KEY_REDEEM = 4,
};

/**
 * cb_key_derive() - K(epoch, purpose) = keyed-BLAKE2s(master, version |
 * purpose | epoch [| nonce]), 128 bits (RFC 7693)
 * @nonce:	NULL with a wall clock, CB_NONCE_LEN bytes with a local one
 */
void cb_key_derive(siphash_key_t *key, const u8 master[CB_MASTER_LEN],
		   enum cb_key_purpose purpose, u32 epoch, const u8 *nonce);

enum cb_clock { CB_CLOCK_LOCAL, CB_CLOCK_WALL };

struct cb_master {
	u8 secret[CB_MASTER_LEN];
	enum cb_clock clock;
	u32 floor;		/* wall: no epoch below this is used again */
};

/* Slots live at epoch % CB_RING_SLOTS. Newest usable is never overwritten. */
#define CB_RING_SLOTS	8

struct cb_slot {
	siphash_key_t ts_key;
	siphash_key_t rows_key;
	u64 start_ms;		/* CLOCK_MONOTONIC when it begins to seal */
	u32 epoch;
	u8 serial;		/* one more than that of the slot before; wraps */
	bool valid;
};

/* Immutable once published; replaced whole. Freed with kfree_sensitive after
 * a grace period. The slot after the current one is always there already, so
 * that sealing goes on when the work that advances the ring is late.
 */
struct cb_ring {
	struct rcu_head rcu;
	u64 number;		/* of all rings that were ever published; from 1 on */
	struct cb_slot slot[CB_RING_SLOTS];
	u32 epoch;		/* current when published */
	bool cluster;		/* wall clock: also accept a neighbour's next */
	u8 n_pairs;		/* 1..CB_FLOW_PAIRS */
	struct cb_flow_pair pair[CB_FLOW_PAIRS];
	u32 ts_life_ms;		/* oldest TSecr that an ACK may carry (two epochs) */
};

/* Slot that seals at @now_ms: the newest valid one that has started. */
const struct cb_slot *cb_ring_sealing(const struct cb_ring *ring, u64 now_ms);
/* Slot that was sealing at @then_ms, or NULL if it is no longer held. */
const struct cb_slot *cb_ring_at(const struct cb_ring *ring, u64 then_ms);
/* Slot of epoch number @epoch, or NULL. */
const struct cb_slot *cb_ring_slot(const struct cb_ring *ring, u32 epoch);
/* Slots that seal just before and just after @slot, by start time, or NULL. */
const struct cb_slot *cb_ring_before(const struct cb_ring *ring, const struct cb_slot *slot);
const struct cb_slot *cb_ring_after(const struct cb_ring *ring, const struct cb_slot *slot);

#ifdef __KERNEL__
struct cb_net;
struct netlink_ext_ack;

int cb_keyring_init(struct cb_net *cbn);	/* secrets come at first use */
void cb_keyring_exit(struct cb_net *cbn);	/* zeroes and frees */

/* Process context, cb_net->lock held by the caller (net.c). */
int cb_keyring_start(struct cb_net *cbn);
void cb_keyring_stop(struct cb_net *cbn);

/* Between keyring.c and keyset.c, under cb_net->lock: a private copy of the
 * ring brought up to the moment; successors for the slots that have begun;
 * putting it in force, which must follow every draft.
 */
struct cb_epoch_by;
struct cb_ring *cb_keyring_draft(struct cb_net *cbn, struct cb_epoch_by *by);
void cb_keyring_advance(struct cb_net *cbn, struct cb_ring *ring, struct cb_epoch_by *by);
void cb_keyring_publish(struct cb_net *cbn, struct cb_ring *ring);
void cb_keyring_new_pair(struct cb_flow_pair *pair, enum cb_clock clock);

/* All below, keyset.c: process context, take cb_net->lock, may sleep. */
int cb_keyring_set(struct cb_net *cbn, const struct cb_master *m, bool now,
		   const struct cb_flow_pair *pairs, unsigned int n,
		   struct netlink_ext_ack *extack);
int cb_keyring_rotate(struct cb_net *cbn, bool now, struct netlink_ext_ack *extack);
int cb_keyring_epoch_changed(struct cb_net *cbn);	/* sysctl epoch_seconds */
int cb_keyring_set_flow(struct cb_net *cbn, const struct cb_flow_pair *pairs,
			unsigned int n, struct netlink_ext_ack *extack);

struct cb_key_info {			/* holds secrets: zero it after use */
	struct cb_master master;	/* seals */
	struct cb_master next;		/* seals from the next epoch on, if pending */
	bool pending;
	u8 n_pairs;
	u32 epoch;			/* seals */
	u32 floor;			/* wall: what to save, one epoch ahead */
	u64 next_ms;			/* until the next epoch begins */
	struct cb_flow_pair pair[CB_FLOW_PAIRS];	/* newest first */
};
int cb_keyring_read(struct cb_net *cbn, struct cb_key_info *out);
#endif
#endif
