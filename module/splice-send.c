// SPDX-License-Identifier: GPL-2.0
/*
 * Segments that the box makes itself, for either end of a spliced flow.
 *
 * Owns no state.  Invariants: what goes to the server goes as the client's own segments
 * do, through what is behind our hook at PRE_ROUTING and by the route that a segment from
 * the client's side takes: it by-passes neither rules nor connection tracking, and is not
 * locally made; the device is looked up when it is sent.  Once it is gone or down what
 * ends, asks or acknowledges comes by the loopback, and SYNs and data do not.  What goes
 * to the client, but for what is made of a segment of the server's, is routed as our
 * SYN-ACKs are.
 */
#include <linux/netdevice.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/tcp.h>
#include "build.h"
#include "resume.h"
#include "splice.h"

static void to_server(struct cb_build *b, const struct cb_splice *sp)
{
	const struct cb_flow_key *k = &sp->flow.key;

	b->saddr = &k->saddr;
	b->daddr = &k->daddr;
	b->sport = k->sport;
	b->dport = k->dport;
	b->family = k->family;
	b->tos = sp->tos;
	b->ttl = sp->ttl;
	b->flowlabel = sp->flow.facts.flowlabel;
}

static void to_client(struct cb_build *b, const struct cb_splice *sp)
{
	const struct cb_flow_key *k = &sp->flow.key;

	b->saddr = &k->daddr;
	b->daddr = &k->saddr;
	b->sport = k->dport;
	b->dport = k->sport;
	b->family = k->family;
	b->tos = 0;
	b->ttl = 0;
}

static void describe_syn(struct cb_build *b, const struct cb_splice *sp, u32 tsval, u16 window)
{
	const struct cb_flow_facts *facts = &sp->flow.facts;
	u8 wscale = facts->has & CB_OPT_WSCALE ? facts->wscale : 0;
	struct cb_synack options = {
		.mss = facts->mss,
		.wscale = wscale,
		.has = CB_OPT_MSS | (facts->has & (CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS)),
		.tsval = tsval,
	};

	to_server(b, sp);
	b->flags = CB_TCP_SYN | (facts->has & CB_FLOW_ECN ? CB_TCP_ECE | CB_TCP_CWR : 0);
	b->seq = sp->cisn;
	b->ack = 0;
	b->window = min_t(u32, (u32)window << wscale, U16_MAX);	/* not scaled in a SYN */
	cb_build_options(b, &options);
}

static void describe(struct cb_build *b, const struct cb_made *m)
{
	b->flags = m->flags;
	b->seq = m->seq;
	b->ack = m->ack;
	b->window = m->window;
	b->optlen = 0;
	if (!m->timestamps)
		return;
	b->options[0] = htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 |
			      TCPOLEN_TIMESTAMP);
	b->options[1] = htonl(m->tsval);
	b->options[2] = htonl(m->tsecr);
	b->optlen = TCPOLEN_TSTAMP_ALIGNED;
}

static bool empty(struct sk_buff *skb, unsigned int need)
{
	if (pskb_trim(skb, 0))
		return false;
	if (!skb_cloned(skb) && skb_tailroom(skb) >= need)
		return true;
	return !pskb_expand_head(skb, 0, need, GFP_ATOMIC | __GFP_NOWARN);
}

/* Another segment in the same buffer.  False: no memory; the segment is spoilt. */
static bool rewrite(struct sk_buff *skb, const struct cb_build *b)
{
	if (!empty(skb, cb_build_len(b)))
		return false;
	skb_gso_reset(skb);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = 0;
	skb->encapsulation = 0;
	skb_put(skb, cb_build_len(b));
	cb_build_write(skb, b);
#if IS_ENABLED(CONFIG_IPV6)
	if (b->family == AF_INET6)	/* no extension headers, whatever was there before */
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
#endif
	return true;
}

static struct sk_buff *make(const struct cb_build *b)
{
	unsigned int len = cb_build_len(b);
	struct sk_buff *skb = alloc_skb(LL_MAX_HEADER + len, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return NULL;
	skb_reserve(skb, LL_MAX_HEADER);
	skb_reset_mac_header(skb);
	skb->protocol = b->family == AF_INET6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	rewrite(skb, b);
	return skb;
}

/* As it came by the client's device now. */
static void arrive(struct sk_buff *skb, const struct cb_splice *sp, struct net_device *dev)
{
	bool v6 = sp->flow.key.family == AF_INET6;
	struct nf_hook_state state = {
		.hook = NF_INET_PRE_ROUTING,
		.pf = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.in = dev,
		.net = sp->cbn->net,
		.okfn = cb_resume_routed,
	};

	skb->dev = dev;
	skb->skb_iif = dev->ifindex;
	skb->pkt_type = PACKET_HOST;
#if IS_ENABLED(CONFIG_IPV6)
	if (v6)
		IP6CB(skb)->iif = dev->ifindex;
	else
#endif
		IPCB(skb)->iif = dev->ifindex;
	cb_resume(skb, &state, cb_hooks_pre_routing);
}

static struct net_device *running(struct net_device *dev)
{
	return dev && netif_running(dev) ? dev : NULL;
}

static struct net_device *client_side(const struct cb_splice *sp)
{
	return running(dev_get_by_index_rcu(sp->cbn->net, sp->ifindex));
}

/* So that the server can be told even when the client's device is gone.  The routes of a VRF
 * are gone with it: another table's are not those of this flow.
 */
static struct net_device *some_side(const struct cb_splice *sp)
{
	struct net_device *dev = client_side(sp);

