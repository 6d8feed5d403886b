/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CB_SHIM_STRING_H
#define CB_SHIM_STRING_H

#include <string.h>

static inline void memzero_explicit(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

#endif
