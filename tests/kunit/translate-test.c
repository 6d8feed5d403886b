// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_translate: two views of one connection, byte by byte. */
#include "fixture.h"
#include "bytes.h"
#include "translate.h"

#define SEQ_SHIFT	0x01010101u
#define TS_SHIFT	0x10101010u
#define FIRST		0x04040404u	/* the server's first TSval */
#define PAYLOAD		7		/* an odd number of bytes */
#define SEGMENT_MAX	(60 + PAYLOAD)

/* Four equal bytes, so that what was added is easily seen. */
#define W(b)		b, b, b, b
#define TS(val, ecr)	8, 10, W(val), W(ecr)
#define BLOCK(l, r)	5, 10, W(l), W(r)
#define NOPS		1, 1

static const struct cb_shift shift = {
	.seq = SEQ_SHIFT, .ts = TS_SHIFT, .first_tsval = FIRST, .timestamps = true,
};

/* Whose bytes differ: a sum tells where each was added. */
static const struct cb_shift uneven = {
	.seq = 0x12345678, .ts = 0x9abcdef1, .first_tsval = FIRST, .timestamps = true,
};

static const struct layout {
	const char *name;
	u8 len;
	u8 byte[40];		/* as sent */
	u8 server[40];		/* as the server is to see what the client sent */
	u8 client[40];		/* and the other way round */
} layouts[] = {
	{ "none", 0, {}, {}, {} },
	{ "Linux data", 12, { NOPS, TS(0x30, 0x50) }, { NOPS, TS(0x30, 0x40) },
	  { NOPS, TS(0x40, 0x50) } },
	{ "timestamps first", 12, { TS(0x30, 0x50), NOPS }, { TS(0x30, 0x40), NOPS },
	  { TS(0x40, 0x50), NOPS } },
	{ "timestamps at an odd offset", 12, { 1, TS(0x30, 0x50), 1 }, { 1, TS(0x30, 0x40), 1 },
	  { 1, TS(0x40, 0x50), 1 } },
	{ "Linux SACK", 24, { NOPS, TS(0x30, 0x50), NOPS, BLOCK(0x61, 0x71) },
	  { NOPS, TS(0x30, 0x40), NOPS, BLOCK(0x60, 0x70) },
	  { NOPS, TS(0x40, 0x50), NOPS, BLOCK(0x61, 0x71) } },
	{ "SACK alone", 12, { NOPS, BLOCK(0x61, 0x71) }, { NOPS, BLOCK(0x60, 0x70) },
	  { NOPS, BLOCK(0x61, 0x71) } },
	{ "SACK at an odd offset", 12, { 1, BLOCK(0x61, 0x71), 1 }, { 1, BLOCK(0x60, 0x70), 1 },
	  { 1, BLOCK(0x61, 0x71), 1 } },
	{ "four blocks", 36, { NOPS, 5, 34, W(0x11), W(0x21), W(0x31), W(0x41), W(0x51), W(0x61),
			       W(0x71), W(0x81) },
	  { NOPS, 5, 34, W(0x10), W(0x20), W(0x30), W(0x40), W(0x50), W(0x60), W(0x70), W(0x80) },
	  { NOPS, 5, 34, W(0x11), W(0x21), W(0x31), W(0x41), W(0x51), W(0x61), W(0x71), W(0x81) } },
	{ "three blocks and timestamps", 40,
	  { NOPS, TS(0x30, 0x50), NOPS, 5, 26,
	    W(0x11), W(0x21), W(0x31), W(0x41), W(0x51), W(0x61) },
	  { NOPS, TS(0x30, 0x40), NOPS, 5, 26,
	    W(0x10), W(0x20), W(0x30), W(0x40), W(0x50), W(0x60) },
	  { NOPS, TS(0x40, 0x50), NOPS, 5, 26,
	    W(0x11), W(0x21), W(0x31), W(0x41), W(0x51), W(0x61) } },
	{ "timestamps twice, once odd", 24, { NOPS, TS(0x30, 0x50), 1, TS(0x32, 0x60), 1 },
	  { NOPS, TS(0x30, 0x40), 1, TS(0x32, 0x50), 1 },
	  { NOPS, TS(0x40, 0x50), 1, TS(0x42, 0x60), 1 } },
	{ "timestamps thrice", 32, { TS(0x30, 0x50), TS(0x31, 0x51), TS(0x32, 0x52), 0, 0 },
	  { TS(0x30, 0x40), TS(0x31, 0x41), TS(0x32, 0x42), 0, 0 },
	  { TS(0x40, 0x50), TS(0x41, 0x51), TS(0x42, 0x52), 0, 0 } },
	{ "end of list hides the rest", 16, { 0, TS(0x30, 0x50), 1 }, { 0, TS(0x30, 0x50), 1 },
	  { 0, TS(0x30, 0x50), 1 } },
	{ "unknown ones before", 16, { 253, 5, 9, 9, 9, TS(0x30, 0x50), 0 },
	  { 253, 5, 9, 9, 9, TS(0x30, 0x40), 0 }, { 253, 5, 9, 9, 9, TS(0x40, 0x50), 0 } },
	{ "one that looks like timestamps inside", 16, { 253, 14, TS(0x30, 0x50), 2, 2, NOPS },
	  { 253, 14, TS(0x30, 0x50), 2, 2, NOPS }, { 253, 14, TS(0x30, 0x50), 2, 2, NOPS } },
};

