// SPDX-License-Identifier: GPL-2.0
/*
 * From skb to segment: the only place that walks IP headers.
 *
 * Owns no state.  Invariants: skb->data is the network header, and the header
 * of the IP packet itself was validated by the stack (both hooks run after
 * that).  No pointer into the packet is kept across pskb_may_pull().  Called by
 * the hooks in the order tuple, header, options, checksum.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "bytes.h"
#include "mode.h"

#define HEADERS_MAX	8	/* IPv6 headers to step over */
#define FLAGS_END	14	/* bytes of a TCP header up to and with the flags */

/* Offset of the TCP header, or -1: not TCP, or a later fragment. */
static int tcp_offset4(const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);

	if (iph->protocol != IPPROTO_TCP || (iph->frag_off & htons(IP_OFFSET)))
		return -1;
	return iph->ihl * 4;
}

static int walk4(const struct sk_buff *skb, struct cb_tuple *t)
{
	const struct iphdr *iph = ip_hdr(skb);

	t->family = AF_INET;
	t->saddr.q[0] = 0;
	t->saddr.q[1] = 0;
	t->daddr.q[0] = 0;
	t->daddr.q[1] = 0;
	t->saddr.a[0] = iph->saddr;
	t->daddr.a[0] = iph->daddr;
	return tcp_offset4(skb);
}

/* Without segments left, a routing header of a type that the stack does not know
 * is passed over (RFC 8200, 4.4; RFC 5095).  For those it knows it has rules of
 * its own, by default to drop them.
 */
static bool routed(const struct frag_hdr *h)
{
	const struct ipv6_rt_hdr *rt = (const struct ipv6_rt_hdr *)h;

	if (rt->segments_left)
		return false;
	if (rt->type == IPV6_SRCRT_TYPE_2)
		return !IS_ENABLED(CONFIG_IPV6_MIP6);
	return rt->type != IPV6_SRCRT_TYPE_3 && rt->type != IPV6_SRCRT_TYPE_4;
}

/* Steps over what the stack has dealt with before TCP gets the segment: options,
 * a routing header that has done its work and a first fragment's header.  Any
 * other header ends the walk: what AH or ESP covers comes by again when they have
 * been dealt with, what a routing header leads elsewhere is the stack's.
 * Returns the offset of the TCP header, or -1.
 */
static int walk_headers(const struct sk_buff *skb, u8 nexthdr, __be16 *frag_off)
{
	int off = sizeof(struct ipv6hdr);
	unsigned int i;

	*frag_off = 0;
	for (i = 0; nexthdr != IPPROTO_TCP && i < HEADERS_MAX; i++) {
		const struct frag_hdr *h;	/* 8 bytes, as the least of all */
		struct frag_hdr buf;

		h = skb_header_pointer(skb, off, sizeof(buf), &buf);
		if (!h)
			return -1;
		switch (nexthdr) {
		case NEXTHDR_FRAGMENT:
			*frag_off = h->frag_off;
			if (h->frag_off & htons(IP6_OFFSET))
				return -1;
			off += sizeof(*h);
			break;
		case NEXTHDR_ROUTING:
			if (!routed(h))
				return -1;
			fallthrough;
		case NEXTHDR_HOP:
		case NEXTHDR_DEST:
			off += ipv6_optlen((const struct ipv6_opt_hdr *)h);
			break;
		default:
			return -1;
		}
		nexthdr = h->nexthdr;
	}
	return nexthdr == IPPROTO_TCP ? off : -1;
}

static int tcp_offset6(const struct sk_buff *skb)
{
	__be16 frag_off;

	if (likely(ipv6_hdr(skb)->nexthdr == IPPROTO_TCP))
		return sizeof(struct ipv6hdr);
	return walk_headers(skb, ipv6_hdr(skb)->nexthdr, &frag_off);
}

