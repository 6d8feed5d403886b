// SPDX-License-Identifier: GPL-2.0
/*
 * The flow cache over netlink: one entry, a dump, flush, and its line of the status.
 *
 * Owns nothing.  Invariant: a dump goes on at the bucket that it has not shown, so it
 * ends whatever comes and goes; if the table was rebuilt meanwhile it ends there and
 * then, marked NLM_F_DUMP_INTR.
 *
 * Process context under the genetlink lock; entries are read under RCU.
 */
#include <linux/netlink.h>
#include <net/sock.h>
#include "embryonic.h"
#include "net.h"
#include "netlink.h"
#include "splice.h"

#define CACHE_MSG_SIZE	512

/* cb->seq of a dump: another one than before marks it. */
enum { WHOLE = 1, REBUILT = 2 };

static struct cb_flows *flows_of(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->flows);		/* once there, as long as the namespace */
}

static int refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, const char *why)
{
	if (extack) {
		extack->_msg = why;
		extack->bad_attr = attr;
	}
	return -EINVAL;
}

static int parse_service(const struct cb_net *cbn, const struct nlattr *attr,
			 struct cb_flow_filter *f, struct netlink_ext_ack *extack)
{
	const struct cb_service *svc;
	char name[CB_NAME_LEN];

	nla_strscpy(name, attr, sizeof(name));
	rcu_read_lock();
	svc = cb_service_by_name(cbn, name);
	if (svc) {
		f->by_service = true;
		f->service = svc->anchor->id;
	}
	rcu_read_unlock();
	if (svc)
		return 0;
	CB_NL_ERR_ATTR_FMT(extack, attr, "no service has this name", "no service is named %s",
			   name);
	return -ENOENT;
}

static int parse_filter(const struct cb_net *cbn, struct nlattr **tb, struct cb_flow_filter *f,
			struct netlink_ext_ack *extack)
{
	int err = 0;

	memset(f, 0, sizeof(*f));
	if (tb[COOKIEBOX_A_CACHE_SOURCE])
		err = cb_netlink_parse_prefix(tb[COOKIEBOX_A_CACHE_SOURCE], &f->source, extack);
	if (!err && tb[COOKIEBOX_A_CACHE_DEST])
		err = cb_netlink_parse_prefix(tb[COOKIEBOX_A_CACHE_DEST], &f->dest, extack);
	if (err)
		return err;
	if (f->source.family && f->dest.family && f->source.family != f->dest.family)
		return refuse(extack, tb[COOKIEBOX_A_CACHE_DEST],
			      "source and destination must be of one family");
	if (tb[COOKIEBOX_A_CACHE_PORT])
		f->port = nla_get_u16(tb[COOKIEBOX_A_CACHE_PORT]);
	if (tb[COOKIEBOX_A_CACHE_SERVICE])
		return parse_service(cbn, tb[COOKIEBOX_A_CACHE_SERVICE], f, extack);
	return 0;
}

static int put_addr(struct sk_buff *skb, int type, const struct cb_addr *addr, u8 family)
{
	struct cb_prefix p = { .addr = *addr, .family = family,
			       .len = family == AF_INET ? 32 : 128 };

	return cb_netlink_put_prefix(skb, type, &p);
}

static int put_tuple(struct sk_buff *skb, const struct cb_flow_key *k)
{
	if (put_addr(skb, COOKIEBOX_A_CACHE_SOURCE, &k->saddr, k->family) ||
	    nla_put_u16(skb, COOKIEBOX_A_CACHE_SOURCE_PORT, be16_to_cpu(k->sport)) ||
	    put_addr(skb, COOKIEBOX_A_CACHE_DEST, &k->daddr, k->family) ||
	    nla_put_u16(skb, COOKIEBOX_A_CACHE_PORT, be16_to_cpu(k->dport)))
		return -EMSGSIZE;
	return 0;
}

