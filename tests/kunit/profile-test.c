// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_profile: what is learned of servers, and what is forgotten. */
#include "fixture.h"
#include "profile.h"

#define TICK		1024ull		/* ms */
#define START		(1000 * TICK)
#define FULL		(CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS)
#define GUESSED		(CB_PROFILE_WSCALE | CB_PROFILE_SACK | CB_PROFILE_TS)

/* A namespace's table, small, and the clock. */
struct scene {
	struct cb_profile_set set;
	struct cb_tuple server;
	u64 now;
};

static struct scene *new_scene(struct kunit *test, int family)
{
	struct scene *s = kunit_kmalloc(test, sizeof(*s), GFP_KERNEL);

	memset(s, 0, sizeof(*s));
	s->server = fix_tuple(family);
	s->now = START;
	return s;
}

static void pass(struct scene *s, u32 n_ticks)
{
	s->now += n_ticks * TICK;
}

static struct cb_tuple neighbour(const struct scene *s, u32 n)
{
	struct cb_tuple t = s->server;

	t.daddr.a[3] = cpu_to_be32(n);
	t.family = AF_INET6;
	return t;
}

static struct cb_segment synack(u8 has, u16 mss, u8 wscale, u8 flags)
{
	struct cb_segment seg;

	memset(&seg, 0, sizeof(seg));
	seg.flags = CB_TCP_SYN | CB_TCP_ACK | flags;
	seg.opt.has = has;
	seg.opt.mss = mss;
	seg.opt.wscale = wscale;
	return seg;
}

static enum cb_profile_event answers(struct scene *s, struct cb_segment seg)
{
	return cb_profile_learn(&s->set, &s->server, &seg, CB_PROFILE_ALL, s->now);
}

static enum cb_profile_event full(struct scene *s)
{
	return answers(s, synack(FULL, 1460, 9, CB_TCP_ECE));
}

static struct cb_profile expect(struct kunit *test, struct scene *s, enum cb_profile_state state)
{
	struct cb_profile p;

	KUNIT_EXPECT_EQ(test, cb_profile_read(&s->set, &s->server, s->now, &p), state);
	return p;
}

static void family_desc(const int *family, char *desc)
{
	strcpy(desc, *family == AF_INET6 ? "IPv6" : "IPv4");
}

static const int families[] = { AF_INET, AF_INET6 };

KUNIT_ARRAY_PARAM(family, families, family_desc);

static void unknown(struct kunit *test)
{
	struct scene *s = new_scene(test, *(const int *)test->param_value);
	struct cb_profile p = expect(test, s, CB_PROFILE_UNKNOWN);

	KUNIT_EXPECT_EQ(test, p.has, (u8)GUESSED);
	KUNIT_EXPECT_EQ(test, p.wscale, 7);
	KUNIT_EXPECT_EQ(test, p.mss, 0);
	KUNIT_EXPECT_EQ(test, p.known, 0);
}

static void known(struct kunit *test)
{
	struct scene *s = new_scene(test, *(const int *)test->param_value);
	struct cb_profile p;

	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_NEW);
	p = expect(test, s, CB_PROFILE_KNOWN);
	KUNIT_EXPECT_EQ(test, p.has, (u8)CB_PROFILE_ALL);
	KUNIT_EXPECT_EQ(test, p.known, (u8)CB_PROFILE_ALL);
	KUNIT_EXPECT_EQ(test, p.mss, 1460);
	KUNIT_EXPECT_EQ(test, p.wscale, 9);
	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_SAME);
}

static const struct answer_case {
	const char *name;
	u8 has, flags, offered;
	u8 becomes, known;
} answer_cases[] = {
	{ "agrees to all", FULL, CB_TCP_ECE, CB_PROFILE_ALL, CB_PROFILE_ALL, CB_PROFILE_ALL },
	{ "agrees to nothing", CB_OPT_MSS, 0, CB_PROFILE_ALL, 0, CB_PROFILE_ALL },
	{ "no timestamps", FULL & ~CB_OPT_TS, 0, CB_PROFILE_ALL,
	  CB_PROFILE_WSCALE | CB_PROFILE_SACK, CB_PROFILE_ALL },
	{ "not offered is not refused", CB_OPT_MSS | CB_OPT_SACK, 0, CB_PROFILE_SACK, GUESSED,
	  CB_PROFILE_SACK },
	{ "nobody knows what was offered", CB_OPT_MSS, 0, 0, GUESSED, 0 },
	{ "whatever was offered, it agrees", FULL, CB_TCP_ECE, 0, CB_PROFILE_ALL,
	  CB_PROFILE_ALL },
	{ "ECE and CWR do not agree to ECN", FULL, CB_TCP_ECE | CB_TCP_CWR, CB_PROFILE_ALL,
	  GUESSED, CB_PROFILE_ALL },
};

