// SPDX-License-Identifier: GPL-2.0
/*
 * Two virtual Ethernet devices: the clients' and, behind a gateway, the servers'.
 * What is sent through them is counted and freed.
 *
 * In rounds that record, a SYN-ACK's numbers are kept in the flow it answers, so
 * that the round's ACKs can be made of them.  Through a gateway, what one segment
 * sets off may be more than an answer: there the headers are kept and read behind
 * the batch (bench_read_seen()), for these rounds are measured, too.
 *
 * They have a queue discipline (the default one), as a real network card has.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <asm/byteorder.h>
#include <net/tcp.h>
#include "bench.h"

static const char * const names[] = { [CLIENT] = "cbbench", [SERVER] = "cbinner" };
static const u8 address[][ETH_ALEN] = {
	[CLIENT] = { 0x02, 0, 0, 0, 0x99, 0x02 },
	[SERVER] = { 0x02, 0, 0, 0, 0x98, 0x01 },
};

static void read_timestamp(struct end *end, const struct tcphdr *th)
{
	const u8 *p = (const u8 *)(th + 1), *stop = (const u8 *)th + th->doff * 4;

	while (p < stop && *p != TCPOPT_EOL) {
		if (*p == TCPOPT_NOP) {
			p++;
			continue;
		}
		if (stop - p < 2 || p[1] < 2)
			return;
		if (*p == TCPOPT_TIMESTAMP && stop - p >= TCPOLEN_TIMESTAMP)
			end->tsecr = (u32)p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
		p += p[1];
	}
}

static const struct tcphdr *tcp_of(const void *network, bool v6)
{
	return network + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

/* A SYN or SYN-ACK has come to this end. */
static void read_opening(struct end *end, const struct tcphdr *th)
{
	end->asked = true;
	end->ack = ntohl(th->seq) + 1;
	read_timestamp(end, th);
}

static void read_answer(const struct sk_buff *skb)
{
	struct flow *flow = bench.current_flow;
	const struct tcphdr *th;

	th = tcp_of(skb_network_header(skb), skb->protocol == htons(ETH_P_IPV6));
	bench.resets += th->rst;
	if (!th->syn || !th->ack || !flow || ntohs(th->dest) != flow->port)
		return;
	bench.synacks++;
	read_opening(&flow->end[CLIENT], th);
}

static void keep(const struct sk_buff *skb, enum side side)
{
	const u64 *from = (const u64 *)skb_network_header(skb);
	struct seen *seen;
	unsigned int i;

	if (bench.seen_count == SEEN_MAX)
		return;
	seen = &bench.seen[bench.seen_count++];
	seen->side = side;
	for (i = 0; i < ARRAY_SIZE(seen->header); i++)
		seen->header[i] = from[i];	/* behind a short segment there is tail room */
}

static struct flow *flow_of(__be16 port)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		if (bench.flow[i].port == ntohs(port))
			return &bench.flow[i];
	return NULL;
}

static void read_at_client(struct flow *flow, const struct tcphdr *th)
{
	bench.resets += th->rst;
	if (!th->syn || !th->ack || flow->end[CLIENT].asked)
		return;
	bench.synacks++;
	read_opening(&flow->end[CLIENT], th);
}

static void read_at_server(struct flow *flow, const struct tcphdr *th)
{
	struct end *end = &flow->end[SERVER];

	bench.resets += th->rst;
	if (th->syn && !th->ack && !end->asked)
		read_opening(end, th);
	if (th->syn || flow->open || !end->said || ntohl(th->ack_seq) != end->isn + 1)
		return;
	flow->open = true;
	bench.opened++;
}

/* What the batch has sent. */
void bench_read_seen(void)
{
	unsigned int i;

	for (i = 0; i < bench.seen_count; i++) {
		const struct seen *seen = &bench.seen[i];
		const struct tcphdr *th = tcp_of(seen->header, bench.family == AF_INET6);
		struct flow *flow = flow_of(seen->side == CLIENT ? th->dest : th->source);

		if (flow && seen->side == CLIENT)
			read_at_client(flow, th);
		else if (flow)
			read_at_server(flow, th);
	}
	bench.seen_count = 0;
}

static netdev_tx_t swallow(struct sk_buff *skb, struct net_device *dev)
{
	enum side side = dev == bench.dev[CLIENT] ? CLIENT : SERVER;

	if (bench.counting) {
		if (side == CLIENT)
			bench.answers++;
		else
			bench.forwarded++;
		if (bench.recording && bench.gateway)
			keep(skb, side);
		else if (bench.recording)
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

static int add_device(enum side side)
{
	struct net_device *dev = alloc_etherdev(0);
	int err;

	if (!dev)
		return -ENOMEM;
	strscpy(dev->name, names[side], IFNAMSIZ);
	dev->netdev_ops = &ops;
	eth_hw_addr_set(dev, address[side]);
	err = register_netdev(dev);
	if (err) {
		free_netdev(dev);
		return err;
	}
	bench.dev[side] = dev;
	return 0;
}

static void remove_device(enum side side)
{
	unregister_netdev(bench.dev[side]);
	free_netdev(bench.dev[side]);
}

int bench_devices_add(void)
{
	int err = add_device(CLIENT);

	if (err)
		return err;
	err = add_device(SERVER);
	if (err)
		remove_device(CLIENT);
	return err;
}

void bench_devices_remove(void)
{
	remove_device(SERVER);
	remove_device(CLIENT);
}
