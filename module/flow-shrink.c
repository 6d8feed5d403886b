// SPDX-License-Identifier: GPL-2.0
/*
 * The flow cache gives memory back: a lowered limit, the system's shrinker.
 *
 * Owns the list of all tables and the shrinker.  Invariants: a table is in the list
 * from its making to just before its end; no lock is held while memory is asked
 * for, so the shrinker may be called out of any allocation.
 *
 * Process context.
 */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include "flow.h"

#define AT_A_TIME	64	/* entries under one lock */

static LIST_HEAD(all);
static DEFINE_SPINLOCK(all_lock);	/* process context only; flows->lock nests inside */
static struct shrinker *shrinker;

/* Up to @n of the oldest, under one lock.  Return: how many. */
static unsigned int take_oldest(struct cb_flows *flows, unsigned int n, struct cb_flow_heap *heap)
{
	struct cb_flow *flow;
	unsigned int i;

	lockdep_assert_held(&flows->lock);
	for (i = 0; i < n; i++) {
		flow = cb_flow_oldest(flows);
		if (!flow)
			break;
		cb_flow_take_out(flows, flow);
		cb_flow_put_on(heap, flow);
	}
	return i;
}

/**
 * cb_flow_trim() - the limit was lowered
 * @flows:	table
 * @limit:	entries that may stay
 *
 * Context: process, may sleep.
 */
void cb_flow_trim(struct cb_flows *flows, u64 limit)
{
	struct cb_flow_heap heap = { .list = LIST_HEAD_INIT(heap.list) };
	unsigned int taken;
	u64 over;

	do {
		spin_lock_bh(&flows->lock);
		over = flows->n.entries > limit ? flows->n.entries - limit : 0;
		taken = take_oldest(flows, min_t(u64, over, AT_A_TIME), &heap);
		flows->n.evicted += taken;
		spin_unlock_bh(&flows->lock);
		cond_resched();
	} while (taken);
	cb_flow_throw_away(&heap);
}

/**
 * cb_flow_reclaim() - the system wants memory
 * @flows:	table
 * @n:		entries, at most
 *
 * Context: process; does not sleep, as its caller may hold anything.
 * Return: how many were given up.
 */
unsigned long cb_flow_reclaim(struct cb_flows *flows, unsigned long n)
{
	struct cb_flow_heap heap = { .list = LIST_HEAD_INIT(heap.list) };
	struct cb_flow *flow, *next;
	unsigned long done = 0;
	unsigned int taken;

	do {
		spin_lock_bh(&flows->lock);
		taken = take_oldest(flows, min(n - done, (unsigned long)AT_A_TIME), &heap);
		flows->n.reclaimed += taken;
		spin_unlock_bh(&flows->lock);
		done += taken;
	} while (taken && done < n);
	list_for_each_entry_safe(flow, next, &heap.list, order)
		cb_flow_free_later(flow);
	return done;
}

static unsigned long count(struct shrinker *unused, struct shrink_control *sc)
{
	struct cb_flows *flows;
	unsigned long n = 0;

	spin_lock(&all_lock);
	list_for_each_entry(flows, &all, all)
		n += READ_ONCE(flows->n.entries);
	spin_unlock(&all_lock);
	return n ? n : SHRINK_EMPTY;
}

/* The tables take turns. */
static unsigned long scan(struct shrinker *unused, struct shrink_control *sc)
{
	unsigned long done = 0;
	struct cb_flows *flows, *next;
	LIST_HEAD(asked);

	spin_lock(&all_lock);
	list_for_each_entry_safe(flows, next, &all, all) {
		if (done >= sc->nr_to_scan)
			break;
		done += cb_flow_reclaim(flows, sc->nr_to_scan - done);
		list_move_tail(&flows->all, &asked);
	}
	list_splice_tail(&asked, &all);
	spin_unlock(&all_lock);
	return done ? done : SHRINK_STOP;
}

void cb_flow_shrink_add(struct cb_flows *flows)
{
	spin_lock(&all_lock);
	list_add_tail(&flows->all, &all);
	spin_unlock(&all_lock);
}

void cb_flow_shrink_del(struct cb_flows *flows)
{
	spin_lock(&all_lock);
	list_del(&flows->all);
	spin_unlock(&all_lock);
}

int cb_flow_shrink_register(void)
{
	shrinker = cb_shrinker_add("cookiebox-flow", count, scan);
	return shrinker ? 0 : -ENOMEM;
}

void cb_flow_shrink_unregister(void)
{
	cb_shrinker_del(shrinker);
}