static void layout_desc(const struct layout *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(layout, layouts, layout_desc);

/* The sum of RFC 1071 over bytes, one by one; folded. */
static u32 sum_of(const u8 *p, unsigned int len, u32 sum)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? p[i] : p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* What inet_proto_csum_replace_by_diff() does to a checksum that is in full. */
static void apply(u8 *check, __wsum diff)
{
	u8 grown[4];

	memcpy(grown, &diff, 4);
	cb_put_be16(check, ~sum_of(grown, 4, (u16)~cb_get_be16(check)));
}

/* An ACK in a buffer of exactly its size, with payload and a right checksum. */
static u8 *segment(struct kunit *test, const u8 *option, unsigned int optlen, u8 flags)
{
	u8 *th = kunit_kmalloc(test, 20 + optlen + PAYLOAD, GFP_KERNEL);

	memset(th, 0xa5, 20 + optlen + PAYLOAD);
	cb_put_be32(th + 4, 0x80808080);
	cb_put_be32(th + 8, 0x90909090);
	th[12] = (20 + optlen) / 4 << 4;
	th[13] = flags;
	cb_put_be16(th + 14, 1000);
	cb_put_be16(th + 16, 0);
	if (optlen)
		memcpy(th + 20, option, optlen);
	cb_put_be16(th + 16, ~sum_of(th, 20 + optlen + PAYLOAD, 0));
	return th;
}

static bool sum_right(const u8 *th, unsigned int thlen)
{
	return sum_of(th, thlen + PAYLOAD, 0) == 0xffff;
}

static void to_server(struct kunit *test)
{
	const struct layout *c = test->param_value;
	u8 *th = segment(test, c->byte, c->len, CB_TCP_ACK | CB_TCP_PSH);
	unsigned int thlen = 20 + c->len;
	__wsum diff;

	KUNIT_EXPECT_TRUE(test, cb_translate(th, thlen, &shift, true, &diff));
	apply(th + 16, diff);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 4), 0x80808080u);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 8), 0x8f8f8f8fu);
	KUNIT_EXPECT_EQ(test, cb_get_be16(th + 14), 1000);
	KUNIT_EXPECT_EQ(test, cb_get_be16(th + 18), 0xa5a5);
	KUNIT_EXPECT_EQ(test, memcmp(th + 20, c->server, c->len), 0);
	KUNIT_EXPECT_TRUE(test, sum_right(th, thlen));
}

static void to_client(struct kunit *test)
{
	const struct layout *c = test->param_value;
	u8 *th = segment(test, c->byte, c->len, CB_TCP_ACK | CB_TCP_URG);
	unsigned int thlen = 20 + c->len;
	__wsum diff;

	KUNIT_EXPECT_TRUE(test, cb_translate(th, thlen, &shift, false, &diff));
	apply(th + 16, diff);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 4), 0x81818181u);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 8), 0x90909090u);
	KUNIT_EXPECT_EQ(test, cb_get_be16(th + 14), 1000);
	KUNIT_EXPECT_EQ(test, cb_get_be16(th + 18), 0xa5a5);
	KUNIT_EXPECT_EQ(test, memcmp(th + 20, c->client, c->len), 0);
	KUNIT_EXPECT_TRUE(test, sum_right(th, thlen));
}

