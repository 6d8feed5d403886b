// SPDX-License-Identifier: GPL-2.0
/*
 * Suite cookiebox_epoch: hours of epochs in simulated time, with steps of the
 * wall clock and a late worker; handshakes and neighbours all along.
 */
#include "epoch.h"
#include "fixture.h"

#define LEN		32000u
#define WALL_0		1790000000000ULL	/* ms */
#define TICK		250u
#define NEIGHBOUR_MS	400		/* how far apart the boxes' clocks are */

struct box {
	struct cb_ring ring;
	struct cb_master master;
	u8 nonce[CB_NONCE_LEN];
	s64 wall_step;		/* ms that the wall clock is off */
	u64 boot;		/* CLOCK_MONOTONIC began so much earlier than the simulation */
	unsigned int late;	/* ms that the worker comes late */
	u32 len;		/* of the epochs to come */
};

static struct cb_epoch_by moment(const struct box *b, u64 t)
{
	return (struct cb_epoch_by){
		.master = &b->master, .nonce = b->nonce, .now_ms = b->boot + t,
		.wall_ms = WALL_0 + t + b->wall_step, .len_ms = b->len,
	};
}

/* What keyring.c does when its work runs. */
static void advance(struct box *b, u64 t)
{
	struct cb_epoch_by by = moment(b, t);

	while (cb_epoch_newest(&b->ring)->start_ms + b->late <= by.now_ms)
		cb_epoch_append(&b->ring, &by);
	cb_epoch_settle(&b->ring, &by);
}

static struct box *new_box(struct kunit *test, enum cb_clock clock, u64 boot, s64 wall_step)
{
	struct box *b = kunit_kmalloc(test, sizeof(*b), GFP_KERNEL);
	struct cb_epoch_by by;

	memset(b, 0, sizeof(*b));
	fix_master(b->master.secret);
	b->master.clock = clock;
	b->wall_step = wall_step;
	b->boot = boot;
	b->len = LEN;
	b->ring.cluster = clock == CB_CLOCK_WALL;
	b->ring.n_pairs = 1;
	b->ring.pair[0].key = fix_key(CB_KEY_GATE, 0);
	b->ring.pair[0].base = (u32)(WALL_0 + wall_step - boot);
	by = moment(b, 0);
	cb_epoch_restart(&b->ring, &by, 1);
	advance(b, 0);
	return b;
}

/* Sealed by @from at @t, opened by @to @delay ms later? */
static bool shakes(const struct box *from, const struct box *to, bool timestamps, u64 t,
		   u32 delay)
{
	struct cb_segment syn = fix_syn(AF_INET, timestamps), ack;
	struct cb_policy pol = fix_policy();
	struct cb_synack synack;
	struct cb_opened opened;

	if (cb_handshake_syn(&syn, &pol, &from->ring, from->boot + t, &synack).action != CB_ANSWER)
		return false;
	ack = fix_ack(&syn, &synack);
	return cb_handshake_ack(&ack, &pol, &to->ring, to->boot + t + delay,
				&opened).action == CB_REDEEM;
}

struct watch {
	u32 epoch;
	u64 start;
};

/* What must hold at every moment. Returns a complaint or NULL. */
static const char *amiss(const struct box *b, struct watch *w, u64 t)
{
	const struct cb_slot *now = cb_ring_sealing(&b->ring, b->boot + t);
	const struct cb_slot *next = cb_epoch_newest(&b->ring);

	if (!now)
		return "nothing seals";
	if (now->epoch < w->epoch || (now->epoch == w->epoch && now->start_ms != w->start))
		return "an epoch came again";
	if (next->start_ms + b->late <= b->boot + t)
		return "no next epoch";
	if (b->ring.ts_life_ms < 2 * LEN)
		return "life too short";
	if (now->epoch != w->epoch && w->epoch && now->start_ms < w->start + LEN / 2)
		return "epoch too short";
	if (b->boot + t > now->start_ms + LEN + LEN / 2 + b->late)
		return "epoch too long";
	*w = (struct watch){ now->epoch, now->start_ms };
	return NULL;
}

static const struct step_case {
	const char *name;
	enum cb_clock clock;
	s64 step;
	unsigned int late;
} step_cases[] = {
	{ "local", CB_CLOCK_LOCAL, 0, 0 },
	{ "local, stepped an hour back", CB_CLOCK_LOCAL, -3600000, 0 },
	{ "local, worker 7 s late", CB_CLOCK_LOCAL, 0, 7000 },
	{ "wall", CB_CLOCK_WALL, 0, 0 },
	{ "wall, 10 s ahead", CB_CLOCK_WALL, 10000, 0 },
	{ "wall, 10 s back", CB_CLOCK_WALL, -10000, 0 },
	{ "wall, an hour ahead", CB_CLOCK_WALL, 3600000, 0 },
	{ "wall, an hour back", CB_CLOCK_WALL, -3600000, 0 },
	{ "wall, worker 7 s late", CB_CLOCK_WALL, 0, 7000 },
};

