// SPDX-License-Identifier: GPL-2.0
/*
 * Goes on in a list of hooks, behind one of ours: what cookiebox makes, or had held,
 * meets connection tracking, NAT and rules as if it came from the network now.
 *
 * Owns no state.  Invariant: our own hook does not see it again.  Hooks are found in the
 * namespace's own list, so that nothing else need be loaded.  Called by conntrack.c
 * and splice-send.c; softirq or BH off, rcu_read_lock().
 */
#include <linux/skbuff.h>
#include <net/dst_metadata.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include "resume.h"

const struct nf_hook_entries *cb_resume_hooks(const struct net *net, u8 pf, unsigned int hook)
{
	if (pf == NFPROTO_IPV6)
		return rcu_dereference(net->nf.hooks_ipv6[hook]);
	return rcu_dereference(net->nf.hooks_ipv4[hook]);
}

bool cb_resume_place(struct cb_place *place, const struct nf_hook_state *state, nf_hookfn *own)
{
	const struct nf_hook_entries *e = cb_resume_hooks(state->net, state->pf, state->hook);
	unsigned int i;

	for (i = 0; e && i < e->num_hook_entries; i++) {
		if (e->hooks[i].hook != own)
			continue;
		place->e = e;
		place->next = i + 1;
		return true;
	}
	return false;
}

static bool route6(struct net *net, struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct tcphdr *th = (const struct tcphdr *)skb_transport_header(skb);
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	struct flowi6 fl6 = {
		.flowi6_iif = skb->dev->ifindex,
		.daddr = ip6h->daddr,
		.saddr = ip6h->saddr,
		.flowlabel = ip6_flowinfo(ip6h),
		.flowi6_mark = skb->mark,
		.flowi6_proto = ip6h->nexthdr,
		.fl6_sport = th->source,
		.fl6_dport = th->dest,
	};
	const struct ip_tunnel_info *tun = skb_tunnel_info(skb);
	struct dst_entry *dst;

	if (tun && !(tun->mode & IP_TUNNEL_INFO_TX))
		fl6.flowi6_tun_key.tun_id = tun->key.tun_id;
	dst = ip6_route_input_lookup(net, skb->dev, &fl6, skb, RT6_LOOKUP_F_HAS_SADDR);
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	return !dst->error;
#else
	return false;
#endif
}

bool cb_resume_route(struct net *net, struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (skb->protocol == htons(ETH_P_IPV6))
		return route6(net, skb);
	return !ip_route_input_noref(skb, iph->daddr, iph->saddr, iph->tos, skb->dev);
}

int cb_resume_routed(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	if (skb_valid_dst(skb) || cb_resume_route(net, skb))
		return dst_input(skb);
	kfree_skb(skb);
	return 0;
}

void cb_resume(struct sk_buff *skb, struct nf_hook_state *state, nf_hookfn *own)
{
	struct cb_place place;

	if (!cb_resume_place(&place, state, own))
		kfree_skb(skb);
	else if (nf_hook_slow(skb, state, place.e, place.next) == 1)
		state->okfn(state->net, state->sk, skb);
}