/* In local mode the offer is known exactly from a cookie with timestamps alone. */
static int put_options(struct sk_buff *skb, const struct cb_flow_facts *facts)
{
	bool exact = facts->has & CB_OPT_TS;

	if (nla_put_u16(skb, COOKIEBOX_A_CACHE_MSS, facts->mss) ||
	    (facts->mss_max && nla_put_u16(skb, COOKIEBOX_A_CACHE_MSS_MAX, facts->mss_max)) ||
	    ((facts->has & CB_OPT_WSCALE) &&
	     nla_put_u8(skb, COOKIEBOX_A_CACHE_WSCALE, facts->wscale)) ||
	    ((facts->has & CB_OPT_TS) && nla_put_flag(skb, COOKIEBOX_A_CACHE_TIMESTAMPS)) ||
	    ((facts->has & CB_OPT_SACK) && nla_put_flag(skb, COOKIEBOX_A_CACHE_SACK)) ||
	    ((facts->has & CB_FLOW_ECN) && nla_put_flag(skb, COOKIEBOX_A_CACHE_ECN)) ||
	    (exact && nla_put_flag(skb, COOKIEBOX_A_CACHE_EXACT)))
		return -EMSGSIZE;
	return 0;
}

static int put_service(struct sk_buff *skb, const struct cb_net *cbn, u32 id)
{
	const struct cb_service *svc = cb_service_from_id(cbn, id);

	if (svc && svc->anchor->id == id &&
	    nla_put_string(skb, COOKIEBOX_A_CACHE_SERVICE, svc->spec.name))
		return -EMSGSIZE;
	return nla_put_u32(skb, COOKIEBOX_A_CACHE_SERVICE_ID, id);
}

static int put_state(struct sk_buff *skb, const struct cb_flow *flow)
{
	const struct cb_splice *sp = container_of(flow, struct cb_splice, flow);

	static_assert(COOKIEBOX_FLOW_STATE_WAITING == (int)CB_SPLICE_WAITING);
	static_assert(COOKIEBOX_FLOW_STATE_OPEN == (int)CB_SPLICE_OPEN);
	static_assert(COOKIEBOX_FLOW_STATE_CLOSING == (int)CB_SPLICE_CLOSING);
	static_assert(COOKIEBOX_FLOW_STATE_RESET == (int)CB_SPLICE_RESET);
	if (!flow->spliced)
		return nla_put_u8(skb, COOKIEBOX_A_CACHE_STATE,
				  READ_ONCE(flow->facts.has) & CB_FLOW_BOTH ?
				  COOKIEBOX_FLOW_STATE_ADOPTED : COOKIEBOX_FLOW_STATE_HEARD);
	return nla_put_u8(skb, COOKIEBOX_A_CACHE_STATE, READ_ONCE(sp->state));
}

/* Context: rcu_read_lock(). */
static int put_flow(struct sk_buff *skb, const struct cb_net *cbn, const struct cb_flow *flow)
{
	struct cb_flow_facts facts = flow->facts;
	u64 now_ms = cb_now_ms();
	u64 age = now_ms > facts.opened_ms ? now_ms - facts.opened_ms : 0;

	if (put_tuple(skb, &flow->key) || put_service(skb, cbn, facts.service) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_CACHE_AGE, age, COOKIEBOX_A_CACHE_PAD))
		return -EMSGSIZE;
	if (facts.has & CB_FLOW_OLDER)		/* its handshake was not seen */
		return put_state(skb, flow);
	if (put_options(skb, &facts) ||
	    nla_put_u32(skb, COOKIEBOX_A_CACHE_REPEATED, READ_ONCE(flow->again)) ||
	    (READ_ONCE(flow->pinned) && nla_put_flag(skb, COOKIEBOX_A_CACHE_PINNED)) ||
	    (flow->spliced && put_state(skb, flow)))
		return -EMSGSIZE;
	return 0;
}

