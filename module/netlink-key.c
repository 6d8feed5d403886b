// SPDX-License-Identifier: GPL-2.0
/*
 * Keys over netlink.
 *
 * Owns nothing.  Invariant: copies of secrets are zeroed before their memory
 * goes, and secrets leave the kernel only if the request carries the flag
 * `secrets` (and CAP_NET_ADMIN, as everything).  What comes in or goes out in a
 * socket buffer is the admin's own: the buffer is not zeroed.
 *
 * Process context under the genetlink lock; keyring.c takes cb_net->lock.
 */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "net.h"
#include "netlink.h"

static int put_pair(struct sk_buff *skb, const struct cb_flow_pair *pair, bool secrets)
{
	struct nlattr *nest = nla_nest_start(skb, COOKIEBOX_A_KEY_FLOW_PAIR);

	if (!nest || nla_put_u32(skb, COOKIEBOX_A_FLOW_PAIR_BASE, pair->base))
		return -EMSGSIZE;
	if (secrets && nla_put(skb, COOKIEBOX_A_FLOW_PAIR_KEY, sizeof(pair->key), &pair->key))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_secrets(struct sk_buff *skb, const struct cb_key_info *key)
{
	if (nla_put(skb, COOKIEBOX_A_KEY_MASTER, CB_MASTER_LEN, key->master.secret))
		return -EMSGSIZE;
	if (key->pending &&
	    nla_put(skb, COOKIEBOX_A_KEY_PENDING_MASTER, CB_MASTER_LEN, key->next.secret))
		return -EMSGSIZE;
	return 0;
}

static int put_key(struct sk_buff *skb, const struct cb_net *cbn, const struct cb_key_info *key,
		   bool secrets)
{
	unsigned int i;

	if ((secrets && put_secrets(skb, key)) ||
	    nla_put_u8(skb, COOKIEBOX_A_KEY_CLOCK, key->master.clock) ||
	    (key->master.clock == CB_CLOCK_WALL &&
	     nla_put_u32(skb, COOKIEBOX_A_KEY_FLOOR, key->floor)) ||
	    nla_put_u32(skb, COOKIEBOX_A_KEY_EPOCH, key->epoch) ||
	    nla_put_u32(skb, COOKIEBOX_A_KEY_NEXT_EPOCH, key->next_ms) ||
	    nla_put_u32(skb, COOKIEBOX_A_KEY_EPOCH_SECONDS,
			READ_ONCE(cbn->sysctl.epoch_seconds)) ||
	    nla_put_u8(skb, COOKIEBOX_A_KEY_MASTER_PENDING, key->pending))
		return -EMSGSIZE;
	for (i = 0; i < key->n_pairs; i++)
		if (put_pair(skb, &key->pair[i], secrets))
			return -EMSGSIZE;
	return 0;
}

int cookiebox_nl_key_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	struct cb_key_info key;
	struct sk_buff *skb;
	void *hdr;
	int err;

	skb = cb_netlink_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	err = cb_keyring_read(cbn, &key);
	if (!err)
		err = put_key(skb, cbn, &key, !!info->attrs[COOKIEBOX_A_KEY_SECRETS]);
	memzero_explicit(&key, sizeof(key));
	if (!err)
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return cb_netlink_explain(info, err);
}

/* The number of the epoch that seals now, for events; 0 if it cannot be had. */
static u32 epoch_now(struct cb_net *cbn)
{
	struct cb_key_info key;
	u32 epoch;

	epoch = cb_keyring_read(cbn, &key) ? 0 : key.epoch;
	memzero_explicit(&key, sizeof(key));
	return epoch;
}

