// SPDX-License-Identifier: GPL-2.0
/*
 * show: one screen that says whether all is well; show attacks: see attacks.c,
 * show servers: servers.c.
 *
 * Problems are states that keep cookiebox from working now; notes are
 * outcomes that were counted and that an admin may want to act on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attacks.h"
#include "main.h"
#include "servers.h"
#include "service.h"
#include "stats.h"
#include "status.h"

/* The text table of services; the sums are added by add_sums(). */
static const struct field screen_fields[] = {
	{ "name", "SERVICE", NULL, 0, NULL },
	{ "addr", "ADDR", NULL, 0, NULL },
	{ "port", "PORT", NULL, 0, NULL },
	{ "mark", "MARK", NULL, 0, NULL },
	{ "mode", "MODE", NULL, 0, NULL },
	{ "engage", "ENGAGE", NULL, 0, NULL },
	{ "answered", "ANSWERED", NULL, 0, NULL },
	{ "accepted", "ACCEPTED", NULL, 0, NULL },
	{ "passed", "PASSED", NULL, 0, NULL },
	{ "dropped", "DROPPED", NULL, 0, NULL },
	{ "observed", "OBSERVED", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

#define SCREEN_SERVICES	16	/* more would not be one screen */

/* The service's sum that a reason's class is part of. */
static const char *const class_sums[][2] = {
	{ "answer", "answered" },
	{ "accept", "accepted" },
	{ "pass", "passed" },
	{ "drop", "dropped" },
};

/* Outcomes that tell of the host's set-up rather than of the clients. */
static const char *const notable[] = {
	"not_local", "syncookies_off", "listener_unsupported", "no_listener", "queue_full",
	"refused_by_host", "no_memory", "no_route", "reply_failed", "single_use_full",
};

struct report {
	json_t *status, *services, *reasons, *stats;
	json_t *problems, *notes;
};

static int collect(struct genl *g, struct report *r)
{
	int err;

	err = status_get(g, &r->status);
	if (!err)
		err = service_list(g, NULL, &r->services);
	if (!err)
		err = reason_list(g, &r->reasons);
	if (!err)
		err = stats_list(g, NULL, r->reasons, &r->stats);
	return err;
}

static void add_to(json_t *object, const char *key, json_int_t n)
{
	json_object_set_new(object, key,
			    json_integer(json_integer_value(json_object_get(object, key)) + n));
}

static bool is_notable(const char *reason)
{
	size_t i;

	for (i = 0; i < sizeof(notable) / sizeof(notable[0]); i++)
		if (!strcmp(notable[i], reason))
			return true;
	return false;
}

static void add_reason(struct report *r, json_t *service, const json_t *entry,
		       const json_t *reason)
{
	const char *name = json_string_value(json_object_get(reason, "name"));
	const char *class = json_string_value(json_object_get(reason, "class"));
	json_int_t done, observed;
	size_t i;

	done = json_integer_value(json_object_get(json_object_get(entry, "done"), name));
	observed = json_integer_value(json_object_get(json_object_get(entry, "observed"), name));
	for (i = 0; i < sizeof(class_sums) / sizeof(class_sums[0]); i++)
		if (class && !strcmp(class, class_sums[i][0]))
			add_to(service, class_sums[i][1], done);
	add_to(service, "observed", observed);
	if (is_notable(name) && done + observed)
		json_array_append_new(r->notes, json_pack("{s:O, s:s, s:I, s:O}",
			"service", json_object_get(service, "name"), "reason", name,
			"count", done + observed,
			"sentence", json_object_get(reason, "sentence")));
}

static void add_sums(struct report *r)
{
	const json_t *entry, *reason, *id;
	json_t *service;
	size_t i, j, k;

	json_array_foreach(r->services, i, service) {
		for (k = 0; k < sizeof(class_sums) / sizeof(class_sums[0]); k++)
			add_to(service, class_sums[k][1], 0);
		add_to(service, "observed", 0);
		id = json_object_get(service, "id");
		json_array_foreach(r->stats, j, entry) {
			if (!json_equal(id, json_object_get(entry, "id")))
				continue;
			json_array_foreach(r->reasons, k, reason)
				add_reason(r, service, entry, reason);
		}
	}
}

static const char *sentence_of(const struct report *r, const char *name)
{
	const json_t *reason;
	size_t i;

	json_array_foreach(r->reasons, i, reason)
		if (!strcmp(name, json_string_value(json_object_get(reason, "name"))))
			return json_string_value(json_object_get(reason, "sentence"));
	return name;
}

static void find_problems(struct report *r)
{
	const json_t *s = r->status;

	if (!json_array_size(r->services)) {
		json_array_append_new(r->problems, json_string("nothing is protected: add a "
			"service, as in cookiebox service add web port 80 mode local"));
		return;
	}
	if (!json_is_true(json_object_get(s, "hooks")))
		json_array_append_new(r->problems, json_string("the netfilter hooks are not "
			"registered: no segment is seen"));
	if (json_is_null(json_object_get(s, "epoch")))
		json_array_append_new(r->problems, json_string("the key ring does not run: no "
			"cookie can be made"));
	if (!json_integer_value(json_object_get(s, "tcp_syncookies")))
		json_array_append_new(r->problems,
				      json_string(sentence_of(r, "syncookies_off")));
}

static void print_keys(const json_t *s)
{
	const json_t *next = json_object_get(s, "next_epoch_ms");

	printf("\nmodule %s, generation %lld, %lld bytes, %lld embryonic connections remembered\n",
	       json_string_value(json_object_get(s, "version")),
	       (long long)json_integer_value(json_object_get(s, "generation")),
	       (long long)json_integer_value(json_object_get(s, "memory")),
	       (long long)json_integer_value(json_object_get(s, "embryonic")));
	if (!json_is_integer(next))
		return;
	printf("keys: epoch %lld on the %s clock, next in %.1f s%s\n",
	       (long long)json_integer_value(json_object_get(s, "epoch")),
	       json_string_value(json_object_get(s, "clock")),
	       json_integer_value(next) / 1000.0,
	       json_is_true(json_object_get(s, "master_pending")) ?
			", with a new master" : "");
}

static long long number_in(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* While there is, or was, something in it. */
static void print_cache(const json_t *c)
{
	if (!number_in(c, "entries") && !number_in(c, "evicted") &&
	    !number_in(c, "reclaimed") && !number_in(c, "refused"))
		return;
	printf("flow cache: %lld entries, %lld of %lld bytes; given up %lld for the limit, "
	       "%lld for memory; refused %lld\n", number_in(c, "entries"), number_in(c, "bytes"),
	       number_in(c, "limit"), number_in(c, "evicted"), number_in(c, "reclaimed"),
	       number_in(c, "refused"));
}

/* While there are connections that are spliced. */
static void print_spliced(const json_t *c)
{
	if (number_in(c, "pinned"))
		printf("spliced: %lld connections, %lld of them wait for their server\n",
		       number_in(c, "pinned"), number_in(c, "waiting"));
}

static void print_single_use(const json_t *s)
{
	long long unheld = json_integer_value(json_object_get(s, "single_use_unheld"));

	printf("used cookies: %lld held, room for %lld",
	       (long long)json_integer_value(json_object_get(s, "single_use_held")),
	       (long long)json_integer_value(json_object_get(s, "single_use_max")));
	if (unheld)
		printf("; %lld found no room and can be used again", unheld);
	putchar('\n');
}

static json_int_t traffic_of(const json_t *service)
{
	json_int_t sum = json_integer_value(json_object_get(service, "observed"));
	size_t i;

	for (i = 0; i < sizeof(class_sums) / sizeof(class_sums[0]); i++)
		sum += json_integer_value(json_object_get(service, class_sums[i][1]));
	return sum;
}

static int busier(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t tx = traffic_of(x), ty = traffic_of(y);

	if (tx != ty)
		return tx < ty ? 1 : -1;
	tx = json_integer_value(json_object_get(x, "id"));
	return tx > json_integer_value(json_object_get(y, "id")) ? 1 : -1;
}

/* All of them or, of more than fit, the busiest. */
static void print_services(const json_t *services)
{
	size_t i, n = json_array_size(services);
	json_t **all, *rows;

	if (n <= SCREEN_SERVICES) {
		render_table(services, screen_fields);
		return;
	}
	all = malloc(n * sizeof(*all));
	for (i = 0; all && i < n; i++)
		all[i] = json_array_get(services, i);
	if (!all)
		return;
	qsort(all, n, sizeof(*all), busier);
	rows = json_array();
	for (i = 0; i < SCREEN_SERVICES; i++)
		json_array_append(rows, all[i]);
	render_table(rows, screen_fields);
	printf("and %zu less busy ones: see cookiebox service show, cookiebox stats\n",
	       n - SCREEN_SERVICES);
	json_decref(rows);
	free(all);
}

static void print_screen(const struct report *r)
{
	size_t i, n = json_array_size(r->services);
	const json_t *v;

	if (json_array_size(r->problems))
		printf("needs attention:\n");
	else
		printf("all is well: %zu service%s\n", n, n == 1 ? "" : "s");
	json_array_foreach(r->problems, i, v)
		printf("  %s\n", json_string_value(v));
	if (n) {
		putchar('\n');
		print_services(r->services);
	}
	attack_print_present(r->services);
	if (json_array_size(r->notes))
		printf("\nworth a look:\n");
	json_array_foreach(r->notes, i, v)
		printf("  %s: %lld x %s: %s\n", json_string_value(json_object_get(v, "service")),
		       (long long)json_integer_value(json_object_get(v, "count")),
		       json_string_value(json_object_get(v, "reason")),
		       json_string_value(json_object_get(v, "sentence")));
	print_keys(r->status);
	print_cache(json_object_get(r->status, "flow_cache"));
	print_spliced(json_object_get(r->status, "flow_cache"));
	print_single_use(r->status);
}

static int print_report(struct report *r)
{
	int code;

	r->problems = json_array();
	r->notes = json_array();
	add_sums(r);
	find_problems(r);
	code = json_array_size(r->problems) ? EXIT_UNWELL : EXIT_OK;
	if (!json_output) {
		print_screen(r);
		return code;
	}
	render_json(json_pack("{s:b, s:O, s:O, s:O, s:O}",
			      "well", !json_array_size(r->problems), "problems", r->problems,
			      "notes", r->notes, "status", r->status, "services", r->services));
	return code;
}

int show_run(int argc, char **argv)
{
	struct report r = { .status = NULL };
	static struct genl g;
	int err;

	if (argc && !strcmp(argv[0], "attacks"))
		return attacks_run(argc - 1, argv + 1);
	if (argc && !strcmp(argv[0], "servers"))
		return servers_run(argc - 1, argv + 1);
	if (argc && !strcmp(argv[0], "fidelity"))
		return fidelity_run(argc - 1, argv + 1);
	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	err = collect(&g, &r);
	genl_close(&g);
	return err ? err : print_report(&r);
}

void show_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("attacks\nservers\nfidelity");
}
