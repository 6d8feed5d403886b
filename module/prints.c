// SPDX-License-Identifier: GPL-2.0
/*
 * The set of fingerprints.
 *
 * Owns the memory of a set: an array of buckets, as large as when it was made.  Each
 * fingerprint has two buckets, by its halves, and goes to the one with more room; with
 * 8 of 12 places filled on the average, a million find theirs (tests/kunit/prints-test.c
 * counts).  It is held whole, so nothing is ever mistaken for another.
 *
 * Invariants: a place belongs to whoever set its bit in `used`; its state is written
 * before its fingerprint, and changed by compare-and-exchange alone; `used` is cleared
 * last.  Two CPUs that hold the same fingerprint at the same moment may take two
 * places: the established hash lets only one of them make a connection, and both are
 * confirmed together.
 *
 * No generations are kept: the state says in which epoch its cookie was sealed, and a
 * work forgets it when the keys of that epoch are forgotten.  Packet path: softirq
 * or BH off, no lock, no loop but over the places of two buckets.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "prints.h"

/*
 * State, 16 bits:
 *
 *	 15                          6   5   4   3   2   1   0
 *	+-----------------------------+---------------+-------+
 *	|   time, in 16 ms            |    serial     |  what |
 *	+-----------------------------+---------------+-------+
 *
 * time: when it was redeemed; wraps after 16 s, while a tentative one that is
 * not confirmed is looked at for 0.1 s.  serial: of its epoch's keys.
 */
#define WHAT_MASK	3u
#define TENTATIVE	1u
#define CONFIRMED	2u
#define SERIAL_SHIFT	2
#define SERIAL_MASK	15u
#define TIME_SHIFT	6
#define TIME_MASK	1023u

/* Number of a place: bucket, and which of its places. */
#define PLACE_BITS	4
#define PLACE_MASK	15u

/* Epochs whose keys a ring may hold (epoch.c), and one more: a reader may still use
 * the ring before.
 */
#define SERIALS_HELD	6u
#define SERIALS_STALE	6u	/* older than those; what is left may be newer yet */

static u16 state_of(unsigned int what, u8 serial, u64 now_ms)
{
	return what | (serial & SERIAL_MASK) << SERIAL_SHIFT |
	       ((now_ms >> CB_REPEAT_UNIT_SHIFT) & TIME_MASK) << TIME_SHIFT;
}

static bool is_young(u16 state, u64 now_ms)
{
	unsigned int now = (now_ms >> CB_REPEAT_UNIT_SHIFT) & TIME_MASK;

	return ((now - (state >> TIME_SHIFT)) & TIME_MASK) <= CB_REPEAT_MS >> CB_REPEAT_UNIT_SHIFT;
}

static struct cb_prints_bucket *bucket(const struct cb_prints *set, u32 half)
{
	return &set->bucket[((u64)half * set->n_buckets) >> 32];
}

/* Its place in a bucket, or NULL; *@b is the bucket to look at. */
static u16 *match(struct cb_prints_bucket *b, u64 print)
{
	unsigned int i;

	if (!READ_ONCE(b->used))	/* most of a set that is far from full */
		return NULL;
#pragma GCC unroll 12
	for (i = 0; i < CB_PRINTS_PLACES; i++)
		if (READ_ONCE(b->print[i]) == print)
			goto found;
	return NULL;
found:
	smp_rmb();	/* the state was written first */
	return &b->state[i];
}

static u16 *locate(struct cb_prints *set, u64 print)
{
	u16 *at = match(bucket(set, print), print);

	return at ? at : match(bucket(set, print >> 32), print);
}

/* Where a place is, for the caller to come back to. */
static u32 number_at(const struct cb_prints *set, const struct cb_prints_bucket *b, unsigned int i)
{
	return (b - set->bucket) << PLACE_BITS | i;
}

/* The place of that number, if it holds the fingerprint: its bucket, or NULL. */
static struct cb_prints_bucket *bucket_at(struct cb_prints *set, u64 print, u32 at)
{
	struct cb_prints_bucket *b = &set->bucket[at >> PLACE_BITS];

