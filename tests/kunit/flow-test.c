// SPDX-License-Identifier: GPL-2.0
/*
 * Suite cookiebox_flow: the flow cache by itself, and what a million entries cost.
 *
 * The cache is the module's own code (module/flow*.c), with a table for each case.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include "flow.h"
#include "splice.h"
#include "fixture.h"

#define MANY		1000000u
#define FEW		1000u
#define LOOKUPS		10000u
/* Tools that watch memory take more of it than the cache does. */
#define WATCHED		(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))

static struct cb_flows *flows;
static struct cb_flow_place places[CB_PLACES];

/* flow.c asks for it; no flow is spliced here. */
void cb_splice_free(struct cb_flow *flow)
{
}

static int begin(struct kunit *test)
{
	flows = cb_flows_alloc();
	if (!flows)
		return -ENOMEM;
	memset(places, 0, sizeof(places));
	cb_flow_count_places(flows, places);
	return 0;
}

static void end(struct kunit *test)
{
	cb_flows_free(flows);
}

/* Different for each @n; the port is that of the service. */
static struct cb_tuple tuple_of(int family, u32 n)
{
	struct cb_tuple t = fix_tuple(family);

	t.saddr.a[family == AF_INET ? 0 : 3] = cpu_to_be32(0x0a000000 + n);
	t.sport = cpu_to_be16(1024 + n % 60000);
	return t;
}

static bool add(int family, u32 n, u64 limit)
{
	struct cb_tuple t = tuple_of(family, n);
	struct cb_flow_facts facts = { .opened_ms = n, .service = n % 7, .mss = 1440 };
	bool done;

	rcu_read_lock();
	done = cb_flow_add(flows, limit, &t, &facts);
	rcu_read_unlock();
	return done;
}

static bool has(int family, u32 n)
{
	struct cb_tuple t = tuple_of(family, n);
	struct cb_flow *flow;
	bool right;

	rcu_read_lock();
	flow = cb_flow_find(flows, &t);
	right = flow && flow->facts.opened_ms == n && flow->facts.service == n % 7;
	rcu_read_unlock();
	return right;
}

static unsigned int count_of(int family, u32 from, u32 to)
{
	unsigned int n = 0;

	for (; from < to; from++)
		n += has(family, from);
	return n;
}

static struct cb_flow_totals totals(void)
{
	struct cb_flow_totals t;

	cb_flow_totals(flows, &t);
	return t;
}

static void found(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 500; i++) {
		KUNIT_ASSERT_TRUE(test, add(AF_INET, i, 2000));
		KUNIT_ASSERT_TRUE(test, add(AF_INET6, i, 2000));
	}
	KUNIT_EXPECT_EQ(test, count_of(AF_INET, 0, 600), 500u);
	KUNIT_EXPECT_EQ(test, count_of(AF_INET6, 0, 600), 500u);
	KUNIT_EXPECT_EQ(test, totals().entries, 1000ull);
	KUNIT_EXPECT_FALSE(test, add(AF_INET, 5000, 0));
	KUNIT_EXPECT_EQ(test, totals().refused, 0ull);
}

/* The tuple's next connection takes the entry over. */
static void renewed(struct kunit *test)
{
	struct cb_flow_facts facts = { .opened_ms = 99, .service = 3 };
	struct cb_tuple t = tuple_of(AF_INET, 1);
	struct cb_flow *flow;

	add(AF_INET, 1, 10);
	rcu_read_lock();
	flow = cb_flow_find(flows, &t);
	flow->again = 5;
	KUNIT_EXPECT_TRUE(test, cb_flow_add(flows, 10, &t, &facts));
	KUNIT_EXPECT_PTR_EQ(test, flow, cb_flow_find(flows, &t));
	KUNIT_EXPECT_EQ(test, flow->again, 0u);
	KUNIT_EXPECT_EQ(test, flow->facts.opened_ms, 99ull);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, totals().entries, 1ull);
}

/* One that is older than its service is written to without the lock, so it stays what it is, and
 * gives way to one of the other kind.
 */
