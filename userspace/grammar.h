/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The grammar of a service: NAME [addr A] [port P] [mark M] mode MODE ...
 *
 * One table of keywords (grammar.c) is the grammar: parsing, --help,
 * completion and the request's attributes all come from it.
 */
#ifndef COOKIEBOX_GRAMMAR_H
#define COOKIEBOX_GRAMMAR_H

#include <libmnl/libmnl.h>
#include <linux/cookiebox.h>

#include "parse.h"
#include "render.h"

struct service_args {
	char name[COOKIEBOX_NAME_MAX + 1];
	unsigned int given;		/* bit per keyword */
	struct prefix addr;		/* family 0: any */
	uint16_t port_min, port_max;	/* 0: any */
	uint32_t mark, mask;		/* mask 0: none */
	unsigned int choice[16];	/* by keyword */
	uint8_t engage_at, release_at;	/* percent; 0: the sysctl's */
	uint16_t hold;			/* seconds; 0: the sysctl's */
	unsigned int n_allow;
	struct prefix allow[COOKIEBOX_ALLOW_MAX];
};

/* NAME and pairs of word and value. Returns 0 or, the mistake being told, EXIT_USAGE. */
int grammar_parse(int argc, char **argv, struct service_args *a);
bool grammar_has(const struct service_args *a, const char *keyword);
/* Puts what was given, name included, into a request. */
void grammar_put(struct nlmsghdr *nlh, const struct service_args *a);

/* An address prefix as a nest; empty if its family is 0. */
void grammar_put_prefix(struct nlmsghdr *nlh, uint16_t attr, const struct prefix *p);

/* Whether it has an address, a port or a mark of its own; else only rules select it. */
bool grammar_selects(const struct service_args *a);

/*
 * For configurations, where a service has every word: from what the kernel
 * tells, or by filling in what was not given as the kernel would.
 */
void grammar_take(const struct attrs *attrs, struct service_args *a);
void grammar_default(struct service_args *a);

/* Sets of words, a bit each: those in which two differ; those that make up a line. */
unsigned int grammar_differ(const struct service_args *a, const struct service_args *b);
unsigned int grammar_unusual(const struct service_args *a);
unsigned int grammar_places(void);	/* addr, port, mark */
/* Calls @fn with each of @words and its value, in the order of the table. */
void grammar_each(const struct service_args *a, unsigned int words,
		  void (*fn)(const char *word, const char *value, void *data), void *data);

/*
 * Before a service goes: seals no more, opens what was sealed. Returns whether
 * there may be any. And: as if it were not there.
 */
bool grammar_release(struct service_args *a);
void grammar_switch_off(struct service_args *a);

void grammar_help(void);
void grammar_complete(int argc, char **argv);

/* The word for an attribute that the kernel finds fault with. */
#define GRAMMAR_ATTRS	(COOKIEBOX_A_SERVICE_MAX + 1)
extern const char *const grammar_attr_words[GRAMMAR_ATTRS];

#endif
