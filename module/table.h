/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of services: what service.c reads, table.c builds and stage.c
 * replaces.  Nobody else looks inside.
 */
#ifndef CB_TABLE_H
#define CB_TABLE_H

#include <linux/jhash.h>
#include "service.h"

/* One service without a mark, in a hash chain: narrowest range first. */
struct cb_entry {
	struct cb_addr addr;
	const struct cb_service *svc;
	u32 next;			/* index, or CB_CHAIN_END */
	u16 port_min, port_max;		/* every port: 0..65535 */
	u16 exact;			/* the port, if it is one port; else 0 */
	u8 family;			/* 0: any address of both families */
	u8 len;
};

#define CB_CHAIN_END	U32_MAX

/* A kind of entry that exists: these are looked for, in this order. */
struct cb_probe {
	u8 family;
	u8 len;
	bool exact;
};

#define CB_PROBES_MAX	(2 * (128 + 1) + 2)

struct cb_table {
	struct rcu_head rcu;
	u32 generation;
	u32 next_id;
	u32 n;
	u32 n_entries;
	u32 n_marked;
	u32 bucket_mask;
	size_t bytes;			/* of the table alone */
	unsigned long *ports;		/* 65,536 bits; NULL if n is 0 */
	u32 *bucket;
	struct cb_entry *entry;
	const struct cb_service **marked;	/* in order of precedence */
	struct cb_service **all;	/* referenced; in order of ids */
	u16 n_probes[2];		/* IPv4, IPv6 */
	struct cb_probe probes[2][CB_PROBES_MAX];
};

/* Not keyed: only the admin inserts, so only the admin can make chains long. */
static inline u32 cb_table_hash(const struct cb_addr *addr, u8 family, u8 len, u16 exact)
{
	u32 more = (u32)exact << 16 | (u32)family << 8 | len;

	if (family != AF_INET6)
		return jhash_2words((__force u32)addr->a[0], more, 0);
	return jhash2((__force const u32 *)addr->a, 4, more);
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
