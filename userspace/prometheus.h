/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The text format of Prometheus.
 */
#ifndef COOKIEBOX_PROMETHEUS_H
#define COOKIEBOX_PROMETHEUS_H

#include <jansson.h>

/* From status_get(), stats_list() and reason_list(). */
void prometheus_print(const json_t *status, const json_t *stats, const json_t *reasons);

#endif
