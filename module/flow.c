// SPDX-License-Identifier: GPL-2.0
/*
 * The flow cache: table, order and limit.
 *
 * Owns struct cb_flows and its entries.  Invariants: an entry is in the table if and
 * only if it is in one of the two lists, and both change under cb_flows->lock; its
 * key never changes; it is freed a grace period after it left.  Pinned entries are
 * in a list of their own, which nothing here ever looks through for a victim.
 *
 * Order by second chance: a look-up only sets a bit, and whoever needs room passes
 * over an entry that has it, once.  The bit is the one thing that a reader writes.
 *
 * The hash is keyed with 128 random bits and the table's own seed: chains are no
 * client's to choose.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include "splice.h"

#define PASS_OVER	16	/* entries with the bit set, at most, for one victim */
#define GIVE_WAY	2	/* for one that comes, so that a lowered limit is reached */

static struct kmem_cache *cache __read_mostly;
static hsiphash_key_t hash_key __read_mostly;

static u32 hash(const void *data, u32 len, u32 seed)
{
	const struct cb_flow_key *k = data;
	hsiphash_key_t key = hash_key;

	key.key[0] ^= seed;
	if (k->family == AF_INET)
		return hsiphash_3u32((__force u32)k->saddr.a[0], (__force u32)k->daddr.a[0],
				     (__force u32)k->sport << 16 | (__force u32)k->dport, &key);
	return hsiphash(k, offsetof(struct cb_flow_key, family), &key);
}

/* 0: equal. */
static int differ(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct cb_flow_key *a = arg->key;
	const struct cb_flow_key *b = &((const struct cb_flow *)obj)->key;

	return a->saddr.q[0] != b->saddr.q[0] || a->sport != b->sport || a->dport != b->dport ||
	       a->daddr.q[0] != b->daddr.q[0] || a->saddr.q[1] != b->saddr.q[1] ||
	       a->daddr.q[1] != b->daddr.q[1] || a->family != b->family;
}

const struct rhashtable_params cb_flow_params = {
	.head_offset = offsetof(struct cb_flow, node),
	.key_offset = offsetof(struct cb_flow, key),
	.key_len = sizeof(struct cb_flow_key),
	.hashfn = hash,
	.obj_cmpfn = differ,
	.automatic_shrinking = true,
};

static u8 *place_of(const struct cb_flows *flows, const struct cb_flow *flow)
{
	const struct cb_flow_key *k = &flow->key;
	struct cb_flow_place *p = cb_flow_place(flows->places, &k->saddr, k->sport, k->dport);

	return flow->spliced ? &p->spliced : &p->older;
}

/* Spliced ones and older ones are counted, others are not. */
static void take_place(struct cb_flows *flows, const struct cb_flow *flow)
{
	u8 *n = place_of(flows, flow);

	if (*n != U8_MAX)
		WRITE_ONCE(*n, *n + 1);
}

static void leave_place(struct cb_flows *flows, const struct cb_flow *flow)
{
	u8 *n = place_of(flows, flow);

	if (*n != U8_MAX)
		WRITE_ONCE(*n, *n - 1);
}

void cb_flow_key_of(struct cb_flow_key *key, const struct cb_tuple *tuple)
{
	*key = (struct cb_flow_key){
		.saddr = tuple->saddr, .daddr = tuple->daddr,
		.sport = tuple->sport, .dport = tuple->dport,
		.family = tuple->family,
	};
}

void cb_flow_free(struct cb_flow *flow)
{
	if (unlikely(flow->spliced))
		cb_splice_free(flow);
	else
		kmem_cache_free(cache, flow);
}

static void free_rcu(struct rcu_head *rcu)
{
	cb_flow_free(container_of(rcu, struct cb_flow, rcu));
}

void cb_flow_free_later(struct cb_flow *flow)
{
	call_rcu(&flow->rcu, free_rcu);
}

/**
 * cb_flow_find() - what is known of a tuple
 * @flows:	table
 * @tuple:	as in a segment from the client
 *
 * Context: any, rcu_read_lock().  Return: the entry, valid until unlock, or NULL.
 */
struct cb_flow *cb_flow_find(struct cb_flows *flows, const struct cb_tuple *tuple)
{
	struct cb_flow_key key;
	struct cb_flow *flow;

	cb_flow_key_of(&key, tuple);
	flow = rhashtable_lookup(&flows->table, &key, cb_flow_params);
	if (flow && !READ_ONCE(flow->seen))
		WRITE_ONCE(flow->seen, 1);
	return flow;
}

