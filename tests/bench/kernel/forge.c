// SPDX-License-Identifier: GPL-2.0
/*
 * Segments of made-up clients and servers, as a driver hands them to the stack: one linear
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

/* What tests/bench/guest.sh configures: the addresses of the guest as a server, and of the servers
 * behind the guest as a gateway; the neighbours.
 */
static const u32 server4[] = { 0x0a630002, 0x0a620002 };	/* 10.99.0.2, 10.98.0.2 */
static const struct in6_addr server6[] = {
	{ { { 0xfd, 0x99, [15] = 2 } } },
	{ { { 0xfd, 0x98, [15] = 2 } } },
};
static const u8 neighbour[][ETH_ALEN] = {
	[CLIENT] = { 0x02, 0, 0, 0, 0x99, 0x01 },
	[SERVER] = { 0x02, 0, 0, 0, 0x98, 0x02 },
};

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

static void forge_end(struct end *end)
{
	end->isn = draw();
	end->seq = end->isn;
	end->ack = draw();
	end->tsval = draw();
	end->tsecr = draw();
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
		forge_end(&flow->end[CLIENT]);
		if (bench.gateway)
			forge_end(&flow->end[SERVER]);
	}
}

static bool opens(enum form form)
{
	return form == FORM_SYN || form == FORM_SYNACK;
}

static unsigned int put_options(__be32 *p, const struct end *end, enum form form)
{
	unsigned int i = 0;

	if (form == FORM_PLAIN)
		return 0;
	if (opens(form)) {
		p[i++] = htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | MSS);
		p[i++] = htonl(TCPOPT_SACK_PERM << 24 | TCPOLEN_SACK_PERM << 16 |
			       TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
	} else {
		p[i++] = htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 |
			       TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
	}
	p[i++] = htonl(end->tsval);
	p[i++] = form == FORM_SYN ? 0 : htonl(end->tsecr);
	if (opens(form))
		p[i++] = htonl(TCPOPT_NOP << 24 | TCPOPT_WINDOW << 16 | TCPOLEN_WINDOW << 8 |
			       WSCALE);
	return i * sizeof(*p);
}

static __sum16 sum_of(const struct flow *flow, const void *at, unsigned int len, u8 proto)
{
	__wsum sum = csum_partial(at, len, 0);

	if (bench.family == AF_INET6)
		return csum_ipv6_magic(&flow->addr, &server6[bench.gateway], len, proto, sum);
	if (proto == IPPROTO_ICMP)
		return csum_fold(sum);
	return csum_tcpudp_magic(flow->addr.s6_addr32[0], htonl(server4[bench.gateway]), len,
				 proto, sum);
}

/* Returns the length of header and payload. */
static unsigned int put_tcp(void *at, const struct flow *flow, enum side from, enum form form)
{
	const struct end *end = &flow->end[from];
	struct tcphdr *th = at;
	unsigned int len = sizeof(*th);

	len += put_options((__be32 *)(th + 1), end, form);
	th->doff = len / 4;
	if (form == FORM_DATA) {
		memset(at + len, 'x', DATA_LEN);
		len += DATA_LEN;
	}
	th->source = htons(from == CLIENT ? flow->port : bench.port);
	th->dest = htons(from == CLIENT ? bench.port : flow->port);
	th->seq = htonl(end->seq);
	th->ack_seq = form == FORM_SYN ? 0 : htonl(end->ack);
	th->syn = opens(form);
	th->ack = form != FORM_SYN;
	th->psh = form == FORM_DATA;
	th->window = htons(opens(form) ? WINDOW : WINDOW >> WSCALE);
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

static void put_ip(void *at, const struct flow *flow, enum side from, unsigned int len, u8 proto)
{
	__be32 there = htonl(server4[bench.gateway]);

	if (bench.family == AF_INET6) {
		struct ipv6hdr *ip6h = at;

		ip6h->version = 6;
		ip6h->payload_len = htons(len);
		ip6h->nexthdr = proto;
		ip6h->hop_limit = 57;
		ip6h->saddr = from == CLIENT ? flow->addr : server6[bench.gateway];
		ip6h->daddr = from == CLIENT ? server6[bench.gateway] : flow->addr;
	} else {
		struct iphdr *iph = at;

		iph->version = 4;
		iph->ihl = sizeof(*iph) / 4;
		iph->tot_len = htons(sizeof(*iph) + len);
		iph->id = htons(flow->port);
		iph->frag_off = htons(IP_DF);
		iph->ttl = 57;
		iph->protocol = proto;
		iph->saddr = from == CLIENT ? flow->addr.s6_addr32[0] : there;
		iph->daddr = from == CLIENT ? there : flow->addr.s6_addr32[0];
		iph->check = ip_fast_csum(iph, iph->ihl);
	}
}

struct sk_buff *forge(const struct flow *flow, enum side from, enum form form)
{
	struct net_device *dev = bench.dev[from];
	bool v6 = bench.family == AF_INET6;
	unsigned int iplen = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	unsigned int size = ETH_HLEN + iplen + 128 + (form == FORM_DATA ? DATA_LEN : 0);
	struct sk_buff *skb = netdev_alloc_skb_ip_align(dev, XDP_PACKET_HEADROOM + size);
	struct ethhdr *eth;
	unsigned int len;
	u8 proto = IPPROTO_TCP;

	if (!skb)
		return NULL;
	/* As drivers do that can run XDP programs. */
	skb_reserve(skb, XDP_PACKET_HEADROOM);
	memset(skb->data, 0, size);
	eth = (struct ethhdr *)skb->data;
	ether_addr_copy(eth->h_dest, dev->dev_addr);
	ether_addr_copy(eth->h_source, neighbour[from]);
	eth->h_proto = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (form == FORM_ICMP) {
		proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		len = put_icmp(skb->data + ETH_HLEN + iplen, flow);
	} else {
		len = put_tcp(skb->data + ETH_HLEN + iplen, flow, from, form);
	}
	put_ip(skb->data + ETH_HLEN, flow, from, len, proto);
	skb_put(skb, ETH_HLEN + iplen + len);
	skb->protocol = eth_type_trans(skb, dev);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return skb;
}

void forget_all(void)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		kfree_skb(bench.skb[i]);
		bench.skb[i] = NULL;
	}
}

int forge_all(enum side from, enum form form)
{
	unsigned int i;

	memset(bench.skb, 0, sizeof(bench.skb));
	for (i = 0; i < BATCH; i++) {
		bench.skb[i] = forge(&bench.flow[i], from, form);
		if (!bench.skb[i]) {
			forget_all();
			return -ENOMEM;
		}
	}
	return 0;
}