/* Not in use between the two: what is there means nothing, and stays. */
static void no_timestamps(struct kunit *test)
{
	const struct layout *c = test->param_value;
	struct cb_shift s = shift;
	unsigned int i;

	s.timestamps = false;
	s.seq = 0;
	for (i = 0; i < 2; i++) {
		u8 *th = segment(test, c->byte, c->len, CB_TCP_ACK);
		__wsum diff;

		KUNIT_EXPECT_TRUE(test, cb_translate(th, 20 + c->len, &s, i, &diff));
		KUNIT_EXPECT_EQ(test, memcmp(th + 20, c->byte, c->len), 0);
		apply(th + 16, diff);
		KUNIT_EXPECT_TRUE(test, sum_right(th, 20 + c->len));
	}
}

/* What an ICMP error quotes becomes what its sender sent; the quote's own sum is as it was. */
static void quoted(struct kunit *test)
{
	const struct layout *c = test->param_value;
	unsigned int thlen = 20 + c->len, by_server;
	__wsum diff;

	for (by_server = 0; by_server < 2; by_server++) {
		u8 *sent = segment(test, c->byte, c->len, CB_TCP_ACK);
		u8 *th = segment(test, c->byte, c->len, CB_TCP_ACK);

		cb_translate(th, thlen, &uneven, !by_server, &diff);
		apply(th + 16, diff);
		KUNIT_EXPECT_TRUE(test, sum_right(th, thlen));
		cb_translate_quoted(th, thlen, &uneven, by_server, &diff);
		KUNIT_EXPECT_EQ(test, memcmp(th, sent, thlen + PAYLOAD), 0);
		apply(th + 16, diff);
		KUNIT_EXPECT_TRUE(test, sum_right(th, thlen));
	}
}

/* A quote of 8 bytes and more: nothing behind it is touched (nor read: KASAN, ASAN). */
static void quoted_short(struct kunit *test)
{
	static const u8 option[12] = { NOPS, TS(0x30, 0x50) };
	u8 *whole = segment(test, option, 12, CB_TCP_ACK), *th;
	unsigned int avail, by_server;
	__wsum diff;

	for (avail = 0; avail <= 32; avail++) {
		for (by_server = 0; by_server < 2; by_server++) {
			bool seq = by_server && avail >= 8, ack = !by_server && avail >= 14;
			u8 grown[4];

			th = kunit_kmalloc(test, avail, GFP_KERNEL);
			memcpy(th, whole, avail);
			cb_translate_quoted(th, avail, &shift, by_server, &diff);
			if (avail >= 8)
				KUNIT_EXPECT_EQ(test, cb_get_be32(th + 4),
						seq ? 0x7f7f7f7fu : 0x80808080u);
			if (avail >= 12)
				KUNIT_EXPECT_EQ(test, cb_get_be32(th + 8),
						ack ? 0x91919191u : 0x90909090u);
			if (avail == 32)
				KUNIT_EXPECT_EQ(test, cb_get_be32(th + (by_server ? 24 : 28)),
						by_server ? 0x20202020u : 0x60606060u);
			memcpy(grown, &diff, 4);
			KUNIT_EXPECT_EQ(test, sum_of(th, avail, 0) % 0xffff,
					sum_of(grown, 4, sum_of(whole, avail, 0)) % 0xffff);
		}
	}
}

/* ACK and TSecr mean nothing without the flag. */
static void without_ack(struct kunit *test)
{
	static const u8 option[12] = { NOPS, TS(0x30, 0x50) };
	u8 *th = segment(test, option, 12, CB_TCP_RST);
	__wsum diff;

	KUNIT_EXPECT_TRUE(test, cb_translate(th, 32, &shift, true, &diff));
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 8), 0x90909090u);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 28), 0x50505050u);
	KUNIT_EXPECT_TRUE(test, cb_translate(th, 32, &shift, false, &diff));
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 4), 0x81818181u);
	KUNIT_EXPECT_EQ(test, cb_get_be32(th + 24), 0x40404040u);
}

#define AFTER(ms)	(FIRST + (u32)(ms))

