// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_options: the option parser, on honest and on hostile bytes. */
#include "fixture.h"

#define BAD	CB_R_BAD_OPTIONS
#define ALL	(CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS)
#define TS	8, 10, 1, 2, 3, 4, 5, 6, 7, 8

static const struct option_case {
	const char *name;
	u8 len;
	u8 byte[40];
	enum cb_reason reason;
	u8 has;
	u16 mss;
	u8 wscale;
} option_cases[] = {
	{ "none", 0, { 0 }, CB_R_NONE, 0, 0, 0 },
	{ "Linux", 20, { 2, 4, 5, 180, 4, 2, TS, 1, 3, 3, 7 }, CB_R_NONE, ALL, 1460, 7 },
	{ "Windows", 12, { 2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2 }, CB_R_NONE,
	  CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK, 1460, 8 },
	{ "MacOS", 24, { 2, 4, 5, 180, 1, 3, 3, 6, 1, 1, TS, 4, 2, 0, 0 }, CB_R_NONE,
	  ALL, 1460, 6 },
	{ "aligned timestamps", 12, { 1, 1, TS }, CB_R_NONE, CB_OPT_TS, 0, 0 },
	{ "timestamps alone", 10, { TS }, CB_R_NONE, CB_OPT_TS, 0, 0 },
	{ "timestamps last", 12, { TS, 1, 1 }, CB_R_NONE, CB_OPT_TS, 0, 0 },
	{ "timestamps twice", 20, { TS, TS }, BAD, 0, 0, 0 },
	{ "timestamps twice, aligned", 24, { 1, 1, TS, 1, 1, TS }, BAD, 0, 0, 0 },
	{ "end of list hides the rest", 4, { 0, 2, 4, 5 }, CB_R_NONE, 0, 0, 0 },
	{ "only no-ops", 3, { 1, 1, 1 }, CB_R_NONE, 0, 0, 0 },
	{ "unknown kind", 4, { 253, 4, 9, 9 }, CB_R_NONE, 0, 0, 0 },
	{ "unknown kind then MSS", 8, { 77, 4, 9, 9, 2, 4, 5, 180 }, CB_R_NONE,
	  CB_OPT_MSS, 1460, 0 },
	{ "last byte a bare kind", 5, { 2, 4, 5, 180, 3 }, BAD, 0, 0, 0 },
	{ "one byte, a bare kind", 1, { 8 }, BAD, 0, 0, 0 },
	{ "length 0", 4, { 5, 0, 0, 0 }, BAD, 0, 0, 0 },
	{ "length 1", 4, { 77, 1, 0, 0 }, BAD, 0, 0, 0 },
	{ "length 1 past the end", 3, { 77, 4, 0 }, BAD, 0, 0, 0 },
	{ "length 255", 40, { 77, 255 }, BAD, 0, 0, 0 },
	{ "MSS of 3", 4, { 2, 3, 5, 0 }, BAD, 0, 0, 0 },
	{ "window scale of 4", 4, { 3, 4, 7, 0 }, BAD, 0, 0, 0 },
	{ "SACK permitted of 3", 4, { 4, 3, 0, 0 }, BAD, 0, 0, 0 },
	{ "timestamps of 9", 12, { 8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1 }, BAD, 0, 0, 0 },
	{ "MD5 of 17", 20, { 19, 17 }, BAD, 0, 0, 0 },
	{ "AO of 3", 4, { 29, 3, 0, 0 }, BAD, 0, 0, 0 },
	{ "MD5", 20, { 19, 18 }, CB_R_NONE, CB_OPT_AUTH, 0, 0 },
	{ "AO", 16, { 29, 16 }, CB_R_NONE, CB_OPT_AUTH, 0, 0 },
	{ "MPTCP", 4, { 30, 4, 1, 1 }, CB_R_NONE, CB_OPT_MPTCP, 0, 0 },
	{ "MPTCP, one more path", 4, { 30, 4, 0x10, 1 }, CB_R_NONE, CB_OPT_MPTCP | CB_OPT_JOIN, 0, 0 },
	{ "Fast Open request", 4, { 34, 2, 1, 1 }, CB_R_NONE, CB_OPT_FASTOPEN, 0, 0 },
	{ "scale 15 is 14", 4, { 3, 3, 15, 0 }, CB_R_NONE, CB_OPT_WSCALE, 0, 14 },
	{ "scale 255 is 14", 4, { 3, 3, 255, 0 }, CB_R_NONE, CB_OPT_WSCALE, 0, 14 },
	{ "MSS 0 was offered", 4, { 2, 4, 0, 0 }, CB_R_NONE, CB_OPT_MSS, 0, 0 },
};

