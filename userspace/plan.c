// SPDX-License-Identifier: GPL-2.0
/*
 * The least change from one configuration to another.
 */
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "plan.h"

static struct change *add_change(struct plan *p, enum change_kind kind, unsigned int line)
{
	struct change *c;

	if (p->n == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		c = realloc(p->changes, p->room * sizeof(*c));
		if (!c)
			abort();
		p->changes = c;
	}
	c = &p->changes[p->n++];
	*c = (struct change){ .kind = kind, .line = line };
	return c;
}

static void plan_sysctls(struct plan *p, bool first)
{
	const struct conf_sysctl *want;
	unsigned int i;

	for (i = 0; i < N_SYSCTLS; i++) {
		want = &p->want->sysctl[i];
		if (want->given && sysctls[i].first == first &&
		    strcmp(want->value, p->have->sysctl[i].value))
			add_change(p, CHANGE_SYSCTL, want->line)->number = i;
	}
}

struct match {
	const struct conf_service *have;
	bool found;
};

static int by_name(const void *a, const void *b)
{
	const struct match *x = a, *y = b;

	return strcmp(x->have->args.name, y->have->args.name);
}

static struct match *find(struct match *index, unsigned int n, const struct conf_service *s)
{
	struct match key = { .have = s };

	return n ? bsearch(&key, index, n, sizeof(*index), by_name) : NULL;
}

static void plan_deletions(struct plan *p, const struct match *index)
{
	unsigned int i;

	for (i = 0; i < p->have->n; i++)
		if (!index[i].found)
			add_change(p, CHANGE_DEL, 0)->from = &index[i].have->args;
}

static void plan_services(struct plan *p, struct match *index, enum change_kind kind)
{
	const struct conf_service *want;
	const struct match *m;
	struct change *c;
	unsigned int i, words;

	for (i = 0; i < p->want->n; i++) {
		want = p->want->services[i];
		m = find(index, p->have->n, want);
		words = m ? grammar_differ(&m->have->args, &want->args) :
			    grammar_unusual(&want->args);
		if (!words || kind != (m ? CHANGE_SET : CHANGE_ADD))
			continue;
		c = add_change(p, kind, want->line);
		c->from = m ? &m->have->args : NULL;
		c->to = &want->args;
		c->words = words;
	}
}

int plan_make(struct plan *p, const struct conf *have, const struct conf *want)
{
	struct match *index = calloc(have->n + 1, sizeof(*index)), *m;
	unsigned int i;

	*p = (struct plan){ .have = have, .want = want };
	if (!index)
		return fail(EXIT_REFUSED, "no memory for so many services");
	for (i = 0; i < have->n; i++)
		index[i].have = have->services[i];
	qsort(index, have->n, sizeof(*index), by_name);
	for (i = 0; i < want->n; i++) {
		m = find(index, have->n, want->services[i]);
		if (m)
			m->found = true;
	}
	plan_sysctls(p, true);
	plan_deletions(p, index);
	plan_services(p, index, CHANGE_SET);
	plan_services(p, index, CHANGE_ADD);
	plan_sysctls(p, false);
	if (want->key.given && !conf_same_key(&have->key, &want->key))
		add_change(p, CHANGE_KEY, want->key.line);
	free(index);
	return 0;
}

void plan_free(struct plan *p)
{
	free(p->changes);
	p->changes = NULL;
}

static void print_change(const struct plan *p, const struct change *c)
{
	const struct conf_key *key = &p->want->key;

	switch (c->kind) {
	case CHANGE_SYSCTL:
		printf("sysctl %s %s  # was %s\n", sysctls[c->number].name,
		       p->want->sysctl[c->number].value, p->have->sysctl[c->number].value);
		return;
	case CHANGE_KEY:
		printf("key %s %s  # another master is in force\n",
		       key->restore ? "restore" : "set", key->path);
		return;
	case CHANGE_DEL:
		printf("service del %s\n", c->from->name);
		return;
	case CHANGE_SET:
	case CHANGE_ADD:
		printf("service %s %s", c->from ? "set" : "add", c->to->name);
		conf_print_words(c->to, c->words);
		if (c->from) {
			printf("  # was");
			conf_print_words(c->from, c->words);
		}
		putchar('\n');
	}
}

static json_t *json_change(const struct plan *p, const struct change *c)
{
	const struct conf_key *key = &p->want->key;

	switch (c->kind) {
	case CHANGE_SYSCTL:
		return json_pack("{s:s, s:s, s:s, s:s}", "change", "sysctl", "sysctl",
				 sysctls[c->number].name, "from",
				 p->have->sysctl[c->number].value, "to",
				 p->want->sysctl[c->number].value);
	case CHANGE_KEY:
		return json_pack("{s:s, s:s}", "change", key->restore ? "key restore" : "key set",
				 "file", key->path);
	case CHANGE_DEL:
		return json_pack("{s:s, s:s}", "change", "service del", "service", c->from->name);
	case CHANGE_SET:
		return json_pack("{s:s, s:s, s:o, s:o}", "change", "service set", "service",
				 c->to->name, "from", conf_json_words(c->from, c->words),
				 "to", conf_json_words(c->to, c->words));
	case CHANGE_ADD:
		return json_pack("{s:s, s:s, s:o}", "change", "service add", "service",
				 c->to->name, "to", conf_json_words(c->to, c->words));
	}
	return json_null();
}

void plan_print(const struct plan *p)
{
	json_t *list = json_array(), *change;
	unsigned int i;

	for (i = 0; i < p->n; i++) {
		if (!json_output) {
			print_change(p, &p->changes[i]);
			continue;
		}
		change = json_change(p, &p->changes[i]);
		json_object_set_new(change, "line", p->changes[i].line ?
				    json_integer(p->changes[i].line) : json_null());
		json_array_append_new(list, change);
	}
	if (json_output)
		render_json(list);
	else
		json_decref(list);
}
