// SPDX-License-Identifier: GPL-2.0
/*
 * Which epochs follow which, and when.
 *
 * Owns no state.  Invariants: start times rise with epoch numbers; a number is
 * not used again under the same master; the slot that has not begun is the
 * newest.  Called by keyring.c in process context.  Times are CLOCK_MONOTONIC
 * in ms, the clock of Linux sockets' timestamps.
 *
 * Local clock: numbers are consecutive, each epoch has its length, or more if
 * the work that makes the next is late.
 *
 * Wall clock: the number is wall time / length, so that the boxes of a cluster
 * agree.  After a step of the wall clock numbers still only rise, and an epoch
 * lasts between half and one and a half of its length until number and wall
 * clock agree again: a step back of an hour is worked off in two or three, with
 * never more than current, previous and next in use.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include "epoch.h"

#define SLOTS_HELD	5	/* current, three older and the next: fewer than places */
#define SWITCH_MS	20u	/* a reader may still seal with a ring replaced this long ago */

static u32 wall_epoch(const struct cb_epoch_by *by)
{
	return (u32)div_u64(by->wall_ms, by->len_ms);
}

const struct cb_slot *cb_epoch_newest(const struct cb_ring *ring)
{
	const struct cb_slot *best = NULL;
	unsigned int i;

	for (i = 0; i < CB_RING_SLOTS; i++)
		if (ring->slot[i].valid && (!best || ring->slot[i].epoch > best->epoch))
			best = &ring->slot[i];
	return best;
}

/* Where cb_ring_slot() looks first; another place if a step made two meet. */
static struct cb_slot *place(struct cb_ring *ring, u32 epoch)
{
	struct cb_slot *slot = &ring->slot[epoch % CB_RING_SLOTS];
	unsigned int i;

	for (i = 0; slot->valid && i < CB_RING_SLOTS; i++)
		slot = &ring->slot[i];
	return slot;
}

static void add(struct cb_ring *ring, const struct cb_epoch_by *by, u32 epoch, u64 start_ms,
		u8 serial)
{
	const u8 *nonce = by->master->clock == CB_CLOCK_LOCAL ? by->nonce : NULL;
	struct cb_slot *slot = place(ring, epoch);

	cb_key_derive(&slot->ts_key, by->master->secret, CB_KEY_COOKIE_TS, epoch, nonce);
	cb_key_derive(&slot->rows_key, by->master->secret, CB_KEY_COOKIE_ROWS, epoch, nonce);
	slot->start_ms = start_ms;
	slot->epoch = epoch;
	slot->serial = serial;
	slot->valid = true;
}

/* Number and start of the epoch after @last. */
static u32 plan(const struct cb_slot *last, const struct cb_epoch_by *by, u64 *start_ms)
{
	s64 start, earliest = last->start_ms + by->len_ms / 2;
	u32 epoch = last->epoch + 1;

	if (by->master->clock == CB_CLOCK_LOCAL) {
		*start_ms = max(last->start_ms + by->len_ms, by->now_ms);
		return epoch;
	}
	epoch = max3(epoch, wall_epoch(by), by->master->floor);
	start = (s64)by->now_ms + (s64)epoch * by->len_ms - (s64)by->wall_ms;
	start = clamp_t(s64, start, earliest, earliest + by->len_ms);
	*start_ms = max_t(s64, start, by->now_ms);
	return epoch;
}

void cb_epoch_append(struct cb_ring *ring, const struct cb_epoch_by *by)
{
	const struct cb_slot *last = cb_epoch_newest(ring);
	u64 start_ms;
	u32 epoch = plan(last, by, &start_ms);

	add(ring, by, epoch, start_ms, last->serial + 1);
}

void cb_epoch_restart(struct cb_ring *ring, const struct cb_epoch_by *by, u32 at_least)
{
	const struct cb_slot *last = cb_epoch_newest(ring);
	u64 start_ms = by->now_ms, begun_ms;
	u8 serial = last ? last->serial + 1 : 0;
	u32 epoch = at_least;

	memset(ring->slot, 0, sizeof(ring->slot));
	if (by->master->clock == CB_CLOCK_WALL) {
		epoch = max3(at_least, wall_epoch(by), by->master->floor);
		/* Neighbours seal under this number since it began. */
		begun_ms = by->wall_ms - min_t(u64, (u64)epoch * by->len_ms, by->wall_ms);
		if (begun_ms < by->len_ms)
			start_ms -= min(begun_ms, start_ms);
	}
	add(ring, by, epoch, start_ms, serial);
}

void cb_epoch_replace(struct cb_ring *ring, const struct cb_epoch_by *by, bool at_once)
{
	u32 newest = cb_epoch_newest(ring)->epoch, epoch;
	const struct cb_slot *last;
	unsigned int i;
	u64 start_ms;

	for (i = 0; i < CB_RING_SLOTS; i++)
		if (ring->slot[i].valid && ring->slot[i].epoch == newest)
			memset(&ring->slot[i], 0, sizeof(ring->slot[i]));
	last = cb_epoch_newest(ring);
	epoch = plan(last, by, &start_ms);
	/* Readers of the ring that this one replaces may still seal with its keys. */
	start_ms = max(start_ms, by->now_ms + SWITCH_MS);
	if (at_once)
		start_ms = max(by->now_ms, last->start_ms + 1);
	add(ring, by, epoch, start_ms, last->serial + 1);
}

static void forget_old(struct cb_ring *ring)
{
	struct cb_slot *oldest;
	unsigned int held, i;

	do {
		oldest = NULL;
		held = 0;
		for (i = 0; i < CB_RING_SLOTS; i++) {
			struct cb_slot *slot = &ring->slot[i];

			if (!slot->valid)
				continue;
			held++;
			if (!oldest || slot->epoch < oldest->epoch)
				oldest = slot;
		}
		if (held > SLOTS_HELD)
			memset(oldest, 0, sizeof(*oldest));
	} while (held > SLOTS_HELD);
}

/* An echoed timestamp may be two epochs old, or more where the epochs were
 * longer at the time: what was sealed since the start of the oldest that opens
 * lives until the next begins.  After a restart that is the current one.
 */
void cb_epoch_settle(struct cb_ring *ring, const struct cb_epoch_by *by)
{
	const struct cb_slot *current_slot = cb_ring_sealing(ring, by->now_ms);
	const struct cb_slot *oldest = cb_ring_before(ring, current_slot) ?: current_slot;
	u64 life_ms = 2ULL * by->len_ms;

	forget_old(ring);
	life_ms = max(life_ms, cb_epoch_newest(ring)->start_ms - oldest->start_ms);
	ring->ts_life_ms = min_t(u64, life_ms, U32_MAX / 2);
	ring->epoch = current_slot->epoch;
}
