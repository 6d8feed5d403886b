// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: registration, transactions, events.
 *
 * Owns the stages of the sockets that have begun a transaction, and the
 * numbers of events.
 *
 * Invariant: at most one stage per socket; it is dropped on commit, abort and
 * close, so none outlives its socket, and so none its namespace.
 *
 * Operations run in process context, one at a time under the genetlink lock;
 * closing a socket does not, hence stages_lock.  A stage that an operation has
 * found stays: its own socket cannot be closed meanwhile.
 *
 * Privileges: every operation has GENL_UNS_ADMIN_PERM, the group
 * GENL_MCAST_CAP_NET_ADMIN: CAP_NET_ADMIN in the user namespace that owns the
 * network namespace.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/slab.h>
#include "net.h"
#include "netlink.h"

struct holder {
	struct hlist_node node;		/* stages_lock */
	struct net *net;		/* of the socket, which holds it */
	u32 portid;
	struct cb_stage *stage;
};

static DEFINE_HASHTABLE(holders, 6);
static DEFINE_MUTEX(stages_lock);	/* holders */
static bool family_up;			/* groups have numbers; the key ring outlives the family */

static struct holder *find_holder(const struct net *net, u32 portid)
{
	struct holder *h;

	lockdep_assert_held(&stages_lock);
	hash_for_each_possible(holders, h, node, portid)
		if (h->portid == portid && net_eq(h->net, net))
			return h;
	return NULL;
}

/* The stage of a socket, taken from it; NULL: it has none. */
static struct cb_stage *take_stage(const struct net *net, u32 portid)
{
	struct cb_stage *stage = NULL;
	struct holder *h;

	mutex_lock(&stages_lock);
	h = find_holder(net, portid);
	if (h) {
		hash_del(&h->node);
		stage = h->stage;
		kfree(h);
	}
	mutex_unlock(&stages_lock);
	return stage;
}

struct cb_stage *cb_netlink_stage(struct genl_info *info)
{
	struct holder *h;

	mutex_lock(&stages_lock);
	h = find_holder(genl_info_net(info), info->snd_portid);
	mutex_unlock(&stages_lock);
	return h ? h->stage : NULL;
}

static int hold_stage(struct genl_info *info, struct cb_stage *stage)
{
	struct holder *h = kmalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return -ENOMEM;
	h->net = genl_info_net(info);
	h->portid = info->snd_portid;
	h->stage = stage;
	mutex_lock(&stages_lock);
	hash_add(holders, &h->node, h->portid);
	mutex_unlock(&stages_lock);
	return 0;
}

int cb_netlink_explain(struct genl_info *info, int err)
{
	if (err == -ENOMEM && info->extack && !info->extack->_msg)
		NL_SET_ERR_MSG(info->extack, "the kernel is out of memory");
	return err;
}

struct sk_buff *cb_netlink_reply(struct genl_info *info, size_t payload, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(payload, GFP_KERNEL);

	if (!skb) {
		cb_netlink_explain(info, -ENOMEM);
		return NULL;
	}
	*hdr = genlmsg_put_reply(skb, info, &cb_family, 0, info->genlhdr->cmd);
	if (*hdr)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

int cb_netlink_send(struct sk_buff *skb, void *hdr, struct genl_info *info)
{
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int reply_generation(struct genl_info *info, u32 generation)
{
	struct sk_buff *skb;
	void *hdr;

	skb = cb_netlink_reply(info, nla_total_size(sizeof(u32)), &hdr);
	if (!skb)
		return -ENOMEM;
	if (nla_put_u32(skb, COOKIEBOX_A_TRANSACTION_GENERATION, generation)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	return cb_netlink_send(skb, hdr, info);
}

static int check_base(const struct cb_stage *stage, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[COOKIEBOX_A_TRANSACTION_GENERATION];
	u32 generation = cb_stage_generation(stage);

	if (!attr || nla_get_u32(attr) == generation)
		return 0;
	CB_NL_ERR_ATTR_FMT(info->extack, attr, "another change came between: read again",
			   "another change came between: generation %u is in force, not %u",
			   generation, nla_get_u32(attr));
	return -ESTALE;
}

int cookiebox_nl_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cb_stage *stage;
	int err;

	if (cb_netlink_stage(info)) {
		NL_SET_ERR_MSG(info->extack,
			       "this socket has begun a transaction already: commit or abort it");
		return -EALREADY;
	}
	stage = cb_stage_begin(cb_net(genl_info_net(info)));
	if (!stage)
		return cb_netlink_explain(info, -ENOMEM);
	err = check_base(stage, info);
	if (!err)
		err = hold_stage(info, stage);
	if (err) {
		cb_stage_drop(stage);
		return cb_netlink_explain(info, err);
	}
	err = reply_generation(info, cb_stage_generation(stage));
	if (err)
		cb_stage_drop(take_stage(genl_info_net(info), info->snd_portid));
	return err;
}

static int no_transaction(struct genl_info *info)
{
	NL_SET_ERR_MSG(info->extack, "this socket has not begun a transaction");
	return -ENOENT;
}

int cookiebox_nl_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cb_stage *stage = take_stage(genl_info_net(info), info->snd_portid);
	u32 generation;
	int err;

	if (!stage)
		return no_transaction(info);
	err = cb_stage_commit(stage, &generation, info->extack);
	cb_stage_drop(stage);
	return err ? cb_netlink_explain(info, err) : reply_generation(info, generation);
}

int cookiebox_nl_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cb_stage *stage = take_stage(genl_info_net(info), info->snd_portid);

	if (!stage)
		return no_transaction(info);
	cb_stage_drop(stage);
	return 0;
}

