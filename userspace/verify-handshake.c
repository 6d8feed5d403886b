// SPDX-License-Identifier: GPL-2.0
/*
 * verify: a handshake with each service, over the loopback device, to somebody who
 * listens there.  The service's own counters tell what became of it, so on a busy
 * service they may tell of another client's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "service.h"
#include "stats.h"
#include "target.h"
#include "verify.h"

#define LISTENERS	4096
#define SETTLE_MS	1000

struct listener {
	struct prefix addr;	/* a full one; all zeroes: any of its family */
	uint16_t port;
};

struct counts {
	json_int_t answered, accepted, observed;
	char other[96];		/* another reason that was counted, and... */
	json_int_t others;	/* ...how many of those there were */
};

static struct listener listeners[LISTENERS];
static size_t n_listeners;

/* /proc/net/tcp and tcp6: words of an address in the host's order, state 0A. */
static void read_listeners(const char *path, uint8_t family)
{
	unsigned int port, state, i, words = family == AF_INET ? 1 : 4;
	char line[512], address[40];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f) && n_listeners < LISTENERS) {
		struct listener *l = &listeners[n_listeners];
		uint32_t word[4];
		char *at = address;

		if (sscanf(line, "%*u: %39[0-9A-F]:%X %*[0-9A-F]:%*X %X", address, &port,
			   &state) != 3 || state != 0x0a)
			continue;
		for (i = 0; i < words && sscanf(at, "%8X", &word[i]) == 1; i++)
			at += 8;
		memset(l, 0, sizeof(*l));
		memcpy(l->addr.bytes, word, words * 4);
		l->addr.family = family;
		l->addr.len = words * 32;
		l->port = port;
		n_listeners++;
	}
	if (f)
		fclose(f);
}

static bool is_any(const struct prefix *p)
{
	static const uint8_t zero[16];

	return !memcmp(p->bytes, zero, sizeof(zero));
}

static void of_sockaddr(struct prefix *p, const struct sockaddr *sa)
{
	memset(p, 0, sizeof(*p));
	p->family = sa->sa_family;
	p->len = sa->sa_family == AF_INET ? 32 : 128;
	if (sa->sa_family == AF_INET)
		p->in = ((const struct sockaddr_in *)sa)->sin_addr;
	else
		p->in6 = ((const struct sockaddr_in6 *)sa)->sin6_addr;
}

/* An address of this host in the service's prefix, loopback first. */
static bool own_address(struct target *t, uint8_t family)
{
	struct ifaddrs *all, *a;
	bool found = false;
	struct prefix p;

	if (getifaddrs(&all))
		return false;
	for (a = all; a && !found; a = a->ifa_next) {
		if (!a->ifa_addr || a->ifa_addr->sa_family != family)
			continue;
		of_sockaddr(&p, a->ifa_addr);
		if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&p.in6))
			continue;
		found = prefix_has(&t->prefix, &p);
		if (found)
			t->addr = p;
	}
	freeifaddrs(all);
	return found;
}

static bool fits(struct target *t, const struct listener *l)
{
	if (t->port_max && (l->port < t->port_min || l->port > t->port_max))
		return false;
	t->port = l->port;
	if (is_any(&l->addr))		/* one of IPv6 may serve IPv4, too */
		return own_address(t, l->addr.family) ||
		       (l->addr.family == AF_INET6 && own_address(t, AF_INET));
	t->addr = l->addr;
	return prefix_has(&t->prefix, &l->addr);
}

