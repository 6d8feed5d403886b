// SPDX-License-Identifier: GPL-2.0
/*
 * cache show|flush: the flow cache.
 *
 * It may hold millions of entries, so they are kept as the kernel sent them and made
 * into objects one at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grammar.h"
#include "main.h"
#include "service.h"

struct filter {
	struct prefix src, dst;		/* family 0: any */
	uint16_t port;			/* 0: any */
	char service[COOKIEBOX_NAME_MAX + 1];
	bool pinned;			/* flush: those */
};

static const char *const attr_words[] = {
	[COOKIEBOX_A_CACHE_SOURCE] = "src",
	[COOKIEBOX_A_CACHE_DEST] = "dst",
	[COOKIEBOX_A_CACHE_PORT] = "port",
	[COOKIEBOX_A_CACHE_SERVICE] = "service",
};

static json_t *decode_end(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? service_prefix(a->tb[f->attr]) : NULL;
}

/* How much of the MSS may have been lost; null: nobody knows. */
static json_t *decode_mss_lost(const struct attrs *a, const struct field *f)
{
	if (!a->tb[COOKIEBOX_A_CACHE_MSS_MAX])
		return NULL;
	return json_integer(attr_number(a, COOKIEBOX_A_CACHE_MSS_MAX) - attr_number(a, f->attr));
}

static const struct field flow_fields[] = {
	{ "source", "SOURCE", decode_end, COOKIEBOX_A_CACHE_SOURCE, NULL },
	{ "source_port", "SPORT", decode_number, COOKIEBOX_A_CACHE_SOURCE_PORT, NULL },
	{ "dest", "DEST", decode_end, COOKIEBOX_A_CACHE_DEST, NULL },
	{ "port", "PORT", decode_number, COOKIEBOX_A_CACHE_PORT, NULL },
	{ "service", "SERVICE", decode_string, COOKIEBOX_A_CACHE_SERVICE, NULL },
	{ "service_id", NULL, decode_number, COOKIEBOX_A_CACHE_SERVICE_ID, NULL },
	{ "age_ms", "AGE-MS", decode_number, COOKIEBOX_A_CACHE_AGE, NULL },
	{ "mss", "MSS", decode_number, COOKIEBOX_A_CACHE_MSS, NULL },
	{ "mss_lost_max", "MSS-LOST", decode_mss_lost, COOKIEBOX_A_CACHE_MSS, NULL },
	{ "wscale", "WSCALE", decode_number, COOKIEBOX_A_CACHE_WSCALE, NULL },
	{ "timestamps", "TS", decode_flag, COOKIEBOX_A_CACHE_TIMESTAMPS, NULL },
	{ "sack", "SACK", decode_flag, COOKIEBOX_A_CACHE_SACK, NULL },
	{ "ecn", "ECN", decode_flag, COOKIEBOX_A_CACHE_ECN, NULL },
	{ "exact", "EXACT", decode_flag, COOKIEBOX_A_CACHE_EXACT, NULL },
	{ "repeated", "REPEATED", decode_number, COOKIEBOX_A_CACHE_REPEATED, NULL },
	{ "pinned", "PINNED", decode_flag, COOKIEBOX_A_CACHE_PINNED, NULL },
	{ "state", "STATE", decode_choice, COOKIEBOX_A_CACHE_STATE, state_choices },
	{ NULL, NULL, NULL, 0, NULL }
};

/* Attributes of all entries, one after another: a length each before them. */
struct rows {
	char *data;
	size_t used, size;
	size_t n;
};

static void forget(void *data)
{
	struct rows *rows = data;

	rows->used = 0;
	rows->n = 0;
}

