// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: may this source prefix be answered once more?
 *
 * Owns a fixed table of token buckets, one word each, chosen by a keyed hash of
 * the source prefix (/24, /64).  Every decision that lets somebody outside see
 * whether we answered asks here, so that none of them has a limit of its own or
 * a global one (CVE-2016-5696).  Prefixes that share a bucket share its tokens.
 *
 * Invariants: no lock, no division, nothing grows.  A word is changed with one
 * compare-and-exchange; whoever loses the race is refused, which errs on the
 * silent side.  The burst is redrawn in each second and bucket from the key, so
 * nobody outside knows at which segment the gate closes.  Called in softirq;
 * allocated and freed in process context (net.c).
 */
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include "mode.h"

#define GATE_BUCKETS	4096u
#define SECOND_SHIFT	10	/* a gate's second is 1,024 ms: no division */

struct cb_gate {
	siphash_key_t key;
	/* second:16 (high) | answered in it:16; changed by cmpxchg only */
	u32 bucket[GATE_BUCKETS];
};

/**
 * cb_gate_alloc() - a gate with a fresh key
 *
 * Context: process.  Return: the gate, to be freed by cb_gate_free(), or NULL.
 */
struct cb_gate *cb_gate_alloc(void)
{
	struct cb_gate *gate = kvzalloc(sizeof(*gate), GFP_KERNEL_ACCOUNT);

	if (gate)
		get_random_bytes(&gate->key, sizeof(gate->key));
	return gate;
}

/**
 * cb_gate_free() - free a gate that no reader uses any more
 * @gate:	gate or NULL
 */
void cb_gate_free(struct cb_gate *gate)
{
	kvfree_sensitive(gate, sizeof(*gate));
}

/**
 * cb_gate_bytes() - what one gate holds
 */
size_t cb_gate_bytes(void)
{
	return sizeof(struct cb_gate);
}

static u64 prefix_of(const struct cb_tuple *t)
{
	if (t->family == AF_INET6)
		return be64_to_cpu(t->saddr.q[0]);
	return be32_to_cpu(t->saddr.a[0]) >> 8;
}

/**
 * cb_gate_pass() - may this source prefix be answered once more?
 * @gate:	gate of the namespace
 * @tuple:	source address counts
 * @now_ms:	CLOCK_MONOTONIC, ms
 * @per_second:	mean number of answers; the limit of any one second is drawn
 *		from [@per_second / 2, 3 * @per_second / 2]
 *
 * Context: softirq.  Return: true if it may, which takes a token.
 */
bool cb_gate_pass(struct cb_gate *gate, const struct cb_tuple *tuple, u64 now_ms,
		  unsigned int per_second)
{
	u16 second = now_ms >> SECOND_SHIFT;
	u32 old, used, limit, *bucket;
	u64 hash;

	if (!per_second)
		return false;
	hash = siphash_2u64(prefix_of(tuple), (u64)second << 16 | tuple->family, &gate->key);
	limit = per_second / 2 + (((u32)(hash >> 32) * (u64)(per_second + 1)) >> 32);
	hash = siphash_2u64(prefix_of(tuple), tuple->family, &gate->key);
	bucket = &gate->bucket[hash & (GATE_BUCKETS - 1)];
	old = READ_ONCE(*bucket);
	used = old >> 16 == second ? old & 0xffff : 0;
	if (used >= max(limit, 1u))
		return false;
	return cmpxchg(bucket, old, (u32)second << 16 | (used + 1)) == old;
}
