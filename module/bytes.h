/* SPDX-License-Identifier: GPL-2.0 */
/* Big-endian at any alignment; the compiler makes one load or store of each. */
#ifndef CB_BYTES_H
#define CB_BYTES_H

#include <linux/types.h>
#include <linux/string.h>

static inline u16 cb_get_be16(const u8 *p)
{
	return p[0] << 8 | p[1];
}

static inline u32 cb_get_be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static inline void cb_put_be16(u8 *p, u16 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline void cb_put_be32(u8 *p, u32 v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

#endif
