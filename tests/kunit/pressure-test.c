// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_pressure: when a service engages, and when it is released. */
#include "fixture.h"
#include <linux/minmax.h>
#include "pressure.h"

static const struct high_case {
	const char *name;
	u32 queue, stale, backlog, percent;
	bool high;
} high_cases[] = {
	{ "empty", 0, 0, 128, 50, false },
	{ "one below", 63, 0, 128, 50, false },
	{ "half", 64, 0, 128, 50, true },
	{ "full, at 100", 128, 0, 128, 100, true },
	{ "one left, at 100", 127, 0, 128, 100, false },
	{ "past the backlog", 200, 0, 128, 100, true },
	{ "odd backlog is rounded up", 2, 0, 5, 50, false },
	{ "odd backlog, reached", 3, 0, 5, 50, true },
	{ "backlog of 1", 1, 0, 1, 50, true },
	{ "backlog of 1, empty", 0, 0, 1, 50, false },
	{ "no backlog", 0, 0, 0, 50, false },
	{ "all of it is left over", 64, 64, 128, 50, false },
	{ "half of the rest", 96, 64, 128, 50, true },
	{ "just under", 95, 64, 128, 50, false },
	{ "unknown what is left over", 64, U32_MAX, 128, 50, false },
	{ "full of what is left over", 128, U32_MAX, 128, 50, true },
	{ "largest", U32_MAX, 0, U32_MAX, 100, true },
	{ "largest, one below", U32_MAX - 1, 0, U32_MAX, 100, false },
};

static void high_desc(const struct high_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(high, high_cases, high_desc);

static void high(struct kunit *test)
{
	const struct high_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, cb_pressure_high(c->queue, c->stale, c->backlog, c->percent),
			c->high);
}

static void life(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, cb_pressure_life_ms(0), 1000u);
	KUNIT_EXPECT_EQ(test, cb_pressure_life_ms(1), 3000u);
	KUNIT_EXPECT_EQ(test, cb_pressure_life_ms(5), 63000u);
	KUNIT_EXPECT_EQ(test, cb_pressure_life_ms(7), 247000u);
	KUNIT_EXPECT_EQ(test, cb_pressure_life_ms(1000), cb_pressure_life_ms(255));
}

/* A listener whose requests are never answered, second by second, and a service before it. */
#define BACKLOG		128u
#define LIFE_S		63u
#define ENGAGE		50u

struct host {
	struct cb_pressure_bounds bounds;
	struct cb_pressure pressure;
	u32 age[LIFE_S];		/* requests, by the second in which they came */
	u32 queue, stale, most;
	unsigned int now, engagements;
	unsigned int changed;		/* when */
	bool engaged;
};

static struct host *new_host(struct kunit *test, u32 hold_s)
{
	struct host *h = kunit_kmalloc(test, sizeof(*h), GFP_KERNEL);

	memset(h, 0, sizeof(*h));
	h->bounds.capacity = BACKLOG;
	h->bounds.life_ms = cb_pressure_life_ms(5);
	h->bounds.release = 25;
	h->bounds.hold_s = hold_s;
	return h;
}

static void syn(struct host *h, s64 *answered)
{
	if (h->queue < h->stale)
		h->stale = h->queue;
	if (!h->engaged && cb_pressure_high(h->queue, h->stale, BACKLOG, ENGAGE)) {
		h->engaged = true;
		h->changed = h->now;
		h->engagements++;
		cb_pressure_begin(&h->pressure, &h->bounds);
	}
	if (h->engaged) {
		(*answered)++;
		return;
	}
	h->age[h->now % LIFE_S]++;
	h->queue++;
	h->most = max(h->most, h->queue);
}

static void second(struct host *h, unsigned int syns)
{
	s64 answered = 0;

	h->now++;
	h->queue -= h->age[h->now % LIFE_S];
	h->age[h->now % LIFE_S] = 0;
	while (syns--)
		syn(h, &answered);
	if (!h->engaged || !cb_pressure_step(&h->pressure, &h->bounds, answered, 1000))
		return;
	h->engaged = false;
	h->stale = U32_MAX;
	h->changed = h->now;
}

static const struct flood_case {
	const char *name;
	unsigned int rate, seconds, hold_s;
} flood_cases[] = {
	{ "a second of 10,000", 10000, 1, 10 },
	{ "a minute of 10,000", 10000, 60, 10 },
	{ "a minute of 10", 10, 60, 10 },
	{ "an hour of 100", 100, 3600, 10 },
	{ "ten minutes of 2", 2, 600, 10 },
	{ "hold of 1 s", 1000, 30, 1 },
	{ "hold of 60 s", 1000, 30, 60 },
};

