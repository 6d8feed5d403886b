// SPDX-License-Identifier: GPL-2.0
/*
 * One CPU's memory of SYN-ACKs: places, rings and what is due.
 *
 * Owns nothing: the lane is the caller's, and so is its lock.  Invariants: a place is
 * free or on exactly one ring; on each ring what was put first is due first, because
 * all wait equally long there; nothing is allocated, nothing grows.  No loop but over
 * what is due (and cb_lane_clear()).
 */
#include <linux/minmax.h>
#include <linux/string.h>
#include "lane.h"

/* After each SYN-ACK, ms: RFC 6298 (2.1, 5.5), and RFC 9293's backoff of the stack. */
static const u16 wait_ms[CB_LANE_RINGS] = { 1000, 2000, 4000, 1000 };

/* The client's own SYN, sent again by the same rule, has drawn what is due so soon. */
#define SOON_MS		500

size_t cb_lane_bytes(u32 places)
{
	return sizeof(struct cb_lane) + places * sizeof(struct cb_embryo);
}

void cb_lane_init(struct cb_lane *lane, u32 places)
{
	lane->places = places;
	lane->limit = max(places >> CB_LANE_CALM_SHIFT, 1u);
}

static u16 number_of(const struct cb_lane *lane, const struct cb_embryo *e)
{
	return e - lane->place;
}

static void link_last(struct cb_lane *lane, struct cb_embryo *e, u8 ring, u32 now)
{
	struct cb_ring_ends *r = &lane->ring[ring - 1];
	u16 number = number_of(lane, e);

	e->ring = ring;
	e->due = now + wait_ms[ring - 1];
	e->prev = r->last;
	e->next = number;
	if (r->n++)
		lane->place[r->last].next = number;
	else
		r->first = number;
	r->last = number;
}

static void unlink(struct cb_lane *lane, struct cb_embryo *e)
{
	struct cb_ring_ends *r = &lane->ring[e->ring - 1];
	u16 number = number_of(lane, e);

	r->n--;
	if (r->first == number)
		r->first = e->next;
	else
		lane->place[e->prev].next = r->last == number ? e->prev : e->next;
	if (r->last == number)
		r->last = e->prev;
	else
		lane->place[e->next].prev = e->prev;
}

void cb_lane_forget(struct cb_lane *lane, struct cb_embryo *e)
{
	unlink(lane, e);
	e->ring = 0;
	WRITE_ONCE(lane->used, lane->used - 1);
}

void cb_lane_clear(struct cb_lane *lane)
{
	memset(lane->place, 0, sizeof(lane->place[0]) * lane->places);
	memset(lane->ring, 0, sizeof(lane->ring));
	WRITE_ONCE(lane->used, 0);
}

/* The two places of a hash; of a last odd one there is only one. */
static struct cb_embryo *place_of(struct cb_lane *lane, u32 hash, unsigned int way)
{
	u32 i = ((u64)hash * lane->places) >> 32;

	if (way && (i ^ 1) < lane->places)
		i ^= 1;
	return &lane->place[i];
}

struct cb_embryo *cb_lane_find(struct cb_lane *lane, u32 hash, const struct cb_tuple *tuple)
{
	struct cb_embryo *e;
	unsigned int way;

	for (way = 0; way < 2; way++) {
		e = place_of(lane, hash, way);
		if (e->ring && cb_tuple_equal(&e->tuple, tuple))
			return e;
	}
	return NULL;
}

/* What waits on a later ring has been here longer. */
static bool older(const struct cb_embryo *a, const struct cb_embryo *b)
{
	if (a->ring != b->ring)
		return a->ring > b->ring;
	return (s32)(a->due - b->due) < 0;
}

/* Free, if need be by forgetting what was there. */
static struct cb_embryo *make_room(struct cb_lane *lane, u32 hash)
{
	struct cb_embryo *a = place_of(lane, hash, 0), *b = place_of(lane, hash, 1);

	if (!a->ring)
		return a;
	if (b->ring && older(a, b))
		b = a;
	if (b->ring)
		cb_lane_forget(lane, b);
	return b;
}

static void put(struct cb_embryo *e, const struct cb_embryo *new)
{
	struct cb_embryo was = *e;

	*e = *new;
	e->ring = was.ring;
	e->prev = was.prev;
	e->next = was.next;
	e->due = was.due;
}

/* On to the next ring; false: there is none, it is forgotten. */
static bool advance(struct cb_lane *lane, struct cb_embryo *e, u32 now)
{
	u8 ring = e->ring;

	if (ring == CB_LANE_RINGS) {
		cb_lane_forget(lane, e);
		return false;
	}
	unlink(lane, e);
	link_last(lane, e, ring + 1, now);
	return true;
}

static void refresh(struct cb_lane *lane, struct cb_embryo *e, const struct cb_embryo *new,
		    u32 now)
{
	put(e, new);
	if (e->ring < CB_LANE_RINGS && (s32)(e->due - now) <= SOON_MS)
		advance(lane, e, now);
}

void cb_lane_keep(struct cb_lane *lane, u32 hash, const struct cb_embryo *new, u32 now)
{
	struct cb_embryo *e = cb_lane_find(lane, hash, &new->tuple);

	if (e && e->cisn == new->cisn) {
		refresh(lane, e, new, now);
		return;
	}
	if (e)
		cb_lane_forget(lane, e);
	else
		e = make_room(lane, hash);
	*e = *new;
	WRITE_ONCE(lane->used, lane->used + 1);
	link_last(lane, e, 1, now);
}

bool cb_lane_due(struct cb_lane *lane, u32 now, struct cb_embryo *copy)
{
	struct cb_ring_ends *r = lane->ring;
	struct cb_embryo *e;

	while (r < lane->ring + CB_LANE_RINGS) {
		e = &lane->place[r->first];
		if (!r->n || (s32)(e->due - now) > 0) {
			r++;
			continue;
		}
		if (!advance(lane, e, now))
			continue;
		*copy = *e;
		return true;
	}
	return false;
}

bool cb_lane_next(const struct cb_lane *lane, u32 *due)
{
	const struct cb_ring_ends *r;
	bool any = false;
	u32 first;

	for (r = lane->ring; r < lane->ring + CB_LANE_RINGS; r++) {
		if (!r->n)
			continue;
		first = lane->place[r->first].due;
		if (!any || (s32)(first - *due) < 0)
			*due = first;
		any = true;
	}
	return any;
}
