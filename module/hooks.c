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
 */
#include <linux/ktime.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/tcp.h>
#include "mode.h"
#include "uapi/linux/cookiebox.h"

#include "trace.h"

#define CB_PRI_PRE_ROUTING	(-250)

static struct cb_decision decide(enum cb_action action, enum cb_reason reason)
{
	return (struct cb_decision){ .action = action, .reason = reason };
}

static struct cb_decision pass(void)
{
	return decide(CB_PASS, CB_R_NONE);
}

static bool observing(const struct cb_ctx *ctx)
{
	return ctx->svc->spec.engage == COOKIEBOX_ENGAGE_OBSERVE;
}

/* The only place where a decision becomes a verdict. */
static unsigned int carry_out(struct cb_ctx *ctx, struct cb_decision d)
{
	const struct cb_service *svc = ctx->svc;

	if (d.reason != CB_R_NONE && !(d.action == CB_ANSWER && !observing(ctx)))
		trace_cb_verdict(&ctx->seg, svc->anchor->id, d.reason);
	if (observing(ctx)) {
		cb_count(svc, d.reason, true);
		return NF_ACCEPT;
	}
	switch (d.action) {
	case CB_ANSWER:
		/* consumes the skb */
		d.reason = cb_reply_synack(ctx);
		cb_count(svc, d.reason, false);
		trace_cb_syn(&ctx->seg, svc->anchor->id, d.reason, ctx->synack.isn);
		return NF_STOLEN;
	case CB_DROP:
		cb_count(svc, d.reason, false);
		return NF_DROP;
	default:
		cb_count(svc, d.reason, false);
		return NF_ACCEPT;
	}
}

static struct cb_decision judge_syn(struct cb_ctx *ctx)
{
	struct cb_decision d = cb_handshake_screen(&ctx->seg);
	enum cb_reason reason;

	if (d.action != CB_ANSWER)
		return d;
	if (ctx->svc->ops->known(ctx))
		return decide(CB_PASS, CB_R_SYN_KNOWN_TUPLE);
	reason = cb_parse_options(ctx);
	if (reason != CB_R_NONE)
		return decide(CB_DROP, reason);
	d = ctx->svc->ops->offer(ctx);
	if (d.action != CB_ANSWER)
		return d;
	reason = cb_parse_checksum(ctx);
	if (reason != CB_R_NONE)
		return decide(CB_DROP, reason);
	return cb_handshake_syn(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms, &ctx->synack);
}

/* Nor is one of a first flight reset whose first segment was lost. */
static struct cb_decision reset_but_flight(struct cb_ctx *ctx, enum cb_reason reason)
{
	if (ctx->svc->ops->offer(ctx).action == CB_ANSWER &&
	    cb_handshake_follows(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms))
		return decide(CB_DROP, reason);
	return decide(CB_PASS, CB_R_NOT_OURS);
}

/* A segment that belongs to nothing and opens nothing: may the stack reset it? */
static struct cb_decision judge_invalid(struct cb_ctx *ctx, enum cb_reason reason)
{
	struct cb_decision drop = decide(CB_DROP, reason);
	unsigned int rate;

	switch (ctx->svc->spec.invalid) {
	case COOKIEBOX_INVALID_DROP:
		return drop;
	case COOKIEBOX_INVALID_RESET:
		return reset_but_flight(ctx, reason);
	default:
		if (observing(ctx))
			return drop;
		rate = READ_ONCE(ctx->cbn->sysctl.invalid_rate);
		if (!cb_gate_pass(ctx->cbn->gate, &ctx->seg.tuple, ctx->now_ms, rate))
			return drop;
		return reset_but_flight(ctx, reason);
	}
}

/* Does this ACK of no known connection open a cookie?  Fills ctx->opened. */
static struct cb_decision open_ack(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_options(ctx);
	struct cb_decision d;

	if (reason != CB_R_NONE)
		return decide(CB_DROP, reason);
	d = ctx->svc->ops->sealed_by(ctx);
	if (d.action != CB_ANSWER)
		return d;
	return cb_handshake_ack(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms, &ctx->opened);
}

