/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services as the kernel tells them: shared by service, show, get and monitor.
 */
#ifndef COOKIEBOX_SERVICE_H
#define COOKIEBOX_SERVICE_H

#include "genl.h"
#include "render.h"

extern const struct field service_fields[];

/* The prefix in a nest, or NULL. */
json_t *service_prefix(const struct nlattr *nest);

/* Decoder for an attribute that nests a service. */
json_t *decode_service(const struct attrs *a, const struct field *f);

/* One service (@name) or all (NULL) as an array of objects; 0 or exit code. */
int service_list(struct genl *g, const char *name, json_t **services);

/* Completion: prints the names, or nothing if the kernel cannot be asked. */
void service_print_names(void);

#endif
