// SPDX-License-Identifier: GPL-2.0
/*
 * Through the whole flow cache, for netlink: a look at all entries, and flush.
 *
 * Owns nothing.  Invariants: a walk sees each entry that stays in the table all the
 * while once, or learns that the table was rebuilt (it grew or shrank); so it ends,
 * whatever comes and goes.
 *
 * Process context.  Many entries are not left to softirqs: they are collected, one
 * grace period is awaited for all, and they are freed here.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include "flow.h"

#define BUCKETS		64	/* between rescheduling */
#define MANY		1024	/* from here on freed here, after a grace period */
#define REBUILDS	64	/* that one flush follows: it makes the table shrink itself */
#define DOUBLINGS	32	/* one rebuild each, when many entries came at once */

void cb_flow_put_on(struct cb_flow_heap *heap, struct cb_flow *flow)
{
	list_add(&flow->order, &heap->list);
	heap->n++;
}

/* Context: process, may sleep. */
void cb_flow_throw_away(struct cb_flow_heap *heap)
{
	bool many = heap->n >= MANY;
	struct cb_flow *flow, *next;

	if (many)
		synchronize_rcu();
	list_for_each_entry_safe(flow, next, &heap->list, order) {
		if (!many) {
			cb_flow_free_later(flow);
			continue;
		}
		cb_flow_free(flow);
		cond_resched();
	}
}

/* Return: whether all entries are in the table that @walk was set to. */
static bool begin(struct cb_flows *flows, struct cb_flow_walk *walk)
{
	const struct bucket_table *tbl;
	bool whole;

	rcu_read_lock();
	tbl = rht_dereference_rcu(flows->table.tbl, &flows->table);
	walk->table = (unsigned long)tbl;
	walk->seed = tbl->hash_rnd;
	walk->bucket = 0;
	whole = !rcu_access_pointer(tbl->future_tbl);
	rcu_read_unlock();
	return whole;
}

/**
 * cb_flow_walk_begin() - from the first bucket on
 * @flows:	table
 * @walk:	set
 *
 * Context: process, may sleep: a table that is being rebuilt is waited for, also when
 * the next one is to be rebuilt at once: the work rebuilds one table each time it runs.
 */
void cb_flow_walk_begin(struct cb_flows *flows, struct cb_flow_walk *walk)
{
	unsigned int i = 0;

	do
		flush_work(&flows->table.run_work);
	while (!begin(flows, walk) && ++i < DOUBLINGS);
}

/**
 * cb_flow_walk_on() - the table that the walk goes through
 * @flows:	table
 * @walk:	begun
 *
 * Context: rcu_read_lock().  Return: NULL if entries are not, or not all, there any
 * more: begin anew.
 */
const struct bucket_table *cb_flow_walk_on(struct cb_flows *flows, const struct cb_flow_walk *walk)
{
	const struct bucket_table *tbl = rht_dereference_rcu(flows->table.tbl, &flows->table);

	if ((unsigned long)tbl != walk->table || tbl->hash_rnd != walk->seed ||
	    rcu_access_pointer(tbl->future_tbl))
		return NULL;
	return tbl;
}

static void take(struct cb_flows *flows, struct cb_flow *flow, struct cb_flow_heap *heap)
{
	spin_lock_bh(&flows->lock);
	if (!flow->gone && !flow->pinned) {
		cb_flow_take_out(flows, flow);
		cb_flow_put_on(heap, flow);
	}
	spin_unlock_bh(&flows->lock);
}

static void flush_bucket(struct cb_flows *flows, const struct bucket_table *tbl,
			 unsigned int bucket, const struct cb_flow_filter *filter,
			 struct cb_flow_heap *heap)
{
	struct rhash_head *pos;
	struct cb_flow *flow;

	rht_for_each_entry_rcu(flow, pos, tbl, bucket, node)
		if (cb_flow_matches(flow, filter))
			take(flows, flow, heap);
}

/* Return: true when all buckets have been seen; false: the table was rebuilt. */
static bool flush_table(struct cb_flows *flows, struct cb_flow_walk *walk,
			const struct cb_flow_filter *filter, struct cb_flow_heap *heap)
{
	const struct bucket_table *tbl;
	unsigned int i;
	bool end;

	do {
		rcu_read_lock();
		tbl = cb_flow_walk_on(flows, walk);
		for (i = 0; tbl && i < BUCKETS && walk->bucket < tbl->size; i++)
			flush_bucket(flows, tbl, walk->bucket++, filter, heap);
		end = tbl && walk->bucket == tbl->size && cb_flow_walk_on(flows, walk);
		rcu_read_unlock();
		cond_resched();
	} while (tbl && !end);
	return end;
}

/**
 * cb_flow_flush() - forget entries
 * @flows:	table
 * @filter:	which
 *
 * Pinned ones stay.  What comes while it runs may stay, too.
 *
 * Context: process, may sleep.  Return: how many are gone.
 */
u64 cb_flow_flush(struct cb_flows *flows, const struct cb_flow_filter *filter)
{
	struct cb_flow_heap heap = { .list = LIST_HEAD_INIT(heap.list) };
	struct cb_flow_walk walk;
	unsigned int i;

	for (i = 0; i < REBUILDS; i++) {
		cb_flow_walk_begin(flows, &walk);
		if (flush_table(flows, &walk, filter, &heap))
			break;
	}
	cb_flow_throw_away(&heap);
	return heap.n;
}
