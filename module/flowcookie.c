// SPDX-License-Identifier: GPL-2.0
/*
 * Flow clock and flow cookie: the keyed offset of a flow's timestamps.
 *
 * Owns no state.  Invariant: the offset depends on all of the tuple, ports
 * included (CVE-2026-23247), and on nothing else, so that every segment of a
 * flow carries the same one for life.  Called on the SYN and ACK path and when
 * a socket is made, in any context.
 */
#include "flowcookie.h"
#include "tuplehash.h"

#define FLOW_TAG	0x46000000U	/* 'F': no cookie's tag begins so */

u32 cb_flow_offset(const struct cb_flow_pair *pair, const struct cb_tuple *tuple)
{
	return (u32)cb_tuple_hash(&pair->key, tuple, 0, 0, FLOW_TAG) + pair->base;
}

bool cb_flow_age(u32 offset, u32 now_ms, u32 tsecr, u32 life_ms, u32 skew_ms,
		 u32 *age_ms)
{
	u32 age = now_ms - (tsecr - offset);	/* mod 2^32, as TSval is */

	if (age < life_ms) {
		*age_ms = age;
		return true;
	}
	*age_ms = 0;
	return -age <= skew_ms;
}
