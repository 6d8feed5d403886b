// SPDX-License-Identifier: GPL-2.0
/*
 * Seal and open: the arithmetic of the ISN (Documentation/wire-format.rst).
 *
 * Owns no state.  Invariants: exactly rows(form) of the 2^32 ISNs of a tuple
 * open under one key; what comes back never offers more than what went in.  No
 * loop, no division, no allocation.  Called on the SYN and ACK path, in any
 * context.
 */
#include "cookie.h"
#include "rows.h"
#include "tuplehash.h"

/*
 * Payload with timestamps, 11 bits:
 *
 *	 10   9   8   7   6   5   4   3   2   1   0
 *	+---------------+---+---+-------------------+
 *	| window scale  | S | E |    MSS class      |
 *	+---------------+---+---+-------------------+
 *
 * scale 15: none offered.  S: SACK permitted.  E: ECN-setup SYN.
 */
#define TS_WSCALE_SHIFT	7
#define TS_SACK		BIT(6)
#define TS_ECN		BIT(5)
#define TS_MSS_MASK	0x1f
#define TS_NO_WSCALE	15

/* Bound into the MAC beside tuple, client ISN and epoch:
 * version:8 form:4 family:4 params:16 (the family bit: tuplehash.h).
 */
#define TAG_VERSION_SHIFT	24
#define TAG_FORM_SHIFT		20

struct line {
	u32 a, b;		/* ISN = a * value + b; a is odd */
};

static u32 rows_of(enum cb_form form)
{
	if (form == CB_FORM_TS)
		return CB_TS_VALUES;
	return form == CB_FORM_ROWS ? CB_ROWS_SINGLE : CB_ROWS_CLUSTER;
}

/* Tests define CB_COOKIE_MAC_BITS to enumerate a shortened ISN. */
#ifdef CB_COOKIE_MAC_BITS
#define ISN_MASK(form)	((1U << (CB_COOKIE_MAC_BITS + ((form) == CB_FORM_TS ? 11 : 6))) - 1)
#else
#define ISN_MASK(form)	(~0U)
#endif

static u64 mac_of(const siphash_key_t *key, const struct cb_tuple *tuple,
		  u32 cisn, u32 epoch, enum cb_form form, u16 params)
{
	u32 tag = CB_COOKIE_VERSION << TAG_VERSION_SHIFT | form << TAG_FORM_SHIFT | params;

	return cb_tuple_hash(key, tuple, cisn, epoch, tag);
}

static struct line line_of(u64 mac)
{
	return (struct line){ .a = (u32)(mac >> 32) | 1, .b = (u32)mac };
}

/* 1 / a mod 2^32 by Newton: 5 bits are right at first, each step doubles them. */
static u32 inverse(u32 a)
{
	u32 x = 3 * a ^ 2;

	x *= 2 - a * x;		/* 10 */
	x *= 2 - a * x;		/* 20 */
	x *= 2 - a * x;		/* 40 */
	return x;
}

static u32 ts_value(struct cb_offer *offer, unsigned int class)
{
	u32 scale = offer->has_wscale ? offer->wscale : TS_NO_WSCALE;

	offer->mss = cb_mss_classes[class];
	return scale << TS_WSCALE_SHIFT | (offer->sack ? TS_SACK : 0) |
	       (offer->ecn ? TS_ECN : 0) | class;
}

static void ts_offer(u32 value, struct cb_offer *offer)
{
	u32 scale = value >> TS_WSCALE_SHIFT;

	offer->mss = cb_mss_classes[value & TS_MSS_MASK];
	offer->has_wscale = scale != TS_NO_WSCALE;
	offer->wscale = offer->has_wscale ? scale : 0;
	offer->sack = value & TS_SACK;
	offer->ecn = value & TS_ECN;
}

bool cb_cookie_seal(const siphash_key_t *key, const struct cb_tuple *tuple,
		    u32 cisn, u32 epoch, enum cb_form form, u16 params,
		    struct cb_offer *offer, u32 *isn)
{
	int class = cb_rows_mss_class(offer->mss);
	struct line line;
	int value;

	if (class < 0)
		return false;
	if (form == CB_FORM_TS) {
		value = ts_value(offer, class);
	} else {
		value = cb_rows_find(offer, class, form == CB_FORM_ROWS_CLUSTER);
		if (value < 0)
			return false;
		*offer = cb_rows[value];
	}
	line = line_of(mac_of(key, tuple, cisn, epoch, form, params));
	*isn = (line.a * value + line.b) & ISN_MASK(form);
	return true;
}

bool cb_cookie_open(const siphash_key_t *key, const struct cb_tuple *tuple,
		    u32 cisn, u32 epoch, enum cb_form form, u16 params,
		    u32 isn, struct cb_offer *offer, u64 *mac)
{
	u64 hash = mac_of(key, tuple, cisn, epoch, form, params);
	struct line line = line_of(hash);
	u32 value = ((isn - line.b) * inverse(line.a)) & ISN_MASK(form);

	if (value >= rows_of(form))
		return false;
	if (form == CB_FORM_TS)
		ts_offer(value, offer);
	else
		*offer = cb_rows[value];
	*mac = hash;
	return true;
}
