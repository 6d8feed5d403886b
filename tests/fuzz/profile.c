// SPDX-License-Identifier: GPL-2.0
/*
 * Servers of which some answer, some refuse and some are silent, over a small table and
 * a clock that may wrap.  Beside it a model writes down only what was said by whom and
 * when.  What is announced of a server is what its SYN-ACKs said, and the guess of the
 * rest; dead is who has refused often enough; a SYN passes once in CB_PROFILE_ASK_GAP
 * to one of them, and as many in a tick as were drawn to all; nobody has two places, and
 * whoever loses his is the one that was to.  Reading what is no set at all is harmless.
 */
#include "fuzz.h"
#include "profile.h"

#define SERVERS		64u
#define SETS		8u
#define STEPS		96u
#define NOTED		(CB_PROFILE_REFRESH - 1)	/* an answer may be noted so much earlier */
#define ECN_SETUP	(CB_TCP_ECE | CB_TCP_CWR)
#define GUESSED		(CB_PROFILE_WSCALE | CB_PROFILE_SACK | CB_PROFILE_TS)
#define ASKS_MAX	24u
#define HALF		0x10000u		/* ticks: their low halves come again */

/* What was said, since it has its place.  Times are ticks that do not wrap. */
struct server {
	struct cb_tuple tuple;
	u32 set;
	bool there, was_there;
	bool alive, dead;		/* what came last; neither: it was only asked */
	u64 heard, died, tried;
	u64 asked, told, low;		/* low: when its MSS was as low as it is taken to be */
	bool was_asked, open;
	u8 offered, refusals;
	u16 isn, mss;
	u8 has, known, wscale;
};

struct scene {
	struct cb_profile_set *set;
	struct server server[SERVERS];
	u64 now_ms, spent_at, left_over;
	u32 bucket, passed;
};

static u64 now(const struct scene *s)
{
	return s->now_ms >> CB_PROFILE_TICK_SHIFT;
}

/* Neighbours differ in nothing but the family, the port, or the address. */
static void name_servers(struct scene *s)
{
	hsiphash_key_t key = { { 1, 2 } };
	u32 i;

	for (i = 0; i < SERVERS; i++) {
		struct cb_tuple *t = &s->server[i].tuple;

		t->family = i & 1 ? AF_INET6 : AF_INET;
		t->dport = cpu_to_be16(80 + (i >> 1 & 1));
		t->daddr.a[0] = cpu_to_be32(0xc6336400 + (i >> 2));
		s->server[i].set = cb_profile_hash(&key, t, SETS);
		MUST(s->server[i].set < SETS);
	}
}

static struct cb_profile_set *set_of(struct scene *s, const struct server *v)
{
	return &s->set[v->set];
}

/* --- what must be so at any time ------------------------------------------------------ */

static void right_state(const struct scene *s, const struct server *v,
			enum cb_profile_state state)
{
	bool may_be_stale = v->alive && now(s) - v->heard >= CB_PROFILE_FRESH - NOTED;

	if (v->there && v->dead && now(s) - v->died < CB_PROFILE_DEAD_FOR)
		MUST(state == CB_PROFILE_DEAD);
	else if (!v->there || !v->alive)
		MUST(state == (v->there && v->known ? CB_PROFILE_STALE : CB_PROFILE_UNKNOWN));
	else if (now(s) - v->heard >= CB_PROFILE_FRESH)
		MUST(state == CB_PROFILE_STALE);
	else
		MUST(state == CB_PROFILE_KNOWN || (may_be_stale && state == CB_PROFILE_STALE));
}

static void right_facts(const struct server *v, const struct cb_profile *p)
{
	u8 known = v->there ? v->known : 0, has = v->there ? v->has : 0;

	MUST(p->known == known);
	MUST((p->has & known) == (has & known));
	MUST((p->has & ~known) == (GUESSED & ~known));
	MUST(p->wscale == (has & CB_PROFILE_WSCALE ? v->wscale : 7));
	MUST(p->mss == (v->there ? v->mss : 0));
}

/* Where it is.  A set has no two of it. */
static bool look_for(struct scene *s, const struct server *v, struct cb_profile_view *view)
{
	struct cb_profile_view at;
	unsigned int i, found = 0;

	for (i = 0; i < CB_PROFILE_PLACES; i++) {
		if (!cb_profile_view(set_of(s, v), i, s->now_ms, &at))
			continue;
		if (at.family == v->tuple.family && at.port == v->tuple.dport &&
		    !memcmp(&at.addr, &v->tuple.daddr, sizeof(at.addr))) {
			*view = at;
			found++;
		}
	}
	MUST(found <= 1);
	return found;
}

