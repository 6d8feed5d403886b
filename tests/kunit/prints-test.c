// SPDX-License-Identifier: GPL-2.0
/*
 * Suite cookiebox_prints: the set of redeemed cookies is exact up to what it is rated
 * for, forgets by epochs alone, and tells a first flight from a replay.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include "epoch.h"
#include "fixture.h"
#include "prints.h"

#define MANY	1000000u
#define NOW	5000000ull	/* ms */
#define LATER	(NOW + 10000)

static struct cb_prints *new_set(struct kunit *test, u32 max)
{
	struct cb_prints *set = cb_prints_alloc(max);

	KUNIT_ASSERT_NOT_NULL(test, set);
	return set;
}

/* A permutation of 64 bits (SplitMix64), so the n-th differs from all others. */
static u64 print_of(u64 seed, u64 n)
{
	u64 z = seed + (n + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static enum cb_print redeem(struct cb_prints *set, u64 print, u8 serial, u64 now_ms)
{
	enum cb_print found = cb_prints_find(set, print, now_ms);
	u32 at;

	return found == CB_PRINT_NONE ? cb_prints_hold(set, print, serial, now_ms, &at) : found;
}

/* A million, all that the set is rated for; as many others are not in it. */
static void exact(struct kunit *test)
{
	struct cb_prints *set = new_set(test, MANY);
	u64 seed = get_random_u64();
	u32 i, full = 0, lost = 0, mistaken = 0, unconfirmed = 0;

	for (i = 0; i < MANY; i++)
		full += redeem(set, print_of(seed, i), 1, NOW) != CB_PRINT_HELD;
	for (i = 0; i < MANY; i++) {
		lost += cb_prints_find(set, print_of(seed, i), NOW) != CB_PRINT_REPEATED;
		mistaken += cb_prints_find(set, print_of(seed, MANY + i), NOW) != CB_PRINT_NONE;
		if (i & 1)
			cb_prints_confirm(set, print_of(seed, i));
	}
	for (i = 0; i < MANY; i++)
		unconfirmed += cb_prints_confirmed(set, print_of(seed, i)) != (i & 1);
	KUNIT_EXPECT_EQ(test, full, 0u);
	KUNIT_EXPECT_EQ(test, lost, 0u);
	KUNIT_EXPECT_EQ(test, mistaken, 0u);
	KUNIT_EXPECT_EQ(test, unconfirmed, 0u);
	KUNIT_EXPECT_EQ(test, cb_prints_held(set), MANY);
	KUNIT_EXPECT_LE(test, cb_prints_bytes(set), 16 * (size_t)MANY + sizeof(*set));
	cb_prints_free(set);
}

static void one_life(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 8);
	u64 print = print_of(1, 1);

	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW), CB_PRINT_HELD);
	KUNIT_EXPECT_FALSE(test, cb_prints_confirmed(set, print));
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW), CB_PRINT_REPEATED);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW + 80), CB_PRINT_REPEATED);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW + 200), CB_PRINT_HELD);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW + 210), CB_PRINT_REPEATED);
	cb_prints_confirm(set, print);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW + 210), CB_PRINT_CONFIRMED);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, LATER), CB_PRINT_CONFIRMED);
	KUNIT_EXPECT_EQ(test, cb_prints_held(set), 1u);
	cb_prints_free(set);
}

/* Wherever in a unit of time it began: redeem.c relies on it. */
static void repeats_end(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 64);
	u64 print, at;
	u32 i;

	for (i = 0; i < 1 << CB_REPEAT_UNIT_SHIFT; i++) {
		print = print_of(5, i);
		at = NOW + i;
		KUNIT_EXPECT_EQ(test, redeem(set, print, 3, at), CB_PRINT_HELD);
		KUNIT_EXPECT_EQ(test, redeem(set, print, 3, at + 96), CB_PRINT_REPEATED);
		KUNIT_EXPECT_EQ(test, redeem(set, print, 3, at + CB_REPEAT_MOST_MS),
				CB_PRINT_HELD);
	}
	cb_prints_free(set);
}

static void undone(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 8);
	u64 print = print_of(2, 1);

	redeem(set, print, 3, NOW);
	cb_prints_undo(set, print);
	KUNIT_EXPECT_EQ(test, cb_prints_held(set), 0u);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW), CB_PRINT_HELD);
	cb_prints_confirm(set, print);
	cb_prints_undo(set, print);
	KUNIT_EXPECT_EQ(test, redeem(set, print, 3, NOW), CB_PRINT_CONFIRMED);
	cb_prints_undo(set, print_of(2, 2));
	KUNIT_EXPECT_EQ(test, cb_prints_held(set), 1u);
	cb_prints_free(set);
}

