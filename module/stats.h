/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters per service, reason and CPU.  cb_count() is in mode.h.
 */
#ifndef CB_STATS_H
#define CB_STATS_H

#include "service.h"

/* What netlink and the documentation say about a reason: the table of
 * reason.h.
 */
struct cb_reason_info {
	const char *name;
	const char *sentence;
	u8 class;			/* enum cb_reason_class */
};

extern const struct cb_reason_info cb_reasons[CB_R_COUNT];

/* Adds the counters of a service, of all CPUs, to @sum. Context: any. */
void cb_stats_add(const struct cb_service *svc, struct cb_counters *sum);

#endif
