// SPDX-License-Identifier: GPL-2.0
/*
 * service add|set|del|show, and what a service looks like when it comes back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "attacks.h"
#include "grammar.h"
#include "main.h"
#include "service.h"

static int open_service(struct genl *g)
{
	int err = genl_open(g);

	g->words = grammar_attr_words;
	g->n_words = GRAMMAR_ATTRS;
	return err;
}

json_t *service_prefix(const struct nlattr *nest)
{
	const struct nlattr *addr;
	unsigned int size;
	struct attrs a;

	attrs_of_nest(&a, nest);
	addr = a.tb[COOKIEBOX_A_PREFIX_ADDR4];
	if (!addr)
		addr = a.tb[COOKIEBOX_A_PREFIX_ADDR6];
	if (!addr)
		return NULL;
	size = mnl_attr_get_payload_len(addr);
	return json_prefix(mnl_attr_get_payload(addr), size, a.tb[COOKIEBOX_A_PREFIX_LEN] ?
			   attr_number(&a, COOKIEBOX_A_PREFIX_LEN) : size * 8);
}

static json_t *decode_addr(const struct attrs *a, const struct field *f)
{
	json_t *prefix = a->tb[f->attr] ? service_prefix(a->tb[f->attr]) : NULL;

	if (prefix || attr_number(a, COOKIEBOX_A_SERVICE_RULE_ONLY))
		return prefix;
	return json_string("any");
}

static json_t *decode_port(const struct attrs *a, const struct field *f)
{
	unsigned int min = attr_number(a, f->attr), max = min;

	if (a->tb[COOKIEBOX_A_SERVICE_PORT_MAX])
		max = attr_number(a, COOKIEBOX_A_SERVICE_PORT_MAX);
	if (attr_number(a, COOKIEBOX_A_SERVICE_RULE_ONLY))
		return NULL;
	if (!min && !max)
		return json_string("any");
	return min == max ? json_sprintf("%u", min) : json_sprintf("%u-%u", min, max);
}

static json_t *decode_mark(const struct attrs *a, const struct field *f)
{
	uint32_t mark = attr_number(a, f->attr), mask = UINT32_MAX;

	if (a->tb[COOKIEBOX_A_SERVICE_MARK_MASK])
		mask = attr_number(a, COOKIEBOX_A_SERVICE_MARK_MASK);
	if (!a->tb[f->attr] || !mask)
		return NULL;
	return mask == UINT32_MAX ? json_sprintf("0x%x", mark) :
				    json_sprintf("0x%x/0x%x", mark, mask);
}

static json_t *decode_allow(const struct attrs *a, const struct field *f)
{
	json_t *list = json_array(), *prefix;
	const struct nlattr *attr;

	mnl_attr_for_each_payload(a->payload, a->len) {
		prefix = mnl_attr_get_type(attr) == f->attr ? service_prefix(attr) : NULL;
		if (prefix)
			json_array_append_new(list, prefix);
	}
	return list;
}

const struct field service_fields[] = {
	{ "name", "NAME", decode_string, COOKIEBOX_A_SERVICE_NAME, NULL },
	{ "id", NULL, decode_number, COOKIEBOX_A_SERVICE_ID, NULL },
	{ "addr", "ADDR", decode_addr, COOKIEBOX_A_SERVICE_ADDR, NULL },
	{ "port", "PORT", decode_port, COOKIEBOX_A_SERVICE_PORT_MIN, NULL },
	{ "mark", "MARK", decode_mark, COOKIEBOX_A_SERVICE_MARK, NULL },
	{ "by_rule", NULL, decode_flag, COOKIEBOX_A_SERVICE_RULE_ONLY, NULL },
	{ "rules", "RULES", decode_number, COOKIEBOX_A_SERVICE_RULES, NULL },
	{ "mode", "MODE", decode_choice, COOKIEBOX_A_SERVICE_MODE, mode_choices },
	{ "engage", "ENGAGE", decode_choice, COOKIEBOX_A_SERVICE_ENGAGE, engage_choices },
	{ "reply", "REPLY", decode_choice, COOKIEBOX_A_SERVICE_REPLY, reply_choices },
	{ "invalid", "INVALID", decode_choice, COOKIEBOX_A_SERVICE_INVALID, invalid_choices },
	{ "auth_option", "AUTH-OPTION", decode_choice, COOKIEBOX_A_SERVICE_AUTH_OPTION,
	  auth_choices },
	{ "no_timestamps", "NO-TIMESTAMPS", decode_choice, COOKIEBOX_A_SERVICE_NO_TIMESTAMPS,
	  timestamps_choices },
	{ "flow_cache", "FLOW-CACHE", decode_choice, COOKIEBOX_A_SERVICE_FLOW_CACHE,
	  flow_cache_choices },
	{ "allow", "ALLOW", decode_allow, COOKIEBOX_A_SERVICE_ALLOW, NULL },
	{ "engage_at", NULL, decode_number, COOKIEBOX_A_SERVICE_ENGAGE_AT, NULL },
	{ "release_at", NULL, decode_number, COOKIEBOX_A_SERVICE_RELEASE_AT, NULL },
	{ "hold", NULL, decode_number, COOKIEBOX_A_SERVICE_HOLD, NULL },
	{ "engaged", NULL, decode_flag, COOKIEBOX_A_SERVICE_ENGAGED, NULL },
	{ "engaged_since", NULL, decode_number, COOKIEBOX_A_SERVICE_ENGAGED_SINCE, NULL },
	{ "half_open", NULL, decode_number, COOKIEBOX_A_SERVICE_HALF_OPEN, NULL },
	{ "half_open_most", NULL, decode_number, COOKIEBOX_A_SERVICE_HALF_OPEN_MOST, NULL },
	{ "would_engage", NULL, decode_number, COOKIEBOX_A_SERVICE_WOULD_ENGAGE, NULL },
	{ "unknown", NULL, decode_choice, COOKIEBOX_A_SERVICE_UNKNOWN, unknown_choices },
	{ "single_use", "SINGLE-USE", decode_choice, COOKIEBOX_A_SERVICE_SINGLE_USE,
	  single_choices },
	{ NULL, NULL, NULL, 0, NULL }
};

json_t *decode_service(const struct attrs *a, const struct field *f)
{
	struct attrs nest;

	if (!a->tb[f->attr])
		return NULL;
	attrs_of_nest(&nest, a->tb[f->attr]);
	return render_object(&nest, service_fields);
}

static int take_service(const struct nlmsghdr *nlh, void *data)
{
	struct attrs a;

	attrs_of_message(&a, nlh);
	json_array_append_new(data, render_object(&a, service_fields));
	return 0;
}

static void forget_services(void *data)
{
	json_array_clear(data);
}

int service_list(struct genl *g, const char *name, json_t **services)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_SERVICE_GET);
	int err;

	*services = json_array();
	if (name) {
		mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, name);
		err = genl_do(g, take_service, *services);
	} else {
		err = genl_dump(g, take_service, forget_services, *services);
	}
	if (err)
		json_decref(*services);
	return err;
}

void service_print_names(void)
{
	json_t *services, *service;
	static struct genl g;
	size_t i;

	g.quiet = true;
	if (genl_open(&g))
		return;
	if (!service_list(&g, NULL, &services)) {
		json_array_foreach(services, i, service)
			puts(json_string_value(json_object_get(service, "name")));
		json_decref(services);
	}
	genl_close(&g);
}

static int send_service(uint8_t cmd, const struct service_args *a, bool by_rule)
{
	static struct genl g;
	struct nlmsghdr *nlh;
	int err = open_service(&g);

	if (err)
		return err;
	nlh = genl_new(&g, cmd);
	grammar_put(nlh, a);
	if (by_rule || grammar_selects(a))
		mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_RULE_ONLY, by_rule);
	err = genl_do(&g, NULL, NULL);
	genl_close(&g);
	return err;
}

static int add_run(int argc, char **argv)
{
	struct service_args a;
	int err = grammar_parse(argc, argv, &a);
	bool by_rule;

	if (err)
		return err;
	if (!grammar_has(&a, "mode"))
		return fail(EXIT_USAGE, "\"mode\" is missing: use mode local");
	by_rule = !grammar_has(&a, "addr") && !grammar_has(&a, "port") && !grammar_has(&a, "mark");
	return send_service(COOKIEBOX_CMD_SERVICE_ADD, &a, by_rule);
}

static int set_run(int argc, char **argv)
{
	struct service_args a;
	int err = grammar_parse(argc, argv, &a);

	if (err)
		return err;
	if (!a.given)
		return fail(EXIT_USAGE, "nothing to change: give at least one word after the name");
	return send_service(COOKIEBOX_CMD_SERVICE_SET, &a, false);
}

/* All of them in one transaction. */
static int delete_services(struct genl *g, int argc, char **argv)
{
	struct nlmsghdr *nlh;
	int i, err;

	err = genl_begin(g, NULL);
	for (i = 0; !err && i < argc; i++) {
		nlh = genl_new(g, COOKIEBOX_CMD_SERVICE_DEL);
		mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, argv[i]);
		err = genl_do(g, NULL, NULL);
	}
	return err ? err : genl_commit(g);
}

