// SPDX-License-Identifier: GPL-2.0
/*
 * show servers: what was learned of the servers behind services with mode splice.
 */
#include <stdio.h>

#include "main.h"
#include "service.h"
#include "servers.h"

static const char *const states[] = {
	[COOKIEBOX_SERVER_STATE_ASKED] = "asked",
	[COOKIEBOX_SERVER_STATE_KNOWN] = "known",
	[COOKIEBOX_SERVER_STATE_STALE] = "stale",
	[COOKIEBOX_SERVER_STATE_DEAD] = "dead",
};

static json_t *decode_addr(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? service_prefix(a->tb[f->attr]) : NULL;
}

static json_t *decode_state(const struct attrs *a, const struct field *f)
{
	uint64_t state = attr_number(a, f->attr);

	return state < sizeof(states) / sizeof(states[0]) ? json_string(states[state]) : NULL;
}

/* Yes, no, or null: nobody knows. */
static json_t *decode_known(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? decode_flag(a, f) : NULL;
}

static const struct field server_fields[] = {
	{ "addr", "ADDR", decode_addr, COOKIEBOX_A_SERVER_ADDR, NULL },
	{ "port", "PORT", decode_number, COOKIEBOX_A_SERVER_PORT, NULL },
	{ "state", "STATE", decode_state, COOKIEBOX_A_SERVER_STATE, NULL },
	{ "age_ms", "AGE-MS", decode_number, COOKIEBOX_A_SERVER_AGE, NULL },
	{ "mss", "MSS", decode_number, COOKIEBOX_A_SERVER_MSS, NULL },
	{ "wscale", "WSCALE", decode_number, COOKIEBOX_A_SERVER_WSCALE, NULL },
	{ "sack", "SACK", decode_known, COOKIEBOX_A_SERVER_SACK, NULL },
	{ "timestamps", "TS", decode_known, COOKIEBOX_A_SERVER_TIMESTAMPS, NULL },
	{ "ecn", "ECN", decode_known, COOKIEBOX_A_SERVER_ECN, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static int take_server(const struct nlmsghdr *nlh, void *data)
{
	struct attrs a;

	attrs_of_message(&a, nlh);
	json_array_append_new(data, render_object(&a, server_fields));
	return 0;
}

static void forget_servers(void *data)
{
	json_array_clear(data);
}

int servers_list(struct genl *g, json_t **servers)
{
	*servers = json_array();
	genl_new(g, COOKIEBOX_CMD_SERVER_GET);
	return genl_dump(g, take_server, forget_servers, *servers);
}

int servers_run(int argc, char **argv)
{
	static struct genl g;
	json_t *servers;
	int err;

	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	err = servers_list(&g, &servers);
	genl_close(&g);
	if (!err && json_output)
		render_json(json_incref(servers));
	else if (!err)
		render_table(servers, server_fields);
	json_decref(servers);
	return err;
}
