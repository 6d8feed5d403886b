// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of made-up clients, as a driver hands them to the stack: one linear
 * buffer each, the checksum right and said to have been verified.
 *
 * All is drawn from one generator with a fixed seed, so that two runs are alike.
 */
#include <linux/bpf.h>
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>
#include "bench.h"

/* What tests/bench/guest.sh configures: the server's addresses. */
#define SERVER4		0x0a630002	/* 10.99.0.2 */
static const struct in6_addr server6 = { { { 0xfd, 0x99, [15] = 2 } } };
static const u8 gateway[ETH_ALEN] = { 0x02, 0, 0, 0, 0x99, 0x01 };

#define MSS		1460
#define WSCALE		7
#define WINDOW		64240

static u32 draw(void)
{
	static u32 x = 2463534242;	/* xorshift32, G. Marsaglia, 2003 */

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Of a public network, whatever the bits: 16.0.0.0 to 79.255.255.254 */
static u32 public_address(u32 bits)
{
	return 0x10000000 + (bits & 0x3ffffffe) + 1;
}

/* New clients, from any number of networks or (not 0) from that many prefixes. */
void forge_flows(unsigned int prefixes)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		struct flow *flow = &bench.flow[i];
		u32 network = prefixes ? i % prefixes << 8 : draw();

		memset(flow, 0, sizeof(*flow));
		if (bench.family == AF_INET6) {
			flow->addr.s6_addr32[0] = htonl(0x2a000000 + (network >> 16));
			flow->addr.s6_addr32[1] = htonl(network << 16);
			flow->addr.s6_addr32[2] = htonl(draw());
			flow->addr.s6_addr32[3] = htonl(draw() | 1);
		} else {
			network = (network & ~0xff) | (draw() & 0xff);
			flow->addr.s6_addr32[0] = htonl(public_address(network));
		}
		flow->port = 1024 + draw() % 64000;
		flow->isn = draw();
		flow->seq = flow->isn;
		flow->ack = draw();
		flow->tsval = draw();
		flow->tsecr = draw();
	}
}

static unsigned int put_options(__be32 *p, const struct flow *flow, enum form form)
{
	unsigned int i = 0;

	if (form == FORM_PLAIN)
		return 0;
	if (form == FORM_SYN) {
		p[i++] = htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | MSS);
		p[i++] = htonl(TCPOPT_SACK_PERM << 24 | TCPOLEN_SACK_PERM << 16 |
			       TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
	} else {
		p[i++] = htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 |
			       TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
	}
	p[i++] = htonl(flow->tsval);
	p[i++] = form == FORM_SYN ? 0 : htonl(flow->tsecr);
	if (form == FORM_SYN)
		p[i++] = htonl(TCPOPT_NOP << 24 | TCPOPT_WINDOW << 16 | TCPOLEN_WINDOW << 8 |
			       WSCALE);
	return i * sizeof(*p);
}

static __sum16 sum_of(const struct flow *flow, const void *at, unsigned int len, u8 proto)
{
	__wsum sum = csum_partial(at, len, 0);

	if (bench.family == AF_INET6)
		return csum_ipv6_magic(&flow->addr, &server6, len, proto, sum);
	if (proto == IPPROTO_ICMP)
		return csum_fold(sum);
	return csum_tcpudp_magic(flow->addr.s6_addr32[0], htonl(SERVER4), len, proto, sum);
}

/* Returns the length of header and payload. */
static unsigned int put_tcp(void *at, const struct flow *flow, enum form form)
{
	struct tcphdr *th = at;
	unsigned int len = sizeof(*th);

	len += put_options((__be32 *)(th + 1), flow, form);
	th->doff = len / 4;
	if (form == FORM_DATA) {
		memset(at + len, 'x', DATA_LEN);
		len += DATA_LEN;
	}
	th->source = htons(flow->port);
	th->dest = htons(bench.port);
	th->seq = htonl(flow->seq);
	th->ack_seq = form == FORM_SYN ? 0 : htonl(flow->ack);
	th->syn = form == FORM_SYN;
	th->ack = form != FORM_SYN;
	th->psh = form == FORM_DATA;
	th->window = htons(form == FORM_SYN ? WINDOW : WINDOW >> WSCALE);
	th->check = sum_of(flow, th, len, IPPROTO_TCP);
	return len;
}

static unsigned int put_icmp(void *at, const struct flow *flow)
{
	struct icmphdr *icmph = at;
	unsigned int len = sizeof(*icmph) + 56;
	bool v6 = bench.family == AF_INET6;

	icmph->type = v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY;
	icmph->un.echo.id = htons(flow->port);
	icmph->checksum = sum_of(flow, icmph, len, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	return len;
}

static void put_ip(void *at, const struct flow *flow, unsigned int len, u8 proto)
{
	if (bench.family == AF_INET6) {
		struct ipv6hdr *ip6h = at;

		ip6h->version = 6;
		ip6h->payload_len = htons(len);
		ip6h->nexthdr = proto;
		ip6h->hop_limit = 57;
		ip6h->saddr = flow->addr;
		ip6h->daddr = server6;
	} else {
		struct iphdr *iph = at;

		iph->version = 4;
		iph->ihl = sizeof(*iph) / 4;
		iph->tot_len = htons(sizeof(*iph) + len);
		iph->id = htons(flow->port);
		iph->frag_off = htons(IP_DF);
		iph->ttl = 57;
		iph->protocol = proto;
		iph->saddr = flow->addr.s6_addr32[0];
		iph->daddr = htonl(SERVER4);
		iph->check = ip_fast_csum(iph, iph->ihl);
	}
}

static struct sk_buff *forge(const struct flow *flow, enum form form)
{
	bool v6 = bench.family == AF_INET6;
	unsigned int iplen = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	unsigned int size = ETH_HLEN + iplen + 128 + (form == FORM_DATA ? DATA_LEN : 0);
	struct sk_buff *skb = netdev_alloc_skb_ip_align(bench.dev, XDP_PACKET_HEADROOM + size);
	struct ethhdr *eth;
	unsigned int len;
	u8 proto = IPPROTO_TCP;

	if (!skb)
		return NULL;
	/* As drivers do that can run XDP programs. */
	skb_reserve(skb, XDP_PACKET_HEADROOM);
	memset(skb->data, 0, size);
	eth = (struct ethhdr *)skb->data;
	ether_addr_copy(eth->h_dest, bench.dev->dev_addr);
	ether_addr_copy(eth->h_source, gateway);
	eth->h_proto = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (form == FORM_ICMP) {
		proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		len = put_icmp(skb->data + ETH_HLEN + iplen, flow);
	} else {
		len = put_tcp(skb->data + ETH_HLEN + iplen, flow, form);
	}
	put_ip(skb->data + ETH_HLEN, flow, len, proto);
	skb_put(skb, ETH_HLEN + iplen + len);
	skb->protocol = eth_type_trans(skb, bench.dev);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return skb;
}

int forge_all(enum form form)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		bench.skb[i] = forge(&bench.flow[i], form);
		if (!bench.skb[i])
			break;
	}
	if (i == BATCH)
		return 0;
	while (i--)
		kfree_skb(bench.skb[i]);
	return -ENOMEM;
}
