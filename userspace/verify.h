/* SPDX-License-Identifier: GPL-2.0 */
/*
 * verify: the findings, and those who find.
 */
#ifndef COOKIEBOX_VERIFY_H
#define COOKIEBOX_VERIFY_H

#include <jansson.h>
#include <stdbool.h>

#include "genl.h"

enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_PROBLEM };

struct verify {
	struct genl *g;
	json_t *status, *services;
	json_t *findings;	/* in order: {check, level, sentence} */
	bool problem;
};

/* @check is the word that the finding is listed under. */
void verify_add(struct verify *v, const char *check, enum level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A number in a file of /proc or /sys; false if there is none. */
bool verify_read_number(const char *path, long long *value);
/* Does a service have this value of this key, e.g. engage auto? */
bool verify_any(const struct verify *v, const char *key, const char *value);

void verify_host(struct verify *v);		/* verify-host.c: sysctls, clock, conntrack */
void verify_devices(struct verify *v);		/* verify-net.c: offloads, rp_filter, routes */
int verify_handshakes(struct verify *v);	/* verify-handshake.c; 0 or exit code */
int verify_gateway(struct verify *v);		/* verify-gateway.c: mode splice; likewise */

#endif
