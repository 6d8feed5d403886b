/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flow cache: a bounded table of validated flows, one per namespace.
 *
 *	cb_flow_find()		RCU, no lock: any context
 *	cb_flow_add() ...	cb_flows->lock, BH off: softirq or process
 *	cb_flow_flush() ...	process, may sleep
 *
 * An entry may go at any moment (limit, memory pressure, flush), unless it is
 * pinned; its loss must break nothing.  Memory: an entry is reckoned as
 * CB_FLOW_COST bytes, its share of the hash table included.
 */
#ifndef CB_FLOW_H
#define CB_FLOW_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include "service.h"

/* 89 for the object in a page of them.  The table has 8 bytes a bucket, at most 2.7
 * buckets an entry; while it grows, the one of half the size is still there.
 */
#define CB_FLOW_COST		128u

/* What a limit in bytes allows. */
static inline u64 cb_flow_entries(unsigned long bytes)
{
	return bytes / CB_FLOW_COST;
}

/* Without holes: what is before the family is hashed as it stands. */
struct cb_flow_key {
	struct cb_addr saddr;
	struct cb_addr daddr;
	__be16 sport;
	__be16 dport;
	u8 family;
	u8 zero[3];
};

/* In facts.has, beside CB_OPT_WSCALE, _SACK, _TS. */
#define CB_FLOW_ECN		BIT(7)
#define CB_FLOW_OLDER		BIT(6)	/* than its service: no cookie, but adopt.c */
#define CB_FLOW_BOTH		BIT(5)	/* of those: both its ends were heard */

/* What a server was heard to send.  Racing CPUs may lose a step of it. */
struct cb_flow_heard {
	u32 low;			/* the client has acknowledged what is before it */
	u32 end;			/* SEQ behind the last that was sent */
};

/* What is known of a flow from its cookie. */
struct cb_flow_facts {
	u64 opened_ms;			/* CLOCK_MONOTONIC: its cookie opened, or it was heard */
	u32 service;			/* id; its name may be gone */
	u8 wscale;
	u8 has;				/* options in force */
	union {
		struct {
			u16 mss;	/* in force */
			u16 mss_max;	/* the most that the client may have offered */
			__be32 flowlabel;	/* IPv6, spliced: of the ACK that opened it */
		};
		struct cb_flow_heard heard;	/* CB_FLOW_OLDER */
	};
};

struct cb_flow {			/* a look-up reads the first 64 bytes */
	struct rhash_head node;
	struct cb_flow_key key;		/* never changes */
	u8 seen;			/* looked up since it was last passed over */
	u8 pinned;			/* under the lock */
	u8 gone;			/* under the lock: out of table and list */
	u8 spliced;			/* is a struct cb_splice; never changes */
	union {
		u32 again;		/* segments that came once more; may miss some */
		u32 acked;		/* CB_FLOW_OLDER: what its server expects */
	};
	struct cb_flow_facts facts;	/* written under the lock, read without */
	union {
		struct list_head order;	/* cb_flows->lock; newest first */
		struct rcu_head rcu;	/* once it is out of the list */
	};
};

struct cb_flow_totals {
	u64 entries;			/* that may be given up */
	u64 pinned;
	u64 waiting;			/* of them: spliced, the server has not answered yet */
	u64 evicted;			/* for the limit */
	u64 reclaimed;			/* for want of memory in the system */
	u64 refused;			/* not made: no memory, or no room but pinned */
};

/* How many flows have the place: spliced ones, and those that are older than their service.
 * A flood's segments, most of which have one that none has, cost no hash.  Written under
 * the lock; U8_MAX stays.
 */
struct cb_flow_place {
	u8 spliced;
	u8 older;
};

struct cb_flows {
	struct rhashtable table;
	spinlock_t lock;		/* softirq: all below, and what enters and leaves */
	struct list_head order;		/* those that may be given up, newest first */
	struct list_head pinned;
	struct list_head waiting;	/* pinned ones, newest first: splice-flow.c */
	struct list_head closing;	/* likewise */
	struct cb_flow_totals n;
	struct cb_flow_place *places;	/* NULL until cb_flow_count_places() */
	struct list_head all;		/* flow-shrink.c */
	bool closed;			/* the namespace goes: nothing is pinned any more */
};

/* Selects entries; what is 0 selects all. */
struct cb_flow_filter {
	struct cb_prefix source;
	struct cb_prefix dest;
	u16 port;			/* destination, host order */
	bool by_service;
	u32 service;
};

extern const struct rhashtable_params cb_flow_params;

int cb_flow_register(void);		/* module init, before any namespace */
void cb_flow_unregister(void);		/* module exit, when all tables are freed */

/* Process context; free: when no reader and no writer is left. */
struct cb_flows *cb_flows_alloc(void);
void cb_flows_free(struct cb_flows *flows);

void cb_flow_key_of(struct cb_flow_key *key, const struct cb_tuple *tuple);

#define CB_PLACES		65536u

