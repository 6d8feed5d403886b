// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes by the thousand that are begun, sent again, answered, completed, refused and
 * forgotten, and a model that remembers each.  The estimate is exact but for a full set
 * while there are fewer than CB_SKETCH_HELD, and above that as near as a sample of
 * CB_SKETCH_HELD / 4 or more can be: by chance it is five of its standard errors off once
 * in two million times.  It fades with time and never grows by it; of what has not been
 * answered nothing is completed, nor by numbers other than the answer's.
 */
#include "fuzz.h"
#include "sketch.h"

#define CLIENTS		(1u << 16)
#define WORK_MAX	(1u << 14)		/* of one case, so that it does not take long */
#define STEPS		64u
#define SLICE_BITS	20			/* of a cell: then its slice comes again */
#define ISN_OF(n)	((u32)(n) * 2654435761u)
#define ACK_OF(n)	((u32)(n) + 7)

/* What a sketch may count it for.  MAYBE: it is about to be forgotten and was touched. */
enum state { NONE, MAYBE, SURE };

struct client {
	u64 at;
	u64 again;		/* a SYN sent again: counts if the first was not in the sample */
	enum state state;
	bool answered, listed;
};

/* What was begun at once, for how many may have been left out of the sample since. */
struct burst {
	u64 at;
	u32 held, again;
};

struct scene {
	struct cb_sketch sketch;
	u64 now, end, slice_ms;
	u32 life;
	struct client client[CLIENTS];
	u32 listed[CLIENTS], n_listed, work;
	struct burst burst[STEPS];
	u32 n_bursts;
	u32 late;		/* taken out while they faded, since the sum was made anew */
	u32 last;		/* estimate, with nothing but time since */
	bool has_last;
};

static struct cb_tuple tuple_of(u32 n)
{
	struct cb_tuple t = fix_tuple(n & 1 ? AF_INET6 : AF_INET);

	t.saddr.a[0] = cpu_to_be32(0x0a000000 + (n >> 4));
	t.sport = cpu_to_be16(1024 + (n & 15));
	return t;
}

/* Is it counted, and for what, whatever became of it?  Time alone may have ended it. */
static enum state state_of(const struct scene *s, const struct client *c)
{
	u64 age = s->now - c->at, span = s->life + 2 * s->slice_ms;

	if (c->state == NONE || (age > span && (!c->again || s->now - c->again > span)))
		return NONE;
	return age > s->life ? MAYBE : c->state;
}

static u32 count_held(const struct scene *s)
{
	u32 i, n = 0;

	for (i = 0; i < s->n_listed; i++)
		n += state_of(s, &s->client[s->listed[i]]) != NONE;
	return n;
}

/* --- the estimate --------------------------------------------------------------------- */

/* At least @lo and at most @hi are open, or half forgotten. */
static void truth(const struct scene *s, u64 *lo, u64 *hi)
{
	u32 i;

	*lo = *hi = 0;
	for (i = 0; i < s->n_listed; i++) {
		const struct client *c = &s->client[s->listed[i]];
		enum state state = state_of(s, c);

		*lo += state == SURE && s->now - c->at + s->slice_ms <= s->life;
		*hi += state != NONE &&
		       s->now - c->at <= s->life + s->slice_ms + s->slice_ms / 8;
	}
}

/* The most that there were while a slice that still counts had its level, and how many
 * were sent again then.
 */
static u32 peak_of(const struct scene *s, u32 *again)
{
	u64 since = 2 * (s->life + 2 * s->slice_ms);
	u32 i, peak = 0;

	*again = 0;
	for (i = 0; i < s->n_bursts; i++) {
		const struct burst *b = &s->burst[i];

		if (s->now - b->at > since)
			continue;
		peak = b->held > peak ? b->held : peak;
		*again += b->again;
	}
	return peak;
}

static u32 root_of(u64 n)
{
	u64 root = 0, bit;

	for (bit = 1ull << 31; bit; bit >>= 1)
		root |= (root | bit) * (root | bit) <= n ? bit : 0;
	return root;
}

