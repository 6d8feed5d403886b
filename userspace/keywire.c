// SPDX-License-Identifier: GPL-2.0
/*
 * The master over netlink, to and from what a key file holds.
 */
#include <string.h>

#include "keywire.h"
#include "render.h"

const char *const key_attr_words[KEY_ATTRS] = {
	[COOKIEBOX_A_KEY_MASTER] = "master",
	[COOKIEBOX_A_KEY_CLOCK] = "clock",
	[COOKIEBOX_A_KEY_FLOOR] = "floor",
	[COOKIEBOX_A_KEY_NOW] = "--now",
	[COOKIEBOX_A_KEY_FLOW_PAIR] = "flow",
};

static void put_flow(struct nlmsghdr *nlh, const struct keyfile_flow *flow)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, COOKIEBOX_A_KEY_FLOW_PAIR);

	mnl_attr_put(nlh, COOKIEBOX_A_FLOW_PAIR_KEY, sizeof(flow->key), flow->key);
	mnl_attr_put_u32(nlh, COOKIEBOX_A_FLOW_PAIR_BASE, flow->base);
	mnl_attr_nest_end(nlh, nest);
}

int keywire_set(struct genl *g, const struct keyfile *kf, bool now)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_KEY_SET);
	unsigned int i;

	mnl_attr_put(nlh, COOKIEBOX_A_KEY_MASTER, sizeof(kf->master), kf->master);
	mnl_attr_put_u8(nlh, COOKIEBOX_A_KEY_CLOCK, kf->clock);
	if (kf->floor)
		mnl_attr_put_u32(nlh, COOKIEBOX_A_KEY_FLOOR, kf->floor);
	if (now)
		mnl_attr_put(nlh, COOKIEBOX_A_KEY_NOW, 0, NULL);
	for (i = 0; i < kf->n_flow; i++)
		put_flow(nlh, &kf->flow[i]);
	return genl_do(g, NULL, NULL);
}

static void copy_bytes(void *to, size_t size, const struct nlattr *attr)
{
	if (attr && mnl_attr_get_payload_len(attr) == size)
		memcpy(to, mnl_attr_get_payload(attr), size);
}

/* The newest master is what is worth saving: a pending one, if there is. */
static int take_keyfile(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	struct keyfile_flow *flow;
	struct keyfile *kf = data;
	struct attrs a, nest;

	attrs_of_message(&a, nlh);
	attr = a.tb[COOKIEBOX_A_KEY_PENDING_MASTER];
	copy_bytes(kf->master, sizeof(kf->master), attr ? attr : a.tb[COOKIEBOX_A_KEY_MASTER]);
	kf->clock = attr_number(&a, COOKIEBOX_A_KEY_CLOCK);
	kf->floor = attr_number(&a, COOKIEBOX_A_KEY_FLOOR);
	mnl_attr_for_each_payload(a.payload, a.len) {
		if (mnl_attr_get_type(attr) != COOKIEBOX_A_KEY_FLOW_PAIR ||
		    kf->n_flow == COOKIEBOX_FLOW_PAIRS_MAX)
			continue;
		attrs_of_nest(&nest, attr);
		flow = &kf->flow[kf->n_flow++];
		flow->base = attr_number(&nest, COOKIEBOX_A_FLOW_PAIR_BASE);
		copy_bytes(flow->key, sizeof(flow->key), nest.tb[COOKIEBOX_A_FLOW_PAIR_KEY]);
	}
	return 0;
}

int keywire_get(struct genl *g, struct keyfile *kf)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_KEY_GET);

	memset(kf, 0, sizeof(*kf));
	mnl_attr_put(nlh, COOKIEBOX_A_KEY_SECRETS, 0, NULL);
	return genl_do(g, take_keyfile, kf);
}
