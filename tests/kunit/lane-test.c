// SPDX-License-Identifier: GPL-2.0
/*
 * Suite cookiebox_lane: places, rings and times of one CPU's memory of SYN-ACKs, and
 * what it takes for calm.
 */
#include "fixture.h"
#include <linux/minmax.h>
#include "lane.h"

#define START	0xfffff000u		/* ms: wraps within the test */
#define PLACES	64u

static struct cb_lane *new_lane(struct kunit *test, u32 places)
{
	struct cb_lane *lane = kunit_kmalloc(test, cb_lane_bytes(places), GFP_KERNEL);

	memset(lane, 0, cb_lane_bytes(places));
	cb_lane_init(lane, places);
	return lane;
}

static struct cb_embryo embryo(u16 port, u32 cisn)
{
	struct cb_embryo e;

	memset(&e, 0, sizeof(e));
	e.tuple = fix_tuple4();
	e.tuple.sport = cpu_to_be16(port);
	e.cisn = cisn;
	e.isn = ~cisn;
	return e;
}

/* As embryonic.c's, but one that a test can choose: spread over all places. */
static u32 hash_of(u16 port)
{
	return (u32)port * 0x9e3779b1u;
}

static void keep(struct cb_lane *lane, u16 port, u32 cisn, u32 now)
{
	struct cb_embryo e = embryo(port, cisn);

	cb_lane_keep(lane, hash_of(port), &e, now);
}

static struct cb_embryo *find(struct cb_lane *lane, u16 port)
{
	struct cb_embryo e = embryo(port, 0);

	return cb_lane_find(lane, hash_of(port), &e.tuple);
}

/* Every ring in order and linked both ways, every place on one of them or free. */
static void whole(struct kunit *test, struct cb_lane *lane)
{
	u32 ring, i, at, seen = 0, taken = 0;
	s32 waits = 0;

	for (ring = 0; ring < CB_LANE_RINGS; ring++) {
		const struct cb_ring_ends *r = &lane->ring[ring];

		for (i = 0, at = r->first; i < r->n; i++, at = lane->place[at].next) {
			const struct cb_embryo *e = &lane->place[at];

			KUNIT_EXPECT_EQ(test, (u32)e->ring, ring + 1);
			if (i)
				KUNIT_EXPECT_TRUE(test, (s32)(e->due - waits) >= 0);
			waits = e->due;
			if (i + 1 == r->n)
				KUNIT_EXPECT_EQ(test, at, (u32)r->last);
			else
				KUNIT_EXPECT_EQ(test, (u32)lane->place[e->next].prev, at);
		}
		seen += r->n;
	}
	for (i = 0; i < lane->places; i++)
		taken += !!lane->place[i].ring;
	KUNIT_EXPECT_EQ(test, seen, lane->used);
	KUNIT_EXPECT_EQ(test, taken, lane->used);
}

/* At 1, 3 and 7 s, and forgotten at 8. */
static void times(struct kunit *test)
{
	struct cb_lane *lane = new_lane(test, PLACES);
	u32 t, due = 0, at[4], n = 0;
	struct cb_embryo e;

	keep(lane, 1, 7, START);
	KUNIT_EXPECT_TRUE(test, cb_lane_next(lane, &due));
	KUNIT_EXPECT_EQ(test, due, START + 1000);
	for (t = 0; t < 10000; t += 10)
		while (cb_lane_due(lane, START + t, &e)) {
			KUNIT_EXPECT_EQ(test, e.isn, ~7u);
			at[n++ & 3] = t;
		}
	KUNIT_EXPECT_EQ(test, n, 3u);
	KUNIT_EXPECT_EQ(test, at[0], 1000u);
	KUNIT_EXPECT_EQ(test, at[1], 3000u);
	KUNIT_EXPECT_EQ(test, at[2], 7000u);
	KUNIT_EXPECT_EQ(test, lane->used, 0u);
	KUNIT_EXPECT_FALSE(test, cb_lane_next(lane, &due));
}

/* The client sends its SYN at 0, 1, 3 and 7 s itself: no copy comes of that. */
static void syn_again(struct kunit *test)
{
	static const u32 syn[] = { 0, 990, 2980, 6970 };
	struct cb_lane *lane = new_lane(test, PLACES);
	u32 i, t = 0, copies = 0;
	struct cb_embryo e;

	for (i = 0; i < ARRAY_SIZE(syn); i++) {
		for (; t < syn[i]; t++)
			copies += cb_lane_due(lane, START + t, &e);
		keep(lane, 1, 7, START + t);
		whole(test, lane);
	}
	KUNIT_EXPECT_EQ(test, copies, 0u);
	KUNIT_EXPECT_EQ(test, lane->used, 1u);
}

/* Sent again without patience, it brings no time forward. */
static void syn_hasty(struct kunit *test)
{
	struct cb_lane *lane = new_lane(test, PLACES);
	struct cb_embryo e;
	u32 t, copies = 0;

	for (t = 0; t < 9000; t++) {
		if (t < 400)
			keep(lane, 1, 7, START + t);
		copies += cb_lane_due(lane, START + t, &e);
	}
	KUNIT_EXPECT_EQ(test, copies, 3u);
	KUNIT_EXPECT_EQ(test, lane->used, 0u);
}

