/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shrinkers are allocated by the kernel since 6.7, where SHRINKER_ALLOCATED came;
 * before, their owner does it.
 */
#ifndef CB_COMPAT_LINUX_SHRINKER_H
#define CB_COMPAT_LINUX_SHRINKER_H

#include <linux/slab.h>
#include_next <linux/shrinker.h>

typedef unsigned long (*cb_shrinker_fn)(struct shrinker *shrinker, struct shrink_control *sc);

/* Context: process. Return: NULL if there is no memory. */
static inline struct shrinker *cb_shrinker_add(const char *name, cb_shrinker_fn count,
					       cb_shrinker_fn scan)
{
#ifdef SHRINKER_ALLOCATED
	struct shrinker *s = shrinker_alloc(0, "%s", name);
#else
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
#endif

	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = DEFAULT_SEEKS;
#ifdef SHRINKER_ALLOCATED
	shrinker_register(s);
#else
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

/* Context: process; it does not run any more when this returns. */
static inline void cb_shrinker_del(struct shrinker *s)
{
#ifdef SHRINKER_ALLOCATED
	shrinker_free(s);
#else
	unregister_shrinker(s);
	kfree(s);
#endif
}

#endif
