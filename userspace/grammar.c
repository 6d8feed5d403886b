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
#include "words.h"

struct keyword {
	const char *name;
	const char *arg;
	const char *help;
	const char *none;	/* a word that stands for no value */
	uint16_t attr;
	const struct choice *choices;	/* instead of type */
	const struct word_type *type;
};

static const struct keyword keywords[] = {
	{ "addr", "ADDR[/LEN]|any", "destination address or prefix, IPv4 or IPv6", "any",
	  COOKIEBOX_A_SERVICE_ADDR, NULL, &addr_word },
	{ "port", "P[-P]|any", "destination port or range, 1 to 65535", "any",
	  COOKIEBOX_A_SERVICE_PORT_MIN, NULL, &port_word },
	{ "mark", "M[/MASK]|none", "firewall mark, set by nft or iptables in raw", "none",
	  COOKIEBOX_A_SERVICE_MARK, NULL, &mark_word },
	{ "mode", "local|splice|handoff", "where the listener is: on this host, or behind it", NULL,
	  COOKIEBOX_A_SERVICE_MODE, mode_choices, NULL },
	{ "engage", "always|auto|observe|off", "observe counts; auto waits for an attack", NULL,
	  COOKIEBOX_A_SERVICE_ENGAGE, engage_choices, NULL },
	{ "reply", "default|route|reflect", "how SYN-ACKs leave; default: as the sysctl says", NULL,
	  COOKIEBOX_A_SERVICE_REPLY, reply_choices, NULL },
	{ "invalid", "auto|drop|reset", "segments that belong to nothing", NULL,
	  COOKIEBOX_A_SERVICE_INVALID, invalid_choices, NULL },
	{ "auth-option", "pass|drop", "SYNs with TCP-MD5 or TCP-AO", NULL,
	  COOKIEBOX_A_SERVICE_AUTH_OPTION, auth_choices, NULL },
	{ "no-timestamps", "pass|drop", "SYNs without timestamps", NULL,
	  COOKIEBOX_A_SERVICE_NO_TIMESTAMPS, timestamps_choices, NULL },
	{ "allow", "PREFIX[,PREFIX...]|none", "sources that are never challenged", "none",
	  COOKIEBOX_A_SERVICE_ALLOW, NULL, &allow_word },
	{ "flow-cache", "on|off", "remember connections, for cookiebox cache", NULL,
	  COOKIEBOX_A_SERVICE_FLOW_CACHE, flow_cache_choices, NULL },
	{ "engage-at", "PERCENT|default", "auto: of the backlog in use, engages", "default",
	  COOKIEBOX_A_SERVICE_ENGAGE_AT, NULL, &engage_at_word },
	{ "release-at", "PERCENT|default", "auto: of the backlog, released below it", "default",
	  COOKIEBOX_A_SERVICE_RELEASE_AT, NULL, &release_at_word },
	{ "hold", "SECONDS|default", "auto: stays engaged at least", "default",
	  COOKIEBOX_A_SERVICE_HOLD, NULL, &hold_word },
	{ "single-use", "on|off", "does a cookie make one connection only", NULL,
	  COOKIEBOX_A_SERVICE_SINGLE_USE, single_choices, NULL },
	{ "unknown", "pass|drop|reset", "splice: ACKs of connections that the box does not know", NULL,
	  COOKIEBOX_A_SERVICE_UNKNOWN, unknown_choices, NULL },
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

static size_t find_attr(uint16_t attr)
{
	size_t i = 0;

	while (keywords[i].attr != attr)
		i++;
	return i;
}

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
			err = k->type->parse(argv[i + 1], a);
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
			keywords[i].type->put(nlh, a);
	}
}

bool grammar_selects(const struct service_args *a)
{
	return a->addr.family || a->port_min || a->mask;
}

