/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CB_SHIM_BITOPS_H
#define CB_SHIM_BITOPS_H

#include <linux/types.h>

static inline unsigned long __ffs64(u64 word)
{
	return __builtin_ctzll(word);
}

#endif