/* Who is to go next, NULL: nobody may. */
struct cb_flow *cb_flow_oldest(struct cb_flows *flows)
{
	struct cb_flow *flow;
	unsigned int i;

	lockdep_assert_held(&flows->lock);
	if (list_empty(&flows->order))
		return NULL;
	for (i = 0; ; i++) {
		flow = list_last_entry(&flows->order, struct cb_flow, order);
		if (!READ_ONCE(flow->seen) || i == PASS_OVER)
			return flow;
		WRITE_ONCE(flow->seen, 0);
		list_move(&flow->order, &flows->order);
	}
}

void cb_flow_take_out(struct cb_flows *flows, struct cb_flow *flow)
{
	lockdep_assert_held(&flows->lock);
	rhashtable_remove_fast(&flows->table, &flow->node, cb_flow_params);
	list_del(&flow->order);
	flow->gone = 1;
	flows->n.entries--;
	if (cb_flow_is_older(flow))
		leave_place(flows, flow);
}

static bool make_room(struct cb_flows *flows, u64 limit)
{
	struct cb_flow *flow;
	unsigned int i;

	for (i = 0; i < GIVE_WAY && flows->n.entries >= limit; i++) {
		flow = cb_flow_oldest(flows);
		if (!flow)
			return false;
		cb_flow_take_out(flows, flow);
		cb_flow_free_later(flow);
		flows->n.evicted++;
	}
	return true;
}

/* The tuple is used again, by another connection.  Those that are older than their service are
 * written to without the lock, so an entry never becomes one of the other kind.
 */
static bool renew(struct cb_flows *flows, struct cb_flow *flow, const struct cb_flow_facts *facts,
		  u32 again)
{
	if (flow->gone || flow->pinned || ((flow->facts.has ^ facts->has) & CB_FLOW_OLDER))
		return false;
	flow->facts = *facts;
	WRITE_ONCE(flow->again, again);
	list_move(&flow->order, &flows->order);
	return true;
}

/* Nobody's memory is charged: a softirq has no owner.  So the limit is what bounds a
 * namespace (sysctl.c), and reserves are not for a cache.
 */
static struct cb_flow *make(const struct cb_flow_key *key, const struct cb_flow_facts *facts,
			    u32 again)
{
	struct cb_flow *flow = kmem_cache_alloc(cache, GFP_NOWAIT | __GFP_NOWARN);

	if (!flow)
		return NULL;
	flow->key = *key;
	flow->facts = *facts;
	flow->again = again;
	flow->seen = 0;
	flow->pinned = 0;
	flow->gone = 0;
	flow->spliced = 0;
	return flow;
}

/* Frees @flow if it could not be put in. */
static bool put_in(struct cb_flows *flows, u64 limit, struct cb_flow *flow)
{
	struct cb_flow *other = NULL;
	bool done = false;

	spin_lock_bh(&flows->lock);
	if (make_room(flows, limit)) {
		other = rhashtable_lookup_get_insert_fast(&flows->table, &flow->node,
							  cb_flow_params);
		if (!other) {
			list_add(&flow->order, &flows->order);
			flows->n.entries++;
			if (cb_flow_is_older(flow))
				take_place(flows, flow);
			done = true;
		} else if (!IS_ERR(other)) {	/* another CPU was first */
			done = renew(flows, other, &flow->facts, flow->again);
		}
	}
	flows->n.refused += !done;
	spin_unlock_bh(&flows->lock);
	if (!done || other)
		cb_flow_free(flow);
	return done;
}

static void refuse(struct cb_flows *flows)
{
	spin_lock_bh(&flows->lock);
	flows->n.refused++;
	spin_unlock_bh(&flows->lock);
}

void cb_flow_forget(struct cb_flows *flows, struct cb_flow *flow)
{
	bool there;

	spin_lock_bh(&flows->lock);
	there = !flow->gone && !flow->pinned;
	if (there)
		cb_flow_take_out(flows, flow);
	spin_unlock_bh(&flows->lock);
	if (there)
		cb_flow_free_later(flow);
}

static bool add(struct cb_flows *flows, u64 limit, const struct cb_tuple *tuple,
		const struct cb_flow_facts *facts, u32 again)
{
	struct cb_flow_key key;
	struct cb_flow *flow;
	bool done;

	if (!limit)
		return false;
	cb_flow_key_of(&key, tuple);
	flow = rhashtable_lookup(&flows->table, &key, cb_flow_params);
	if (flow && ((flow->facts.has ^ facts->has) & CB_FLOW_OLDER)) {
		cb_flow_forget(flows, flow);		/* of the other kind */
	} else if (flow) {
		spin_lock_bh(&flows->lock);
		done = renew(flows, flow, facts, again);
		spin_unlock_bh(&flows->lock);
		return done;
	}
	flow = make(&key, facts, again);
	if (flow)
		return put_in(flows, limit, flow);
	refuse(flows);
	return false;
}

