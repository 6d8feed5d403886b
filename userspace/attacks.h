/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attacks that services with engagement auto went through: shared by show and monitor.
 */
#ifndef COOKIEBOX_ATTACKS_H
#define COOKIEBOX_ATTACKS_H

#include "genl.h"
#include "render.h"

/* Decoder for an attribute that nests an attack. */
json_t *decode_attack(const struct attrs *a, const struct field *f);

/* "12 s, 3400 SYNs answered, at most 500 a second, 7 completed" */
void attack_print(const json_t *attack);

/* One line for each of @services (as service_list() makes them) that is engaged. */
void attack_print_present(const json_t *services);

/* show attacks */
int attacks_run(int argc, char **argv);

#endif
