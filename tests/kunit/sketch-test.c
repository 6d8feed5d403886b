// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_sketch: an estimate of handshakes that are not completed, and the truth. */
#include <linux/minmax.h>
#include "fixture.h"
#include "sketch.h"

#define START		1000000ull	/* ms */
#define RTT		50u		/* ms: a handshake that is completed takes so long */
#define LIFE		3000u		/* ms */

static struct cb_sketch *new_sketch(struct kunit *test, u32 life_ms)
{
	struct cb_sketch *s = kunit_kmalloc(test, sizeof(*s) + 64, GFP_KERNEL);
	siphash_key_t key = fix_key(CB_KEY_GATE, 0);

	s = (struct cb_sketch *)(((unsigned long)s + 63) & ~63ul);
	memset(s, 0, sizeof(*s));
	cb_sketch_init(s, &key, life_ms);
	return s;
}

/* The client of a number; no two are alike. */
static struct cb_tuple client(u64 n, int family)
{
	struct cb_tuple t = fix_tuple(family);

	t.saddr.a[0] = cpu_to_be32(0x0a000000 + (u32)(n >> 14));
	t.sport = cpu_to_be16(1024 + (n & 0x3fff));
	return t;
}

static u32 isn_of(u64 n)
{
	return (u32)n * 2654435761u;
}

/*
 * Traffic as a function of time: `rate` new clients a second, in each hundred so many that
 * complete, and so many of the others that send their SYN again after 1 s and 3 s.  Client n
 * begins at n / rate, so the truth can be computed as well as counted.
 */
struct mix {
	const char *name;
	u32 rate;
	u32 completed, resent;	/* of 100 */
	u32 life_ms;
	u32 seconds;
	int family;
};

static bool completes(const struct mix *m, u64 n)
{
	return n % 100 < m->completed;
}

static bool resends(const struct mix *m, u64 n)
{
	return n % 100 >= 100 - m->resent;
}

/* The first client that begins at @ms or later. */
static u64 first_at(const struct mix *m, s64 ms)
{
	return ms <= 0 ? 0 : ((u64)ms * m->rate + 999) / 1000;
}

static void begin(struct cb_sketch *s, const struct mix *m, s64 ms, u32 ago, bool again)
{
	u64 n = first_at(m, ms - ago), end = first_at(m, ms - ago + 1);
	struct cb_tuple t;

	for (; n < end; n++) {
		if (again && (completes(m, n) || !resends(m, n)))
			continue;
		t = client(n, m->family);
		cb_sketch_begun(s, &t, START + ms);
		cb_sketch_answered(s, &t, isn_of(n), 7, START + ms);
	}
}

static void finish(struct cb_sketch *s, const struct mix *m, s64 ms)
{
	u64 n = first_at(m, ms - RTT), end = first_at(m, ms - RTT + 1);
	struct cb_tuple t;

	for (; n < end; n++) {
		if (!completes(m, n))
			continue;
		t = client(n, m->family);
		cb_sketch_acked(s, &t, 7, isn_of(n) + 1, START + ms);
	}
}

static void millisecond(struct cb_sketch *s, const struct mix *m, s64 ms)
{
	begin(s, m, ms, 0, false);
	finish(s, m, ms);
	if (m->resent && ms >= 1000)
		begin(s, m, ms, 1000, true);
	if (m->resent && ms >= 3000)
		begin(s, m, ms, 3000, true);
}

/* How many of the clients before number @n complete. */
static u64 completing(const struct mix *m, u64 n)
{
	return n / 100 * m->completed + min(n % 100, (u64)m->completed);
}

/* Those that will not complete, for a life, and those that have not yet. */
static u64 truth(const struct mix *m, s64 ms)
{
	u64 now = first_at(m, ms + 1);
	u64 over = first_at(m, ms + 1 - m->life_ms), done = first_at(m, ms + 1 - RTT);

	return now - over - (completing(m, done) - completing(m, over));
}