/* Full: what is held stays held, what is not is not, and there is room after undoing. */
static void full(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 8);
	u32 i, n = 0;

	for (i = 0; i < 100; i++)
		n += redeem(set, print_of(3, i), 1, NOW) == CB_PRINT_HELD;
	KUNIT_EXPECT_EQ(test, n, CB_PRINTS_PLACES);
	KUNIT_EXPECT_EQ(test, cb_prints_held(set), n);
	for (i = 0; i < 100; i++)
		KUNIT_EXPECT_EQ(test, cb_prints_find(set, print_of(3, i), NOW),
				i < n ? CB_PRINT_REPEATED : CB_PRINT_NONE);
	cb_prints_undo(set, print_of(3, 0));
	KUNIT_EXPECT_EQ(test, redeem(set, print_of(3, 50), 1, NOW), CB_PRINT_HELD);
	KUNIT_EXPECT_EQ(test, redeem(set, print_of(3, 51), 1, NOW), CB_PRINT_FULL);
	cb_prints_free(set);
}

/* Held as long as a ring may have the keys, whatever the serial wraps to; then gone. */
static void by_epochs(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 1000);
	unsigned int serial, age;
	u64 print;

	for (serial = 0; serial < 512; serial++) {
		print = print_of(4, serial);
		redeem(set, print, serial, NOW);
		if (serial & 1)
			cb_prints_confirm(set, print);
		for (age = 0; age <= 5; age++)
			KUNIT_EXPECT_EQ(test, cb_prints_sweep(set, serial + age), 1u);
		KUNIT_EXPECT_NE(test, cb_prints_find(set, print, LATER), CB_PRINT_NONE);
		KUNIT_EXPECT_EQ(test, cb_prints_sweep(set, serial + 6), 0u);
		KUNIT_EXPECT_EQ(test, cb_prints_find(set, print, LATER), CB_PRINT_NONE);
	}
	cb_prints_free(set);
}

/* A sweep by a ring that has been replaced since forgets nothing newer. */
static void newer(struct kunit *test)
{
	struct cb_prints *set = new_set(test, 8);
	unsigned int ahead;

	for (ahead = 0; ahead <= 4; ahead++)
		redeem(set, print_of(5, ahead), 20 + ahead, NOW);
	KUNIT_EXPECT_EQ(test, cb_prints_sweep(set, 20), 5u);
	cb_prints_free(set);
}

static bool hand_over(struct cb_ring *ring, const struct cb_epoch_by *by)
{
	const struct cb_slot *newest;
	unsigned int i;

	cb_epoch_settle(ring, by);
	newest = cb_epoch_newest(ring);
	for (i = 0; i < CB_RING_SLOTS; i++)
		if (ring->slot[i].valid && (u8)(newest->serial - ring->slot[i].serial) > 4)
			return false;
	return true;
}

/* Whatever is done to a ring, its slots' serials are the newest five. */
static void serials(struct kunit *test)
{
	struct cb_master master = { .clock = CB_CLOCK_WALL };
	struct cb_ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);
	struct cb_epoch_by by = { .master = &master, .now_ms = NOW, .wall_ms = NOW * 1000,
				  .len_ms = 2000 };
	unsigned int i, wrong = 0;

	fix_master(master.secret);
	cb_epoch_restart(ring, &by, 1);
	for (i = 0; i < 2000; i++) {
		u32 dice = get_random_u32();

		while (cb_epoch_newest(ring)->start_ms <= by.now_ms)
			cb_epoch_append(ring, &by);
		if (!(dice % 31))
			cb_epoch_restart(ring, &by, cb_epoch_newest(ring)->epoch + 1);
		else if (!(dice % 7))
			cb_epoch_replace(ring, &by, dice & 256);
		while (cb_epoch_newest(ring)->start_ms <= by.now_ms)
			cb_epoch_append(ring, &by);
		wrong += !hand_over(ring, &by);
		by.now_ms += dice % 3000;
		by.wall_ms += dice % 97 ? dice % 3000 : 1000000;
		by.len_ms = dice % 53 ? by.len_ms : 2000 + dice % 9000;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0u);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(exact),
	KUNIT_CASE(one_life),
	KUNIT_CASE(repeats_end),
	KUNIT_CASE(undone),
	KUNIT_CASE(full),
	KUNIT_CASE(by_epochs),
	KUNIT_CASE(newer),
	KUNIT_CASE(serials),
	{}
};

static struct kunit_suite suite = {
	.name = "cookiebox_prints",
	.test_cases = cases,
};

kunit_test_suite(suite);
