// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes over a ring that lives: time passes, the worker comes late, the wall
 * clock is stepped, masters and clocks change, and clients answer whenever they
 * like.  Epochs never come again and something always seals; an answer within half
 * an epoch opens unless older keys were told to be forgotten; one after more than
 * three never does; and what opens is what was offered.
 *
 * By chance a dead cookie may open (2^-25), so each client has a twin on another
 * port: that both open is no chance.
 */
#include "epoch.h"
#include "fuzz.h"

#define LEN		32000u
#define WALL_0		1790000000000ULL
#define CLIENTS		4
#define LATE_MAX	8000u
#define DEAD_MS		(3 * LEN + 2 * LATE_MAX)

struct client {
	struct cb_segment syn[2];
	struct cb_synack synack[2];
	struct cb_policy pol;
	u64 at;
	bool waiting;
	bool in_doubt;		/* keys were forgotten, or an epoch was cut short, since */
};

struct box {
	struct cb_ring ring;
	struct cb_master master, next;
	u8 nonce[CB_NONCE_LEN];
	bool pending;
	u64 now;
	s64 step;
	unsigned int late, masters;
	u32 epoch;		/* the last that was seen to seal, and its start */
	u64 start;
	struct client client[CLIENTS];
};

static struct cb_epoch_by moment(const struct box *b)
{
	return (struct cb_epoch_by){
		.master = b->pending ? &b->next : &b->master, .nonce = b->nonce,
		.now_ms = b->now, .wall_ms = WALL_0 + b->now + b->step, .len_ms = LEN,
	};
}

/* As cb_keyring_advance(), for a worker that is late. */
static void advance(struct box *b, struct cb_epoch_by *by, unsigned int late)
{
	while (cb_epoch_newest(&b->ring)->start_ms + late <= by->now_ms) {
		if (b->pending) {
			b->master = b->next;
			b->pending = false;
			by->master = &b->master;
		}
		cb_epoch_append(&b->ring, by);
	}
	cb_epoch_settle(&b->ring, by);
	b->ring.cluster = b->master.clock == CB_CLOCK_WALL;
}

static void in_order(struct box *b)
{
	const struct cb_slot *now = cb_ring_sealing(&b->ring, b->now);
	unsigned int i, held = 0;

	MUST(now);
	for (i = 0; i < CB_RING_SLOTS; i++) {
		const struct cb_slot *s = &b->ring.slot[i];

		held += s->valid;
		if (s->valid && s != now)
			MUST((s->epoch < now->epoch) == (s->start_ms < now->start_ms));
	}
	MUST(held <= 5);
	MUST(b->ring.ts_life_ms >= 2 * LEN);
	MUST(now->epoch > b->epoch || (now->epoch == b->epoch && now->start_ms == b->start));
	b->epoch = now->epoch;
	b->start = now->start_ms;
}

static void pass_time(struct box *b, u32 ms)
{
	struct cb_epoch_by by;

	while (ms) {
		u32 part = ms < 250 ? ms : 250;

		b->now += part;
		ms -= part;
		by = moment(b);
		advance(b, &by, b->late);
		in_order(b);
	}
}

/* As install_now() of keyset.c. */
static void change_now(struct box *b, const struct cb_master *m, bool forget)
{
	bool other = memcmp(m->secret, b->master.secret, CB_MASTER_LEN);
	u32 at_least = cb_epoch_newest(&b->ring)->epoch + 1;
	struct cb_epoch_by by;
	unsigned int i;

	if (m->clock == CB_CLOCK_WALL && other)
		at_least = 1;
	b->master = *m;
	b->pending = false;
	by = moment(b);
	if (forget)
		cb_epoch_restart(&b->ring, &by, at_least);
	else
		cb_epoch_replace(&b->ring, &by, true);
	advance(b, &by, 0);
	for (i = 0; i < CLIENTS; i++)
		b->client[i].in_doubt = true;
	if (other)
		b->epoch = 0;
}

/* No secret comes back once another was used: with a floor that lies in the future,
 * its numbers would, too.
 */
static void change_master(struct box *b, u8 how, u32 floor)
{
	struct cb_master m = b->master;
	struct cb_epoch_by by = moment(b);

	advance(b, &by, 0);
	if (!(how & 4))
		m.secret[0] = ++b->masters;
	m.clock = how & 1 ? CB_CLOCK_WALL : CB_CLOCK_LOCAL;
	m.floor = how & 1 ? floor & 0x7fffffff : 0;
	if (m.clock != b->master.clock || (how & 2)) {
		change_now(b, &m, how & 2);
		return;
	}
	b->next = m;
	b->pending = true;
	by = moment(b);
	cb_epoch_replace(&b->ring, &by, false);
	advance(b, &by, 0);
}

