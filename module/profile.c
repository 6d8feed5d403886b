// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of servers: one set of the table (profile.h).
 *
 * Owns no state; any context.  Invariants: a server has at most one place in its set;
 * one that answers is not put out by one that was only asked or refuses, so that
 * SYNs to addresses without a server make nobody forget those with one.
 *
 * Ticks wrap after 139 years, their low halves after 18 hours: then a change may be
 * told of, or a higher MSS believed, a minute late.
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "profile.h"

enum place {
	PLACE_FREE,
	PLACE_ASKED,
	PLACE_DEAD,
	PLACE_ALIVE,
};

#define GUESS		(CB_PROFILE_WSCALE | CB_PROFILE_SACK | CB_PROFILE_TS)
#define GUESS_WSCALE	7		/* Linux' own: 64 KiB to 8 MiB in steps of 128 bytes */
#define MSS_IP4		536u		/* without the option: RFC 9293 3.7.1 */
#define MSS_IP6		1220u
#define ECN_SETUP	(CB_TCP_ECE | CB_TCP_CWR)

static u32 ticks(u64 now_ms)
{
	return now_ms >> CB_PROFILE_TICK_SHIFT;
}

static u8 options_of(const struct cb_segment *seg)
{
	return (seg->opt.has & CB_OPT_WSCALE ? CB_PROFILE_WSCALE : 0) |
	       (seg->opt.has & CB_OPT_SACK ? CB_PROFILE_SACK : 0) |
	       (seg->opt.has & CB_OPT_TS ? CB_PROFILE_TS : 0);
}

u8 cb_profile_offer(const struct cb_segment *syn)
{
	return options_of(syn) | ((syn->flags & ECN_SETUP) == ECN_SETUP ? CB_PROFILE_ECN : 0);
}

/* RFC 3168 6.1.1: ECE without CWR. */
static u8 agreed(const struct cb_segment *synack)
{
	return options_of(synack) |
	       ((synack->flags & ECN_SETUP) == CB_TCP_ECE ? CB_PROFILE_ECN : 0);
}

u32 cb_profile_hash(const hsiphash_key_t *key, const struct cb_tuple *tuple, u32 n_sets)
{
	const struct cb_addr *a = &tuple->daddr;
	u32 place = (u32)be16_to_cpu(tuple->dport) << 8 | tuple->family;
	u32 word[] = { be32_to_cpu(a->a[0]), be32_to_cpu(a->a[1]), be32_to_cpu(a->a[2]),
		       be32_to_cpu(a->a[3]), place };
	u32 hash;

	if (tuple->family == AF_INET)
		hash = hsiphash_2u32(word[0], place, key);
	else
		hash = hsiphash(word, sizeof(word), key);
	return hash & (n_sets - 1);
}

static bool is_of(const struct cb_profile_slot *s, const struct cb_tuple *tuple)
{
	return s->family == tuple->family && s->port == tuple->dport &&
	       s->addr.q[0] == tuple->daddr.q[0] && s->addr.q[1] == tuple->daddr.q[1];
}

static const struct cb_profile_slot *find(const struct cb_profile_set *set,
					  const struct cb_tuple *tuple)
{
	unsigned int i;

	for (i = 0; i < CB_PROFILE_PLACES; i++)
		if (is_of(&set->slot[i], tuple))
			return &set->slot[i];
	return NULL;
}

/* When was there last reason to keep it? */
static u32 age(const struct cb_profile_slot *s, u32 now)
{
	return s->state == PLACE_ASKED ? now - s->asked : now - s->seen;
}

/* The place that is missed least: a free one, the oldest of those that were only asked,
 * that are dead, that are alive.
 */
static struct cb_profile_slot *victim(struct cb_profile_set *set, u32 now)
{
	struct cb_profile_slot *least = &set->slot[0];
	unsigned int i;

	for (i = 1; i < CB_PROFILE_PLACES; i++) {
		struct cb_profile_slot *s = &set->slot[i];

		if (s->state < least->state ||
		    (s->state == least->state && age(s, now) > age(least, now)))
			least = s;
	}
	return least;
}

/* A place for the server, or NULL: others are alive there, and this one is not. */
static struct cb_profile_slot *place(struct cb_profile_set *set, const struct cb_tuple *tuple,
				     enum place state, u32 now)
{
	struct cb_profile_slot *s = (struct cb_profile_slot *)find(set, tuple);

