/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family, Documentation/netlink/specs/cookiebox.yaml.
 *
 * netlink.c		family, transactions, events
 * netlink-service.c	changes of services
 * netlink-show.c	services, look-up, reasons
 * netlink-stats.c	counters, status
 * netlink-key.c	keys
 * netlink-cache.c	flow cache
 * netlink-attack.c	attacks
 * netlink-server.c	what is known of servers
 */
#ifndef CB_NETLINK_H
#define CB_NETLINK_H

#include <linux/types.h>
#include "netlink-gen.h"
#include "service.h"

struct cb_net;

int cb_netlink_register(void);		/* module init, after the pernet operations */
void cb_netlink_unregister(void);	/* module exit, before them */

/**
 * cb_netlink_event() - tell the listeners of the namespace's `events` group
 * @cbn:	namespace
 * @kind:	COOKIEBOX_EVENT_KIND_*
 * @svc:	the service in question, or NULL
 * @epoch:	in force now; 0 where it does not matter
 *
 * Costs next to nothing while nobody listens. Context: any that may not be
 * interrupted by another caller of the same namespace for the order of events
 * to be kept; does not sleep.
 */
void cb_netlink_event(struct cb_net *cbn, enum cookiebox_event_kind kind,
		      const struct cb_service *svc, u32 epoch);

/* The same, of an attack.  Process context. */
void cb_netlink_event_attack(struct cb_net *cbn, enum cookiebox_event_kind kind,
			     const struct cb_service *svc, const struct cb_attack *attack);

/* Inside the family. */
extern struct genl_family cb_family;
int cb_netlink_put_service(struct sk_buff *skb, const struct cb_service *svc);
/* netlink-attack.c: attributes of the set `attack`. */
int cb_netlink_put_attack(struct sk_buff *skb, const struct cb_attack *attack);
/* netlink-show.c: the policy lets a name pass, a dump does not. */
int cb_netlink_refuse_attrs(struct netlink_callback *cb);

const struct cb_service *cb_netlink_named(struct genl_info *info, const struct nlattr *attr);

typedef int (*cb_put_fn)(struct sk_buff *skb, const struct cb_service *svc);
int cb_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, cb_put_fn put);

/* Returns @err; a want of memory gets its sentence, if it has none yet. */
int cb_netlink_explain(struct genl_info *info, int err);

/* A reply to @info: header written, the family's message in *@hdr. */
struct sk_buff *cb_netlink_reply(struct genl_info *info, size_t payload, void **hdr);
int cb_netlink_send(struct sk_buff *skb, void *hdr, struct genl_info *info);

/* An address prefix; an empty nest is family 0. netlink-service.c, netlink-show.c. */
int cb_netlink_parse_prefix(const struct nlattr *attr, struct cb_prefix *p,
			    struct netlink_ext_ack *extack);
int cb_netlink_put_prefix(struct sk_buff *skb, int type, const struct cb_prefix *p);

/* netlink-cache.c: the flow cache in the status, and its bytes. Process context. */
int cb_netlink_put_cache(struct sk_buff *skb, const struct cb_net *cbn);
u64 cb_netlink_cache_bytes(const struct cb_net *cbn);

/* The stage of the asking socket, or NULL; valid during the operation. */
struct cb_stage *cb_netlink_stage(struct genl_info *info);

#endif
