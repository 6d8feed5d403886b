// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_flight: the first segment was lost; which of the others tell that they
 * are of its flight?
 */
#include "fixture.h"

#define WAIT_MS		60000u		/* at most, behind the SYN-ACK */

struct scene {
	struct cb_ring ring;
	struct cb_policy pol;
	struct cb_segment ack;
	struct cb_synack synack;
	u64 now;
};

/* A SYN was answered at s->now. */
static struct scene *scene(struct kunit *test, bool timestamps, bool cluster)
{
	struct scene *s = kunit_kmalloc(test, sizeof(*s), GFP_KERNEL);
	struct cb_segment syn = fix_syn(AF_INET, timestamps);

	memset(s, 0, sizeof(*s));
	fix_ring(&s->ring, FIX_EPOCH, cluster);
	s->pol = fix_policy();
	s->now = fix_now();
	KUNIT_EXPECT_EQ(test, cb_handshake_syn(&syn, &s->pol, &s->ring, s->now,
					       &s->synack).action, CB_ANSWER);
	s->ack = fix_ack(&syn, &s->synack);
	return s;
}

static bool follows(struct scene *s, u32 offset, u16 len, u8 flags)
{
	struct cb_segment ack = s->ack;

	ack.seq += offset;
	ack.payload_len = len;
	ack.flags = CB_TCP_ACK | flags;
	return cb_handshake_follows(&ack, &s->pol, &s->ring, s->now);
}

static bool follows_after(struct scene *s, s64 ms)
{
	bool does;

	s->now += ms;
	does = follows(s, s->pol.mss, s->pol.mss, 0);
	s->now -= ms;
	return does;
}

/* Full segments, or of one size, lie between. */
static void by_number(struct kunit *test)
{
	struct scene *s = scene(test, false, false);
	u16 mss = s->pol.mss;
	unsigned int i;

	for (i = 1; i < 10; i++) {
		KUNIT_EXPECT_TRUE(test, follows(s, i * mss, mss, 0));
		KUNIT_EXPECT_TRUE(test, follows(s, i * 300, 300, 0));
	}
	KUNIT_EXPECT_TRUE(test, follows(s, 9 * mss, 1, 0));
	KUNIT_EXPECT_TRUE(test, follows(s, 9 * mss, 0, CB_TCP_FIN));
	KUNIT_EXPECT_FALSE(test, follows(s, 10 * mss, mss, 0));
	KUNIT_EXPECT_FALSE(test, follows(s, 2 * mss, 0, 0));
	KUNIT_EXPECT_FALSE(test, follows(s, 700, 300, 0));
	s->ack.ack++;
	KUNIT_EXPECT_FALSE(test, follows(s, mss, mss, 0));
}

/* An echo of what was sent of late, or a little ahead by another box of a cluster. */
static void by_echo(struct kunit *test)
{
	struct scene *s = scene(test, true, false);

	KUNIT_EXPECT_TRUE(test, follows_after(s, 0));
	KUNIT_EXPECT_TRUE(test, follows_after(s, WAIT_MS - 1));
	KUNIT_EXPECT_FALSE(test, follows_after(s, WAIT_MS));
	KUNIT_EXPECT_FALSE(test, follows_after(s, -1));
	s->ring.cluster = true;
	KUNIT_EXPECT_TRUE(test, follows_after(s, -1));
	KUNIT_EXPECT_FALSE(test, follows_after(s, -2000));
	s->ring.ts_life_ms = 500;		/* no longer than a cookie opens */
	KUNIT_EXPECT_TRUE(test, follows_after(s, 499));
	KUNIT_EXPECT_FALSE(test, follows_after(s, 500));
}

/* Of any key that is still good; and nothing was sent before this host came up. */
static void by_pairs(struct kunit *test)
{
	struct scene *s = scene(test, true, false);
	u32 up_ms = 10;

	s->ring.pair[1] = s->ring.pair[0];
	s->ring.pair[0].key = fix_key(CB_KEY_GATE, 1);
	KUNIT_EXPECT_FALSE(test, follows_after(s, 0));
	s->ring.n_pairs = 2;
	KUNIT_EXPECT_TRUE(test, follows_after(s, 0));
	s->ack.opt.tsecr -= (u32)s->now - up_ms;
	s->now = up_ms;
	KUNIT_EXPECT_TRUE(test, follows_after(s, 0));
	s->ack.opt.tsecr -= up_ms + 1;
	KUNIT_EXPECT_FALSE(test, follows_after(s, 0));
	s->ring.pair[0] = s->ring.pair[1];	/* of before by the first pair, not by the second */
	s->ring.pair[1].base -= up_ms + 1;
	KUNIT_EXPECT_TRUE(test, follows_after(s, 0));
}

static struct kunit_case flight_cases[] = {
	KUNIT_CASE(by_number),
	KUNIT_CASE(by_echo),
	KUNIT_CASE(by_pairs),
	{}
};

static struct kunit_suite flight_suite = {
	.name = "cookiebox_flight",
	.test_cases = flight_cases,
};

kunit_test_suites(&flight_suite);
