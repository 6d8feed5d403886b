/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has to change so that one configuration becomes another: the least.
 */
#ifndef COOKIEBOX_PLAN_H
#define COOKIEBOX_PLAN_H

#include "conf.h"

enum change_kind { CHANGE_SYSCTL, CHANGE_DEL, CHANGE_SET, CHANGE_ADD, CHANGE_KEY };

struct change {
	enum change_kind kind;
	unsigned int line;			/* of the file; 0: it does not say so */
	unsigned int number;			/* the sysctl's */
	unsigned int words;			/* that differ, or make up a new service */
	const struct service_args *from, *to;	/* del: from; set: both; add: to */
};

struct plan {
	const struct conf *have, *want;		/* outlive it */
	unsigned int n, room;
	struct change *changes;			/* in the order in which they are made */
};

/* All: 0, or an exit code, the mistake being told. plan_free() in any case. */
int plan_make(struct plan *p, const struct conf *have, const struct conf *want);
/* As commands of the tool, one a line, or with -j as an array. */
void plan_print(const struct plan *p);
/*
 * Makes all changes or none.  @g began a transaction before what is in force
 * was read: a change in between is refused.
 */
int plan_apply(const struct plan *p, struct genl *g);
void plan_free(struct plan *p);

#endif
