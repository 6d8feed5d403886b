/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CB_SHIM_ATOMIC_H
#define CB_SHIM_ATOMIC_H

#include <linux/types.h>

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	s64 counter;
} atomic64_t;

#define atomic_read(v)		((v)->counter)
#define atomic_set(v, n)	((void)((v)->counter = (n)))
#define atomic_inc(v)		((void)((v)->counter++))
#define atomic_dec(v)		((void)((v)->counter--))
#define atomic_inc_return(v)	(++(v)->counter)
#define atomic64_read(v)	((v)->counter)
#define atomic64_set(v, n)	((void)((v)->counter = (n)))
#define atomic64_add(n, v)	((void)((v)->counter += (n)))
#define atomic64_sub(n, v)	((void)((v)->counter -= (n)))
#define cmpxchg(p, old, new)	__sync_val_compare_and_swap(p, old, new)
#define smp_store_release(p, v)	((void)(*(p) = (v)))

#endif