/* Another SYN of the tuple is another handshake: the old one is never sent again. */
static void syn_other(struct kunit *test)
{
	struct cb_lane *lane = new_lane(test, PLACES);
	struct cb_embryo e;

	keep(lane, 1, 7, START);
	keep(lane, 1, 8, START + 600);
	KUNIT_EXPECT_EQ(test, lane->used, 1u);
	KUNIT_EXPECT_FALSE(test, cb_lane_due(lane, START + 1500, &e));
	KUNIT_EXPECT_TRUE(test, cb_lane_due(lane, START + 1600, &e));
	KUNIT_EXPECT_EQ(test, e.cisn, 8u);
	whole(test, lane);
}

/* Of two entries in the two places of a hash the one that has waited longer goes. */
static void crowded(struct kunit *test)
{
	struct cb_lane *lane = new_lane(test, 2);
	struct cb_embryo e;

	keep(lane, 1, 7, START);
	keep(lane, 2, 7, START + 1);
	KUNIT_EXPECT_TRUE(test, cb_lane_due(lane, START + 1001, &e));
	keep(lane, 3, 7, START + 1001);
	KUNIT_EXPECT_TRUE(test, !find(lane, 1));
	KUNIT_EXPECT_TRUE(test, find(lane, 2));
	keep(lane, 4, 7, START + 1002);
	KUNIT_EXPECT_TRUE(test, !find(lane, 2));
	KUNIT_EXPECT_TRUE(test, find(lane, 3));
	KUNIT_EXPECT_EQ(test, lane->used, 2u);
	whole(test, lane);
}

static const u32 sizes[] = { 1, 2, 3, 7, 64, 1024 };

static void size_desc(const u32 *places, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u places", *places);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

/* Everything in disorder for an hour: always whole, nothing is sent more than thrice. */
static void disorder(struct kunit *test)
{
	const u32 *places = test->param_value;
	struct cb_lane *lane = new_lane(test, *places);
	u8 *sent = kunit_kmalloc(test, 1 << 16, GFP_KERNEL);
	u32 t, state = 1, most = 0;
	struct cb_embryo e, *found;

	memset(sent, 0, 1 << 16);
	for (t = 0; t < 3600000; t += 37) {
		u16 port;

		state = state * 1664525 + 1013904223;
		port = state >> 20;
		if (state & 1 << 8) {
			sent[port] = 0;
			keep(lane, port, t, START + t);
			KUNIT_EXPECT_TRUE(test, find(lane, port));
		} else {
			found = find(lane, port);
			if (found)
				cb_lane_forget(lane, found);
		}
		while (cb_lane_due(lane, START + t, &e)) {
			sent[be16_to_cpu(e.tuple.sport)]++;
			most = max(most, (u32)sent[be16_to_cpu(e.tuple.sport)]);
		}
		if (!(t % 37000))
			whole(test, lane);
		if (t == 37 * 50000)
			cb_lane_clear(lane);
	}
	KUNIT_EXPECT_LE(test, most, 3u);
	KUNIT_EXPECT_TRUE(test, most == 3 || *places < 1024);
	for (; t < 3620000; t += 37)
		while (cb_lane_due(lane, START + t, &e))
			;
	KUNIT_EXPECT_EQ(test, lane->used, 0u);
	whole(test, lane);
}

/* @rate SYNs a second, @redeemed of 16 of them honest, for @seconds; calm ones are counted. */
static u32 load(struct cb_lane *lane, u64 *now, u32 rate, u32 redeemed, u32 seconds)
{
	u32 i, calm = 0;

	for (i = 0; i < rate * seconds; i++) {
		calm += cb_lane_calm(lane, *now + (u64)i * 1000 / rate);
		if (i % 16 < redeemed)
			cb_lane_redeemed(lane);
	}
	*now += 1000 * seconds;
	return calm;
}

/* Memory for eight seconds of what is calm; then not calm, for two seconds and more. */
static void calm(struct kunit *test)
{
	struct cb_lane *lane = new_lane(test, 1024);
	u64 now = 1000000;

	KUNIT_EXPECT_EQ(test, load(lane, &now, 100, 0, 60), 6000u);
	KUNIT_EXPECT_EQ(test, load(lane, &now, 20000, 16, 10), 200000u);
	KUNIT_EXPECT_TRUE(test, cb_lane_is_calm(lane, now));
	KUNIT_EXPECT_LE(test, load(lane, &now, 1000, 0, 60), 256u);
	KUNIT_EXPECT_FALSE(test, cb_lane_is_calm(lane, now));
	KUNIT_EXPECT_LE(test, load(lane, &now, 20000, 8, 60), 0u);
	KUNIT_EXPECT_FALSE(test, cb_lane_is_calm(lane, now));
	KUNIT_EXPECT_FALSE(test, cb_lane_is_calm(lane, now + 2047));
	now += 3072;
	KUNIT_EXPECT_TRUE(test, cb_lane_is_calm(lane, now));
	KUNIT_EXPECT_EQ(test, load(lane, &now, 100, 0, 10), 1000u);
}

static struct kunit_case lane_cases[] = {
	KUNIT_CASE(times),
	KUNIT_CASE(syn_again),
	KUNIT_CASE(syn_hasty),
	KUNIT_CASE(syn_other),
	KUNIT_CASE(crowded),
	KUNIT_CASE_PARAM(disorder, size_gen_params),
	KUNIT_CASE(calm),
	{}
};

static struct kunit_suite lane_suite = {
	.name = "cookiebox_lane",
	.test_cases = lane_cases,
};

kunit_test_suites(&lane_suite);