	if (s)
		return s;
	s = victim(set, now);
	if (s->state == PLACE_ALIVE && state != PLACE_ALIVE && now - s->seen < CB_PROFILE_FRESH)
		return NULL;
	*s = (struct cb_profile_slot){
		.addr = tuple->daddr, .port = tuple->dport, .family = tuple->family,
		.changed = now - CB_PROFILE_CALM,
	};
	return s;
}

static enum cb_profile_state judge(const struct cb_profile_slot *s, u32 now)
{
	if (s->state == PLACE_ALIVE)
		return now - s->seen < CB_PROFILE_FRESH ? CB_PROFILE_KNOWN : CB_PROFILE_STALE;
	if (s->state == PLACE_DEAD && now - s->seen < CB_PROFILE_DEAD_FOR)
		return CB_PROFILE_DEAD;
	return s->known ? CB_PROFILE_STALE : CB_PROFILE_UNKNOWN;
}

static const struct cb_profile guess = { .has = GUESS, .wscale = GUESS_WSCALE };

/* What is known, and a guess of the rest. */
static void describe(const struct cb_profile_slot *s, struct cb_profile *out)
{
	*out = guess;
	out->mss = s->mss;
	out->known = s->known;
	out->has = s->has | (GUESS & ~s->known);
	if (s->has & CB_PROFILE_WSCALE)
		out->wscale = s->wscale;
}

enum cb_profile_state cb_profile_read(const struct cb_profile_set *set,
				      const struct cb_tuple *tuple, u64 now_ms,
				      struct cb_profile *out)
{
	const struct cb_profile_slot *s = find(set, tuple);

	*out = guess;
	if (unlikely(!s))
		return CB_PROFILE_UNKNOWN;
	describe(s, out);
	return judge(s, ticks(now_ms));
}

bool cb_profile_view(const struct cb_profile_set *set, unsigned int place, u64 now_ms,
		     struct cb_profile_view *out)
{
	const struct cb_profile_slot *s = &set->slot[place];
	u32 now = ticks(now_ms);

	*out = (struct cb_profile_view){
		.addr = s->addr, .port = s->port, .family = s->family, .state = judge(s, now),
		.age_ms = (u64)age(s, now) << CB_PROFILE_TICK_SHIFT,
	};
	describe(s, &out->profile);
	return s->family;
}

static u16 mss_of(const struct cb_segment *synack, u8 family)
{
	if (synack->opt.has & CB_OPT_MSS && synack->opt.mss)
		return synack->opt.mss;
	return family == AF_INET6 ? MSS_IP6 : MSS_IP4;
}

static void learn_mss(struct cb_profile_slot *s, u16 mss, u32 now)
{
	u16 since = (u16)now - s->mss_seen;

	if (s->mss && mss > s->mss && since < CB_PROFILE_CALM)
		return;
	if (mss != s->mss || since >= CB_PROFILE_REFRESH)
		s->mss_seen = now;
	s->mss = mss;
}

/* Is what was known before still so? */
static bool as_before(const struct cb_profile_slot *s, const struct cb_profile_slot *was)
{
	return !((s->has ^ was->has) & was->known) && s->mss == was->mss &&
	       (!(was->has & CB_PROFILE_WSCALE) || s->wscale == was->wscale);
}

static enum cb_profile_event tell_change(struct cb_profile_slot *s, u32 now)
{
	if ((u16)((u16)now - s->changed) < CB_PROFILE_CALM)
		return CB_PROFILE_LEARNED;
	s->changed = now;
	return CB_PROFILE_CHANGED;
}

static enum cb_profile_event learn(struct cb_profile_slot *s, const struct cb_segment *synack,
				   u8 offered, u32 now)
{
	struct cb_profile_slot was = *s;
	u8 has = agreed(synack);

	offered = (offered & CB_PROFILE_ALL) | has;
	s->has = (s->has & ~offered) | has;
	s->known |= offered;
	if (has & CB_PROFILE_WSCALE)
		s->wscale = synack->opt.wscale;
	learn_mss(s, mss_of(synack, s->family), now);
	s->state = PLACE_ALIVE;
	s->refusals = 0;
	s->offered = 0;
	if (was.state != PLACE_ALIVE || now - was.seen >= CB_PROFILE_REFRESH)
		s->seen = now;
	if (was.state == PLACE_DEAD)
		return CB_PROFILE_REVIVED;
	if (was.state != PLACE_ALIVE)
		return CB_PROFILE_NEW;
	if (!as_before(s, &was))
		return tell_change(s, now);
	return s->known != was.known ? CB_PROFILE_LEARNED : CB_PROFILE_SAME;
}

