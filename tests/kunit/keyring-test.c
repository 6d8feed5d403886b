// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_keyring: the primitives, the derivation, the choice of a slot. */
#include <crypto/blake2s.h>
#include "fixture.h"
#include "vectors.h"

static void siphash_published(struct kunit *test)
{
	siphash_key_t key = { { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL } };
	u8 message[64] __aligned(8);
	unsigned int i;

	for (i = 0; i < 64; i++) {
		message[i] = i;
		KUNIT_EXPECT_EQ(test, siphash(message, i, &key), siphash_vectors[i]);
	}
	KUNIT_EXPECT_EQ(test, siphash_3u64(0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL,
					   0x1716151413121110ULL, &key), siphash_vectors[24]);
}

/* RFC 7693 appendix E */
static void selftest_seq(u8 *out, size_t len, u32 seed)
{
	u32 a = 0xdead4bad * seed, b = 1, t;
	size_t i;

	for (i = 0; i < len; i++) {
		t = a + b;
		a = b;
		b = t;
		out[i] = t >> 24;
	}
}

static void hash(u8 *out, size_t outlen, const u8 *key, size_t keylen,
		 const u8 *in, size_t inlen)
{
	static const u8 no_key[1];
	struct blake2s_state state;

	if (keylen) {
		blake2s_init_key(&state, outlen, key, keylen);
	} else {
		blake2s_init_key(&state, outlen, no_key, 1);
		state.h[0] ^= 1 << 8;	/* as if no key was given */
		state.buflen = 0;
	}
	blake2s_update(&state, in, inlen);
	blake2s_final(&state, out);
}

static void blake2s_published(struct kunit *test)
{
	static const size_t out_len[] = { 16, 20, 28, 32 };
	static const size_t in_len[] = { 0, 3, 64, 65, 255, 1024 };
	u8 *in = kunit_kmalloc(test, 1024, GFP_KERNEL);
	u8 *all = kunit_kmalloc(test, 2 * 6 * 96, GFP_KERNEL);
	u8 key[32], out[32];
	size_t i, j, n = 0;

	hash(out, 32, NULL, 0, (const u8 *)"abc", 3);
	KUNIT_EXPECT_TRUE(test, !memcmp(out, blake2s_abc, 32));
	for (i = 0; i < ARRAY_SIZE(out_len); i++) {
		for (j = 0; j < ARRAY_SIZE(in_len); j++) {
			selftest_seq(in, in_len[j], in_len[j]);
			hash(all + n, out_len[i], NULL, 0, in, in_len[j]);
			n += out_len[i];
			selftest_seq(key, out_len[i], out_len[i]);
			hash(all + n, out_len[i], key, out_len[i], in, in_len[j]);
			n += out_len[i];
		}
	}
	hash(out, 32, NULL, 0, all, n);
	KUNIT_EXPECT_TRUE(test, !memcmp(out, blake2s_selftest, 32));
}

/* Expected by another implementation of Documentation/wire-format.rst. */
static const struct derive_case {
	enum cb_key_purpose purpose;
	u32 epoch;
	bool nonce;
	u64 key[2];
} derive_cases[] = {
	{ 1, 0xa, false, { 0xd7e24ea2be2a44b5ULL, 0xa1a0c0de905f380fULL } },
	{ 2, 0xa, false, { 0x0454089961835af4ULL, 0x59d0be660190cc5fULL } },
	{ 1, 0xb, false, { 0x7ef8522bf70ed55dULL, 0x187ff42f63f8c032ULL } },
	{ 1, 0xa, true, { 0x93f56bc80c1b19faULL, 0xe4d57753cc593558ULL } },
	{ 3, 0xfffffffe, false, { 0xe5a1fc2c01d85656ULL, 0x648f20a173f58407ULL } },
};

static void derivation(struct kunit *test)
{
	u8 master[CB_MASTER_LEN], nonce[CB_NONCE_LEN];
	siphash_key_t key;
	unsigned int i;

	fix_master(master);
	for (i = 0; i < CB_NONCE_LEN; i++)
		nonce[i] = 0xa0 + i;
	for (i = 0; i < ARRAY_SIZE(derive_cases); i++) {
		const struct derive_case *c = &derive_cases[i];

		cb_key_derive(&key, master, c->purpose, c->epoch, c->nonce ? nonce : NULL);
		KUNIT_EXPECT_EQ(test, key.key[0], c->key[0]);
		KUNIT_EXPECT_EQ(test, key.key[1], c->key[1]);
	}
}

