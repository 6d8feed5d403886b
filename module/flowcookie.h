/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flow clock and flow cookie (pure).
 *
 * The flow clock counts milliseconds: CLOCK_MONOTONIC + base, the clock that
 * Linux sockets use for TSval.  F(tuple) is a keyed offset per flow.  Every
 * TSval of a flow is flow clock + F(tuple), from the SYN-ACK on; the echo of
 * one proves that the sender received a recent segment of this tuple.
 * F has its own key, apart from the handshake keys, because sockets keep
 * their offset for life.  Ports are in F: CVE-2026-23247.
 */
#ifndef CB_FLOWCOOKIE_H
#define CB_FLOWCOOKIE_H

#include <linux/siphash.h>
#include "segment.h"

/* One accepted (base, key) pair; the newest is pair 0. */
struct cb_flow_pair {
	siphash_key_t key;
	u32 base;		/* ms */
};

#define CB_FLOW_PAIRS	4

/* F(tuple) + base, in ms: add CLOCK_MONOTONIC in ms to get a TSval, or use it
 * as a socket's ts_off.
 */
u32 cb_flow_offset(const struct cb_flow_pair *pair, const struct cb_tuple *tuple);

/**
 * cb_flow_age() - how long ago was this TSval sent?
 * @offset:	cb_flow_offset() of the tuple
 * @now_ms:	CLOCK_MONOTONIC, ms, mod 2^32
 * @tsecr:	echoed timestamp, host order
 * @life_ms:	oldest age to accept
 * @skew_ms:	how far ahead of @now_ms it may be (other boxes' clocks)
 * @age_ms:	result; 0 if ahead
 *
 * Return: true if TSecr - offset is in (now - life, now + skew].
 */
bool cb_flow_age(u32 offset, u32 now_ms, u32 tsecr, u32 life_ms, u32 skew_ms,
		 u32 *age_ms);

#endif