static int del_run(int argc, char **argv)
{
	char name[COOKIEBOX_NAME_MAX + 1];
	static struct genl g;
	int i, err;

	if (!argc)
		return fail(EXIT_USAGE, "the NAME of the service is missing");
	for (i = 0; i < argc; i++) {
		err = parse_name("name", argv[i], name, sizeof(name));
		if (err)
			return err;
	}
	err = open_service(&g);
	if (err)
		return err;
	err = delete_services(&g, argc, argv);
	genl_close(&g);
	return err;
}

/* What was set for engagement auto, which few services have. */
static void print_auto(const json_t *services)
{
	const json_t *service, *from, *to, *hold;
	size_t i;

	json_array_foreach(services, i, service) {
		from = json_object_get(service, "engage_at");
		to = json_object_get(service, "release_at");
		hold = json_object_get(service, "hold");
		if (!json_is_integer(from) && !json_is_integer(to) && !json_is_integer(hold))
			continue;
		printf("\n%s:", json_string_value(json_object_get(service, "name")));
		if (json_is_integer(from))
			printf(" engage-at %lld", (long long)json_integer_value(from));
		if (json_is_integer(to))
			printf(" release-at %lld", (long long)json_integer_value(to));
		if (json_is_integer(hold))
			printf(" hold %lld", (long long)json_integer_value(hold));
		putchar('\n');
	}
}