static int take_flow(const struct nlmsghdr *nlh, void *data)
{
	struct rows *rows = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	if (rows->used + sizeof(a.len) + a.len > rows->size) {
		rows->size = 2 * (rows->used + sizeof(a.len) + a.len) + 4096;
		rows->data = realloc(rows->data, rows->size);
		if (!rows->data)
			return fail(EXIT_REFUSED, "no memory for so many entries: use a filter");
	}
	memcpy(rows->data + rows->used, &a.len, sizeof(a.len));
	memcpy(rows->data + rows->used + sizeof(a.len), a.payload, a.len);
	rows->used += sizeof(a.len) + a.len;	/* a multiple of 4 */
	rows->n++;
	return 0;
}

/* The entry at *@at as an object; *@at goes on to the next. */
static json_t *next_flow(const struct rows *rows, size_t *at)
{
	struct attrs a;
	size_t len;

	memcpy(&len, rows->data + *at, sizeof(len));
	attrs_index(&a, rows->data + *at + sizeof(len), len);
	*at += sizeof(len) + len;
	return render_object(&a, flow_fields);
}

static void print_text(const struct rows *rows)
{
	struct columns columns;
	json_t *flow;
	size_t at;

	columns_begin(&columns, flow_fields);
	for (at = 0; at < rows->used; ) {
		flow = next_flow(rows, &at);
		columns_measure(&columns, flow);
		json_decref(flow);
	}
	columns_print_title(&columns);
	for (at = 0; at < rows->used; ) {
		flow = next_flow(rows, &at);
		columns_print(&columns, flow);
		json_decref(flow);
	}
}

static void print_json(const struct rows *rows)
{
	json_t *flow;
	size_t at = 0;

	fputs("[", stdout);
	while (at < rows->used) {
		fputs(at ? ",\n" : "\n", stdout);
		flow = next_flow(rows, &at);
		json_dumpf(flow, stdout, JSON_COMPACT);
		json_decref(flow);
	}
	fputs(rows->n ? "\n]\n" : "]\n", stdout);
}

static const char *const words[] = { "src", "dst", "port", "service", NULL };

static int parse_word(const char *word, const char *value, struct filter *f)
{
	if (!strcmp(word, "src"))
		return parse_prefix(word, value, &f->src);
	if (!strcmp(word, "dst"))
		return parse_prefix(word, value, &f->dst);
	if (!strcmp(word, "port"))
		return parse_port(word, value, &f->port);
	return parse_name(word, value, f->service, sizeof(f->service));
}

static bool is_word(const char *word)
{
	const char *const *w;

	for (w = words; *w; w++)
		if (!strcmp(*w, word))
			return true;
	return false;
}

static int unknown_word(const char *word)
{
	const char *near = nearest(word, words);

	if (near)
		return fail(EXIT_USAGE, "\"%s\" is not a word of a filter: did you mean \"%s\"?",
			    word, near);
	return fail(EXIT_USAGE, "\"%s\" is not a word of a filter: use src, dst, port or service",
		    word);
}

static bool given(const struct filter *f, const char *word)
{
	if (!strcmp(word, "src"))
		return f->src.family;
	if (!strcmp(word, "dst"))
		return f->dst.family;
	return !strcmp(word, "port") ? f->port : f->service[0];
}

static int parse_filter(int argc, char **argv, struct filter *f)
{
	int i, err;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < argc; i += 2) {
		if (!is_word(argv[i]))
			return unknown_word(argv[i]);
		if (i + 1 == argc)
			return fail(EXIT_USAGE, "\"%s\" has no value: see --help", argv[i]);
		if (given(f, argv[i]))
			return fail(EXIT_USAGE, "\"%s\" is given twice: give it once", argv[i]);
		err = parse_word(argv[i], argv[i + 1], f);
		if (err)
			return err;
	}
	if (f->src.family && f->dst.family && f->src.family != f->dst.family)
		return fail(EXIT_USAGE, "src and dst are of different families: use two IPv4 or "
			    "two IPv6 prefixes");
	return 0;
}

