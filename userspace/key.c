// SPDX-License-Identifier: GPL-2.0
/*
 * key show|set|rotate|save|restore: the master secret and the key ring.
 *
 * A secret never stands on a command line, where ps shows it, and every copy
 * of it in this process is zeroed after use.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"
#include "keyfile.h"
#include "keywire.h"
#include "main.h"
#include "render.h"

static int open_key(struct genl *g)
{
	int err = genl_open(g);

	g->words = key_attr_words;
	g->n_words = KEY_ATTRS;
	return err;
}

static void free_zeroed(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static json_t *json_hex(const struct nlattr *attr)
{
	const uint8_t *bytes = mnl_attr_get_payload(attr);
	size_t i, n = mnl_attr_get_payload_len(attr);
	char text[2 * 64 + 1] = "";
	json_t *value;

	for (i = 0; i < n && i < 64; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	value = json_string(text);
	explicit_bzero(text, sizeof(text));
	return value;
}

static json_t *decode_hex(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? json_hex(a->tb[f->attr]) : NULL;
}

static const struct field flow_fields[] = {
	{ "base", NULL, decode_number, COOKIEBOX_A_FLOW_PAIR_BASE, NULL },
	{ "key", NULL, decode_hex, COOKIEBOX_A_FLOW_PAIR_KEY, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static json_t *decode_flow(const struct attrs *a, const struct field *f)
{
	json_t *list = json_array();
	const struct nlattr *attr;
	struct attrs nest;

	mnl_attr_for_each_payload(a->payload, a->len) {
		if (mnl_attr_get_type(attr) != f->attr)
			continue;
		attrs_of_nest(&nest, attr);
		json_array_append_new(list, render_object(&nest, flow_fields));
	}
	return list;
}

static const struct field key_fields[] = {
	{ "clock", NULL, decode_choice, COOKIEBOX_A_KEY_CLOCK, clock_choices },
	{ "epoch", NULL, decode_number, COOKIEBOX_A_KEY_EPOCH, NULL },
	{ "next_epoch_ms", NULL, decode_number, COOKIEBOX_A_KEY_NEXT_EPOCH, NULL },
	{ "epoch_seconds", NULL, decode_number, COOKIEBOX_A_KEY_EPOCH_SECONDS, NULL },
	{ "floor", NULL, decode_number, COOKIEBOX_A_KEY_FLOOR, NULL },
	{ "master_pending", NULL, decode_flag, COOKIEBOX_A_KEY_MASTER_PENDING, NULL },
	{ "master", NULL, decode_hex, COOKIEBOX_A_KEY_MASTER, NULL },
	{ "pending_master", NULL, decode_hex, COOKIEBOX_A_KEY_PENDING_MASTER, NULL },
	{ "flow", NULL, decode_flow, COOKIEBOX_A_KEY_FLOW_PAIR, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static int take_json(const struct nlmsghdr *nlh, void *data)
{
	json_t **key = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*key = render_object(&a, key_fields);
	return 0;
}

static void print_line(const char *label, const json_t *value)
{
	if (json_is_string(value))
		printf("%-15s %s\n", label, json_string_value(value));
	else if (json_is_integer(value))
		printf("%-15s %lld\n", label, (long long)json_integer_value(value));
}

static void print_key(const json_t *key, bool secrets)
{
	const json_t *next = json_object_get(key, "next_epoch_ms");
	const json_t *flow = json_object_get(key, "flow"), *pair;
	size_t i;

	print_line("clock", json_object_get(key, "clock"));
	print_line("epoch", json_object_get(key, "epoch"));
	if (json_is_integer(next))
		printf("%-15s in %.1f s\n", "next epoch", json_integer_value(next) / 1000.0);
	print_line("epoch seconds", json_object_get(key, "epoch_seconds"));
	print_line("floor", json_object_get(key, "floor"));
	if (!secrets)
		printf("%-15s hidden: --secret shows it\n", "master");
	print_line("master", json_object_get(key, "master"));
	if (json_is_true(json_object_get(key, "master_pending")))
		printf("%-15s a new one seals from the next epoch on\n", "pending master");
	print_line("pending master", json_object_get(key, "pending_master"));
	json_array_foreach(flow, i, pair) {
		printf("%-15s base %lld%s%s\n", "flow pair",
		       (long long)json_integer_value(json_object_get(pair, "base")),
		       secrets ? " key " : "",
		       secrets ? json_string_value(json_object_get(pair, "key")) : "");
	}
}

static int show_key(bool secrets)
{
	static struct genl g;
	json_t *key = NULL;
	int err = open_key(&g);

	if (err)
		return err;
	genl_new(&g, COOKIEBOX_CMD_KEY_GET);
	if (secrets)
		mnl_attr_put((void *)g.request, COOKIEBOX_A_KEY_SECRETS, 0, NULL);
	err = genl_do(&g, take_json, &key);
	genl_close(&g);
	if (err || !key)
		return err;
	if (json_output) {
		render_json(key);
		return 0;
	}
	print_key(key, secrets);
	json_decref(key);
	return 0;
}

static int run_show(int argc, char **argv)
{
	bool secrets = argc && !strcmp(argv[0], "--secret");

	if (argc > secrets)
		return refuse_word(argv[secrets]);
	if (secrets) {
		json_set_alloc_funcs(malloc, free_zeroed);
		setvbuf(stdout, NULL, _IONBF, 0);
	}
	return show_key(secrets);
}

static int send_key(const struct keyfile *kf, bool now)
{
	static struct genl g;
	int err = open_key(&g);

	if (err)
		return err;
	err = keywire_set(&g, kf, now);
	genl_close(&g);
	return err;
}

static int parse_set(int argc, char **argv, struct keyfile *kf, bool *now)
{
	bool clock = false;
	int i, err;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--now")) {
			*now = true;
			continue;
		}
		if (strcmp(argv[i], "clock"))
			return refuse_word(argv[i]);
		if (clock)
			return fail(EXIT_USAGE, "\"clock\" is given twice: give it once");
		if (++i == argc)
			return fail(EXIT_USAGE, "\"clock\" has no value: use clock local|wall");
		err = parse_choice("clock", argv[i], clock_choices, &kf->clock);
		if (err)
			return err;
		clock = true;
	}
	return 0;
}

static int set_run(int argc, char **argv)
{
	struct keyfile kf = { .clock = COOKIEBOX_CLOCK_LOCAL };
	bool now = false;
	int err;

	if (!argc)
		return fail(EXIT_USAGE, "FILE is missing: name a file, or - for standard input, "
			    "that holds the secret");
	err = parse_set(argc - 1, argv + 1, &kf, &now);
	if (err)
		return err;
	if (strspn(argv[0], "0123456789abcdefABCDEF") == 2 * COOKIEBOX_MASTER_LEN)
		return fail(EXIT_USAGE, "the secret stands on the command line, where others can "
			    "see it: choose another one and put it into a file");
	err = keyfile_read_secret(argv[0], kf.master);
	if (!err)
		err = send_key(&kf, now);
	explicit_bzero(&kf, sizeof(kf));
	return err;
}

static int rotate_run(int argc, char **argv)
{
	bool now = argc && !strcmp(argv[0], "--now");
	static struct genl g;
	int err;

	if (argc > now)
		return refuse_word(argv[now]);
	err = open_key(&g);
	if (err)
		return err;
	genl_new(&g, COOKIEBOX_CMD_KEY_ROTATE);
	if (now)
		mnl_attr_put((void *)g.request, COOKIEBOX_A_KEY_NOW, 0, NULL);
	err = genl_do(&g, NULL, NULL);
	genl_close(&g);
	return err;
}

static int save_run(int argc, char **argv)
{
	struct keyfile kf = { .n_flow = 0 };
	static struct genl g;
	int err;

	if (argc != 1)
		return argc ? refuse_word(argv[1]) : fail(EXIT_USAGE, "FILE is missing");
	err = open_key(&g);
	if (err)
		return err;
	err = keywire_get(&g, &kf);
	genl_close(&g);
	if (!err)
		err = keyfile_write(argv[0], &kf);
	explicit_bzero(&kf, sizeof(kf));
	return err;
}

static int restore_run(int argc, char **argv)
{
	struct keyfile kf;
	int err;

	if (argc != 1)
		return argc ? refuse_word(argv[1]) : fail(EXIT_USAGE, "FILE is missing");
	err = keyfile_read(argv[0], &kf);
	if (!err)
		err = send_key(&kf, false);
	explicit_bzero(&kf, sizeof(kf));
	return err;
}

static void complete_show(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("--secret");
}

static void complete_now(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		puts("--now");
}

static void complete_set(int argc, char **argv)
{
	if (argc > 1)
		puts(strcmp(argv[argc - 2], "clock") ? "clock\n--now" : "local\nwall");
}

const struct verb key_verbs[] = {
	{ "show", "[--secret]", "clock, epoch and, only if asked, the secrets",
	  .run = run_show, .complete = complete_show },
	{ "set", "FILE|- [clock local|wall] [--now]", "set the master secret",
	  "FILE, or - for standard input, holds 64 hexadecimal digits; nobody but its owner\n"
	  "may be able to read it. The secret seals from the next epoch on; with --now at\n"
	  "once, all older keys are forgotten and handshakes in flight are lost.\n"
	  "clock wall is for boxes that share a secret; local (the default) opens nothing\n"
	  "that was sealed before a reboot.\n",
	  .run = set_run, .complete = complete_set },
	{ "rotate", "[--now]", "replace the master secret by a random one",
	  "It seals from the next epoch on; with --now at once, for a secret that became known.\n",
	  .run = rotate_run, .complete = complete_now },
	{ "save", "FILE", "write the newest master, clock, floor and flow pairs to a file (0600)",
	  .run = save_run },
	{ "restore", "FILE", "set what was saved",
	  "FILE must belong to you or root, and nobody else may be able to read it.\n",
	  .run = restore_run },
	{ NULL }
};