static const struct echo_case {
	const char *name;
	u32 tsecr, becomes;	/* in the server's clock, before and after the clamp */
} echo_cases[] = {
	{ "its first", FIRST, FIRST },
	{ "a later one", AFTER(1), AFTER(1) },
	{ "the SYN-ACK with the cookie", AFTER(-1), FIRST },
	{ "that, and the server took its time", AFTER(-64000), FIRST },
	{ "that, and an epoch is an hour", AFTER(-7200000), FIRST },
	{ "the longest that is waited for", AFTER(-(1 << 23)), FIRST },
	{ "a fast clock has been round", AFTER(-(1 << 23) - 1), AFTER(-(1 << 23) - 1) },
	{ "half way round", AFTER(0x7fffffff), AFTER(0x7fffffff) },
	{ "more than half way round", AFTER(0x80000001), AFTER(0x80000001) },
};

static void echo_desc(const struct echo_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(echo, echo_cases, echo_desc);

/* The server is never shown an echo of what it had not sent yet. */
static void echo(struct kunit *test)
{
	static const u32 shifts[] = { 0, 1, TS_SHIFT, 0xfffffff0, 0x80000000 };
	const struct echo_case *c = test->param_value;
	struct cb_shift s = shift;
	unsigned int i;
	__wsum diff;

	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		u8 option[12] = { NOPS, TS(0x30, 0) }, *th;

		s.ts = shifts[i];
		cb_put_be32(option + 8, c->tsecr + s.ts);
		th = segment(test, option, 12, CB_TCP_ACK);
		KUNIT_EXPECT_TRUE(test, cb_translate(th, 32, &s, true, &diff));
		KUNIT_EXPECT_EQ(test, cb_get_be32(th + 28), c->becomes);
		apply(th + 16, diff);
		KUNIT_EXPECT_TRUE(test, sum_right(th, 32));
	}
}

static const struct window_case {
	const char *name;
	u16 window;
	s8 shift;
	u16 becomes;
} window_cases[] = {
	{ "as it is", 502, 0, 502 },
	{ "wider", 502, 2, 2008 },
	{ "as wide as fits", 0x8000, 1, 0xffff },
	{ "just fits", 0x7fff, 1, 0xfffe },
	{ "clipped", 65535, 14, 0xffff },
	{ "one, 14 wider", 1, 14, 0x4000 },
	{ "closed stays closed", 0, 14, 0 },
	{ "narrower", 2008, -2, 502 },
	{ "rounded down", 2011, -2, 502 },
	{ "open stays open", 3, -2, 1 },
	{ "widest, 14 narrower", 65535, -14, 3 },
	{ "least, 14 narrower", 1, -14, 1 },
	{ "closed, narrower", 0, -14, 0 },
};

static void window_desc(const struct window_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(window, window_cases, window_desc);

static u16 window_after(struct kunit *test, u16 window, const struct cb_shift *s, bool to_server,
			u8 flags)
{
	u8 *th = segment(test, NULL, 0, flags);
	__wsum diff;

	cb_put_be16(th + 14, window);
	cb_put_be16(th + 16, 0);
	cb_put_be16(th + 16, ~sum_of(th, 20 + PAYLOAD, 0));
	KUNIT_EXPECT_TRUE(test, cb_translate(th, 20, s, to_server, &diff));
	apply(th + 16, diff);
	KUNIT_EXPECT_TRUE(test, sum_right(th, 20));
	return cb_get_be16(th + 14);
}

static void window(struct kunit *test)
{
	const struct window_case *c = test->param_value;
	struct cb_shift s = shift;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		s.win_to_client = i ? 0 : c->shift;
		s.win_to_server = i ? c->shift : 0;
		KUNIT_EXPECT_EQ(test, window_after(test, c->window, &s, i, CB_TCP_ACK), c->becomes);
		KUNIT_EXPECT_EQ(test, window_after(test, c->window, &s, !i, CB_TCP_ACK), c->window);
		KUNIT_EXPECT_EQ(test, window_after(test, c->window, &s, i, CB_TCP_SYN), c->window);
	}
}

