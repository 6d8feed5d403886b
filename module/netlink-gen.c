// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/cookiebox.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/cookiebox.h>

/* Common nested types */
const struct nla_policy cookiebox_flow_pair_nl_policy[COOKIEBOX_A_FLOW_PAIR_BASE + 1] = {
	[COOKIEBOX_A_FLOW_PAIR_KEY] = NLA_POLICY_EXACT_LEN(COOKIEBOX_FLOW_KEY_LEN),
	[COOKIEBOX_A_FLOW_PAIR_BASE] = { .type = NLA_U32, },
};

const struct nla_policy cookiebox_prefix_nl_policy[COOKIEBOX_A_PREFIX_LEN + 1] = {
	[COOKIEBOX_A_PREFIX_ADDR4] = NLA_POLICY_EXACT_LEN(4),
	[COOKIEBOX_A_PREFIX_ADDR6] = NLA_POLICY_EXACT_LEN(16),
	[COOKIEBOX_A_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U8, 128),
};

/* COOKIEBOX_CMD_BEGIN - do */
const struct nla_policy cookiebox_begin_nl_policy[COOKIEBOX_A_TRANSACTION_GENERATION + 1] = {
	[COOKIEBOX_A_TRANSACTION_GENERATION] = { .type = NLA_U32, },
};

/* COOKIEBOX_CMD_COMMIT - do */
const struct nla_policy cookiebox_commit_nl_policy[COOKIEBOX_A_TRANSACTION_PAD + 1] = {
};

/* COOKIEBOX_CMD_ABORT - do */
const struct nla_policy cookiebox_abort_nl_policy[COOKIEBOX_A_TRANSACTION_PAD + 1] = {
};

/* COOKIEBOX_CMD_SERVICE_ADD - do */
const struct nla_policy cookiebox_service_add_nl_policy[COOKIEBOX_A_SERVICE_UNKNOWN + 1] = {
	[COOKIEBOX_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
	[COOKIEBOX_A_SERVICE_ADDR] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_SERVICE_PORT_MIN] = { .type = NLA_U16, },
	[COOKIEBOX_A_SERVICE_PORT_MAX] = { .type = NLA_U16, },
	[COOKIEBOX_A_SERVICE_MARK] = { .type = NLA_U32, },
	[COOKIEBOX_A_SERVICE_MARK_MASK] = { .type = NLA_U32, },
	[COOKIEBOX_A_SERVICE_RULE_ONLY] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_MODE] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_ENGAGE] = NLA_POLICY_MAX(NLA_U8, 3),
	[COOKIEBOX_A_SERVICE_REPLY] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_INVALID] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_AUTH_OPTION] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_NO_TIMESTAMPS] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_ALLOW] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_SERVICE_FLOW_CACHE] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_ENGAGE_AT] = NLA_POLICY_MAX(NLA_U8, 100),
	[COOKIEBOX_A_SERVICE_RELEASE_AT] = NLA_POLICY_MAX(NLA_U8, 99),
	[COOKIEBOX_A_SERVICE_HOLD] = NLA_POLICY_MAX(NLA_U16, 3600),
	[COOKIEBOX_A_SERVICE_SINGLE_USE] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_UNKNOWN] = NLA_POLICY_MAX(NLA_U8, 2),
};

/* COOKIEBOX_CMD_SERVICE_SET - do */
const struct nla_policy cookiebox_service_set_nl_policy[COOKIEBOX_A_SERVICE_UNKNOWN + 1] = {
	[COOKIEBOX_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
	[COOKIEBOX_A_SERVICE_ADDR] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_SERVICE_PORT_MIN] = { .type = NLA_U16, },
	[COOKIEBOX_A_SERVICE_PORT_MAX] = { .type = NLA_U16, },
	[COOKIEBOX_A_SERVICE_MARK] = { .type = NLA_U32, },
	[COOKIEBOX_A_SERVICE_MARK_MASK] = { .type = NLA_U32, },
	[COOKIEBOX_A_SERVICE_RULE_ONLY] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_MODE] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_ENGAGE] = NLA_POLICY_MAX(NLA_U8, 3),
	[COOKIEBOX_A_SERVICE_REPLY] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_INVALID] = NLA_POLICY_MAX(NLA_U8, 2),
	[COOKIEBOX_A_SERVICE_AUTH_OPTION] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_NO_TIMESTAMPS] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_ALLOW] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_SERVICE_FLOW_CACHE] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_ENGAGE_AT] = NLA_POLICY_MAX(NLA_U8, 100),
	[COOKIEBOX_A_SERVICE_RELEASE_AT] = NLA_POLICY_MAX(NLA_U8, 99),
	[COOKIEBOX_A_SERVICE_HOLD] = NLA_POLICY_MAX(NLA_U16, 3600),
	[COOKIEBOX_A_SERVICE_SINGLE_USE] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_SERVICE_UNKNOWN] = NLA_POLICY_MAX(NLA_U8, 2),
};

