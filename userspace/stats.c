// SPDX-License-Identifier: GPL-2.0
/*
 * stats: what happened to segments, by service and reason.
 *
 * Names, classes and sentences of the reasons are the module's own: they are
 * asked for, so that a newer module explains itself to an older tool.
 */
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "prometheus.h"
#include "service.h"
#include "stats.h"
#include "status.h"

static const struct field reason_fields[] = {
	{ "id", NULL, decode_number, COOKIEBOX_A_REASON_ID, NULL },
	{ "name", NULL, decode_string, COOKIEBOX_A_REASON_NAME, NULL },
	{ "class", NULL, decode_choice, COOKIEBOX_A_REASON_CLASS, class_choices },
	{ "sentence", NULL, decode_string, COOKIEBOX_A_REASON_SENTENCE, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static const struct field counter_fields[] = {
	{ "name", NULL, decode_string, COOKIEBOX_A_COUNTER_NAME, NULL },
	{ "done", NULL, decode_number, COOKIEBOX_A_COUNTER_DONE, NULL },
	{ "observed", NULL, decode_number, COOKIEBOX_A_COUNTER_OBSERVED, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

/* Rows of the text table; filled by flatten(). The sentence is for --explain. */
static const struct field row_fields[] = {
	{ "service", "SERVICE", NULL, 0, NULL },
	{ "reason", "REASON", NULL, 0, NULL },
	{ "class", "CLASS", NULL, 0, NULL },
	{ "done", "DONE", NULL, 0, NULL },
	{ "observed", "OBSERVED", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static const struct field explain_fields[] = {
	{ "service", "SERVICE", NULL, 0, NULL },
	{ "reason", "REASON", NULL, 0, NULL },
	{ "class", "CLASS", NULL, 0, NULL },
	{ "done", "DONE", NULL, 0, NULL },
	{ "observed", "OBSERVED", NULL, 0, NULL },
	{ "sentence", "MEANING", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static const struct field less_fields[] = {
	{ "mss", NULL, decode_number, COOKIEBOX_A_LESS_MSS, NULL },
	{ "wscale", NULL, decode_number, COOKIEBOX_A_LESS_WSCALE, NULL },
	{ "sack", NULL, decode_number, COOKIEBOX_A_LESS_SACK, NULL },
	{ "ecn", NULL, decode_number, COOKIEBOX_A_LESS_ECN, NULL },
	{ "mptcp", NULL, decode_number, COOKIEBOX_A_LESS_MPTCP, NULL },
	{ "fastopen", NULL, decode_number, COOKIEBOX_A_LESS_FASTOPEN, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static const char *const attr_words[] = {
	[COOKIEBOX_A_STATS_NAME] = "SERVICE",
};

static void forget(void *data)
{
	json_array_clear(data);
}

static int take_reason(const struct nlmsghdr *nlh, void *data)
{
	struct attrs a;

	attrs_of_message(&a, nlh);
	json_array_append_new(data, render_object(&a, reason_fields));
	return 0;
}

int reason_list(struct genl *g, json_t **reasons)
{
	int err;

	*reasons = json_array();
	genl_new(g, COOKIEBOX_CMD_REASON_GET);
	err = genl_dump(g, take_reason, forget, *reasons);
	if (err)
		json_decref(*reasons);
	return err;
}

struct taker {
	const json_t *reasons;
	json_t *stats;
};

static void forget_stats(void *data)
{
	struct taker *t = data;

	json_array_clear(t->stats);
}

static json_t *zeroes(const json_t *reasons)
{
	json_t *object = json_object();
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason)
		json_object_set_new(object, json_string_value(json_object_get(reason, "name")),
				    json_integer(0));
	return object;
}

static void take_counter(const struct nlattr *nest, json_t *done, json_t *observed)
{
	const char *name;
	json_t *counter;
	struct attrs a;

	attrs_of_nest(&a, nest);
	counter = render_object(&a, counter_fields);
	name = json_string_value(json_object_get(counter, "name"));
	if (name) {
		json_object_set(done, name, json_object_get(counter, "done"));
		json_object_set(observed, name, json_object_get(counter, "observed"));
	}
	json_decref(counter);
}

/* Null from a module that does not count it. */
static json_t *take_less(const struct nlattr *nest)
{
	struct attrs a;

	if (!nest)
		return json_null();
	attrs_of_nest(&a, nest);
	return render_object(&a, less_fields);
}

static int take_stats(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	struct taker *t = data;
	json_t *done, *observed;
	struct attrs a;

	done = zeroes(t->reasons);
	observed = zeroes(t->reasons);
	attrs_of_message(&a, nlh);
	mnl_attr_for_each_payload(a.payload, a.len)
		if (mnl_attr_get_type(attr) == COOKIEBOX_A_STATS_COUNTER)
			take_counter(attr, done, observed);
	json_array_append_new(t->stats, json_pack("{s:s, s:I, s:o, s:o, s:o}", "service",
		a.tb[COOKIEBOX_A_STATS_NAME] ?
			mnl_attr_get_str(a.tb[COOKIEBOX_A_STATS_NAME]) : "",
		"id", (json_int_t)attr_number(&a, COOKIEBOX_A_STATS_ID), "done", done,
		"observed", observed, "less", take_less(a.tb[COOKIEBOX_A_STATS_LESS])));
	return 0;
}

int stats_list(struct genl *g, const char *name, const json_t *reasons, json_t **stats)
{
	struct taker t = { .reasons = reasons, .stats = json_array() };
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_STATS_GET);
	int err;

	if (name) {
		mnl_attr_put_strz(nlh, COOKIEBOX_A_STATS_NAME, name);
		err = genl_do(g, take_stats, &t);
	} else {
		err = genl_dump(g, take_stats, forget_stats, &t);
	}
	if (err)
		json_decref(t.stats);
	*stats = t.stats;
	return err;
}

/* One row for each service and reason that was counted. */
static json_t *flatten(const json_t *stats, const json_t *reasons)
{
	const json_t *entry, *reason, *done, *observed;
	json_t *rows = json_array();
	const char *name;
	size_t i, k;

	json_array_foreach(stats, i, entry) {
		json_array_foreach(reasons, k, reason) {
			name = json_string_value(json_object_get(reason, "name"));
			done = json_object_get(json_object_get(entry, "done"), name);
			observed = json_object_get(json_object_get(entry, "observed"), name);
			if (!json_integer_value(done) && !json_integer_value(observed))
				continue;
			json_array_append_new(rows, json_pack("{s:O, s:s, s:O, s:O, s:O, s:O}",
				"service", json_object_get(entry, "service"), "reason", name,
				"class", json_object_get(reason, "class"), "done", done,
				"observed", observed,
				"sentence", json_object_get(reason, "sentence")));
		}
	}
	return rows;
}

static void print_stats(json_t *stats, json_t *reasons, bool explain)
{
	json_t *rows, *report;

	if (json_output) {
		report = json_pack("{s:O}", "services", stats);
		if (explain)
			json_object_set(report, "reasons", reasons);
		render_json(report);
		return;
	}
	rows = flatten(stats, reasons);
	render_table(rows, explain ? explain_fields : row_fields);
	json_decref(rows);
}

enum form { PLAIN, EXPLAIN, PROMETHEUS };

static int print_as(struct genl *g, enum form as, json_t *stats, json_t *reasons)
{
	json_t *status;
	int err;

	if (as != PROMETHEUS) {
		print_stats(stats, reasons, as == EXPLAIN);
		return 0;
	}
	err = status_get(g, &status);
	if (err)
		return err;
	prometheus_print(status, stats, reasons);
	json_decref(status);
	return 0;
}

static int query(const char *name, enum form as)
{
	json_t *reasons, *stats;
	static struct genl g;
	int err;

	err = genl_open(&g);
	if (err)
		return err;
	g.words = attr_words;
	g.n_words = sizeof(attr_words) / sizeof(attr_words[0]);
	err = reason_list(&g, &reasons);
	if (!err) {
		err = stats_list(&g, name, reasons, &stats);
		if (!err) {
			err = print_as(&g, as, stats, reasons);
			json_decref(stats);
		}
		json_decref(reasons);
	}
	genl_close(&g);
	return err;
}

int stats_run(int argc, char **argv)
{
	char name[COOKIEBOX_NAME_MAX + 1] = "";
	enum form as = PLAIN;
	int i, err;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--explain") || !strcmp(argv[i], "--prometheus")) {
			as = argv[i][2] == 'e' ? EXPLAIN : PROMETHEUS;
			continue;
		}
		if (name[0])
			return refuse_word(argv[i]);
		err = parse_name("name", argv[i], name, sizeof(name));
		if (err)
			return err;
	}
	return query(name[0] ? name : NULL, as);
}

void stats_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("--explain\n--prometheus");
	service_print_names();
}
