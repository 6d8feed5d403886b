/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of services of a namespace.
 *
 * Immutable once published: a COMMIT builds a whole new table (struct
 * cb_service objects that did not change are shared and reference-counted) and
 * swaps it under RCU.  What outlives a change of settings, the counters and
 * the iptables rules' hold, is in struct cb_anchor.  Look-up is for every TCP
 * segment of the host, so it first asks a bitmap of protected ports.
 *
 * Precedence: rule (iptables target) > mark > address.  Among addresses the
 * longest prefix wins, then the narrowest port range.
 *
 * Objects are freed by call_rcu(): module exit must rcu_barrier() after the
 * last cb_service_exit().
 */
#ifndef CB_SERVICE_H
#define CB_SERVICE_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include "engage.h"
#include "segment.h"
#include "uapi/linux/cookiebox.h"

struct cb_net;
struct sk_buff;
struct netlink_ext_ack;

#define CB_NAME_LEN	32		/* with the final NUL: [A-Za-z0-9_][A-Za-z0-9._-]* */
#define CB_ALLOW_MAX	64		/* prefixes per service */
#define CB_SERVICES_MAX	16384		/* per namespace: bounds what a container can hold */

/* The numbers of mode, engage, reply, invalid, auth are the uAPI's. */
struct cb_prefix {
	struct cb_addr addr;		/* masked */
	u8 len;				/* bits */
	u8 family;
};

/* Works for both families, as IPv4 sits in the first 32 bits. */
static inline struct cb_addr cb_prefix_mask(const struct cb_addr *addr, u8 len)
{
	u64 high = len >= 64 ? ~0ULL : len ? ~0ULL << (64 - len) : 0;
	u64 low = len >= 128 ? ~0ULL : len > 64 ? ~0ULL << (128 - len) : 0;
	struct cb_addr masked;

	masked.q[0] = addr->q[0] & cpu_to_be64(high);
	masked.q[1] = addr->q[1] & cpu_to_be64(low);
	return masked;
}

static inline bool cb_prefix_has(const struct cb_prefix *p, const struct cb_addr *addr, u8 family)
{
	struct cb_addr masked;

	if (!p->family)
		return true;
	if (p->family != family)
		return false;
	masked = cb_prefix_mask(addr, p->len);
	return masked.q[0] == p->addr.q[0] && masked.q[1] == p->addr.q[1];
}

struct cb_service_spec {		/* what the admin said */
	char name[CB_NAME_LEN];
	struct cb_prefix addr;		/* family 0: any address of both families */
	u16 port_min, port_max;		/* 0..0: every port */
	u32 mark, mark_mask;		/* mask 0: no mark; mark is masked */
	bool rule_only;			/* neither addr, port nor mark */
	u8 mode;			/* enum cookiebox_mode (uAPI) */
	u8 engage;
	u8 reply;
	u8 invalid;
	u8 auth;
	u8 no_timestamps;
	u8 flow_cache;
	u8 engage_at, release_at;	/* percent; 0: the sysctl's */
	u16 hold;			/* seconds; 0: the sysctl's */
	u8 single_use;
	u8 unknown;			/* mode splice */
	u8 n_allow;
	const struct cb_prefix *allow;	/* in a service: its own tail */
};

/* Is it chosen by its address, which is all that a segment of its server tells? */
static inline bool cb_service_by_address(const struct cb_service_spec *s)
{
	return !s->mark_mask && !s->rule_only;
}

/* Mode splice: do ACKs pass that belong to nothing and open nothing? */
static inline bool cb_service_lets_pass(const struct cb_service_spec *s)
{
	return s->unknown == COOKIEBOX_UNKNOWN_PASS && s->invalid == COOKIEBOX_INVALID_AUTO;
}

/* Counters of one service on one CPU. [0]: done, [1]: observed only. */
struct cb_counters {
	u64 n[2][CB_R_COUNT];
	u64 less[CB_LESS_COUNT];	/* SYNs answered with less than they offered */
};

struct cb_mode_ops;
struct cb_service;

/* What lives as long as the name does, through every change of settings. */
struct cb_anchor {
	struct kref ref;		/* services and rules */
	u32 id;				/* unique in the namespace, never reused */
	atomic_t rules;			/* iptables rules that name it */
	struct hlist_node ruled;	/* in cb_net->ruled while rules > 0 */
	struct cb_service __rcu *now;	/* in force; NULL once deleted */
	struct cb_counters __percpu *counters;
	struct cb_engage engage;
};