static void older(struct kunit *test)
{
	struct cb_flow_facts facts = { .opened_ms = 99, .has = CB_FLOW_OLDER };
	struct cb_tuple t = tuple_of(AF_INET, 1);
	struct cb_flow *flow;

	rcu_read_lock();
	KUNIT_EXPECT_TRUE(test, cb_flow_add_older(flows, 10, &t, &facts, 7));
	KUNIT_EXPECT_TRUE(test, cb_flow_add_older(flows, 10, &t, &facts, 7));
	KUNIT_EXPECT_TRUE(test, cb_flow_may_be_older(flows, &t));
	flow = cb_flow_find(flows, &t);
	KUNIT_EXPECT_EQ(test, flow->acked, 7u);
	KUNIT_EXPECT_TRUE(test, add(AF_INET, 1, 10));
	KUNIT_EXPECT_FALSE(test, cb_flow_may_be_older(flows, &t));
	KUNIT_EXPECT_TRUE(test, cb_flow_is_older(flow));
	KUNIT_EXPECT_FALSE(test, cb_flow_is_older(cb_flow_find(flows, &t)));
	KUNIT_EXPECT_TRUE(test, cb_flow_add_older(flows, 10, &t, &facts, 8));
	flow = cb_flow_find(flows, &t);
	KUNIT_EXPECT_EQ(test, flow->acked, 8u);
	KUNIT_EXPECT_EQ(test, totals().entries, 1ull);
	KUNIT_EXPECT_TRUE(test, cb_flow_may_be_older(flows, &t));
	cb_flow_forget(flows, flow);
	cb_flow_forget(flows, flow);
	KUNIT_EXPECT_PTR_EQ(test, NULL, cb_flow_find(flows, &t));
	KUNIT_EXPECT_FALSE(test, cb_flow_may_be_older(flows, &t));
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, totals().entries, 0ull);
}

static void limited(struct kunit *test)
{
	u64 limit = cb_flow_entries(4096);
	u32 i;

	for (i = 0; i < FEW; i++)
		KUNIT_ASSERT_TRUE(test, add(AF_INET6, i, limit));
	KUNIT_EXPECT_EQ(test, totals().entries, limit);
	KUNIT_EXPECT_EQ(test, totals().evicted, FEW - limit);
	KUNIT_EXPECT_EQ(test, (u64)count_of(AF_INET6, FEW - limit, FEW), limit);
	KUNIT_EXPECT_LE(test, cb_flow_bytes(&flows->n), 4096ull);
}

/* A lowered limit is reached by what comes, two for one. */
static void lowered(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 200; i++)
		add(AF_INET, i, 200);
	for (; i < 400; i++)
		add(AF_INET, i, 50);
	KUNIT_EXPECT_EQ(test, totals().entries, 50ull);
	KUNIT_EXPECT_EQ(test, count_of(AF_INET, 350, 400), 50u);
}

static void second_chance(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 8; i++)
		add(AF_INET, i, 8);
	KUNIT_EXPECT_TRUE(test, has(AF_INET, 0));
	add(AF_INET, 8, 8);
	KUNIT_EXPECT_TRUE(test, has(AF_INET, 0));
	KUNIT_EXPECT_FALSE(test, has(AF_INET, 1));
	/* Once: who is not looked up any more goes. */
	for (i = 9; i < 30; i++)
		add(AF_INET, i, 8);
	KUNIT_EXPECT_FALSE(test, has(AF_INET, 0));
	/* Bounded, even if all have been looked up. */
	for (i = 100; i < 500; i++) {
		add(AF_INET, i, 100);
		has(AF_INET, i);
	}
	KUNIT_EXPECT_EQ(test, totals().entries, 100ull);
}

/* As the spliced ones are: not of the cache's memory. */
static bool pin(struct cb_flow *flow, u32 n)
{
	struct cb_tuple t = tuple_of(AF_INET, n);
	struct cb_flow *other;

	*flow = (struct cb_flow) { .spliced = 1 };
	cb_flow_key_of(&flow->key, &t);
	spin_lock_bh(&flows->lock);
	other = cb_flow_insert_pinned(flows, flow, &flows->pinned);
	spin_unlock_bh(&flows->lock);
	return !other;
}