/* A refused ACK whose handshake may just be waiting is never reset: its echoed
 * timestamp is a fresh one of ours (a later segment of a first flight), or the
 * listener makes clients wait.
 */
static bool may_wait(struct cb_ctx *ctx, enum cb_reason reason)
{
	if (reason == CB_R_BAD_COOKIE && (ctx->seg.opt.has & CB_OPT_TS))
		return true;
	return ctx->svc->ops->delays(ctx);
}

static struct cb_decision judge_ack(struct cb_ctx *ctx)
{
	struct cb_decision d = open_ack(ctx);

	if (d.action == CB_REDEEM)
		return ctx->svc->ops->opened(ctx);
	if (d.reason != CB_R_BAD_COOKIE && d.reason != CB_R_COOKIE_EXPIRED &&
	    d.reason != CB_R_NO_TIMESTAMPS)
		return d;
	return may_wait(ctx, d.reason) ? d : judge_invalid(ctx, d.reason);
}

/* Neither SYN nor ACK, or both, or RST: never starts a connection here. */
static struct cb_decision judge_other(struct cb_ctx *ctx)
{
	if ((ctx->seg.flags & CB_TCP_RST) ||
	    ctx->svc->spec.invalid != COOKIEBOX_INVALID_DROP || ctx->svc->ops->known(ctx))
		return pass();
	return decide(CB_DROP, CB_R_INVALID_DROPPED);
}

static struct cb_decision judge_service(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_header(ctx);
	u8 flags = ctx->seg.flags;
	bool syn = (flags & (CB_TCP_SYN | CB_TCP_ACK)) == CB_TCP_SYN;

	if (reason == CB_R_FRAGMENT && !syn)
		return pass();
	if (cb_service_allows(ctx->svc, &ctx->seg.tuple))
		return decide(CB_PASS, syn ? CB_R_ALLOW_LISTED : CB_R_NONE);
	if (reason != CB_R_NONE)
		return decide(CB_DROP, reason);
	if (syn)
		return judge_syn(ctx);
	if ((flags & (CB_TCP_ACK | CB_TCP_SYN | CB_TCP_RST)) == CB_TCP_ACK)
		return judge_ack(ctx);
	return judge_other(ctx);
}

/* Nothing is dropped but what was sent to somebody whom the mode serves: a
 * service of all ports sees what is forwarded and masqueraded as well.
 */
static struct cb_decision judge(struct cb_ctx *ctx)
{
	struct cb_decision d = judge_service(ctx);
	struct cb_decision o;

	if (d.action != CB_DROP)
		return d;
	o = ctx->svc->ops->offer(ctx);
	return o.action == CB_ANSWER ? d : o;
}

/* Only what was sent to this host.  A VRF runs PRE_ROUTING twice, first on the
 * member device and then on its own: the second time counts.
 */
static bool ours(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	return skb->pkt_type == PACKET_HOST && state->in && !netif_is_l3_slave(state->in);
}

static bool begin(struct cb_ctx *ctx, struct sk_buff *skb, const struct nf_hook_state *state)
{
	ctx->skb = skb;
	ctx->state = state;
	ctx->cbn = cb_net(state->net);
	ctx->seg.flags = 0;
	ctx->seg.thlen = 0;
	ctx->seg.opt.has = 0;
	return cb_parse_tuple(ctx);
}

