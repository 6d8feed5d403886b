// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_clock: the flow clock's window and F. */
#include "fixture.h"

#define LIFE	64000u
#define OFFSET	0x9abcdef0u

static const struct age_case {
	const char *name;
	u32 now;
	s64 sent_ago;		/* ms; negative: ahead */
	u32 skew;
	bool ok;
} age_cases[] = {
	{ "just sent", 1000000, 0, 0, true },
	{ "one ms ago", 1000000, 1, 0, true },
	{ "oldest", 1000000, LIFE - 1, 0, true },
	{ "too old by one", 1000000, LIFE, 0, false },
	{ "an hour ago", 100000000, 3600000, 0, false },
	{ "ahead, no skew", 1000000, -1, 0, false },
	{ "ahead within skew", 1000000, -1000, 1000, true },
	{ "ahead past skew", 1000000, -1001, 1000, false },
	{ "half the circle", 1000000, 0x80000000LL, 1000, false },
	{ "clock at 0, sent before the wrap", 0, 1, 0, true },
	{ "clock at 0, oldest", 0, LIFE - 1, 0, true },
	{ "clock at 0, too old", 0, LIFE, 0, false },
	{ "clock at its end", 0xffffffff, 5, 0, true },
	{ "ahead across the wrap", 0xffffffff, -2, 2, true },
};

static void age_desc(const struct age_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(age, age_cases, age_desc);

static void window(struct kunit *test)
{
	const struct age_case *c = test->param_value;
	u32 tsecr = c->now - (u32)c->sent_ago + OFFSET;
	u32 age = 0xdead;

	KUNIT_EXPECT_EQ(test, cb_flow_age(OFFSET, c->now, tsecr, LIFE, c->skew, &age), c->ok);
	if (c->ok)
		KUNIT_EXPECT_EQ(test, age, c->sent_ago > 0 ? (u32)c->sent_ago : 0);
}

/* Of all 2^32 echoes exactly life + skew are in the window; a step of 251 finds
 * the two edges to within that.
 */
static void window_width(struct kunit *test)
{
	u32 tsecr = 0, inside = 0, age, n;

	for (n = 0; n < 0xffffffffu / 251; n++, tsecr += 251)
		inside += cb_flow_age(OFFSET, 12345, tsecr, LIFE, 0, &age);
	KUNIT_EXPECT_TRUE(test, inside >= LIFE / 251 && inside <= LIFE / 251 + 1);
}

static void offset_known(struct kunit *test)
{
	struct cb_flow_pair pair = { .key = fix_key(CB_KEY_COOKIE_TS, 10), .base = FIX_BASE };
	struct cb_tuple tuple = fix_tuple4();

	KUNIT_EXPECT_EQ(test, cb_flow_offset(&pair, &tuple), 0x804ad3f9u);
	tuple = fix_tuple6();
	KUNIT_EXPECT_EQ(test, cb_flow_offset(&pair, &tuple), 0xad9acee0u);
	pair.base += 0x80000000u;
	KUNIT_EXPECT_EQ(test, cb_flow_offset(&pair, &tuple), 0x2d9acee0u);
}

/* Every field of the tuple is in F, ports included (CVE-2026-23247). */
static void offset_binds_tuple(struct kunit *test)
{
	struct cb_flow_pair pair = { .key = fix_key(CB_KEY_COOKIE_TS, 10) };
	int family;

	for (family = AF_INET; family; family = family == AF_INET ? AF_INET6 : 0) {
		struct cb_tuple tuple = fix_tuple(family), t;
		u32 offset = cb_flow_offset(&pair, &tuple);

		t = tuple;
		t.saddr.a[0] ^= cpu_to_be32(1);
		KUNIT_EXPECT_NE(test, cb_flow_offset(&pair, &t), offset);
		t = tuple;
		t.daddr.a[0] ^= cpu_to_be32(1);
		KUNIT_EXPECT_NE(test, cb_flow_offset(&pair, &t), offset);
		t = tuple;
		t.sport ^= cpu_to_be16(1);
		KUNIT_EXPECT_NE(test, cb_flow_offset(&pair, &t), offset);
		t = tuple;
		t.dport ^= cpu_to_be16(1);
		KUNIT_EXPECT_NE(test, cb_flow_offset(&pair, &t), offset);
		t = tuple;
		t.family = family == AF_INET ? AF_INET6 : AF_INET;
		KUNIT_EXPECT_NE(test, cb_flow_offset(&pair, &t), offset);
	}
}

static struct kunit_case clock_cases[] = {
	KUNIT_CASE_PARAM(window, age_gen_params),
	KUNIT_CASE(window_width),
	KUNIT_CASE(offset_known),
	KUNIT_CASE(offset_binds_tuple),
	{}
};

static struct kunit_suite clock_suite = {
	.name = "cookiebox_clock",
	.test_cases = clock_cases,
};

kunit_test_suites(&clock_suite);
