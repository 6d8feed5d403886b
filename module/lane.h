/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One CPU's memory of SYN-ACKs that were sent in calm times: fixed bytes, lossy.
 *
 * Pure: no skb, namespace, clock or lock; embryonic.c is the caller and holds the
 * lane's lock.  Times are milliseconds of CLOCK_MONOTONIC, in 32 bits.
 *
 * An entry has one of two places, by a keyed hash of its tuple.  It is on exactly
 * one of the rings, each of which holds what waits equally long, in order of time:
 *
 *	SYN-ACK  --1 s-->  again  --2 s-->  again  --4 s-->  again  --1 s-->  forgotten
 *
 * Calm or not: each CPU counts, second by second, SYNs that it answered less cookies
 * that were redeemed on it.  More than an eighth of its places, and it is no longer
 * calm for the rest of that second and all of the next two, so that none of what came
 * in before is sent again.  At the highest rate that is calm the places hold the
 * SYN-ACKs of eight seconds: as long as they wait.
 */
#ifndef CB_LANE_H
#define CB_LANE_H

#include <linux/compiler.h>
#include "segment.h"

#define CB_LANE_MAX		32768u	/* places: a ring's links are 16 bits */
#define CB_LANE_RINGS		4u	/* three SYN-ACKs more, then the end */
#define CB_LANE_CALM_SHIFT	3	/* an eighth */
#define CB_LANE_SECOND_SHIFT	10	/* a second is 1,024 ms here: no division */

/* Numbers only: neither route, device nor socket is kept. */
struct cb_embryo {
	struct cb_tuple tuple;
	u32 cisn, isn;		/* host order: the client's, and the cookie */
	u32 tsval;		/* the client's, of its SYN: echoed */
	u32 service;		/* id */
	u32 mark, priority;
	int oif;		/* bound device or VRF; 0: any */
	int ifindex, sdif;	/* where the SYN came from */
	u32 due;		/* ms: when its time on the ring is over */
	u16 offered_mss;	/* exact, bytes */
	u16 mss, window;	/* announced */
	u16 prev, next;		/* on the ring */
	u8 offered_wscale;	/* exact; valid if has & CB_OPT_WSCALE */
	u8 wscale;		/* announced */
	u8 has;			/* CB_OPT_*, of the SYN-ACK */
	u8 ttl, tos;
	bool ece;
	u8 ring;		/* 0: the place is free; else 1..CB_LANE_RINGS */
};

struct cb_ring_ends {
	u16 first, last;	/* valid if n */
	u16 n;
};

struct cb_lane {
	/* Its own CPU alone, BH off: is it calm? */
	u32 second;		/* in which unanswered counts */
	u32 calm_from;		/* second */
	s32 unanswered;
	s32 limit;
	/* Under the lock. */
	u32 places;
	u32 used;
	struct cb_ring_ends ring[CB_LANE_RINGS];
	struct cb_embryo place[];
};

/**
 * cb_lane_calm() - a SYN was answered: is this a calm time?
 * @lane:	of this CPU
 * @now_ms:	CLOCK_MONOTONIC, ms
 *
 * All that a SYN costs in a flood.  Context: BH off, on the lane's own CPU.
 */
static inline bool cb_lane_calm(struct cb_lane *lane, u64 now_ms)
{
	u32 second = now_ms >> CB_LANE_SECOND_SHIFT;

	if (unlikely(lane->second != second)) {
		lane->second = second;
		lane->unanswered = 0;
	}
	if (++lane->unanswered > lane->limit)
		WRITE_ONCE(lane->calm_from, second + 3);
	return second >= lane->calm_from;
}

/* Is it calm, of nobody in particular? */
static inline bool cb_lane_is_calm(const struct cb_lane *lane, u64 now_ms)
{
	return (u32)(now_ms >> CB_LANE_SECOND_SHIFT) >= READ_ONCE(lane->calm_from);
}

/* A cookie was redeemed.  Context: as above. */
static inline void cb_lane_redeemed(struct cb_lane *lane)
{
	lane->unanswered--;
}

/* Bytes of a lane with so many places. */
size_t cb_lane_bytes(u32 places);

/* Of zeroed memory; @places is 1..CB_LANE_MAX. */
void cb_lane_init(struct cb_lane *lane, u32 places);

/**
 * cb_lane_keep() - remember a SYN-ACK
 * @lane:	lane
 * @hash:	keyed, of the tuple
 * @new:	due, prev, next and ring are set here
 * @now:	ms
 *
 * The same handshake, its SYN sent again: takes the place of what is due within half
 * a second, and else changes no time.  Another one of the tuple begins anew.  If both
 * places are taken, the one that has waited longer gives way.
 */
void cb_lane_keep(struct cb_lane *lane, u32 hash, const struct cb_embryo *new, u32 now);

/* The entry of a tuple, or NULL. */
struct cb_embryo *cb_lane_find(struct cb_lane *lane, u32 hash, const struct cb_tuple *tuple);

void cb_lane_forget(struct cb_lane *lane, struct cb_embryo *e);
void cb_lane_clear(struct cb_lane *lane);

/**
 * cb_lane_due() - what is due now?
 * @lane:	lane
 * @now:	ms
 * @e:		copy, if the SYN-ACK is to be sent again
 *
 * Each entry that is due goes on to the next ring, or is forgotten at the end.
 * Return: true and @e, or false if nothing (more) is due.
 */
bool cb_lane_due(struct cb_lane *lane, u32 now, struct cb_embryo *e);

/* When is the next one due?  False: the lane is empty. */
bool cb_lane_next(const struct cb_lane *lane, u32 *due);

#endif