static void unpin(struct cb_flow *flow)
{
	spin_lock_bh(&flows->lock);
	cb_flow_take_pinned(flows, flow);
	spin_unlock_bh(&flows->lock);
	synchronize_rcu();
}

/* It takes the place of what was there of its tuple, and goes only when it is told to. */
static void pinned(struct kunit *test)
{
	const struct cb_flow_filter everything = {};
	struct cb_tuple t = tuple_of(AF_INET, 0);
	struct cb_flow flow, other;
	u32 i;

	for (i = 0; i < 8; i++)
		add(AF_INET, i, 8);
	KUNIT_ASSERT_TRUE(test, pin(&flow, 0));
	KUNIT_EXPECT_FALSE(test, cb_flow_may_be_older(flows, &t));
	KUNIT_EXPECT_FALSE(test, pin(&other, 0));
	KUNIT_EXPECT_TRUE(test, cb_flow_may_be_spliced(flows, &t));
	KUNIT_EXPECT_EQ(test, totals().entries, 7ull);
	KUNIT_EXPECT_EQ(test, totals().pinned, 1ull);
	for (i = 8; i < 200; i++)
		add(AF_INET, i, 8);
	KUNIT_EXPECT_EQ(test, totals().entries, 8ull);
	KUNIT_EXPECT_FALSE(test, add(AF_INET, 0, 8));
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &everything), 8ull);
	KUNIT_EXPECT_EQ(test, cb_flow_reclaim(flows, 100), 0ul);
	cb_flow_trim(flows, 0);
	KUNIT_EXPECT_TRUE(test, has(AF_INET, 0));
	unpin(&flow);
	KUNIT_EXPECT_EQ(test, totals().pinned, 0ull);
	KUNIT_EXPECT_FALSE(test, has(AF_INET, 0));
	KUNIT_EXPECT_FALSE(test, cb_flow_may_be_spliced(flows, &t));
}

static void filtered(struct kunit *test)
{
	struct cb_flow_filter f = { .port = 80 };
	u32 i;

	for (i = 0; i < 512; i++) {
		add(AF_INET, i, 5000);
		add(AF_INET6, i, 5000);
	}
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &f), 0ull);
	f = (struct cb_flow_filter){ .source = { .family = AF_INET, .len = 24 }, .port = 443 };
	f.source.addr.a[0] = cpu_to_be32(0x0a000100);
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &f), 256ull);
	KUNIT_EXPECT_EQ(test, count_of(AF_INET, 0, 512), 256u);
	f = (struct cb_flow_filter){ .by_service = true, .service = 3 };
	f.dest = (struct cb_prefix){ .family = AF_INET6, .len = 128, .addr = fix_tuple6().daddr };
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &f), 73ull);
	f = (struct cb_flow_filter){ .dest = { .family = AF_INET6 } };
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &f), 512ull - 73);
	KUNIT_EXPECT_EQ(test, totals().entries, 256ull);
}

static void given_up(struct kunit *test)
{
	u32 i;

	for (i = 0; i < 3000; i++)
		add(AF_INET, i, 5000);
	KUNIT_EXPECT_EQ(test, cb_flow_reclaim(flows, 1000), 1000ul);
	KUNIT_EXPECT_EQ(test, totals().reclaimed, 1000ull);
	KUNIT_EXPECT_EQ(test, count_of(AF_INET, 1000, 3000), 2000u);
	cb_flow_trim(flows, 100);
	KUNIT_EXPECT_EQ(test, totals().entries, 100ull);
	cb_flow_trim(flows, 0);
	KUNIT_EXPECT_EQ(test, totals().entries, 0ull);
	KUNIT_EXPECT_EQ(test, cb_flow_reclaim(flows, 1000), 0ul);
}

static bool walks_on(const struct cb_flow_walk *walk)
{
	bool on;

	rcu_read_lock();
	on = cb_flow_walk_on(flows, walk);
	rcu_read_unlock();
	return on;
}

/* A walk learns that the table was rebuilt under it; one that begins anew waits until it
 * has been, and these entries come so fast that it is rebuilt several times.  With a
 * priority above the work's nothing is rebuilt while the case does not sleep.
 */