static void step_desc(const struct step_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(step, step_cases, step_desc);

/* Four hours, the step after one: order of epochs, and every handshake opens. */
static void one_box(struct kunit *test)
{
	const struct step_case *c = test->param_value;
	struct box *b = new_box(test, c->clock, 123456, 0);
	struct watch w = { 0, 0 };
	const char *complaint = NULL;
	unsigned int lost = 0;
	u64 t;

	b->late = c->late;
	for (t = 0; t < 4 * 3600000ULL && !complaint; t += TICK) {
		struct box before = *b;

		if (t == 3600000)
			b->wall_step += c->step;
		advance(b, t);
		complaint = amiss(b, &w, t);
		/* Sealed with the ring of the last tick, opened with that of this one. */
		lost += !shakes(&before, b, true, t - TICK, TICK) && t;
		lost += !shakes(&before, b, false, t - TICK, TICK) && t;
	}
	KUNIT_EXPECT_TRUE_MSG(test, !complaint, "%s at %llu ms", complaint ? complaint : "",
			      (unsigned long long)t);
	KUNIT_EXPECT_EQ(test, lost, 0u);
}

/* Held for one epoch it opens, for three not, at any moment of the four hours. */
static void held(struct kunit *test)
{
	const struct step_case *c = test->param_value;
	struct box *b = new_box(test, c->clock, 123456, 0);
	unsigned int lost = 0, kept = 0, form;
	struct box *later = kunit_kmalloc(test, sizeof(*later), GFP_KERNEL);
	u64 t, u;

	b->late = c->late;
	for (t = 0; t < 4 * 3600000ULL; t += 7001) {
		if (t >= 3600000)
			b->wall_step = c->step;
		advance(b, t);
		*later = *b;
		for (u = t; u <= t + LEN / 2; u += TICK)
			advance(later, u);
		for (form = 0; form < 2; form++)
			lost += !shakes(b, later, form, t, LEN / 2);
		for (; u <= t + 3 * LEN + LEN / 2; u += TICK)
			advance(later, u);
		for (form = 0; form < 2; form++)
			kept += shakes(b, later, form, t, 3 * LEN + LEN / 2);
	}
	KUNIT_EXPECT_EQ(test, lost, 0u);
	KUNIT_EXPECT_EQ(test, kept, 0u);
}

/* Two boxes with other uptimes, and wall clocks a little apart. */
static void neighbours(struct kunit *test)
{
	struct box *a = new_box(test, CB_CLOCK_WALL, 123456, 0);
	struct box *b = new_box(test, CB_CLOCK_WALL, 9876543210ULL, NEIGHBOUR_MS);
	unsigned int lost = 0, form;
	u64 t;

	for (t = 0; t < 3600000; t += TICK) {
		advance(a, t);
		advance(b, t);
		for (form = 0; form < 2; form++) {
			lost += !shakes(a, b, form, t, 0);
			lost += !shakes(b, a, form, t, 0);
		}
	}
	KUNIT_EXPECT_EQ(test, lost, 0u);
}

/* A new master takes over with the next epoch, and no handshake is lost. */
static void new_master(struct kunit *test)
{
	struct box *b = new_box(test, CB_CLOCK_LOCAL, 0, 0);
	unsigned int lost = 0;
	u64 t;

	for (t = 0; t < 600000; t += TICK) {
		struct box before = *b;

		if (t == 100000) {
			struct cb_epoch_by by = moment(b, t);

			b->master.secret[0] ^= 1;
			cb_epoch_replace(&b->ring, &by, false);
		}
		advance(b, t);
		lost += t && (!shakes(&before, b, true, t - TICK, TICK) ||
			      !shakes(&before, b, false, t - TICK, TICK));
	}
	KUNIT_EXPECT_EQ(test, lost, 0u);
}

/* Epochs become short at @at: what was sealed just before opens as long as it was to. */
static unsigned int lost_when_short(struct box *b, u64 at)
{
	struct box before = *b;
	unsigned int lost = 0;
	u32 delay;

	b->len = 2000;
	for (delay = TICK; delay <= LEN; delay += TICK) {
		advance(b, at + delay);
		lost += !shakes(&before, b, true, at, delay);
		lost += !shakes(&before, b, false, at, delay);
		if (cb_ring_sealing(&b->ring, b->boot + at + delay)->epoch >
		    cb_ring_sealing(&before.ring, b->boot + at)->epoch)
			break;
	}
	return lost;
}

/* In the epoch after a restart, which nothing precedes, and in later ones. */
static void shorter(struct kunit *test)
{
	struct box *first = new_box(test, CB_CLOCK_LOCAL, 123456, 0);
	struct box *later = new_box(test, CB_CLOCK_LOCAL, 123456, 0);

	advance(first, 1000);
	KUNIT_EXPECT_EQ(test, lost_when_short(first, 1000), 0u);
	advance(later, LEN);
	advance(later, 2 * LEN + 1000);
	KUNIT_EXPECT_EQ(test, lost_when_short(later, 2 * LEN + 1000), 0u);
}

static struct kunit_case epoch_cases[] = {
	KUNIT_CASE_PARAM(one_box, step_gen_params),
	KUNIT_CASE_PARAM(held, step_gen_params),
	KUNIT_CASE(neighbours),
	KUNIT_CASE(new_master),
	KUNIT_CASE(shorter),
	{}
};

static struct kunit_suite epoch_suite = {
	.name = "cookiebox_epoch",
	.test_cases = epoch_cases,
};

kunit_test_suites(&epoch_suite);