static const struct mix mixes[] = {
	{ "a visit now and then", 3, 100, 0, 63000, 120, AF_INET },
	{ "a quiet site", 100, 98, 2, 63000, 130, AF_INET },
	{ "a busy site", 5000, 99, 1, 63000, 70, AF_INET },
	{ "a busy site, IPv6", 5000, 99, 1, 63000, 20, AF_INET6 },
	{ "a slow flood", 30, 0, 0, 63000, 200, AF_INET },
	{ "one in two is abandoned", 1000, 50, 0, 63000, 130, AF_INET },
	{ "all are sent again", 1000, 0, 100, 63000, 70, AF_INET6 },
	{ "mixed: a third each", 3000, 33, 33, 63000, 70, AF_INET },
	{ "a flood of 100,000 a second", 100000, 0, 0, LIFE, 9, AF_INET },
	{ "that, with a busy site in it", 100000, 5, 10, LIFE, 9, AF_INET },
	{ "nearly all of 100,000 a second complete", 100000, 97, 1, LIFE, 9, AF_INET },
	{ "a flood of 1,000,000 a second", 1000000, 0, 0, LIFE, 4, AF_INET },
};

static void mix_desc(const struct mix *m, char *desc)
{
	strcpy(desc, m->name);
}

KUNIT_ARRAY_PARAM(mix, mixes, mix_desc);

/* At any time, from the first second to the steady state: within 10 %, or 2 of few. */
static void within_tenth(struct kunit *test)
{
	const struct mix *m = test->param_value;
	struct cb_sketch *s = new_sketch(test, m->life_ms);
	s64 ms;

	for (ms = 0; ms < m->seconds * 1000ll; ms++) {
		s64 real, off;

		millisecond(s, m, ms);
		if (ms % 100)
			continue;
		real = truth(m, ms);
		off = (s64)cb_sketch_estimate(s, START + ms) - real;
		KUNIT_EXPECT_LE(test, (off < 0 ? -off : off) * 10, max(real, 20ll));
	}
}

/* A flood that ends: all of it is forgotten, and what follows is counted exactly again. */
static void afterwards(struct kunit *test)
{
	const struct mix flood = { "", 200000, 0, 0, LIFE, 2, AF_INET };
	struct cb_sketch *s = new_sketch(test, LIFE);
	struct mix calm = { "", 1000, 0, 0, LIFE, 0, AF_INET6 };
	s64 ms, end = 2000;

	for (ms = 0; ms < end; ms++)
		millisecond(s, &flood, ms);
	KUNIT_EXPECT_TRUE(test, cb_sketch_estimate(s, START + end) > 360000);
	end += LIFE + 2 * 2048;
	KUNIT_EXPECT_EQ(test, cb_sketch_estimate(s, START + end), 0u);
	for (ms = 0; ms < 1000; ms++) {
		struct cb_tuple t = client(ms, calm.family);

		cb_sketch_begun(s, &t, START + end + ms);
	}
	KUNIT_EXPECT_EQ(test, cb_sketch_estimate(s, START + end + 1000), 1000u);
}

/* What began together is forgotten little by little as its slice of time ends. */
static void fades(struct kunit *test)
{
	struct cb_sketch *s = new_sketch(test, LIFE);
	u32 n, ms, last = 1000, steps = 0;

	for (n = 0; n < last; n++) {
		struct cb_tuple t = client(n, AF_INET);

		cb_sketch_begun(s, &t, START);
	}
	for (ms = 0; ms < LIFE + 200; ms++) {
		n = cb_sketch_estimate(s, START + ms);
		KUNIT_EXPECT_LE(test, n, last);
		steps += n < last && n;
		last = n;
	}
	KUNIT_EXPECT_EQ(test, last, 0u);
	KUNIT_EXPECT_LE(test, 4u, steps);
}

/* The calm within the storm: what is begun while the flood ages is counted. */
static void goes_down(struct kunit *test)
{
	const struct mix flood = { "", 1000000, 0, 0, 20000, 1, AF_INET };
	const struct mix calm = { "", 1000, 0, 0, 20000, 0, AF_INET6 };
	struct cb_sketch *s = new_sketch(test, 20000);
	u32 n = 0, off;
	s64 ms;

	for (ms = 0; ms < 500; ms++)
		millisecond(s, &flood, ms);
	for (; ms < 40000; ms++) {
		struct cb_tuple t = client(n++, calm.family);

		cb_sketch_begun(s, &t, START + ms);
	}
	off = cb_sketch_estimate(s, START + ms);
	off = off > 20000 ? off - 20000 : 20000 - off;
	KUNIT_EXPECT_LE(test, off, 2000u);
}

static u32 count(struct cb_sketch *s)
{
	return cb_sketch_estimate(s, START);
}