static bool find_target(struct target *t)
{
	size_t i;

	for (i = 0; i < n_listeners; i++)
		if (fits(t, &listeners[i]))
			return true;
	return false;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static json_int_t number(const json_t *entry, const char *where, const char *reason)
{
	return json_integer_value(json_object_get(json_object_get(entry, where), reason));
}

static void differ(struct counts *c, const json_t *before, const json_t *after,
		   const json_t *reasons)
{
	const json_t *a = json_array_get(before, 0), *b = json_array_get(after, 0), *reason;
	json_int_t more;
	const char *name;
	size_t i;

	memset(c, 0, sizeof(*c));
	json_array_foreach(reasons, i, reason) {
		name = json_string_value(json_object_get(reason, "name"));
		more = number(b, "done", name) - number(a, "done", name);
		if (!strcmp(name, "syn_answered")) {
			c->answered = more;
			c->observed = number(b, "observed", name) - number(a, "observed", name);
		} else if (!strcmp(name, "cookie_accepted")) {
			c->accepted = more;
		} else if (more > c->others) {
			c->others = more;
			snprintf(c->other, sizeof(c->other), "%s", json_string_value(
					json_object_get(reason, "sentence")));
		}
	}
}

/* The ACK is on its way when connect() returns. */
static int settle(struct verify *v, const struct target *t, const json_t *reasons,
		  const json_t *before, struct counts *c)
{
	long end = now_ms() + SETTLE_MS;
	json_t *after;
	int err;

	do {
		err = stats_list(v->g, t->name, reasons, &after);
		if (err)
			return err;
		differ(c, before, after, reasons);
		json_decref(after);
		if (c->accepted || !c->answered)
			return 0;
		poll(NULL, 0, 20);
	} while (now_ms() < end);
	return 0;
}

static void judge(struct verify *v, const json_t *service, const struct target *t, int err,
		  const struct counts *c)
{
	const char *engage = json_string_value(json_object_get(service, "engage"));
	char where[INET6_ADDRSTRLEN];

	inet_ntop(t->addr.family, t->addr.bytes, where, sizeof(where));
#define FOUND(level, fmt, ...) verify_add(v, "handshake", level, "%s: %s port %u: " fmt, \
					  t->name, where, t->port, ##__VA_ARGS__)
	if (err)
		FOUND(LEVEL_PROBLEM, "no connection: %s%s%s", strerror(err),
		      c->others ? "; counted: " : "", c->other);
	else if (c->answered && c->accepted)
		FOUND(LEVEL_OK, "a cookie was sealed, opened and accepted");
	else if (c->answered)
		FOUND(LEVEL_PROBLEM, "a cookie was sealed, and its ACK was not accepted%s%s",
		      c->others ? ": " : "", c->other);
	else if (c->observed)
		FOUND(LEVEL_OK, "observed: a cookie would have been sealed");
	else if (!strcmp(engage, "auto"))
		FOUND(LEVEL_OK, "it is calm: the stack answered");
	else if (c->others)
		FOUND(LEVEL_NOTE, "the stack answered: %s", c->other);
	else
		FOUND(LEVEL_NOTE, "the stack answered, or another service, or a rule chose one");
#undef FOUND
}

static int try_service(struct verify *v, const json_t *service, struct target *t,
		       const json_t *reasons)
{
	struct counts c = { .answered = 0 };
	json_t *before;
	int err = stats_list(v->g, t->name, reasons, &before), refused;

	if (err)
		return err;
	refused = target_connect(t);
	err = settle(v, t, reasons, before, &c);
	json_decref(before);
	if (!err)
		judge(v, service, t, refused, &c);
	return err;
}

/* Why no handshake is made, or NULL. */
static const char *not_tried(const json_t *service)
{
	const char *engage = json_string_value(json_object_get(service, "engage"));

	if (!engage || !strcmp(engage, "off"))
		return "engage is off";
	if (json_is_true(json_object_get(service, "by_rule")))
		return "only rules select it";
	return NULL;
}

static int check_service(struct verify *v, const json_t *service, const json_t *reasons)
{
	const char *why = not_tried(service);
	struct target t;
	int err = target_parse(&t, service);

	if (err)
		return err;
	if (!why && !find_target(&t))
		why = "nobody listens there";
	if (!why)
		return try_service(v, service, &t, reasons);
	verify_add(v, "handshake", LEVEL_NOTE, "%s: not tried: %s", t.name, why);
	return 0;
}

int verify_handshakes(struct verify *v)
{
	json_t *reasons;
	json_t *service;
	size_t i;
	int err = reason_list(v->g, &reasons);

	if (err)
		return err;
	n_listeners = 0;
	read_listeners("/proc/net/tcp", AF_INET);
	read_listeners("/proc/net/tcp6", AF_INET6);
	json_array_foreach(v->services, i, service) {
		if (target_spliced(service))
			continue;		/* verify-gateway.c */
		err = check_service(v, service, reasons);
		if (err)
			break;
	}
	json_decref(reasons);
	return err;
}
