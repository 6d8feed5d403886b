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
 * Owns the SYNs under way (struct cb_show, held by the skb through its destructor).
 * Invariants: a shown SYN never leaves the host and never reaches TCP; nothing is shown for a
 * segment that did not open a cookie.  Hooks are found in the namespace's own
 * list, so that connection tracking need not be loaded.  The hooks' removal drops
 * what queues still hold (nf_queue_nf_hook_drop()).
 */
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <linux/slab.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>
#include "build.h"
#include "conntrack.h"
#include "elsewhere.h"

#define WINDOW		0xffffu		/* the ACK that follows says the real one */

struct cb_show {
	struct sk_buff *ack;		/* goes on once the SYN was let in */
	struct sk_buff *synack;
	struct nf_hook_state state;	/* of the ACK's PRE_ROUTING */
};

/* What became of the SYN that this CPU is showing. */
enum fate { WAITING, LET_IN, REFUSED };

struct showing {
	const struct sk_buff *syn;	/* NULL: none; only compared */
	enum fate fate;
};

static DEFINE_PER_CPU(struct showing, showing);

/* A list of hooks, and where to go on in it. */
struct place {
	const struct nf_hook_entries *e;
	unsigned int next;
};

static const struct nf_hook_entries *hooks_of(const struct net *net, u8 pf, unsigned int hook)
{
	if (pf == NFPROTO_IPV6)
		return rcu_dereference(net->nf.hooks_ipv6[hook]);
	return rcu_dereference(net->nf.hooks_ipv4[hook]);
}

/* Behind the hook @own. */
static bool behind(struct place *place, const struct nf_hook_state *state, nf_hookfn *own)
{
	const struct nf_hook_entries *e = hooks_of(state->net, state->pf, state->hook);
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

	if (!tracker(hooks_of(state->net, state->pf, state->hook)))
		return false;
	if (ctx->skb->_nfct || netif_is_l3_master(state->in))
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
}

/* The SYN ends before it was let in: a rule dropped it, or a queue was flushed. */
static void syn_ends(struct sk_buff *skb)
{
	struct cb_show *show = skb_shinfo(skb)->destructor_arg;
	struct showing *mine = this_cpu_ptr(&showing);

	if (mine->syn == skb)
		mine->fate = REFUSED;
	else
		kfree_skb(show->ack);
	free_show(show);
}

static struct cb_show *show_of(const struct sk_buff *skb)
{
	return skb->destructor == syn_ends ? skb_shinfo(skb)->destructor_arg : NULL;
}

static void let_go(struct sk_buff *skb)
{
	skb->destructor = NULL;
	skb_shinfo(skb)->destructor_arg = NULL;
}

static void dress(struct cb_build *b, const struct cb_ctx *ctx)
{
	const struct sk_buff *skb = ctx->skb;

	b->family = ctx->seg.tuple.family;
	b->window = WINDOW;
	if (b->family == AF_INET6) {
		b->tos = ipv6_get_dsfield(ipv6_hdr(skb));
		b->ttl = ipv6_hdr(skb)->hop_limit;
		return;
	}
	b->tos = ip_hdr(skb)->tos;
	b->ttl = ip_hdr(skb)->ttl;
}

static u8 options_of(const struct cb_opened *opened)
{
	return CB_OPT_MSS | (opened->offer.has_wscale ? CB_OPT_WSCALE : 0) |
	       (opened->offer.sack ? CB_OPT_SACK : 0) | (opened->timestamps ? CB_OPT_TS : 0);
}

static void describe_syn(struct cb_build *b, const struct cb_ctx *ctx)
{
	const struct cb_opened *opened = &ctx->opened;
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct cb_synack options = {
		.mss = opened->offer.mss,
		.wscale = opened->offer.wscale,
		.has = options_of(opened),
		.tsval = opened->tsval,
	};

	dress(b, ctx);
	b->saddr = &t->saddr;
	b->daddr = &t->daddr;
	b->sport = t->sport;
	b->dport = t->dport;
	b->flags = CB_TCP_SYN | (opened->offer.ecn ? CB_TCP_ECE | CB_TCP_CWR : 0);
	b->seq = opened->cisn;
	b->ack = 0;
	cb_build_options(b, &options);
}

