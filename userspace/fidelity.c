// SPDX-License-Identifier: GPL-2.0
/*
 * show fidelity: how many SYNs were answered whose connections have less than the
 * client offered, by service and by what it is.
 */
#include <stdio.h>
#include <string.h>

#include "main.h"
#include "stats.h"

static const struct field row_fields[] = {
	{ "service", "SERVICE", NULL, 0, NULL },
	{ "answered", "ANSWERED", NULL, 0, NULL },
	{ "mss", "MSS", NULL, 0, NULL },
	{ "wscale", "WSCALE", NULL, 0, NULL },
	{ "sack", "SACK", NULL, 0, NULL },
	{ "ecn", "ECN", NULL, 0, NULL },
	{ "mptcp", "MPTCP", NULL, 0, NULL },
	{ "fastopen", "FASTOPEN", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

/* Sums the losses up; *rows has an object for each service. */
static json_int_t make_rows(const json_t *stats, json_t *rows)
{
	const json_t *entry, *value;
	json_int_t lost = 0;
	const char *key;
	json_t *row;
	size_t i;

	json_array_foreach(stats, i, entry) {
		row = json_pack("{s:O, s:O, s:O}", "service", json_object_get(entry, "service"),
				"id", json_object_get(entry, "id"), "answered",
				json_object_get(json_object_get(entry, "done"), "syn_answered"));
		json_object_foreach(json_object_get(entry, "less"), key, value) {
			lost += json_integer_value(value);
			json_object_set(row, key, (json_t *)value);
		}
		json_array_append_new(rows, row);
	}
	return lost;
}

static void print_rows(json_t *rows, json_int_t lost)
{
	if (json_output) {
		json_incref(rows);
		render_json(rows);
		return;
	}
	puts(lost ? "SYNs that were answered, and those whose connections have less than they offered:" :
		    "every SYN that was answered has what it offered:");
	render_table(rows, row_fields);
}

int fidelity_run(int argc, char **argv)
{
	json_t *reasons, *stats, *rows = json_array();
	static struct genl g;
	int err;

	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	err = reason_list(&g, &reasons);
	if (!err)
		err = stats_list(&g, NULL, reasons, &stats);
	genl_close(&g);
	if (err)
		return err;
	print_rows(rows, make_rows(stats, rows));
	json_decref(rows);
	json_decref(stats);
	json_decref(reasons);
	return 0;
}
