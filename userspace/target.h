/* SPDX-License-Identifier: GPL-2.0 */
/*
 * verify: whom a service protects, and a connection with it.
 */
#ifndef COOKIEBOX_TARGET_H
#define COOKIEBOX_TARGET_H

#include <jansson.h>

#include "parse.h"

struct target {
	const char *name;
	struct prefix prefix;	/* family 0: any */
	uint16_t port_min, port_max;
	uint32_t mark, mask;
	struct prefix addr;	/* what to connect to */
	uint16_t port;
};

/* Is the address @addr in @p?  No family: any is. */
bool prefix_has(const struct prefix *p, const struct prefix *addr);

/* Are the service's servers elsewhere (mode splice)? */
bool target_spliced(const json_t *service);

/* Of a service as service_list() has it; addr and port are left open.  0 or exit code. */
int target_parse(struct target *t, const json_t *service);

/* A handshake with addr and port, and no more; waits for it.  0 or an errno. */
int target_connect(const struct target *t);

#endif