static void as_written_down(struct scene *s, struct server *v)
{
	struct cb_profile_view view;
	struct cb_profile p;
	enum cb_profile_state state = cb_profile_read(set_of(s, v), &v->tuple, s->now_ms, &p);

	right_state(s, v, state);
	right_facts(v, &p);
	MUST(look_for(s, v, &view) == v->there);
	if (v->there)
		MUST(view.state == state && !memcmp(&view.profile, &p, sizeof(p)));
}

/* --- who has a place, and who loses it ------------------------------------------------ */

static unsigned int rank(const struct server *v)
{
	return v->alive ? 2 : v->dead;
}

static u64 last_of(const struct server *v)
{
	return v->alive ? v->heard : v->dead ? v->died : v->tried;
}

/* Of those that had a place none was to go before this one. */
static void least_missed(const struct scene *s, const struct server *gone, bool answers)
{
	unsigned int i, others = 0;

	if (gone->alive && !answers)
		MUST(now(s) - gone->heard >= CB_PROFILE_FRESH - NOTED);
	for (i = 0; i < SERVERS; i++) {
		const struct server *o = &s->server[i];

		if (o == gone || o->set != gone->set || !o->was_there)
			continue;
		others++;
		MUST(rank(gone) <= rank(o));
		if (rank(gone) == rank(o))
			MUST(last_of(gone) <= last_of(o) + (o->alive ? NOTED : 0));
	}
	MUST(others == CB_PROFILE_PLACES - 1);
}

static void forget(struct server *v)
{
	*v = (struct server){ .tuple = v->tuple, .set = v->set };
}

/* @v was to get a place, if it had none.  Return: it has one. */
static bool placed(struct scene *s, struct server *v, bool answers)
{
	struct server *gone = NULL;
	struct cb_profile_view view;
	unsigned int i, alive = 0;

	for (i = 0; i < SERVERS; i++) {
		struct server *o = &s->server[i];

		o->was_there = o->there;
		if (o->set != v->set || !o->there)
			continue;
		alive += o->alive && now(s) - o->heard < CB_PROFILE_FRESH;
		if (look_for(s, o, &view))
			continue;
		MUST(!gone && o != v && !v->there);
		gone = o;
	}
	if (gone) {
		least_missed(s, gone, answers);
		forget(gone);
	}
	if (!look_for(s, v, &view)) {
		MUST(!gone && !v->there && !answers && alive == CB_PROFILE_PLACES);
		return false;
	}
	if (!v->there) {
		v->told = now(s) - CB_PROFILE_CALM;
		v->tried = now(s);
	}
	v->there = true;
	return true;
}

/* --- what happens --------------------------------------------------------------------- */

static struct cb_segment take_synack(struct input *in, u32 ack)
{
	struct cb_segment sa = { .flags = CB_TCP_SYN | CB_TCP_ACK, .ack = ack };
	u8 has = take8(in);

	sa.flags |= take8(in) & ECN_SETUP;
	sa.opt.has = has & (CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS);
	sa.opt.mss = has & 0x80 ? take16(in) : 1400 + (has >> 5);
	sa.opt.wscale = take8(in) % 15;
	return sa;
}

/* A lower one at once, a higher one when there was no reason for the lower one. */
static void learn_mss(const struct scene *s, struct server *v, u16 said)
{
	u32 since = (now(s) - v->low) % HALF;
	struct cb_profile p;

	cb_profile_read(set_of((struct scene *)s, v), &v->tuple, s->now_ms, &p);
	if (!v->mss || said <= v->mss)
		MUST(p.mss == said);
	else if (p.mss == said)
		MUST(now(s) - v->low >= CB_PROFILE_CALM - NOTED);
	else
		MUST(p.mss == v->mss && (since < CB_PROFILE_CALM || since >= HALF - NOTED));
	if (!v->mss || said <= v->mss || p.mss == said)
		v->low = now(s);
	v->mss = p.mss;
}

static void learn_facts(const struct scene *s, struct server *v, const struct cb_segment *sa,
			u8 offered)
{
	u16 mss = sa->opt.has & CB_OPT_MSS ? sa->opt.mss : 0;
	u8 agreed = 0;

	if (sa->opt.has & CB_OPT_WSCALE) {
		agreed |= CB_PROFILE_WSCALE;
		v->wscale = sa->opt.wscale;
	}
	if (sa->opt.has & CB_OPT_SACK)
		agreed |= CB_PROFILE_SACK;
	if (sa->opt.has & CB_OPT_TS)
		agreed |= CB_PROFILE_TS;
	if ((sa->flags & ECN_SETUP) == CB_TCP_ECE)
		agreed |= CB_PROFILE_ECN;
	offered |= agreed;
	v->has = (v->has & ~offered) | agreed;
	v->known |= offered;
	learn_mss(s, v, mss ? mss : v->tuple.family == AF_INET6 ? 1220 : 536);
}

