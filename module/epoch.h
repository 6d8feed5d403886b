/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which epochs follow which, and when.  Pure: no clock, no lock; works on a
 * ring that nobody else sees yet.  keyring.c is the caller.
 */
#ifndef CB_EPOCH_H
#define CB_EPOCH_H

#include "keyring.h"

/* What an epoch is made from, at one moment. */
struct cb_epoch_by {
	const struct cb_master *master;	/* of the slots to be made */
	const u8 *nonce;		/* CB_NONCE_LEN bytes; local clock only */
	u64 now_ms;			/* CLOCK_MONOTONIC */
	u64 wall_ms;			/* CLOCK_REALTIME */
	u32 len_ms;			/* of an epoch */
};

/* The slot with the highest number, begun or not; NULL in an empty ring. */
const struct cb_slot *cb_epoch_newest(const struct cb_ring *ring);

/* Adds the epoch after the newest. */
void cb_epoch_append(struct cb_ring *ring, const struct cb_epoch_by *by);

/* Begins anew, now, with no older slot: nothing sealed before opens. */
void cb_epoch_restart(struct cb_ring *ring, const struct cb_epoch_by *by, u32 at_least);

/* The newest slot, which has not begun, gives way to one made by @by, which
 * begins when it would have, or at once.
 */
void cb_epoch_replace(struct cb_ring *ring, const struct cb_epoch_by *by, bool at_once);

/* Forgets what is too old, and notes what follows from the slots held. */
void cb_epoch_settle(struct cb_ring *ring, const struct cb_epoch_by *by);

#endif