	if (dev || sp->vrf)
		return dev;
	return running(READ_ONCE(sp->cbn->net->loopback_dev));
}

static void arrive_or_not(struct sk_buff *skb, const struct cb_splice *sp, struct net_device *dev)
{
	if (dev)
		arrive(skb, sp, dev);
	else
		kfree_skb(skb);
}

void cb_splice_inject(const struct cb_splice *sp, struct sk_buff *skb)
{
	arrive_or_not(skb, sp, client_side(sp));
}

static void inject_built(const struct cb_splice *sp, const struct cb_build *b,
			 struct net_device *dev)
{
	struct sk_buff *skb = make(b);

	if (!skb) {
		cb_splice_count(sp, CB_R_NO_MEMORY);
		return;
	}
	skb->mark = sp->mark;
	arrive_or_not(skb, sp, dev);
}

bool cb_splice_become_syn(const struct cb_splice *sp, struct sk_buff *skb, u32 tsval,
			  u16 window)
{
	struct cb_build b;

	describe_syn(&b, sp, tsval, window);
	return rewrite(skb, &b);
}

void cb_splice_send_syn(const struct cb_splice *sp, u32 tsval, u16 window)
{
	struct cb_build b;

	describe_syn(&b, sp, tsval, window);
	inject_built(sp, &b, client_side(sp));
}

void cb_splice_to_server(const struct cb_splice *sp, const struct cb_made *m)
{
	struct cb_build b;

	to_server(&b, sp);
	describe(&b, m);
	inject_built(sp, &b, some_side(sp));
}

/* The TTL, type of service, flow label and mark are those of the segment that was passing. */
bool cb_splice_become(const struct cb_splice *sp, struct sk_buff *skb, const struct cb_made *m)
{
	struct cb_build b;

	to_client(&b, sp);
	cb_build_dress(&b, skb);
	describe(&b, m);
	if (!rewrite(skb, &b))
		return false;
	skb->ip_summed = CHECKSUM_NONE;
	return true;
}

/* Of an ACK that no flow knows: what is RFC 9293's answer (3.10.7.1), and what the server
 * would get if it came from a client that knows no better.
 */
bool cb_splice_reset_unknown(struct cb_ctx *ctx)
{
	struct cb_splice like = {
		.cbn = ctx->cbn,
		.ifindex = ctx->state->in->ifindex,
	};
	struct cb_made rst = { .flags = CB_TCP_RST, .seq = ctx->seg.ack };
	struct cb_build b;

	cb_flow_key_of(&like.flow.key, &ctx->seg.tuple);
	like.flow.facts.service = ctx->svc->anchor->id;
	cb_splice_to_client(&like, &rst);
	to_server(&b, &like);
	cb_build_dress(&b, ctx->skb);
	rst.seq = ctx->seg.seq;
	describe(&b, &rst);
	return rewrite(ctx->skb, &b);
}

static int bound_to(const struct net_device *in)
{
	return netif_is_l3_master(in) ? in->ifindex : 0;
}

void cb_splice_to_client(const struct cb_splice *sp, const struct cb_made *m)
{
	const struct cb_flow_key *k = &sp->flow.key;
	struct nf_hook_state state = {
		.hook = NF_INET_PRE_ROUTING,
		.pf = k->family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.in = dev_get_by_index_rcu(sp->cbn->net, sp->ifindex),
		.net = sp->cbn->net,
	};
	struct cb_ctx ctx = {
		.state = &state,
		.cbn = sp->cbn,
		.seg.tuple = {
			.saddr = k->saddr, .daddr = k->daddr,
			.sport = k->sport, .dport = k->dport, .family = k->family,
		},
		.dress.ttl = -1,
		.synack.isn = sp->isn,		/* hashed as the SYN-ACK was */
	};
	struct cb_build b;

	if (!state.in)
		return;
	ctx.dress.oif = bound_to(state.in);
	to_client(&b, sp);
	describe(&b, m);
	if (cb_reply_made(&ctx, &b) == CB_R_NO_MEMORY)
		cb_splice_count(sp, CB_R_NO_MEMORY);
}
