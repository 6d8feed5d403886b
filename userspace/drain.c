// SPDX-License-Identifier: GPL-2.0
/*
 * service drain: no new connection is spliced, and what is left of the old ones is waited
 * for, or reset.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "grammar.h"
#include "main.h"
#include "service.h"

static int set_off(struct genl *g, const char *name)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_SERVICE_SET);

	mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, name);
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_ENGAGE, COOKIEBOX_ENGAGE_OFF);
	return genl_do(g, NULL, NULL);
}

static int reset_all(struct genl *g, const char *name)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_CACHE_FLUSH);

	mnl_attr_put_strz(nlh, COOKIEBOX_A_CACHE_SERVICE, name);
	mnl_attr_put(nlh, COOKIEBOX_A_CACHE_PINNED, 0, NULL);
	return genl_do(g, NULL, NULL);
}

static int take_flow(const struct nlmsghdr *nlh, void *data)
{
	unsigned long *n = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*n += !!a.tb[COOKIEBOX_A_CACHE_PINNED];
	return 0;
}

static void forget(void *data)
{
	*(unsigned long *)data = 0;
}

static int count(struct genl *g, const char *name, unsigned long *n)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_CACHE_GET);

	*n = 0;
	mnl_attr_put_strz(nlh, COOKIEBOX_A_CACHE_SERVICE, name);
	return genl_dump(g, take_flow, forget, n);
}

static void tell(unsigned long n)
{
	if (json_output)
		printf("{\"left\": %lu}\n", n);
	else
		printf("%lu left\n", n);
	fflush(stdout);
}

/* A line whenever their number has changed; the last one says 0. */
static int wait_for_end(struct genl *g, const char *name)
{
	unsigned long n, told = 0;
	bool first = true;
	int err;

	do {
		if (!first)
			sleep(1);
		err = count(g, name, &n);
		if (!err && (first || n != told))
			tell(n);
		told = n;
		first = false;
	} while (!err && n);
	return err;
}

int drain_run(int argc, char **argv)
{
	char name[COOKIEBOX_NAME_MAX + 1];
	bool now = argc && !strcmp(argv[0], "--now");
	static struct genl g;
	int err;

	argc -= now;
	argv += now;
	if (!argc)
		return fail(EXIT_USAGE, "the NAME of the service is missing");
	if (argc > 1)
		return refuse_word(argv[1]);
	err = parse_name("name", argv[0], name, sizeof(name));
	if (!err)
		err = genl_open(&g);
	if (err)
		return err;
	g.words = grammar_attr_words;
	g.n_words = GRAMMAR_ATTRS;
	err = set_off(&g, name);
	g.n_words = 0;
	if (!err && now)
		err = reset_all(&g, name);
	if (!err)
		err = wait_for_end(&g, name);
	genl_close(&g);
	return err;
}

void drain_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("--now");
	service_print_names();
}