/* They found their set full: one in 125 of CB_SKETCH_HELD; here, four, and two of a few. */
static u32 left_out(u32 held)
{
	return 2 + held / 32;
}

static void estimated_right(struct scene *s)
{
	u32 n = cb_sketch_estimate(&s->sketch, s->now), again, peak = peak_of(s, &again);
	bool all = peak <= CB_SKETCH_HELD;		/* not a sample */
	u64 lo, hi, off;

	truth(s, &lo, &hi);
	off = all ? 0 : 5 * root_of(hi * peak / (CB_SKETCH_HELD / 4));
	MUST(n + s->late + left_out(peak) + off >= lo);
	MUST(n <= hi + off + (all ? 0 : 2 + again));
	if (s->has_last)
		MUST(n <= s->last);
	s->last = n;
	s->has_last = true;
	if (!count_held(s))
		MUST(!n && cb_sketch_is_empty(&s->sketch));
	else if (all && lo > s->late + 2)
		MUST(!cb_sketch_is_empty(&s->sketch));
}

/* --- what happens --------------------------------------------------------------------- */

static void pass_time(struct scene *s, u64 ms)
{
	u64 tick = s->slice_ms / 8;

	if (ms > s->end - s->now)
		ms = s->end - s->now;
	if (s->now / tick != (s->now + ms) / tick)
		s->late = 0;
	s->now += ms;
}

static void begin_one(struct scene *s, u32 n, struct burst *b)
{
	struct client *c = &s->client[n];
	enum state was = state_of(s, c);
	struct cb_tuple t = tuple_of(n);

	cb_sketch_begun(&s->sketch, &t, s->now);
	if (was == SURE) {
		b->again++;
		c->again = s->now;
		return;
	}
	c->state = was == MAYBE ? MAYBE : SURE;
	c->answered = was == MAYBE && c->answered;
	c->at = s->now;
	c->again = 0;
	if (!c->listed)
		s->listed[s->n_listed++] = n;
	c->listed = true;
}

/* Return: how many of so many there is still time for. */
static u32 worked(struct scene *s, u32 count)
{
	if (count > WORK_MAX - s->work)
		count = WORK_MAX - s->work;
	s->work += count;
	return count;
}

/* @ms: between one and the next. */
static void begin(struct scene *s, u32 first, u32 count, u32 ms)
{
	struct burst *b = &s->burst[s->n_bursts++];
	u32 i;

	count = worked(s, count);
	b->held = count_held(s) + count;
	for (i = 0; i < count; i++) {
		begin_one(s, (first + i) % CLIENTS, b);
		pass_time(s, ms);
	}
	b->at = s->now;
	s->has_last = false;
}

/* What nobody was told completes nothing.  One wrong number may be taken for the right one
 * by chance, so there are two.
 */
static void wrong_numbers(struct scene *s, u32 n, u32 wrong)
{
	struct cb_tuple t = tuple_of(n);
	u32 seq = ACK_OF(n), ack = ISN_OF(n) + 1;

	if (!wrong)
		return;
	MUST(!cb_sketch_completes(&s->sketch, &t, seq + wrong, ack, s->now) ||
	     !cb_sketch_completes(&s->sketch, &t, seq, ack + wrong, s->now));
}

/* Return: it is not known now what will complete it, though it was counted. */
static bool answer(struct scene *s, u32 n, bool all)
{
	struct client *c = &s->client[n];
	enum state was = state_of(s, c);
	struct cb_tuple t = tuple_of(n);
	bool known;

	cb_sketch_answered(&s->sketch, &t, ISN_OF(n), ACK_OF(n), s->now);
	known = cb_sketch_completes(&s->sketch, &t, ACK_OF(n), ISN_OF(n) + 1, s->now);
	MUST(was != NONE || !known);
	if (was == NONE)
		return false;
	c->answered = known || !all || was == MAYBE;
	return was == SURE && !c->answered;
}