/* COOKIEBOX_CMD_SERVICE_DEL - do */
const struct nla_policy cookiebox_service_del_nl_policy[COOKIEBOX_A_SERVICE_NAME + 1] = {
	[COOKIEBOX_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
};

/* COOKIEBOX_CMD_SERVICE_GET - do */
const struct nla_policy cookiebox_service_get_nl_policy[COOKIEBOX_A_SERVICE_NAME + 1] = {
	[COOKIEBOX_A_SERVICE_NAME] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
};

/* COOKIEBOX_CMD_LOOKUP - do */
const struct nla_policy cookiebox_lookup_nl_policy[COOKIEBOX_A_LOOKUP_MARK + 1] = {
	[COOKIEBOX_A_LOOKUP_SOURCE4] = NLA_POLICY_EXACT_LEN(4),
	[COOKIEBOX_A_LOOKUP_SOURCE6] = NLA_POLICY_EXACT_LEN(16),
	[COOKIEBOX_A_LOOKUP_DEST4] = NLA_POLICY_EXACT_LEN(4),
	[COOKIEBOX_A_LOOKUP_DEST6] = NLA_POLICY_EXACT_LEN(16),
	[COOKIEBOX_A_LOOKUP_PORT] = { .type = NLA_U16, },
	[COOKIEBOX_A_LOOKUP_MARK] = { .type = NLA_U32, },
};

/* COOKIEBOX_CMD_REASON_GET - do */
const struct nla_policy cookiebox_reason_get_nl_policy[COOKIEBOX_A_REASON_ID + 1] = {
	[COOKIEBOX_A_REASON_ID] = { .type = NLA_U32, },
};

/* COOKIEBOX_CMD_STATS_GET - do */
const struct nla_policy cookiebox_stats_get_nl_policy[COOKIEBOX_A_STATS_NAME + 1] = {
	[COOKIEBOX_A_STATS_NAME] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
};

/* COOKIEBOX_CMD_STATUS_GET - do */
const struct nla_policy cookiebox_status_get_nl_policy[COOKIEBOX_A_STATUS_PAD + 1] = {
};

/* COOKIEBOX_CMD_KEY_GET - do */
const struct nla_policy cookiebox_key_get_nl_policy[COOKIEBOX_A_KEY_SECRETS + 1] = {
	[COOKIEBOX_A_KEY_SECRETS] = { .type = NLA_FLAG, },
};

/* COOKIEBOX_CMD_KEY_SET - do */
const struct nla_policy cookiebox_key_set_nl_policy[COOKIEBOX_A_KEY_FLOW_PAIR + 1] = {
	[COOKIEBOX_A_KEY_MASTER] = NLA_POLICY_EXACT_LEN(COOKIEBOX_MASTER_LEN),
	[COOKIEBOX_A_KEY_CLOCK] = NLA_POLICY_MAX(NLA_U8, 1),
	[COOKIEBOX_A_KEY_FLOOR] = { .type = NLA_U32, },
	[COOKIEBOX_A_KEY_NOW] = { .type = NLA_FLAG, },
	[COOKIEBOX_A_KEY_FLOW_PAIR] = NLA_POLICY_NESTED(cookiebox_flow_pair_nl_policy),
};

/* COOKIEBOX_CMD_KEY_ROTATE - do */
const struct nla_policy cookiebox_key_rotate_nl_policy[COOKIEBOX_A_KEY_NOW + 1] = {
	[COOKIEBOX_A_KEY_NOW] = { .type = NLA_FLAG, },
};

/* COOKIEBOX_CMD_CACHE_GET - do */
const struct nla_policy cookiebox_cache_get_nl_policy[COOKIEBOX_A_CACHE_SERVICE + 1] = {
	[COOKIEBOX_A_CACHE_SOURCE] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_CACHE_SOURCE_PORT] = { .type = NLA_U16, },
	[COOKIEBOX_A_CACHE_DEST] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_CACHE_PORT] = { .type = NLA_U16, },
	[COOKIEBOX_A_CACHE_SERVICE] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
};

/* COOKIEBOX_CMD_CACHE_FLUSH - do */
const struct nla_policy cookiebox_cache_flush_nl_policy[COOKIEBOX_A_CACHE_PINNED + 1] = {
	[COOKIEBOX_A_CACHE_SOURCE] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_CACHE_DEST] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_CACHE_PORT] = { .type = NLA_U16, },
	[COOKIEBOX_A_CACHE_SERVICE] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
	[COOKIEBOX_A_CACHE_PINNED] = { .type = NLA_FLAG, },
};

/* COOKIEBOX_CMD_ATTACK_GET - do */
const struct nla_policy cookiebox_attack_get_nl_policy[COOKIEBOX_A_ATTACK_SERVICE + 1] = {
	[COOKIEBOX_A_ATTACK_SERVICE] = { .type = NLA_NUL_STRING, .len = COOKIEBOX_NAME_MAX, },
};

