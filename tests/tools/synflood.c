// SPDX-License-Identifier: GPL-2.0
/*
 * synflood - sends SYNs with made-up sources at a given rate, for a bounded count and time.
 *
 *	synflood DEVICE MAC ADDRESS PORT RATE SECONDS [COUNT]
 *
 * Owns: one packet socket, bound to one interface of a namespace that the caller made itself. The
 * segments look like those of Linux clients: MSS, SACK permitted, timestamps, window scale; IPv4
 * or IPv6 as ADDRESS says.  Invariant: never more than COUNT (default RATE times SECONDS)
 * segments, never after SECONDS. RATE 0: as fast as possible. A sender that the processor cannot
 * follow falls short and says so: the count reported is the count sent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH		32
#define OPTIONS		20	/* MSS 4, SACK permitted 2, timestamps 10, NOP 1, window scale 3 */
#define TCP_LENGTH	(sizeof(struct tcphdr) + OPTIONS)
#define NSEC		1000000000ULL
/* A late sender catches up with at most this much of its backlog. */
#define CATCH_UP	(10 * 1000 * 1000ULL)

struct tcp_part {
	struct tcphdr header;
	uint8_t options[OPTIONS];
} __attribute__((packed));

struct segment {
	struct ether_header eth;
	union {
		struct {
			struct iphdr ip;
			struct tcp_part tcp;
		} __attribute__((packed)) v4;
		struct {
			struct ip6_hdr ip;
			struct tcp_part tcp;
		} __attribute__((packed)) v6;
	};
} __attribute__((packed));

struct target {
	int family;
	uint8_t address[16];
	uint8_t mac[6];
	uint16_t port;
};

struct flood {
	struct segment segments[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct target target;
	uint64_t state;
	uint64_t count;
	double rate;
	int fd;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* xorshift64*: good enough for addresses, and cheap beside a system call. */
static uint64_t draw(struct flood *flood)
{
	flood->state ^= flood->state >> 12;
	flood->state ^= flood->state << 25;
	flood->state ^= flood->state >> 27;
	return flood->state * 2685821657736338717ULL;
}

/* Any unicast address but those of the tests' own networks (10/8), loopback and 0/8. */
static uint32_t spoof(struct flood *flood)
{
	uint32_t address;

	do {
		address = draw(flood) >> 32;
	} while (address >> 24 == 0 || address >> 24 == 10 || address >> 24 == 127 ||
		 address >> 24 >= 224);
	return htonl(address);
}

static uint32_t sum(const void *data, size_t length, uint32_t total)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		total += bytes[i] << 8 | bytes[i + 1];
	return total;
}

static uint16_t fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons(~total & 0xffff);
}

static struct tcp_part *tcp_of(const struct flood *flood, struct segment *segment)
{
	return flood->target.family == AF_INET ? &segment->v4.tcp : &segment->v6.tcp;
}

static void prepare(const struct flood *flood, struct segment *segment)
{
	static const uint8_t options[OPTIONS] = {
		2, 4, 1460 >> 8, 1460 & 0xff, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7,
	};
	const struct target *target = &flood->target;
	struct tcp_part *tcp = tcp_of(flood, segment);

	memset(segment, 0, sizeof(*segment));
	memcpy(segment->eth.ether_dhost, target->mac, 6);
	memcpy(segment->eth.ether_shost, "\x02\0\0\0\0\x01", 6);
	if (target->family == AF_INET) {
		segment->eth.ether_type = htons(ETHERTYPE_IP);
		segment->v4.ip.version = 4;
		segment->v4.ip.ihl = 5;
		segment->v4.ip.tot_len = htons(sizeof(segment->v4));
		segment->v4.ip.frag_off = htons(IP_DF);
		segment->v4.ip.ttl = 57;
		segment->v4.ip.protocol = IPPROTO_TCP;
		memcpy(&segment->v4.ip.daddr, target->address, 4);
	} else {
		segment->eth.ether_type = htons(ETHERTYPE_IPV6);
		segment->v6.ip.ip6_flow = htonl(6u << 28);
		segment->v6.ip.ip6_plen = htons(TCP_LENGTH);
		segment->v6.ip.ip6_nxt = IPPROTO_TCP;
		segment->v6.ip.ip6_hlim = 57;
		memcpy(&segment->v6.ip.ip6_dst, target->address, 16);
	}
	tcp->header.dest = htons(target->port);
	tcp->header.doff = TCP_LENGTH / 4;
	tcp->header.syn = 1;
	tcp->header.window = htons(64240);
	memcpy(tcp->options, options, OPTIONS);
}

