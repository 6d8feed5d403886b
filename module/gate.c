// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: may this source prefix be answered once more?
 *
 * Owns a fixed table of token buckets, one word each, chosen by a keyed hash of
 * the source prefix (/24, /64), as hash tables have it (hsiphash).  Every decision
 * that lets somebody outside see whether we answered asks here, so that none of
 * them has a limit of its own or a global one (CVE-2016-5696).  Prefixes that share
 * a bucket share its tokens.
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
	hsiphash_key_t key;
	/* second:16 (high) | answers left in it:16; changed by cmpxchg only */
	u32 bucket[GATE_BUCKETS];
};

/**
 * cb_gate_alloc() - a gate with a fresh key
 *
 * Context: process.  Return: the gate, to be freed by cb_gate_free(), or NULL.
 */
noinline struct cb_gate *cb_gate_alloc(void)
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

static u32 prefix_hash(const struct cb_gate *gate, const struct cb_tuple *t)
{
	if (t->family == AF_INET6)
		return hsiphash_3u32(be32_to_cpu(t->saddr.a[0]), be32_to_cpu(t->saddr.a[1]),
				     t->family, &gate->key);
	return hsiphash_2u32(be32_to_cpu(t->saddr.a[0]) >> 8, t->family, &gate->key);
}

/* The limit of one bucket in one second. */
static u32 draw(const struct cb_gate *gate, u32 bucket, u16 second, unsigned int per_second)
{
	u32 hash = hsiphash_2u32(bucket, second | BIT(31), &gate->key);
	u32 limit = per_second / 2 + (((u64)hash * (per_second + 1)) >> 32);

	return clamp(limit, 1u, (u32)U16_MAX);
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
	u32 old, left, i;

	if (!per_second)
		return false;
	i = prefix_hash(gate, tuple) & (GATE_BUCKETS - 1);
	old = READ_ONCE(gate->bucket[i]);
	left = old & 0xffff;
	if (old >> 16 != second)
		left = draw(gate, i, second, per_second);
	if (!left)
		return false;
	return cmpxchg(&gate->bucket[i], old, (u32)second << 16 | (left - 1)) == old;
}
