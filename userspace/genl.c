// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: requests, the kernel's sentences, dumps, transactions.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "genl.h"
#include "main.h"
#include "render.h"

#define DUMP_ATTEMPTS	16

static int say(const struct genl *g, const char *sentence, const char *word)
{
	if (g->quiet)
		return EXIT_REFUSED;
	if (word)
		return fail(EXIT_REFUSED, "%s (at %s)", sentence, word);
	return fail(EXIT_REFUSED, "%s", sentence);
}

/* The word of the CLI that stands for the attribute at @offset of the request. */
static const char *word_at(const struct genl *g, uint32_t offset)
{
	const struct nlmsghdr *nlh = (const void *)g->request;
	const struct nlattr *attr;
	uint32_t start;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		start = (const char *)attr - g->request;
		if (offset < start || offset >= start + attr->nla_len)
			continue;
		if (mnl_attr_get_type(attr) < g->n_words)
			return g->words[mnl_attr_get_type(attr)];
	}
	return NULL;
}

static const char *errno_sentence(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return "needs CAP_NET_ADMIN: run as root";
	case EOPNOTSUPP:
		return "the loaded module does not know this operation: module and tool are of "
		       "different versions";
	case ESTALE:
		return "another change came between: try again";
	case ENOMEM:
		return "the kernel has no memory for this";
	}
	return strerror(err);
}

/* The kernel's error, with its extended-ACK sentence where there is one. */
static int refused(const struct genl *g, const struct nlmsghdr *nlh, int err, size_t tlvs)
{
	const char *word = NULL, *sentence = errno_sentence(err);
	const char *tlv = mnl_nlmsg_get_payload_offset(nlh, tlvs);
	struct attrs a = { .len = 0 };

	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		attrs_index(&a, tlv, (const char *)mnl_nlmsg_get_payload_tail(nlh) - tlv);
	if (a.tb[NLMSGERR_ATTR_MSG])
		sentence = mnl_attr_get_str(a.tb[NLMSGERR_ATTR_MSG]);
	if (a.tb[NLMSGERR_ATTR_OFFS])
		word = word_at(g, attr_number(&a, NLMSGERR_ATTR_OFFS));
	return say(g, sentence, word);
}

static int transmit(struct genl *g, uint16_t flags)
{
	struct nlmsghdr *nlh = (void *)g->request;

	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++g->seq;
	if (mnl_socket_sendto(g->nl, nlh, nlh->nlmsg_len) < 0)
		return say(g, strerror(errno), NULL);
	return 0;
}

enum { MORE = -1 };	/* not an exit code: the answer is not complete */

static int take_message(struct genl *g, const struct nlmsghdr *nlh, genl_reply_fn fn,
			void *data, bool *interrupted)
{
	const int *err = mnl_nlmsg_get_payload(nlh);
	int ret;

	if (nlh->nlmsg_seq != g->seq)
		return MORE;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		*interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		return MORE;
	case NLMSG_ERROR:	/* capped: quotes only the header of the request */
		return *err ? refused(g, nlh, -*err, sizeof(struct nlmsgerr)) : 0;
	case NLMSG_DONE:
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err) || *err >= 0)
			return 0;
		return refused(g, nlh, -*err, sizeof(*err));
	}
	ret = fn ? fn(nlh, data) : 0;
	return ret ? ret : MORE;
}

static int receive(struct genl *g, genl_reply_fn fn, void *data, bool *interrupted)
{
	const struct nlmsghdr *nlh;
	int n, ret;

	for (;;) {
		n = mnl_socket_recvfrom(g->nl, g->reply, sizeof(g->reply));
		if (n < 0)
			return say(g, strerror(errno), NULL);
		nlh = (const void *)g->reply;
		while (mnl_nlmsg_ok(nlh, n)) {
			ret = take_message(g, nlh, fn, data, interrupted);
			if (ret != MORE)
				return ret;
			nlh = mnl_nlmsg_next(nlh, &n);
		}
	}
}

