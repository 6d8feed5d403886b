// SPDX-License-Identifier: GPL-2.0
/*
 * What netlink shows: services, the look-up and the table of reasons.
 *
 * Owns nothing and changes nothing.  Invariant: a dump goes on from the first
 * id it has not shown, so that it ends and shows no service twice whatever
 * happens to the table; if something has, its messages say so
 * (NLM_F_DUMP_INTR).
 *
 * Process context under the genetlink lock; tables are read under RCU.
 */
#include <linux/inetdevice.h>
#include <linux/netlink.h>
#include <net/addrconf.h>
#include <net/route.h>
#include "calm.h"
#include "mode.h"
#include "net.h"
#include "netlink.h"
#include "stats.h"

/* With a full allow list, see cb_netlink_put_prefix(). */
#define SERVICE_MSG_SIZE	(512 + CB_ALLOW_MAX * 36)

int cb_netlink_put_prefix(struct sk_buff *skb, int type, const struct cb_prefix *p)
{
	struct nlattr *nest = nla_nest_start(skb, type);

	if (!nest)
		return -EMSGSIZE;
	if (p->family == AF_INET ?
	    nla_put_in_addr(skb, COOKIEBOX_A_PREFIX_ADDR4, p->addr.a[0]) :
	    nla_put_in6_addr(skb, COOKIEBOX_A_PREFIX_ADDR6, &p->addr.in6))
		return -EMSGSIZE;
	if (nla_put_u8(skb, COOKIEBOX_A_PREFIX_LEN, p->len))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_selector(struct sk_buff *skb, const struct cb_service_spec *s)
{
	if (s->addr.family && cb_netlink_put_prefix(skb, COOKIEBOX_A_SERVICE_ADDR, &s->addr))
		return -EMSGSIZE;
	if (s->port_max &&
	    (nla_put_u16(skb, COOKIEBOX_A_SERVICE_PORT_MIN, s->port_min) ||
	     nla_put_u16(skb, COOKIEBOX_A_SERVICE_PORT_MAX, s->port_max)))
		return -EMSGSIZE;
	if (s->mark_mask &&
	    (nla_put_u32(skb, COOKIEBOX_A_SERVICE_MARK, s->mark) ||
	     nla_put_u32(skb, COOKIEBOX_A_SERVICE_MARK_MASK, s->mark_mask)))
		return -EMSGSIZE;
	if (s->rule_only && nla_put_u8(skb, COOKIEBOX_A_SERVICE_RULE_ONLY, 1))
		return -EMSGSIZE;
	return 0;
}

static int put_half_open(struct sk_buff *skb, const struct cb_service *svc)
{
	u32 half_open;

	return cb_calm_half_open(svc, &half_open) ?
	       nla_put_u32(skb, COOKIEBOX_A_SERVICE_HALF_OPEN, half_open) : 0;
}

/* What engagement `auto` would have done, where there is anything to tell it by. */
static int put_observed(struct sk_buff *skb, const struct cb_service *svc)
{
	const struct cb_would *w = &svc->anchor->engage.would;

	if (svc->spec.mode == COOKIEBOX_MODE_SPLICE && !cb_calm_counts(svc))
		return 0;
	if (nla_put_u32(skb, COOKIEBOX_A_SERVICE_WOULD_ENGAGE, READ_ONCE(w->times)) ||
	    nla_put_u32(skb, COOKIEBOX_A_SERVICE_HALF_OPEN_MOST, READ_ONCE(w->most)))
		return -EMSGSIZE;
	return put_half_open(skb, svc);
}

/* What only engagement `auto` has, as far as it was set. */
static int put_auto(struct sk_buff *skb, const struct cb_service *svc)
{
	const struct cb_service_spec *s = &svc->spec;
	bool engaged = smp_load_acquire(&svc->anchor->engage.engaged);	/* see engage() */

	if ((s->engage_at && nla_put_u8(skb, COOKIEBOX_A_SERVICE_ENGAGE_AT, s->engage_at)) ||
	    (s->release_at && nla_put_u8(skb, COOKIEBOX_A_SERVICE_RELEASE_AT, s->release_at)) ||
	    (s->hold && nla_put_u16(skb, COOKIEBOX_A_SERVICE_HOLD, s->hold)))
		return -EMSGSIZE;
	if (s->engage == COOKIEBOX_ENGAGE_OBSERVE)
		return put_observed(skb, svc);
	if (s->engage != COOKIEBOX_ENGAGE_AUTO)
		return 0;
	if (nla_put_u8(skb, COOKIEBOX_A_SERVICE_ENGAGED, engaged))
		return -EMSGSIZE;
	if (put_half_open(skb, svc))
		return -EMSGSIZE;
	if (!engaged)
		return 0;
	return nla_put_u64_64bit(skb, COOKIEBOX_A_SERVICE_ENGAGED_SINCE,
				 READ_ONCE(svc->anchor->engage.attack.start_ms),
				 COOKIEBOX_A_SERVICE_PAD);
}

/**
 * cb_netlink_put_service() - a service as attributes of the set `service`
 * @skb:	message
 * @svc:	the service; the caller holds a reference or rcu_read_lock()
 *
 * Context: any. Return: 0, or -EMSGSIZE; the caller then trims the message.
 */
int cb_netlink_put_service(struct sk_buff *skb, const struct cb_service *svc)
{
	const struct cb_service_spec *s = &svc->spec;
	unsigned int i;

	if (nla_put_string(skb, COOKIEBOX_A_SERVICE_NAME, s->name) ||
	    nla_put_u32(skb, COOKIEBOX_A_SERVICE_ID, svc->anchor->id) ||
	    put_selector(skb, s) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_MODE, s->mode) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_ENGAGE, s->engage) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_REPLY, s->reply) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_INVALID, s->invalid) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_AUTH_OPTION, s->auth) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_NO_TIMESTAMPS, s->no_timestamps) ||
	    nla_put_u32(skb, COOKIEBOX_A_SERVICE_RULES, atomic_read(&svc->anchor->rules)) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_FLOW_CACHE, s->flow_cache) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_SINGLE_USE, s->single_use) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVICE_UNKNOWN, s->unknown))
		return -EMSGSIZE;
	for (i = 0; i < s->n_allow; i++)
		if (cb_netlink_put_prefix(skb, COOKIEBOX_A_SERVICE_ALLOW, &s->allow[i]))
			return -EMSGSIZE;
	return put_auto(skb, svc);
}

