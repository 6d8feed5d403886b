// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_segment: the fixed header. */
#include "fixture.h"

static const u8 header[20] = {
	0x9c, 0x40, 0x01, 0xbb,		/* 40000 -> 443 */
	0x12, 0x34, 0x56, 0x78,
	0x9a, 0xbc, 0xde, 0xf0,
	0x50, 0xc2, 0xfa, 0xf0,		/* offset 5; CWR ECE SYN; window */
	0, 0, 0, 0,
};

static const struct header_case {
	const char *name;
	unsigned int avail, len;
	u8 offset;			/* 32-bit words */
	enum cb_reason reason;
} header_cases[] = {
	{ "bare header", 20, 20, 5, CB_R_NONE },
	{ "options still to be pulled", 20, 60, 15, CB_R_NONE },
	{ "one byte short", 19, 20, 5, CB_R_BAD_HEADER },
	{ "nothing there", 0, 0, 5, CB_R_BAD_HEADER },
	{ "length under the header", 20, 19, 5, CB_R_BAD_HEADER },
	{ "offset 0", 20, 40, 0, CB_R_BAD_HEADER },
	{ "offset 4", 20, 40, 4, CB_R_BAD_HEADER },
	{ "offset one word past the end", 20, 20, 6, CB_R_BAD_HEADER },
	{ "offset 15 in 59 bytes", 20, 59, 15, CB_R_BAD_HEADER },
	{ "data", 20, 1480, 8, CB_R_NONE },
};

static void header_desc(const struct header_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(header, header_cases, header_desc);

/* In a buffer of exactly avail bytes, at an odd address inside a larger one too. */
static void bounds(struct kunit *test)
{
	const struct header_case *c = test->param_value;
	u8 *exact = kunit_kmalloc(test, c->avail, GFP_KERNEL);
	u8 *odd = kunit_kmalloc(test, c->avail + 1, GFP_KERNEL);
	struct cb_segment seg;

	memcpy(exact, header, c->avail);
	if (c->avail > 12)
		exact[12] = c->offset << 4;
	memcpy(odd + 1, exact, c->avail);
	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, exact, c->avail, c->len), c->reason);
	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, odd + 1, c->avail, c->len), c->reason);
	if (c->reason == CB_R_NONE) {
		KUNIT_EXPECT_EQ(test, (unsigned int)seg.thlen, c->offset * 4u);
		KUNIT_EXPECT_EQ(test, (unsigned int)seg.payload_len, c->len - c->offset * 4u);
	}
}

static void fields(struct kunit *test)
{
	struct cb_segment seg;

	memset(&seg, 0, sizeof(seg));
	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, header, 20, 20), CB_R_NONE);
	KUNIT_EXPECT_EQ(test, be16_to_cpu(seg.tuple.sport), 40000);
	KUNIT_EXPECT_EQ(test, be16_to_cpu(seg.tuple.dport), 443);
	KUNIT_EXPECT_EQ(test, seg.seq, 0x12345678u);
	KUNIT_EXPECT_EQ(test, seg.ack, 0x9abcdef0u);
	KUNIT_EXPECT_EQ(test, (unsigned int)seg.window, 64240u);
	KUNIT_EXPECT_EQ(test, (unsigned int)seg.flags,
			(unsigned int)(CB_TCP_SYN | CB_TCP_ECE | CB_TCP_CWR));
}

/* A merged (GRO) segment can hold more than 16 bits count. */
static void payload_is_capped(struct kunit *test)
{
	struct cb_segment seg;

	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, header, 20, 20 + 65535), CB_R_NONE);
	KUNIT_EXPECT_EQ(test, (unsigned int)seg.payload_len, 65535u);
	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, header, 20, 20 + 65536), CB_R_NONE);
	KUNIT_EXPECT_EQ(test, (unsigned int)seg.payload_len, 65535u);
	KUNIT_EXPECT_EQ(test, cb_segment_parse(&seg, header, 20, 500000), CB_R_NONE);
	KUNIT_EXPECT_EQ(test, (unsigned int)seg.payload_len, 65535u);
}

static struct kunit_case segment_cases[] = {
	KUNIT_CASE_PARAM(bounds, header_gen_params),
	KUNIT_CASE(fields),
	KUNIT_CASE(payload_is_capped),
	{}
};

static struct kunit_suite segment_suite = {
	.name = "cookiebox_segment",
	.test_cases = segment_cases,
};

kunit_test_suites(&segment_suite);
