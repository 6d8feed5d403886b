// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual Ethernet device.  What is sent through it is counted and freed; in
 * rounds that record, a SYN-ACK's numbers are kept in the flow it answers, so
 * that the round's ACKs can be made of them.
 *
 * It has a queue discipline (the default one), as a real network card has.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <asm/byteorder.h>
#include <net/tcp.h>
#include "bench.h"

static const u8 address[ETH_ALEN] = { 0x02, 0, 0, 0, 0x99, 0x02 };

static void read_timestamp(struct flow *flow, const struct tcphdr *th)
{
	const u8 *p = (const u8 *)(th + 1), *end = (const u8 *)th + th->doff * 4;

	while (p < end && *p != TCPOPT_EOL) {
		if (*p == TCPOPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2)
			return;
		if (*p == TCPOPT_TIMESTAMP && end - p >= TCPOLEN_TIMESTAMP)
			flow->tsecr = (u32)p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
		p += p[1];
	}
}

static void read_answer(const struct sk_buff *skb)
{
	struct flow *flow = bench.current_flow;
	const struct tcphdr *th;
	unsigned int iplen;

	iplen = skb->protocol == htons(ETH_P_IPV6) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	th = (const struct tcphdr *)(skb_network_header(skb) + iplen);
	bench.resets += th->rst;
	if (!th->syn || !th->ack || !flow || ntohs(th->dest) != flow->port)
		return;
	bench.synacks++;
	flow->answered = true;
	flow->ack = ntohl(th->seq) + 1;
	read_timestamp(flow, th);
}

static netdev_tx_t swallow(struct sk_buff *skb, struct net_device *dev)
{
	if (bench.counting) {
		bench.answers++;
		if (bench.recording)
			read_answer(skb);
	}
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops ops = {
	.ndo_start_xmit = swallow,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

int bench_device_add(void)
{
	struct net_device *dev = alloc_etherdev(0);
	int err;

	if (!dev)
		return -ENOMEM;
	strscpy(dev->name, "cbbench", IFNAMSIZ);
	dev->netdev_ops = &ops;
	eth_hw_addr_set(dev, address);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	bench.dev = dev;
	return 0;
}

void bench_device_remove(void)
{
	unregister_netdev(bench.dev);
	free_netdev(bench.dev);
}
