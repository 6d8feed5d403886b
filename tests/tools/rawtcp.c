// SPDX-License-Identifier: GPL-2.0
/*
 * rawtcp: raw TCP clients on a device, many per process.
 *
 *	rawtcp -i DEV -m PEERMAC -s SRCBASE [-d "defaults"] [-b BATCH] [-c COMMAND]
 *	       [-w WINDOW] [-r RATE -t SECONDS] [-g PATH] [-R RTO_MS] [-q] < descriptions
 *	rawtcp -i DEV -m PEERMAC -S FRAMES [-r RATE] [-t SECONDS]
 *
 * Batches: descriptions are run BATCH at a time; when all of a batch have
 * ended or stand open, COMMAND runs once (`ss` in the server's namespace),
 * then they are closed. Load (-r): descriptions are taken round and round,
 * RATE new connections a second. Frames (-S): recorded frames are sent, and
 * what comes back is printed; with a rate they are sent round and round, RATE
 * frames a second, and what comes back is counted. One JSON object a line on
 * stdout; the summary is the last line; its first_ms and last_ms say by the
 * monotonic clock when the first and the last connection or frame started.
 * Exit 0: every connection ended "ok" (-S: frames sent).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "rawtcp.h"

#define HASH_SIZE	4096u
#define AUTO_ADDRS	200u		/* addresses that automatic sources use */
#define FRAME_IN	(256 * 1024)	/* a GSO packet fits */

struct config cfg = { .path = "/", .rto_ms = 1000 };

static struct {
	const char *dev, *command, *frames, *defaults;
	struct addr base;
	unsigned int batch, window;
	double rate, seconds;
	bool quiet;
} arg = { .batch = 128, .window = 32 };

static struct {
	unsigned long started, ok, failed, rtx, stray, stray_rst;
	uint64_t max_ms, first_ms, last_ms;
} sum;

static struct conn *hash[HASH_SIZE];
static unsigned long serial;		/* of automatic source addresses */
static unsigned int first_port;		/* random, so that two runs do not share tuples */

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void count_start(void)
{
	sum.last_ms = now_ms();
	if (!sum.started++)
		sum.first_ms = sum.last_ms;
}

static void die(const char *what)
{
	fprintf(stderr, "rawtcp: %s: %s\n", what, errno ? strerror(errno) : "bad value");
	exit(2);
}

static unsigned int bucket(const struct addr *a, uint16_t port)
{
	const uint8_t *p = a->b + (a->family == AF_INET ? 0 : 12);

	return (port * 31u + p[3] * 7u + p[2]) % HASH_SIZE;
}

static void hash_add(struct conn *c)
{
	struct conn **head = &hash[bucket(&c->d.src, c->d.sport)];

	c->next = *head;
	*head = c;
}

static void hash_del(struct conn *c)
{
	struct conn **p = &hash[bucket(&c->d.src, c->d.sport)];

	for (; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			return;
		}
	}
}

static struct conn *hash_find(const struct segment *s)
{
	struct conn *c = hash[bucket(&s->dst, s->dport)];

	for (; c; c = c->next)
		if (c->d.sport == s->dport && c->d.dport == s->sport &&
		    !memcmp(c->d.src.b, s->dst.b, 16) && !memcmp(c->d.dst.b, s->src.b, 16))
			return c;
	return NULL;
}

static void open_socket(void)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int rcvbuf = 64 << 20, one = 1;
	struct ifreq ifr = { 0 };

	cfg.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (cfg.fd < 0)
		die("AF_PACKET socket");
	cfg.ifindex = ll.sll_ifindex = if_nametoindex(arg.dev);
	if (!ll.sll_ifindex)
		die(arg.dev);
	setsockopt(cfg.fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	setsockopt(cfg.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(cfg.fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	if (bind(cfg.fd, (struct sockaddr *)&ll, sizeof(ll)))
		die("bind");
	strncpy(ifr.ifr_name, arg.dev, IFNAMSIZ - 1);
	if (ioctl(cfg.fd, SIOCGIFHWADDR, &ifr))
		die("hardware address");
	memcpy(cfg.mac, ifr.ifr_hwaddr.sa_data, 6);
}

/* One frame, or -1. *csum_ready: the checksum was not left to a device. */
static ssize_t receive(uint8_t *buf, bool *csum_ready)
{
	struct iovec iov = { .iov_base = buf, .iov_len = FRAME_IN };
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	const struct tpacket_auxdata *aux;
	struct cmsghdr *cmsg;
	ssize_t len;

	len = recvmsg(cfg.fd, &msg, MSG_DONTWAIT);
	*csum_ready = true;
	if (len < 0)
		return -1;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA)
			continue;
		aux = (const struct tpacket_auxdata *)CMSG_DATA(cmsg);
		*csum_ready = !(aux->tp_status & TP_STATUS_CSUMNOTREADY);
	}
	return len;
}

