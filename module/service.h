/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of services of a namespace.
 *
 * Immutable once published: a COMMIT builds a whole new table (struct
 * cb_service objects that did not change are shared and reference-counted, so
 * counters live on) and swaps it under RCU.  Look-up is for every TCP segment
 * of the host, so it first asks a bitmap of protected ports.
 *
 * Precedence: rule (iptables target) > mark > address.  Among addresses the
 * longest prefix wins, then the narrowest port range.
 */
#ifndef CB_SERVICE_H
#define CB_SERVICE_H

#include <linux/kref.h>
#include <linux/list.h>
#include "segment.h"

struct cb_net;
struct sk_buff;
struct netlink_ext_ack;

#define CB_NAME_LEN	32		/* with the final NUL: [A-Za-z0-9._-]+ */
#define CB_ALLOW_MAX	64		/* prefixes per service */

/* The numbers of mode, engage, reply, invalid, auth are the uAPI's. */
struct cb_prefix {
	struct cb_addr addr;		/* masked */
	u8 len;				/* bits */
	u8 family;
};

struct cb_service_spec {		/* what the admin said; plain data */
	char name[CB_NAME_LEN];
	struct cb_prefix addr;		/* family 0: any address of both families */
	u16 port_min, port_max;		/* 0..0: every port */
	u32 mark, mark_mask;		/* mask 0: no mark */
	bool rule_only;			/* neither addr, port nor mark */
	u8 mode;			/* enum cookiebox_mode (uAPI) */
	u8 engage;
	u8 reply;
	u8 invalid;
	u8 auth;
	u8 no_timestamps;
	u8 n_allow;
	struct cb_prefix allow[CB_ALLOW_MAX];
};

/* Counters of one service on one CPU. [0]: done, [1]: observed only. */
struct cb_counters {
	u64 n[2][CB_R_COUNT];
};

struct cb_mode_ops;

struct cb_service {
	struct kref ref;
	struct rcu_head rcu;
	const struct cb_mode_ops *ops;
	struct cb_counters __percpu *counters;
	refcount_t rule_users;		/* iptables rules that name it: 1 + users */
	u32 id;				/* unique in the namespace, never reused */
	struct cb_service_spec spec;
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

bool cb_service_allows(const struct cb_service *svc, const struct cb_tuple *tuple);

/* Rules: process context. get takes a use count that forbids deletion. */
struct cb_service *cb_service_get_for_rule(struct cb_net *cbn, const char *name);
void cb_service_put_for_rule(struct cb_service *svc);

int cb_service_init(struct cb_net *cbn);	/* publishes the empty table */
void cb_service_exit(struct cb_net *cbn);

/* Transactions (netlink.c): see service.c. A stage is private to a socket. */
struct cb_stage;
struct cb_stage *cb_stage_begin(struct cb_net *cbn);
void cb_stage_drop(struct cb_stage *stage);
int cb_stage_add(struct cb_stage *st, const struct cb_service_spec *spec,
		 struct netlink_ext_ack *extack);
int cb_stage_set(struct cb_stage *st, const struct cb_service_spec *spec,
		 struct netlink_ext_ack *extack);
int cb_stage_del(struct cb_stage *st, const char *name,
		 struct netlink_ext_ack *extack);
/* Publishes, or -ESTALE when the generation moved on; takes cbn->lock. */
int cb_stage_commit(struct cb_stage *st, struct netlink_ext_ack *extack);

#endif
