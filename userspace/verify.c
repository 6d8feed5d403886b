// SPDX-License-Identifier: GPL-2.0
/*
 * verify: is this host fit for cookiebox, and does each service do what it is to do?
 *
 * Everything that is looked at leaves a finding, whether good or not, so that the
 * output says what was checked.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "service.h"
#include "status.h"
#include "verify.h"

static const char *const level_words[] = {
	[LEVEL_OK] = "ok", [LEVEL_NOTE] = "note", [LEVEL_PROBLEM] = "problem",
};

static const struct field finding_fields[] = {
	{ "level", "LEVEL", NULL, 0, NULL },
	{ "check", "CHECK", NULL, 0, NULL },
	{ "sentence", "FINDING", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

void verify_add(struct verify *v, const char *check, enum level level, const char *fmt, ...)
{
	char sentence[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	json_array_append_new(v->findings, json_pack("{s:s, s:s, s:s}", "check", check,
						     "level", level_words[level],
						     "sentence", sentence));
	v->problem |= level == LEVEL_PROBLEM;
}

bool verify_read_number(const char *path, long long *value)
{
	FILE *f = fopen(path, "re");
	bool got = f && fscanf(f, "%lld", value) == 1;

	if (f)
		fclose(f);
	return got;
}

bool verify_any(const struct verify *v, const char *key, const char *value)
{
	const json_t *service;
	const char *has;
	size_t i;

	json_array_foreach(v->services, i, service) {
		has = json_string_value(json_object_get(service, key));
		if (has && !strcmp(has, value))
			return true;
	}
	return false;
}

static void check_module(struct verify *v)
{
	verify_add(v, "module", LEVEL_OK, "version %s is loaded, and this user may ask it",
		   json_string_value(json_object_get(v->status, "version")));
	if (!json_array_size(v->services)) {
		verify_add(v, "module", LEVEL_PROBLEM, "nothing is protected: add a service, as "
			   "in cookiebox service add web port 80 mode local");
		return;
	}
	if (!json_is_true(json_object_get(v->status, "hooks")))
		verify_add(v, "module", LEVEL_PROBLEM,
			   "the netfilter hooks are not registered: no segment is seen");
	if (json_is_null(json_object_get(v->status, "epoch")))
		verify_add(v, "module", LEVEL_PROBLEM,
			   "the key ring does not run: no cookie can be made");
}

/* Of the services only @name, or all of them. */
static int collect(struct verify *v, const char *name)
{
	int err = status_get(v->g, &v->status);

	if (!err)
		err = service_list(v->g, name, &v->services);
	return err;
}

static int check_all(struct verify *v)
{
	int err;

	v->findings = json_array();
	check_module(v);
	verify_host(v);
	verify_devices(v);
	err = verify_gateway(v);
	return err ? err : verify_handshakes(v);
}

static int print(const struct verify *v)
{
	if (json_output)
		render_json(json_pack("{s:b, s:O}", "well", !v->problem, "findings",
				      v->findings));
	else
		render_table(v->findings, finding_fields);
	return v->problem ? EXIT_UNWELL : EXIT_OK;
}

int verify_run(int argc, char **argv)
{
	char name[COOKIEBOX_NAME_MAX + 1] = "";
	static struct genl g;
	struct verify v = { .g = &g };
	int err = 0;

	if (argc > 1)
		return refuse_word(argv[1]);
	if (argc)
		err = parse_name("name", argv[0], name, sizeof(name));
	if (!err)
		err = genl_open(&g);
	if (err)
		return err;
	err = collect(&v, name[0] ? name : NULL);
	if (!err)
		err = check_all(&v);
	genl_close(&g);
	if (!err)
		err = print(&v);
	json_decref(v.findings);
	json_decref(v.services);
	json_decref(v.status);
	return err;
}

void verify_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 1)
		service_print_names();
}
