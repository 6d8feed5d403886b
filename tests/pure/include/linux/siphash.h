/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012) with the kernel's names, for the pure core in userspace.
 * tests/pure checks it against the vectors of that paper's authors.
 */
#ifndef CB_SHIM_SIPHASH_H
#define CB_SHIM_SIPHASH_H

#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

static inline u64 sip_rotl(u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[1] = sip_rotl(v[1], 13) ^ v[0];
	v[0] = sip_rotl(v[0], 32);
	v[2] += v[3];
	v[3] = sip_rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = sip_rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = sip_rotl(v[1], 17) ^ v[2];
	v[2] = sip_rotl(v[2], 32);
}

static inline void sip_absorb(u64 v[4], u64 m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

static inline void sip_start(u64 v[4], const siphash_key_t *key)
{
	v[0] = key->key[0] ^ 0x736f6d6570736575ULL;
	v[1] = key->key[1] ^ 0x646f72616e646f6dULL;
	v[2] = key->key[0] ^ 0x6c7967656e657261ULL;
	v[3] = key->key[1] ^ 0x7465646279746573ULL;
}

static inline u64 sip_finish(u64 v[4])
{
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	u64 last = (u64)len << 56, m, v[4];
	const u8 *p = data;
	size_t i;

	sip_start(v, key);
	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&m, p + i, 8);
		sip_absorb(v, le64_to_cpu(m));
	}
	for (; i < len; i++)
		last |= (u64)p[i] << (8 * (i % 8));
	sip_absorb(v, last);
	return sip_finish(v);
}

static inline u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key_t *key)
{
	u64 v[4];

	sip_start(v, key);
	sip_absorb(v, a);
	sip_absorb(v, b);
	sip_absorb(v, c);
	sip_absorb(v, (u64)24 << 56);
	return sip_finish(v);
}

#endif
