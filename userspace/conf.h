/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A configuration: services, sysctls and the master, from a file or from the
 * kernel, and back to lines.
 *
 *	sysctl NAME VALUE
 *	key restore FILE  |  key set FILE [clock local|wall]
 *	service add NAME WORDS
 *
 * A line reads like the command of the same words.  What is not named: a
 * service goes, a word of a service has its default, a sysctl and the master
 * stay as they are.
 */
#ifndef COOKIEBOX_CONF_H
#define COOKIEBOX_CONF_H

#include <limits.h>
#include <stdio.h>

#include "genl.h"
#include "grammar.h"
#include "keyfile.h"
#include "sysctls.h"

struct conf_service {
	struct service_args args;	/* complete: grammar_default(), grammar_take() */
	unsigned int line;		/* of the file; 0: the kernel's */
	unsigned int rules;		/* that name it, if the kernel's */
};

struct conf_sysctl {
	bool given;
	unsigned int line;
	char value[SYSCTL_VALUE_MAX];
};

struct conf_key {
	bool given;
	bool restore;			/* flow pairs and floor, too */
	unsigned int line;
	char path[PATH_MAX];
	struct keyfile file;
};

struct conf {
	const char *name;		/* of the file, for messages */
	unsigned int n, room;
	struct conf_service **services;	/* in the order of the lines */
	struct conf_sysctl sysctl[N_SYSCTLS];
	struct conf_key key;
};

/* All: 0, or an exit code, the mistake being told. conf_free() in any case. */
int conf_from_file(struct conf *c, const char *path);	/* "-": standard input */
int conf_from_kernel(struct conf *c, struct genl *g, bool secrets);
void conf_free(struct conf *c);		/* zeroes secrets */

/* Appends a service that holds nothing yet; NULL, told, if there is no memory. */
struct conf_service *conf_add(struct conf *c);

/* What cookiebox showconf shows; @all: what has its default, too. */
void conf_print(const struct conf *c, bool all);
json_t *conf_json(const struct conf *c, bool all);

/* " port 80 mode local", and {"port": "80", "mode": "local"}; sets as grammar_differ() makes. */
void conf_print_words(const struct service_args *a, unsigned int words);
json_t *conf_json_words(const struct service_args *a, unsigned int words);

/* Whether the master is what the file holds, and with it what else the file restores. */
bool conf_same_key(const struct conf_key *have, const struct conf_key *want);

#endif
