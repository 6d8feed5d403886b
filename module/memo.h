/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cookie that has just been opened, for whoever opens the same once more.
 *
 * Pure: no skb, namespace or clock.  judge.c keeps a few of them for each CPU.
 */
#ifndef CB_MEMO_H
#define CB_MEMO_H

#include "handshake.h"

/* All that an opening depends on, and what came of it. */
struct cb_memo {
	u64 ring;		/* struct cb_ring's number; 0: the memo is empty */
	unsigned long tick;	/* jiffies */
	struct cb_tuple tuple;
	u32 seq, ack;
	u32 tsval, tsecr;
	bool timestamps;
	struct cb_opened opened;
	/* Of no weight for the opening, but known by then: */
	u64 now_ms;		/* CLOCK_MONOTONIC */
	u32 hash;		/* of the tuple: demux.c */
};

/**
 * cb_memo_keep() - an ACK opened a cookie
 * @m:		ring, tick, now_ms and hash are the caller's
 * @seg:	the ACK, options parsed
 * @opened:	what came of it
 */
void cb_memo_keep(struct cb_memo *m, const struct cb_segment *seg, const struct cb_opened *opened);

/* Is it of this ring, tick and ACK, as far as its fixed header says? */
bool cb_memo_fits(const struct cb_memo *m, const struct cb_segment *seg, u64 ring,
		  unsigned long tick);

/* And of these options? Then what it says has been opened is what would be. */
bool cb_memo_fits_options(const struct cb_memo *m, const struct cb_options *opt);

#endif
