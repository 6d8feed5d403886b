// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes that were begun and not completed, counted by a sample (sketch.h).
 *
 * Owns no state; called in any context, on any number of CPUs at once.  Invariants: a
 * cell changes by compare-and-exchange, so each is counted once in and once out; a cell whose
 * slice is over, or is below the level of its slice, does not count, and its place is free.  What
 * is lost in a race (a SYN in the moment when a slice begins) is one count.
 */
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <asm/byteorder.h>
#include "sketch.h"
#include "tuplehash.h"

/*
 *	 63    43 42   27  26   25   24   20 19        0
 *	| print | mark| known | used | level |  slice   |
 *
 * slice: the number's low 20 bits, which come again after days.
 * mark: of the numbers that the handshake is completed with.
 */
#define SLICE_MASK	((1u << 20) - 1)
#define LEVEL_SHIFT	20
#define USED		BIT_ULL(25)
#define KNOWN		BIT_ULL(26)
#define MARK_SHIFT	27
#define PRINT_SHIFT	43

static u32 slice_of(u64 cell)
{
	return cell & SLICE_MASK;
}

static u32 level_of(u64 cell)
{
	return cell >> LEVEL_SHIFT & 31;
}

/* Where a tuple is, how it is known again there, and whether it is in the sample. */
struct spot {
	u64 *set;
	u32 print;
	u32 level;
};

static struct spot spot_of(struct cb_sketch *s, const struct cb_tuple *tuple)
{
	u64 hash = cb_tuple_hash(&s->key, tuple, 0, 0, 0);
	u64 low = hash >> 32 | 1ull << (CB_SKETCH_LEVELS - 1);

	return (struct spot){
		.set = s->cell[hash & (CB_SKETCH_SETS - 1)],
		.print = hash >> 10 & ((1u << 21) - 1),
		.level = __ffs64(low),
	};
}

static u32 number_of(const struct cb_sketch *s, u64 now_ms)
{
	return (u32)(now_ms >> s->shift) + 1;
}

static struct cb_sketch_slice *slice_at(struct cb_sketch *s, u32 number)
{
	return &s->slice[number & (CB_SKETCH_SLICES - 1)];
}

/* The oldest slice of which some may not be over is so many before the present one. */
static u32 span_of(const struct cb_sketch *s)
{
	return (s->life_ms >> s->shift) + 1;
}

/* The slice in which it began, if that is not over. */
static struct cb_sketch_slice *began_in(struct cb_sketch *s, u64 cell, u32 number)
{
	u32 age = (number - slice_of(cell)) & SLICE_MASK;
	struct cb_sketch_slice *slice = slice_at(s, number - age);

	if (!(cell & USED) || age > span_of(s))
		return NULL;
	return READ_ONCE(slice->number) == number - age ? slice : NULL;
}

static bool counts(struct cb_sketch *s, u64 cell, u32 number)
{
	struct cb_sketch_slice *slice = began_in(s, cell, number);

	return slice && level_of(cell) >= READ_ONCE(slice->level);
}

/* The cell of a tuple, and what is in it; or NULL. */
static u64 *find(struct cb_sketch *s, const struct spot *spot, u32 number, u64 *cell)
{
	unsigned int i;

	for (i = 0; i < CB_SKETCH_WAYS; i++) {
		*cell = READ_ONCE(spot->set[i]);
		if (*cell >> PRINT_SHIFT == spot->print && level_of(*cell) == spot->level &&
		    counts(s, *cell, number))
			return &spot->set[i];
	}
	return NULL;
}

/* Of all that are held in a slice, those that count. */
static u32 sum_slice(const struct cb_sketch_slice *slice)
{
	int sum = 0;
	u32 l;

	for (l = READ_ONCE(slice->level); l < CB_SKETCH_LEVELS; l++)
		sum += atomic_read(&slice->count[l]);
	return max(sum, 0);
}

