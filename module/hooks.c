// SPDX-License-Identifier: GPL-2.0
/*
 * The two hooks, and the one place that turns a decision into a netfilter
 * verdict and counts it.
 *
 * Owns the registration.  Invariants: each segment is judged once per hook;
 * engagement `observe` touches nothing; nothing is carried from PRE_ROUTING to
 * LOCAL_IN.  The hooks run under rcu_read_lock(), in softirq or, when NFQUEUE gives
 * a segment back, in process context: from the look-up of the service on they
 * keep BH off.  Registration runs in process context under cb_net->lock (net.c).
 *
 * PRE_ROUTING, -250: after defragmentation and the raw table, before conntrack.
 * LOCAL_IN, last: sockets are made only after the host's INPUT rules.
 *
 * Most segments of a host are none of ours, or of connections that it knows: they
 * leave by the first lines of a hook.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/tcp.h>
#include "conntrack.h"
#include "demux.h"
#include "elsewhere.h"
#include "embryonic.h"
#include "flow-local.h"
#include "splice.h"
#include "table.h"
#include "uapi/linux/cookiebox.h"

#include "trace.h"

#define CB_PRI_PRE_ROUTING	(-250)

/* What opened a cookie of ours is not observed but dealt with: we have promised. */
static bool observing(const struct cb_ctx *ctx)
{
	return ctx->state->hook == NF_INET_PRE_ROUTING && !ctx->redeeming &&
	       ctx->svc->spec.engage == COOKIEBOX_ENGAGE_OBSERVE;
}

/* Cheap, and never wrong when it says no. */
static bool may_have_less(const struct cb_ctx *ctx)
{
	const struct cb_options *opt = &ctx->seg.opt;

	return ctx->synack.kept_mss != opt->mss || (opt->has & ctx->policy.extras);
}

static unsigned int answer(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_reply_synack(ctx);	/* consumes the skb */
	bool kept = false;

	cb_count(ctx->svc, reason, false);
	trace_cb_syn(&ctx->seg, ctx->svc->anchor->id, reason, false, ctx->synack.isn);
	if (reason == CB_R_SYN_ANSWERED && ctx->svc->spec.engage == COOKIEBOX_ENGAGE_ALWAYS)
		kept = cb_embryonic_answered(ctx);
	if (unlikely(may_have_less(ctx)))
		cb_count_less(ctx, kept);
	return NF_STOLEN;
}

static void note(const struct cb_ctx *ctx, enum cb_reason reason, bool observed)
{
	u32 service = ctx->svc->anchor->id;

	if (reason == CB_R_NONE)
		return;
	if (ctx->redeeming || ctx->state->hook == NF_INET_LOCAL_IN)
		trace_cb_ack(&ctx->seg, service, reason, observed, ctx->seg.ack - 1);
	else
		trace_cb_verdict(&ctx->seg, service, reason, observed);
	cb_count(ctx->svc, reason, observed);
}

/* The only place where a decision becomes a verdict. */
static unsigned int carry_out(struct cb_ctx *ctx, struct cb_decision d)
{
	bool observed = observing(ctx);

	if (d.action == CB_ANSWER && !observed)
		return answer(ctx);
	note(ctx, d.reason, observed);
	if (observed)
		return NF_ACCEPT;
	switch (d.action) {
	case CB_DROP:
		return NF_DROP;
	case CB_STOLEN:
		return NF_STOLEN;
	default:
		return NF_ACCEPT;
	}
}

static bool begin(struct cb_ctx *ctx, struct cb_net *cbn, struct sk_buff *skb,
		  const struct nf_hook_state *state)
{
	ctx->skb = skb;
	ctx->state = state;
	ctx->cbn = cbn;
	ctx->redeeming = false;
	ctx->requested = false;
	ctx->hash.known = false;
	return cb_parse_tuple(ctx);
}

/* The rest of the context, for segments of a service. */
static bool prepare(struct cb_ctx *ctx)
{
	ctx->ring = rcu_dereference(ctx->cbn->ring);
	ctx->memo = NULL;
	ctx->now_ms = cb_now_ms();
	return ctx->ring;
}

/* The same at LOCAL_IN. */
static bool prepare_again(struct cb_ctx *ctx)
{
	ctx->ring = rcu_dereference(ctx->cbn->ring);
	if (!ctx->ring)
		return false;
	ctx->memo = NULL;
	if (!cb_judge_again(ctx))
		ctx->now_ms = cb_now_ms();
	return true;
}