static void told_right(const struct scene *s, struct server *v, const struct server *was,
		       enum cb_profile_event e)
{
	bool other = (v->has ^ was->has) & was->known;

	other |= v->mss != was->mss;
	other |= (was->has & CB_PROFILE_WSCALE) && v->wscale != was->wscale;
	if (was->dead) {
		MUST(e == CB_PROFILE_REVIVED);
	} else if (!was->alive) {
		MUST(e == CB_PROFILE_NEW);
	} else if (!other) {
		MUST(e == (v->known != was->known ? CB_PROFILE_LEARNED : CB_PROFILE_SAME));
	} else if (e == CB_PROFILE_CHANGED) {
		MUST(now(s) - v->told >= CB_PROFILE_CALM);
		v->told = now(s);
	} else {
		MUST(e == CB_PROFILE_LEARNED);
		MUST((now(s) - v->told) % HALF < CB_PROFILE_CALM);
	}
}

/* Either it is known what was offered, as the SYN was let pass, or by whom it was sent. */
static void answers(struct scene *s, struct server *v, struct input *in)
{
	u8 how = take8(in), offered = how >> 4;
	u32 ack = how & 2 ? (u32)take16(in) << 16 | (u16)(v->isn + 1) : take32(in);
	struct cb_segment sa = take_synack(in, ack);
	struct cb_profile_set before = *set_of(s, v);
	bool same = cb_profile_learnt(&before, &v->tuple, &sa, offered, s->now_ms), ours;
	enum cb_profile_event e;
	struct server was;

	if (how & 1) {
		ours = cb_profile_asked(&before, &v->tuple, ack, &offered);
		MUST(ours == (v->open && (u16)(ack - 1) == v->isn));
		MUST(offered == (ours ? v->offered : 0));
		same = cb_profile_learnt(&before, &v->tuple, &sa, offered, s->now_ms);
	}
	e = cb_profile_learn(set_of(s, v), &v->tuple, &sa, offered, s->now_ms);
	MUST(placed(s, v, true));
	was = *v;
	learn_facts(s, v, &sa, offered);
	told_right(s, v, &was, e);
	if (same)
		MUST(e == CB_PROFILE_SAME && !memcmp(&before, set_of(s, v), sizeof(before)));
	v->alive = true;
	v->dead = v->open = false;
	v->refusals = 0;
	v->heard = now(s);
}

static bool is_dead(const struct scene *s, const struct server *v)
{
	return v->dead && now(s) - v->died < CB_PROFILE_DEAD_FOR;
}

static void dies(const struct scene *s, struct server *v)
{
	v->dead = true;
	v->alive = v->open = false;
	v->died = now(s);
}

static void refuses(struct scene *s, struct server *v, enum cb_profile_why why)
{
	enum cb_profile_event e = cb_profile_refuse(set_of(s, v), &v->tuple, why, s->now_ms);

	if (!placed(s, v, false)) {
		MUST(e == CB_PROFILE_SAME);
		return;
	}
	v->refusals++;
	if (v->dead || v->refusals >= CB_PROFILE_REFUSALS ||
	    (!v->alive && why != CB_PROFILE_SILENT)) {
		MUST(e == (is_dead(s, v) ? CB_PROFILE_SAME : CB_PROFILE_DIED));
		dies(s, v);
	} else {
		MUST(e == CB_PROFILE_LEARNED);
	}
}

/* Between 8 and ASKS_MAX, as cb_profiles_may_ask() has it. */
static u32 drawn(u64 tick)
{
	return 8 + (u32)(tick * 0x9e3779b97f4a7c15ull >> 40) % (ASKS_MAX - 7);
}

/* What was left HALF ago may be spent as well, be it more or less. */
static bool spend(struct scene *s)
{
	bool again = s->spent_at != now(s) && (s->spent_at - now(s)) % HALF == 0;
	bool spent = cb_profile_spend(&s->bucket, drawn(now(s)), s->now_ms);

	if (s->spent_at != now(s))
		s->passed = 0;
	if (again)
		s->left_over = now(s);
	again = s->left_over == now(s);
	if (!spent) {
		MUST(again || s->passed == drawn(now(s)));
		return false;
	}
	s->spent_at = now(s);
	s->passed++;
	MUST(s->passed <= (again ? ASKS_MAX : drawn(now(s))));
	return true;
}

