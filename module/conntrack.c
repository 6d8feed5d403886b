// SPDX-License-Identifier: GPL-2.0
/*
 * Showing a proven handshake to connection tracking and to the host's rules.
 *
 * SYNs are answered before connection tracking, so it has seen nothing when the
 * ACK comes, and rules that want to judge a NEW connection by its SYN would never
 * see one.  When a cookie has opened, the SYN is therefore made again from it and
 * sent through the rest of PRE_ROUTING, routing and INPUT.  If the rules let it in,
 * our hook at LOCAL_IN takes it out, lets connection tracking confirm it and shows
 * it the SYN-ACK too; then the ACK goes on, and is ESTABLISHED.  If they drop it,
 * the ACK is dropped.  A rule that queues to userspace makes the ACK wait: it
 * travels with the SYN.
 *
 * Owns the SYNs under way (struct cb_show, held by the skb through its destructor;
 * each holds the module, since a queue may keep it for long).  Invariants: whatever
 * the way back from the last hook of PRE_ROUTING is, a SYN goes on through ours
 * (arrive()), so that it neither leaves the host nor is taken for another; nothing
 * is shown for a segment that did not open a cookie.
 */
#include <linux/module.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/slab.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>
#include "conntrack.h"
#include "elsewhere.h"
#include "resume.h"
#include "shown.h"

struct cb_show {
	struct sk_buff *ack;		/* goes on once the SYN was let in */
	struct sk_buff *synack;
	struct nf_hook_state state;	/* of the ACK's PRE_ROUTING */
	struct cb_tuple tuple;
	u64 now_ms;			/* CLOCK_MONOTONIC, when it was made */
};

/* What became of the SYN that this CPU is showing. */
enum fate { WAITING, LET_IN, REFUSED, TAKEN };

struct showing {
	const struct sk_buff *syn;	/* NULL: none; only compared */
	enum fate fate;
};

static DEFINE_PER_CPU(struct showing, showing);

/* Connection tracking's own hook: by its priority, and not a rule's. */
static const struct nf_hook_entry *tracker(const struct nf_hook_entries *e)
{
	struct nf_hook_ops **ops;
	unsigned int i;

	if (!e || !rcu_access_pointer(nf_ct_hook))
		return NULL;
	ops = nf_hook_entries_get_hook_ops(e);
	for (i = 0; i < e->num_hook_entries; i++)
		if (READ_ONCE(ops[i]->priority) == NF_IP_PRI_CONNTRACK &&
		    ops[i]->hook_ops_type == NF_HOOK_OP_UNDEFINED)
			return &e->hooks[i];
	return NULL;
}

bool cb_conntrack_watches(const struct cb_ctx *ctx)
{
	const struct nf_hook_state *state = ctx->state;
	enum ip_conntrack_info info;
	const struct nf_conn *ct;

	if (!tracker(cb_resume_hooks(state->net, state->pf, state->hook)))
		return false;
	ct = nf_ct_get(ctx->skb, &info);	/* a template says only how to track */
	if ((ct && !nf_ct_is_template(ct)) || info == IP_CT_UNTRACKED ||
	    netif_is_l3_master(state->in))
		return false;
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (nf_bridge_info_exists(ctx->skb))
		return false;
#endif
	return true;
}

static void free_show(struct cb_show *show)
{
	kfree_skb(show->synack);
	kfree(show);
	module_put(THIS_MODULE);	/* what runs on does so under rcu_read_lock() */
}

static void note_elsewhere(const struct cb_show *show)
{
	cb_elsewhere_note(cb_net(show->state.net), &show->tuple, show->now_ms);
}

/* The SYN ends before it was let in: a rule dropped it, or a queue was flushed.  Or
 * it lives on without us: a buffer that is freed has lost its route by now, one that
 * still has it is on its way to a server of IPVS.
 */
static void syn_ends(struct sk_buff *skb)
{
	struct cb_show *show = skb_shinfo(skb)->destructor_arg;
	bool taken = skb_dst(skb);
	struct showing *mine;

	local_bh_disable();
	mine = this_cpu_ptr(&showing);
	if (mine->syn == skb) {
		mine->fate = taken ? TAKEN : REFUSED;
	} else {
		if (taken)
			note_elsewhere(show);
		kfree_skb(show->ack);
	}
	local_bh_enable();
	free_show(show);
}