/* A rule outranks mark and address, so what a rule let pass on this CPU is not
 * judged again in our own hook.  Only compared, never followed.  Were a later
 * rule to drop it, the next segment in the same buffer from the same port might
 * pass unjudged, once.
 */
struct ruled {
	const struct sk_buff *skb;
	u32 ports;
};

static DEFINE_PER_CPU(struct ruled, ruled);

static u32 ports_of(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;

	return (u32)be16_to_cpu(t->sport) << 16 | be16_to_cpu(t->dport);
}

static bool was_ruled(const struct cb_ctx *ctx)
{
	struct ruled *r = this_cpu_ptr(&ruled);
	bool was = r->skb == ctx->skb && r->ports == ports_of(ctx);

	r->skb = NULL;
	return was;
}

/* Only what was sent to this host.  A VRF runs PRE_ROUTING twice, first on the
 * member device and then on its own: the second time counts.
 */
static bool ours(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	return skb->pkt_type == PACKET_HOST && !netif_is_l3_slave(state->in);
}

static unsigned int pre_routing(struct cb_ctx *ctx)
{
	if (ctx->svc->spec.engage != COOKIEBOX_ENGAGE_ALWAYS && !cb_engage_protects(ctx))
		return NF_ACCEPT;
	if (!prepare(ctx))
		return NF_ACCEPT;
	return carry_out(ctx, cb_judge(ctx));
}

/* Segments come in softirq, but for those that NFQUEUE gives back. */
static bool stop_softirq(void)
{
	if (likely(softirq_count()))
		return false;
	local_bh_disable();
	return true;
}

static void let_softirq(bool stopped)
{
	if (stopped)
		local_bh_enable();
}

static unsigned int of_service(struct cb_ctx *ctx, enum cb_early early)
{
	unsigned int verdict = NF_ACCEPT;
	bool stopped;

	ctx->svc = cb_service_lookup(ctx->cbn, ctx->skb, &ctx->seg.tuple);
	if (!ctx->svc)
		return NF_ACCEPT;
	ctx->requested = early == CB_EARLY_REQUEST;
	stopped = stop_softirq();
	if (!was_ruled(ctx))
		verdict = pre_routing(ctx);
	let_softirq(stopped);
	return verdict;
}

/* To a port that some service has. */
static noinline unsigned int protect(struct cb_net *cbn, struct sk_buff *skb,
				     const struct nf_hook_state *state, enum cb_early early,
				     struct cb_hash hash)
{
	struct cb_ctx ctx CB_UNINITIALIZED;

	if (!begin(&ctx, cbn, skb, state))
		return NF_ACCEPT;
	ctx.hash = hash;
	return of_service(&ctx, early);
}

/* A FIN of a known connection, which may be gone before anybody looks for it. */
static noinline void ending(const struct nf_hook_state *state)
{
	bool stopped = stop_softirq();

	cb_redeem_settle(cb_net(state->net));
	let_softirq(stopped);
}

static unsigned int let_known(const struct sk_buff *skb, const struct nf_hook_state *state,
			      int thoff, u8 flags)
{
	if (unlikely(flags & CB_TCP_FIN))
		ending(state);
	if (unlikely(READ_ONCE(cb_flow_local_used)))
		cb_flow_local_later(skb, state, thoff);
	return NF_ACCEPT;
}

/* Of a flow that is spliced?  -1: no.  What a rule spliced is not spliced twice. */
static int splice(struct cb_ctx *ctx)
{
	bool stopped = stop_softirq();
	int verdict = NF_ACCEPT;

	if (likely(this_cpu_read(ruled.skb) != ctx->skb || !was_ruled(ctx)))
		verdict = cb_splice_in(ctx);
	let_softirq(stopped);
	return verdict;
}

/* No TCP segment, but perhaps an error that quotes one. */
static noinline unsigned int quoting(struct cb_net *cbn, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	unsigned int verdict;
	bool stopped;

	if (!ours(skb, state))
		return NF_ACCEPT;
	stopped = stop_softirq();
	verdict = cb_splice_icmp_in(cbn, skb, state->pf);
	let_softirq(stopped);
	return verdict;
}

