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

/* One end of a connection: what it sends next. */
struct end {
	u32 isn;
	u32 seq;
	u32 ack;
	u32 tsval;
	u32 tsecr;
	bool said;			/* its SYN or SYN-ACK was sent */
	bool asked;			/* that of the other end came */
};

enum side { CLIENT, SERVER };

/* A made-up client; behind a gateway, the made-up server that it talks to as well. */
struct flow {
	struct in6_addr addr;		/* of the client; IPv4: the first word */
	u16 port;
	struct end end[2];		/* by enum side */
	bool acked;			/* the client's ACK was sent */
	bool open;			/* and one of the server's number came */
};

/* What a segment carries. */
enum form {
	FORM_SYN,			/* MSS, SACK, timestamps, window scale */
	FORM_SYNACK,			/* the same */
	FORM_ACK,			/* timestamps */
	FORM_PLAIN,			/* no options */
	FORM_DATA,			/* timestamps and DATA_LEN bytes */
	FORM_ICMP,			/* an echo reply that nobody asked for */
};

#define DATA_LEN	512

#define SEEN_MAX	(BATCH * 4)	/* what a batch of a handshake has sent */
#define SEEN_LEN	96		/* bytes: both headers */

struct seen {
	u64 header[SEEN_LEN / sizeof(u64)];
	enum side side;
};

struct bench {
	struct net_device *dev[2];	/* by enum side; a server's own clients are at the first */
	struct flow flow[BATCH];
	struct sk_buff *skb[BATCH];	/* NULL: this flow has nothing to say */
	struct flow *current_flow;	/* whose segment is being received */
	bool gateway;			/* the segments are to be forwarded */
	bool counting;
	bool recording;			/* what is sent is read, not only counted */
	int family;
	u16 port;			/* where all segments go */

	u64 answers;			/* to the clients, while counting */
	u64 forwarded;			/* to the servers */
	u64 synacks;			/* while recording */
	u64 resets;
	u64 opened;			/* connections that a made-up server has */

	unsigned int seen_count;
	struct seen seen[SEEN_MAX];	/* by a gateway, while recording; read after the batch */
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
	u64 forwarded;
	u64 synacks;			/* of the rounds before those that are measured */
	u64 resets;
	u64 accepted;
};

/* device.c: two virtual Ethernet devices that swallow what is sent through them. */
int bench_devices_add(void);
void bench_devices_remove(void);
void bench_read_seen(void);

/* forge.c: segments of made-up clients and servers. */
void forge_flows(unsigned int prefixes);
struct sk_buff *forge(const struct flow *flow, enum side from, enum form form);
int forge_all(enum side from, enum form form);	/* fills bench.skb, or -ENOMEM and none */
void forget_all(void);

/* round.c: measures rounds of one kind. Process context. */
int round_run(const char *kind, unsigned int rounds, unsigned int warm_up, struct result *res);
void round_deliver(struct result *res);
/* more: counts with the batch before, as one. */
void round_measure(struct result *res, bool more);

/* gateway.c: a round through a gateway. */
int gateway_connect(struct result *res, bool counts);
int gateway_data(struct result *res, enum side from, bool counts);

#endif
