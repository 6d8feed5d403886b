// SPDX-License-Identifier: GPL-2.0
/*
 * The state of the namespace as the kernel tells it.
 */
#include "main.h"
#include "status.h"

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

static int take_status(const struct nlmsghdr *nlh, void *data)
{
	json_t **status = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	*status = render_object(&a, status_fields);
	return 0;
}

int status_get(struct genl *g, json_t **status)
{
	*status = NULL;
	genl_new(g, COOKIEBOX_CMD_STATUS_GET);
	return genl_do(g, take_status, status);
}