bool cb_flow_add(struct cb_flows *flows, u64 limit, const struct cb_tuple *tuple,
		 const struct cb_flow_facts *facts)
{
	return add(flows, limit, tuple, facts, 0);
}

bool cb_flow_add_older(struct cb_flows *flows, u64 limit, const struct cb_tuple *tuple,
		       const struct cb_flow_facts *facts, u32 acked)
{
	return add(flows, limit, tuple, facts, acked);
}

struct cb_flow *cb_flow_insert_pinned(struct cb_flows *flows, struct cb_flow *flow,
				      struct list_head *list)
{
	struct cb_flow *other;

	lockdep_assert_held(&flows->lock);
	other = rhashtable_lookup_get_insert_fast(&flows->table, &flow->node, cb_flow_params);
	if (other && !IS_ERR(other) && !other->pinned) {
		cb_flow_take_out(flows, other);
		cb_flow_free_later(other);
		other = rhashtable_lookup_get_insert_fast(&flows->table, &flow->node,
							  cb_flow_params);
	}
	if (other)
		return other;
	flow->pinned = 1;
	list_add(&flow->order, list);
	flows->n.pinned++;
	take_place(flows, flow);
	return NULL;
}

void cb_flow_take_pinned(struct cb_flows *flows, struct cb_flow *flow)
{
	lockdep_assert_held(&flows->lock);
	rhashtable_remove_fast(&flows->table, &flow->node, cb_flow_params);
	list_del(&flow->order);
	flow->gone = 1;
	flows->n.pinned--;
	leave_place(flows, flow);
}

bool cb_flow_matches(const struct cb_flow *flow, const struct cb_flow_filter *filter)
{
	const struct cb_flow_key *k = &flow->key;

	if (filter->port && be16_to_cpu(k->dport) != filter->port)
		return false;
	if (filter->by_service && READ_ONCE(flow->facts.service) != filter->service)
		return false;
	return cb_prefix_has(&filter->source, &k->saddr, k->family) &&
	       cb_prefix_has(&filter->dest, &k->daddr, k->family);
}

void cb_flow_totals(struct cb_flows *flows, struct cb_flow_totals *t)
{
	spin_lock_bh(&flows->lock);
	*t = flows->n;
	spin_unlock_bh(&flows->lock);
}

u64 cb_flow_bytes(const struct cb_flow_totals *t)
{
	return t->entries * CB_FLOW_COST + t->pinned * CB_SPLICE_COST;
}

struct cb_flows *cb_flows_alloc(void)
{
	struct cb_flows *flows = kzalloc(sizeof(*flows), GFP_KERNEL_ACCOUNT);

	if (!flows)
		return NULL;
	spin_lock_init(&flows->lock);
	INIT_LIST_HEAD(&flows->order);
	INIT_LIST_HEAD(&flows->pinned);
	INIT_LIST_HEAD(&flows->waiting);
	INIT_LIST_HEAD(&flows->closing);
	if (rhashtable_init(&flows->table, &cb_flow_params)) {
		kfree(flows);
		return NULL;
	}
	cb_flow_shrink_add(flows);
	return flows;
}

static void free_entry(void *flow, void *unused)
{
	cb_flow_free(flow);
	cond_resched();
}

void cb_flows_free(struct cb_flows *flows)
{
	if (!flows)
		return;
	cb_flow_shrink_del(flows);
	rhashtable_free_and_destroy(&flows->table, free_entry, NULL);
	kfree(flows);
}

int cb_flow_register(void)
{
	int err;

	BUILD_BUG_ON(sizeof(struct cb_flow) > 96);	/* the rest of 128 is for splicing */
	BUILD_BUG_ON(sizeof(struct cb_flow_key) != 40);
	get_random_bytes(&hash_key, sizeof(hash_key));
	cache = KMEM_CACHE(cb_flow, 0);
	if (!cache)
		return -ENOMEM;
	err = cb_flow_shrink_register();
	if (err)
		kmem_cache_destroy(cache);
	return err;
}

void cb_flow_unregister(void)
{
	cb_flow_shrink_unregister();
	rcu_barrier();			/* free_rcu() */
	kmem_cache_destroy(cache);
}
