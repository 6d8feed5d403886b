// SPDX-License-Identifier: GPL-2.0
/*
 * replay: completes many handshakes, keeps their ACKs, and sends them again.
 *
 *	replay DEV PEERMAC SRCBASE DST PORT COUNT [plain] < commands
 *
 * Each command is done for all COUNT connections, window by window, and told in
 * one JSON line: {"did": "record", "n": COUNT, "answers": A, "rsts": R}.
 *
 *	record	SYN; waits for the SYN-ACK, keeps what the ACK needs
 *	live	ACK; waits until the server has closed (FIN), then RST
 *	abort	ACK, and the RST right behind it
 *	ack	ACK, once more, exactly as before
 *	twice	ACK, two of them
 *	reset	RST
 *	live2	as live, but ACKs come from CPU 0 and from CPU 1, at once
 *	abort2	as abort, but the ACK comes from CPU 0 and the RST from CPU 1
 *	ack2	ACK, from CPU 0 and from CPU 1, at once
 *
 * The server is to accept and close. "plain": without timestamps. Exit 0: what was
 * waited for has come, for every connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include "rawtcp.h"

#define WINDOW		200u
#define PORTS		50000u		/* of one address */
#define FIRST_PORT	10000u
#define TRIES		20
#define TRY_MS		500

struct config cfg;

enum { OPENED = 1, CLOSED = 2 };

struct shake {
	uint32_t isn, ack, tsval, tsecr;
	uint8_t state;
};

static struct {
	struct addr base, dst;
	uint16_t port;
	unsigned int count;
	bool plain;
} arg;

static struct shake *all;
static unsigned long answers, rsts;

static uint64_t now_msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void die(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, errno ? strerror(errno) : "bad value");
	exit(2);
}

