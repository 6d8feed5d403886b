// SPDX-License-Identifier: GPL-2.0
/*
 * Key derivation and the choice of an epoch's keys.
 *
 * Owns no state.  Invariants: later epochs start later, so the slot that seals
 * at a time is the one with the latest start not after it; "previous" goes by
 * start time, not by number, as a stepped wall clock skips numbers.  Derivation
 * runs in process context when the ring advances; the rest is the packet
 * path's, under rcu_read_lock().
 */
#include <crypto/blake2s.h>
#include <asm/byteorder.h>
#include <linux/string.h>
#include "keyring.h"

#define KDF_VERSION	1
#define KDF_FIXED_LEN	6	/* version:8 purpose:8 epoch:32 */

void cb_key_derive(siphash_key_t *key, const u8 master[CB_MASTER_LEN],
		   enum cb_key_purpose purpose, u32 epoch, const u8 *nonce)
{
	u8 in[KDF_FIXED_LEN + CB_NONCE_LEN];
	struct blake2s_state state;
	__be32 be_epoch = cpu_to_be32(epoch);
	__le64 out[2];

	in[0] = KDF_VERSION;
	in[1] = purpose;
	memcpy(in + 2, &be_epoch, sizeof(be_epoch));
	if (nonce)
		memcpy(in + KDF_FIXED_LEN, nonce, CB_NONCE_LEN);

	blake2s_init_key(&state, sizeof(out), master, CB_MASTER_LEN);
	blake2s_update(&state, in, nonce ? sizeof(in) : KDF_FIXED_LEN);
	blake2s_final(&state, (u8 *)out);
	key->key[0] = le64_to_cpu(out[0]);
	key->key[1] = le64_to_cpu(out[1]);
	memzero_explicit(in, sizeof(in));
	memzero_explicit(out, sizeof(out));
}

/* Latest start not after @then_ms. */
static const struct cb_slot *latest_started(const struct cb_ring *ring, u64 then_ms)
{
	const struct cb_slot *best = NULL;
	unsigned int i;

	for (i = 0; i < CB_RING_SLOTS; i++) {
		const struct cb_slot *slot = &ring->slot[i];

		if (!slot->valid || slot->start_ms > then_ms)
			continue;
		if (!best || slot->start_ms > best->start_ms)
			best = slot;
	}
	return best;
}

const struct cb_slot *cb_ring_at(const struct cb_ring *ring, u64 then_ms)
{
	const struct cb_slot *slot = cb_ring_slot(ring, ring->epoch);
	const struct cb_slot *next = cb_ring_slot(ring, ring->epoch + 1);

	/* The usual case: the slot that was current when the ring was published. */
	if (slot && next && slot->start_ms <= then_ms && then_ms < next->start_ms)
		return slot;
	return latest_started(ring, then_ms);
}

const struct cb_slot *cb_ring_sealing(const struct cb_ring *ring, u64 now_ms)
{
	return cb_ring_at(ring, now_ms);
}

const struct cb_slot *cb_ring_before(const struct cb_ring *ring, const struct cb_slot *slot)
{
	const struct cb_slot *before = cb_ring_slot(ring, slot->epoch - 1);

	if (before)
		return before;
	return slot->start_ms ? latest_started(ring, slot->start_ms - 1) : NULL;
}

const struct cb_slot *cb_ring_after(const struct cb_ring *ring, const struct cb_slot *slot)
{
	const struct cb_slot *best = NULL;
	unsigned int i;

	for (i = 0; i < CB_RING_SLOTS; i++) {
		const struct cb_slot *s = &ring->slot[i];

		if (!s->valid || s->start_ms <= slot->start_ms)
			continue;
		if (!best || s->start_ms < best->start_ms)
			best = s;
	}
	return best;
}

const struct cb_slot *cb_ring_slot(const struct cb_ring *ring, u32 epoch)
{
	const struct cb_slot *slot = &ring->slot[epoch % CB_RING_SLOTS];

	return slot->valid && slot->epoch == epoch ? slot : NULL;
}
