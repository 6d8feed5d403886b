// SPDX-License-Identifier: GPL-2.0
/*
 * Counters and status over netlink.
 *
 * Owns nothing and changes nothing.  Process context under the genetlink
 * lock; services are read under RCU, the rest under cb_net->lock.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/string.h>
#include "embryonic.h"
#include "mode.h"
#include "net.h"
#include "netlink.h"
#include "profiles.h"
#include "splice.h"
#include "stats.h"

#define STATS_MSG_SIZE	(512 + CB_R_COUNT * 128)

static int put_counter(struct sk_buff *skb, u32 id, u64 done, u64 observed)
{
	struct nlattr *nest = nla_nest_start(skb, COOKIEBOX_A_STATS_COUNTER);

	if (!nest ||
	    nla_put_u32(skb, COOKIEBOX_A_COUNTER_REASON, id) ||
	    nla_put_string(skb, COOKIEBOX_A_COUNTER_NAME, cb_reasons[id].name) ||
	    nla_put_u8(skb, COOKIEBOX_A_COUNTER_CLASS, cb_reasons[id].class) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_COUNTER_DONE, done, COOKIEBOX_A_COUNTER_PAD) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_COUNTER_OBSERVED, observed,
			      COOKIEBOX_A_COUNTER_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_counters(struct sk_buff *skb, const struct cb_counters *c)
{
	u32 i;

	for (i = 0; i < CB_R_COUNT; i++)
		if ((c->n[0][i] || c->n[1][i]) && put_counter(skb, i, c->n[0][i], c->n[1][i]))
			return -EMSGSIZE;
	return 0;
}

/* In the order of enum cb_less. */
static int put_less(struct sk_buff *skb, const struct cb_counters *c)
{
	struct nlattr *nest = nla_nest_start(skb, COOKIEBOX_A_STATS_LESS);
	u32 i;

	static_assert(COOKIEBOX_A_LESS_FASTOPEN - COOKIEBOX_A_LESS_MSS == CB_LESS_FASTOPEN);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < CB_LESS_COUNT; i++)
		if (nla_put_u64_64bit(skb, COOKIEBOX_A_LESS_MSS + i, c->less[i],
				      COOKIEBOX_A_LESS_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_service_stats(struct sk_buff *skb, const struct cb_service *svc)
{
	struct cb_counters sum = {};

	cb_stats_add(svc, &sum);
	if (nla_put_string(skb, COOKIEBOX_A_STATS_NAME, svc->spec.name) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATS_ID, svc->anchor->id) || put_less(skb, &sum))
		return -EMSGSIZE;
	return put_counters(skb, &sum);
}

/* Bytes held for the namespace. Context: rcu_read_lock(). */
static u64 memory(const struct cb_net *cbn, const struct cb_service_totals *t)
{
	u64 bytes = sizeof(*cbn) + t->bytes;

	if (rcu_access_pointer(cbn->ring))
		bytes += sizeof(struct cb_ring);
	if (READ_ONCE(cbn->gate))
		bytes += cb_gate_bytes();
	bytes += cb_netlink_cache_bytes(cbn);
	bytes += cb_attack_bytes(cbn) + cb_profiles_bytes(cbn) + cb_splice_bytes(cbn);
	return bytes + cb_embryonic_bytes(cbn) + cb_redeem_bytes(cbn);
}

static int put_totals(struct sk_buff *skb, const struct cb_net *cbn)
{
	struct cb_service_totals t;
	struct cb_counters sum = {};
	const struct cb_service *svc;
	u32 id = 0;

	while ((svc = cb_service_from_id(cbn, id))) {
		cb_stats_add(svc, &sum);
		id = svc->anchor->id + 1;
	}
	cb_service_totals(cbn, &t);
	if (nla_put_u32(skb, COOKIEBOX_A_STATS_EMBRYONIC, cb_embryonic_count(cbn)) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_STATS_MEMORY, memory(cbn, &t),
			      COOKIEBOX_A_STATS_PAD) ||
	    put_less(skb, &sum))
		return -EMSGSIZE;
	return put_counters(skb, &sum);
}

static int put_named(struct sk_buff *skb, struct genl_info *info, const struct nlattr *name)
{
	const struct cb_service *svc = cb_netlink_named(info, name);

	return svc ? put_service_stats(skb, svc) : -ENOENT;
}

int cookiebox_nl_stats_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct nlattr *name = info->attrs[COOKIEBOX_A_STATS_NAME];
	struct sk_buff *skb;
	void *hdr;
	int err;

	skb = cb_netlink_reply(info, STATS_MSG_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	rcu_read_lock();
	err = name ? put_named(skb, info, name) : put_totals(skb, cb_net(genl_info_net(info)));
	rcu_read_unlock();
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return err;
}

int cookiebox_nl_stats_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return cb_netlink_dump(skb, cb, COOKIEBOX_CMD_STATS_GET, put_service_stats);
}