static int walk6(const struct sk_buff *skb, struct cb_tuple *t)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);

	t->family = AF_INET6;
	t->saddr.in6 = ip6h->saddr;
	t->daddr.in6 = ip6h->daddr;
	return tcp_offset6(skb);
}

static struct cb_glance seen(unsigned int thoff, const u8 *th, u8 flags)
{
	return (struct cb_glance) {
		.thoff = thoff,
		.dport = cb_get_be16(th + offsetof(struct tcphdr, dest)),
		.flags = flags,
		.what = CB_GLANCE_TCP,
	};
}

#define NOT_TCP		((struct cb_glance){ .what = CB_GLANCE_OTHER })
#define UNSEEN		((struct cb_glance){ .what = CB_GLANCE_UNSEEN })

/**
 * cb_parse_closely() - what cb_parse_glance() could not see
 * @skb:	segment
 * @pf:		protocol family of the hook
 *
 * Return: CB_GLANCE_TCP or CB_GLANCE_OTHER.
 */
noinline struct cb_glance cb_parse_closely(const struct sk_buff *skb, u8 pf)
{
	int thoff = pf == NFPROTO_IPV6 ? tcp_offset6(skb) : tcp_offset4(skb);
	u8 buf[FLAGS_END];
	const u8 *th;

	if (thoff < 0)
		return NOT_TCP;
	th = skb_header_pointer(skb, thoff, sizeof(buf), buf);
	if (th)
		return seen(thoff, th, th[FLAGS_END - 1]);
	th = skb_header_pointer(skb, thoff, 4, buf);
	return th ? seen(thoff, th, 0) : NOT_TCP;
}

/* Calls nothing, so that a hook which looks no further needs no stack. */
struct cb_glance cb_parse_glance(const struct sk_buff *skb, u8 pf)
{
	const struct iphdr *iph = (const struct iphdr *)skb->data;
	unsigned int thoff = sizeof(struct ipv6hdr);

	if (likely(pf == NFPROTO_IPV4)) {
		if (iph->protocol != IPPROTO_TCP)
			return NOT_TCP;
		if (unlikely(iph->frag_off & htons(IP_OFFSET)))
			return UNSEEN;
		thoff = iph->ihl * 4;
	} else {
		u8 nexthdr = ((const struct ipv6hdr *)skb->data)->nexthdr;

		if (nexthdr == IPPROTO_UDP || nexthdr == IPPROTO_ICMPV6)
			return NOT_TCP;
		if (unlikely(nexthdr != IPPROTO_TCP))
			return UNSEEN;
	}
	if (unlikely(skb_headlen(skb) < thoff + FLAGS_END))
		return UNSEEN;
	return seen(thoff, skb->data + thoff, skb->data[thoff + FLAGS_END - 1]);
}

/* A header of which some is missing: ports and flags, as far as they can be seen.
 * What may be a SYN counts as one (RFC 3128).
 */
static bool parse_short(struct cb_ctx *ctx)
{
	struct cb_segment *seg = &ctx->seg;
	u8 buf[FLAGS_END];
	const u8 *th = skb_header_pointer(ctx->skb, seg->thoff, 4, buf);

	if (!th)
		return false;
	memcpy(&seg->tuple.sport, th, 2);
	memcpy(&seg->tuple.dport, th + 2, 2);
	th = skb_header_pointer(ctx->skb, seg->thoff, sizeof(buf), buf);
	seg->flags = th ? th[FLAGS_END - 1] : CB_TCP_SYN;
	ctx->header = CB_R_BAD_HEADER;
	return true;
}

/**
 * cb_parse_tuple() - addresses, ports and the fixed part of the TCP header
 * @ctx:	skb is set; seg but for its options and header are filled in
 *
 * Return: false if this is no TCP segment whose ports can be read.
 */