static void answer_desc(const struct answer_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(answer, answer_cases, answer_desc);

static void answer(struct kunit *test)
{
	const struct answer_case *c = test->param_value;
	struct cb_segment seg = synack(c->has, 1400, 5, c->flags);
	struct scene *s = new_scene(test, AF_INET);
	struct cb_profile p;

	cb_profile_learn(&s->set, &s->server, &seg, c->offered, s->now);
	p = expect(test, s, CB_PROFILE_KNOWN);
	KUNIT_EXPECT_EQ(test, p.has, c->becomes);
	KUNIT_EXPECT_EQ(test, p.known, c->known);
	KUNIT_EXPECT_EQ(test, p.mss, 1400);
	if (c->has & CB_OPT_WSCALE)
		KUNIT_EXPECT_EQ(test, p.wscale, 5);
}

/* What one SYN did not ask for another does. */
static void more(struct kunit *test)
{
	struct cb_segment windows = synack(FULL & ~CB_OPT_TS, 1460, 8, 0);
	struct scene *s = new_scene(test, AF_INET);
	u8 offered = CB_PROFILE_WSCALE | CB_PROFILE_SACK;

	cb_profile_learn(&s->set, &s->server, &windows, offered, s->now);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).known, offered);
	KUNIT_EXPECT_EQ(test, answers(s, windows), CB_PROFILE_LEARNED);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).has, offered);
	KUNIT_EXPECT_EQ(test, answers(s, windows), CB_PROFILE_SAME);
}

static void without_mss(struct kunit *test)
{
	bool six = *(const int *)test->param_value == AF_INET6;
	struct scene *s = new_scene(test, *(const int *)test->param_value);

	answers(s, synack(0, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).mss, six ? 1220 : 536);
}

static void grows_stale(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);

	full(s);
	pass(s, CB_PROFILE_FRESH - 1);
	expect(test, s, CB_PROFILE_KNOWN);
	pass(s, 1);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_STALE).wscale, 9);
	pass(s, 1000000);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_STALE).mss, 1460);
	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_SAME);
	expect(test, s, CB_PROFILE_KNOWN);
}

/* Answers that say nothing new need no lock, but for one in CB_PROFILE_REFRESH. */
static void refreshed(struct kunit *test)
{
	struct cb_segment seg = synack(FULL, 1460, 9, CB_TCP_ECE);
	unsigned int i, written = 0;
	struct scene *s = new_scene(test, AF_INET);

	for (i = 0; i < 100 * CB_PROFILE_REFRESH; i++) {
		if (!cb_profile_learnt(&s->set, &s->server, &seg, CB_PROFILE_ALL, s->now)) {
			written++;
			full(s);
		}
		pass(s, 1);
		expect(test, s, CB_PROFILE_KNOWN);
	}
	KUNIT_EXPECT_EQ(test, written, 100u);
}

static void changes(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);

	full(s);
	KUNIT_EXPECT_EQ(test, answers(s, synack(FULL, 1460, 7, CB_TCP_ECE)), CB_PROFILE_CHANGED);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).wscale, 7);
	pass(s, 1);
	KUNIT_EXPECT_EQ(test, answers(s, synack(FULL & ~CB_OPT_TS, 1460, 7, CB_TCP_ECE)),
			CB_PROFILE_LEARNED);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).has,
			(u8)(CB_PROFILE_ALL & ~CB_PROFILE_TS));
	pass(s, CB_PROFILE_CALM);
	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_CHANGED);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).has, (u8)CB_PROFILE_ALL);
}

/* Two unlike servers behind one address: told of once a minute, for days. */
static void two_servers(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i, told = 0;

	for (i = 0; i < 100000; i++) {
		told += answers(s, synack(FULL, 1460, i & 1 ? 7 : 9, 0)) == CB_PROFILE_CHANGED;
		pass(s, i % 3);
	}
	KUNIT_EXPECT_LE(test, told, 100000 / CB_PROFILE_CALM + 1);
	KUNIT_EXPECT_LE(test, 100000 / CB_PROFILE_CALM - 50, told);
}

/* Clients whose way has a smaller MTU: what all of them bear is announced. */
static void lowest_mss(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i;

	full(s);
	answers(s, synack(FULL, 1452, 9, CB_TCP_ECE));
	for (i = 0; i < 200000; i++) {
		answers(s, synack(FULL, i % 30 ? 1460 : 1452, 9, CB_TCP_ECE));
		KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).mss, 1452);
		pass(s, 1);
	}
	pass(s, CB_PROFILE_CALM);
	full(s);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_KNOWN).mss, 1460);
}

