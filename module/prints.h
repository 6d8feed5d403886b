/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An exact, bounded set of fingerprints: 64-bit keyed hashes of cookies that were
 * redeemed.  prints.c.
 */
#ifndef CB_PRINTS_H
#define CB_PRINTS_H

#include <linux/cache.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define CB_PRINTS_PLACES	12	/* of a bucket */
#define CB_PRINTS_RATED		8	/* so many are filled when the set holds what it is for */

/* A repeat of a tentative redemption within this is one and the same first flight. */
#define CB_REPEAT_MS		100u

/* Times are kept in units of 16 ms: what comes so long after is none for certain. */
#define CB_REPEAT_UNIT_SHIFT	4
#define CB_REPEAT_MOST_MS \
	(((CB_REPEAT_MS >> CB_REPEAT_UNIT_SHIFT) + 1) << CB_REPEAT_UNIT_SHIFT)

/* 128 bytes: 16 for each that it is rated for. */
struct cb_prints_bucket {
	u64 print[CB_PRINTS_PLACES];	/* 0: none */
	u16 state[CB_PRINTS_PLACES];
	unsigned long used;		/* a bit for each place, taken atomically */
} __aligned(8);

struct cb_prints {
	struct cb_prints_bucket *bucket;
	u32 n_buckets;
	u32 max;			/* how many it is for */
	struct cb_prints __rcu *old;	/* before its size was changed; NULL: forgotten */
};

/* What is known of a fingerprint, or was done about it. */
enum cb_print {
	CB_PRINT_NONE,		/* it is not held */
	CB_PRINT_HELD,		/* it is now, tentatively */
	CB_PRINT_REPEATED,	/* tentative, and not for long */
	CB_PRINT_CONFIRMED,
	CB_PRINT_FULL,		/* there is no room to hold it */
};

/* Process context.  NULL: no memory. */
struct cb_prints *cb_prints_alloc(u32 max);
void cb_prints_free(struct cb_prints *set);		/* no reader is left; NULL is fine */
size_t cb_prints_bytes(const struct cb_prints *set);
u32 cb_prints_held(const struct cb_prints *set);	/* counts: may sleep */

/* Forgets what no ring whose newest slot has @newest can open; returns how many are left.
 * Process context, one at a time, may sleep.
 */
u32 cb_prints_sweep(struct cb_prints *set, u8 newest);

/* Packet path; @print is not 0, @now_ms is CLOCK_MONOTONIC, @serial the epoch's.
 * find: NONE, REPEATED or CONFIRMED, or HELD: tentative for long, and again from now on.
 * hold: of what was not found: HELD, and *@at says where, or FULL.
 */
enum cb_print cb_prints_find(struct cb_prints *set, u64 print, u64 now_ms);
enum cb_print cb_prints_hold(struct cb_prints *set, u64 print, u8 serial, u64 now_ms, u32 *at);
bool cb_prints_confirmed(struct cb_prints *set, u64 print);
void cb_prints_confirm(struct cb_prints *set, u64 print);
bool cb_prints_confirm_at(struct cb_prints *set, u64 print, u32 at);
void cb_prints_undo(struct cb_prints *set, u64 print);	/* if tentative: as if never held */

#endif
