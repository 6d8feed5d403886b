/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes that are put back unless they are confirmed in time.
 */
#ifndef COOKIEBOX_CONFIRM_H
#define COOKIEBOX_CONFIRM_H

#include "plan.h"

/*
 * As plan_apply(); then a process of its own waits for `cookiebox confirm` in
 * this network namespace and, if none comes within @seconds, makes p->have
 * what is in force again.
 */
int confirm_apply(const struct plan *p, struct genl *g, unsigned int seconds);

/* config.c: makes @want what is in force. */
int conf_put(struct conf *want);

#endif