/* An ACK to a port that some service has. */
static noinline unsigned int acknowledge(struct cb_net *cbn, struct sk_buff *skb,
					 const struct nf_hook_state *state, struct cb_glance g)
{
	struct cb_hash hash;
	enum cb_early early = cb_demux_early(skb, state, g.thoff, &hash);

	if (early == CB_EARLY_KNOWN)
		return let_known(skb, state, g.thoff, g.flags);
	return protect(cbn, skb, state, early, hash);
}

static unsigned int to_port(struct cb_net *cbn, struct sk_buff *skb,
			    const struct nf_hook_state *state, struct cb_glance g)
{
	if (!cb_table_has_port(cbn, g.dport) || !ours(skb, state))
		return NF_ACCEPT;
	if (cb_is_bare_ack(g.flags))
		return acknowledge(cbn, skb, state, g);
	return protect(cbn, skb, state, CB_EARLY_NONE, (struct cb_hash){});
}

/* To a port that spliced flows have. */
static noinline unsigned int to_spliced(struct cb_net *cbn, struct sk_buff *skb,
					const struct nf_hook_state *state, struct cb_glance g)
{
	enum cb_early early = CB_EARLY_NONE;
	struct cb_ctx ctx CB_UNINITIALIZED;
	int verdict;

	if (!ours(skb, state) || !begin(&ctx, cbn, skb, state))
		return NF_ACCEPT;
	verdict = splice(&ctx);
	if (verdict >= 0)
		return verdict;
	if (!cb_table_has_port(cbn, g.dport))
		return NF_ACCEPT;
	if (cb_is_bare_ack(g.flags))
		early = cb_demux_early(skb, state, g.thoff, &ctx.hash);
	if (early == CB_EARLY_KNOWN)
		return let_known(skb, state, g.thoff, g.flags);
	return of_service(&ctx, early);
}

/* What is called is called last, so that most segments of a host need no stack. */
static __always_inline unsigned int seen_by_hook(struct cb_net *cbn, struct sk_buff *skb,
						 const struct nf_hook_state *state,
						 struct cb_glance g)
{
	if (g.what != CB_GLANCE_TCP)
		return likely(!READ_ONCE(cbn->splicing)) ? NF_ACCEPT :
							   quoting(cbn, skb, state);
	if (unlikely(cb_splice_has_port(cbn, g.dport)))
		return to_spliced(cbn, skb, state, g);
	return to_port(cbn, skb, state, g);
}

static noinline unsigned int unseen(struct cb_net *cbn, struct sk_buff *skb,
				    const struct nf_hook_state *state)
{
	return seen_by_hook(cbn, skb, state, cb_parse_closely(skb, state->pf));
}

/* Named outside only to be found in a list of hooks (resume.c). */
unsigned int cb_hooks_pre_routing(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	struct cb_glance g = cb_parse_glance(skb, state->pf);

	if (unlikely(g.what == CB_GLANCE_UNSEEN))
		return unseen(priv, skb, state);
	return seen_by_hook(priv, skb, state, g);
}

static unsigned int by_rule(struct cb_ctx *ctx)
{
	int spliced = -1;

	if (cb_splice_has_port(ctx->cbn, be16_to_cpu(ctx->seg.tuple.dport)))
		spliced = cb_splice_in(ctx);
	return spliced < 0 ? pre_routing(ctx) : spliced;
}

/**
 * cb_hooks_rule() - a rule of the iptables target matched
 * @skb:	segment
 * @state:	of the raw table's PRE_ROUTING hook
 * @svc:	service that the rule names
 *
 * Context: any, rcu_read_lock().  Return: NF_ACCEPT to go on, else a verdict; on
 * NF_STOLEN the skb is gone.
 */
unsigned int cb_hooks_rule(struct sk_buff *skb, const struct nf_hook_state *state,
			   const struct cb_service *svc)
{
	enum cb_early early = CB_EARLY_NONE;
	struct cb_ctx ctx CB_UNINITIALIZED;
	unsigned int verdict;
	bool stopped;

	if (!ours(skb, state) || !begin(&ctx, cb_net(state->net), skb, state))
		return NF_ACCEPT;
	if (cb_is_bare_ack(ctx.seg.flags))
		early = cb_demux_early(skb, state, ctx.seg.thoff, &ctx.hash);
	if (early == CB_EARLY_KNOWN)	/* our own hook, if it will see it, has the say */
		return cb_table_has_port(ctx.cbn, ntohs(ctx.seg.tuple.dport)) ? NF_ACCEPT :
			let_known(skb, state, ctx.seg.thoff, ctx.seg.flags);
	ctx.requested = early == CB_EARLY_REQUEST;
	ctx.svc = svc;
	stopped = stop_softirq();
	verdict = by_rule(&ctx);
	if (verdict == NF_ACCEPT) {
		this_cpu_write(ruled.skb, skb);
		this_cpu_write(ruled.ports, ports_of(&ctx));
	}
	let_softirq(stopped);
	return verdict;
}

