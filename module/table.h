/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of services: what service.c reads, table.c builds and stage.c
 * replaces.  Nobody else looks inside; hooks.c asks one inline question.
 */
#ifndef CB_TABLE_H
#define CB_TABLE_H

#include <linux/hash.h>
#include "net.h"
#include "service.h"

/* One service without a mark, in a hash chain: narrowest range first. */
struct cb_entry {
	struct cb_addr addr;
	const struct cb_service *svc;
	u32 kind;			/* port, if it is one port, family and prefix length */
	u32 next;			/* index, or CB_CHAIN_END */
	u16 port_min, port_max;		/* every port: 0..65535 */
};

#define CB_CHAIN_END	U32_MAX

/* Entries of one family (0: any) and prefix length, with one port or with a
 * range, are found with one probe.  All kinds that exist are tried, in order.
 */
struct cb_probe {
	__be64 mask[2];
	u32 kind;			/* of entries with a range */
	u16 port_mask;			/* all ones if the port is in the kind, else 0 */
};

#define CB_PROBES_MAX	(2 * (128 + 1) + 2)

static inline u32 cb_kind(u8 family, u8 len, u16 port)
{
	return (u32)port << 16 | (u32)family << 8 | len;
}

struct cb_table {
	struct rcu_head rcu;
	u32 generation;
	u32 next_id;
	u32 n;
	u32 n_entries;
	u32 n_marked;
	u32 bucket_mask;
	size_t bytes;			/* of the table alone */
	bool splices;			/* one of the services is of mode splice */
	bool adopts;			/* one of them adopts: adopt.c */
	unsigned long *ports;		/* 65,536 bits; NULL if n is 0 */
	u32 *bucket;
	struct cb_entry *entry;
	const struct cb_service **marked;	/* in order of precedence */
	struct cb_service **all;	/* referenced; in order of ids */
	u32 n_probes[2];		/* IPv4, IPv6 */
	struct cb_probe *probes[2];
};

/* May any service have this port? Asked for every segment of the host; RCU. */
static inline bool cb_table_has_port(const struct cb_net *cbn, u16 port)
{
	const struct cb_table *t = rcu_dereference(cbn->table);

	return t->n && test_bit(port, t->ports);
}

/* Is what servers send from this port looked at, of whatever connection?  RCU. */
static inline bool cb_table_hears_port(const struct cb_net *cbn, u16 port)
{
	const struct cb_table *t = rcu_dereference(cbn->table);

	return unlikely(t->adopts) && test_bit(port, t->ports);
}

/* Not keyed: only the admin inserts, so only the admin can make chains long. */
static inline u32 cb_table_hash(__be64 q0, __be64 q1, u32 kind)
{
	u64 h = ((__force u64)q0 ^ ((u64)kind << 32)) * GOLDEN_RATIO_64;

	h = (h ^ (h >> 32) ^ (__force u64)q1) * GOLDEN_RATIO_64;
	return h >> 32;
}

/* A service is 0.3 KiB and, on each CPU, 16 bytes per reason. */
static inline size_t cb_service_bytes(unsigned int n_allow)
{
	return sizeof(struct cb_service) + n_allow * sizeof(struct cb_prefix) +
	       sizeof(struct cb_anchor) + num_possible_cpus() * sizeof(struct cb_counters);
}

/* table.c: process context. build takes a reference on each service. */
struct cb_table *cb_table_build(struct cb_service *const *all, u32 n);
void cb_table_free(struct cb_table *t);	/* but not its services */

/* service.c */
void cb_table_publish(struct cb_net *cbn, struct cb_table *t);
void cb_table_release(struct cb_table *t);
void cb_service_put(struct cb_service *svc);
void cb_anchor_put(struct cb_anchor *anchor);

#endif