/* Slices end one by one, so of the oldest counts what is not over yet. */
static void sum_up(struct cb_sketch *s, u64 now_ms)
{
	u32 number = number_of(s, now_ms), age, held = 0;
	u64 sum = 0, slice_ms = 1ull << s->shift;

	for (age = 0; age <= span_of(s); age++) {
		const struct cb_sketch_slice *slice = slice_at(s, number - age);
		s64 over = age * slice_ms + (now_ms & (slice_ms - 1)) - s->life_ms;
		u32 n;

		if (READ_ONCE(slice->number) != number - age)
			continue;
		n = sum_slice(slice);
		held += n;
		n -= n * clamp_t(s64, over, 0, slice_ms) >> s->shift;
		sum += (u64)n << slice->level;
	}
	atomic_set(&s->held, held);
	atomic64_set(&s->sum, sum);
}

static bool take_turn(struct cb_sketch *s)
{
	return !READ_ONCE(s->busy) && !cmpxchg(&s->busy, 0, 1);
}

static void give_turn(struct cb_sketch *s)
{
	smp_store_release(&s->busy, 0);		/* and what was done in it */
}

static void sum_if_due(struct cb_sketch *s, u64 now_ms)
{
	u32 tick = now_ms >> (s->shift - CB_SKETCH_SUM_SHIFT);

	if (likely(READ_ONCE(s->summed) == tick) || !take_turn(s))
		return;
	sum_up(s, now_ms);
	WRITE_ONCE(s->summed, tick);
	give_turn(s);
}

/* One in two goes, in every slice that has not gone as far already. */
static void raise(struct cb_sketch *s, u32 number, u64 now_ms)
{
	u32 level = READ_ONCE(slice_at(s, number)->level) + 1, i;

	if (level == CB_SKETCH_LEVELS || !take_turn(s))
		return;
	if (atomic_read(&s->held) > CB_SKETCH_HELD) {
		for (i = 0; i < CB_SKETCH_SLICES; i++)
			WRITE_ONCE(s->slice[i].level, max(s->slice[i].level, level));
		sum_up(s, now_ms);
	}
	give_turn(s);
}

/* The level for what begins now: as low as there is room for. */
static u32 fitting(struct cb_sketch *s, u32 level)
{
	u32 held = max(atomic_read(&s->held), 1);

	for (; level && held < CB_SKETCH_HELD / 4; level--)
		held *= 2;
	return level;
}

/* The slice of now; NULL: another CPU just begins it. */
static struct cb_sketch_slice *current_slice(struct cb_sketch *s, u32 number, u64 now_ms)
{
	struct cb_sketch_slice *slice = slice_at(s, number), *last = slice_at(s, number - 1);
	u32 i;

	if (likely(READ_ONCE(slice->number) == number))
		return slice;
	if (!take_turn(s))
		return NULL;
	if (slice->number != number) {
		sum_up(s, now_ms);
		WRITE_ONCE(slice->number, 0);
		for (i = 0; i < CB_SKETCH_LEVELS; i++)
			atomic_set(&slice->count[i], 0);
		slice->level = fitting(s, last->number == number - 1 ? last->level : 0);
		smp_store_release(&slice->number, number);	/* and what is in it */
	}
	give_turn(s);
	return slice;
}

void cb_sketch_init(struct cb_sketch *s, const siphash_key_t *key, u32 life_ms)
{
	s->key = *key;
	s->life_ms = min(life_ms, CB_SKETCH_LIFE_MAX);
	s->shift = CB_SKETCH_SUM_SHIFT;
	while (s->life_ms >> s->shift > CB_SKETCH_SPAN)
		s->shift++;
}

/* Into a place that is free.  A full set is rare; then it is not counted. */
static bool hold(struct cb_sketch *s, const struct spot *spot, u32 number)
{
	u64 new = (u64)spot->print << PRINT_SHIFT | (u64)spot->level << LEVEL_SHIFT | USED |
		  (number & SLICE_MASK);
	unsigned int i;

	for (i = 0; i < CB_SKETCH_WAYS; i++) {
		u64 old = READ_ONCE(spot->set[i]);

		if (!counts(s, old, number))
			return cmpxchg(&spot->set[i], old, new) == old;
	}
	return false;
}

