// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks over netlink: those that are past, and those that last.
 *
 * Owns nothing and changes nothing.  Invariant: a dump shows what was there when it
 * began; if an attack has ended since, its messages say so (NLM_F_DUMP_INTR).
 *
 * Process context under the genetlink lock; services are read under RCU.
 */
#include <linux/netlink.h>
#include <net/sock.h>
#include "mode.h"
#include "net.h"
#include "netlink.h"

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, COOKIEBOX_A_ATTACK_PAD);
}

int cb_netlink_put_attack(struct sk_buff *skb, const struct cb_attack *attack)
{
	if (nla_put_string(skb, COOKIEBOX_A_ATTACK_SERVICE, attack->name) ||
	    nla_put_u32(skb, COOKIEBOX_A_ATTACK_ID, attack->id) ||
	    put_u64(skb, COOKIEBOX_A_ATTACK_START, attack->start_ms) ||
	    (attack->end_ms && put_u64(skb, COOKIEBOX_A_ATTACK_END, attack->end_ms)) ||
	    nla_put_u32(skb, COOKIEBOX_A_ATTACK_PEAK, attack->peak) ||
	    put_u64(skb, COOKIEBOX_A_ATTACK_ANSWERED, attack->answered) ||
	    put_u64(skb, COOKIEBOX_A_ATTACK_COMPLETED, attack->completed))
		return -EMSGSIZE;
	return 0;
}

/* The newest of a name.  Of several with one name, all but one were deleted. */
static bool newest(struct cb_net *cbn, const char *name, struct cb_attack *out)
{
	const struct cb_service *svc;
	struct cb_attack attack;
	bool found;
	u64 n;

	rcu_read_lock();
	svc = cb_service_by_name(cbn, name);
	found = svc && cb_attack_of(cbn, svc, out);
	rcu_read_unlock();
	if (found)
		return true;
	for (n = 0; cb_attack_past(cbn, &n, &attack); n++) {
		if (strcmp(attack.name, name))
			continue;
		*out = attack;
		found = true;
	}
	return found;
}

int cookiebox_nl_attack_get_doit(struct sk_buff *in, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[COOKIEBOX_A_ATTACK_SERVICE];
	struct cb_attack attack;
	char name[CB_NAME_LEN];
	struct sk_buff *skb;
	void *hdr;

	if (!attr) {
		NL_SET_ERR_MSG(info->extack, "a service name is missing: give one, or dump");
		return -EINVAL;
	}
	nla_strscpy(name, attr, sizeof(name));
	if (!newest(cb_net(genl_info_net(info)), name, &attack)) {
		CB_NL_ERR_ATTR_FMT(info->extack, attr, "no attack on this service is remembered",
				   "no attack on %s is remembered", name);
		return -ENOENT;
	}
	skb = cb_netlink_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!skb)
		return -ENOMEM;
	if (!cb_netlink_put_attack(skb, &attack))
		return cb_netlink_send(skb, hdr, info);
	nlmsg_free(skb);
	return -EMSGSIZE;
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct cb_attack *attack)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &cb_family,
				NLM_F_MULTI, COOKIEBOX_CMD_ATTACK_GET);

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (cb_netlink_put_attack(skb, attack)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* args[0]: of the history, what comes next; args[1]: of the services, the lowest id. */
static int dump_past(struct sk_buff *skb, struct netlink_callback *cb, struct cb_net *cbn)
{
	struct cb_attack attack;
	u64 n = cb->args[0];
	int err;

	for (; cb_attack_past(cbn, &n, &attack); n++) {
		err = dump_one(skb, cb, &attack);
		cb->args[0] = n;
		if (err)
			return err;
	}
	cb->args[0] = n;
	return 0;
}

static int dump_present(struct sk_buff *skb, struct netlink_callback *cb, struct cb_net *cbn)
{
	const struct cb_service *svc;
	struct cb_attack attack;
	int err = 0;

	rcu_read_lock();
	while (!err) {
		svc = cb_service_from_id(cbn, cb->args[1]);
		if (!svc)
			break;
		if (cb_attack_of(cbn, svc, &attack))
			err = dump_one(skb, cb, &attack);
		if (!err)
			cb->args[1] = (long)svc->anchor->id + 1;
	}
	rcu_read_unlock();
	return err;
}

int cookiebox_nl_attack_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cb_net *cbn = cb_net(sock_net(skb->sk));
	int err = cb_netlink_refuse_attrs(cb);

	if (err)
		return err;
	cb->seq = cb_attack_count(cbn) + 1;	/* 0 would mean unknown */
	err = dump_past(skb, cb, cbn);
	if (!err)
		err = dump_present(skb, cb, cbn);
	return skb->len ? skb->len : err;
}
