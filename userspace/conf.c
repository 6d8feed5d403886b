// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration that is in force: read from the kernel, told as lines.
 */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "keywire.h"
#include "main.h"

static int take_service(const struct nlmsghdr *nlh, void *data)
{
	struct conf_service *s = conf_add(data);
	struct attrs attrs;

	if (!s)
		return EXIT_REFUSED;
	attrs_of_message(&attrs, nlh);
	grammar_take(&attrs, &s->args);
	s->rules = attr_number(&attrs, COOKIEBOX_A_SERVICE_RULES);
	return 0;
}

static void forget_services(void *data)
{
	struct conf *c = data;

	while (c->n)
		free(c->services[--c->n]);
}

int conf_from_kernel(struct conf *c, struct genl *g, bool secrets)
{
	unsigned int i;
	int err;

	memset(c, 0, sizeof(*c));
	genl_new(g, COOKIEBOX_CMD_SERVICE_GET);
	err = genl_dump(g, take_service, forget_services, c);
	for (i = 0; i < N_SYSCTLS && !err; i++) {
		c->sysctl[i].given = true;
		err = sysctl_read(i, c->sysctl[i].value);
	}
	if (err || !secrets)
		return err;
	c->key.given = true;
	c->key.restore = true;
	return keywire_get(g, &c->key.file);
}

bool conf_same_key(const struct conf_key *have, const struct conf_key *want)
{
	const struct keyfile *h = &have->file, *w = &want->file;
	unsigned int i, j;

	if (h->clock != w->clock || memcmp(h->master, w->master, sizeof(h->master)))
		return false;
	for (i = 0; want->restore && i < w->n_flow; i++) {
		for (j = 0; j < h->n_flow; j++)
			if (h->flow[j].base == w->flow[i].base &&
			    !memcmp(h->flow[j].key, w->flow[i].key, sizeof(h->flow[j].key)))
				break;
		if (j == h->n_flow)
			return false;
	}
	return w->floor <= h->floor;
}

static void print_word(const char *word, const char *value, void *data)
{
	(void)data;
	printf(" %s %s", word, value);
}

void conf_print_words(const struct service_args *a, unsigned int words)
{
	grammar_each(a, words, print_word, NULL);
}

static void set_word(const char *word, const char *value, void *data)
{
	json_object_set_new(data, word, json_string(value));
}

json_t *conf_json_words(const struct service_args *a, unsigned int words)
{
	json_t *object = json_object();

	grammar_each(a, words, set_word, object);
	return object;
}

/* Words that would select nothing are left out: then only rules do. */
static unsigned int words_of(const struct service_args *a, bool all)
{
	return all && grammar_selects(a) ? a->given : grammar_unusual(a);
}

static bool sysctl_told(const struct conf *c, unsigned int i, bool all)
{
	return c->sysctl[i].given && (all || strcmp(c->sysctl[i].value, sysctls[i].def));
}

void conf_print(const struct conf *c, bool all)
{
	unsigned int i;

	for (i = 0; i < N_SYSCTLS; i++)
		if (sysctl_told(c, i, all))
			printf("sysctl %s %s\n", sysctls[i].name, c->sysctl[i].value);
	if (c->key.path[0])
		printf("key restore %s\n", c->key.path);
	for (i = 0; i < c->n; i++) {
		printf("service add %s", c->services[i]->args.name);
		conf_print_words(&c->services[i]->args, words_of(&c->services[i]->args, all));
		putchar('\n');
	}
}

json_t *conf_json(const struct conf *c, bool all)
{
	json_t *values = json_object(), *services = json_array();
	const struct service_args *a;
	unsigned int i;

	for (i = 0; i < N_SYSCTLS; i++)
		if (sysctl_told(c, i, all))
			json_object_set_new(values, sysctls[i].name,
					    json_string(c->sysctl[i].value));
	for (i = 0; i < c->n; i++) {
		a = &c->services[i]->args;
		json_array_append_new(services, json_pack("{s:s, s:o}", "service", a->name, "words",
							  conf_json_words(a, words_of(a, all))));
	}
	return json_pack("{s:o, s:s?, s:o}", "sysctls", values, "key",
			 c->key.path[0] ? c->key.path : NULL, "services", services);
}
