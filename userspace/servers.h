/* SPDX-License-Identifier: GPL-2.0 */
/* What was learned of servers. */
#ifndef COOKIEBOX_SERVERS_H
#define COOKIEBOX_SERVERS_H

/* show servers */
int servers_run(int argc, char **argv);

#endif