struct cb_service {
	const struct cb_mode_ops *ops;
	struct cb_counters __percpu *counters;	/* the anchor's */
	struct cb_service_spec spec;
	struct cb_anchor *anchor;
	struct kref ref;		/* tables and stages */
	u64 since_ms;			/* CLOCK_MONOTONIC: in force with these settings */
	struct cb_prefix allow[];
};

/**
 * cb_service_lookup() - the service of a segment addressed to it
 * @cbn:	namespace
 * @skb:	for its mark
 * @tuple:	destination address and port select
 *
 * Context: rcu_read_lock(). Return: the service (valid until unlock) or NULL.
 */
const struct cb_service *cb_service_lookup(const struct cb_net *cbn,
					   const struct sk_buff *skb,
					   const struct cb_tuple *tuple);
/* The same for a mark alone (netlink's lookup). */
const struct cb_service *cb_service_match(const struct cb_net *cbn, u32 mark,
					  const struct cb_tuple *tuple);

/**
 * cb_service_delivery() - the service that may have sealed an ACK's cookie
 *
 * As cb_service_lookup(), but for LOCAL_IN: by then the mark may be another one
 * (CONNMARK restores marks after PRE_ROUTING), and nothing tells which rule the
 * segment met. As every cookie of a namespace opens alike, the first service
 * whose address and port fit counts the connection, then the newest one that a
 * rule names.
 *
 * Context: rcu_read_lock(). Return: the service (valid until unlock) or NULL.
 */
const struct cb_service *cb_service_delivery(const struct cb_net *cbn,
					     const struct sk_buff *skb,
					     const struct cb_tuple *tuple);

bool cb_service_allows(const struct cb_service *svc, const struct cb_tuple *tuple);

/* Rules: process context. get takes a hold that forbids deletion; it lives on
 * through every change of settings. NULL: no service has this name.
 */
struct cb_anchor *cb_service_get_for_rule(struct cb_net *cbn, const char *name);
void cb_service_put_for_rule(struct cb_anchor *anchor);

/* The service as it is now. Context: rcu_read_lock(). NULL: the namespace is
 * going away.
 */
static inline const struct cb_service *cb_service_of_rule(const struct cb_anchor *anchor)
{
	return rcu_dereference(anchor->now);
}

int cb_service_init(struct cb_net *cbn);	/* publishes the empty table */
void cb_service_exit(struct cb_net *cbn);	/* after the hooks are off */

/* What is in force, for readers. Context: rcu_read_lock(). */
const struct cb_service *cb_service_by_name(const struct cb_net *cbn, const char *name);
/* The service with the lowest id that is @id or more; NULL: no more. */
const struct cb_service *cb_service_from_id(const struct cb_net *cbn, u32 id);

u32 cb_service_generation(const struct cb_net *cbn);

struct cb_service_totals {
	u32 services;
	u64 bytes;		/* tables, services and counters of all CPUs */
};
void cb_service_totals(const struct cb_net *cbn, struct cb_service_totals *t);

/* Transactions: see stage.c. A stage is private to a socket, its holder
 * serialises. Refusals leave it as it was.
 */
struct cb_stage;
struct nlattr;
struct cb_stage *cb_stage_begin(struct cb_net *cbn);
void cb_stage_drop(struct cb_stage *st);
u32 cb_stage_generation(const struct cb_stage *st);	/* on which it is based */
const struct cb_service *cb_stage_find(const struct cb_stage *st, const char *name);
/* @attr: the one to blame if the name is, may be NULL */
int cb_stage_add(struct cb_stage *st, const struct cb_service_spec *spec,
		 const struct nlattr *attr, struct netlink_ext_ack *extack);
int cb_stage_set(struct cb_stage *st, const struct cb_service_spec *spec,
		 const struct nlattr *attr, struct netlink_ext_ack *extack);
int cb_stage_del(struct cb_stage *st, const char *name,
		 const struct nlattr *attr, struct netlink_ext_ack *extack);
/* Publishes, or -ESTALE when the generation moved on; takes cbn->lock. */
int cb_stage_commit(struct cb_stage *st, u32 *generation,
		    struct netlink_ext_ack *extack);

#endif
