/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of cbbench.ko share: the flows of a batch and the loop's state.
 */
#ifndef _CBBENCH_H
#define _CBBENCH_H

#include <linux/in6.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

/* Segments handed over in one go, with BH off. More, and the softirqs of the most
 * expensive peer would outlast the 2 ms after which the kernel leaves the rest to
 * a thread.
 */
#define BATCH		32
#define LATER		4	/* later segments of each connection of a batch */

/* A client, made up: what it sends next, and what it was answered. */
struct flow {
	struct in6_addr addr;		/* IPv4: the first word */
	u32 isn;
	u32 seq;			/* of the next segment */
	u32 ack;
	u32 tsval;
	u32 tsecr;
	u16 port;
	bool answered;			/* a SYN-ACK came */
};

/* What a segment carries. */
enum form {
	FORM_SYN,			/* MSS, SACK, timestamps, window scale */
	FORM_ACK,			/* timestamps */
	FORM_PLAIN,			/* no options */
	FORM_DATA,			/* timestamps and DATA_LEN bytes */
	FORM_ICMP,			/* an echo reply that nobody asked for */
};

#define DATA_LEN	512

struct bench {
	struct net_device *dev;
	struct flow flow[BATCH];
	struct sk_buff *skb[BATCH];
	struct flow *current_flow;	/* whose segment is being received */
	bool counting;
	bool recording;			/* answers are read, not only counted */
	int family;
	u16 port;			/* where all segments go */

	u64 answers;			/* while counting */
	u64 synacks;			/* while recording */
	u64 resets;
};

extern struct bench bench;

struct result {
	const char *kind;
	unsigned int batches;
	u64 segments;
	u64 ns;
	u64 cycles;
	u64 best;			/* batch; cycles, or ns where there are none */
	u64 median;
	u64 answers;
	u64 synacks;			/* of the rounds before those that are measured */
	u64 resets;
	u64 accepted;
};

/* device.c: a virtual Ethernet device that swallows what is sent through it. */
int bench_device_add(void);
void bench_device_remove(void);

/* forge.c: segments of made-up clients. */
void forge_flows(unsigned int prefixes);
int forge_all(enum form form);		/* fills bench.skb, or -ENOMEM and none */

/* round.c: measures rounds of one kind. Process context. */
int round_run(const char *kind, unsigned int rounds, unsigned int warm_up, struct result *res);

#endif
