// SPDX-License-Identifier: GPL-2.0
/*
 * The iptables target: -t raw -A PREROUTING -p tcp ... -j COOKIEBOX --service NAME
 *
 * Owns the target's registration.  Invariant: a rule holds the anchor of its
 * service from checkentry to destroy, so that the service can be changed but
 * not deleted below it.  checkentry and destroy run in process context
 * (nf_tables destroys in a work item, maybe after the namespace's state is
 * gone); the target runs in the raw table's PRE_ROUTING hook, under
 * rcu_read_lock().  Both back ends use it: iptables-legacy, and iptables-nft
 * through nft_compat.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/module.h>
#include "mode.h"
#include "net.h"
#include "service.h"
#include "uapi/linux/netfilter/xt_COOKIEBOX.h"

static_assert(XT_COOKIEBOX_NAME_LEN == CB_NAME_LEN);
static_assert(sizeof(struct xt_cookiebox_tginfo) == XT_COOKIEBOX_NAME_LEN + 8);

static unsigned int target(struct sk_buff *skb, const struct xt_action_param *par)
{
	const struct xt_cookiebox_tginfo *info = par->targinfo;
	const struct cb_service *svc;
	unsigned int verdict;

	/* A chain of one's own can be reached from another hook. */
	if (xt_hooknum(par) != NF_INET_PRE_ROUTING || !xt_in(par))
		return XT_CONTINUE;
	svc = cb_service_of_rule(info->anchor);
	if (!svc)
		return XT_CONTINUE;
	verdict = cb_hooks_rule(skb, par->state, svc);
	return verdict == NF_ACCEPT ? XT_CONTINUE : verdict;
}

static bool tcp_only(const struct xt_tgchk_param *par)
{
	const struct ip6t_ip6 *ip6 = par->entryinfo;
	const struct ipt_ip *ip = par->entryinfo;

	if (par->family == NFPROTO_IPV6)
		return ip6->proto == IPPROTO_TCP && (ip6->flags & IP6T_F_PROTO) &&
		       !(ip6->invflags & XT_INV_PROTO);
	return ip->proto == IPPROTO_TCP && !(ip->invflags & XT_INV_PROTO);
}

static int checkentry(const struct xt_tgchk_param *par)
{
	struct xt_cookiebox_tginfo *info = par->targinfo;
	struct cb_anchor *anchor;

	if (!tcp_only(par)) {
		pr_info_ratelimited("COOKIEBOX: the rule must match -p tcp\n");
		return -EINVAL;
	}
	if (!info->service[0] || strnlen(info->service, sizeof(info->service)) ==
				 sizeof(info->service)) {
		pr_info_ratelimited("COOKIEBOX: --service takes a name of 1 to %u characters\n",
				    XT_COOKIEBOX_NAME_LEN - 1);
		return -EINVAL;
	}
	anchor = cb_service_get_for_rule(cb_net(par->net), info->service);
	if (!anchor) {
		pr_info_ratelimited("COOKIEBOX: there is no service '%s' in this network namespace\n",
				    info->service);
		return -ENOENT;
	}
	info->anchor = anchor;
	return 0;
}

static void destroy(const struct xt_tgdtor_param *par)
{
	const struct xt_cookiebox_tginfo *info = par->targinfo;

	cb_service_put_for_rule(info->anchor);
}

#define TARGET(nfproto) {						\
	.name		= "COOKIEBOX",					\
	.revision	= 0,						\
	.family		= (nfproto),					\
	.table		= "raw",					\
	.hooks		= 1 << NF_INET_PRE_ROUTING,			\
	.target		= target,					\
	.targetsize	= sizeof(struct xt_cookiebox_tginfo),		\
	.usersize	= offsetof(struct xt_cookiebox_tginfo, anchor),	\
	.checkentry	= checkentry,					\
	.destroy	= destroy,					\
	.me		= THIS_MODULE,					\
}

static struct xt_target targets[] __read_mostly = {
	TARGET(NFPROTO_IPV4),
	TARGET(NFPROTO_IPV6),
};

/**
 * cb_target_register() - offer the target to both families
 *
 * Context: module init.  Return: 0 or a negative errno.
 */
int cb_target_register(void)
{
	return xt_register_targets(targets, ARRAY_SIZE(targets));
}

/**
 * cb_target_unregister() - take it back; no rule uses it any more
 *
 * Context: module exit.
 */
void cb_target_unregister(void)
{
	xt_unregister_targets(targets, ARRAY_SIZE(targets));
}