static int socket_closed(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct netlink_notify *n = data;
	struct cb_stage *stage;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	stage = take_stage(n->net, n->portid);
	if (stage)
		cb_stage_drop(stage);
	return NOTIFY_DONE;
}

static struct notifier_block close_notifier = {
	.notifier_call = socket_closed,
};

static int fill_event(struct sk_buff *skb, u64 seq, enum cookiebox_event_kind kind,
		      u32 generation, const struct cb_service *svc, u32 epoch,
		      const struct cb_attack *attack)
{
	struct nlattr *nest;

	if (nla_put_u64_64bit(skb, COOKIEBOX_A_EVENT_SEQ, seq, COOKIEBOX_A_EVENT_PAD) ||
	    nla_put_u8(skb, COOKIEBOX_A_EVENT_KIND, kind) ||
	    nla_put_u32(skb, COOKIEBOX_A_EVENT_GENERATION, generation) ||
	    (epoch && nla_put_u32(skb, COOKIEBOX_A_EVENT_EPOCH, epoch)))
		return -EMSGSIZE;
	if (!svc)
		return 0;
	nest = nla_nest_start(skb, COOKIEBOX_A_EVENT_SERVICE);
	if (!nest || cb_netlink_put_service(skb, svc))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	if (!attack)
		return 0;
	nest = nla_nest_start(skb, COOKIEBOX_A_EVENT_ATTACK);
	if (!nest || cb_netlink_put_attack(skb, attack))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static struct sk_buff *make_event(u64 seq, enum cookiebox_event_kind kind, u32 generation,
				  const struct cb_service *svc, u32 epoch,
				  const struct cb_attack *attack)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	void *hdr;

	if (!skb)
		return NULL;
	hdr = genlmsg_put(skb, 0, 0, &cb_family, 0, COOKIEBOX_CMD_EVENT);
	if (!hdr || fill_event(skb, seq, kind, generation, svc, epoch, attack)) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, hdr);
	return skb;
}

static void tell(struct cb_net *cbn, enum cookiebox_event_kind kind,
		 const struct cb_service *svc, u32 epoch, const struct cb_attack *attack)
{
	u64 seq = atomic64_inc_return(&cbn->event_seq);
	struct sk_buff *skb;

	if (!READ_ONCE(family_up) ||
	    !genl_has_listeners(&cb_family, cbn->net, COOKIEBOX_NLGRP_EVENTS))
		return;
	rcu_read_lock();
	skb = make_event(seq, kind, cb_service_generation(cbn), svc, epoch, attack);
	rcu_read_unlock();
	/* An event that could not be made or sent shows as a gap in seq. */
	if (skb)
		genlmsg_multicast_netns(&cb_family, cbn->net, skb, 0,
					COOKIEBOX_NLGRP_EVENTS, GFP_ATOMIC);
}

void cb_netlink_event(struct cb_net *cbn, enum cookiebox_event_kind kind,
		      const struct cb_service *svc, u32 epoch)
{
	tell(cbn, kind, svc, epoch, NULL);
}

void cb_netlink_event_attack(struct cb_net *cbn, enum cookiebox_event_kind kind,
			     const struct cb_service *svc, const struct cb_attack *attack)
{
	tell(cbn, kind, svc, 0, attack);
}

static const struct genl_multicast_group groups[] = {
	[COOKIEBOX_NLGRP_EVENTS] = {
		.name = COOKIEBOX_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

struct genl_family cb_family __ro_after_init = {
	.name		= COOKIEBOX_FAMILY_NAME,
	.version	= COOKIEBOX_FAMILY_VERSION,
	.netnsok	= true,
	.module		= THIS_MODULE,
	.ops		= cookiebox_nl_ops,
	.n_ops		= ARRAY_SIZE(cookiebox_nl_ops),
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

/**
 * cb_netlink_register() - open the control plane
 *
 * Context: module init. Return: 0 or a negative errno.
 */
int cb_netlink_register(void)
{
	int err = netlink_register_notifier(&close_notifier);

	if (err)
		return err;
	err = genl_register_family(&cb_family);
	if (err)
		netlink_unregister_notifier(&close_notifier);
	else
		WRITE_ONCE(family_up, true);
	return err;
}

/**
 * cb_netlink_unregister() - close the control plane, drop what is staged
 *
 * Context: module exit; the namespaces' state still exists.
 */
void cb_netlink_unregister(void)
{
	struct hlist_node *next;
	struct holder *h;
	int bucket;

	WRITE_ONCE(family_up, false);
	genl_unregister_family(&cb_family);
	netlink_unregister_notifier(&close_notifier);
	hash_for_each_safe(holders, bucket, next, h, node) {
		hash_del(&h->node);
		cb_stage_drop(h->stage);
		kfree(h);
	}
}