/* From now on: places of zeros that outlive @flows.  Before the first spliced or older one. */
static inline void cb_flow_count_places(struct cb_flows *flows,
					struct cb_flow_place places[CB_PLACES])
{
	smp_store_release(&flows->places, places);	/* they are zeros when they are seen */
}

/* Not keyed: who hits a place on purpose has the table asked, and no more. */
static inline struct cb_flow_place *cb_flow_place(struct cb_flow_place *places,
						  const struct cb_addr *saddr,
						  __be16 sport, __be16 dport)
{
	u64 h = (__force u64)(saddr->q[0] ^ saddr->q[1]);

	h ^= (u64)(__force u16)sport << 16 | (__force u16)dport;
	return places + ((h * GOLDEN_RATIO_64) >> (64 - ilog2(CB_PLACES)));
}

/* May there be a spliced one?  Cheap; false is sure. */
static inline bool cb_flow_may_be_spliced(const struct cb_flows *flows, const struct cb_tuple *t)
{
	struct cb_flow_place *places = READ_ONCE(flows->places);

	return places &&
	       READ_ONCE(cb_flow_place(places, &t->saddr, t->sport, t->dport)->spliced);
}

/* May there be one that is older than its service?  Likewise. */
static inline bool cb_flow_may_be_older(const struct cb_flows *flows, const struct cb_tuple *t)
{
	struct cb_flow_place *places = READ_ONCE(flows->places);

	return places && READ_ONCE(cb_flow_place(places, &t->saddr, t->sport, t->dport)->older);
}

/* rcu_read_lock(): valid until unlock; NULL: not known. */
struct cb_flow *cb_flow_find(struct cb_flows *flows, const struct cb_tuple *tuple);

/**
 * cb_flow_add() - remember a flow, or renew what is known of its tuple
 * @flows:	table
 * @limit:	entries that there may be afterwards, pinned ones apart; 0: none
 *
 * At the limit the oldest one gives way; bounded work.  Context: rcu_read_lock(),
 * any but hard interrupts.  Return: false if it was not remembered.
 */
bool cb_flow_add(struct cb_flows *flows, u64 limit, const struct cb_tuple *tuple,
		 const struct cb_flow_facts *facts);

/* The same of one that is older than its service: facts.has says so. */
bool cb_flow_add_older(struct cb_flows *flows, u64 limit, const struct cb_tuple *tuple,
		       const struct cb_flow_facts *facts, u32 acked);
/* It is over: forgotten, unless it is pinned.  Context as above. */
void cb_flow_forget(struct cb_flows *flows, struct cb_flow *flow);

static inline bool cb_flow_is_older(const struct cb_flow *flow)
{
	return READ_ONCE(flow->facts.has) & CB_FLOW_OLDER;
}

/* A flow that is pinned from the beginning; what was in the cache of its tuple gives way.
 * Under flows->lock.  Return: NULL, another pinned flow of the tuple, or an ERR_PTR.
 */
struct cb_flow *cb_flow_insert_pinned(struct cb_flows *flows, struct cb_flow *flow,
				      struct list_head *list);
void cb_flow_take_pinned(struct cb_flows *flows, struct cb_flow *flow);	/* likewise */

bool cb_flow_matches(const struct cb_flow *flow, const struct cb_flow_filter *filter);
void cb_flow_totals(struct cb_flows *flows, struct cb_flow_totals *t);
u64 cb_flow_bytes(const struct cb_flow_totals *t);

/* flow-walk.c; process context.  A walk may be left at any time: it holds nothing. */
struct cb_flow_walk {
	unsigned long table;		/* compared, never followed */
	u32 seed;
	u32 bucket;			/* next */
};

void cb_flow_walk_begin(struct cb_flows *flows, struct cb_flow_walk *walk);
const struct bucket_table *cb_flow_walk_on(struct cb_flows *flows,
					   const struct cb_flow_walk *walk);

/* Pinned ones stay.  May sleep. */
u64 cb_flow_flush(struct cb_flows *flows, const struct cb_flow_filter *filter);

/* flow-shrink.c; process context */
void cb_flow_trim(struct cb_flows *flows, u64 limit);		/* may sleep */
unsigned long cb_flow_reclaim(struct cb_flows *flows, unsigned long n);
int cb_flow_shrink_register(void);
void cb_flow_shrink_unregister(void);
void cb_flow_shrink_add(struct cb_flows *flows);
void cb_flow_shrink_del(struct cb_flows *flows);

/* Within these files.  What was taken out, chained by its order, which nobody else
 * looks at any more.
 */
struct cb_flow_heap {
	struct list_head list;
	u64 n;
};

void cb_flow_put_on(struct cb_flow_heap *heap, struct cb_flow *flow);
void cb_flow_throw_away(struct cb_flow_heap *heap);
struct cb_flow *cb_flow_oldest(struct cb_flows *flows);		/* under flows->lock */
void cb_flow_take_out(struct cb_flows *flows, struct cb_flow *flow);	/* as well */
void cb_flow_free_later(struct cb_flow *flow);			/* after take_out */
void cb_flow_free(struct cb_flow *flow);			/* and a grace period */

#endif