static void receive_all(void)
{
	static uint8_t buf[FRAME_IN];
	struct segment seg;
	struct conn *c;
	bool ready;
	ssize_t len;

	while ((len = receive(buf, &ready)) >= 0) {
		memset(&seg, 0, sizeof(seg));
		if (!wire_parse(&seg, buf, len, ready))
			continue;
		c = hash_find(&seg);
		if (c) {
			conn_input(c, &seg, now_ms());
			continue;
		}
		sum.stray++;
		sum.stray_rst += !!(seg.flags & TCP_RST);
	}
}

static void wait_input(int ms)
{
	struct pollfd pfd = { .fd = cfg.fd, .events = POLLIN };

	poll(&pfd, 1, ms);
	receive_all();
}

/* Automatic source: AUTO_ADDRS addresses from the base, port by port. */
static void default_desc(struct desc *d)
{
	char *text = strdup(arg.defaults ? arg.defaults : "");

	memset(d, 0, sizeof(*d));
	d->src = arg.base;
	addr_add(&d->src, serial % AUTO_ADDRS);
	d->sport = 10000 + (first_port + serial / AUTO_ADDRS) % 50000;
	d->dport = 80;
	d->mss = 1460;
	d->ttl = 64;
	d->win = 64240;
	d->tsval = 1 + (random() & 0x3fffffff);
	d->wait_ms = 15000;
	d->quirks = 0;
	strcpy(d->layout, "mss,sok,ts,nop,ws");
	d->ws = 7;
	serial++;
	if (desc_parse(d, text))
		die("-d");
	d->has = 0;
	d->optlen = 0;
	free(text);
}

static void read_desc(struct conn *c, const char *line)
{
	char *copy = strdup(line);

	memset(c, 0, sizeof(*c));
	default_desc(&c->d);
	errno = 0;
	if (desc_parse(&c->d, copy)) {
		fprintf(stderr, "rawtcp: cannot read: %s", line);
		exit(2);
	}
	if (!c->d.dst.family || c->d.src.family != c->d.dst.family) {
		fprintf(stderr, "rawtcp: no dst, or of another family: %s", line);
		exit(2);
	}
	free(copy);
}

static void account(struct conn *c)
{
	bool ok = c->result && !strcmp(c->result, "ok");
	uint64_t ms = c->done ? c->done - c->born : 0;

	if (ok)
		sum.ok++;
	else
		sum.failed++;
	sum.rtx += c->rtx;
	if (ok && ms > sum.max_ms)
		sum.max_ms = ms;
	if (!arg.quiet || !ok)
		conn_print(c, stdout);
}

static bool settled(const struct conn *c)
{
	return c->state == ST_OPEN || c->state == ST_CLOSED;
}

/* Drive @n connections until all are settled; at most @window start at once. */
static void run_until_settled(struct conn *c, unsigned int n, unsigned int window)
{
	unsigned int i, started = 0, busy;

	do {
		for (i = busy = 0; i < started; i++) {
			conn_timer(&c[i], now_ms());
			busy += !settled(&c[i]);
		}
		for (; started < n && busy < window; started++, busy++) {
			if (c[started].state != ST_IDLE)
				continue;
			hash_add(&c[started]);
			conn_start(&c[started], now_ms());
			count_start();
		}
		if (busy)
			wait_input(10);
	} while (busy || started < n);
}

static void run_batch(struct conn *c, unsigned int n)
{
	unsigned int i;

	run_until_settled(c, n, arg.window);
	fflush(stdout);
	if (arg.command && system(arg.command))
		fprintf(stderr, "rawtcp: command failed: %s\n", arg.command);
	receive_all();
	for (i = 0; i < n; i++)
		conn_close(&c[i], now_ms());
	run_until_settled(c, n, n);
	for (i = 0; i < n; i++) {
		account(&c[i]);
		hash_del(&c[i]);
	}
}

static void run_batches(void)
{
	struct conn *c = calloc(arg.batch, sizeof(*c));
	unsigned int n = 0;
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		read_desc(&c[n++], line);
		if (n < arg.batch)
			continue;
		run_batch(c, n);
		n = 0;
	}
	if (n)
		run_batch(c, n);
	free(c);
}

static unsigned int read_lines(char ***lines)
{
	unsigned int n = 0;
	char line[1024];

	*lines = NULL;
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		*lines = realloc(*lines, (n + 1) * sizeof(**lines));
		(*lines)[n++] = strdup(line);
	}
	return n;
}

/* One step of every live connection; dead ones are accounted and freed. */
static void load_step(struct conn **live, unsigned int *n)
{
	unsigned int i;
	struct conn *c;

	for (i = 0; i < *n;) {
		c = live[i];
		conn_timer(c, now_ms());
		if (c->state == ST_OPEN)
			conn_close(c, now_ms());
		if (c->state != ST_CLOSED) {
			i++;
			continue;
		}
		account(c);
		hash_del(c);
		free(c);
		live[i] = live[--*n];
	}
}