static int parse_tuple(struct genl_info *info, struct cb_tuple *t)
{
	struct nlattr *sport = info->attrs[COOKIEBOX_A_CACHE_SOURCE_PORT];
	struct nlattr *port = info->attrs[COOKIEBOX_A_CACHE_PORT];
	struct cb_flow_filter f;
	u8 full;
	int err;

	err = parse_filter(cb_net(genl_info_net(info)), info->attrs, &f, info->extack);
	if (err)
		return err;
	full = f.source.family == AF_INET ? 32 : 128;
	if (!f.source.family || f.source.len != full || !f.dest.family || f.dest.len != full ||
	    !sport || !port)
		return refuse(info->extack, NULL,
			      "an entry is named by two addresses and two ports: give all, or dump");
	memset(t, 0, sizeof(*t));
	t->saddr = f.source.addr;
	t->daddr = f.dest.addr;
	t->family = f.source.family;
	t->sport = cpu_to_be16(nla_get_u16(sport));
	t->dport = cpu_to_be16(nla_get_u16(port));
	return 0;
}

static int put_found(struct sk_buff *skb, struct genl_info *info, const struct cb_tuple *t)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	struct cb_flows *flows = flows_of(cbn);
	struct cb_flow *flow = flows ? cb_flow_find(flows, t) : NULL;

	if (flow)
		return put_flow(skb, cbn, flow);
	NL_SET_ERR_MSG(info->extack, "the flow cache has no entry of this tuple");
	return -ENOENT;
}

int cookiebox_nl_cache_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_tuple tuple;
	struct sk_buff *skb;
	void *hdr;
	int err;

	err = parse_tuple(info, &tuple);
	if (err)
		return err;
	skb = cb_netlink_reply(info, CACHE_MSG_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	rcu_read_lock();
	err = put_found(skb, info, &tuple);
	rcu_read_unlock();
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return err;
}

/* What a dump keeps between its messages, in cb->ctx. */
struct dump {
	struct cb_flow_walk walk;
	bool begun;
	bool ended;
};

/* The request stays with the dump, so its filter is read anew for each message. */
static int parse_dump(struct netlink_callback *cb, const struct cb_net *cbn,
		      struct cb_flow_filter *filter)
{
	struct nlattr *tb[COOKIEBOX_A_CACHE_SERVICE + 1];
	int err;

	err = nlmsg_parse(cb->nlh, GENL_HDRLEN, tb, COOKIEBOX_A_CACHE_SERVICE,
			  cookiebox_cache_get_nl_policy, cb->extack);
	if (err)
		return err;
	if (tb[COOKIEBOX_A_CACHE_SOURCE_PORT])
		return refuse(cb->extack, tb[COOKIEBOX_A_CACHE_SOURCE_PORT],
			      "a dump is not filtered by source port");
	return parse_filter(cbn, tb, filter, cb->extack);
}

static void begin_dump(struct netlink_callback *cb, const struct cb_net *cbn, struct dump *d)
{
	cb->seq = WHOLE;
	cb->prev_seq = WHOLE;		/* or one without any message would never be marked */
	d->begun = true;
	d->ended = !flows_of(cbn);
	if (!d->ended)
		cb_flow_walk_begin(flows_of(cbn), &d->walk);
}

