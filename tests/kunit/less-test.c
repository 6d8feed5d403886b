// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_less: what a SYN offered and a cookie does not hold, told and hinted at. */
#include "fixture.h"

#define ALL	(CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK)
#define EXTRAS	(CB_OPT_MPTCP | CB_OPT_FASTOPEN)

static const struct less_case {
	const char *name;
	u16 mss;
	u8 wscale, has, extras, flags;
	unsigned int less;
} less_cases[] = {
	{ "all is held", 1460, 8, ALL | CB_OPT_TS, 0, CB_TCP_SYN, 0 },
	{ "MSS between classes", 1459, 8, ALL | CB_OPT_TS, 0, CB_TCP_SYN, BIT(CB_LESS_MSS) },
	{ "ECN is held", 1460, 8, ALL | CB_OPT_TS, 0, CB_TCP_SYN | CB_TCP_ECE | CB_TCP_CWR, 0 },
	{ "no MSS option", 0, 8, CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS, 0, CB_TCP_SYN, 0 },
	{ "MPTCP", 1460, 8, ALL | CB_OPT_TS | CB_OPT_MPTCP, EXTRAS, CB_TCP_SYN,
	  BIT(CB_LESS_MPTCP) },
	{ "Fast Open", 1460, 8, ALL | CB_OPT_TS | CB_OPT_FASTOPEN, EXTRAS, CB_TCP_SYN,
	  BIT(CB_LESS_FASTOPEN) },
	{ "MPTCP that nobody would speak", 1460, 8, ALL | CB_OPT_TS | CB_OPT_MPTCP,
	  CB_OPT_FASTOPEN, CB_TCP_SYN, 0 },
	{ "a row", 1460, 8, ALL, 0, CB_TCP_SYN, 0 },
	{ "scale between rows", 1460, 9, ALL, 0, CB_TCP_SYN, BIT(CB_LESS_WSCALE) },
	{ "MSS between rows", 1459, 8, ALL, 0, CB_TCP_SYN, BIT(CB_LESS_MSS) },
	{ "ECN without scale", 1460, 0, CB_OPT_MSS | CB_OPT_SACK, 0,
	  CB_TCP_SYN | CB_TCP_ECE | CB_TCP_CWR, BIT(CB_LESS_ECN) },
};

static void less_desc(const struct less_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(less, less_cases, less_desc);

static void told(struct kunit *test)
{
	const struct less_case *c = test->param_value;
	struct cb_segment syn = fix_syn(AF_INET, true);
	struct cb_policy pol = fix_policy();
	struct cb_synack synack;
	struct cb_ring ring;

	fix_ring(&ring, false, 1000);
	syn.flags = c->flags;
	syn.opt.mss = c->mss;
	syn.opt.wscale = c->wscale;
	syn.opt.has = c->has;
	pol.extras = c->extras;
	KUNIT_EXPECT_EQ(test, (int)cb_handshake_syn(&syn, &pol, &ring, 1000ULL * FIX_EPOCH_MS,
						    &synack).action, (int)CB_ANSWER);
	KUNIT_EXPECT_EQ(test, cb_handshake_less(&syn, &pol, &ring), c->less);
	/* The hint: never silent where there is something to tell. */
	if (c->less & ~(BIT(CB_LESS_MPTCP) | BIT(CB_LESS_FASTOPEN)))
		KUNIT_EXPECT_NE(test, synack.kept_mss, syn.opt.mss);
	else if (c->has & CB_OPT_MSS)
		KUNIT_EXPECT_EQ(test, synack.kept_mss, syn.opt.mss);
}

static struct kunit_case less_test_cases[] = {
	KUNIT_CASE_PARAM(told, less_gen_params),
	{}
};

static struct kunit_suite less_suite = {
	.name = "cookiebox_less",
	.test_cases = less_test_cases,
};

kunit_test_suites(&less_suite);