/* Sets the made-up source; returns the sum of both addresses. */
static uint32_t randomise_ip(struct flood *flood, struct segment *segment, uint64_t more)
{
	if (flood->target.family == AF_INET) {
		segment->v4.ip.saddr = spoof(flood);
		segment->v4.ip.id = htons(more & 0xffff);
		segment->v4.ip.check = 0;
		segment->v4.ip.check = fold(sum(&segment->v4.ip, sizeof(segment->v4.ip), 0));
		return sum(&segment->v4.ip.saddr, 8, 0);
	}
	/* 2001::/16: global unicast, and nobody here. */
	uint64_t high = draw(flood), low = draw(flood);

	memcpy(segment->v6.ip.ip6_src.s6_addr, &high, 8);
	memcpy(segment->v6.ip.ip6_src.s6_addr + 8, &low, 8);
	segment->v6.ip.ip6_src.s6_addr16[0] = htons(0x2001);
	return sum(&segment->v6.ip.ip6_src, 32, 0);
}

static void randomise(struct flood *flood, struct segment *segment)
{
	struct tcp_part *tcp = tcp_of(flood, segment);
	uint64_t more = draw(flood);
	uint32_t tsval = htonl(draw(flood) >> 32);
	uint32_t addresses = randomise_ip(flood, segment, more);

	tcp->header.source = htons(1024 + (more >> 16) % 64512);
	tcp->header.seq = htonl(more >> 32);
	memcpy(tcp->options + 8, &tsval, 4);
	tcp->header.check = 0;
	tcp->header.check = fold(sum(tcp, TCP_LENGTH, addresses + IPPROTO_TCP + TCP_LENGTH));
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * NSEC + time.tv_nsec;
}

static void nap(uint64_t nanoseconds)
{
	struct timespec time = { .tv_sec = nanoseconds / NSEC, .tv_nsec = nanoseconds % NSEC };

	nanosleep(&time, NULL);
}

static int open_socket(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET };
	int one = 1;
	int fd;

	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		return -1;
	address.sll_ifindex = if_nametoindex(interface);
	if (!address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	/* Without it the count below would be that of a queue's arrivals, not of departures. */
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)))
		return -1;
	return fd;
}

static void make_batch(struct flood *flood)
{
	size_t length = sizeof(struct ether_header) +
		(flood->target.family == AF_INET ? sizeof(flood->segments[0].v4) :
						   sizeof(flood->segments[0].v6));
	int i;

	for (i = 0; i < BATCH; i++) {
		prepare(flood, &flood->segments[i]);
		flood->vectors[i].iov_base = &flood->segments[i];
		flood->vectors[i].iov_len = length;
		flood->messages[i].msg_hdr.msg_iov = &flood->vectors[i];
		flood->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* Sends at most @count segments; returns how many left. */
static uint64_t send_some(struct flood *flood, uint64_t count)
{
	uint64_t i;
	int sent;

	if (count > BATCH)
		count = BATCH;
	for (i = 0; i < count; i++)
		randomise(flood, &flood->segments[i]);
	sent = sendmmsg(flood->fd, flood->messages, count, 0);
	return sent > 0 ? sent : 0;
}

static uint64_t run(struct flood *flood, uint64_t length, uint64_t *took)
{
	uint64_t start = now(), time = start, forgiven = 0, sent = 0, due, late;

	for (; !stopped && time < start + length && sent < flood->count; time = now()) {
		due = flood->rate ? flood->rate * (time - start) / NSEC : sent + BATCH;
		if (due > flood->count + forgiven)
			due = flood->count + forgiven;
		if (due > sent + forgiven) {
			sent += send_some(flood, due - sent - forgiven);
			late = sent + forgiven + (uint64_t)(flood->rate * CATCH_UP / NSEC) + BATCH;
			if (flood->rate && due > late)
				forgiven = due - sent;
			continue;
		}
		/* Uneven, so that the flood does not beat with the kernel's clock tick. */
		nap(flood->rate > 2000 ? 300000 + draw(flood) % 700000 : NSEC / flood->rate);
	}
	*took = time - start;
	return sent;
}

static int read_target(struct target *target, const char *mac, const char *address,
		       const char *port)
{
	uint8_t *m = target->mac;

	target->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	target->port = atoi(port);
	return inet_pton(target->family, address, target->address) == 1 &&
	       sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4,
		      m + 5) == 6 && target->port;
}

int main(int argc, char **argv)
{
	static struct flood flood;
	uint64_t sent, took;
	double seconds;

	if (argc < 7 || argc > 8 || !read_target(&flood.target, argv[2], argv[3], argv[4])) {
		fprintf(stderr, "usage: synflood DEVICE MAC ADDRESS PORT RATE SECONDS [COUNT]\n");
		return 2;
	}
	flood.rate = atof(argv[5]);
	seconds = atof(argv[6]);
	flood.count = argc == 8 ? strtoull(argv[7], NULL, 10) :
		      flood.rate ? (uint64_t)(flood.rate * seconds) : UINT64_MAX;
	signal(SIGTERM, stop);
	flood.state = 88172645463325252ULL ^ now();
	flood.fd = open_socket(argv[1]);
	if (flood.fd < 0) {
		fprintf(stderr, "synflood: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	make_batch(&flood);
	sent = run(&flood, seconds * NSEC, &took);
	printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, (double)took / NSEC);
	return 0;
}