	if (at >> PLACE_BITS >= set->n_buckets ||
	    READ_ONCE(b->print[at & PLACE_MASK]) != print)
		return NULL;
	return b;
}

/**
 * cb_prints_find() - has this cookie been redeemed?
 * @set:	set, under rcu_read_lock()
 * @print:	its fingerprint
 * @now_ms:	CLOCK_MONOTONIC, ms
 *
 * Return: CB_PRINT_NONE; CB_PRINT_CONFIRMED; CB_PRINT_REPEATED: tentatively, a moment
 * ago; CB_PRINT_HELD: tentatively, longer ago: the caller redeems it anew, and nobody
 * else does.
 */
enum cb_print cb_prints_find(struct cb_prints *set, u64 print, u64 now_ms)
{
	u16 *at = locate(set, print);
	u16 was, now;

	if (!at)
		return CB_PRINT_NONE;
	was = READ_ONCE(*at);
	if ((was & WHAT_MASK) == CONFIRMED)
		return CB_PRINT_CONFIRMED;
	if ((was & WHAT_MASK) != TENTATIVE || is_young(was, now_ms))
		return CB_PRINT_REPEATED;
	now = state_of(TENTATIVE, was >> SERIAL_SHIFT, now_ms);
	return cmpxchg(at, was, now) == was ? CB_PRINT_HELD : CB_PRINT_REPEATED;
}

/**
 * cb_prints_hold() - hold what cb_prints_find() has not found, tentatively
 * @set:	set, under rcu_read_lock()
 * @print:	fingerprint, not 0
 * @serial:	of the epoch whose keys sealed it
 * @now_ms:	CLOCK_MONOTONIC, ms
 * @at:		set to the number of its place, if it is held
 *
 * Return: CB_PRINT_HELD or CB_PRINT_FULL.
 */
enum cb_print cb_prints_hold(struct cb_prints *set, u64 print, u8 serial, u64 now_ms, u32 *at)
{
	struct cb_prints_bucket *a = bucket(set, print), *b = bucket(set, print >> 32);
	unsigned int tries, i;

	for (tries = 0; tries < CB_PRINTS_PLACES; tries++) {
		unsigned long used = READ_ONCE(a->used), other = READ_ONCE(b->used);

		if (hweight16(other) < hweight16(used)) {
			swap(a, b);
			used = other;
		}
		i = ffz(used);
		if (i >= CB_PRINTS_PLACES)
			return CB_PRINT_FULL;
		if (test_and_set_bit(i, &a->used))
			continue;
		WRITE_ONCE(a->state[i], state_of(TENTATIVE, serial, now_ms));
		smp_store_release(&a->print[i], print);	/* whoever finds it has the state */
		*at = number_at(set, a, i);
		return CB_PRINT_HELD;
	}
	return CB_PRINT_FULL;
}

/**
 * cb_prints_confirmed() - is it held, and confirmed? Changes nothing.
 * @set:	set, under rcu_read_lock()
 * @print:	fingerprint
 */
bool cb_prints_confirmed(struct cb_prints *set, u64 print)
{
	u16 *at = locate(set, print);

	return at && (READ_ONCE(*at) & WHAT_MASK) == CONFIRMED;
}

/* Tried again only if it was redeemed anew meanwhile, which is once in 0.1 s. */
static void mark(u16 *at)
{
	u16 was = at ? READ_ONCE(*at) : 0;

	while ((was & WHAT_MASK) == TENTATIVE)
		if (try_cmpxchg(at, &was, (u16)((was & ~WHAT_MASK) | CONFIRMED)))
			return;
}

/**
 * cb_prints_confirm() - its connection was seen
 * @set:	set, under rcu_read_lock()
 * @print:	fingerprint
 */
void cb_prints_confirm(struct cb_prints *set, u64 print)
{
	struct cb_prints_bucket *a = bucket(set, print), *b = bucket(set, print >> 32);

	mark(match(a, print));
	if (b != a)
		mark(match(b, print));
}

/**
 * cb_prints_confirm_at() - as cb_prints_confirm(), of the very place that holds it
 * @set:	set, under rcu_read_lock()
 * @print:	fingerprint
 * @at:		number of its place, as cb_prints_hold() said; of another set it does no harm
 *
 * Return: false if it is not there.
 */
