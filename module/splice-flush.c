// SPDX-License-Identifier: GPL-2.0
/*
 * The admin resets spliced flows: `cookiebox cache flush --pinned`.
 *
 * Owns nothing.  Invariants: a round looks at each flow that was there when it began, or
 * begins anew if the table was rebuilt; both ends are told before the next flow is looked
 * at, with BH off, as the packet path is.  Process context.
 */
#include <linux/sched.h>
#include "splice.h"

#define BUCKETS		64	/* between rescheduling */
#define REBUILDS	64

static u64 flush_bucket(const struct bucket_table *tbl, unsigned int bucket,
			const struct cb_flow_filter *filter)
{
	struct rhash_head *pos;
	struct cb_flow *flow;
	u64 n = 0;

	local_bh_disable();
	rht_for_each_entry_rcu(flow, pos, tbl, bucket, node)
		if (flow->spliced && cb_flow_matches(flow, filter))
			n += cb_splice_reset(cb_splice_of(flow));
	local_bh_enable();
	return n;
}

/* Return: true when all buckets have been seen; false: the table was rebuilt. */
static bool flush_table(struct cb_flows *flows, struct cb_flow_walk *walk,
			const struct cb_flow_filter *filter, u64 *n)
{
	const struct bucket_table *tbl;
	unsigned int i;
	bool end;

	do {
		rcu_read_lock();
		tbl = cb_flow_walk_on(flows, walk);
		for (i = 0; tbl && i < BUCKETS && walk->bucket < tbl->size; i++)
			*n += flush_bucket(tbl, walk->bucket++, filter);
		end = tbl && walk->bucket == tbl->size && cb_flow_walk_on(flows, walk);
		rcu_read_unlock();
		cond_resched();
	} while (tbl && !end);
	return end;
}

u64 cb_splice_flush(struct cb_net *cbn, const struct cb_flow_filter *filter)
{
	struct cb_flow_walk walk;
	unsigned int i;
	u64 n = 0;

	if (!cbn->splicing)
		return 0;
	for (i = 0; i < REBUILDS; i++) {
		cb_flow_walk_begin(cbn->flows, &walk);
		if (flush_table(cbn->flows, &walk, filter, &n))
			break;
	}
	return n;
}
