/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Goes on in a list of hooks, behind one of ours.
 *
 * All: softirq or BH off, rcu_read_lock().
 */
#ifndef CB_RESUME_H
#define CB_RESUME_H

#include <linux/netfilter.h>

/* A list of hooks, and where to go on in it. */
struct cb_place {
	const struct nf_hook_entries *e;
	unsigned int next;
};

/* The hooks of a namespace; NULL: it has none there. */
const struct nf_hook_entries *cb_resume_hooks(const struct net *net, u8 pf, unsigned int hook);

/* Behind the hook @own.  False: it is no longer registered. */
bool cb_resume_place(struct cb_place *place, const struct nf_hook_state *state, nf_hookfn *own);

/**
 * cb_resume_route() - find the route of a segment that arrived by skb->dev
 * @net:	namespace
 * @skb:	segment
 *
 * As the stack does behind PRE_ROUTING.  Return: false if it has none.
 */
bool cb_resume_route(struct net *net, struct sk_buff *skb);

/* For nf_hook_state.okfn: routed, and on its way as the route says. */
int cb_resume_routed(struct net *net, struct sock *sk, struct sk_buff *skb);

/**
 * cb_resume() - a segment goes on behind a hook of ours, and then by state->okfn
 * @skb:	segment; consumed
 * @state:	of the hook; on the stack is fine, as queues copy it
 * @own:	the hook
 *
 * If the hook is no longer there, the segment is freed.
 */
void cb_resume(struct sk_buff *skb, struct nf_hook_state *state, nf_hookfn *own);

#endif