/* Return: a SYN may be let pass. */
static bool is_due(struct scene *s, const struct server *v)
{
	bool due = cb_profile_ask_due(set_of(s, v), &v->tuple, s->now_ms);
	bool known = v->alive && now(s) - v->heard < CB_PROFILE_FRESH - NOTED;

	if (!v->there)
		MUST(due);
	else if (due)
		MUST(!is_dead(s, v) && !known &&
		     (!v->was_asked || now(s) - v->asked >= CB_PROFILE_ASK_GAP));
	else
		MUST(is_dead(s, v) || (v->alive && now(s) - v->heard < CB_PROFILE_FRESH) ||
		     (v->was_asked && now(s) - v->asked < CB_PROFILE_ASK_GAP) ||
		     now(s) - v->tried < CB_PROFILE_ASK_GAP || (u32)now(s) < CB_PROFILE_ASK_GAP);
	return due;
}

/* A SYN, as cb_profiles_may_ask() does with it. */
static void tries(struct scene *s, struct server *v, bool calm, u8 offered, u32 isn)
{
	enum cb_profile_event e;

	if (!is_due(s, v) || (!calm && !spend(s)))
		return;
	e = cb_profile_ask(set_of(s, v), &v->tuple, offered, isn, s->now_ms);
	if (!placed(s, v, false)) {
		MUST(e == CB_PROFILE_SAME);
		return;
	}
	if (v->open && !v->alive && (v->dead || ++v->refusals == CB_PROFILE_REFUSALS)) {
		MUST(e == CB_PROFILE_DIED);
		dies(s, v);
		return;
	}
	MUST(e == CB_PROFILE_ASKED);
	v->was_asked = v->open = true;
	v->asked = v->tried = now(s);
	v->offered = offered & CB_PROFILE_ALL;
	v->isn = isn;
}

/* What is read while another CPU writes is nonsense, but nothing outside of it. */
static void nonsense(struct scene *s, struct server *v, struct input *in)
{
	struct cb_profile_set *set = malloc(sizeof(*set));
	struct cb_segment sa = { .flags = CB_TCP_SYN | CB_TCP_ACK };
	struct cb_profile_view view;
	struct cb_profile p;
	unsigned int i;
	u8 offered;

	MUST(set);
	take(in, set, sizeof(*set));
	if (take8(in) & 1) {
		set->slot[1].addr = v->tuple.daddr;
		set->slot[1].port = v->tuple.dport;
		set->slot[1].family = v->tuple.family;
	}
	MUST(cb_profile_read(set, &v->tuple, s->now_ms, &p) <= CB_PROFILE_DEAD);
	cb_profile_learnt(set, &v->tuple, &sa, take8(in), s->now_ms);
	cb_profile_ask_due(set, &v->tuple, s->now_ms);
	cb_profile_asked(set, &v->tuple, take32(in), &offered);
	MUST(offered <= CB_PROFILE_ALL);
	for (i = 0; i < CB_PROFILE_PLACES; i++) {
		cb_profile_view(set, i, s->now_ms, &view);
		MUST(view.state <= CB_PROFILE_DEAD);
	}
	free(set);
}

static void one_step(struct scene *s, struct input *in)
{
	u8 op = take8(in), much;
	struct server *v = &s->server[take8(in) % SERVERS];
	u32 i;

	switch (op & 7) {
	case 0:
	case 1:
		answers(s, v, in);
		break;
	case 2:
		refuses(s, v, (op >> 3) % 3);
		break;
	case 3:
		tries(s, v, op & 8, op >> 4, take16(in));
		break;
	case 4:				/* a sweep */
		for (i = take8(in); i && i <= SERVERS; i--)
			tries(s, &s->server[(v - s->server + i) % SERVERS], false, op >> 4, i);
		break;
	case 5:
		s->now_ms += take16(in) >> (op >> 5);
		break;
	case 6:
		much = take8(in);
		s->now_ms += (u64)much << CB_PROFILE_TICK_SHIFT << (op >> 4);
		break;
	case 7:
		nonsense(s, v, in);
		break;
	}
	as_written_down(s, v);
}

static u64 take_start(struct input *in)
{
	static const u64 at[] = { 1000, 0, HALF - 20, (1ull << 32) - 20, (1ull << 32) - 700 };

	return at[take8(in) % ARRAY_SIZE(at)] << CB_PROFILE_TICK_SHIFT;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	static struct scene s;
	unsigned int steps, i;

	memset(&s, 0, sizeof(s));
	s.set = calloc(SETS, sizeof(*s.set));
	MUST(s.set);
	name_servers(&s);
	s.now_ms = take_start(&in);
	for (steps = 0; in.left && steps < STEPS; steps++)
		one_step(&s, &in);
	for (i = 0; i < SERVERS; i++)
		as_written_down(&s, &s.server[i]);
	free(s.set);
	return 0;
}
