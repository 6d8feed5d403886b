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

/* Steps over what the stack has dealt with before TCP gets the segment: options
 * and a first fragment's header.  Any other header ends the walk: what AH, ESP
 * or a routing header covers comes by again when they have been dealt with.
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

u16 cb_parse_port(const struct sk_buff *skb, u8 pf)
{
	int off = pf == NFPROTO_IPV6 ? tcp_offset6(skb) : tcp_offset4(skb);
	const __be16 *port;
	__be16 buf;

	if (off < 0)
		return 0;
	port = skb_header_pointer(skb, off + offsetof(struct tcphdr, dest), sizeof(buf), &buf);
	return port ? ntohs(*port) : 0;
}

/**
 * cb_parse_tuple() - addresses and ports, for the look-up of the service
 * @ctx:	skb is set; seg.tuple and seg.thoff are filled in
 *
 * Cheap: it runs for every segment of the host.
 *
 * Return: false if this is no TCP segment whose ports can be read.
 */
bool cb_parse_tuple(struct cb_ctx *ctx)
{
	struct cb_tuple *t = &ctx->seg.tuple;
	const __be16 *ports;
	__be16 buf[2];
	int thoff;

	thoff = ctx->state->pf == NFPROTO_IPV6 ? walk6(ctx->skb, t) : walk4(ctx->skb, t);
	if (thoff < 0)
		return false;
	ports = skb_header_pointer(ctx->skb, thoff, sizeof(buf), buf);
	if (!ports)
		return false;
	t->sport = ports[0];
	t->dport = ports[1];
	ctx->seg.thoff = thoff;
	return true;
}

/**
 * cb_parse_is_ack() - can this segment redeem a cookie, by its flags?
 * @ctx:	cb_parse_tuple() was true
 *
 * Cheap: it runs at LOCAL_IN for every segment of no early-found socket.
 */
bool cb_parse_is_ack(const struct cb_ctx *ctx)
{
	const u8 *flags;
	u8 buf;

	flags = skb_header_pointer(ctx->skb, ctx->seg.thoff + FLAGS_END - 1, 1, &buf);
	return flags && (*flags & (CB_TCP_ACK | CB_TCP_SYN | CB_TCP_RST)) == CB_TCP_ACK;
}

/* Is this the first fragment of several? */
static bool fragmented(const struct cb_ctx *ctx)
{
	__be16 frag_off;

	if (ctx->state->pf != NFPROTO_IPV6)
		return ip_is_fragment(ip_hdr(ctx->skb));
	walk_headers(ctx->skb, ipv6_hdr(ctx->skb)->nexthdr, &frag_off);
	return frag_off & htons(IP6_MF | IP6_OFFSET);
}

/* A first fragment is refused if it is a SYN, or may be one (RFC 3128). */
static enum cb_reason judge_fragment(struct cb_ctx *ctx)
{
	u8 buf[FLAGS_END];
	const u8 *th = skb_header_pointer(ctx->skb, ctx->seg.thoff, sizeof(buf), buf);

	ctx->seg.flags = th ? th[FLAGS_END - 1] : CB_TCP_SYN;
	return CB_R_FRAGMENT;
}

/**
 * cb_parse_header() - the fixed part of the TCP header
 * @ctx:	cb_parse_tuple() was true
 *
 * Return: CB_R_NONE and seg but for its options; CB_R_FRAGMENT and seg.flags
 * for a first fragment (CB_TCP_SYN if the flags cannot be seen); or
 * CB_R_BAD_HEADER.
 */
enum cb_reason cb_parse_header(struct cb_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;
	unsigned int thoff = ctx->seg.thoff;
	struct tcphdr buf;
	const u8 *th;

	if (fragmented(ctx))
		return judge_fragment(ctx);
	th = skb_header_pointer(skb, thoff, sizeof(buf), &buf);
	if (!th)
		return CB_R_BAD_HEADER;
	return cb_segment_parse(&ctx->seg, th, sizeof(buf), skb->len - thoff);
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

	__skb_pull(skb, head);
	bad = nf_checksum(skb, ctx->state->hook, ctx->seg.thoff - head, IPPROTO_TCP,
			  ctx->state->pf);
	__skb_push(skb, head);
	return bad ? CB_R_BAD_CHECKSUM : CB_R_NONE;
}