static u32 epoch_of(const struct cb_slot *slot)
{
	return slot ? slot->epoch : 0;
}

#define START(epoch)	((u64)(epoch) * FIX_EPOCH_MS)

static void slot_by_time(struct kunit *test)
{
	struct cb_ring *ring = kunit_kmalloc(test, sizeof(*ring), GFP_KERNEL);

	fix_ring(ring, 12, false);		/* holds 8..13 */
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_sealing(ring, START(12))), 12u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_sealing(ring, START(13) - 1)), 12u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_sealing(ring, START(13))), 13u);
	/* The work that advances the ring is late: the last slot goes on sealing. */
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_sealing(ring, START(20))), 13u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_at(ring, START(12) - 1)), 11u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_at(ring, START(8))), 8u);
	KUNIT_EXPECT_TRUE(test, !cb_ring_at(ring, START(8) - 1));
	KUNIT_EXPECT_TRUE(test, !cb_ring_slot(ring, 7));
	KUNIT_EXPECT_TRUE(test, !cb_ring_slot(ring, 14));
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_slot(ring, 13)), 13u);
}

static void neighbours(struct kunit *test)
{
	struct cb_ring *ring = kunit_kmalloc(test, sizeof(*ring), GFP_KERNEL);
	const struct cb_slot *slot;

	fix_ring(ring, 12, false);
	slot = cb_ring_slot(ring, 12);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_before(ring, slot)), 11u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_after(ring, slot)), 13u);
	KUNIT_EXPECT_TRUE(test, !cb_ring_before(ring, cb_ring_slot(ring, 8)));
	KUNIT_EXPECT_TRUE(test, !cb_ring_after(ring, cb_ring_slot(ring, 13)));
}

/* A wall clock stepped ahead: numbers jump, starts do not. */
static void stepped_clock(struct kunit *test)
{
	struct cb_ring *ring = kunit_kmalloc(test, sizeof(*ring), GFP_KERNEL);
	const struct cb_slot *slot;

	fix_ring(ring, 12, true);
	ring->slot[13 % CB_RING_SLOTS].valid = false;
	fix_slot(ring, 125, START(12) + 5000);	/* 125 % 8 == 13 % 8 */
	slot = cb_ring_sealing(ring, START(12) + 6000);
	KUNIT_EXPECT_EQ(test, epoch_of(slot), 125u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_before(ring, slot)), 12u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_at(ring, START(12) + 4999)), 12u);
	KUNIT_EXPECT_EQ(test, epoch_of(cb_ring_after(ring, cb_ring_slot(ring, 12))), 125u);
}

/* `key rotate --now` forgets all that was before. */
static void forgotten_slots(struct kunit *test)
{
	struct cb_ring *ring = kunit_kmalloc(test, sizeof(*ring), GFP_KERNEL);
	u32 e;

	fix_ring(ring, 12, false);
	for (e = 8; e < 12; e++)
		ring->slot[e % CB_RING_SLOTS].valid = false;
	KUNIT_EXPECT_TRUE(test, !cb_ring_before(ring, cb_ring_slot(ring, 12)));
	KUNIT_EXPECT_TRUE(test, !cb_ring_at(ring, START(12) - 1));
	memset(ring->slot, 0, sizeof(ring->slot));
	KUNIT_EXPECT_TRUE(test, !cb_ring_sealing(ring, START(12)));
}

static struct kunit_case keyring_cases[] = {
	KUNIT_CASE(siphash_published),
	KUNIT_CASE(blake2s_published),
	KUNIT_CASE(derivation),
	KUNIT_CASE(slot_by_time),
	KUNIT_CASE(neighbours),
	KUNIT_CASE(stepped_clock),
	KUNIT_CASE(forgotten_slots),
	{}
};

static struct kunit_suite keyring_suite = {
	.name = "cookiebox_keyring",
	.test_cases = keyring_cases,
};

kunit_test_suites(&keyring_suite);