static void flood_desc(const struct flood_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(flood, flood_cases, flood_desc);

/* Engages before the backlog is full, and is released a hold time after the end. */
static void flood(struct kunit *test)
{
	const struct flood_case *c = test->param_value;
	struct host *h = new_host(test, c->hold_s);
	unsigned int i, end;

	for (i = 0; i < c->seconds; i++)
		second(h, c->rate);
	KUNIT_EXPECT_TRUE(test, h->engaged);
	end = h->now;
	for (i = 0; i < 4000; i++)
		second(h, 0);
	KUNIT_EXPECT_FALSE(test, h->engaged);
	KUNIT_EXPECT_EQ(test, h->engagements, 1u);
	KUNIT_EXPECT_TRUE(test, h->most < BACKLOG);
	KUNIT_EXPECT_TRUE(test, h->changed >= end + c->hold_s);
	KUNIT_EXPECT_TRUE(test, h->changed <= end + c->hold_s + 2);
}

/* What is left of the flood in the queue does not engage anew. */
static void left_over(struct kunit *test)
{
	struct host *h = new_host(test, 10);
	unsigned int i;

	second(h, 10000);
	for (i = 0; i < 100; i++)
		second(h, i % 5 == 0);
	KUNIT_EXPECT_EQ(test, h->engagements, 1u);
	KUNIT_EXPECT_FALSE(test, h->engaged);
	for (i = 0; i < 3; i++)
		second(h, 10000);
	KUNIT_EXPECT_EQ(test, h->engagements, 2u);
	KUNIT_EXPECT_TRUE(test, h->most < BACKLOG);
}

/* SYNs a minute, evenly; for a day. */
static const struct slow_case {
	const char *name;
	unsigned int per_minute;
	bool engaged;
} slow_cases[] = {
	{ "below release", 20, false },
	{ "between release and engage", 45, false },
	{ "just under the threshold", 59, false },
	{ "at the threshold", 61, true },
	{ "just over", 66, true },
	{ "twice", 120, true },
};

static void slow_desc(const struct slow_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(slow, slow_cases, slow_desc);

static void slow(struct kunit *test)
{
	const struct slow_case *c = test->param_value;
	struct host *h = new_host(test, 10);
	unsigned int i, due = 0;

	for (i = 0; i < 86400; i++) {
		due += c->per_minute;
		second(h, due / 60);
		due %= 60;
	}
	KUNIT_EXPECT_EQ(test, h->engaged, c->engaged);
	KUNIT_EXPECT_EQ(test, h->engagements, (unsigned int)c->engaged);
}

/* Once engaged, what lies between the two does not release; what is below does. */
static void hysteresis(struct kunit *test)
{
	struct host *h = new_host(test, 10);
	unsigned int i;

	second(h, 100);
	for (i = 0; i < 36000; i++)
		second(h, i % 4 < 3);		/* 47 of 128 would be there */
	KUNIT_EXPECT_TRUE(test, h->engaged);
	for (i = 0; i < 36000; i++)
		second(h, i % 4 == 0);		/* 16 */
	KUNIT_EXPECT_FALSE(test, h->engaged);
	KUNIT_EXPECT_EQ(test, h->engagements, 1u);
}

/* Handshakes that take their time are no attack, and none that outweighs one. */
static void in_flight(struct kunit *test)
{
	struct host *h = new_host(test, 10);
	struct cb_pressure *p = &h->pressure;
	unsigned int i;
	bool off = false;

	cb_pressure_begin(p, &h->bounds);
	for (i = 0; i < 30 && !off; i++)
		off = cb_pressure_step(p, &h->bounds, i % 2 ? -20 : 20, 1000);
	KUNIT_EXPECT_TRUE(test, off && i >= 10);
	cb_pressure_begin(p, &h->bounds);
	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_FALSE(test, cb_pressure_step(p, &h->bounds, i % 2 ? -20 : 30, 1000));
}

/* Whatever is counted, nothing overflows (here under UBSAN). */
static void extremes(struct kunit *test)
{
	static const s64 counts[] = { 0, 1, -1, 1LL << 40, -(1LL << 40), (s64)(~0ULL >> 1) };
	struct cb_pressure_bounds b = { .release = 99, .hold_s = ~0u };
	struct cb_pressure p;
	unsigned int i, j;

	b.life_ms = cb_pressure_life_ms(255);
	for (i = 0; i < 2; i++) {
		b.capacity = i ? U32_MAX : 0;
		cb_pressure_begin(&p, &b);
		for (j = 0; j < 100; j++)
			cb_pressure_step(&p, &b, counts[j % 6], j % 7 ? 1000 : U32_MAX);
		KUNIT_EXPECT_TRUE(test, p.level >= 0);
	}
}

static struct kunit_case pressure_cases[] = {
	KUNIT_CASE_PARAM(high, high_gen_params),
	KUNIT_CASE(life),
	KUNIT_CASE_PARAM(flood, flood_gen_params),
	KUNIT_CASE(left_over),
	KUNIT_CASE_PARAM(slow, slow_gen_params),
	KUNIT_CASE(hysteresis),
	KUNIT_CASE(in_flight),
	KUNIT_CASE(extremes),
	{}
};

static struct kunit_suite pressure_suite = {
	.name = "cookiebox_pressure",
	.test_cases = pressure_cases,
};

kunit_test_suites(&pressure_suite);
