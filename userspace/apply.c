// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the changes of a plan: all of them, or none.
 *
 * Services are one transaction of the kernel.  Sysctls and the master are not
 * part of it, so they are written while it is open and put back if something
 * is refused.  The order: sysctls by which services are judged, all services
 * staged, the other sysctls, the master, commit.  So nothing that cannot be
 * put back quite as it was, such as the size of the set of used cookies, is
 * touched before the kernel has agreed to every service.
 */
#include <string.h>

#include "keywire.h"
#include "main.h"
#include "plan.h"

struct applied {
	const struct plan *p;
	struct genl *g;
	unsigned int sysctls;	/* bit per number: written */
	bool key;
};

/* genl_queue() has one pointer for it: what a request is about. */
static const char *file_name;

static void where(const void *what)
{
	const struct change *c = what;
	char text[64];

	if (c->line) {
		fail_in(file_name, c->line);
		return;
	}
	snprintf(text, sizeof(text), "service %s, which goes", c->from->name);
	fail_in(c->kind == CHANGE_DEL ? text : NULL, 0);
}

static int queue_del(struct genl *g, const struct change *c)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_SERVICE_DEL);

	mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, c->from->name);
	return genl_queue(g, where, c);
}

static bool moves(const struct change *c)
{
	return c->from->addr.family != c->to->addr.family ||
	       memcmp(&c->from->addr, &c->to->addr, sizeof(c->to->addr)) ||
	       c->from->port_min != c->to->port_min || c->from->port_max != c->to->port_max ||
	       c->from->mark != c->to->mark || c->from->mask != c->to->mask;
}

/*
 * Two services may change places, and the kernel never has two in one place:
 * all that move let go of theirs first, which nobody sees before the commit.
 */
static int queue_let_go(struct genl *g, const struct change *c)
{
	struct nlmsghdr *nlh = genl_new(g, COOKIEBOX_CMD_SERVICE_SET);

	mnl_attr_put_strz(nlh, COOKIEBOX_A_SERVICE_NAME, c->to->name);
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_RULE_ONLY, 1);
	return genl_queue(g, where, c);
}

static int queue_service(struct genl *g, const struct change *c)
{
	static struct service_args a;
	bool set = c->kind == CHANGE_SET;
	struct nlmsghdr *nlh;

	nlh = genl_new(g, set ? COOKIEBOX_CMD_SERVICE_SET : COOKIEBOX_CMD_SERVICE_ADD);
	a = *c->to;
	/* a place that was let go has to be told whole */
	a.given = set && moves(c) ? c->words | grammar_places() : c->words;
	grammar_put(nlh, &a);
	if (!set || moves(c))
		mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_RULE_ONLY, !grammar_selects(&a));
	return genl_queue(g, where, c);
}

static int stage(struct applied *done)
{
	const struct change *c, *end = done->p->changes + done->p->n;
	struct genl *g = done->g;
	int err = 0;

	for (c = done->p->changes; c < end && !err; c++)
		if (c->kind == CHANGE_DEL)
			err = queue_del(g, c);
	for (c = done->p->changes; c < end && !err; c++)
		if (c->kind == CHANGE_SET && moves(c))
			err = queue_let_go(g, c);
	for (c = done->p->changes; c < end && !err; c++)
		if (c->kind == CHANGE_SET || c->kind == CHANGE_ADD)
			err = queue_service(g, c);
	return err ? err : genl_flush(g);
}

/* Of those that still wait, writes what can be written. Returns whether any could. */
static bool write_some(struct applied *done, bool first, const struct change **waits)
{
	const struct change *c, *end = done->p->changes + done->p->n;
	bool some = false;

	*waits = NULL;
	for (c = done->p->changes; c < end; c++) {
		if (c->kind != CHANGE_SYSCTL || sysctls[c->number].first != first ||
		    done->sysctls & 1u << c->number)
			continue;
		if (sysctl_write(c->number, done->p->want->sysctl[c->number].value, true)) {
			*waits = c;
			continue;
		}
		done->sysctls |= 1u << c->number;
		some = true;
	}
	return some;
}

/* Some are bounds of others, so one may have to wait for another. */
static int write_sysctls(struct applied *done, bool first)
{
	const struct change *waits;

	while (write_some(done, first, &waits) && waits)
		;
	if (!waits)
		return 0;
	where(waits);
	return sysctl_write(waits->number, done->p->want->sysctl[waits->number].value, false);
}

static int write_key(struct applied *done)
{
	const struct plan *p = done->p;
	int err;

	if (!p->n || p->changes[p->n - 1].kind != CHANGE_KEY)
		return 0;
	where(&p->changes[p->n - 1]);
	done->g->words = key_attr_words;
	done->g->n_words = KEY_ATTRS;
	err = keywire_set(done->g, &p->want->key.file, false);
	done->key = !err;
	return err;
}

/* The first refusal has been told; whatever happens here is not. */
static void undo(struct applied *done)
{
	unsigned int i, before;

	done->g->quiet = true;
	if (done->key)
		keywire_set(done->g, &done->p->have->key.file, false);
	do {
		before = done->sysctls;
		for (i = 0; i < N_SYSCTLS; i++)
			if (done->sysctls & 1u << i &&
			    !sysctl_write(i, done->p->have->sysctl[i].value, true))
				done->sysctls &= ~(1u << i);
	} while (done->sysctls && done->sysctls != before);
}

static bool has_services(const struct plan *p)
{
	unsigned int i;

	for (i = 0; i < p->n; i++)
		if (p->changes[i].kind != CHANGE_SYSCTL && p->changes[i].kind != CHANGE_KEY)
			return true;
	return false;
}

int plan_apply(const struct plan *p, struct genl *g)
{
	struct applied done = { .p = p, .g = g };
	int err;

	file_name = p->want->name;
	g->words = grammar_attr_words;
	g->n_words = GRAMMAR_ATTRS;
	err = write_sysctls(&done, true);
	if (!err)
		err = stage(&done);
	if (!err)
		err = write_sysctls(&done, false);
	if (!err)
		err = write_key(&done);
	fail_in(NULL, 0);
	if (!err && has_services(p))
		err = genl_commit(g);
	if (err)
		undo(&done);
	return err;
}