/* The rest of the context, for segments of a service. */
static bool prepare(struct cb_ctx *ctx)
{
	ctx->ring = rcu_dereference(ctx->cbn->ring);
	ctx->now_ms = div_u64(ktime_get_ns(), NSEC_PER_MSEC);
	return ctx->ring;
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

/* Most segments are of connections that the host knows: out before any parsing. */
static unsigned int pre_routing(struct cb_ctx *ctx)
{
	if (ctx->svc->spec.engage == COOKIEBOX_ENGAGE_OFF)
		return NF_ACCEPT;
	if (cb_parse_is_ack(ctx) && ctx->svc->ops->known(ctx))
		return NF_ACCEPT;
	if (!prepare(ctx))
		return NF_ACCEPT;
	return carry_out(ctx, judge(ctx));
}

static unsigned int pre_routing_hook(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	unsigned int verdict = NF_ACCEPT;
	struct cb_ctx ctx CB_UNINITIALIZED;

	if (!ours(skb, state) || !begin(&ctx, skb, state))
		return NF_ACCEPT;
	ctx.svc = cb_service_lookup(ctx.cbn, skb, &ctx.seg.tuple);
	if (!ctx.svc)
		return NF_ACCEPT;
	local_bh_disable();
	if (!was_ruled(&ctx))
		verdict = pre_routing(&ctx);
	local_bh_enable();
	return verdict;
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
	unsigned int verdict;
	struct cb_ctx ctx CB_UNINITIALIZED;

	if (!ours(skb, state) || !begin(&ctx, skb, state))
		return NF_ACCEPT;
	ctx.svc = svc;
	local_bh_disable();
	verdict = pre_routing(&ctx);
	if (verdict == NF_ACCEPT) {
		this_cpu_write(ruled.skb, skb);
		this_cpu_write(ruled.ports, ports_of(&ctx));
	}
	local_bh_enable();
	return verdict;
}

/* A cookie that opens here was sealed by us, so it is honoured whatever the
 * engagement is by now.  What does not open is none of our business any more.
 */
static struct cb_decision judge_delivery(struct cb_ctx *ctx)
{
	if (ctx->svc->ops->known(ctx) || !prepare(ctx) || cb_parse_header(ctx) != CB_R_NONE)
		return pass();
	if (open_ack(ctx).action != CB_REDEEM)
		return pass();
	return ctx->svc->ops->deliver(ctx);
}

static unsigned int deliver(struct cb_ctx *ctx)
{
	struct cb_decision d;

	if (!ctx->svc->ops->deliver || !prepare(ctx))
		return NF_ACCEPT;
	d = judge_delivery(ctx);
	if (d.reason == CB_R_NONE)
		return NF_ACCEPT;
	cb_count(ctx->svc, d.reason, false);
	trace_cb_ack(&ctx->seg, ctx->svc->anchor->id, d.reason, ctx->opened.isn);
	return d.action == CB_DROP ? NF_DROP : NF_ACCEPT;
}

static unsigned int local_in_hook(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	unsigned int verdict;
	struct cb_ctx ctx CB_UNINITIALIZED;

	if (skb->sk || skb->pkt_type != PACKET_HOST || !begin(&ctx, skb, state) ||
	    !cb_parse_is_ack(&ctx))
		return NF_ACCEPT;
	ctx.svc = cb_service_delivery(ctx.cbn, skb, &ctx.seg.tuple);
	if (!ctx.svc)
		return NF_ACCEPT;
	local_bh_disable();
	verdict = deliver(&ctx);
	local_bh_enable();
	return verdict;
}

static const struct nf_hook_ops hooks[] = {
	{
		.hook = pre_routing_hook,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = CB_PRI_PRE_ROUTING,
	}, {
		.hook = local_in_hook,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = pre_routing_hook,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = CB_PRI_PRE_ROUTING,
	}, {
		.hook = local_in_hook,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

/**
 * cb_hooks_register() - start to judge the segments of a namespace
 * @net:	namespace; its table, ring and gate exist
 *
 * Context: process, cb_net->lock held.  Return: 0 or a negative errno.
 */
int cb_hooks_register(struct net *net)
{
	return nf_register_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

/**
 * cb_hooks_unregister() - stop; segments may still be inside a hook
 * @net:	namespace
 *
 * Context: process, cb_net->lock held.  Table, ring and gate must outlive a
 * grace period after this.
 */
void cb_hooks_unregister(struct net *net)
{
	nf_unregister_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}