static int parse_pair(const struct nlattr *attr, struct cb_flow_pair *pair,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[COOKIEBOX_A_FLOW_PAIR_MAX + 1];
	int err;

	err = nla_parse_nested(tb, COOKIEBOX_A_FLOW_PAIR_MAX, attr, cookiebox_flow_pair_nl_policy,
			       extack);
	if (err)
		return err;
	if (!tb[COOKIEBOX_A_FLOW_PAIR_KEY] || !tb[COOKIEBOX_A_FLOW_PAIR_BASE]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "a flow pair is a key and a base");
		return -EINVAL;
	}
	nla_memcpy(&pair->key, tb[COOKIEBOX_A_FLOW_PAIR_KEY], sizeof(pair->key));
	pair->base = nla_get_u32(tb[COOKIEBOX_A_FLOW_PAIR_BASE]);
	return 0;
}

/* Return: how many pairs, or a negative errno. */
static int parse_pairs(struct genl_info *info, struct cb_flow_pair pairs[CB_FLOW_PAIRS])
{
	struct nlattr *attr;
	int err, rem, n = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != COOKIEBOX_A_KEY_FLOW_PAIR)
			continue;
		if (n == CB_FLOW_PAIRS) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "at most 4 flow pairs are held");
			return -EINVAL;
		}
		err = parse_pair(attr, &pairs[n++], info->extack);
		if (err)
			return err;
	}
	return n;
}

/* Master and pairs change together or not at all. */
static int set_master(struct cb_net *cbn, const struct cb_flow_pair *pairs, unsigned int n,
		      struct genl_info *info)
{
	struct nlattr *clock = info->attrs[COOKIEBOX_A_KEY_CLOCK];
	struct nlattr *floor = info->attrs[COOKIEBOX_A_KEY_FLOOR];
	struct cb_master m = {};
	int err;

	nla_memcpy(m.secret, info->attrs[COOKIEBOX_A_KEY_MASTER], CB_MASTER_LEN);
	m.clock = clock ? nla_get_u8(clock) : CB_CLOCK_LOCAL;
	m.floor = floor ? nla_get_u32(floor) : 0;
	err = cb_keyring_set(cbn, &m, !!info->attrs[COOKIEBOX_A_KEY_NOW], pairs, n, info->extack);
	memzero_explicit(&m, sizeof(m));
	if (!err)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_KEY_SET, NULL, epoch_now(cbn));
	return err;
}

/* What goes with a master only; and something must be there. */
static int check_set(struct genl_info *info)
{
	static const int with_master[] = {
		COOKIEBOX_A_KEY_CLOCK, COOKIEBOX_A_KEY_FLOOR, COOKIEBOX_A_KEY_NOW,
	};
	unsigned int i;

	if (info->attrs[COOKIEBOX_A_KEY_MASTER])
		return 0;
	for (i = 0; i < ARRAY_SIZE(with_master); i++) {
		if (!info->attrs[with_master[i]])
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[with_master[i]],
				    "clock, floor and now need a master");
		return -EINVAL;
	}
	if (info->attrs[COOKIEBOX_A_KEY_FLOW_PAIR])
		return 0;
	NL_SET_ERR_MSG(info->extack, "a master or flow pairs are missing");
	return -EINVAL;
}

int cookiebox_nl_key_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	struct cb_flow_pair pairs[CB_FLOW_PAIRS] = {};
	int err, n;

	err = check_set(info);
	if (err)
		return err;
	n = parse_pairs(info, pairs);
	err = min(n, 0);
	if (!err && info->attrs[COOKIEBOX_A_KEY_MASTER])
		err = set_master(cbn, pairs, n, info);
	else if (!err)
		err = cb_keyring_set_flow(cbn, pairs, n, info->extack);
	if (!err && n)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_FLOW_SET, NULL, epoch_now(cbn));
	memzero_explicit(pairs, sizeof(pairs));
	return err;
}

int cookiebox_nl_key_rotate_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cb_net *cbn = cb_net(genl_info_net(info));
	int err = cb_keyring_rotate(cbn, !!info->attrs[COOKIEBOX_A_KEY_NOW], info->extack);

	if (!err)
		cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_KEY_ROTATED, NULL, epoch_now(cbn));
	return err;
}