static void put_filter(struct nlmsghdr *nlh, const struct filter *f)
{
	if (f->src.family)
		grammar_put_prefix(nlh, COOKIEBOX_A_CACHE_SOURCE, &f->src);
	if (f->dst.family)
		grammar_put_prefix(nlh, COOKIEBOX_A_CACHE_DEST, &f->dst);
	if (f->port)
		mnl_attr_put_u16(nlh, COOKIEBOX_A_CACHE_PORT, f->port);
	if (f->service[0])
		mnl_attr_put_strz(nlh, COOKIEBOX_A_CACHE_SERVICE, f->service);
	if (f->pinned)
		mnl_attr_put(nlh, COOKIEBOX_A_CACHE_PINNED, 0, NULL);
}

static int open_cache(struct genl *g)
{
	int err = genl_open(g);

	g->words = attr_words;
	g->n_words = sizeof(attr_words) / sizeof(attr_words[0]);
	return err;
}

static int show_cache(int argc, char **argv)
{
	struct rows rows = { .data = NULL };
	static struct genl g;
	struct filter f;
	int err;

	err = parse_filter(argc, argv, &f);
	if (err)
		return err;
	err = open_cache(&g);
	if (err)
		return err;
	put_filter(genl_new(&g, COOKIEBOX_CMD_CACHE_GET), &f);
	err = genl_dump(&g, take_flow, forget, &rows);
	genl_close(&g);
	if (!err && json_output)
		print_json(&rows);
	else if (!err)
		print_text(&rows);
	free(rows.data);
	return err;
}

static int take_count(const struct nlmsghdr *nlh, void *data)
{
	uint64_t *count = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*count = attr_number(&a, COOKIEBOX_A_CACHE_COUNT);
	return 0;
}

static int flush_cache(int argc, char **argv)
{
	static struct genl g;
	uint64_t count = 0;
	bool pinned = argc && !strcmp(argv[0], "--pinned");
	struct filter f;
	int err;

	err = parse_filter(argc - pinned, argv + pinned, &f);
	if (err)
		return err;
	f.pinned = pinned;
	err = open_cache(&g);
	if (err)
		return err;
	put_filter(genl_new(&g, COOKIEBOX_CMD_CACHE_FLUSH), &f);
	err = genl_do(&g, take_count, &count);
	genl_close(&g);
	if (err)
		return err;
	if (json_output)
		render_json(json_pack("{s:I}", "flushed", (json_int_t)count));
	else
		printf("%llu flushed\n", (unsigned long long)count);
	return 0;
}

/* argv: pairs; the last word is the one to complete. */
static void complete_filter(int argc, char **argv)
{
	const char *const *w;
	int i;

	if (argc % 2 == 0) {
		if (!strcmp(argv[argc - 2], "service"))
			service_print_names();
		return;
	}
	for (w = words; *w; w++) {
		for (i = 0; i < argc - 1 && strcmp(argv[i], *w); i += 2)
			;
		if (i >= argc - 1)
			puts(*w);
	}
}

static void complete_flush(int argc, char **argv)
{
	bool pinned = argc > 1 && !strcmp(argv[0], "--pinned");

	if (argc == 1)
		puts("--pinned");
	complete_filter(argc - pinned, argv + pinned);
}

#define FILTER "[src ADDR[/LEN]] [dst ADDR[/LEN]] [port P] [service NAME]"

const struct verb cache_verbs[] = {
	{ "show", FILTER, "what is remembered of connections that a cookie opened",
	  "MSS-LOST is the most that the MSS may be below the client's offer. Where EXACT says\n"
	  "yes, window scale, SACK and ECN are those offered. REPEATED counts data that came again.\n",
	  .run = show_cache, .complete = complete_filter },
	{ "flush", "[--pinned] " FILTER, "forget it, and say how many; connections go on",
	  "  --pinned    instead, reset both ends of the connections that are spliced\n",
	  .run = flush_cache, .complete = complete_flush },
	{ NULL }
};
