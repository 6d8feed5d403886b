/* SPDX-License-Identifier: GPL-2.0 */
/* What was learned of servers. */
#ifndef COOKIEBOX_SERVERS_H
#define COOKIEBOX_SERVERS_H

#include "genl.h"
#include "render.h"

/* Every server that is known: array of objects, as cookiebox(8) describes them. 0 or exit code. */
int servers_list(struct genl *g, json_t **servers);

/* show servers */
int servers_run(int argc, char **argv);

#endif