static void describe_synack(struct cb_build *b, const struct cb_ctx *ctx)
{
	const struct cb_opened *opened = &ctx->opened;
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct cb_synack options = {
		.mss = opened->offer.mss,
		.wscale = opened->rcv_wscale,
		.has = options_of(opened),
		.tsval = ctx->seg.opt.tsecr,
		.tsecr = opened->tsval,
	};

	dress(b, ctx);
	b->saddr = &t->daddr;
	b->daddr = &t->saddr;
	b->sport = t->dport;
	b->dport = t->sport;
	b->flags = CB_TCP_SYN | CB_TCP_ACK | (opened->offer.ecn ? CB_TCP_ECE : 0);
	b->seq = opened->isn;
	b->ack = opened->cisn + 1;
	cb_build_options(b, &options);
}

static struct sk_buff *make(const struct cb_ctx *ctx, const struct cb_build *b)
{
	struct sk_buff *skb = cb_build_alloc(ctx->skb, cb_build_len(b));

	if (!skb)
		return NULL;
	skb_put(skb, cb_build_len(b));
	cb_build_write(skb, b, ctx->state->net);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->mark = ctx->skb->mark;
	return skb;
}

/* As the ACK came, but for what is in it: device, mark, IPsec path, addresses of
 * the link layer, control block.
 */
static struct sk_buff *make_syn(const struct cb_ctx *ctx)
{
	struct cb_build b;
	struct sk_buff *skb;
	u16 mac, network, transport;

	describe_syn(&b, ctx);
	skb = make(ctx, &b);
	if (!skb)
		return NULL;
	mac = skb->mac_header;
	network = skb->network_header;
	transport = skb->transport_header;
	skb_copy_header(skb, ctx->skb);
	skb->mac_header = mac;
	skb->network_header = network;
	skb->transport_header = transport;
	skb_gso_reset(skb);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	return skb;
}

static struct sk_buff *make_synack(const struct cb_ctx *ctx)
{
	struct cb_build b;

	describe_synack(&b, ctx);
	return make(ctx, &b);
}

/* The SYN, and with it all that follows. NULL: no memory, and nothing was made. */
static struct sk_buff *prepare(struct cb_ctx *ctx)
{
	struct cb_show *show = kmalloc(sizeof(*show), GFP_ATOMIC | __GFP_NOWARN);
	struct sk_buff *syn;

	if (!show)
		return NULL;
	show->ack = ctx->skb;
	show->state = *ctx->state;
	show->synack = make_synack(ctx);
	syn = show->synack ? make_syn(ctx) : NULL;
	if (!syn) {
		free_show(show);
		return NULL;
	}
	skb_shinfo(syn)->destructor_arg = show;
	syn->destructor = syn_ends;
	return syn;
}

/* Is it still for the listener that sealed? NAT and TPROXY have had their say. */
static bool same_ends(const struct cb_ctx *ctx, const struct sk_buff *syn)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	const struct tcphdr *th = tcp_hdr(syn);

	if (!show_of(syn) || syn->sk || th->dest != t->dport || th->source != t->sport)
		return false;
	if (t->family == AF_INET6)
		return ipv6_addr_equal(&ipv6_hdr(syn)->daddr, &t->daddr.in6) &&
		       ipv6_addr_equal(&ipv6_hdr(syn)->saddr, &t->saddr.in6);
	return ip_hdr(syn)->daddr == t->daddr.a[0] && ip_hdr(syn)->saddr == t->saddr.a[0];
}