void grammar_take(const struct attrs *attrs, struct service_args *a)
{
	size_t i;

	memset(a, 0, sizeof(*a));
	if (attrs->tb[COOKIEBOX_A_SERVICE_NAME])
		snprintf(a->name, sizeof(a->name), "%s",
			 mnl_attr_get_str(attrs->tb[COOKIEBOX_A_SERVICE_NAME]));
	for (i = 0; i < N_KEYWORDS; i++) {
		if (keywords[i].choices)
			a->choice[i] = attr_number(attrs, keywords[i].attr);
		else
			keywords[i].type->take(attrs, a);
	}
	a->given = (1u << N_KEYWORDS) - 1;
}

/* What the kernel takes for a word that a new service is not given: 0, but for one. */
static unsigned int default_of(const struct keyword *k, const struct service_args *a)
{
	if (k->attr != COOKIEBOX_A_SERVICE_AUTH_OPTION)
		return 0;
	return a->choice[find_attr(COOKIEBOX_A_SERVICE_MODE)] == COOKIEBOX_MODE_LOCAL ?
	       COOKIEBOX_AUTH_OPTION_PASS : COOKIEBOX_AUTH_OPTION_DROP;
}

void grammar_default(struct service_args *a)
{
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++)
		if (keywords[i].choices && !(a->given & 1u << i))
			a->choice[i] = default_of(&keywords[i], a);
	a->given = (1u << N_KEYWORDS) - 1;
}

static bool is_default(const struct service_args *a, size_t i)
{
	static const struct service_args none;
	const struct word_type *type = keywords[i].type;

	if (keywords[i].choices)
		return a->choice[i] == default_of(&keywords[i], a);
	return !memcmp((const char *)a + type->offset, (const char *)&none + type->offset,
		       type->size);
}

unsigned int grammar_unusual(const struct service_args *a)
{
	unsigned int words = 0;
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++)
		if (keywords[i].attr == COOKIEBOX_A_SERVICE_MODE || !is_default(a, i))
			words |= 1u << i;
	return words;
}

unsigned int grammar_places(void)
{
	return 1u << find_attr(COOKIEBOX_A_SERVICE_ADDR) |
	       1u << find_attr(COOKIEBOX_A_SERVICE_PORT_MIN) |
	       1u << find_attr(COOKIEBOX_A_SERVICE_MARK);
}

unsigned int grammar_differ(const struct service_args *a, const struct service_args *b)
{
	const struct word_type *type;
	unsigned int words = 0;
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++) {
		type = keywords[i].type;
		if (keywords[i].choices ? a->choice[i] != b->choice[i] :
		    memcmp((const char *)a + type->offset, (const char *)b + type->offset,
			   type->size))
			words |= 1u << i;
	}
	return words;
}

void grammar_each(const struct service_args *a, unsigned int words,
		  void (*fn)(const char *word, const char *value, void *data), void *data)
{
	char text[WORD_TEXT_MAX];
	const struct keyword *k;
	size_t i;

	for (i = 0; i < N_KEYWORDS; i++) {
		k = &keywords[i];
		if (!(words & 1u << i))
			continue;
		if (k->choices)
			snprintf(text, sizeof(text), "%s", choice_name(k->choices, a->choice[i]));
		else if (is_default(a, i))
			snprintf(text, sizeof(text), "%s", k->none);
		else
			k->type->text(a, text);
		fn(k->name, text, data);
	}
}

bool grammar_release(struct service_args *a)
{
	unsigned int *engage = &a->choice[find_attr(COOKIEBOX_A_SERVICE_ENGAGE)];

	if (a->choice[find_attr(COOKIEBOX_A_SERVICE_MODE)] != COOKIEBOX_MODE_LOCAL)
		return false;
	if (*engage != COOKIEBOX_ENGAGE_ALWAYS && *engage != COOKIEBOX_ENGAGE_AUTO)
		return false;
	*engage = COOKIEBOX_ENGAGE_OBSERVE;
	return true;
}

void grammar_switch_off(struct service_args *a)
{
	a->choice[find_attr(COOKIEBOX_A_SERVICE_ENGAGE)] = COOKIEBOX_ENGAGE_OFF;
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