/* Taken out, if it was counted.  One that fades may have been counted for less than one. */
static void take_out(struct scene *s, struct client *c, enum state was)
{
	s->late += s->now - c->at + s->slice_ms > s->life;
	c->state = was == SURE ? NONE : MAYBE;
	s->has_last = false;
}

static void complete(struct scene *s, u32 n)
{
	u32 seq = ACK_OF(n), ack = ISN_OF(n) + 1;
	struct client *c = &s->client[n];
	enum state was = state_of(s, c);
	struct cb_tuple t = tuple_of(n);
	bool could, did;

	could = cb_sketch_completes(&s->sketch, &t, seq, ack, s->now);
	did = cb_sketch_acked(&s->sketch, &t, seq, ack, s->now);
	MUST(did == could);
	MUST(!did || (was != NONE && c->answered));
	MUST(!cb_sketch_acked(&s->sketch, &t, seq, ack, s->now));
	if (was != NONE && c->answered)
		take_out(s, c, was);
}

static void refuse(struct scene *s, u32 n)
{
	struct client *c = &s->client[n];
	enum state was = state_of(s, c);
	struct cb_tuple t = tuple_of(n);

	cb_sketch_refused(&s->sketch, &t, s->now);
	if (was != NONE && (!c->answered || was == MAYBE))
		take_out(s, c, was);
}

static void to_each(struct scene *s, u8 what, u32 first, u32 count, u32 wrong)
{
	u32 i, again, unknown = 0, peak = peak_of(s, &again);

	for (i = 0; i < count; i++) {
		u32 n = (first + i) % CLIENTS;

		switch (what) {
		case 0:
			unknown += answer(s, n, peak <= CB_SKETCH_HELD);
			break;
		case 1:
			wrong_numbers(s, n, wrong);
			break;
		case 2:
			complete(s, n);
			break;
		case 3:
			refuse(s, n);
			break;
		}
	}
	MUST(unknown <= left_out(peak));
}

static void one_step(struct scene *s, struct input *in)
{
	u8 op = take8(in);
	u32 count = 1u << ((op >> 4) % 14), first;

	switch (op & 7) {
	case 0:
	case 1:
		begin(s, take16(in), count + take8(in), op & 8 ? 1 : 0);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		first = take16(in);
		to_each(s, (op & 7) - 2, first, worked(s, count), take32(in));
		break;
	case 6:
		pass_time(s, take16(in));
		break;
	case 7:
		pass_time(s, take8(in) * s->slice_ms << (op >> 4 & 3));
		break;
	}
	estimated_right(s);
}

/* Long ago, now, and shortly before a number wraps. */
static void start(struct scene *s, struct input *in)
{
	siphash_key_t key = fix_key(CB_KEY_GATE, 0);
	static const u32 lives[] = { 63000, 3000, 1000, 15000, 127000, U32_MAX };
	u8 how = take8(in);
	u64 slices = how & 8 ? (1ull << 32) - 1 : how & 16 ? 1u << SLICE_BITS : 100;

	memset(&s->sketch, 0, sizeof(s->sketch));
	cb_sketch_init(&s->sketch, &key, lives[(how & 7) % ARRAY_SIZE(lives)]);
	s->life = s->sketch.life_ms;
	s->slice_ms = 1ull << s->sketch.shift;
	MUST(s->life <= CB_SKETCH_LIFE_MAX && s->life / s->slice_ms <= CB_SKETCH_SPAN);
	s->now = (slices - (how >> 5)) * s->slice_ms + take8(in);
	s->end = s->now + (((1ull << SLICE_BITS) - 2 * CB_SKETCH_SLICES) * s->slice_ms);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	static struct scene s;
	unsigned int steps;

	for (; s.n_listed; s.n_listed--)
		s.client[s.listed[s.n_listed - 1]] = (struct client){ 0 };
	memset(s.burst, 0, sizeof(s.burst));
	s.work = s.n_bursts = s.late = 0;
	s.has_last = false;
	start(&s, &in);
	for (steps = 0; in.left && steps < STEPS; steps++)
		one_step(&s, &in);
	return 0;
}