static enum cb_profile_event refuse(struct scene *s, enum cb_profile_why why)
{
	return cb_profile_refuse(&s->set, &s->server, why, s->now);
}

static void dead_at_once(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);

	KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_RST), CB_PROFILE_DIED);
	expect(test, s, CB_PROFILE_DEAD);
	KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_RST), CB_PROFILE_SAME);
	pass(s, CB_PROFILE_DEAD_FOR - 1);
	expect(test, s, CB_PROFILE_DEAD);
	pass(s, 1);
	expect(test, s, CB_PROFILE_UNKNOWN);
	KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_UNREACHABLE), CB_PROFILE_DIED);
	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_REVIVED);
	expect(test, s, CB_PROFILE_KNOWN);
}

/* A host that refuses one client only is not dead. */
static void refuses_some(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i;

	full(s);
	for (i = 1; i < 100; i++) {
		refuse(s, CB_PROFILE_RST);
		if (i % (CB_PROFILE_REFUSALS - 1) == 0)
			full(s);
		expect(test, s, CB_PROFILE_KNOWN);
	}
}

static void dies(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i;

	full(s);
	for (i = 1; i < CB_PROFILE_REFUSALS; i++)
		KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_SILENT), CB_PROFILE_LEARNED);
	expect(test, s, CB_PROFILE_KNOWN);
	KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_SILENT), CB_PROFILE_DIED);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_DEAD).wscale, 9);
	pass(s, CB_PROFILE_DEAD_FOR);
	KUNIT_EXPECT_EQ(test, expect(test, s, CB_PROFILE_STALE).mss, 1460);
	KUNIT_EXPECT_EQ(test, refuse(s, CB_PROFILE_SILENT), CB_PROFILE_DIED);
}

static bool ask(struct scene *s, u32 isn)
{
	return cb_profile_ask_due(&s->set, &s->server, s->now) &&
	       cb_profile_ask(&s->set, &s->server, CB_PROFILE_ALL, isn, s->now) == CB_PROFILE_ASKED;
}

static void asked(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	u8 offered;

	KUNIT_EXPECT_TRUE(test, ask(s, FIX_CISN));
	expect(test, s, CB_PROFILE_UNKNOWN);
	KUNIT_EXPECT_FALSE(test, ask(s, FIX_CISN + 1));
	KUNIT_EXPECT_FALSE(test, cb_profile_asked(&s->set, &s->server, FIX_CISN, &offered));
	KUNIT_EXPECT_TRUE(test, cb_profile_asked(&s->set, &s->server, FIX_CISN + 1, &offered));
	KUNIT_EXPECT_EQ(test, offered, (u8)CB_PROFILE_ALL);
	KUNIT_EXPECT_EQ(test, full(s), CB_PROFILE_NEW);
	KUNIT_EXPECT_FALSE(test, cb_profile_asked(&s->set, &s->server, FIX_CISN + 1, &offered));
	KUNIT_EXPECT_FALSE(test, ask(s, FIX_CISN));
	pass(s, CB_PROFILE_FRESH);
	KUNIT_EXPECT_TRUE(test, ask(s, FIX_CISN));
	KUNIT_EXPECT_FALSE(test, ask(s, FIX_CISN));
}

/* Asked every CB_PROFILE_ASK_GAP, it is given up, and asked again a minute later, once. */
static void never_answers(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i, passed = 0;

	for (i = 0; i < 3600; i++) {
		passed += ask(s, i);
		pass(s, 1);
	}
	KUNIT_EXPECT_LE(test, passed, CB_PROFILE_REFUSALS + 3600 / CB_PROFILE_DEAD_FOR);
	KUNIT_EXPECT_LE(test, 3600 / (CB_PROFILE_DEAD_FOR + 2 * CB_PROFILE_ASK_GAP), passed);
}

/* SYNs lost in a flood are no reason to give up a server that has been seen. */
static void asked_in_vain(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET);
	unsigned int i;

	full(s);
	pass(s, CB_PROFILE_FRESH);
	for (i = 0; i < 1000; i++) {
		ask(s, i);
		pass(s, 1);
		expect(test, s, CB_PROFILE_STALE);
	}
}

static void all_answer(struct scene *s)
{
	struct cb_segment seg = synack(FULL, 1460, 9, CB_TCP_ECE);
	u32 i;

	for (i = 0; i < CB_PROFILE_PLACES; i++) {
		struct cb_tuple server = neighbour(s, i);

		cb_profile_learn(&s->set, &server, &seg, CB_PROFILE_ALL, s->now);
	}
}