static void one(struct kunit *test)
{
	struct cb_tuple t = client(1, AF_INET), other = client(2, AF_INET);
	struct cb_sketch *s = new_sketch(test, LIFE);

	KUNIT_EXPECT_EQ(test, count(s), 0u);
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, 1, START));
	cb_sketch_begun(s, &t, START);
	cb_sketch_begun(s, &t, START);
	cb_sketch_begun(s, &t, START + 1000);
	KUNIT_EXPECT_EQ(test, count(s), 1u);
	/* Nobody who has not seen the SYN-ACK takes it out. */
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, 1, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, FIX_CISN + 1, START));
	cb_sketch_answered(s, &t, FIX_CISN, 7, START);
	cb_sketch_begun(s, &t, START);
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, FIX_CISN, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, FIX_CISN + 2, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &other, 7, FIX_CISN + 1, START));
	KUNIT_EXPECT_EQ(test, count(s), 1u);
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 8, FIX_CISN + 1, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, FIX_CISN + 0x10001, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 0x10007, FIX_CISN + 1, START));
	/* The RST that a wrong ACK draws does not, either. */
	cb_sketch_refused(s, &t, START);
	KUNIT_EXPECT_EQ(test, count(s), 1u);
	KUNIT_EXPECT_TRUE(test, cb_sketch_completes(s, &t, 7, FIX_CISN + 1, START));
	KUNIT_EXPECT_EQ(test, count(s), 1u);
	KUNIT_EXPECT_TRUE(test, cb_sketch_acked(s, &t, 7, FIX_CISN + 1, START));
	KUNIT_EXPECT_FALSE(test, cb_sketch_acked(s, &t, 7, FIX_CISN + 1, START));
	KUNIT_EXPECT_EQ(test, count(s), 0u);
	cb_sketch_begun(s, &t, START);
	cb_sketch_begun(s, &other, START);
	cb_sketch_refused(s, &t, START);
	cb_sketch_refused(s, &t, START);
	KUNIT_EXPECT_EQ(test, count(s), 1u);
}

/* Segments of a million connections that exist take none of the others out. */
static void not_theirs(struct kunit *test)
{
	struct cb_sketch *s = new_sketch(test, LIFE);
	u32 n, held, taken = 0;

	for (n = 0; n < 2000; n++) {
		struct cb_tuple t = client(n, AF_INET);

		cb_sketch_begun(s, &t, START);
		cb_sketch_answered(s, &t, n, 7, START);
	}
	held = count(s);
	KUNIT_EXPECT_TRUE(test, held > 1990);	/* some sets are full */
	for (n = 0; n < 1000000; n++) {
		struct cb_tuple t = client(n + 2000, AF_INET);

		taken += cb_sketch_acked(s, &t, 7, n, START);
	}
	KUNIT_EXPECT_EQ(test, taken, 0u);
	KUNIT_EXPECT_EQ(test, count(s), held);
}

/* However long nothing came, and however long a server remembers. */
static void long_gaps(struct kunit *test)
{
	static const u64 gaps[] = {
		540000, 600000, (1ull << 33) - 1234567, (3ull << 50) + 987654321,
	};
	struct cb_sketch *s = new_sketch(test, U32_MAX);
	struct cb_tuple t = client(1, AF_INET);
	u64 now = START;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, s->life_ms, CB_SKETCH_LIFE_MAX);
	for (i = 0; i < ARRAY_SIZE(gaps); i++) {
		cb_sketch_begun(s, &t, now);
		KUNIT_EXPECT_EQ(test, cb_sketch_estimate(s, now), 1u);
		KUNIT_EXPECT_EQ(test, cb_sketch_estimate(s, now + 500000), 1u);
		now += gaps[i];
		KUNIT_EXPECT_EQ(test, cb_sketch_estimate(s, now), 0u);
	}
}

static struct kunit_case sketch_cases[] = {
	KUNIT_CASE_PARAM(within_tenth, mix_gen_params),
	KUNIT_CASE(afterwards),
	KUNIT_CASE(fades),
	KUNIT_CASE(goes_down),
	KUNIT_CASE(one),
	KUNIT_CASE(not_theirs),
	KUNIT_CASE(long_gaps),
	{}
};

static struct kunit_suite sketch_suite = {
	.name = "cookiebox_sketch",
	.test_cases = sketch_cases,
};

kunit_test_suites(&sketch_suite);