static void walked(struct kunit *test)
{
	struct cb_flow_walk walk;
	u32 i;

	sched_set_fifo_low(current);
	add(AF_INET, 0, 5000);
	cb_flow_walk_begin(flows, &walk);
	KUNIT_EXPECT_TRUE(test, walks_on(&walk));
	for (i = 1; i < 4000; i++)
		add(AF_INET, i, 5000);
	KUNIT_EXPECT_FALSE(test, walks_on(&walk));
	cb_flow_walk_begin(flows, &walk);
	KUNIT_EXPECT_TRUE(test, walks_on(&walk));
	sched_set_normal(current, 0);
}

static u64 free_bytes(void)
{
	struct sysinfo info;

	rcu_barrier();
	si_meminfo(&info);
	return (u64)info.freeram * info.mem_unit;
}

static void fill(struct kunit *test, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		if (!add(AF_INET, i, n))
			break;
		cond_resched();
	}
	flush_work(&flows->table.run_work);
	KUNIT_ASSERT_EQ(test, totals().entries, (u64)n);
}

/* Nanoseconds of LOOKUPS look-ups in the quickest of several rounds, of the newest @active
 * entries of @n, in no order.
 */
static u64 look_up(struct kunit *test, u32 n, u32 active)
{
	u64 best = U64_MAX, ns;
	u32 i, round, x = 1;

	for (round = 0; round < 40; round++) {
		unsigned int hits = 0;
		struct cb_tuple t;

		ns = ktime_get_ns();
		for (i = 0; i < LOOKUPS; i++) {
			x = x * 1664525 + 1013904223;
			t = tuple_of(AF_INET, n - active + (u32)((u64)x * active >> 32));
			rcu_read_lock();
			hits += !!cb_flow_find(flows, &t);
			rcu_read_unlock();
		}
		best = min(best, ktime_get_ns() - ns);
		KUNIT_EXPECT_EQ(test, hits, LOOKUPS);
		cond_resched();
	}
	return best;
}

/* The table's size must not count.  What it costs to fetch from memory entries that are not
 * in the processor's cache is told, but is not the table's doing.
 */
static void million(struct kunit *test)
{
	u32 many = WATCHED ? 20000 : MANY;
	const struct cb_flow_filter everything = {};
	u64 few_ns, many_ns, all_ns, bytes;

	fill(test, FEW);
	few_ns = look_up(test, FEW, FEW);
	cb_flow_flush(flows, &everything);
	bytes = free_bytes();
	fill(test, many);
	bytes -= free_bytes();
	many_ns = look_up(test, many, FEW);
	all_ns = look_up(test, many, many);
	KUNIT_EXPECT_EQ(test, cb_flow_flush(flows, &everything), (u64)many);
	KUNIT_EXPECT_EQ(test, totals().entries, 0ull);
	kunit_info(test, "%u entries: %llu bytes each\n", many, bytes / many);
	kunit_info(test, "ns of %u look-ups: %u of %u %llu, %u of %u %llu, %u of %u %llu\n",
		   LOOKUPS, FEW, FEW, few_ns, FEW, many, many_ns, many, many, all_ns);
	if (WATCHED)
		return;
	KUNIT_EXPECT_LE(test, bytes, (u64)many * CB_FLOW_COST);
	KUNIT_EXPECT_LE(test, many_ns, 3 * few_ns);
}

static struct kunit_case flow_cases[] = {
	KUNIT_CASE(found),
	KUNIT_CASE(renewed),
	KUNIT_CASE(older),
	KUNIT_CASE(limited),
	KUNIT_CASE(lowered),
	KUNIT_CASE(second_chance),
	KUNIT_CASE(pinned),
	KUNIT_CASE(filtered),
	KUNIT_CASE(given_up),
	KUNIT_CASE(walked),
	KUNIT_CASE_SLOW(million),
	{}
};

static int begin_suite(struct kunit_suite *suite)
{
	return cb_flow_register();
}

static void end_suite(struct kunit_suite *suite)
{
	cb_flow_unregister();
}

static struct kunit_suite flow_suite = {
	.name = "cookiebox_flow",
	.suite_init = begin_suite,
	.suite_exit = end_suite,
	.init = begin,
	.exit = end,
	.test_cases = flow_cases,
};

kunit_test_suites(&flow_suite);