static int missing(struct genl_info *info, const char *why)
{
	info->extack->_msg = why;
	return -EINVAL;
}

/**
 * cb_netlink_named() - the service that a request names
 * @info:	request
 * @attr:	name
 *
 * Context: rcu_read_lock(). Return: the service, or NULL and a sentence.
 */
const struct cb_service *cb_netlink_named(struct genl_info *info, const struct nlattr *attr)
{
	char name[CB_NAME_LEN];
	const struct cb_service *svc;

	nla_strscpy(name, attr, sizeof(name));
	svc = cb_service_by_name(cb_net(genl_info_net(info)), name);
	if (!svc)
		CB_NL_ERR_ATTR_FMT(info->extack, attr, "no service has this name",
				   "no service is named %s", name);
	return svc;
}

int cookiebox_nl_service_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct nlattr *name = info->attrs[COOKIEBOX_A_SERVICE_NAME];
	const struct cb_service *svc;
	struct sk_buff *skb;
	void *hdr;
	int err;

	if (!name)
		return missing(info, "a service name is missing: give one, or dump");
	skb = cb_netlink_reply(info, SERVICE_MSG_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	rcu_read_lock();
	svc = cb_netlink_named(info, name);
	err = svc ? cb_netlink_put_service(skb, svc) : -ENOENT;
	rcu_read_unlock();
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return err;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		    const struct cb_service *svc, cb_put_fn put)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &cb_family,
				NLM_F_MULTI, cmd);

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (put(skb, svc)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* The policy lets a name pass, as it has to for the do. */
int cb_netlink_refuse_attrs(struct netlink_callback *cb)
{
	if (!nlmsg_attrlen(cb->nlh, GENL_HDRLEN))
		return 0;
	NL_SET_ERR_MSG(cb->extack, "a dump takes no attributes");
	return -EINVAL;
}

/**
 * cb_netlink_dump() - one message for each service
 * @skb:	to fill
 * @cb:		of the dump; args[0] is the lowest id not shown yet
 * @cmd:	of the messages
 * @put:	fills in the attributes of one
 *
 * Return: as a dumpit callback.
 */
int cb_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd, cb_put_fn put)
{
	const struct cb_net *cbn = cb_net(sock_net(skb->sk));
	const struct cb_service *svc;
	int err = cb_netlink_refuse_attrs(cb);

	if (err)
		return err;
	rcu_read_lock();
	cb->seq = cb_service_generation(cbn) + 1;	/* 0 would mean unknown */
	while (!err) {
		svc = cb_service_from_id(cbn, cb->args[0]);
		if (!svc)
			break;
		err = dump_one(skb, cb, cmd, svc, put);
		if (!err)
			cb->args[0] = (long)svc->anchor->id + 1;
	}
	rcu_read_unlock();
	return skb->len ? skb->len : err;
}

int cookiebox_nl_service_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return cb_netlink_dump(skb, cb, COOKIEBOX_CMD_SERVICE_GET, cb_netlink_put_service);
}