/* SYNs to a million addresses around, and refusals by them, put out nobody who is there. */
static void swept(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET6);
	struct cb_profile p;
	u32 i;

	all_answer(s);
	for (i = 0; i < 1000000; i++) {
		struct cb_tuple other = neighbour(s, i | 1 << 24);

		if (i & 1)
			cb_profile_refuse(&s->set, &other, CB_PROFILE_RST, s->now);
		else
			cb_profile_ask(&s->set, &other, CB_PROFILE_ALL, i, s->now);
		if (i % 4096 == 0) {
			pass(s, 1);
			all_answer(s);
		}
	}
	for (i = 0; i < CB_PROFILE_PLACES; i++) {
		struct cb_tuple server = neighbour(s, i);

		KUNIT_EXPECT_EQ(test, cb_profile_read(&s->set, &server, s->now, &p),
				CB_PROFILE_KNOWN);
	}
}

/* More servers than places: the one that was silent longest goes. */
static void crowded(struct kunit *test)
{
	struct scene *s = new_scene(test, AF_INET6);
	struct cb_segment seg = synack(FULL, 1460, 9, 0);
	struct cb_profile p;
	u32 i;

	for (i = 0; i <= CB_PROFILE_PLACES; i++) {
		struct cb_tuple server = neighbour(s, i);

		KUNIT_EXPECT_EQ(test, cb_profile_learn(&s->set, &server, &seg, 0, s->now),
				CB_PROFILE_NEW);
		pass(s, CB_PROFILE_REFRESH);
	}
	for (i = 0; i <= CB_PROFILE_PLACES; i++) {
		struct cb_tuple server = neighbour(s, i);

		KUNIT_EXPECT_EQ(test, cb_profile_read(&s->set, &server, s->now, &p),
				i ? CB_PROFILE_KNOWN : CB_PROFILE_UNKNOWN);
	}
}

/* Addresses, ports and families are told apart, and the key decides where they are. */
static void hashed(struct kunit *test)
{
	hsiphash_key_t key = { { 1, 2 } }, other = { { 3, 4 } };
	unsigned int i, met = 0, met_other = 0;
	struct cb_tuple t = fix_tuple6();
	u32 n_sets = 2048, first = cb_profile_hash(&key, &t, n_sets);

	KUNIT_EXPECT_TRUE(test, first < n_sets);
	for (i = 0; i < 20480; i++) {
		t.dport = cpu_to_be16(i);
		if (cb_profile_hash(&key, &t, n_sets) != first)
			continue;
		met++;
		met_other += cb_profile_hash(&other, &t, n_sets) == first;
	}
	KUNIT_EXPECT_TRUE(test, met > 1 && met < 30);
	KUNIT_EXPECT_LE(test, met_other, 2);
}

static void budget(struct kunit *test)
{
	unsigned int i, passed = 0;
	u32 bucket = 0;
	u64 now;

	for (now = START, i = 0; i < 1000000; i++, now += i % 2)
		passed += cb_profile_spend(&bucket, 16, now);
	KUNIT_EXPECT_LE(test, passed, (500000 / 1024 + 2) * 16);
	KUNIT_EXPECT_LE(test, 500000 / 1024 * 16, passed);
	KUNIT_EXPECT_FALSE(test, cb_profile_spend(&bucket, 0, now + 2 * TICK));
}

static struct kunit_case profile_cases[] = {
	KUNIT_CASE_PARAM(unknown, family_gen_params),
	KUNIT_CASE_PARAM(known, family_gen_params),
	KUNIT_CASE_PARAM(answer, answer_gen_params),
	KUNIT_CASE(more),
	KUNIT_CASE_PARAM(without_mss, family_gen_params),
	KUNIT_CASE(grows_stale),
	KUNIT_CASE(refreshed),
	KUNIT_CASE(changes),
	KUNIT_CASE(two_servers),
	KUNIT_CASE(lowest_mss),
	KUNIT_CASE(dead_at_once),
	KUNIT_CASE(refuses_some),
	KUNIT_CASE(dies),
	KUNIT_CASE(asked),
	KUNIT_CASE(never_answers),
	KUNIT_CASE(asked_in_vain),
	KUNIT_CASE(swept),
	KUNIT_CASE(crowded),
	KUNIT_CASE(hashed),
	KUNIT_CASE(budget),
	{}
};

static struct kunit_suite profile_suite = {
	.name = "cookiebox_profile",
	.test_cases = profile_cases,
};

kunit_test_suites(&profile_suite);
