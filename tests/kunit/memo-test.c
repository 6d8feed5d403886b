// SPDX-License-Identifier: GPL-2.0
/*
 * Suite cookiebox_memo: a memo fits what it was made of, and nothing that differs from
 * it in whatever the opening of a cookie depends on.
 */
#include "fixture.h"
#include "memo.h"

#define RING	7u
#define TICK	1000u

struct asked {
	struct cb_segment seg;
	u64 ring;
	unsigned long tick;
};

static void ask(struct asked *a, int family)
{
	memset(a, 0, sizeof(*a));
	a->seg.tuple = fix_tuple(family);
	a->seg.seq = FIX_CISN + 1;
	a->seg.ack = 0x9abcdef0u;
	a->seg.flags = CB_TCP_ACK;
	a->seg.opt.has = CB_OPT_TS;
	a->seg.opt.tsval = 11;
	a->seg.opt.tsecr = 22;
	a->ring = RING;
	a->tick = TICK;
}

static void note(struct cb_memo *m, const struct asked *a)
{
	struct cb_opened opened;

	memset(&opened, 0, sizeof(opened));
	opened.cisn = FIX_CISN;
	memset(m, 0, sizeof(*m));
	m->ring = a->ring;
	m->tick = a->tick;
	cb_memo_keep(m, &a->seg, &opened);
}

static bool fits(const struct cb_memo *m, const struct asked *a)
{
	return cb_memo_fits(m, &a->seg, a->ring, a->tick) &&
	       cb_memo_fits_options(m, &a->seg.opt);
}

static void saddr(struct asked *a)	{ a->seg.tuple.saddr.a[0] ^= cpu_to_be32(1); }
static void saddr_end(struct asked *a)	{ a->seg.tuple.saddr.a[3] ^= cpu_to_be32(1); }
static void daddr(struct asked *a)	{ a->seg.tuple.daddr.a[0] ^= cpu_to_be32(1); }
static void daddr_end(struct asked *a)	{ a->seg.tuple.daddr.a[3] ^= cpu_to_be32(1); }
static void sport(struct asked *a)	{ a->seg.tuple.sport ^= cpu_to_be16(1); }
static void dport(struct asked *a)	{ a->seg.tuple.dport ^= cpu_to_be16(1); }
static void family(struct asked *a)	{ a->seg.tuple.family ^= 1; }
static void seq(struct asked *a)	{ a->seg.seq++; }
static void ack(struct asked *a)	{ a->seg.ack++; }
static void tsval(struct asked *a)	{ a->seg.opt.tsval++; }
static void tsecr(struct asked *a)	{ a->seg.opt.tsecr++; }
static void timestamps(struct asked *a)	{ a->seg.opt.has ^= CB_OPT_TS; }
static void ring(struct asked *a)	{ a->ring++; }
static void tick(struct asked *a)	{ a->tick++; }

static const struct change {
	const char *name;
	void (*make)(struct asked *a);
} changes[] = {
	{ "source", saddr }, { "source, its end", saddr_end },
	{ "destination", daddr }, { "destination, its end", daddr_end },
	{ "source port", sport }, { "destination port", dport }, { "family", family },
	{ "SEQ", seq }, { "ACK", ack }, { "TSval", tsval }, { "TSecr", tsecr },
	{ "no timestamps", timestamps }, { "another ring", ring }, { "a tick later", tick },
};

static void change_desc(const struct change *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(change, changes, change_desc);

static void changed(struct kunit *test)
{
	const struct change *c = test->param_value;
	static const int families[] = { AF_INET, AF_INET6 };
	struct cb_memo m;
	struct asked a;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ask(&a, families[i]);
		note(&m, &a);
		KUNIT_EXPECT_TRUE(test, fits(&m, &a));
		c->make(&a);
		KUNIT_EXPECT_FALSE(test, fits(&m, &a));
	}
}

/* Flags and payload are no arguments: a first flight's other copy fits as well. */
static void same(struct kunit *test)
{
	struct cb_memo m;
	struct asked a;

	ask(&a, AF_INET);
	note(&m, &a);
	a.seg.flags |= CB_TCP_PSH;
	a.seg.payload_len = 100;
	KUNIT_EXPECT_TRUE(test, fits(&m, &a));
	KUNIT_EXPECT_EQ(test, m.opened.cisn, FIX_CISN);
}

/* Memory that was never written is of no ring, nor is a ring that was never published. */
static void empty(struct kunit *test)
{
	struct cb_memo m;
	struct asked a;

	memset(&m, 0, sizeof(m));
	memset(&a, 0, sizeof(a));
	KUNIT_EXPECT_FALSE(test, fits(&m, &a));
}

static struct kunit_case memo_cases[] = {
	KUNIT_CASE_PARAM(changed, change_gen_params),
	KUNIT_CASE(same),
	KUNIT_CASE(empty),
	{}
};

static struct kunit_suite memo_suite = {
	.name = "cookiebox_memo",
	.test_cases = memo_cases,
};

kunit_test_suites(&memo_suite);
