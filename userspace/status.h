/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of the namespace: shared by show, stats and verify.
 */
#ifndef COOKIEBOX_STATUS_H
#define COOKIEBOX_STATUS_H

#include "genl.h"
#include "render.h"

/* An object, as cookiebox(8) describes it under show; 0 or exit code. */
int status_get(struct genl *g, json_t **status);

#endif
