// SPDX-License-Identifier: GPL-2.0
/*
 * The closed loop.  A batch of segments is prepared, then handed over in one go
 * with BH off; what is measured is from the first netif_receive_skb() to the
 * return of local_bh_enable(), so that what a peer leaves to softirqs counts.
 *
 * Rounds of a kind that needs connections make them first, unmeasured, with the
 * SYN-ACKs that came back; sockets are accepted between the batches.
 */
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include "bench.h"

#define BACKLOG		4096
#define CHILDREN	2048	/* kept open at a time; their data must fit into tcp_mem */
#define ROUNDS_MAX	1024
#define FEW_PREFIXES	16	/* bad ACKs come from so many, as a gate per prefix sees them */

/* Marks for tests/bench/profile.c, which sees every instruction: long no-ops that
 * nobody else has.
 */
#if defined(CONFIG_X86)
#define MARK(n) asm volatile(".byte 0x0f, 0x1f, 0x80, " #n ", 0xbe, 0xcb, 0x0c" ::: "memory")
#else
#define MARK(n) do { } while (0)
#endif

struct kind {
	const char *name;
	enum form form;
	unsigned int prefixes;		/* 0: any number */
	bool fresh;			/* the SYN-ACK's timestamp is echoed, but not its number */
	bool opens;			/* what is measured are the ACKs that open */
	bool connected;			/* what is measured comes after that */
	bool gateway;			/* the guest forwards */
	enum side from;			/* who sends what is measured */
};

static const struct kind kinds[] = {
	{ .name = "syn", .form = FORM_SYN },
	{ .name = "bad", .form = FORM_ACK, .prefixes = FEW_PREFIXES },
	{ .name = "bad-plain", .form = FORM_PLAIN, .prefixes = FEW_PREFIXES },
	{ .name = "bad-fresh", .form = FORM_ACK, .prefixes = FEW_PREFIXES, .fresh = true },
	{ .name = "good", .form = FORM_ACK, .opens = true },
	{ .name = "later", .form = FORM_ACK, .connected = true },
	{ .name = "data", .form = FORM_DATA, .connected = true },
	{ .name = "icmp", .form = FORM_ICMP },
	{ .name = "gw-syn", .form = FORM_SYN, .gateway = true },
	{ .name = "gw-bad", .form = FORM_ACK, .prefixes = FEW_PREFIXES, .gateway = true },
	{ .name = "gw-open", .opens = true, .gateway = true },
	{ .name = "gw-up", .form = FORM_DATA, .connected = true, .gateway = true },
	{ .name = "gw-down", .form = FORM_DATA, .connected = true, .gateway = true,
	  .from = SERVER },
};

static struct socket *listener;
static struct socket *child[CHILDREN];
static unsigned int children;
static u64 took[ROUNDS_MAX * LATER];	/* by each batch of a run */

static void hand_over(void)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		if (!bench.skb[i])
			continue;
		bench.current_flow = &bench.flow[i];
		netif_receive_skb(bench.skb[i]);
	}
}

/* Unmeasured, and what is answered is read. */
void round_deliver(struct result *res)
{
	u64 synacks = bench.synacks, resets = bench.resets;

	local_bh_disable();
	bench.counting = true;
	bench.recording = true;
	hand_over();
	local_bh_enable();
	bench.recording = false;
	bench.counting = false;
	res->synacks += bench.synacks - synacks;
	res->resets += bench.resets - resets;
}

void round_measure(struct result *res, bool more)
{
	u64 answers = bench.answers, forwarded = bench.forwarded, ns, cycles;

	local_bh_disable();
	bench.counting = true;
	ns = ktime_get_ns();
	cycles = get_cycles();
	MARK(1);
	hand_over();
	local_bh_enable();
	MARK(2);
	cycles = get_cycles() - cycles;
	ns = ktime_get_ns() - ns;
	bench.counting = false;

	if (!more) {
		took[res->batches++] = 0;
		res->segments += BATCH;
	}
	took[res->batches - 1] += cycles ?: ns;
	res->ns += ns;
	res->cycles += cycles;
	res->answers += bench.answers - answers;
	res->forwarded += bench.forwarded - forwarded;
}

static int listen_on(u16 port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = bench.family == AF_INET6;
	int err;

	err = sock_create(bench.family, SOCK_STREAM, IPPROTO_TCP, &listener);
	if (err)
		return err;
	sock_set_reuseaddr(listener->sk);
	err = v6 ? kernel_bind(listener, (struct sockaddr *)&in6, sizeof(in6)) :
		   kernel_bind(listener, (struct sockaddr *)&in, sizeof(in));
	if (!err)
		err = kernel_listen(listener, BACKLOG);
	if (err)
		sock_release(listener);
	return err;
}