enum cb_profile_event cb_profile_learn(struct cb_profile_set *set, const struct cb_tuple *tuple,
				       const struct cb_segment *synack, u8 offered, u64 now_ms)
{
	u32 now = ticks(now_ms);

	return learn(place(set, tuple, PLACE_ALIVE, now), synack, offered, now);
}

bool cb_profile_learnt(const struct cb_profile_set *set, const struct cb_tuple *tuple,
		       const struct cb_segment *synack, u8 offered, u64 now_ms)
{
	const struct cb_profile_slot *s = find(set, tuple);
	struct cb_profile_slot after;

	if (!s)
		return false;
	after = *s;
	learn(&after, synack, offered, ticks(now_ms));
	return !memcmp(&after, s, sizeof(after));
}

static enum cb_profile_event die(struct cb_profile_slot *s, u32 now)
{
	bool dead = s->state == PLACE_DEAD && now - s->seen < CB_PROFILE_DEAD_FOR;

	s->state = PLACE_DEAD;
	s->seen = now;
	s->offered = 0;
	return dead ? CB_PROFILE_SAME : CB_PROFILE_DIED;
}

enum cb_profile_event cb_profile_refuse(struct cb_profile_set *set, const struct cb_tuple *tuple,
					enum cb_profile_why why, u64 now_ms)
{
	u32 now = ticks(now_ms);
	struct cb_profile_slot *s = place(set, tuple, PLACE_DEAD, now);

	if (!s)
		return CB_PROFILE_SAME;
	if (s->refusals < CB_PROFILE_REFUSALS)
		s->refusals++;
	/* Of one that never answered a single word is enough, but silence is no word. */
	if (s->refusals == CB_PROFILE_REFUSALS || s->state == PLACE_DEAD ||
	    (s->state != PLACE_ALIVE && why != CB_PROFILE_SILENT))
		return die(s, now);
	if (s->state == PLACE_FREE) {
		s->state = PLACE_ASKED;
		s->asked = now;
	}
	return CB_PROFILE_LEARNED;
}

bool cb_profile_ask_due(const struct cb_profile_set *set, const struct cb_tuple *tuple,
			u64 now_ms)
{
	const struct cb_profile_slot *s = find(set, tuple);
	u32 now = ticks(now_ms);
	enum cb_profile_state state;

	if (!s)
		return true;
	state = judge(s, now);
	return (state == CB_PROFILE_UNKNOWN || state == CB_PROFILE_STALE) &&
	       now - s->asked >= CB_PROFILE_ASK_GAP;
}

enum cb_profile_event cb_profile_ask(struct cb_profile_set *set, const struct cb_tuple *tuple,
				     u8 offered, u32 isn, u64 now_ms)
{
	u32 now = ticks(now_ms);
	struct cb_profile_slot *s = place(set, tuple, PLACE_ASKED, now);

	if (!s)
		return CB_PROFILE_SAME;
	/* Of one that has been alive it is the splice that notices: in a flood a SYN is lost. */
	if (s->offered && s->state != PLACE_ALIVE &&
	    (s->state == PLACE_DEAD || ++s->refusals == CB_PROFILE_REFUSALS))
		return die(s, now);
	if (s->state == PLACE_FREE)
		s->state = PLACE_ASKED;
	s->asked = now;
	s->asked_isn = isn;
	s->offered = (offered & CB_PROFILE_ALL) | CB_PROFILE_ASKED_IT;
	return CB_PROFILE_ASKED;
}

bool cb_profile_asked(const struct cb_profile_set *set, const struct cb_tuple *tuple, u32 ack,
		      u8 *offered)
{
	const struct cb_profile_slot *s = find(set, tuple);
	bool ours = s && s->offered && s->asked_isn == (u16)(ack - 1);

	*offered = ours ? s->offered & CB_PROFILE_ALL : 0;
	return ours;
}

bool cb_profile_spend(u32 *bucket, u32 draw, u64 now_ms)
{
	u16 tick = ticks(now_ms);
	u32 left = *bucket >> 16 == tick ? *bucket & 0xffff : draw;

	if (!left)
		return false;
	*bucket = (u32)tick << 16 | (left - 1);
	return true;
}