static int dump_flow(struct sk_buff *skb, struct netlink_callback *cb, const struct cb_net *cbn,
		     const struct cb_flow *flow)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &cb_family,
				NLM_F_MULTI, COOKIEBOX_CMD_CACHE_GET);

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (put_flow(skb, cbn, flow)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* A whole bucket or nothing of it; a chain of more than a message's worth does not
 * happen, as the table is rebuilt when one of 16 is found.
 */
static int dump_bucket(struct sk_buff *skb, struct netlink_callback *cb,
		       const struct cb_net *cbn, const struct bucket_table *tbl,
		       unsigned int bucket, const struct cb_flow_filter *filter)
{
	unsigned int before = skb->len;
	struct rhash_head *pos;
	struct cb_flow *flow;

	rht_for_each_entry_rcu(flow, pos, tbl, bucket, node) {
		if (!cb_flow_matches(flow, filter) || !dump_flow(skb, cb, cbn, flow))
			continue;
		if (before) {
			skb_trim(skb, before);
			return -EMSGSIZE;
		}
		cb->seq = REBUILT;	/* not all of it fits: as if it were so */
		break;
	}
	return 0;
}

#define BUCKETS		256	/* between rescheduling, when few entries are selected */

/* Return: whether there may be room for more. */
static bool dump_some(struct sk_buff *skb, struct netlink_callback *cb,
		      const struct cb_net *cbn, struct dump *d,
		      const struct cb_flow_filter *filter)
{
	const struct bucket_table *tbl;
	unsigned int n = BUCKETS;

	rcu_read_lock();
	tbl = cb_flow_walk_on(flows_of(cbn), &d->walk);
	for (; tbl && n && d->walk.bucket < tbl->size; d->walk.bucket++, n--)
		if (dump_bucket(skb, cb, cbn, tbl, d->walk.bucket, filter))
			break;
	if (!tbl)
		cb->seq = REBUILT;
	d->ended = !tbl || d->walk.bucket == tbl->size;
	if (d->ended && tbl && !cb_flow_walk_on(flows_of(cbn), &d->walk))
		cb->seq = REBUILT;
	rcu_read_unlock();
	return !n;
}

int cookiebox_nl_cache_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cb_net *cbn = cb_net(sock_net(skb->sk));
	struct dump *d = (struct dump *)cb->ctx;
	struct cb_flow_filter filter;
	int err;

	BUILD_BUG_ON(sizeof(struct dump) > sizeof(cb->ctx));
	err = parse_dump(cb, cbn, &filter);
	if (err)
		return err;
	if (!d->begun)
		begin_dump(cb, cbn, d);
	while (!d->ended && dump_some(skb, cb, cbn, d, &filter))
		cond_resched();
	return skb->len;
}

static int reply_count(struct genl_info *info, u64 count)
{
	struct sk_buff *skb;
	void *hdr;

	skb = cb_netlink_reply(info, CACHE_MSG_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (nla_put_u64_64bit(skb, COOKIEBOX_A_CACHE_COUNT, count, COOKIEBOX_A_CACHE_PAD)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	return cb_netlink_send(skb, hdr, info);
}

static bool selects_all(const struct cb_flow_filter *f)
{
	return !f->source.family && !f->dest.family && !f->port && !f->by_service;
}

/* The embryonic cache knows no filter, and what it held is not counted. */
int cookiebox_nl_cache_flush_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	struct cb_flows *flows = flows_of(cbn);
	struct cb_flow_filter filter;
	int err;

	err = parse_filter(cbn, info->attrs, &filter, info->extack);
	if (err)
		return err;
	if (info->attrs[COOKIEBOX_A_CACHE_PINNED])
		return reply_count(info, cb_splice_flush(cbn, &filter));
	if (selects_all(&filter))
		cb_embryonic_flush(cbn);
	return reply_count(info, flows ? cb_flow_flush(flows, &filter) : 0);
}

static void totals_of(const struct cb_net *cbn, struct cb_flow_totals *t)
{
	struct cb_flows *flows = flows_of(cbn);

	memset(t, 0, sizeof(*t));
	if (flows)
		cb_flow_totals(flows, t);
}

u64 cb_netlink_cache_bytes(const struct cb_net *cbn)
{
	struct cb_flow_totals t;

	if (!flows_of(cbn))
		return 0;
	totals_of(cbn, &t);
	return sizeof(struct cb_flows) + cb_flow_bytes(&t);
}

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, COOKIEBOX_A_FLOW_TOTALS_PAD);
}

int cb_netlink_put_cache(struct sk_buff *skb, const struct cb_net *cbn)
{
	struct nlattr *nest = nla_nest_start(skb, COOKIEBOX_A_STATUS_FLOW_CACHE);
	struct cb_flow_totals t;

	totals_of(cbn, &t);
	if (!nest || put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_ENTRIES, t.entries) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_PINNED, t.pinned) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_BYTES, cb_flow_bytes(&t)) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_LIMIT,
		    READ_ONCE(cbn->sysctl.flow_cache_bytes)) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_EVICTED, t.evicted) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_RECLAIMED, t.reclaimed) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_REFUSED, t.refused) ||
	    put_u64(skb, COOKIEBOX_A_FLOW_TOTALS_WAITING, t.waiting))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