struct nlmsghdr *genl_new(struct genl *g, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(g->request);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = g->family;
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

int genl_do(struct genl *g, genl_reply_fn fn, void *data)
{
	bool interrupted = false;
	int err = transmit(g, NLM_F_ACK);

	return err ? err : receive(g, fn, data, &interrupted);
}

int genl_dump(struct genl *g, genl_reply_fn fn, void (*restart)(void *data), void *data)
{
	bool interrupted;
	int i, err;

	for (i = 0; i < DUMP_ATTEMPTS; i++) {
		interrupted = false;
		restart(data);
		err = transmit(g, NLM_F_DUMP);
		if (!err)
			err = receive(g, fn, data, &interrupted);
		if (err || !interrupted)
			return err;
	}
	return say(g, "the table kept changing while it was read: try again", NULL);
}

/* Keeps the id of the group of events. */
static void read_groups(struct genl *g, const struct nlattr *groups)
{
	const struct nlattr *group;
	struct attrs a;

	mnl_attr_for_each_nested(group, groups) {
		attrs_of_nest(&a, group);
		if (a.tb[CTRL_ATTR_MCAST_GRP_NAME] && a.tb[CTRL_ATTR_MCAST_GRP_ID] &&
		    !strcmp(mnl_attr_get_str(a.tb[CTRL_ATTR_MCAST_GRP_NAME]),
			    COOKIEBOX_MCGRP_EVENTS))
			g->events = attr_number(&a, CTRL_ATTR_MCAST_GRP_ID);
	}
}

static int read_family(const struct nlmsghdr *nlh, void *data)
{
	struct genl *g = data;
	struct attrs a;

	attrs_of_message(&a, nlh);
	if (a.tb[CTRL_ATTR_FAMILY_ID])
		g->family = attr_number(&a, CTRL_ATTR_FAMILY_ID);
	if (a.tb[CTRL_ATTR_MCAST_GROUPS])
		read_groups(g, a.tb[CTRL_ATTR_MCAST_GROUPS]);
	return 0;
}

static int resolve_family(struct genl *g)
{
	bool quiet = g->quiet;
	struct nlmsghdr *nlh;

	g->family = GENL_ID_CTRL;
	nlh = genl_new(g, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, COOKIEBOX_FAMILY_NAME);
	g->quiet = true;	/* whatever the kernel says, it means one thing */
	if (genl_do(g, read_family, g))
		g->family = GENL_ID_CTRL;
	g->quiet = quiet;
	if (g->family == GENL_ID_CTRL)
		return say(g, "the cookiebox module is not loaded: modprobe cookiebox", NULL);
	return 0;
}

int genl_open(struct genl *g)
{
	int one = 1, err;

	g->seq = 0;
	g->events = 0;
	g->queue = NULL;
	g->words = NULL;
	g->n_words = 0;
	g->nl = mnl_socket_open(NETLINK_GENERIC);
	if (!g->nl)
		return say(g, strerror(errno), NULL);
	/* without these two, sentences are missing but all else works */
	mnl_socket_setsockopt(g->nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(g->nl, NETLINK_CAP_ACK, &one, sizeof(one));
	if (mnl_socket_bind(g->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = say(g, strerror(errno), NULL);
	else
		err = resolve_family(g);
	if (err)
		genl_close(g);
	return err;
}

void genl_close(struct genl *g)
{
	mnl_socket_close(g->nl);
	free(g->queue);
	explicit_bzero(g->request, sizeof(g->request));
	explicit_bzero(g->reply, sizeof(g->reply));
}

/* Kept well below what a socket may send at once. */
#define QUEUE_BYTES	32768
#define QUEUE_REQUESTS	256

struct genl_queue {
	genl_where_fn where;
	const void *what[QUEUE_REQUESTS];
	size_t offset[QUEUE_REQUESTS], len;
	unsigned int n;
	char bytes[QUEUE_BYTES + GENL_BUFFER];
};

/* What is said next is about the request @seq. */
static void blame(struct genl *g, uint32_t seq)
{
	const struct genl_queue *q = g->queue;
	unsigned int i = q->n - (g->seq - seq) - 1;
	const struct nlmsghdr *nlh;

	if (i >= q->n)
		return;
	nlh = (const void *)(q->bytes + q->offset[i]);
	memcpy(g->request, nlh, nlh->nlmsg_len);
	q->where(q->what[i]);
}

/* Only the last one is acknowledged, but whatever is refused is told. */
static int receive_queue(struct genl *g)
{
	const struct nlmsghdr *nlh;
	const int *err;
	int n;

	for (;;) {
		n = mnl_socket_recvfrom(g->nl, g->reply, sizeof(g->reply));
		if (n < 0 && errno == ENOBUFS)	/* more refusals than one has to see */
			continue;
		if (n < 0)
			return say(g, strerror(errno), NULL);
		for (nlh = (const void *)g->reply; mnl_nlmsg_ok(nlh, n);
		     nlh = mnl_nlmsg_next(nlh, &n)) {
			err = mnl_nlmsg_get_payload(nlh);
			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			if (!*err && nlh->nlmsg_seq == g->seq)
				return 0;
			if (!*err)
				continue;
			blame(g, nlh->nlmsg_seq);
			return refused(g, nlh, -*err, sizeof(struct nlmsgerr));
		}
	}
}

int genl_flush(struct genl *g)
{
	struct genl_queue *q = g->queue;
	struct nlmsghdr *last;
	int err;

	if (!q || !q->n)
		return 0;
	last = (void *)(q->bytes + q->offset[q->n - 1]);
	last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(g->nl, q->bytes, q->len) < 0)
		return say(g, strerror(errno), NULL);
	err = receive_queue(g);
	q->n = 0;
	q->len = 0;
	return err;
}

int genl_queue(struct genl *g, genl_where_fn where, const void *what)
{
	struct nlmsghdr *nlh = (void *)g->request;
	struct genl_queue *q = g->queue;

	if (!q)
		q = g->queue = calloc(1, sizeof(*q));
	if (!q)
		return say(g, strerror(ENOMEM), NULL);
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++g->seq;
	memcpy(q->bytes + q->len, nlh, nlh->nlmsg_len);
	q->where = where;
	q->offset[q->n] = q->len;
	q->what[q->n++] = what;
	q->len += NLMSG_ALIGN(nlh->nlmsg_len);
	return q->n == QUEUE_REQUESTS || q->len >= QUEUE_BYTES ? genl_flush(g) : 0;
}

int genl_begin(struct genl *g, const uint32_t *generation)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_BEGIN);

	if (generation)
		mnl_attr_put_u32(nlh, COOKIEBOX_A_TRANSACTION_GENERATION, *generation);
	return genl_do(g, NULL, NULL);
}

int genl_commit(struct genl *g)
{
	genl_new(g, COOKIEBOX_CMD_COMMIT);
	return genl_do(g, NULL, NULL);
}

int genl_listen(struct genl *g)
{
	if (!g->events ||
	    mnl_socket_setsockopt(g->nl, NETLINK_ADD_MEMBERSHIP, &g->events,
				  sizeof(g->events)) < 0)
		return say(g, errno_sentence(g->events ? errno : EOPNOTSUPP), NULL);
	return 0;
}

int genl_wait(struct genl *g, genl_reply_fn fn, void *data)
{
	const struct nlmsghdr *nlh = (const void *)g->reply;
	int n, err;

	n = mnl_socket_recvfrom(g->nl, g->reply, sizeof(g->reply));
	if (n < 0)	/* ENOBUFS: events were lost, and their numbers will tell */
		return errno == ENOBUFS || errno == EINTR ? 0 : say(g, strerror(errno), NULL);
	for (; mnl_nlmsg_ok(nlh, n); nlh = mnl_nlmsg_next(nlh, &n)) {
		err = nlh->nlmsg_type == g->family ? fn(nlh, data) : 0;
		if (err)
			return err;
	}
	return 0;
}
