// SPDX-License-Identifier: GPL-2.0
/*
 * The grammar of a service, as one table of keywords.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grammar.h"
#include "main.h"

struct keyword {
	const char *name;
	const char *arg;
	const char *help;
	const char *none;	/* a word that stands for no value */
	uint16_t attr;
	const struct choice *choices;	/* instead of parse and put */
	int (*parse)(const char *text, struct service_args *a);
	void (*put)(struct nlmsghdr *nlh, const struct service_args *a);
};

static int parse_service_addr(const char *text, struct service_args *a)
{
	return parse_prefix("addr", text, &a->addr);
}

static int parse_service_port(const char *text, struct service_args *a)
{
	return parse_ports("port", text, &a->port_min, &a->port_max);
}

static int parse_service_mark(const char *text, struct service_args *a)
{
	return parse_mark("mark", text, &a->mark, &a->mask);
}

static int parse_service_allow(const char *text, struct service_args *a)
{
	char *copy = strdup(text), *rest = copy, *item;
	int err = 0;

	while (!err && (item = strsep(&rest, ","))) {
		if (a->n_allow == COOKIEBOX_ALLOW_MAX)
			err = fail(EXIT_USAGE, "allow has more than %u prefixes: use larger ones",
				   COOKIEBOX_ALLOW_MAX);
		else
			err = parse_prefix("allow", item, &a->allow[a->n_allow++]);
	}
	free(copy);
	return err;
}

void grammar_put_prefix(struct nlmsghdr *nlh, uint16_t attr, const struct prefix *p)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, attr);
	uint16_t type = p->family == AF_INET ? COOKIEBOX_A_PREFIX_ADDR4 : COOKIEBOX_A_PREFIX_ADDR6;

	if (p->family) {
		mnl_attr_put(nlh, type, prefix_bytes(p), p->bytes);
		mnl_attr_put_u8(nlh, COOKIEBOX_A_PREFIX_LEN, p->len);
	}
	mnl_attr_nest_end(nlh, nest);
}

static void put_addr(struct nlmsghdr *nlh, const struct service_args *a)
{
	grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ADDR, &a->addr);
}

static void put_port(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_PORT_MIN, a->port_min);
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_PORT_MAX, a->port_max);
}

static void put_mark(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u32(nlh, COOKIEBOX_A_SERVICE_MARK, a->mark);
	mnl_attr_put_u32(nlh, COOKIEBOX_A_SERVICE_MARK_MASK, a->mask);
}

static void put_allow(struct nlmsghdr *nlh, const struct service_args *a)
{
	static const struct prefix none;
	unsigned int i;

	for (i = 0; i < a->n_allow; i++)
		grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ALLOW, &a->allow[i]);
	if (!a->n_allow)
		grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ALLOW, &none);
}

static int parse_percent(const char *what, const char *text, unsigned int least,
			 unsigned int most, uint8_t *percent)
{
	uint64_t value;

	if (!read_number(text, most, &value) || value < least)
		return fail(EXIT_USAGE, "%s \"%s\" is no percentage: use %u to %u, or default",
			    what, text, least, most);
	*percent = value;
	return 0;
}

static int parse_engage_at(const char *text, struct service_args *a)
{
	return parse_percent("engage-at", text, 2, 100, &a->engage_at);
}

static int parse_release_at(const char *text, struct service_args *a)
{
	return parse_percent("release-at", text, 1, 99, &a->release_at);
}

static int parse_hold(const char *text, struct service_args *a)
{
	uint64_t value;

	if (!read_number(text, 3600, &value) || !value)
		return fail(EXIT_USAGE, "hold \"%s\" is no such time: use 1 to 3600 seconds, or "
			    "default", text);
	a->hold = value;
	return 0;
}

static void put_engage_at(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_ENGAGE_AT, a->engage_at);
}

static void put_release_at(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_RELEASE_AT, a->release_at);
}

static void put_hold(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_HOLD, a->hold);
}

