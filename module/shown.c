// SPDX-License-Identifier: GPL-2.0
/*
 * SYN and SYN-ACK of a handshake, made again from the cookie that the ACK opened.
 *
 * Owns no state.  Invariant: sequence numbers and options are those that client and
 * cookie agreed on; the windows are the largest, as the ACK that follows says the
 * real one.  Called by conntrack.c, softirq, rcu_read_lock().
 */
#include <linux/ipv6.h>
#include <net/ip.h>
#include <net/netfilter/nf_conntrack.h>
#include "build.h"
#include "shown.h"

#define WINDOW		0xffffu

static void dress(struct cb_build *b, const struct cb_ctx *ctx)
{
	b->family = ctx->seg.tuple.family;
	b->window = WINDOW;
	cb_build_dress(b, ctx->skb);
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
	cb_build_write(skb, b);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->mark = ctx->skb->mark;
	return skb;
}

/**
 * cb_shown_syn() - the client's SYN, as it will have been
 * @ctx:	ACK that opened its cookie
 *
 * As the ACK came, but for what is in it: device, mark, IPsec path, addresses of the
 * link layer, control block.
 *
 * Context: softirq.  Return: the SYN, or NULL if there is no memory.
 */
struct sk_buff *cb_shown_syn(const struct cb_ctx *ctx)
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
#if IS_ENABLED(CONFIG_IPV6)
	if (b.family == AF_INET6)	/* no extension headers, whatever the ACK has */
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
#endif
	return skb;
}

/**
 * cb_shown_synack() - our SYN-ACK, as connection tracking needs to see it
 * @ctx:	ACK that opened its cookie
 *
 * Context: softirq.  Return: the SYN-ACK, or NULL if there is no memory.
 */
struct sk_buff *cb_shown_synack(const struct cb_ctx *ctx)
{
	struct cb_build b;
	struct sk_buff *skb;

	describe_synack(&b, ctx);
	skb = make(ctx, &b);
	if (skb) {			/* the template, if a rule gave one */
		skb_set_nfct(skb, skb_get_nfct(ctx->skb));
		nf_conntrack_get(skb_nfct(skb));
	}
	return skb;
}
