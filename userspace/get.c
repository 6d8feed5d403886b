// SPDX-License-Identifier: GPL-2.0
/*
 * get: which service would decide about a segment, by the packet path's own
 * look-up, and what follows from it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "main.h"
#include "service.h"

struct get_args {
	struct prefix src, dst;
	uint16_t port;
	uint32_t mark, mask;
};

static const char *const attr_words[] = {
	[COOKIEBOX_A_LOOKUP_SOURCE4] = "SRC",
	[COOKIEBOX_A_LOOKUP_SOURCE6] = "SRC",
	[COOKIEBOX_A_LOOKUP_DEST4] = "DST",
	[COOKIEBOX_A_LOOKUP_DEST6] = "DST",
	[COOKIEBOX_A_LOOKUP_PORT] = "PORT",
	[COOKIEBOX_A_LOOKUP_MARK] = "mark",
};

static const struct field get_fields[] = {
	{ "service", NULL, decode_service, COOKIEBOX_A_LOOKUP_SERVICE, NULL },
	{ "allowed", NULL, decode_flag, COOKIEBOX_A_LOOKUP_ALLOWED, NULL },
	{ "dest_local", NULL, decode_flag, COOKIEBOX_A_LOOKUP_DEST_LOCAL, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static int take_lookup(const struct nlmsghdr *nlh, void *data)
{
	json_t **result = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*result = render_object(&a, get_fields);
	return 0;
}

static const char *word(const json_t *service, const char *key)
{
	const char *s = json_string_value(json_object_get(service, key));

	return s ? s : "none";
}

/* What becomes of a SYN, in the order in which the packet path asks. */
static const char *outcome(const json_t *result, const json_t *service)
{
	if (!strcmp(word(service, "engage"), "off"))
		return "engage is off: the segment goes to the host's own stack";
	if (json_is_true(json_object_get(result, "allowed")))
		return "the source is on its allow list: never challenged";
	if (!strcmp(word(service, "mode"), "local") &&
	    json_is_false(json_object_get(result, "dest_local")))
		return "the destination is not an address of this host: the segment passes";
	if (!strcmp(word(service, "engage"), "observe"))
		return "engage is observe: what would be done is only counted";
	if (!strcmp(word(service, "engage"), "auto") &&
	    !json_is_true(json_object_get(service, "engaged")))
		return "engage is auto, and it is calm: the segment goes to the host's own stack";
	return "a SYN is answered with a cookie";
}

static void print_rules(const json_t *rules)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule)
		printf("%s decides instead where an iptables rule that names it matches\n",
		       word(rule, "service"));
}

static void print_text(const json_t *result)
{
	const json_t *service = json_object_get(result, "service");

	if (!json_is_object(service)) {
		puts("no service decides: the segment goes to the host's own stack");
		return;
	}
	printf("%s decides: addr %s, port %s, mark %s\n", word(service, "name"),
	       word(service, "addr"), word(service, "port"), word(service, "mark"));
	printf("mode %s, engage %s, reply %s\n", word(service, "mode"), word(service, "engage"),
	       word(service, "reply"));
	puts(outcome(result, service));
}

static void print_result(const json_t *result)
{
	print_text(result);
	print_rules(json_object_get(result, "rules"));
}

/* Which rule matches is known to the rules alone, but they outrank all else. */
static int add_rules(struct genl *g, json_t *result)
{
	json_t *services, *service, *rules = json_array();
	size_t i;
	int err = service_list(g, NULL, &services);

	json_object_set_new(result, "rules", rules);
	if (err)
		return err;
	json_array_foreach(services, i, service)
		if (json_integer_value(json_object_get(service, "rules")))
			json_array_append_new(rules, json_pack("{s:O, s:O}",
				"service", json_object_get(service, "name"),
				"rules", json_object_get(service, "rules")));
	json_decref(services);
	return 0;
}

static int lookup(const struct get_args *args)
{
	bool v4 = args->src.family == AF_INET;
	json_t *result = NULL;
	static struct genl g;
	struct nlmsghdr *nlh;
	int err;

	err = genl_open(&g);
	if (err)
		return err;
	g.words = attr_words;
	g.n_words = sizeof(attr_words) / sizeof(attr_words[0]);
	nlh = genl_new(&g, COOKIEBOX_CMD_LOOKUP);
	mnl_attr_put(nlh, v4 ? COOKIEBOX_A_LOOKUP_SOURCE4 : COOKIEBOX_A_LOOKUP_SOURCE6,
		     prefix_bytes(&args->src), args->src.bytes);
	mnl_attr_put(nlh, v4 ? COOKIEBOX_A_LOOKUP_DEST4 : COOKIEBOX_A_LOOKUP_DEST6,
		     prefix_bytes(&args->dst), args->dst.bytes);
	mnl_attr_put_u16(nlh, COOKIEBOX_A_LOOKUP_PORT, args->port);
	if (args->mark)
		mnl_attr_put_u32(nlh, COOKIEBOX_A_LOOKUP_MARK, args->mark);
	err = genl_do(&g, take_lookup, &result);
	if (!err && result)
		err = add_rules(&g, result);
	genl_close(&g);
	if (err || !result)
		return err;
	if (json_output) {
		render_json(result);
		return 0;
	}
	print_result(result);
	json_decref(result);
	return 0;
}

int get_run(int argc, char **argv)
{
	struct get_args args = { .mark = 0 };
	int err;

	if (argc < 3)
		return fail(EXIT_USAGE, "%s is missing: use get SRC DST PORT [mark M]",
			    !argc ? "SRC" : argc == 1 ? "DST" : "PORT");
	err = parse_addr("SRC", argv[0], &args.src);
	if (!err)
		err = parse_addr("DST", argv[1], &args.dst);
	if (!err)
		err = parse_port("PORT", argv[2], &args.port);
	if (err)
		return err;
	if (args.src.family != args.dst.family)
		return fail(EXIT_USAGE, "SRC %s and DST %s are of different families: use two IPv4 "
			    "or two IPv6 addresses", argv[0], argv[1]);
	if (argc > 3 && strcmp(argv[3], "mark"))
		return refuse_word(argv[3]);
	if (argc == 4)
		return fail(EXIT_USAGE, "\"mark\" has no value: use mark M");
	if (argc > 5)
		return refuse_word(argv[5]);
	err = argc > 3 ? parse_mark("mark", argv[4], &args.mark, &args.mask) : 0;
	return err ? err : lookup(&args);
}

void get_complete(int argc, char **argv)
{
	(void)argv;
	if (argc == 4)
		puts("mark");
}
