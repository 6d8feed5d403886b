// SPDX-License-Identifier: GPL-2.0
/*
 * show: one screen that says whether all is well; show attacks: see attacks.c,
 * show servers: servers.c.
 *
 * Problems are states that keep cookiebox from working now; notes are
 * outcomes that were counted and that an admin may want to act on.
 */
#include <stdio.h>
#include <string.h>

#include "attacks.h"
#include "main.h"
#include "servers.h"
#include "service.h"
#include "stats.h"

static const struct field cache_fields[] = {
	{ "entries", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_ENTRIES, NULL },
	{ "pinned", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_PINNED, NULL },
	{ "waiting", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_WAITING, NULL },
	{ "bytes", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_BYTES, NULL },
	{ "limit", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_LIMIT, NULL },
	{ "evicted", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_EVICTED, NULL },
	{ "reclaimed", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_RECLAIMED, NULL },
	{ "refused", NULL, decode_number, COOKIEBOX_A_FLOW_TOTALS_REFUSED, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static json_t *decode_cache(const struct attrs *a, const struct field *f)
{
	struct attrs nest;

	if (!a->tb[f->attr])
		return NULL;
	attrs_of_nest(&nest, a->tb[f->attr]);
	return render_object(&nest, cache_fields);
}

static const struct field status_fields[] = {
	{ "version", NULL, decode_string, COOKIEBOX_A_STATUS_VERSION, NULL },
	{ "generation", NULL, decode_number, COOKIEBOX_A_STATUS_GENERATION, NULL },
	{ "hooks", NULL, decode_flag, COOKIEBOX_A_STATUS_HOOKS, NULL },
	{ "clock", NULL, decode_choice, COOKIEBOX_A_STATUS_CLOCK, clock_choices },
	{ "epoch", NULL, decode_number, COOKIEBOX_A_STATUS_EPOCH, NULL },
	{ "next_epoch_ms", NULL, decode_number, COOKIEBOX_A_STATUS_NEXT_EPOCH, NULL },
	{ "master_pending", NULL, decode_flag, COOKIEBOX_A_STATUS_MASTER_PENDING, NULL },
	{ "embryonic", NULL, decode_number, COOKIEBOX_A_STATUS_EMBRYONIC, NULL },
	{ "memory", NULL, decode_number, COOKIEBOX_A_STATUS_MEMORY, NULL },
	{ "tcp_syncookies", NULL, decode_number, COOKIEBOX_A_STATUS_TCP_SYNCOOKIES, NULL },
	{ "epoch_seconds", NULL, decode_number, COOKIEBOX_A_STATUS_EPOCH_SECONDS, NULL },
	{ "default_reply", NULL, decode_choice, COOKIEBOX_A_STATUS_DEFAULT_REPLY, reply_choices },
	{ "invalid_rate", NULL, decode_number, COOKIEBOX_A_STATUS_INVALID_RATE, NULL },
	{ "flow_cache", NULL, decode_cache, COOKIEBOX_A_STATUS_FLOW_CACHE, NULL },
	{ "engaged", NULL, decode_number, COOKIEBOX_A_STATUS_ENGAGED, NULL },
	{ "auto_engage_percent", NULL, decode_number, COOKIEBOX_A_STATUS_AUTO_ENGAGE_PERCENT,
	  NULL },
	{ "auto_release_percent", NULL, decode_number, COOKIEBOX_A_STATUS_AUTO_RELEASE_PERCENT,
	  NULL },
	{ "auto_hold_seconds", NULL, decode_number, COOKIEBOX_A_STATUS_AUTO_HOLD_SECONDS, NULL },
	{ "single_use_max", NULL, decode_number, COOKIEBOX_A_STATUS_SINGLE_USE_MAX, NULL },
	{ "single_use_full", NULL, decode_choice, COOKIEBOX_A_STATUS_SINGLE_USE_FULL,
	  full_choices },
	{ "single_use_held", NULL, decode_number, COOKIEBOX_A_STATUS_SINGLE_USE_HELD, NULL },
	{ "single_use_memory", NULL, decode_number, COOKIEBOX_A_STATUS_SINGLE_USE_MEMORY, NULL },
	{ "single_use_unheld", NULL, decode_number, COOKIEBOX_A_STATUS_SINGLE_USE_UNHELD, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

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

static int take_status(const struct nlmsghdr *nlh, void *data)
{
	json_t **status = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*status = render_object(&a, status_fields);
	return 0;
}

static int collect(struct genl *g, struct report *r)
{
	int err;

	genl_new(g, COOKIEBOX_CMD_STATUS_GET);
	err = genl_do(g, take_status, &r->status);
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
	if (!number_in(c, "entries") && !number_in(c, "pinned") && !number_in(c, "evicted") &&
	    !number_in(c, "reclaimed") && !number_in(c, "refused"))
		return;
	printf("flow cache: %lld entries, %lld pinned, %lld of %lld bytes; given up %lld for the "
	       "limit, %lld for memory; refused %lld\n", number_in(c, "entries"),
	       number_in(c, "pinned"), number_in(c, "bytes"), number_in(c, "limit"),
	       number_in(c, "evicted"), number_in(c, "reclaimed"), number_in(c, "refused"));
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
		render_table(r->services, screen_fields);
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
	print_single_use(r->status);
}

static void print_report(struct report *r)
{
	r->problems = json_array();
	r->notes = json_array();
	add_sums(r);
	find_problems(r);
	if (!json_output) {
		print_screen(r);
		return;
	}
	render_json(json_pack("{s:b, s:O, s:O, s:O, s:O}",
			      "well", !json_array_size(r->problems), "problems", r->problems,
			      "notes", r->notes, "status", r->status, "services", r->services));
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
	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	err = collect(&g, &r);
	genl_close(&g);
	if (!err)
		print_report(&r);
	return err;
}

void show_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("attacks\nservers");
}