bool cb_parse_tuple(struct cb_ctx *ctx)
{
	struct cb_segment *seg = &ctx->seg;
	struct cb_tuple *t = &seg->tuple;
	struct tcphdr buf;
	const u8 *th;
	int thoff;

	thoff = ctx->state->pf == NFPROTO_IPV6 ? walk6(ctx->skb, t) : walk4(ctx->skb, t);
	if (thoff < 0)
		return false;
	seg->thoff = thoff;
	seg->thlen = 0;
	seg->opt.has = 0;
	th = skb_header_pointer(ctx->skb, thoff, sizeof(buf), &buf);
	if (!th)
		return parse_short(ctx);
	ctx->header = cb_segment_parse(seg, th, sizeof(buf), ctx->skb->len - thoff);
	return true;
}

/* Is this the first fragment of several? */
static bool fragmented(const struct cb_ctx *ctx)
{
	__be16 frag_off;

	if (ctx->state->pf != NFPROTO_IPV6)
		return ip_is_fragment(ip_hdr(ctx->skb));
	if (likely(ipv6_hdr(ctx->skb)->nexthdr == IPPROTO_TCP))
		return false;
	walk_headers(ctx->skb, ipv6_hdr(ctx->skb)->nexthdr, &frag_off);
	return frag_off & htons(IP6_MF | IP6_OFFSET);
}

/**
 * cb_parse_header() - is the fixed part of the TCP header in order?
 * @ctx:	cb_parse_tuple() was true
 *
 * Return: CB_R_NONE; CB_R_FRAGMENT for a first fragment, which is refused if it is a
 * SYN, or may be one (RFC 3128); or CB_R_BAD_HEADER.
 */
enum cb_reason cb_parse_header(struct cb_ctx *ctx)
{
	return fragmented(ctx) ? CB_R_FRAGMENT : ctx->header;
}

/**
 * cb_parse_options() - TCP options
 * @ctx:	cb_parse_header() was in order; seg.opt is filled in
 *
 * Return: CB_R_NONE, CB_R_BAD_OPTIONS or CB_R_NO_MEMORY.
 */
enum cb_reason cb_parse_options(struct cb_ctx *ctx)
{
	unsigned int end = ctx->seg.thoff + ctx->seg.thlen;
	const u8 *th;

	if (ctx->seg.thlen == sizeof(struct tcphdr)) {
		memset(&ctx->seg.opt, 0, sizeof(ctx->seg.opt));
		return CB_R_NONE;
	}
	if (!pskb_may_pull(ctx->skb, end))
		return CB_R_NO_MEMORY;
	th = ctx->skb->data + ctx->seg.thoff;
	return cb_options_parse(&ctx->seg.opt, th + sizeof(struct tcphdr),
				ctx->seg.thlen - sizeof(struct tcphdr),
				ctx->seg.flags & CB_TCP_SYN);
}

/**
 * cb_parse_checksum() - verify the TCP checksum, as far as the device did not
 * @ctx:	seg.thoff is known
 *
 * Return: CB_R_NONE or CB_R_BAD_CHECKSUM.
 */
enum cb_reason cb_parse_checksum(struct cb_ctx *ctx)
{
	/* nf_ip_checksum() sums from skb->data on, and what the stack did to IPv4
	 * options (record route) is in the header's checksum only when it leaves.
	 */
	unsigned int head = ctx->state->pf == NFPROTO_IPV4 ? ctx->seg.thoff : 0;
	struct sk_buff *skb = ctx->skb;
	bool bad;

	/* Verified by the device, or never computed (this host's own); either is fine. */
	if (skb->ip_summed == CHECKSUM_UNNECESSARY || skb->ip_summed == CHECKSUM_PARTIAL)
		return CB_R_NONE;
	__skb_pull(skb, head);
	bad = nf_checksum(skb, ctx->state->hook, ctx->seg.thoff - head, IPPROTO_TCP,
			  ctx->state->pf);
	__skb_push(skb, head);
	return bad ? CB_R_BAD_CHECKSUM : CB_R_NONE;
}