/* With a RST, and gone when this returns. */
static void close_all(void)
{
	while (children) {
		struct socket *sock = child[--children];

		sock_no_linger(sock->sk);
		sock_release(sock);
	}
	rcu_barrier();
}

/* What is accepted stays open to the end of the run, as on a busy server: a
 * socket's memory is then not the one that was freed a moment ago.
 */
static void accept_all(struct result *res)
{
	if (children > CHILDREN - BATCH)
		close_all();
	while (children < CHILDREN && !kernel_accept(listener, &child[children], O_NONBLOCK)) {
		children++;
		res->accepted++;
	}
}

/* The answered SYNs' clients go on. What was not answered stays a bad ACK. */
static void advance(void)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++) {
		struct end *end = &bench.flow[i].end[CLIENT];

		end->seq = end->isn + 1;
		end->tsval++;
	}
}

static int shake_hands(struct result *res)
{
	int err;

	forge_flows(0);
	err = forge_all(CLIENT, FORM_SYN);
	if (err)
		return err;
	round_deliver(res);
	advance();
	return forge_all(CLIENT, FORM_ACK);
}

/* The batch that was forged; only what counts is measured. */
static void run_batch(struct result *res, bool counts)
{
	if (counts)
		round_measure(res, false);
	else
		round_deliver(res);
}

/* Connects a batch of clients and measures what they send then. */
static int round_connected(const struct kind *kind, struct result *res, bool counts)
{
	unsigned int i, j;
	int err;

	err = shake_hands(res);
	if (err)
		return err;
	round_deliver(res);
	accept_all(res);
	for (j = 0; j < LATER && !err; j++) {
		for (i = 0; i < BATCH; i++)
			bench.flow[i].end[CLIENT].tsval++;
		err = forge_all(CLIENT, kind->form);
		if (err)
			break;
		run_batch(res, counts);
		for (i = 0; i < BATCH && kind->form == FORM_DATA; i++)
			bench.flow[i].end[CLIENT].seq += DATA_LEN;
	}
	return err;
}

static int round_opens(struct result *res, bool counts)
{
	int err;

	err = shake_hands(res);
	if (err)
		return err;
	run_batch(res, counts);
	accept_all(res);
	return 0;
}

/* The SYN-ACK's timestamp is echoed, its number is not. */
static int freshen(const struct kind *kind, struct result *res)
{
	unsigned int i;
	int err;

	forge_flows(kind->prefixes);
	if (!kind->fresh)
		return 0;
	err = forge_all(CLIENT, FORM_SYN);
	if (err)
		return err;
	round_deliver(res);
	for (i = 0; i < BATCH; i++)
		bench.flow[i].end[CLIENT].ack ^= 0x5a5a5a5a;
	advance();
	return 0;
}

static int round_alone(const struct kind *kind, struct result *res, bool counts)
{
	int err;

	err = freshen(kind, res);
	if (!err)
		err = forge_all(CLIENT, kind->form);
	if (err)
		return err;
	run_batch(res, counts);
	return 0;
}

/* Through a gateway: data of a connection that it has let through, or the handshake itself. */
static int round_gateway(const struct kind *kind, struct result *res, bool counts)
{
	unsigned int i;
	int err;

	err = gateway_connect(res, counts && kind->opens);
	for (i = 0; i < LATER && kind->connected && !err; i++)
		err = gateway_data(res, kind->from, counts);
	return err;
}

static int round_one(const struct kind *kind, struct result *res, bool counts)
{
	if (kind->gateway && (kind->connected || kind->opens))
		return round_gateway(kind, res, counts);
	if (kind->connected)
		return round_connected(kind, res, counts);
	if (kind->opens)
		return round_opens(res, counts);
	return round_alone(kind, res, counts);
}

static const struct kind *kind_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

int round_run(const char *name, unsigned int rounds, unsigned int warm_up, struct result *res)
{
	const struct kind *kind = kind_by_name(name);
	unsigned int i;
	int err;

	if (!kind || rounds > ROUNDS_MAX)
		return -EINVAL;
	memset(res, 0, sizeof(*res));
	res->kind = kind->name;
	bench.gateway = kind->gateway;
	bench.seen_count = 0;
	err = listen_on(bench.port);
	if (err)
		return err;
	for (i = 0; i < warm_up + rounds && !err; i++) {
		err = round_one(kind, res, i >= warm_up);
		cond_resched();
	}
	close_all();
	sock_release(listener);
	if (res->batches) {
		sort(took, res->batches, sizeof(took[0]), compare, NULL);
		res->best = took[0];
		res->median = took[res->batches / 2];
	}
	MARK(3);
	return err;
}
