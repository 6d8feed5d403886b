// SPDX-License-Identifier: GPL-2.0
/*
 * flood - sends SYNs with made-up sources at a given rate, for a bounded time and count.
 *
 * Owns: one packet socket, bound to one interface of a namespace that the demo made itself. The
 * segments look like those of Linux clients: MSS, SACK permitted, timestamps, window scale.
 * Invariant: never more than RATE times SECONDS segments, never after SECONDS. A sender that the
 * processor cannot follow falls short and says so: the count reported is the count sent.
 * Called by tests/demo/guest.sh inside the test guest.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH		32
#define OPTIONS		20	/* MSS 4, SACK permitted 2, timestamps 10, NOP 1, window scale 3 */
#define NSEC		1000000000ULL
/* A late sender catches up with at most this much of its backlog. */
#define CATCH_UP	(10 * 1000 * 1000ULL)

struct segment {
	struct ether_header eth;
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t options[OPTIONS];
} __attribute__((packed));

struct flood {
	struct segment segments[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	uint64_t state;
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

/* Any unicast address but those of the demo's own networks (10/8), loopback and 0/8. */
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

static void prepare(struct segment *segment, const uint8_t *mac, uint32_t address, uint16_t port)
{
	static const uint8_t options[OPTIONS] = {
		2, 4, 1460 >> 8, 1460 & 0xff, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7,
	};

	memset(segment, 0, sizeof(*segment));
	memcpy(segment->eth.ether_dhost, mac, 6);
	memcpy(segment->eth.ether_shost, "\x02\0\0\0\0\x01", 6);
	segment->eth.ether_type = htons(ETHERTYPE_IP);
	segment->ip.version = 4;
	segment->ip.ihl = 5;
	segment->ip.tot_len = htons(sizeof(*segment) - sizeof(segment->eth));
	segment->ip.frag_off = htons(IP_DF);
	segment->ip.ttl = 57;
	segment->ip.protocol = IPPROTO_TCP;
	segment->ip.daddr = address;
	segment->tcp.dest = htons(port);
	segment->tcp.doff = (sizeof(segment->tcp) + OPTIONS) / 4;
	segment->tcp.syn = 1;
	segment->tcp.window = htons(64240);
	memcpy(segment->options, options, OPTIONS);
}

static void randomise(struct flood *flood, struct segment *segment)
{
	size_t length = sizeof(segment->tcp) + OPTIONS;
	uint64_t more = draw(flood);
	uint32_t tsval = htonl(draw(flood) >> 32);

	segment->ip.saddr = spoof(flood);
	segment->ip.id = htons(more & 0xffff);
	segment->ip.check = 0;
	segment->ip.check = fold(sum(&segment->ip, sizeof(segment->ip), 0));
	segment->tcp.source = htons(1024 + (more >> 16) % 64512);
	segment->tcp.seq = htonl(more >> 32);
	memcpy(segment->options + 8, &tsval, 4);
	segment->tcp.check = 0;
	segment->tcp.check = fold(sum(&segment->tcp, length,
				      sum(&segment->ip.saddr, 8, IPPROTO_TCP + length)));
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

static uint64_t run(struct flood *flood, double rate, uint64_t length, uint64_t *took)
{
	uint64_t start = now(), time = start, forgiven = 0, sent = 0, due;

	for (; !stopped && time < start + length; time = now()) {
		due = rate * (time - start) / NSEC;
		if (due > sent + forgiven) {
			sent += send_some(flood, due - sent - forgiven);
			if (due > sent + forgiven + (uint64_t)(rate * CATCH_UP / NSEC) + BATCH)
				forgiven = due - sent;
			continue;
		}
		/* Uneven, so that the flood does not beat with the kernel's clock tick. */
		nap(rate > 2000 ? 300000 + draw(flood) % 700000 : NSEC / rate);
	}
	*took = time - start;
	return sent;
}

int main(int argc, char **argv)
{
	static struct flood flood;
	uint64_t sent, took;
	uint8_t mac[6];
	struct in_addr address;
	int i;

	if (argc != 7 || inet_pton(AF_INET, argv[3], &address) != 1 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5) != 6) {
		fprintf(stderr, "usage: flood INTERFACE MAC ADDRESS PORT RATE SECONDS\n");
		return 2;
	}
	signal(SIGTERM, stop);
	/* A real flood does not wait until the server has a moment to spare. */
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param) { .sched_priority = 1 }))
		perror("flood: SCHED_FIFO");
	flood.state = 88172645463325252ULL;
	flood.fd = open_socket(argv[1]);
	if (flood.fd < 0) {
		fprintf(stderr, "flood: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (i = 0; i < BATCH; i++) {
		prepare(&flood.segments[i], mac, address.s_addr, atoi(argv[4]));
		flood.vectors[i].iov_base = &flood.segments[i];
		flood.vectors[i].iov_len = sizeof(flood.segments[i]);
		flood.messages[i].msg_hdr.msg_iov = &flood.vectors[i];
		flood.messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = run(&flood, atof(argv[5]), atof(argv[6]) * NSEC, &took);
	printf("{\"sent\": %llu, \"seconds\": %.3f}\n", (unsigned long long)sent, (double)took / NSEC);
	return 0;
}
