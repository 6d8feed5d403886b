// SPDX-License-Identifier: GPL-2.0
/*
 * showconf, setconf, syncconf: the whole configuration at once.
 *
 * A file is read whole before the kernel is asked for anything; then what is
 * in force is read, and only the difference is sent, in a transaction that is refused
 * if another change came between.
 */
#include <string.h>

#include "confirm.h"
#include "keywire.h"
#include "main.h"
#include "plan.h"
#include "status.h"

struct options {
	const char *file;
	bool dry;		/* -n */
	unsigned int confirm;	/* seconds; 0: not asked for */
};

static int read_generation(struct genl *g, uint32_t *generation)
{
	json_t *status;
	int err = status_get(g, &status);

	*generation = json_integer_value(json_object_get(status, "generation"));
	json_decref(status);
	return err;
}

static int make_plan(struct plan *p, struct conf *have, const struct conf *want, struct genl *g,
		     bool dry)
{
	uint32_t generation;
	int err = read_generation(g, &generation);

	if (!err)
		err = conf_from_kernel(have, g, want->key.given);
	if (!err && !dry)
		err = genl_begin(g, &generation);
	return err ? err : plan_make(p, have, want);
}

static int change(struct genl *g, const struct conf *want, const struct options *o)
{
	static struct conf have;
	struct plan p = { .n = 0 };
	int err = make_plan(&p, &have, want, g, o->dry);

	if (!err && o->dry)
		plan_print(&p);
	else if (!err && o->confirm)
		err = confirm_apply(&p, g, o->confirm);
	else if (!err)
		err = plan_apply(&p, g);
	plan_free(&p);
	conf_free(&have);
	return err;
}

int conf_put(struct conf *want)
{
	const struct options plain = { .file = NULL };
	static struct genl g;
	int err = genl_open(&g);

	if (err)
		return err;
	err = change(&g, want, &plain);
	genl_close(&g);
	return err;
}

static int set(const struct options *o)
{
	static struct conf want;
	static struct genl g;
	int err = conf_from_file(&want, o->file);

	if (!err)
		err = genl_open(&g);
	if (!err) {
		err = change(&g, &want, o);
		genl_close(&g);
	}
	conf_free(&want);
	return err;
}

static int parse_confirm(const char *text, unsigned int *seconds)
{
	uint64_t n;

	if (!text)
		return fail(EXIT_USAGE, "\"--confirm\" has no value: use --confirm SECONDS");
	if (!read_number(text, 86400, &n) || !n)
		return fail(EXIT_USAGE, "--confirm \"%s\" is no such time: use 1 to 86400 seconds",
			    text);
	*seconds = n;
	return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	int i, err;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-n")) {
			o->dry = true;
			continue;
		}
		if (!strcmp(argv[i], "--confirm")) {
			err = parse_confirm(i + 1 < argc ? argv[++i] : NULL, &o->confirm);
			if (err)
				return err;
			continue;
		}
		if (argv[i][0] == '-' && argv[i][1])
			return fail(EXIT_USAGE, "\"%s\" is not an option: see --help", argv[i]);
		if (o->file)
			return refuse_word(argv[i]);
		o->file = argv[i];
	}
	if (o->dry && o->confirm)
		return fail(EXIT_USAGE, "-n changes nothing: leave out --confirm");
	return 0;
}

int setconf_run(int argc, char **argv)
{
	struct options o = { .file = NULL };
	int err = parse_options(argc, argv, &o);

	if (!o.file)
		o.file = "-";
	return err ? err : set(&o);
}

int syncconf_run(int argc, char **argv)
{
	struct options o = { .file = NULL };
	int err = parse_options(argc, argv, &o);

	if (!err && !o.file)
		err = fail(EXIT_USAGE, "FILE is missing: name a file, or - for standard input");
	return err ? err : set(&o);
}

/* The line for the key may stand only if FILE would change nothing. */
static int check_key(struct conf *have, const char *path)
{
	struct conf_key file = { .restore = true };
	int err = keyfile_read(path, &file.file);

	if (!err && !conf_same_key(&have->key, &file))
		err = fail(EXIT_REFUSED, "%s does not hold the master that is in force: use "
			   "cookiebox key save %s first", path, path);
	explicit_bzero(&file, sizeof(file));
	if (!err)
		strcpy(have->key.path, path);
	return err;
}

static int print_conf(const char *key, bool all)
{
	static struct conf have;
	static struct genl g;
	int err = genl_open(&g);

	if (err)
		return err;
	err = conf_from_kernel(&have, &g, key);
	genl_close(&g);
	if (!err && key)
		err = check_key(&have, key);
	if (!err && json_output)
		render_json(conf_json(&have, all));
	else if (!err)
		conf_print(&have, all);
	conf_free(&have);
	return err;
}

int showconf_run(int argc, char **argv)
{
	const char *key = NULL;
	bool all = false;
	int i;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--all")) {
			all = true;
			continue;
		}
		if (strcmp(argv[i], "--key"))
			return refuse_word(argv[i]);
		if (++i == argc)
			return fail(EXIT_USAGE, "\"--key\" has no FILE");
		key = argv[i];
		if (*key != '/' || strlen(key) >= PATH_MAX)
			return fail(EXIT_USAGE, "--key \"%.80s\" is not a path that begins with /",
				    key);
	}
	return print_conf(key, all);
}

void showconf_complete(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[argc - 2], "--key"))
		puts("--all\n--key");
}

/* Files are the shell's to offer: see the last line of the completion script. */
void change_complete(int argc, char **argv)
{
	bool option = false, file = false;
	int i;

	for (i = 0; i < argc - 1; i++) {
		if (!strcmp(argv[i], "-n")) {
			option = true;
		} else if (!strcmp(argv[i], "--confirm")) {
			option = true;
			if (++i == argc - 1)
				return;	/* SECONDS */
		} else {
			file = true;
		}
	}
	if (!option)
		puts("-n\n--confirm");
	if (!file)
		puts("FILE");
}
