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
#include <net/net_namespace.h>
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

void cb_resume(struct sk_buff *skb, struct nf_hook_state *state, nf_hookfn *own)
{
	struct cb_place place;

	if (!cb_resume_place(&place, state, own))
		kfree_skb(skb);
	else if (nf_hook_slow(skb, state, place.e, place.next) == 1)
		state->okfn(state->net, state->sk, skb);
}
