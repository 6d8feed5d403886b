// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of servers, over netlink.
 *
 * Owns nothing and changes nothing.  Invariant: a dump goes by the places of the table,
 * which has a fixed size, so that it ends.
 *
 * Process context under the genetlink lock.
 */
#include <linux/netlink.h>
#include <net/sock.h>
#include "net.h"
#include "netlink.h"
#include "profiles.h"

static const u8 states[] = {
	[CB_PROFILE_UNKNOWN] = COOKIEBOX_SERVER_STATE_ASKED,
	[CB_PROFILE_KNOWN] = COOKIEBOX_SERVER_STATE_KNOWN,
	[CB_PROFILE_STALE] = COOKIEBOX_SERVER_STATE_STALE,
	[CB_PROFILE_DEAD] = COOKIEBOX_SERVER_STATE_DEAD,
};

/* Once there, as long as the namespace. */
static struct cb_profiles *profiles_of(const struct cb_net *cbn)
{
	return smp_load_acquire(&cbn->profiles);	/* and what is in it: cb_profiles_start() */
}

static int put_choice(struct sk_buff *skb, int type, const struct cb_profile *p, u8 what)
{
	return p->known & what ? nla_put_u8(skb, type, !!(p->has & what)) : 0;
}

static int put_profile(struct sk_buff *skb, const struct cb_profile *p)
{
	u8 scaled = p->known & p->has & CB_PROFILE_WSCALE;

	if ((p->mss && nla_put_u16(skb, COOKIEBOX_A_SERVER_MSS, p->mss)) ||
	    (scaled && nla_put_u8(skb, COOKIEBOX_A_SERVER_WSCALE, p->wscale)) ||
	    put_choice(skb, COOKIEBOX_A_SERVER_SACK, p, CB_PROFILE_SACK) ||
	    put_choice(skb, COOKIEBOX_A_SERVER_TIMESTAMPS, p, CB_PROFILE_TS) ||
	    put_choice(skb, COOKIEBOX_A_SERVER_ECN, p, CB_PROFILE_ECN))
		return -EMSGSIZE;
	return 0;
}

static int put_server(struct sk_buff *skb, const struct cb_profile_view *v)
{
	struct cb_prefix host = {
		.addr = v->addr, .family = v->family, .len = v->family == AF_INET ? 32 : 128,
	};

	if (cb_netlink_put_prefix(skb, COOKIEBOX_A_SERVER_ADDR, &host) ||
	    nla_put_u16(skb, COOKIEBOX_A_SERVER_PORT, be16_to_cpu(v->port)) ||
	    nla_put_u8(skb, COOKIEBOX_A_SERVER_STATE, states[v->state]) ||
	    nla_put_u64_64bit(skb, COOKIEBOX_A_SERVER_AGE, v->age_ms, COOKIEBOX_A_SERVER_PAD))
		return -EMSGSIZE;
	return put_profile(skb, &v->profile);
}

static int parse_server(struct genl_info *info, struct cb_tuple *t)
{
	struct nlattr *addr = info->attrs[COOKIEBOX_A_SERVER_ADDR];
	struct nlattr *port = info->attrs[COOKIEBOX_A_SERVER_PORT];
	struct cb_prefix host = {};
	int err = addr ? cb_netlink_parse_prefix(addr, &host, info->extack) : 0;

	if (err)
		return err;
	if (!host.family || host.len != (host.family == AF_INET ? 32 : 128) || !port) {
		NL_SET_ERR_MSG(info->extack,
			       "a server is named by its address and port: give both, or dump");
		return -EINVAL;
	}
	*t = (struct cb_tuple){
		.daddr = host.addr, .dport = cpu_to_be16(nla_get_u16(port)), .family = host.family,
	};
	return 0;
}

int cookiebox_nl_server_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_profiles *p = profiles_of(cb_net(genl_info_net(info)));
	struct cb_profile_view view;
	struct cb_tuple tuple;
	struct sk_buff *skb;
	void *hdr;
	int err;

	err = parse_server(info, &tuple);
	if (err)
		return err;
	if (!p || !cb_profiles_find(p, &tuple, cb_now_ms(), &view)) {
		NL_SET_ERR_MSG(info->extack, "nothing is known of this server");
		return -ENOENT;
	}
	skb = cb_netlink_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (!put_server(skb, &view))
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return -EMSGSIZE;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct cb_profile_view *view)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &cb_family,
				NLM_F_MULTI, COOKIEBOX_CMD_SERVER_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_server(skb, view)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* args[0]: the place that comes next. */
int cookiebox_nl_server_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cb_profiles *p = profiles_of(cb_net(sock_net(skb->sk)));
	int err = cb_netlink_refuse_attrs(cb);
	struct cb_profile_view view;
	u32 at = cb->args[0];

	while (!err && p && cb_profiles_next(p, &at, cb_now_ms(), &view)) {
		err = dump_one(skb, cb, &view);
		if (!err)
			cb->args[0] = at;
	}
	return skb->len ? skb->len : err;
}