#if IS_ENABLED(CONFIG_IPV6)
static bool routed_here6(struct net *net, struct sk_buff *syn)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(syn);
	struct flowi6 fl6 = {
		.flowi6_iif = syn->dev->ifindex,
		.daddr = ip6h->daddr,
		.saddr = ip6h->saddr,
		.flowlabel = ip6_flowinfo(ip6h),
		.flowi6_mark = syn->mark,
		.flowi6_proto = ip6h->nexthdr,
	};
	struct dst_entry *dst;

	dst = ip6_route_input_lookup(net, syn->dev, &fl6, syn, RT6_LOOKUP_F_HAS_SADDR);
	skb_dst_drop(syn);
	skb_dst_set(syn, dst);
	return !dst->error && (dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL);
}
#endif

/* Routes it, as the stack would do next: it must not leave this host. */
static bool routed_here(struct net *net, struct sk_buff *syn)
{
	const struct iphdr *iph = ip_hdr(syn);

#if IS_ENABLED(CONFIG_IPV6)
	if (syn->protocol == htons(ETH_P_IPV6))
		return routed_here6(net, syn);
#endif
	if (ip_route_input_noref(syn, iph->daddr, iph->saddr, iph->tos, syn->dev))
		return false;
	return skb_rtable(syn)->rt_type == RTN_LOCAL;
}

/* The ACK is none of connection tracking's business: the stack resets it. */
static struct cb_decision taken_elsewhere(struct cb_ctx *ctx)
{
	cb_elsewhere_note(ctx);
	nf_ct_set(ctx->skb, NULL, IP_CT_UNTRACKED);
	return cb_decide(CB_PASS, CB_R_NOT_LOCAL);
}

static struct cb_decision judged(enum fate fate)
{
	switch (fate) {
	case LET_IN:
		return cb_decide(CB_PASS, CB_R_NONE);
	case REFUSED:
		return cb_decide(CB_DROP, CB_R_REFUSED_BY_HOST);
	default:
		return cb_decide(CB_STOLEN, CB_R_NONE);
	}
}

struct cb_decision cb_conntrack_show(struct cb_ctx *ctx)
{
	struct showing *mine = this_cpu_ptr(&showing);
	struct nf_hook_state state = *ctx->state;
	bool elsewhere = false;
	struct place place;
	struct sk_buff *syn;

	if (!behind(&place, &state, cb_hooks_pre_routing))
		return judged(LET_IN);
	syn = prepare(ctx);
	if (!syn)
		return cb_decide(CB_DROP, CB_R_NO_MEMORY);
	mine->syn = syn;
	mine->fate = WAITING;
	if (nf_hook_slow(syn, &state, place.e, place.next) == 1) {
		elsewhere = !same_ends(ctx, syn) || !routed_here(state.net, syn);
		if (elsewhere)
			kfree_skb(syn);
		else
			state.okfn(state.net, state.sk, syn);
	}
	mine->syn = NULL;
	return elsewhere ? taken_elsewhere(ctx) : judged(mine->fate);
}

static void show_synack(struct sk_buff *synack, const struct nf_hook_state *state)
{
	struct nf_hook_state out = {
		.hook = NF_INET_LOCAL_OUT,
		.pf = state->pf,
		.out = state->in,
		.net = state->net,
	};
	const struct nf_hook_entry *ct = tracker(hooks_of(out.net, out.pf, out.hook));

	if (ct)
		nf_hook_entry_hookfn(ct, synack, &out);
}

/* The SYN came back from a queue, and the ACK with it: the ACK goes on. */
static void resume(struct cb_show *show)
{
	struct nf_hook_state *state = &show->state;
	struct place place;

	if (!behind(&place, state, cb_hooks_pre_routing))
		kfree_skb(show->ack);
	else if (nf_hook_slow(show->ack, state, place.e, place.next) == 1)
		state->okfn(state->net, state->sk, show->ack);
}

bool cb_conntrack_delivered(struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct showing *mine = this_cpu_ptr(&showing);
	struct nf_hook_state rest = *state;
	struct cb_show *show = show_of(skb);
	struct place place;

	if (!show)
		return false;
	if (!behind(&place, state, cb_hooks_local_in)) {
		kfree_skb(skb);
		return true;
	}
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