static int put_table(struct sk_buff *skb, const struct cb_net *cbn)
{
	struct cb_service_totals t;
	u32 generation, embryonic;
	u64 bytes;

	rcu_read_lock();
	generation = cb_service_generation(cbn);
	cb_service_totals(cbn, &t);
	bytes = memory(cbn, &t);
	embryonic = cb_embryonic_count(cbn);
	rcu_read_unlock();
	if (nla_put_string(skb, COOKIEBOX_A_STATUS_VERSION, THIS_MODULE->version) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_GENERATION, generation) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_SERVICES, t.services) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_EMBRYONIC, embryonic) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_STATUS_MEMORY, bytes, COOKIEBOX_A_STATUS_PAD))
		return -EMSGSIZE;
	return 0;
}

/* A key ring that nobody has asked for yet is not made for a status. */
static int put_epoch(struct sk_buff *skb, struct cb_net *cbn)
{
	struct cb_key_info key;
	int err;

	if (!rcu_access_pointer(cbn->ring))
		return nla_put_u8(skb, COOKIEBOX_A_STATUS_MASTER_PENDING, 0);
	err = cb_keyring_read(cbn, &key);
	if (!err &&
	    (nla_put_u8(skb, COOKIEBOX_A_STATUS_CLOCK, key.master.clock) ||
	     nla_put_u32(skb, COOKIEBOX_A_STATUS_EPOCH, key.epoch) ||
	     nla_put_u32(skb, COOKIEBOX_A_STATUS_NEXT_EPOCH, key.next_ms) ||
	     nla_put_u8(skb, COOKIEBOX_A_STATUS_MASTER_PENDING, key.pending)))
		err = -EMSGSIZE;
	memzero_explicit(&key, sizeof(key));
	return err;
}

static int put_sysctls(struct sk_buff *skb, struct cb_net *cbn)
{
	if (nla_put_u8(skb, COOKIEBOX_A_STATUS_HOOKS, READ_ONCE(cbn->hooks_registered)) ||
	    nla_put_u8(skb, COOKIEBOX_A_STATUS_TCP_SYNCOOKIES,
		       READ_ONCE(cbn->net->ipv4.sysctl_tcp_syncookies)) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_EPOCH_SECONDS,
			READ_ONCE(cbn->sysctl.epoch_seconds)) ||
	    nla_put_u8(skb, COOKIEBOX_A_STATUS_DEFAULT_REPLY,
		       READ_ONCE(cbn->sysctl.default_reply)) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_INVALID_RATE,
			READ_ONCE(cbn->sysctl.invalid_rate)) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_STATUS_EVENT_SEQ, atomic64_read(&cbn->event_seq),
			      COOKIEBOX_A_STATUS_PAD))
		return -EMSGSIZE;
	return cb_netlink_put_cache(skb, cbn);
}

static u32 engaged_services(const struct cb_net *cbn)
{
	const struct cb_service *svc;
	u32 id, n = 0;

	rcu_read_lock();
	for (id = 0; (svc = cb_service_from_id(cbn, id)); id = svc->anchor->id + 1)
		n += svc->spec.engage == COOKIEBOX_ENGAGE_AUTO &&
		     READ_ONCE(svc->anchor->engage.engaged);
	rcu_read_unlock();
	return n;
}

static int put_auto(struct sk_buff *skb, const struct cb_net *cbn)
{
	const struct cb_sysctl *s = &cbn->sysctl;

	if (nla_put_u32(skb, COOKIEBOX_A_STATUS_ENGAGED, engaged_services(cbn)) ||
	    nla_put_u8(skb, COOKIEBOX_A_STATUS_AUTO_ENGAGE_PERCENT,
		       READ_ONCE(s->auto_engage_percent)) ||
	    nla_put_u8(skb, COOKIEBOX_A_STATUS_AUTO_RELEASE_PERCENT,
		       READ_ONCE(s->auto_release_percent)) ||
	    nla_put_u16(skb, COOKIEBOX_A_STATUS_AUTO_HOLD_SECONDS,
			READ_ONCE(s->auto_hold_seconds)))
		return -EMSGSIZE;
	return 0;
}

static int put_single_use(struct sk_buff *skb, struct cb_net *cbn)
{
	struct cb_redeem_info info;

	cb_redeem_read(cbn, &info);
	if (nla_put_u32(skb, COOKIEBOX_A_STATUS_SINGLE_USE_MAX, info.max) ||
	    nla_put_u8(skb, COOKIEBOX_A_STATUS_SINGLE_USE_FULL,
		       READ_ONCE(cbn->sysctl.single_use_full)) ||
	    nla_put_u32(skb, COOKIEBOX_A_STATUS_SINGLE_USE_HELD, info.held) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_STATUS_SINGLE_USE_MEMORY, info.bytes,
			      COOKIEBOX_A_STATUS_PAD) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_STATUS_SINGLE_USE_UNHELD, info.unheld,
			      COOKIEBOX_A_STATUS_PAD))
		return -EMSGSIZE;
	return 0;
}

int cookiebox_nl_status_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	struct sk_buff *skb;
	void *hdr;
	int err;

	skb = cb_netlink_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	err = put_table(skb, cbn);
	if (!err)
		err = put_epoch(skb, cbn);
	if (!err)
		err = put_sysctls(skb, cbn);
	if (!err)
		err = put_auto(skb, cbn);
	if (!err)
		err = put_single_use(skb, cbn);
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return cb_netlink_explain(info, err);
}