static void run_load(void)
{
	static struct conn *live[65536];
	unsigned int n = 0, n_lines, i = 0;
	uint64_t start = now_ms();
	uint64_t now;
	char **lines;

	n_lines = read_lines(&lines);
	if (!n_lines)
		die("no description");
	do {
		now = now_ms() - start;
		while (now < arg.seconds * 1000 && n < 65536 && i < now * arg.rate / 1000) {
			live[n] = calloc(1, sizeof(struct conn));
			read_desc(live[n], lines[i++ % n_lines]);
			hash_add(live[n]);
			conn_start(live[n++], now_ms());
			count_start();
		}
		wait_input(5);
		load_step(live, &n);
	} while (n || now < arg.seconds * 1000);
}

/* Print every TCP segment that comes within the time. */
static void print_answers(double seconds)
{
	static uint8_t buf[FRAME_IN];
	uint64_t end = now_ms() + seconds * 1000;
	struct pollfd pfd = { .fd = cfg.fd, .events = POLLIN };
	struct segment s;
	char text[64];
	bool ready;
	ssize_t len;

	while (now_ms() < end) {
		poll(&pfd, 1, 50);
		while ((len = receive(buf, &ready)) >= 0) {
			memset(&s, 0, sizeof(s));
			if (!wire_parse(&s, buf, len, ready))
				continue;
			sum.stray++;
			sum.stray_rst += !!(s.flags & TCP_RST);
			printf("{\"answer_to\":\"%s\",\"port\":%u,\"flags\":%u,\"seq\":%u,",
			       addr_text(&s.dst, text, sizeof(text)), s.dport, s.flags, s.seq);
			printf("\"ack\":%u,\"len\":%u}\n", s.ack, s.len);
		}
	}
}

static void send_frame(const struct frame *frame)
{
	if (wire_send(frame->bytes, frame->len))
		die("send");
	count_start();
}

static void run_frames(void)
{
	struct frame **frames;
	uint64_t start, now;
	size_t n, i = 0;

	n = frames_read(&frames, arg.frames);
	if (!n)
		die(arg.frames);
	if (arg.rate <= 0) {
		while (i < n)
			send_frame(frames[i++]);
		return print_answers(arg.seconds ? arg.seconds : 1);
	}
	start = now_ms();
	while ((now = now_ms() - start) < arg.seconds * 1000) {
		while (i < now * arg.rate / 1000)
			send_frame(frames[i++ % n]);
		wait_input(5);
	}
}

static void parse_mac(const char *text)
{
	unsigned int m[6], i;

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		die("-m");
	for (i = 0; i < 6; i++)
		cfg.peer[i] = m[i];
}

static void set_option(int opt, char *value)
{
	switch (opt) {
	case 'i': arg.dev = value; break;
	case 'm': parse_mac(value); break;
	case 's': if (addr_parse(&arg.base, value)) die("-s"); break;
	case 'd': arg.defaults = value; break;
	case 'b': arg.batch = strtoul(value, NULL, 10); break;
	case 'c': arg.command = value; break;
	case 'w': arg.window = strtoul(value, NULL, 10); break;
	case 'r': arg.rate = strtod(value, NULL); break;
	case 't': arg.seconds = strtod(value, NULL); break;
	case 'g': cfg.path = value; break;
	case 'R': cfg.rto_ms = strtoul(value, NULL, 10); break;
	case 'S': arg.frames = value; break;
	case 'q': arg.quiet = true; break;
	default: exit(2);
	}
}

int main(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "i:m:s:d:b:c:w:r:t:g:R:S:q")) != -1)
		set_option(opt, optarg);
	if (!arg.dev || !arg.batch || !arg.window || !cfg.rto_ms)
		die("usage: rawtcp -i DEV -m MAC -s BASE ... (see the source)");
	srandom(getpid() ^ (unsigned int)now_ms());
	first_port = random();
	open_socket();
	if (arg.frames)
		run_frames();
	else if (arg.rate > 0)
		run_load();
	else
		run_batches();
	printf("{\"summary\":1,\"started\":%lu,\"ok\":%lu,\"failed\":%lu,\"retransmits\":%lu,",
	       sum.started, sum.ok, sum.failed, sum.rtx);
	printf("\"stray\":%lu,\"stray_rst\":%lu,\"max_ms\":%llu,", sum.stray, sum.stray_rst,
	       (unsigned long long)sum.max_ms);
	printf("\"first_ms\":%llu,\"last_ms\":%llu}\n", (unsigned long long)sum.first_ms,
	       (unsigned long long)sum.last_ms);
	return sum.failed ? 1 : 0;
}