static const struct keyword keywords[] = {
	{ "addr", "ADDR[/LEN]|any", "destination address or prefix, IPv4 or IPv6", "any",
		     COOKIEBOX_A_SERVICE_ADDR, NULL, parse_service_addr, put_addr },
	{ "port", "P[-P]|any", "destination port or range, 1 to 65535", "any",
		     COOKIEBOX_A_SERVICE_PORT_MIN, NULL, parse_service_port, put_port },
	{ "mark", "M[/MASK]|none", "firewall mark, set by nft or iptables in raw", "none",
		     COOKIEBOX_A_SERVICE_MARK, NULL, parse_service_mark, put_mark },
	{ "mode", "local|splice|handoff", "where the listener is: on this host, or behind it", NULL,
		     COOKIEBOX_A_SERVICE_MODE, mode_choices, NULL, NULL },
	{ "engage", "always|auto|observe|off", "observe counts; auto waits for an attack", NULL,
	  COOKIEBOX_A_SERVICE_ENGAGE, engage_choices, NULL, NULL },
	{ "reply", "default|route|reflect", "how SYN-ACKs leave; default: as the sysctl says", NULL,
	  COOKIEBOX_A_SERVICE_REPLY, reply_choices, NULL, NULL },
	{ "invalid", "auto|drop|reset", "segments that belong to nothing", NULL,
	  COOKIEBOX_A_SERVICE_INVALID, invalid_choices, NULL, NULL },
	{ "auth-option", "pass|drop", "SYNs with TCP-MD5 or TCP-AO", NULL,
	  COOKIEBOX_A_SERVICE_AUTH_OPTION, auth_choices, NULL, NULL },
	{ "no-timestamps", "pass|drop", "SYNs without timestamps", NULL,
	  COOKIEBOX_A_SERVICE_NO_TIMESTAMPS, timestamps_choices, NULL, NULL },
	{ "allow", "PREFIX[,PREFIX...]|none", "sources that are never challenged", "none",
	  COOKIEBOX_A_SERVICE_ALLOW, NULL, parse_service_allow, put_allow },
	{ "flow-cache", "on|off", "remember connections, for cookiebox cache", NULL,
	  COOKIEBOX_A_SERVICE_FLOW_CACHE, flow_cache_choices, NULL, NULL },
	{ "engage-at", "PERCENT|default", "auto: of the backlog in use, engages", "default",
	  COOKIEBOX_A_SERVICE_ENGAGE_AT, NULL, parse_engage_at, put_engage_at },
	{ "release-at", "PERCENT|default", "auto: of the backlog, released below it", "default",
	  COOKIEBOX_A_SERVICE_RELEASE_AT, NULL, parse_release_at, put_release_at },
	{ "hold", "SECONDS|default", "auto: stays engaged at least", "default",
	  COOKIEBOX_A_SERVICE_HOLD, NULL, parse_hold, put_hold },
	{ "single-use", "on|off", "does a cookie make one connection only", NULL,
	  COOKIEBOX_A_SERVICE_SINGLE_USE, single_choices, NULL, NULL },
	{ "unknown", "pass|drop|reset", "splice: ACKs of connections that the box does not know", NULL,
	  COOKIEBOX_A_SERVICE_UNKNOWN, unknown_choices, NULL, NULL },
};

#define N_KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

/* For the kernel's "this attribute". */
const char *const grammar_attr_words[GRAMMAR_ATTRS] = {
	[COOKIEBOX_A_SERVICE_NAME] = "NAME",
	[COOKIEBOX_A_SERVICE_ADDR] = "addr",
	[COOKIEBOX_A_SERVICE_PORT_MIN] = "port",
	[COOKIEBOX_A_SERVICE_PORT_MAX] = "port",
	[COOKIEBOX_A_SERVICE_MARK] = "mark",
	[COOKIEBOX_A_SERVICE_MARK_MASK] = "mark",
	[COOKIEBOX_A_SERVICE_MODE] = "mode",
	[COOKIEBOX_A_SERVICE_ENGAGE] = "engage",
	[COOKIEBOX_A_SERVICE_REPLY] = "reply",
	[COOKIEBOX_A_SERVICE_INVALID] = "invalid",
	[COOKIEBOX_A_SERVICE_AUTH_OPTION] = "auth-option",
	[COOKIEBOX_A_SERVICE_NO_TIMESTAMPS] = "no-timestamps",
	[COOKIEBOX_A_SERVICE_ALLOW] = "allow",
	[COOKIEBOX_A_SERVICE_FLOW_CACHE] = "flow-cache",
	[COOKIEBOX_A_SERVICE_ENGAGE_AT] = "engage-at",
	[COOKIEBOX_A_SERVICE_RELEASE_AT] = "release-at",
	[COOKIEBOX_A_SERVICE_HOLD] = "hold",
	[COOKIEBOX_A_SERVICE_SINGLE_USE] = "single-use",
	[COOKIEBOX_A_SERVICE_UNKNOWN] = "unknown",
};

