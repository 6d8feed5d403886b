// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_cookie: seal, open, the two tables. */
#include "fixture.h"

static const struct form_case {
	const char *name;
	enum cb_form form;
	int family;
} form_cases[] = {
	{ "IPv4 timestamps", CB_FORM_TS, AF_INET },
	{ "IPv4 rows", CB_FORM_ROWS, AF_INET },
	{ "IPv4 cluster", CB_FORM_ROWS_CLUSTER, AF_INET },
	{ "IPv6 timestamps", CB_FORM_TS, AF_INET6 },
	{ "IPv6 rows", CB_FORM_ROWS, AF_INET6 },
	{ "IPv6 cluster", CB_FORM_ROWS_CLUSTER, AF_INET6 },
};

static void form_desc(const struct form_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(form, form_cases, form_desc);

static siphash_key_t key_of(enum cb_form form)
{
	return fix_key(form == CB_FORM_TS ? CB_KEY_COOKIE_TS : CB_KEY_COOKIE_ROWS, 10);
}

/* From an implementation of Documentation/wire-format.rst in another language. */
static const struct known_case {
	const char *name;
	enum cb_form form;
	int family;
	struct cb_offer offer;
	u32 isn;
} known_cases[] = {
#define FULL	{ .mss = 1460, .wscale = 7, .has_wscale = true, .sack = true, .ecn = true }
#define ROW_0	{ .mss = 1460, .wscale = 8, .has_wscale = true, .sack = true }
#define ROW_41	{ .mss = 536, .wscale = 7, .has_wscale = true, .sack = true }
	{ "IPv4 timestamps", CB_FORM_TS, AF_INET, FULL, 0x555bc245 },
	{ "IPv4 row 0", CB_FORM_ROWS, AF_INET, ROW_0, 0xfdf16917 },
	{ "IPv4 row 41", CB_FORM_ROWS, AF_INET, ROW_41, 0x953c502a },
	{ "IPv4 cluster row 41", CB_FORM_ROWS_CLUSTER, AF_INET, ROW_41, 0x78e8b080 },
	{ "IPv6 timestamps", CB_FORM_TS, AF_INET6, FULL, 0x1b7a57c8 },
	{ "IPv6 row 0", CB_FORM_ROWS, AF_INET6, ROW_0, 0xb0a7f08e },
	{ "IPv6 row 41", CB_FORM_ROWS, AF_INET6, ROW_41, 0x5eb25b9d },
	{ "IPv6 cluster row 41", CB_FORM_ROWS_CLUSTER, AF_INET6, ROW_41, 0xd5e7eff1 },
};

static void known_desc(const struct known_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(known, known_cases, known_desc);

static void known_answers(struct kunit *test)
{
	const struct known_case *c = test->param_value;
	struct cb_tuple tuple = fix_tuple(c->family);
	struct cb_offer offer = c->offer;
	siphash_key_t key = key_of(c->form);
	u32 isn;

	KUNIT_EXPECT_TRUE(test, cb_cookie_seal(&key, &tuple, FIX_CISN, 10, c->form, 7,
					       &offer, &isn));
	KUNIT_EXPECT_EQ(test, isn, c->isn);
}

static bool same(const struct cb_offer *a, const struct cb_offer *b)
{
	return a->mss == b->mss && a->wscale == b->wscale &&
	       a->has_wscale == b->has_wscale && a->sack == b->sack && a->ecn == b->ecn;
}

static bool no_more(const struct cb_offer *got, const struct cb_offer *asked)
{
	return got->mss <= asked->mss && got->wscale <= asked->wscale &&
	       got->has_wscale <= asked->has_wscale && got->sack <= asked->sack &&
	       got->ecn <= asked->ecn;
}

static bool options_exact(const struct cb_offer *a, const struct cb_offer *b)
{
	return a->wscale == b->wscale && a->has_wscale == b->has_wscale &&
	       a->sack == b->sack && a->ecn == b->ecn;
}

/* Does one offer come back as it was sealed, and as no more than was asked? */
static bool returns(const struct form_case *c, const siphash_key_t *key,
		    const struct cb_tuple *tuple, const struct cb_offer *asked)
{
	u16 lowest = c->form == CB_FORM_TS ? cb_mss_classes[0] : 536;
	struct cb_offer sealed = *asked, opened;
	u32 cisn = asked->mss * 0x9e3779b9u, isn;
	u64 mac;

	if (!cb_cookie_seal(key, tuple, cisn, 10, c->form, 7, &sealed, &isn))
		return asked->mss < lowest;
	if (!cb_cookie_open(key, tuple, cisn, 10, c->form, 7, isn, &opened, &mac))
		return false;
	if (c->form == CB_FORM_TS && !options_exact(&sealed, asked))
		return false;
	return asked->mss >= lowest && same(&sealed, &opened) && no_more(&opened, asked);
}

/* All 65,536 MSS x 16 scales x SACK x ECN. */
static void whole_option_space(struct kunit *test)
{
	const struct form_case *c = test->param_value;
	struct cb_tuple tuple = fix_tuple(c->family);
	siphash_key_t key = key_of(c->form);
	unsigned int mss, rest, bad = 0;

	for (mss = 0; mss <= 0xffff; mss++) {
		for (rest = 0; rest < 64; rest++) {
			struct cb_offer asked = {
				.mss = mss,
				.has_wscale = rest % 16 != 15,
				.wscale = rest % 16 != 15 ? rest % 16 : 0,
				.sack = rest & 16,
				.ecn = rest & 32,
			};

			bad += !returns(c, &key, &tuple, &asked);
		}
	}
	KUNIT_EXPECT_EQ(test, bad, 0u);
}

static void every_row_is_itself(struct kunit *test)
{
	const struct form_case *c = test->param_value;
	unsigned int rows = c->form == CB_FORM_ROWS ? CB_ROWS_SINGLE : CB_ROWS_CLUSTER;
	struct cb_tuple tuple = fix_tuple(c->family);
	siphash_key_t key = key_of(c->form);
	unsigned int i;
	u32 isn;

	for (i = 0; c->form != CB_FORM_TS && i < rows; i++) {
		struct cb_offer offer = cb_rows[i];

		KUNIT_EXPECT_TRUE(test, cb_cookie_seal(&key, &tuple, i, 10, c->form, 7,
						       &offer, &isn));
		KUNIT_EXPECT_TRUE(test, same(&offer, &cb_rows[i]));
	}
}

static void every_class_is_itself(struct kunit *test)
{
	struct cb_tuple tuple = fix_tuple4();
	siphash_key_t key = key_of(CB_FORM_TS);
	unsigned int i;
	u32 isn;

	for (i = 0; i < ARRAY_SIZE(cb_mss_classes); i++) {
		struct cb_offer offer = { .mss = cb_mss_classes[i] };

		KUNIT_EXPECT_TRUE(test, !i || cb_mss_classes[i - 1] < cb_mss_classes[i]);
		KUNIT_EXPECT_TRUE(test, cb_cookie_seal(&key, &tuple, i, 10, CB_FORM_TS, 7,
						       &offer, &isn));
		KUNIT_EXPECT_EQ(test, offer.mss, cb_mss_classes[i]);
	}
}

static bool opens(const siphash_key_t *key, const struct cb_tuple *tuple, u32 cisn,
		  u32 epoch, enum cb_form form, u16 params, u32 isn)
{
	struct cb_offer offer;
	u64 mac;

	return cb_cookie_open(key, tuple, cisn, epoch, form, params, isn, &offer, &mac);
}

static bool tuple_change_opens(const siphash_key_t *key, const struct cb_tuple *tuple,
			       enum cb_form form, u32 isn, unsigned int byte)
{
	struct cb_tuple t = *tuple;
	u8 *at[] = { (u8 *)&t.saddr, (u8 *)&t.daddr, (u8 *)&t.sport, (u8 *)&t.dport };
	unsigned int len = t.family == AF_INET6 ? 16 : 4;

	if (byte < 2 * len)
		at[byte / len][byte % len] ^= 1;
	else
		at[2 + (byte - 2 * len) / 2][byte % 2] ^= 1;
	return opens(key, &t, FIX_CISN, 10, form, 7, isn);
}

/* One bit changed anywhere it is bound: refused. */
static void every_binding(struct kunit *test)
{
	const struct form_case *c = test->param_value;
	struct cb_tuple tuple = fix_tuple(c->family), other;
	siphash_key_t key = key_of(c->form), next = fix_key(CB_KEY_COOKIE_TS, 11);
	struct cb_offer offer = ROW_0;
	unsigned int i, bytes = c->family == AF_INET6 ? 36 : 12;
	u32 isn;

	KUNIT_EXPECT_TRUE(test, cb_cookie_seal(&key, &tuple, FIX_CISN, 10, c->form, 7,
					       &offer, &isn));
	KUNIT_EXPECT_TRUE(test, opens(&key, &tuple, FIX_CISN, 10, c->form, 7, isn));
	for (i = 0; i < bytes; i++)
		KUNIT_EXPECT_FALSE(test, tuple_change_opens(&key, &tuple, c->form, isn, i));
	for (i = 0; i < 32; i++) {
		KUNIT_EXPECT_FALSE(test, opens(&key, &tuple, FIX_CISN ^ 1u << i, 10, c->form,
					       7, isn));
		KUNIT_EXPECT_FALSE(test, opens(&key, &tuple, FIX_CISN, 10 ^ 1u << i, c->form,
					       7, isn));
	}
	for (i = 0; i < 16; i++)
		if (i != 7)
			KUNIT_EXPECT_FALSE(test, opens(&key, &tuple, FIX_CISN, 10, c->form, i,
						       isn));
	for (i = CB_FORM_TS; i <= CB_FORM_ROWS_CLUSTER; i++)
		if (i != c->form)
			KUNIT_EXPECT_FALSE(test, opens(&key, &tuple, FIX_CISN, 10, i, 7, isn));
	KUNIT_EXPECT_FALSE(test, opens(&next, &tuple, FIX_CISN, 10, c->form, 7, isn));
	other = tuple;
	other.family = c->family == AF_INET6 ? AF_INET : AF_INET6;
	KUNIT_EXPECT_FALSE(test, opens(&key, &other, FIX_CISN, 10, c->form, 7, isn));
}

/* A SYN sent again gets the same ISN; other options give another. */
static void deterministic(struct kunit *test)
{
	const struct form_case *c = test->param_value;
	struct cb_tuple tuple = fix_tuple(c->family);
	siphash_key_t key = key_of(c->form);
	struct cb_offer a = ROW_0, b = ROW_0, d = ROW_41;
	u32 isn_a, isn_b, isn_d;

	cb_cookie_seal(&key, &tuple, FIX_CISN, 10, c->form, 7, &a, &isn_a);
	cb_cookie_seal(&key, &tuple, FIX_CISN, 10, c->form, 7, &b, &isn_b);
	cb_cookie_seal(&key, &tuple, FIX_CISN, 10, c->form, 7, &d, &isn_d);
	KUNIT_EXPECT_EQ(test, isn_a, isn_b);
	KUNIT_EXPECT_NE(test, isn_a, isn_d);
}

static struct kunit_case cookie_cases[] = {
	KUNIT_CASE_PARAM(known_answers, known_gen_params),
	KUNIT_CASE_PARAM(whole_option_space, form_gen_params),
	KUNIT_CASE_PARAM(every_row_is_itself, form_gen_params),
	KUNIT_CASE(every_class_is_itself),
	KUNIT_CASE_PARAM(every_binding, form_gen_params),
	KUNIT_CASE_PARAM(deterministic, form_gen_params),
	{}
};

static struct kunit_suite cookie_suite = {
	.name = "cookiebox_cookie",
	.test_cases = cookie_cases,
};

kunit_test_suites(&cookie_suite);