bool cb_prints_confirm_at(struct cb_prints *set, u64 print, u32 at)
{
	struct cb_prints_bucket *b = bucket_at(set, print, at);

	if (!b)
		return false;
	mark(&b->state[at & PLACE_MASK]);
	return true;
}

static void release(struct cb_prints_bucket *b, unsigned int i)
{
	WRITE_ONCE(b->print[i], 0);
	clear_bit_unlock(i, &b->used);
}

/**
 * cb_prints_undo() - nothing came of a redemption
 * @set:	set, under rcu_read_lock()
 * @print:	fingerprint that the caller holds tentatively
 */
void cb_prints_undo(struct cb_prints *set, u64 print)
{
	struct cb_prints_bucket *b = bucket(set, print);
	u16 *at = match(b, print), was;

	if (!at) {
		b = bucket(set, print >> 32);
		at = match(b, print);
	}
	was = at ? READ_ONCE(*at) : 0;
	if ((was & WHAT_MASK) == TENTATIVE && cmpxchg(at, was, 0) == was)
		release(b, at - b->state);
}

/**
 * cb_prints_alloc() - an empty set
 * @max:	how many it is to hold
 *
 * Context: process.  Return: the set, or NULL: no memory.
 */
struct cb_prints *cb_prints_alloc(u32 max)
{
	struct cb_prints *set = kzalloc(sizeof(*set), GFP_KERNEL_ACCOUNT);

	if (!set)
		return NULL;
	set->max = max;
	set->n_buckets = DIV_ROUND_UP(max, CB_PRINTS_RATED);
	set->bucket = kvcalloc(set->n_buckets, sizeof(*set->bucket), GFP_KERNEL_ACCOUNT);
	if (!set->bucket) {
		kfree(set);
		return NULL;
	}
	return set;
}

/**
 * cb_prints_free() - free a set, and what it was before its size was changed
 * @set:	set without readers, or NULL
 */
void cb_prints_free(struct cb_prints *set)
{
	if (!set)
		return;
	cb_prints_free(rcu_dereference_protected(set->old, true));
	kvfree(set->bucket);
	kfree(set);
}

/**
 * cb_prints_bytes() - what a set holds, without that before it
 * @set:	set
 */
size_t cb_prints_bytes(const struct cb_prints *set)
{
	return sizeof(*set) + (size_t)set->n_buckets * sizeof(*set->bucket);
}

/**
 * cb_prints_held() - how many there are
 * @set:	set
 *
 * Context: process, may sleep.
 */
u32 cb_prints_held(const struct cb_prints *set)
{
	u32 i, n = 0;

	for (i = 0; i < set->n_buckets; i++) {
		n += hweight16(READ_ONCE(set->bucket[i].used));
		cond_resched();
	}
	return n;
}

static bool is_stale(u16 state, u8 newest)
{
	u8 age = (newest - (state >> SERIAL_SHIFT)) & SERIAL_MASK;

	return age >= SERIALS_HELD && age < SERIALS_HELD + SERIALS_STALE;
}

static void sweep_bucket(struct cb_prints_bucket *b, u8 newest)
{
	unsigned int i;
	u16 state;

	for (i = 0; i < CB_PRINTS_PLACES; i++) {
		if (!READ_ONCE(b->print[i]))
			continue;
		smp_rmb();	/* the state was written first */
		state = READ_ONCE(b->state[i]);
		if (is_stale(state, newest) && cmpxchg(&b->state[i], state, 0) == state)
			release(b, i);
	}
}

/**
 * cb_prints_sweep() - forget what cannot open any more
 * @set:	set
 * @newest:	serial of the newest epoch of the ring that is in force
 *
 * Context: process, may sleep; one at a time.  Return: how many are left.
 */
u32 cb_prints_sweep(struct cb_prints *set, u8 newest)
{
	u32 i, n = 0;

	for (i = 0; i < set->n_buckets; i++) {
		struct cb_prints_bucket *b = &set->bucket[i];

		if (READ_ONCE(b->used))
			sweep_bucket(b, newest);
		n += hweight16(READ_ONCE(b->used));
		cond_resched();
	}
	return n;
}