static struct cb_show *show_of(const struct sk_buff *skb)
{
	return skb->destructor == syn_ends ? skb_shinfo(skb)->destructor_arg : NULL;
}

/* The SYN, and with it all that follows. NULL: no memory, and nothing was made. */
static struct sk_buff *prepare(struct cb_ctx *ctx)
{
	struct cb_show *show = kmalloc(sizeof(*show), GFP_ATOMIC | __GFP_NOWARN);
	struct sk_buff *syn;

	if (!show)
		return NULL;
	if (!try_module_get(THIS_MODULE)) {
		kfree(show);
		return NULL;
	}
	show->ack = ctx->skb;
	show->state = *ctx->state;
	show->tuple = ctx->seg.tuple;
	show->now_ms = ctx->now_ms;
	show->synack = cb_shown_synack(ctx);
	syn = show->synack ? cb_shown_syn(ctx) : NULL;
	if (!syn) {
		free_show(show);
		return NULL;
	}
	skb_shinfo(syn)->destructor_arg = show;
	syn->destructor = syn_ends;
	return syn;
}

/* Is it still for the listener that sealed? NAT has had its say. */
static bool same_ends(const struct cb_tuple *t, const struct sk_buff *syn)
{
	const struct tcphdr *th = tcp_hdr(syn);

	if (syn->sk || th->dest != t->dport || th->source != t->sport)
		return false;
	if (t->family == AF_INET6)
		return ipv6_addr_equal(&ipv6_hdr(syn)->daddr, &t->daddr.in6) &&
		       ipv6_addr_equal(&ipv6_hdr(syn)->saddr, &t->saddr.in6);
	return ip_hdr(syn)->daddr == t->daddr.a[0] && ip_hdr(syn)->saddr == t->saddr.a[0];
}

static bool is_local6(const struct sk_buff *syn)
{
#if IS_ENABLED(CONFIG_IPV6)
	return dst_rt6_info(skb_dst(syn))->rt6i_flags & RTF_LOCAL;
#else
	return false;
#endif
}

/* Routes it, as the stack would do next: it must not leave this host. */
static enum fate route(struct net *net, struct sk_buff *syn)
{
	if (!cb_resume_route(net, syn))
		return REFUSED;
	if (syn->protocol == htons(ETH_P_IPV6))
		return is_local6(syn) ? LET_IN : TAKEN;
	switch (skb_rtable(syn)->rt_type) {
	case RTN_LOCAL:
		return LET_IN;
	case RTN_UNICAST:
		return TAKEN;
	default:
		return REFUSED;
	}
}

/* The ACK goes on behind our hook. */
static void resume(struct cb_show *show)
{
	cb_resume(show->ack, &show->state, cb_hooks_pre_routing);
}

static void let_go(struct sk_buff *skb)
{
	skb->destructor = NULL;
	skb_shinfo(skb)->destructor_arg = NULL;
}

/* None of connection tracking's business: the stack resets it. */
static void untrack(struct sk_buff *ack)
{
	nf_reset_ct(ack);
	nf_ct_set(ack, NULL, IP_CT_UNTRACKED);
}

/* What this CPU shows is noted, and its ACK released, when cb_conntrack_show() goes on. */
static void take_elsewhere(struct sk_buff *syn, struct cb_show *show)
{
	struct showing *mine = this_cpu_ptr(&showing);

	let_go(syn);
	if (mine->syn == syn) {
		mine->fate = TAKEN;
	} else {
		note_elsewhere(show);
		untrack(show->ack);
		resume(show);
	}
	kfree_skb(syn);
	free_show(show);
}

/* A SYN that TPROXY gave to a socket of its own, and a queue gave back. */
static void note_diverted(struct net *net, const struct sk_buff *syn)
{
	struct cb_tuple t = { .family = AF_INET, .dport = tcp_hdr(syn)->dest };

	if (syn->protocol == htons(ETH_P_IPV6)) {
		t.family = AF_INET6;
		t.daddr.in6 = ipv6_hdr(syn)->daddr;
	} else {
		t.daddr.a[0] = ip_hdr(syn)->daddr;
	}
	cb_elsewhere_note(cb_net(net), &t, cb_now_ms());
}

