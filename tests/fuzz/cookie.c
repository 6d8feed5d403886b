// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open: what was sealed comes back, never more than was offered, the best
 * that the tables hold, and everything that ought to be bound into the cookie is.
 */
#include "fuzz.h"
#include "rows.h"

struct case_of {
	siphash_key_t key;
	struct cb_tuple tuple;
	u32 cisn, epoch;
	enum cb_form form;
	u16 params;
	struct cb_offer offer;
};

static struct case_of take_case(struct input *in)
{
	struct case_of c;
	u8 bits = take8(in);

	memset(&c, 0, sizeof(c));
	c.form = bits % 3;
	c.offer.has_wscale = bits & 8;
	c.offer.wscale = c.offer.has_wscale ? take8(in) % 15 : 0;
	c.offer.sack = bits & 16;
	c.offer.ecn = bits & 32;
	c.offer.mss = take16(in);
	c.params = take8(in) & 15;
	c.tuple = take_tuple(in);
	c.cisn = take32(in);
	c.epoch = take32(in);
	take(in, &c.key, sizeof(c.key));
	return c;
}

static bool at_most(const struct cb_offer *a, const struct cb_offer *b)
{
	return a->mss <= b->mss && a->has_wscale <= b->has_wscale && a->wscale <= b->wscale &&
	       a->sack <= b->sack && a->ecn <= b->ecn;
}

static bool equal(const struct cb_offer *a, const struct cb_offer *b)
{
	return at_most(a, b) && at_most(b, a);
}

static u16 best_class(u16 mss)
{
	u16 best = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cb_mss_classes); i++)
		if (cb_mss_classes[i] <= mss)
			best = cb_mss_classes[i];
	return best;
}

/* With timestamps all is exact, but for the class of the MSS.  Without, no row that
 * might have been taken is as good in every respect and better in one.
 */
static void best_kept(const struct case_of *c, const struct cb_offer *kept)
{
	unsigned int i, n = c->form == CB_FORM_ROWS ? CB_ROWS_SINGLE : CB_ROWS_CLUSTER;
	struct cb_offer exact = c->offer;

	if (c->form == CB_FORM_TS) {
		exact.mss = best_class(c->offer.mss);
		MUST(equal(kept, &exact));
		return;
	}
	for (i = 0; i < n; i++)
		MUST(!at_most(&cb_rows[i], &c->offer) || !at_most(kept, &cb_rows[i]) ||
		     equal(kept, &cb_rows[i]));
}

static bool seal(const struct case_of *c, struct cb_offer *offer, u32 *isn)
{
	*offer = c->offer;
	return cb_cookie_seal(&c->key, &c->tuple, c->cisn, c->epoch, c->form, c->params, offer,
			      isn);
}

static bool open(const struct case_of *c, u32 isn, struct cb_offer *offer)
{
	u64 mac;

	return cb_cookie_open(&c->key, &c->tuple, c->cisn, c->epoch, c->form, c->params, isn,
			      offer, &mac);
}

/* Changes one of what is bound, in one of two ways. */
static bool change(struct case_of *c, unsigned int what, bool other)
{
	u32 by = other ? 0x10001 : 1;

	switch (what) {
	case 0: c->tuple.saddr.a[0] ^= by; return true;
	case 1: c->tuple.daddr.a[0] ^= by; return true;
	case 2: c->tuple.sport ^= other ? 0x80 : 1; return true;
	case 3: c->tuple.dport ^= other ? 0x80 : 1; return true;
	case 4: c->cisn ^= by; return true;
	case 5: c->epoch ^= by; return true;
	case 6: c->params ^= other ? 8 : 1; return true;
	case 7: c->key.key[0] ^= by; return true;
	case 8: c->key.key[1] ^= by; return true;
	case 9: c->tuple.saddr.a[3] ^= by; break;
	case 10: c->tuple.daddr.a[3] ^= by; break;
	case 11: c->tuple.saddr.a[1] ^= by; break;
	case 12: c->tuple.daddr.a[2] ^= by; break;
	default: return false;
	}
	return c->tuple.family == AF_INET6;
}

/* By chance an ISN may be the same with one change; with both it is none. */
static void bound(const struct case_of *c, u32 isn)
{
	struct cb_flow_pair pair = { .key = c->key };
	u32 flow = cb_flow_offset(&pair, &c->tuple);
	unsigned int what;

	for (what = 0; what < 13; what++) {
		struct case_of one = *c, two = *c;
		struct cb_offer offer;
		u32 isn1, isn2;

		if (!change(&one, what, false) || !change(&two, what, true))
			continue;
		MUST(seal(&one, &offer, &isn1) && seal(&two, &offer, &isn2));
		MUST(isn1 != isn || isn2 != isn);
		if (what < 4 || what > 8)
			MUST(cb_flow_offset(&pair, &one.tuple) != flow ||
			     cb_flow_offset(&pair, &two.tuple) != flow);
	}
}

/* The two forms, and the flow clock, share nothing: a value of one is not that of
 * another under the same key, but by chance.
 */
static void apart(const struct case_of *c, u32 isn)
{
	struct case_of one = *c, two = *c;
	struct cb_offer offer;
	u32 isn1 = 0, isn2 = 0;

	one.form = (c->form + 1) % 3;
	two.form = (c->form + 2) % 3;
	if (seal(&one, &offer, &isn1) && seal(&two, &offer, &isn2))
		MUST(isn1 != isn || isn2 != isn);
}

static void some_isn(const struct case_of *c, u32 isn)
{
	struct cb_offer offer;
	unsigned int i;

	if (!open(c, isn, &offer))
		return;
	if (c->form == CB_FORM_TS) {
		MUST(offer.mss == best_class(offer.mss) && offer.wscale <= 14);
		return;
	}
	for (i = 0; i < (c->form == CB_FORM_ROWS ? CB_ROWS_SINGLE : CB_ROWS_CLUSTER); i++)
		if (equal(&offer, &cb_rows[i]))
			return;
	MUST(!"an ISN opened with what no row holds");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct case_of c = take_case(&in);
	struct cb_offer kept, back;
	u32 isn, again;

	memset(&back, 0xff, sizeof(back));
	some_isn(&c, take32(&in));
	if (!seal(&c, &kept, &isn)) {
		MUST(c.offer.mss < (c.form == CB_FORM_TS ? 256 : 536));
		return 0;
	}
	MUST(c.offer.mss >= (c.form == CB_FORM_TS ? 256 : 536));
	MUST(at_most(&kept, &c.offer));
	best_kept(&c, &kept);
	MUST(open(&c, isn, &back));
	MUST(equal(&back, &kept));
	MUST(seal(&c, &back, &again) && again == isn);
	bound(&c, isn);
	apart(&c, isn);
	return 0;
}