void cb_sketch_begun(struct cb_sketch *s, const struct cb_tuple *tuple, u64 now_ms)
{
	struct spot spot = spot_of(s, tuple);
	u32 number = number_of(s, now_ms);
	struct cb_sketch_slice *slice = current_slice(s, number, now_ms);
	u64 cell;

	if (!slice || likely(spot.level < READ_ONCE(slice->level)))
		return;
	if (find(s, &spot, number, &cell) || !hold(s, &spot, number))
		return;
	atomic_inc(&slice->count[spot.level]);
	atomic64_add(1ll << READ_ONCE(slice->level), &s->sum);
	if (unlikely(atomic_inc_return(&s->held) > CB_SKETCH_HELD))
		raise(s, number, now_ms);
}

/* Multiply-shift, keyed: all bits of both numbers count. */
static u16 mark_of(const struct cb_sketch *s, u32 seq, u32 ack)
{
	return (seq * (s->key.key[0] | 1) + ack * (s->key.key[1] | 1)) >> 48;
}

void cb_sketch_answered(struct cb_sketch *s, const struct cb_tuple *tuple, u32 isn, u32 ack,
			u64 now_ms)
{
	struct spot spot = spot_of(s, tuple);
	u64 *at, cell, new;

	at = find(s, &spot, number_of(s, now_ms), &cell);
	if (!at)
		return;
	new = (cell & ~(0xffffull << MARK_SHIFT)) |
	      (u64)mark_of(s, ack, isn + 1) << MARK_SHIFT | KNOWN;
	cmpxchg(at, cell, new);
}

/* Takes out a cell that was found to count. */
static bool drop(struct cb_sketch *s, u64 *at, u64 cell, u32 number)
{
	struct cb_sketch_slice *slice = began_in(s, cell, number);

	if (!slice || cmpxchg(at, cell, 0) != cell)
		return false;
	atomic_dec(&slice->count[level_of(cell)]);
	atomic_dec(&s->held);
	atomic64_sub(1ll << READ_ONCE(slice->level), &s->sum);
	return true;
}

/* The cell of the handshake that an ACK completes; or NULL. */
static u64 *find_acked(struct cb_sketch *s, const struct cb_tuple *tuple, u32 seq, u32 ack,
		       u64 now_ms, u64 *cell)
{
	struct spot spot = spot_of(s, tuple);
	u64 *at = find(s, &spot, number_of(s, now_ms), cell);

	if (likely(!at) || !(*cell & KNOWN) || (u16)(*cell >> MARK_SHIFT) != mark_of(s, seq, ack))
		return NULL;
	return at;
}

bool cb_sketch_completes(struct cb_sketch *s, const struct cb_tuple *tuple, u32 seq, u32 ack,
			 u64 now_ms)
{
	u64 cell;

	return find_acked(s, tuple, seq, ack, now_ms, &cell);
}

bool cb_sketch_acked(struct cb_sketch *s, const struct cb_tuple *tuple, u32 seq, u32 ack,
		     u64 now_ms)
{
	u64 cell, *at = find_acked(s, tuple, seq, ack, now_ms, &cell);

	return at && drop(s, at, cell, number_of(s, now_ms));
}

void cb_sketch_refused(struct cb_sketch *s, const struct cb_tuple *tuple, u64 now_ms)
{
	struct spot spot = spot_of(s, tuple);
	u32 number = number_of(s, now_ms);
	u64 *at, cell;

	at = find(s, &spot, number, &cell);
	if (at && !(cell & KNOWN))
		drop(s, at, cell, number);
}

u32 cb_sketch_estimate(struct cb_sketch *s, u64 now_ms)
{
	s64 sum;

	sum_if_due(s, now_ms);
	sum = atomic64_read(&s->sum);
	return clamp_t(s64, sum, 0, U32_MAX);
}
