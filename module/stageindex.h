/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which slot of a stage has a name, and which has a place (address, port and
 * mark): so that a thousand changes of one transaction do not cost a million
 * comparisons.
 *
 * Holds numbers of slots only.  The caller serialises; process context.
 */
#ifndef CB_STAGEINDEX_H
#define CB_STAGEINDEX_H

#include "service.h"

#define CB_SLOT_NONE	U32_MAX

struct cb_stage_index {
	u32 mask;			/* of both tables of buckets */
	u32 room;			/* slots */
	u32 *bucket[2];			/* first slot: of a name, of a place */
	u32 *next[2];			/* the next one, by slot */
};

/* Empties it and makes room; 0 or -ENOMEM, then it is as it was. */
int cb_stage_index_init(struct cb_stage_index *x, u32 room);
void cb_stage_index_free(struct cb_stage_index *x);

void cb_stage_index_add(struct cb_stage_index *x, u32 slot, const struct cb_service_spec *spec);
void cb_stage_index_del(struct cb_stage_index *x, u32 slot, const struct cb_service_spec *spec);

/* CB_SLOT_NONE: none. @all is what the slots hold. */
u32 cb_stage_index_name(const struct cb_stage_index *x, struct cb_service *const *all,
			const char *name);
u32 cb_stage_index_place(const struct cb_stage_index *x, struct cb_service *const *all,
			 const struct cb_service_spec *spec);

#endif
