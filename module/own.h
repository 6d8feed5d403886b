/* SPDX-License-Identifier: GPL-2.0 */
/*
 * This host's own IPv4 addresses, as a small filter: "surely not" costs nothing.
 */
#ifndef CB_OWN_H
#define CB_OWN_H

#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct cb_net;

#define CB_OWN_SHIFT	12
#define CB_OWN_BITS	(1u << CB_OWN_SHIFT)

struct cb_own {
	spinlock_t lock;		/* writers, process context */
	bool kept;			/* under lock: hooks are on */
	DECLARE_BITMAP(bits, CB_OWN_BITS);
};

/* False: no device of the namespace has this address, or its subnet's broadcast or
 * network address.  True: maybe; ask the FIB.  Context: any.
 */
static inline bool cb_own_maybe(const struct cb_own *own, __be32 addr)
{
	return test_bit(hash_32((__force u32)addr, CB_OWN_SHIFT), own->bits);
}

/* Process context. */
int cb_own_register(void);
void cb_own_unregister(void);
void cb_own_start(struct cb_net *cbn);	/* before the hooks are put on */
void cb_own_stop(struct cb_net *cbn);

#endif