static int show_services(int argc, char **argv)
{
	char name[COOKIEBOX_NAME_MAX + 1];
	static struct genl g;
	json_t *services;
	int err;

	if (argc > 1)
		return refuse_word(argv[1]);
	err = argc ? parse_name("name", argv[0], name, sizeof(name)) : 0;
	if (err)
		return err;
	err = open_service(&g);
	if (err)
		return err;
	err = service_list(&g, argc ? name : NULL, &services);
	genl_close(&g);
	if (err)
		return err;
	if (json_output) {
		render_json(services);
		return 0;
	}
	render_table(services, service_fields);
	print_auto(services);
	attack_print_present(services);
	json_decref(services);
	return 0;
}

static void complete_set(int argc, char **argv)
{
	if (argc == 1)
		service_print_names();
	grammar_complete(argc, argv);
}

static void complete_names(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	service_print_names();
}

#define GRAMMAR "[addr ADDR[/LEN]] [port P[-P]] [mark M[/MASK]] mode MODE [WORDS]"

const struct verb service_verbs[] = {
	{ "add", "NAME " GRAMMAR, "protect an endpoint",
	  "Without addr, port and mark, only the iptables target selects the service.\n"
	  "Services may nest: the longest prefix decides, then the narrowest port range.\n",
	  .run = add_run, .complete = grammar_complete, .more_help = grammar_help },
	{ "set", "NAME WORDS", "change what the words name, keep the rest",
	  .run = set_run, .complete = complete_set, .more_help = grammar_help },
	{ "del", "NAME...", "stop protecting; several names go all at once or not at all",
	  .run = del_run, .complete = complete_names },
	{ "drain", "[--now] NAME", "splice no new connection; wait until the old ones have ended",
	  "  --now    reset both ends of them instead\n\n"
	  "Sets engage off. Prints how many are left, whenever that has changed.\n",
	  .run = drain_run, .complete = drain_complete },
	{ "show", "[NAME]", "the services and what is set",
	  .run = show_services, .complete = complete_names },
	{ NULL }
};
