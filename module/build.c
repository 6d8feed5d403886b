// SPDX-License-Identifier: GPL-2.0
/*
 * The headers of a segment without payload (RFC 9293 3.1, RFC 791, RFC 8200).
 *
 * Owns no state.  Invariant: what is written comes from struct cb_build alone, so
 * that the buffer may be that of the segment which is being answered.  Called by
 * reply.c, shown.c and splice-send.c, softirq.
 */
#include <linux/etherdevice.h>
#include <net/dsfield.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include "build.h"

struct sk_buff *cb_build_alloc(const struct sk_buff *like, unsigned int len)
{
	unsigned int head = LL_MAX_HEADER + ETH_HLEN;
	struct sk_buff *skb = alloc_skb(head + len, GFP_ATOMIC);
	int mac_len = -1;

	if (!skb)
		return NULL;
	skb_reserve(skb, head);
	if (skb_mac_header_was_set(like))
		mac_len = like->data - skb_mac_header(like);
	if (mac_len == ETH_HLEN)
		memcpy(skb->data - ETH_HLEN, skb_mac_header(like), ETH_HLEN);
	if (mac_len >= 0 && mac_len <= ETH_HLEN)
		skb_set_mac_header(skb, -mac_len);
	skb->dev = like->dev;
	skb->protocol = like->protocol;
	return skb;
}

void cb_build_options(struct cb_build *b, const struct cb_synack *sa)
{
	__be32 *p = b->options;

	*p++ = htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | sa->mss);
	if (sa->has & CB_OPT_TS) {
		u32 pad = sa->has & CB_OPT_SACK ?
			  TCPOPT_SACK_PERM << 24 | TCPOLEN_SACK_PERM << 16 :
			  TCPOPT_NOP << 24 | TCPOPT_NOP << 16;

		*p++ = htonl(pad | TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
		*p++ = htonl(sa->tsval);
		*p++ = htonl(sa->tsecr);
	}
	if ((sa->has & (CB_OPT_SACK | CB_OPT_TS)) == CB_OPT_SACK)
		*p++ = htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 |
			     TCPOPT_SACK_PERM << 8 | TCPOLEN_SACK_PERM);
	if (sa->has & CB_OPT_WSCALE)
		*p++ = htonl(TCPOPT_NOP << 24 | TCPOPT_WINDOW << 16 |
			     TCPOLEN_WINDOW << 8 | sa->wscale);
	b->optlen = (p - b->options) * sizeof(*p);
}

void cb_build_dress(struct cb_build *b, const struct sk_buff *skb)
{
	if (b->family == AF_INET6) {
		b->tos = ipv6_get_dsfield(ipv6_hdr(skb));
		b->ttl = ipv6_hdr(skb)->hop_limit;
		b->flowlabel = ip6_flowlabel(ipv6_hdr(skb));
		return;
	}
	b->tos = ip_hdr(skb)->tos;
	b->ttl = ip_hdr(skb)->ttl;
}

static void put_ip4(struct sk_buff *skb, const struct cb_build *b)
{
	struct iphdr *iph = ip_hdr(skb);

	iph->version = 4;
	iph->ihl = sizeof(*iph) / 4;
	iph->tos = b->tos;
	iph->tot_len = htons(skb->len);
	iph->id = 0;			/* as the stack's SYN-ACKs: DF and no id */
	iph->frag_off = htons(IP_DF);
	iph->ttl = b->ttl;
	iph->protocol = IPPROTO_TCP;
	iph->saddr = b->saddr->a[0];
	iph->daddr = b->daddr->a[0];
	iph->check = 0;
	iph->check = ip_fast_csum(iph, sizeof(*iph) / 4);
}

static void put_ip6(struct sk_buff *skb, const struct cb_build *b)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct ipv6hdr *ip6h = ipv6_hdr(skb);

	ip6_flow_hdr(ip6h, b->tos, b->flowlabel);
	ip6h->payload_len = htons(skb->len - sizeof(*ip6h));
	ip6h->nexthdr = IPPROTO_TCP;
	ip6h->hop_limit = b->ttl;
	ip6h->saddr = b->saddr->in6;
	ip6h->daddr = b->daddr->in6;
#endif
}

static void put_tcp(struct sk_buff *skb, const struct cb_build *b)
{
	unsigned int len = sizeof(struct tcphdr) + b->optlen;
	struct tcphdr *th = tcp_hdr(skb);
	__be32 *word = (__be32 *)th;
	__wsum sum;

	th->source = b->sport;
	th->dest = b->dport;
	th->seq = htonl(b->seq);
	th->ack_seq = htonl(b->ack);
	word[3] = htonl((len / 4) << 28 | (u32)b->flags << 16 | b->window);
	word[4] = 0;
	memcpy(th + 1, b->options, b->optlen);
	sum = csum_partial(th, len, 0);
	if (b->family == AF_INET6)
		th->check = csum_ipv6_magic(&b->saddr->in6, &b->daddr->in6, len, IPPROTO_TCP, sum);
	else
		th->check = csum_tcpudp_magic(b->saddr->a[0], b->daddr->a[0], len, IPPROTO_TCP,
					      sum);
}

void cb_build_write(struct sk_buff *skb, const struct cb_build *b)
{
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, cb_build_ip_len(b));
	if (b->family == AF_INET6)
		put_ip6(skb, b);
	else
		put_ip4(skb, b);
	put_tcp(skb, b);
}
