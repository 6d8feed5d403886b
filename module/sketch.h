/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many handshakes have been begun with the servers of a service, and not completed?
 *
 * A gateway does not see a server's queue.  It sees SYNs pass, and the ACKs that complete
 * them.  A sketch counts the difference in a fixed size, whatever the rate:
 *
 *	SYN	counts once, however often it is sent again
 *	SYN-ACK	its numbers are noted
 *	ACK	of just these: one less.  Of others, which anybody could send: nothing
 *	RST	before any SYN-ACK: one less.  A server that has sent one may answer a wrong
 *		ACK by a RST, and remember the handshake all the same
 *	(time)	what was not completed is forgotten when the server forgets it
 *
 * It is a distinct sample (Gibbons and Tirthapura, "Estimating simple functions on the union
 * of data streams", 2001): of all tuples those whose hash ends in `level` zero bits are held, so
 * that the same ones are looked for when they come again.  Up to CB_SKETCH_HELD all
 * are; when there are more, the level goes up by one, and each stands for twice as many.  So
 * at least half of CB_SKETCH_HELD are held once any are left out: a standard error of
 * 1 / sqrt(CB_SKETCH_HELD / 2), 2.2 %.
 *
 * Pure: no skb, no clock.  Any number of CPUs may call at once; what they take from each
 * other by doing so is a count now and then.  No lock, no division; loops are bounded.
 */
#ifndef CB_SKETCH_H
#define CB_SKETCH_H

#include <linux/atomic.h>
#include <linux/siphash.h>
#include "segment.h"

#define CB_SKETCH_SETS		1024u	/* power of 2 */
#define CB_SKETCH_WAYS		8u	/* a cache line */
#define CB_SKETCH_HELD		4096	/* of 8,192: then one in 125 finds its set full */
#define CB_SKETCH_LEVELS	24u	/* CB_SKETCH_HELD << 23: 34 billion */
#define CB_SKETCH_SLICES	64u	/* power of 2 */
#define CB_SKETCH_SPAN		62u	/* slices of a life; with the first and the last one, 64 */
#define CB_SKETCH_SUM_SHIFT	3	/* the sum is made anew eight times in a slice */
#define CB_SKETCH_LIFE_MAX	(CB_SKETCH_SPAN << 13)	/* ms, 8 minutes */

/* What began in one slice of time, which is forgotten together. */
struct cb_sketch_slice {
	u32 number;			/* (now_ms >> shift) + 1; 0: unused */
	u32 level;			/* only tuples of this level and above count */
	atomic_t count[CB_SKETCH_LEVELS];	/* of those that are held, by their level */
};

/* 71 KiB. */
struct cb_sketch {
	siphash_key_t key;
	u32 life_ms;			/* how long a server remembers */
	u32 shift;			/* a slice is 1 << shift ms: for 63 s 1,024 */
	u32 busy;			/* one CPU at a time begins a slice, or raises the level */
	u32 summed;			/* when: now_ms >> shift - CB_SKETCH_SUM_SHIFT */
	atomic_t held;			/* cells that count */
	atomic64_t sum;			/* what they stand for */
	struct cb_sketch_slice slice[CB_SKETCH_SLICES];
	u64 cell[CB_SKETCH_SETS][CB_SKETCH_WAYS] __aligned(64);
};

/* @s is zeroed.  @life_ms: cb_pressure_life_ms() of the servers' retries, at most
 * CB_SKETCH_LIFE_MAX.
 */
void cb_sketch_init(struct cb_sketch *s, const siphash_key_t *key, u32 life_ms);

/* Then no ACK completes anything, and nobody need look at the clock. */
static inline bool cb_sketch_is_empty(const struct cb_sketch *s)
{
	return !atomic_read(&s->held);
}

/* All that follow: @tuple as seen in a segment from the client, @now_ms is CLOCK_MONOTONIC. */

/* A SYN passes to the server. */
void cb_sketch_begun(struct cb_sketch *s, const struct cb_tuple *tuple, u64 now_ms);
/* Its SYN-ACK passes to the client, with these sequence and ACK numbers. */
void cb_sketch_answered(struct cb_sketch *s, const struct cb_tuple *tuple, u32 isn, u32 ack,
			u64 now_ms);
/* A client's segment with these numbers passes.  Does it complete a handshake? */
bool cb_sketch_completes(struct cb_sketch *s, const struct cb_tuple *tuple, u32 seq, u32 ack,
			 u64 now_ms);
/* It does, and its checksum is right.  True: it was counted till now. */
bool cb_sketch_acked(struct cb_sketch *s, const struct cb_tuple *tuple, u32 seq, u32 ack,
		     u64 now_ms);
/* The server has refused the SYN. */
void cb_sketch_refused(struct cb_sketch *s, const struct cb_tuple *tuple, u64 now_ms);
/* How many are there? */
u32 cb_sketch_estimate(struct cb_sketch *s, u64 now_ms);

#endif