static const struct malformed {
	const char *name;
	u8 len;
	u8 byte[40];
} malformeds[] = {
	{ "length 0", 4, { 77, 0 } },
	{ "length 1", 4, { 77, 1 } },
	{ "no length", 4, { 1, 1, 1, 77 } },
	{ "past the end", 8, { 1, 1, 77, 7 } },
	{ "timestamps of 9", 12, { 8, 9 } },
	{ "timestamps of 11", 12, { 8, 11 } },
	{ "timestamps cut off", 12, { 1, 1, 1, 8, 10 } },
	{ "no blocks", 4, { 5, 2, 1, 1 } },
	{ "a block of 7", 12, { 5, 9 } },
	{ "a block and a half", 16, { 5, 14 } },
	{ "blocks cut off", 12, { 1, 1, 5, 18 } },
	{ "after what is in order", 24, { NOPS, TS(0x30, 0x50), NOPS, 5, 9 } },
	{ "after the usual layout", 16, { NOPS, TS(0x30, 0x50), 77, 5 } },
};

static void malformed_desc(const struct malformed *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(malformed, malformeds, malformed_desc);

static void malformed(struct kunit *test)
{
	const struct malformed *c = test->param_value;
	unsigned int i;
	__wsum diff;

	for (i = 0; i < 2; i++) {
		u8 *th = segment(test, c->byte, c->len, CB_TCP_ACK);
		u8 *same = segment(test, c->byte, c->len, CB_TCP_ACK);

		KUNIT_EXPECT_FALSE(test, cb_translate(th, 20 + c->len, &shift, i, &diff));
		KUNIT_EXPECT_EQ(test, (__force u32)diff, 0u);
		KUNIT_EXPECT_EQ(test, memcmp(th, same, 20 + c->len + PAYLOAD), 0);
	}
}

static u32 next_random(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Bytes that are options often enough, in a buffer of exactly their size. */
static u8 *hostile(struct kunit *test, unsigned int optlen, u32 *state)
{
	static const u8 likely_bytes[] = { 0, 1, 1, 1, 5, 10, 18, 34, 8, 10, 8, 10, 2, 4, 253, 3 };
	u8 option[40];
	unsigned int i;

	for (i = 0; i < optlen; i++) {
		u32 r = next_random(state);

		option[i] = r & 3 ? likely_bytes[r >> 2 & 15] : r >> 2;
	}
	return segment(test, option, optlen, next_random(state) & 0xff);
}

/* Whatever the bytes: the checksum stays right, and what is refused is not changed. */
static void hostile_bytes(struct kunit *test)
{
	unsigned int optlen, round, good = 0, refused = 0;
	struct cb_shift s = shift;
	u8 before[SEGMENT_MAX];
	u32 state = 1;
	__wsum diff;

	for (optlen = 0; optlen <= 40; optlen += 4) {
		unsigned int size = 20 + optlen + PAYLOAD;

		for (round = 0; round < 300; round++) {
			u8 *th = hostile(test, optlen, &state);
			bool ok;

			s.seq = next_random(&state) << 8;
			s.ts = next_random(&state) << 8;
			s.win_to_client = (int)(next_random(&state) % 29) - 14;
			s.win_to_server = (int)(next_random(&state) % 29) - 14;
			memcpy(before, th, size);
			ok = cb_translate(th, 20 + optlen, &s, round & 1, &diff);
			good += ok;
			refused += !ok && !memcmp(before, th, size);
			apply(th + 16, diff);
			KUNIT_EXPECT_TRUE(test, sum_right(th, 20 + optlen));
		}
	}
	KUNIT_EXPECT_EQ(test, good + refused, 300u * 11);
	KUNIT_EXPECT_TRUE(test, good > 600 && refused > 600);
}

static struct kunit_case translate_cases[] = {
	KUNIT_CASE_PARAM(to_server, layout_gen_params),
	KUNIT_CASE_PARAM(to_client, layout_gen_params),
	KUNIT_CASE_PARAM(no_timestamps, layout_gen_params),
	KUNIT_CASE_PARAM(quoted, layout_gen_params),
	KUNIT_CASE(quoted_short),
	KUNIT_CASE(without_ack),
	KUNIT_CASE_PARAM(echo, echo_gen_params),
	KUNIT_CASE_PARAM(window, window_gen_params),
	KUNIT_CASE_PARAM(malformed, malformed_gen_params),
	KUNIT_CASE(hostile_bytes),
	{}
};

static struct kunit_suite translate_suite = {
	.name = "cookiebox_translate",
	.test_cases = translate_cases,
};

kunit_test_suites(&translate_suite);
