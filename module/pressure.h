/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How full is a queue of embryonic connections, and how full would it be?
 *
 * Pure: when to engage and when to release (engage.h).  No socket, no clock.
 */
#ifndef CB_PRESSURE_H
#define CB_PRESSURE_H

#include <linux/types.h>

/* What a listener, or a group of them, remembers of unanswered SYN-ACKs. */
struct cb_pressure_bounds {
	u32 capacity;		/* embryonic connections */
	u32 life_ms;		/* how long it remembers each, cb_pressure_life_ms() */
	u32 hold_s;		/* 1..3600 */
	u8 release;		/* percent of capacity, 1..99 */
};

struct cb_pressure {
	s64 level;		/* embryonic connections * percent * ms; 0 or less: calm */
	s64 spilt;		/* likewise: what the last step had no room for */
	u64 age_ms;		/* engaged for that long */
};

/**
 * cb_pressure_high() - is it time to engage?
 * @queue:	embryonic connections that the listener remembers now
 * @stale:	of them, known to be left over from before the last release
 * @backlog:	how many it can remember
 * @percent:	of what room there is beside the stale ones, 1..100
 *
 * What is left over ages away by itself; were it counted, a release would be
 * followed by the next engagement at once.  Never later than when @queue has reached
 * @backlog; a listener without any backlog is none to be protected.
 */
bool cb_pressure_high(u32 queue, u32 stale, u32 backlog, u32 percent);

/**
 * cb_pressure_life_ms() - how long does the stack remember an unanswered SYN-ACK?
 * @retries:	how often it sends it again (tcp_synack_retries)
 *
 * Return: 1 + 2 + 4 + ... s, no step longer than 120 s (RFC 6298).
 */
u32 cb_pressure_life_ms(unsigned int retries);

/* The moment of engagement. */
void cb_pressure_begin(struct cb_pressure *p, const struct cb_pressure_bounds *b);

/**
 * cb_pressure_step() - some time has gone by: is it time to release?
 * @p:		pressure; changed
 * @b:		bounds, which may be others than the last time
 * @unfinished:	SYNs answered less cookies accepted meanwhile; negative when those that
 *		were answered before came back
 * @elapsed_ms:	that time
 *
 * While engaged the queue is empty, so it is judged by what would be in it: the rate
 * of unfinished handshakes times the life of each.  A bucket of the size of
 * hold * release runs out at the rate of release, so it is empty once that estimate has been
 * under release, taken over the hold time, and not before.  Handshakes that were on their way
 * come back a step later: what is less for them then, had often found no room before, and is
 * not taken out.
 *
 * Return: true if so.
 */
bool cb_pressure_step(struct cb_pressure *p, const struct cb_pressure_bounds *b,
		      s64 unfinished, u32 elapsed_ms);

#endif