/* COOKIEBOX_CMD_SERVER_GET - do */
const struct nla_policy cookiebox_server_get_nl_policy[COOKIEBOX_A_SERVER_PORT + 1] = {
	[COOKIEBOX_A_SERVER_ADDR] = NLA_POLICY_NESTED(cookiebox_prefix_nl_policy),
	[COOKIEBOX_A_SERVER_PORT] = { .type = NLA_U16, },
};

/* Ops table for cookiebox */
const struct genl_ops cookiebox_nl_ops[18] = {
	{
		.cmd		= COOKIEBOX_CMD_BEGIN,
		.doit		= cookiebox_nl_begin_doit,
		.policy		= cookiebox_begin_nl_policy,
		.maxattr	= COOKIEBOX_A_TRANSACTION_GENERATION,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_COMMIT,
		.doit		= cookiebox_nl_commit_doit,
		.policy		= cookiebox_commit_nl_policy,
		.maxattr	= COOKIEBOX_A_TRANSACTION_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_ABORT,
		.doit		= cookiebox_nl_abort_doit,
		.policy		= cookiebox_abort_nl_policy,
		.maxattr	= COOKIEBOX_A_TRANSACTION_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_SERVICE_ADD,
		.doit		= cookiebox_nl_service_add_doit,
		.policy		= cookiebox_service_add_nl_policy,
		.maxattr	= COOKIEBOX_A_SERVICE_UNKNOWN,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_SERVICE_SET,
		.doit		= cookiebox_nl_service_set_doit,
		.policy		= cookiebox_service_set_nl_policy,
		.maxattr	= COOKIEBOX_A_SERVICE_UNKNOWN,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_SERVICE_DEL,
		.doit		= cookiebox_nl_service_del_doit,
		.policy		= cookiebox_service_del_nl_policy,
		.maxattr	= COOKIEBOX_A_SERVICE_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_SERVICE_GET,
		.doit		= cookiebox_nl_service_get_doit,
		.dumpit		= cookiebox_nl_service_get_dumpit,
		.policy		= cookiebox_service_get_nl_policy,
		.maxattr	= COOKIEBOX_A_SERVICE_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_LOOKUP,
		.doit		= cookiebox_nl_lookup_doit,
		.policy		= cookiebox_lookup_nl_policy,
		.maxattr	= COOKIEBOX_A_LOOKUP_MARK,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_REASON_GET,
		.doit		= cookiebox_nl_reason_get_doit,
		.dumpit		= cookiebox_nl_reason_get_dumpit,
		.policy		= cookiebox_reason_get_nl_policy,
		.maxattr	= COOKIEBOX_A_REASON_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_STATS_GET,
		.doit		= cookiebox_nl_stats_get_doit,
		.dumpit		= cookiebox_nl_stats_get_dumpit,
		.policy		= cookiebox_stats_get_nl_policy,
		.maxattr	= COOKIEBOX_A_STATS_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_STATUS_GET,
		.doit		= cookiebox_nl_status_get_doit,
		.policy		= cookiebox_status_get_nl_policy,
		.maxattr	= COOKIEBOX_A_STATUS_PAD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_KEY_GET,
		.doit		= cookiebox_nl_key_get_doit,
		.policy		= cookiebox_key_get_nl_policy,
		.maxattr	= COOKIEBOX_A_KEY_SECRETS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_KEY_SET,
		.doit		= cookiebox_nl_key_set_doit,
		.policy		= cookiebox_key_set_nl_policy,
		.maxattr	= COOKIEBOX_A_KEY_FLOW_PAIR,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_KEY_ROTATE,
		.doit		= cookiebox_nl_key_rotate_doit,
		.policy		= cookiebox_key_rotate_nl_policy,
		.maxattr	= COOKIEBOX_A_KEY_NOW,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_CACHE_GET,
		.doit		= cookiebox_nl_cache_get_doit,
		.dumpit		= cookiebox_nl_cache_get_dumpit,
		.policy		= cookiebox_cache_get_nl_policy,
		.maxattr	= COOKIEBOX_A_CACHE_SERVICE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_CACHE_FLUSH,
		.doit		= cookiebox_nl_cache_flush_doit,
		.policy		= cookiebox_cache_flush_nl_policy,
		.maxattr	= COOKIEBOX_A_CACHE_PINNED,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_ATTACK_GET,
		.doit		= cookiebox_nl_attack_get_doit,
		.dumpit		= cookiebox_nl_attack_get_dumpit,
		.policy		= cookiebox_attack_get_nl_policy,
		.maxattr	= COOKIEBOX_A_ATTACK_SERVICE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= COOKIEBOX_CMD_SERVER_GET,
		.doit		= cookiebox_nl_server_get_doit,
		.dumpit		= cookiebox_nl_server_get_dumpit,
		.policy		= cookiebox_server_get_nl_policy,
		.maxattr	= COOKIEBOX_A_SERVER_PORT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};
