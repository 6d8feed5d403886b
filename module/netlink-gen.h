/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/cookiebox.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_COOKIEBOX_GEN_H
#define _LINUX_COOKIEBOX_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/cookiebox.h>

/* Common nested types */
extern const struct nla_policy cookiebox_flow_pair_nl_policy[COOKIEBOX_A_FLOW_PAIR_BASE + 1];
extern const struct nla_policy cookiebox_prefix_nl_policy[COOKIEBOX_A_PREFIX_LEN + 1];

extern const struct nla_policy cookiebox_begin_nl_policy[COOKIEBOX_A_TRANSACTION_GENERATION + 1];

extern const struct nla_policy cookiebox_commit_nl_policy[COOKIEBOX_A_TRANSACTION_PAD + 1];

extern const struct nla_policy cookiebox_abort_nl_policy[COOKIEBOX_A_TRANSACTION_PAD + 1];

extern const struct nla_policy cookiebox_service_add_nl_policy[COOKIEBOX_A_SERVICE_UNKNOWN + 1];

extern const struct nla_policy cookiebox_service_set_nl_policy[COOKIEBOX_A_SERVICE_UNKNOWN + 1];

extern const struct nla_policy cookiebox_service_del_nl_policy[COOKIEBOX_A_SERVICE_NAME + 1];

extern const struct nla_policy cookiebox_service_get_nl_policy[COOKIEBOX_A_SERVICE_NAME + 1];

extern const struct nla_policy cookiebox_lookup_nl_policy[COOKIEBOX_A_LOOKUP_MARK + 1];

extern const struct nla_policy cookiebox_reason_get_nl_policy[COOKIEBOX_A_REASON_ID + 1];

extern const struct nla_policy cookiebox_stats_get_nl_policy[COOKIEBOX_A_STATS_NAME + 1];

extern const struct nla_policy cookiebox_status_get_nl_policy[COOKIEBOX_A_STATUS_PAD + 1];

extern const struct nla_policy cookiebox_key_get_nl_policy[COOKIEBOX_A_KEY_SECRETS + 1];

extern const struct nla_policy cookiebox_key_set_nl_policy[COOKIEBOX_A_KEY_FLOW_PAIR + 1];

extern const struct nla_policy cookiebox_key_rotate_nl_policy[COOKIEBOX_A_KEY_NOW + 1];

extern const struct nla_policy cookiebox_cache_get_nl_policy[COOKIEBOX_A_CACHE_SERVICE + 1];

extern const struct nla_policy cookiebox_cache_flush_nl_policy[COOKIEBOX_A_CACHE_PINNED + 1];

extern const struct nla_policy cookiebox_attack_get_nl_policy[COOKIEBOX_A_ATTACK_SERVICE + 1];

extern const struct nla_policy cookiebox_server_get_nl_policy[COOKIEBOX_A_SERVER_PORT + 1];

/* Ops table for cookiebox */
extern const struct genl_ops cookiebox_nl_ops[18];

int cookiebox_nl_begin_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_commit_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_abort_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_service_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int cookiebox_nl_lookup_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_reason_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_reason_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int cookiebox_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_stats_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int cookiebox_nl_status_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_key_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_key_set_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_key_rotate_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_cache_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_cache_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);
int cookiebox_nl_cache_flush_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_attack_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_attack_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int cookiebox_nl_server_get_doit(struct sk_buff *skb, struct genl_info *info);
int cookiebox_nl_server_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);

enum {
	COOKIEBOX_NLGRP_EVENTS,
};

#endif /* _LINUX_COOKIEBOX_GEN_H */