/* TPROXY gave a listener of its own to an ACK whose cookie opens: that listener knows
 * nothing of it.
 */
static struct cb_decision judge_diverted(struct cb_ctx *ctx)
{
	if (cb_parse_header(ctx) != CB_R_NONE || cb_judge_cookie(ctx).action != CB_REDEEM)
		return cb_decide(CB_PASS, CB_R_NONE);
	cb_elsewhere_note(ctx->cbn, &ctx->seg.tuple, ctx->now_ms);
	return cb_decide(CB_PASS, CB_R_NOT_LOCAL);
}

/* Of no connection that was found early: an ACK may redeem. */
static noinline unsigned int redeem(struct cb_net *cbn, struct sk_buff *skb,
				    const struct nf_hook_state *state)
{
	unsigned int verdict = NF_ACCEPT;
	struct cb_ctx ctx CB_UNINITIALIZED;
	bool stopped;

	if (skb->pkt_type != PACKET_HOST || !begin(&ctx, cbn, skb, state) ||
	    !cb_is_bare_ack(ctx.seg.flags))
		return NF_ACCEPT;
	ctx.svc = cb_service_delivery(ctx.cbn, skb, &ctx.seg.tuple);
	if (!ctx.svc || !ctx.svc->ops->deliver)
		return NF_ACCEPT;
	stopped = stop_softirq();
	if (prepare_again(&ctx))
		verdict = carry_out(&ctx, skb->sk ? judge_diverted(&ctx) :
						    cb_judge_delivery(&ctx));
	let_softirq(stopped);
	return verdict;
}

/* A SYN that we showed to connection tracking arrives?  (conntrack.c) */
static noinline unsigned int arrived(struct cb_net *cbn, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	bool stopped = stop_softirq();
	bool shown = cb_conntrack_delivered(skb, state);

	let_softirq(stopped);
	return shown ? NF_STOLEN : redeem(cbn, skb, state);
}

unsigned int cb_hooks_local_in(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	if (skb->sk && likely(skb->sk->sk_state != TCP_LISTEN))
		return NF_ACCEPT;
	if (unlikely(skb->destructor && !skb->sk))
		return arrived(priv, skb, state);
	return redeem(priv, skb, state);
}

/* Each namespace has a copy, whose priv is its struct cb_net.  PRE_ROUTING first. */
static const struct nf_hook_ops hooks[CB_HOOKS] = {
	{
		.hook = cb_hooks_pre_routing,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = CB_PRI_PRE_ROUTING,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = cb_hooks_pre_routing,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = CB_PRI_PRE_ROUTING,
	},
#endif
	{
		.hook = cb_hooks_local_in,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = cb_hooks_local_in,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

/**
 * cb_hooks_register() - start to judge the segments of a namespace
 * @cbn:	namespace; its table, ring and gate exist
 *
 * Context: process, cb_net->lock held.  Return: 0 or a negative errno.
 */
int cb_hooks_register(struct cb_net *cbn)
{
	unsigned int i;

	for (i = 0; i < CB_HOOKS; i++) {
		cbn->hooks[i] = hooks[i];
		cbn->hooks[i].priv = cbn;
	}
	return nf_register_net_hooks(cbn->net, cbn->hooks, CB_HOOKS);
}

/**
 * cb_hooks_unregister() - stop; segments may still be inside a hook
 * @cbn:	namespace
 *
 * Context: process, cb_net->lock held.  Table, ring and gate must outlive a
 * grace period after this.
 */
void cb_hooks_unregister(struct cb_net *cbn)
{
	nf_unregister_net_hooks(cbn->net, cbn->hooks, CB_FAMILIES);
	synchronize_net();		/* no SYN is on its way from one to the other */
	nf_unregister_net_hooks(cbn->net, cbn->hooks + CB_FAMILIES, CB_FAMILIES);
}