static const struct keyword *find_keyword(const char *word)
{
	const char *names[N_KEYWORDS + 1] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++) {
		names[i] = keywords[i].name;
		if (!strcmp(word, names[i]))
			return &keywords[i];
	}
	near = nearest(word, names);
	if (near)
		fail(EXIT_USAGE, "\"%s\" is not a word of a service: did you mean \"%s\"?", word,
		     near);
	else
		fail(EXIT_USAGE, "\"%s\" is not a word of a service: see --help", word);
	return NULL;
}

static int parse_words(int argc, char **argv, struct service_args *a)
{
	const struct keyword *k;
	int i, n, err;

	for (i = 0; i < argc; i += 2) {
		k = find_keyword(argv[i]);
		if (!k)
			return EXIT_USAGE;
		n = k - keywords;
		if (a->given & 1u << n)
			return fail(EXIT_USAGE, "\"%s\" is given twice: give it once", k->name);
		if (i + 1 == argc)
			return fail(EXIT_USAGE, "\"%s\" has no value: use %s %s", k->name, k->name,
				    k->arg);
		a->given |= 1u << n;
		if (k->none && !strcmp(argv[i + 1], k->none))
			continue;
		if (k->choices)
			err = parse_choice(k->name, argv[i + 1], k->choices, &a->choice[n]);
		else
			err = k->parse(argv[i + 1], a);
		if (err)
			return err;
	}
	return 0;
}

int grammar_parse(int argc, char **argv, struct service_args *a)
{
	int err;

	memset(a, 0, sizeof(*a));
	if (!argc)
		return fail(EXIT_USAGE, "the NAME of the service is missing");
	err = parse_name("name", argv[0], a->name, sizeof(a->name));
	return err ? err : parse_words(argc - 1, argv + 1, a);
}

bool grammar_has(const struct service_args *a, const char *keyword)
{
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++)
		if (!strcmp(keywords[i].name, keyword))
			return a->given & 1u << i;
	return false;
}

void grammar_put(struct nlmsghdr *nlh, const struct service_args *a)
{
	size_t i;

	mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, a->name);
	for (i = 0; i < N_KEYWORDS; i++) {
		if (!(a->given & 1u << i))
			continue;
		if (keywords[i].choices)
			mnl_attr_put_u8(nlh, keywords[i].attr, a->choice[i]);
		else
			keywords[i].put(nlh, a);
	}
}

void grammar_help(void)
{
	char left[48];
	size_t i;

	puts("\nWords:");
	for (i = 0; i < N_KEYWORDS; i++) {
		snprintf(left, sizeof(left), "%s %s", keywords[i].name, keywords[i].arg);
		printf("  %-30s %s\n", left, keywords[i].help);
	}
}

static void complete_values(const struct keyword *k)
{
	const struct choice *c;

	for (c = k->choices; c && c->name; c++)
		puts(c->name);
	if (k->none)
		puts(k->none);
}

/* argv: NAME, then pairs; the last word is the one to complete. */
void grammar_complete(int argc, char **argv)
{
	size_t i;
	int j;

	if (argc < 2)
		return;
	for (i = 0; i < N_KEYWORDS; i++) {
		if (argc % 2) {
			if (!strcmp(argv[argc - 2], keywords[i].name))
				complete_values(&keywords[i]);
			continue;
		}
		for (j = 1; j < argc - 1 && strcmp(argv[j], keywords[i].name); j += 2)
			;
		if (j >= argc - 1)
			puts(keywords[i].name);
	}
}
