// SPDX-License-Identifier: GPL-2.0
/*
 * Slots of a stage by name and by place.
 *
 * Owns the chains.  Invariant: every slot that holds a service is in the chain
 * of its name and, unless only rules select it, in the chain of its place.
 * Hashes are not keyed: only the admin inserts, and only he waits.
 * Process context, for stage.c.
 */
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "stageindex.h"

enum { NAME, PLACE };

static u32 hash_name(const char *name)
{
	return jhash(name, strlen(name), 0);
}

static u32 hash_place(const struct cb_service_spec *s)
{
	return jhash_3words(jhash(&s->addr.addr, sizeof(s->addr.addr), s->addr.len),
			    (u32)s->port_min << 16 | s->port_max, s->mark, s->mark_mask);
}

static bool same_place(const struct cb_service_spec *a, const struct cb_service_spec *b)
{
	return !a->rule_only && a->port_min == b->port_min && a->port_max == b->port_max &&
	       a->mark == b->mark && a->mark_mask == b->mark_mask &&
	       a->addr.family == b->addr.family && a->addr.len == b->addr.len &&
	       a->addr.addr.q[0] == b->addr.addr.q[0] && a->addr.addr.q[1] == b->addr.addr.q[1];
}

void cb_stage_index_free(struct cb_stage_index *x)
{
	int i;

	for (i = NAME; i <= PLACE; i++) {
		kvfree(x->bucket[i]);
		kvfree(x->next[i]);
	}
	*x = (struct cb_stage_index){};
}

int cb_stage_index_init(struct cb_stage_index *x, u32 room)
{
	u32 n = roundup_pow_of_two(room);
	struct cb_stage_index fresh = { .mask = n - 1, .room = room };
	int i;

	for (i = NAME; i <= PLACE; i++) {
		fresh.bucket[i] = kvmalloc_array(n, sizeof(u32), GFP_KERNEL_ACCOUNT);
		fresh.next[i] = kvmalloc_array(room, sizeof(u32), GFP_KERNEL_ACCOUNT);
		if (!fresh.bucket[i] || !fresh.next[i]) {
			cb_stage_index_free(&fresh);
			return -ENOMEM;
		}
		memset32(fresh.bucket[i], CB_SLOT_NONE, n);
	}
	cb_stage_index_free(x);
	*x = fresh;
	return 0;
}

static void link_slot(struct cb_stage_index *x, int by, u32 hash, u32 slot)
{
	u32 *first = &x->bucket[by][hash & x->mask];

	x->next[by][slot] = *first;
	*first = slot;
}

static void unlink_slot(struct cb_stage_index *x, int by, u32 hash, u32 slot)
{
	u32 *at = &x->bucket[by][hash & x->mask];

	while (*at != slot)
		at = &x->next[by][*at];
	*at = x->next[by][slot];
}

void cb_stage_index_add(struct cb_stage_index *x, u32 slot, const struct cb_service_spec *spec)
{
	link_slot(x, NAME, hash_name(spec->name), slot);
	if (!spec->rule_only)
		link_slot(x, PLACE, hash_place(spec), slot);
}

void cb_stage_index_del(struct cb_stage_index *x, u32 slot, const struct cb_service_spec *spec)
{
	unlink_slot(x, NAME, hash_name(spec->name), slot);
	if (!spec->rule_only)
		unlink_slot(x, PLACE, hash_place(spec), slot);
}

u32 cb_stage_index_name(const struct cb_stage_index *x, struct cb_service *const *all,
			const char *name)
{
	u32 slot = x->bucket[NAME][hash_name(name) & x->mask];

	while (slot != CB_SLOT_NONE && strcmp(all[slot]->spec.name, name))
		slot = x->next[NAME][slot];
	return slot;
}

u32 cb_stage_index_place(const struct cb_stage_index *x, struct cb_service *const *all,
			 const struct cb_service_spec *spec)
{
	u32 slot;

	if (spec->rule_only)
		return CB_SLOT_NONE;
	slot = x->bucket[PLACE][hash_place(spec) & x->mask];
	while (slot != CB_SLOT_NONE && !same_place(&all[slot]->spec, spec))
		slot = x->next[PLACE][slot];
	return slot;
}