static void open_socket(const char *dev)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int rcvbuf = 64 << 20, one = 1;
	struct ifreq ifr = { 0 };

	cfg.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	cfg.ifindex = ll.sll_ifindex = if_nametoindex(dev);
	if (cfg.fd < 0 || !cfg.ifindex)
		die(dev);
	setsockopt(cfg.fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	setsockopt(cfg.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (bind(cfg.fd, (struct sockaddr *)&ll, sizeof(ll)))
		die("bind");
	strncpy(ifr.ifr_name, dev, IFNAMSIZ - 1);
	if (ioctl(cfg.fd, SIOCGIFHWADDR, &ifr))
		die("hardware address");
	memcpy(cfg.mac, ifr.ifr_hwaddr.sa_data, 6);
}

static void send_one(unsigned int i, uint8_t flags)
{
	static const uint8_t syn_ts[16] = { 2, 4, 5, 0xb4, 4, 2, 8, 10 };
	static const uint8_t syn_plain[8] = { 2, 4, 5, 0xb4, 1, 1, 4, 2 };
	const struct shake *c = &all[i];
	uint8_t frame[FRAME_MAX], opt[20] = { 1, 1, 8, 10 };
	unsigned int at = 4;
	struct segment s;
	uint32_t ts[2];

	memset(&s, 0, sizeof(s));
	s.src = arg.base;
	addr_add(&s.src, i / PORTS);
	s.dst = arg.dst;
	s.sport = FIRST_PORT + i % PORTS;
	s.dport = arg.port;
	s.ttl = 64;
	s.df = true;
	s.win = 64240;
	s.flags = flags;
	s.seq = c->isn + !(flags & TCP_SYN);
	s.ack = flags & TCP_SYN ? 0 : c->ack;
	s.opt = opt;
	s.optlen = 12;
	if (flags & TCP_SYN) {
		memcpy(opt, syn_ts, sizeof(syn_ts));
		at = 8;
		s.optlen = 16;
	}
	ts[0] = htonl(c->tsval);
	ts[1] = htonl(c->tsecr);
	memcpy(opt + at, ts, 8);
	if (arg.plain) {
		s.opt = syn_plain;
		s.optlen = flags & TCP_SYN ? sizeof(syn_plain) : 0;
	}
	if (wire_send(frame, wire_build(frame, &s)))
		die("send");
}

/* Whose is it? count if nobody's. */
static unsigned int owner(const struct segment *s)
{
	unsigned int addr, i;

	for (addr = 0; addr <= arg.count / PORTS; addr++) {
		struct addr a = arg.base;

		addr_add(&a, addr);
		if (memcmp(a.b, s->dst.b, 16))
			continue;
		i = addr * PORTS + s->dport - FIRST_PORT;
		return s->dport >= FIRST_PORT && i < arg.count ? i : arg.count;
	}
	return arg.count;
}

static void take(const struct segment *s)
{
	unsigned int i = owner(s);
	struct synopts o;

	if (i == arg.count || s->sport != arg.port)
		return;
	answers++;
	rsts += !!(s->flags & TCP_RST);
	if (s->flags & TCP_FIN)
		all[i].state |= CLOSED;
	if ((s->flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return;
	memset(&o, 0, sizeof(o));
	wire_options(&o, s->opt, s->optlen);
	all[i].ack = s->seq + 1;
	all[i].tsecr = o.tsval;
	all[i].state |= OPENED;
}

static void receive_all(int ms)
{
	static uint8_t buf[256 * 1024];
	struct pollfd pfd = { .fd = cfg.fd, .events = POLLIN };
	struct segment s;
	ssize_t len;

	poll(&pfd, 1, ms);
	while ((len = recv(cfg.fd, buf, sizeof(buf), MSG_DONTWAIT)) >= 0) {
		memset(&s, 0, sizeof(s));
		if (wire_parse(&s, buf, len, false))
			take(&s);
	}
}

/* Sends to those of [first, end) that lack @want; again and again until none does. */
static bool insist(unsigned int first, unsigned int end, uint8_t flags, uint8_t want)
{
	unsigned int tries, i, missing = 0;
	uint64_t until;

	for (tries = 0; tries < TRIES; tries++) {
		for (i = first; i < end; i++)
			if (!(all[i].state & want))
				send_one(i, flags);
		until = now_msec() + TRY_MS;
		do {
			receive_all(5);
			for (i = first, missing = 0; i < end; i++)
				missing += !(all[i].state & want);
		} while (missing && now_msec() < until);
		if (!missing)
			return true;
	}
	return false;
}

static void send_all(unsigned int first, unsigned int end, uint8_t flags)
{
	unsigned int i;

	for (i = first; i < end; i++)
		send_one(i, flags);
	receive_all(0);
}

static void abort_each(unsigned int first, unsigned int end)
{
	unsigned int i;

	for (i = first; i < end; i++) {
		send_one(i, TCP_ACK);
		send_one(i, TCP_RST | TCP_ACK);
	}
	receive_all(0);
}

/* What one of two CPUs sends; what is sent there is received there, too. */
struct sender {
	unsigned int cpu, first, end;
	uint8_t flags;
	bool behind;			/* the other one is to have sent its own first */
};

static atomic_uint sent[2];		/* by each CPU */

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();		/* emulated CPUs take turns here */
#endif
}

/* Each segment as soon as the other CPU is as far. */
static void *send_from(void *from)
{
	const struct sender *s = from;
	cpu_set_t cpus;
	unsigned int i;

	CPU_ZERO(&cpus);
	CPU_SET(s->cpu, &cpus);
	errno = pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	if (errno)
		die("affinity");
	for (i = s->first; i < s->end; i++) {
		while (atomic_load(&sent[!s->cpu]) < i - s->first + s->behind)
			relax();
		send_one(i, s->flags);
		atomic_fetch_add(&sent[s->cpu], 1);
	}
	return NULL;
}

/* ACKs from CPU 0; from CPU 1 @flags, at once or, if it is a RST, right behind. */
static void send_from_both(unsigned int first, unsigned int end, uint8_t flags)
{
	struct sender zero = { 0, first, end, TCP_ACK, false };
	struct sender one = { 1, first, end, flags, flags & TCP_RST };
	pthread_t other;

	atomic_store(&sent[0], 0);
	atomic_store(&sent[1], 0);
	errno = pthread_create(&other, NULL, send_from, &one);
	if (errno)
		die("thread");
	send_from(&zero);
	pthread_join(other, NULL);
	receive_all(0);
}

static bool window(const char *command, unsigned int first, unsigned int end)
{
	if (!strcmp(command, "record"))
		return insist(first, end, TCP_SYN, OPENED);
	if (!strncmp(command, "live", 4)) {
		bool closed;

		if (!strcmp(command, "live2"))
			send_from_both(first, end, TCP_ACK);
		closed = insist(first, end, TCP_ACK, CLOSED);
		send_all(first, end, TCP_RST | TCP_ACK);
		return closed;
	}
	if (!strcmp(command, "abort"))
		abort_each(first, end);
	else if (!strcmp(command, "abort2"))
		send_from_both(first, end, TCP_RST | TCP_ACK);
	else if (!strcmp(command, "ack2"))
		send_from_both(first, end, TCP_ACK);
	else if (!strcmp(command, "reset"))
		send_all(first, end, TCP_RST | TCP_ACK);
	else
		send_all(first, end, TCP_ACK);
	if (!strcmp(command, "twice"))
		send_all(first, end, TCP_ACK);
	return true;
}

static bool run(const char *command)
{
	unsigned int first, end;
	bool done = true;

	answers = rsts = 0;
	for (first = 0; first < arg.count; first = end) {
		end = first + WINDOW < arg.count ? first + WINDOW : arg.count;
		done &= window(command, first, end);
	}
	receive_all(50);
	printf("{\"did\":\"%s\",\"n\":%u,\"answers\":%lu,\"rsts\":%lu}\n", command, arg.count,
	       answers, rsts);
	fflush(stdout);
	return done;
}

static void parse_mac(const char *text)
{
	unsigned int m[6], i;

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		die("PEERMAC");
	for (i = 0; i < 6; i++)
		cfg.peer[i] = m[i];
}

int main(int argc, char **argv)
{
	char command[16];
	unsigned int i;
	bool done = true;

	if (argc < 7)
		die("usage: replay DEV PEERMAC SRCBASE DST PORT COUNT [plain]");
	parse_mac(argv[2]);
	if (addr_parse(&arg.base, argv[3]) || addr_parse(&arg.dst, argv[4]))
		die("address");
	arg.port = atoi(argv[5]);
	arg.count = strtoul(argv[6], NULL, 10);
	arg.plain = argc > 7;
	open_socket(argv[1]);
	all = calloc(arg.count, sizeof(*all));
	if (!all)
		die("memory");
	srandom(now_msec());
	for (i = 0; i < arg.count; i++) {
		all[i].isn = random();
		all[i].tsval = 1 + (random() & 0x3fffffff);
	}
	while (scanf("%15s", command) == 1)
		done &= run(command);
	return done ? 0 : 1;
}