/* Behind the hooks of PRE_ROUTING, at once or when a queue gives the SYN back.  One
 * that lost its destructor was given to another socket (TPROXY).
 */
static int arrive(struct net *net, struct sock *sk, struct sk_buff *syn)
{
	struct cb_show *show = show_of(syn);
	struct showing *mine;
	enum fate fate;

	local_bh_disable();
	mine = this_cpu_ptr(&showing);
	if (!show) {
		if (mine->syn == syn)
			mine->fate = TAKEN;
		else if (syn->sk)
			note_diverted(net, syn);
		kfree_skb(syn);
		goto out;
	}
	fate = same_ends(&show->tuple, syn) ? route(net, syn) : TAKEN;
	if (fate == LET_IN)
		show->state.okfn(net, sk, syn);
	else if (fate == TAKEN)
		take_elsewhere(syn, show);
	else
		kfree_skb(syn);
out:
	local_bh_enable();
	return 0;
}

struct cb_decision cb_conntrack_release(struct cb_ctx *ctx)
{
	untrack(ctx->skb);
	return cb_decide(CB_PASS, CB_R_NOT_LOCAL);
}

static struct cb_decision judged(struct cb_ctx *ctx, enum fate fate)
{
	switch (fate) {
	case LET_IN:
		return cb_decide(CB_PASS, CB_R_NONE);
	case REFUSED:
		return cb_decide(CB_DROP, CB_R_REFUSED_BY_HOST);
	case TAKEN:
		cb_elsewhere_note(ctx->cbn, &ctx->seg.tuple, ctx->now_ms);
		return cb_conntrack_release(ctx);
	default:
		return cb_decide(CB_STOLEN, CB_R_NONE);
	}
}

struct cb_decision cb_conntrack_show(struct cb_ctx *ctx)
{
	struct showing *mine = this_cpu_ptr(&showing);
	struct nf_hook_state state = *ctx->state;
	struct cb_place place;
	struct sk_buff *syn;

	if (!cb_resume_place(&place, &state, cb_hooks_pre_routing))
		return judged(ctx, LET_IN);
	syn = prepare(ctx);
	if (!syn)
		return cb_decide(CB_DROP, CB_R_NO_MEMORY);
	state.okfn = arrive;
	mine->syn = syn;
	mine->fate = WAITING;
	if (nf_hook_slow(syn, &state, place.e, place.next) == 1)
		arrive(state.net, state.sk, syn);
	mine->syn = NULL;
	return judged(ctx, mine->fate);
}

static void show_synack(struct sk_buff *synack, const struct nf_hook_state *state)
{
	struct nf_hook_state out = {
		.hook = NF_INET_LOCAL_OUT,
		.pf = state->pf,
		.out = state->in,
		.net = state->net,
	};
	const struct nf_hook_entry *ct = tracker(cb_resume_hooks(out.net, out.pf, out.hook));

	if (ct)
		nf_hook_entry_hookfn(ct, synack, &out);
}

/* A hook behind ours that queues the SYN gives it back here. */
static int give_up(struct net *net, struct sock *sk, struct sk_buff *syn)
{
	kfree_skb(syn);
	return 0;
}

bool cb_conntrack_delivered(struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct showing *mine = this_cpu_ptr(&showing);
	struct nf_hook_state rest = *state;
	struct cb_show *show = show_of(skb);
	struct cb_place place;

	if (!show)
		return false;
	if (!same_ends(&show->tuple, skb)) {	/* NAT in INPUT */
		take_elsewhere(skb, show);
		return true;
	}
	if (!cb_resume_place(&place, state, cb_hooks_local_in)) {
		kfree_skb(skb);
		return true;
	}
	rest.okfn = give_up;
	if (nf_hook_slow(skb, &rest, place.e, place.next) != 1)
		return true;
	show_synack(show->synack, state);
	let_go(skb);
	if (mine->syn == skb)
		mine->fate = LET_IN;
	else
		resume(show);
	consume_skb(skb);
	free_show(show);
	return true;
}
