/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters and reasons as the kernel tells them: shared by stats and show.
 */
#ifndef COOKIEBOX_STATS_H
#define COOKIEBOX_STATS_H

#include "genl.h"
#include "render.h"

/* Every reason there is: array of {id, name, class, sentence}. */
int reason_list(struct genl *g, json_t **reasons);

/*
 * Counters of one service (@name) or of each (NULL): array of {service, id,
 * done: {reason: count}, observed: {...}, less: {option: count}}, with all of @reasons
 * in both.
 */
int stats_list(struct genl *g, const char *name, const json_t *reasons, json_t **stats);

#endif