static void option_desc(const struct option_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(option, option_cases, option_desc);

static void table(struct kunit *test)
{
	const struct option_case *c = test->param_value;
	u8 *exact = kunit_kmalloc(test, c->len, GFP_KERNEL);
	struct cb_options opt;

	memcpy(exact, c->byte, c->len);
	KUNIT_EXPECT_EQ(test, cb_options_parse(&opt, exact, c->len, true), c->reason);
	if (c->reason != CB_R_NONE)
		return;
	KUNIT_EXPECT_EQ(test, opt.has, c->has);
	KUNIT_EXPECT_EQ(test, opt.mss, c->mss);
	KUNIT_EXPECT_EQ(test, opt.wscale, c->wscale);
	if (c->has & CB_OPT_TS) {
		KUNIT_EXPECT_EQ(test, opt.tsval, 0x01020304u);
		KUNIT_EXPECT_EQ(test, opt.tsecr, 0x05060708u);
	}
}

/* Outside a SYN they are checked for length, but do not count (RFC 7323 2.2). */
static void syn_only(struct kunit *test)
{
	static const u8 linux_syn[20] = { 2, 4, 5, 180, 4, 2, TS, 1, 3, 3, 7 };
	struct cb_options opt;

	KUNIT_EXPECT_EQ(test, cb_options_parse(&opt, linux_syn, 20, false), CB_R_NONE);
	KUNIT_EXPECT_EQ(test, opt.has, (u8)CB_OPT_TS);
	KUNIT_EXPECT_EQ(test, opt.mss, 0);
	KUNIT_EXPECT_EQ(test, opt.wscale, 0);
}

/* What a second, slower reader thinks: does the list end well, with how many
 * timestamp options?
 */
static bool well_formed(const u8 *p, unsigned int len)
{
	static const u8 fixed[35] = { [2] = 4, [3] = 3, [4] = 2, [8] = 10, [19] = 18 };
	unsigned int i = 0, stamps = 0;

	while (i < len && p[i] != 0) {
		unsigned int kind = p[i], size;

		if (kind == 1) {
			i++;
			continue;
		}
		if (i + 1 == len)
			return false;
		size = p[i + 1];
		if (size < 2 || i + size > len)
			return false;
		if (kind < 35 && fixed[kind] && fixed[kind] != size)
			return false;
		if ((kind == 29 && size < 4) || (kind == 30 && size < 3))
			return false;
		stamps += kind == 8;
		i += size;
	}
	return stamps < 2;
}

static u32 next_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Bytes that look like options often enough to get deep. */
static void fill_hostile(u8 *p, unsigned int len, u32 *state)
{
	static const u8 likely[] = { 0, 1, 1, 2, 3, 4, 5, 8, 10, 10, 18, 19, 29, 30, 34, 255 };
	unsigned int i;

	for (i = 0; i < len; i++) {
		u32 r = next_random(state);

		p[i] = r & 1 ? likely[r >> 1 & 15] : r >> 1;
	}
}

/* Every length in a buffer of exactly that size: KASAN and ASAN watch the ends. */
static void hostile_bytes(struct kunit *test)
{
	unsigned int len, round, good = 0, bad = 0;
	struct cb_options opt;
	u32 state = 1;

	for (len = 0; len <= 40; len++) {
		u8 *exact = kunit_kmalloc(test, len, GFP_KERNEL);

		for (round = 0; round < 20000; round++) {
			bool fine;

			fill_hostile(exact, len, &state);
			fine = cb_options_parse(&opt, exact, len, round & 1) == CB_R_NONE;
			good += fine;
			bad += fine != well_formed(exact, len) || opt.wscale > 14;
		}
	}
	KUNIT_EXPECT_EQ(test, bad, 0u);
	KUNIT_EXPECT_NE(test, good, 0u);
}

/* Every kind with every length, cut off at every place. */
static void every_kind_and_length(struct kunit *test)
{
	unsigned int kind, size, len, bad = 0;
	struct cb_options opt;

	for (len = 0; len <= 40; len++) {
		u8 *exact = kunit_kmalloc(test, len, GFP_KERNEL);

		memset(exact, 1, len);
		for (kind = 0; kind < 256 && len; kind++) {
			exact[0] = kind;
			for (size = 0; size < 256; size++) {
				if (len > 1)
					exact[1] = size;
				bad += well_formed(exact, len) !=
				       (cb_options_parse(&opt, exact, len, true) == CB_R_NONE);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, bad, 0u);
}

static struct kunit_case options_cases[] = {
	KUNIT_CASE_PARAM(table, option_gen_params),
	KUNIT_CASE(syn_only),
	KUNIT_CASE(hostile_bytes),
	KUNIT_CASE(every_kind_and_length),
	{}
};

static struct kunit_suite options_suite = {
	.name = "cookiebox_options",
	.test_cases = options_cases,
};

kunit_test_suites(&options_suite);
