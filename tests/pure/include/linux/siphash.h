/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012) with the kernel's names, for the pure core in userspace.
 * tests/pure checks it against the vectors of that paper's authors.
 * HSipHash is the same with fewer rounds, SipHash-1-3, as on 64-bit kernels.
 */
#ifndef CB_SHIM_SIPHASH_H
#define CB_SHIM_SIPHASH_H

#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

typedef struct {
	unsigned long key[2];
} hsiphash_key_t;

struct sip {
	u64 v[4];
	int rounds, last;	/* for each word, at the end */
};

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

static inline void sip_absorb(struct sip *sip, u64 m)
{
	int i;

	sip->v[3] ^= m;
	for (i = 0; i < sip->rounds; i++)
		sip_round(sip->v);
	sip->v[0] ^= m;
}

static inline struct sip sip_start(u64 k0, u64 k1, int rounds, int last)
{
	return (struct sip){
		.v = { k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		       k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL },
		.rounds = rounds,
		.last = last,
	};
}

static inline u64 sip_finish(struct sip *sip)
{
	int i;

	sip->v[2] ^= 0xff;
	for (i = 0; i < sip->last; i++)
		sip_round(sip->v);
	return sip->v[0] ^ sip->v[1] ^ sip->v[2] ^ sip->v[3];
}

static inline u64 sip_bytes(struct sip sip, const void *data, size_t len)
{
	u64 last = (u64)len << 56, m;
	const u8 *p = data;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&m, p + i, 8);
		sip_absorb(&sip, le64_to_cpu(m));
	}
	for (; i < len; i++)
		last |= (u64)p[i] << (8 * (i % 8));
	sip_absorb(&sip, last);
	return sip_finish(&sip);
}

static inline u64 siphash(const void *data, size_t len, const siphash_key_t *key)
{
	return sip_bytes(sip_start(key->key[0], key->key[1], 2, 4), data, len);
}

static inline u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key_t *key)
{
	__le64 word[] = { cpu_to_le64(a), cpu_to_le64(b), cpu_to_le64(c) };

	return siphash(word, sizeof(word), key);
}

static inline u32 hsiphash(const void *data, size_t len, const hsiphash_key_t *key)
{
	return sip_bytes(sip_start(key->key[0], key->key[1], 1, 3), data, len);
}

static inline u32 hsiphash_2u32(u32 a, u32 b, const hsiphash_key_t *key)
{
	__le32 word[] = { cpu_to_le32(a), cpu_to_le32(b) };

	return hsiphash(word, sizeof(word), key);
}

#endif