static int parse_lookup(struct genl_info *info, struct cb_tuple *tuple, bool *has_source)
{
	struct nlattr *s4 = info->attrs[COOKIEBOX_A_LOOKUP_SOURCE4];
	struct nlattr *s6 = info->attrs[COOKIEBOX_A_LOOKUP_SOURCE6];
	struct nlattr *d4 = info->attrs[COOKIEBOX_A_LOOKUP_DEST4];
	struct nlattr *d6 = info->attrs[COOKIEBOX_A_LOOKUP_DEST6];
	struct nlattr *port = info->attrs[COOKIEBOX_A_LOOKUP_PORT];

	if (!d4 == !d6)
		return missing(info, "give one destination address");
	if ((d4 && s6) || (d6 && s4))
		return missing(info, "source and destination must be of one family");
	if (!port || !nla_get_u16(port))
		return missing(info, "port must be 1 to 65535");
	memset(tuple, 0, sizeof(*tuple));
	tuple->dport = htons(nla_get_u16(port));
	*has_source = s4 || s6;
	if (d4) {
		tuple->family = AF_INET;
		tuple->daddr.a[0] = nla_get_in_addr(d4);
		if (s4)
			tuple->saddr.a[0] = nla_get_in_addr(s4);
	} else {
		tuple->family = AF_INET6;
		tuple->daddr.in6 = nla_get_in6_addr(d6);
		if (s6)
			tuple->saddr.in6 = nla_get_in6_addr(s6);
	}
	return 0;
}

static bool dest_local(struct net *net, const struct cb_tuple *tuple)
{
	if (tuple->family == AF_INET)
		return inet_addr_type(net, tuple->daddr.a[0]) == RTN_LOCAL;
	return IS_ENABLED(CONFIG_IPV6) && ipv6_chk_addr(net, &tuple->daddr.in6, NULL, 0);
}

static int put_lookup(struct sk_buff *skb, struct genl_info *info, const struct cb_tuple *tuple,
		      bool has_source)
{
	struct nlattr *mark = info->attrs[COOKIEBOX_A_LOOKUP_MARK];
	const struct cb_service *svc;
	struct nlattr *nest;

	svc = cb_service_match(cb_net(genl_info_net(info)), mark ? nla_get_u32(mark) : 0, tuple);
	if (!svc)
		return 0;
	nest = nla_nest_start(skb, COOKIEBOX_A_LOOKUP_SERVICE);
	if (!nest || cb_netlink_put_service(skb, svc))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	if (has_source && cb_service_allows(svc, tuple))
		return nla_put_flag(skb, COOKIEBOX_A_LOOKUP_ALLOWED);
	return 0;
}

int cookiebox_nl_lookup_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_tuple tuple;
	struct sk_buff *skb;
	bool has_source;
	void *hdr;
	int err;

	err = parse_lookup(info, &tuple, &has_source);
	if (err)
		return err;
	skb = cb_netlink_reply(info, SERVICE_MSG_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	rcu_read_lock();
	err = put_lookup(skb, info, &tuple, has_source);
	rcu_read_unlock();
	if (!err && dest_local(genl_info_net(info), &tuple))
		err = nla_put_flag(skb, COOKIEBOX_A_LOOKUP_DEST_LOCAL);
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return err;
}

static int put_reason(struct sk_buff *skb, u32 id)
{
	const struct cb_reason_info *r = &cb_reasons[id];

	if (nla_put_u32(skb, COOKIEBOX_A_REASON_ID, id) ||
	    nla_put_string(skb, COOKIEBOX_A_REASON_NAME, r->name) ||
	    nla_put_u8(skb, COOKIEBOX_A_REASON_CLASS, r->class) ||
	    nla_put_string(skb, COOKIEBOX_A_REASON_SENTENCE, r->sentence))
		return -EMSGSIZE;
	return 0;
}

int cookiebox_nl_reason_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct nlattr *id = info->attrs[COOKIEBOX_A_REASON_ID];
	struct sk_buff *skb;
	void *hdr;

	if (!id || nla_get_u32(id) >= CB_R_COUNT) {
		NL_SET_ERR_MSG_ATTR(info->extack, id, "no reason has this number");
		return id ? -ENOENT : -EINVAL;
	}
	skb = cb_netlink_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (!put_reason(skb, nla_get_u32(id)))
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return -EMSGSIZE;
}

int cookiebox_nl_reason_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	int err = cb_netlink_refuse_attrs(cb);

	for (; !err && cb->args[0] < CB_R_COUNT; cb->args[0]++) {
		void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
					&cb_family, NLM_F_MULTI, COOKIEBOX_CMD_REASON_GET);

		if (!hdr)
			break;
		if (put_reason(skb, cb->args[0])) {
			genlmsg_cancel(skb, hdr);
			break;
		}
		genlmsg_end(skb, hdr);
	}
	return err ? err : skb->len;
}