static void offer(struct box *b, struct client *c, struct input *in)
{
	unsigned int i;

	c->pol = take_policy(in);
	c->waiting = true;
	c->in_doubt = false;
	c->at = b->now;
	c->syn[0] = (struct cb_segment){ .tuple = take_tuple(in), .seq = take32(in) };
	c->syn[0].flags = CB_TCP_SYN | (take8(in) & (CB_TCP_ECE | CB_TCP_CWR));
	c->syn[0].opt.has = take8(in) & (CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS);
	if (c->syn[0].opt.has & CB_OPT_MSS)
		c->syn[0].opt.mss = take16(in);
	if (c->syn[0].opt.has & CB_OPT_WSCALE)
		c->syn[0].opt.wscale = take8(in) % 15;
	c->syn[0].opt.tsval = 0x89abcdef;
	c->syn[1] = c->syn[0];
	c->syn[1].tuple.sport ^= cpu_to_be16(1);
	for (i = 0; i < 2 && c->waiting; i++)
		c->waiting = cb_handshake_syn(&c->syn[i], &c->pol, &b->ring, b->now,
					      &c->synack[i]).action == CB_ANSWER;
}

static void opened_right(const struct box *b, const struct client *c, unsigned int i,
			 const struct cb_opened *o)
{
	const struct cb_segment *syn = &c->syn[i];
	const struct cb_synack *sa = &c->synack[i];
	u16 mss = syn->opt.has & CB_OPT_MSS ? syn->opt.mss :
		  syn->tuple.family == AF_INET6 ? 1220 : 536;

	MUST(o->cisn == syn->seq && o->isn == sa->isn);
	MUST(o->offer.mss <= mss && o->offer.mss >= 256);
	MUST(o->offer.has_wscale == !!(sa->has & CB_OPT_WSCALE));
	MUST(o->offer.wscale <= syn->opt.wscale);
	MUST(o->offer.sack == !!(sa->has & CB_OPT_SACK) && o->offer.ecn == sa->ece);
	MUST(o->rcv_wscale == (o->offer.has_wscale ? c->pol.rcv_wscale : 0));
	MUST(o->timestamps == !!(sa->has & CB_OPT_TS));
	if (!o->timestamps)
		return;
	MUST(o->age_ms == b->now - c->at);
	MUST((u32)b->now + o->ts_off == sa->tsval + o->age_ms);
	MUST(o->tsval == syn->opt.tsval + 100);
}

static void answer(const struct box *b, const struct client *c)
{
	u64 age = b->now - c->at;
	unsigned int i, opens = 0;

	for (i = 0; i < 2; i++) {
		struct cb_segment ack = fix_ack(&c->syn[i], &c->synack[i]);
		struct cb_opened o;
		struct cb_decision d = cb_handshake_ack(&ack, &c->pol, &b->ring, b->now, &o);

		if (d.action != CB_REDEEM) {
			MUST(d.action == CB_DROP);
			continue;
		}
		opens++;
		opened_right(b, c, i, &o);
	}
	if (age > DEAD_MS)
		MUST(opens < 2);
	else if (age < LEN / 2 && !c->in_doubt)
		MUST(opens == 2);
}

static void one_step(struct box *b, struct input *in)
{
	u8 op = take8(in);
	struct client *c = &b->client[op >> 4 & (CLIENTS - 1)];

	switch (op & 7) {
	case 0:
	case 1:
		offer(b, c, in);
		break;
	case 2:
	case 3:
		if (c->waiting)
			answer(b, c);
		break;
	case 4:
		pass_time(b, take16(in) % (2 * LEN));
		break;
	case 5:
		b->late = take16(in) % LATE_MAX;
		break;
	case 6:
		b->step = (s64)(s16)take16(in) * 250;
		break;
	case 7:
		change_master(b, op >> 4, take32(in));
		break;
	}
	in_order(b);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct cb_epoch_by by;
	static struct box b;
	unsigned int steps;

	memset(&b, 0, sizeof(b));
	fix_master(b.master.secret);
	b.now = take16(&in);
	b.ring.n_pairs = 1;
	b.ring.pair[0].key = fix_key(CB_KEY_GATE, 0);
	b.ring.pair[0].base = take32(&in);
	by = moment(&b);
	cb_epoch_restart(&b.ring, &by, 1);
	advance(&b, &by, 0);
	for (steps = 0; in.left && steps < 64; steps++)
		one_step(&b, &in);
	return 0;
}
