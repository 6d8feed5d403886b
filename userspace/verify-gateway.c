// SPDX-License-Identifier: GPL-2.0
/*
 * verify: what mode splice needs: that this host forwards, room for connections, servers
 * that answer.
 *
 * What this host sends itself passes no service, as services look at what comes in.  So a
 * server is asked directly, and what was learned of servers is told.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "servers.h"
#include "target.h"
#include "verify.h"

#define IPV4		"/proc/sys/net/ipv4/ip_forward"
#define IPV6		"/proc/sys/net/ipv6/conf/all/forwarding"
#define SYSCTL		"/proc/sys/net/cookiebox/"
#define NEARLY(max)	((max) - (max) / 10)

/* What is known of the servers of one service. */
struct known {
	unsigned int alive, dead;
	char one[80];		/* a dead one, for the sentence */
};

static void check_forwarding(struct verify *v, uint8_t family, const char *path,
			     const char *name)
{
	const json_t *service;
	const char *who = NULL;
	struct target t;
	long long value;
	size_t i;

	json_array_foreach(v->services, i, service)
		if (!who && target_spliced(service) && !target_parse(&t, service) &&
		    (!t.prefix.family || t.prefix.family == family))
			who = t.name;
	if (!who || !verify_read_number(path, &value))
		return;
	if (value)
		verify_add(v, "forwarding", LEVEL_OK, "%s is %lld", name, value);
	else
		verify_add(v, "forwarding", LEVEL_PROBLEM, "%s is 0: nothing reaches the servers "
			   "of %s: set it to 1", name, who);
}

/* What is in the flow cache beside what the sysctl lets in. */
static void check_room(struct verify *v, const char *key, const char *sysctl, const char *what)
{
	const json_t *cache = json_object_get(v->status, "flow_cache");
	long long now = json_integer_value(json_object_get(cache, key)), max;
	char path[80];

	snprintf(path, sizeof(path), SYSCTL "%s", sysctl);
	if (!verify_read_number(path, &max))
		return;
	verify_add(v, "room", now < NEARLY(max) ? LEVEL_OK : LEVEL_NOTE,
		   "%lld of %lld connections %s%s%s", now, max, what,
		   now < NEARLY(max) ? "" : ": raise net.cookiebox.",
		   now < NEARLY(max) ? "" : sysctl);
}

static bool is_of(const json_t *server, const struct target *t, struct prefix *addr)
{
	const char *text = json_string_value(json_object_get(server, "addr"));
	json_int_t port = json_integer_value(json_object_get(server, "port"));

	return text && !parse_addr("addr", text, addr) && prefix_has(&t->prefix, addr) &&
	       (!t->port_max || (port >= t->port_min && port <= t->port_max));
}

static void look_up(struct known *k, const json_t *servers, const struct target *t)
{
	const json_t *server;
	struct prefix addr;
	const char *state;
	size_t i;

	memset(k, 0, sizeof(*k));
	json_array_foreach(servers, i, server) {
		if (!is_of(server, t, &addr))
			continue;
		state = json_string_value(json_object_get(server, "state"));
		if (state && !strcmp(state, "dead")) {
			k->dead++;
			snprintf(k->one, sizeof(k->one), "%s port %lld",
				 json_string_value(json_object_get(server, "addr")),
				 (long long)json_integer_value(json_object_get(server, "port")));
		} else if (state && strcmp(state, "asked")) {
			k->alive++;
		}
	}
}

/* A service of one address and one port, so that it can be asked. */
static bool is_one(const struct target *t)
{
	return t->prefix.family && t->prefix.len == 8 * prefix_bytes(&t->prefix) &&
	       t->port_min && t->port_min == t->port_max;
}

static void ask(struct verify *v, struct target *t, enum level failed)
{
	char where[INET6_ADDRSTRLEN];
	int err;

	t->addr = t->prefix;
	t->port = t->port_min;
	t->mask = 0;			/* marks are for what comes in */
	err = target_connect(t);
	inet_ntop(t->addr.family, t->addr.bytes, where, sizeof(where));
	if (err)
		verify_add(v, "server", failed, "%s: %s port %u does not let this host "
			   "connect: %s", t->name, where, t->port, strerror(err));
	else
		verify_add(v, "server", LEVEL_OK, "%s: %s port %u lets this host connect",
			   t->name, where, t->port);
}

/* Servers are known by address, which such a service does not tell. */
static bool selected_otherwise(const json_t *service, const struct target *t)
{
	return t->mask || json_is_true(json_object_get(service, "by_rule"));
}

static void check_servers(struct verify *v, const json_t *servers, struct target *t)
{
	struct known k;

	look_up(&k, servers, t);
	if (k.dead)
		verify_add(v, "server", LEVEL_NOTE, "%s: %u server%s refused or silent, so SYNs "
			   "pass to %s: the last is %s", t->name, k.dead,
			   k.dead == 1 ? " was" : "s were", k.dead == 1 ? "it" : "them", k.one);
	if (k.alive)
		verify_add(v, "server", LEVEL_OK, "%s: what %u server%s with is known",
			   t->name, k.alive, k.alive == 1 ? " answers" : "s answer");
	if (is_one(t))
		ask(v, t, LEVEL_PROBLEM);
	else if (!k.dead && !k.alive)
		verify_add(v, "server", LEVEL_NOTE, "%s: no server is known yet, and of several "
			   "none is asked: they are learned from the first connections", t->name);
}

static void check_unknown(struct verify *v, struct target *t)
{
	if (is_one(t))
		ask(v, t, LEVEL_NOTE);		/* the mark may lead elsewhere */
	else
		verify_add(v, "server", LEVEL_NOTE, "%s: a mark or a rule selects it, so its "
			   "servers are not told apart: see \"cookiebox show servers\"", t->name);
}

int verify_gateway(struct verify *v)
{
	const json_t *service;
	json_t *servers;
	struct target t;
	bool any = false;
	size_t i;
	int err = servers_list(v->g, &servers);

	check_forwarding(v, AF_INET, IPV4, "net.ipv4.ip_forward");
	check_forwarding(v, AF_INET6, IPV6, "net.ipv6.conf.all.forwarding");
	json_array_foreach(v->services, i, service) {
		if (err || !target_spliced(service))
			continue;
		any = true;
		err = target_parse(&t, service);
		if (err)
			continue;
		if (selected_otherwise(service, &t))
			check_unknown(v, &t);
		else
			check_servers(v, servers, &t);
	}
	if (any) {
		check_room(v, "pinned", "splice_max", "are spliced");
		check_room(v, "waiting", "splice_waiting_max", "wait for their server");
	}
	json_decref(servers);
	return err;
}
