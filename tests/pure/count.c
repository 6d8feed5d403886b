// SPDX-License-Identifier: GPL-2.0
/*
 * How many ACK numbers of one tuple open?  Built with the MAC shortened to 12
 * bits (CB_COOKIE_MAC_BITS), so that all can be tried on many tuples.
 */
#include "fixture.h"
#include "tap.h"

#define TUPLES	24

struct trial {
	const char *name;
	int family;
	enum cb_form form;
	unsigned int rows;		/* of one key */
	unsigned int keys;		/* accepted at once */
};

static const struct trial trials[] = {
	{ "IPv4 no timestamps", AF_INET, CB_FORM_ROWS, CB_ROWS_SINGLE, 2 },
	{ "IPv6 no timestamps", AF_INET6, CB_FORM_ROWS, CB_ROWS_SINGLE, 2 },
	{ "IPv4 cluster", AF_INET, CB_FORM_ROWS_CLUSTER, CB_ROWS_CLUSTER, 3 },
	{ "IPv6 cluster", AF_INET6, CB_FORM_ROWS_CLUSTER, CB_ROWS_CLUSTER, 3 },
	{ "IPv4 timestamps", AF_INET, CB_FORM_TS, CB_TS_VALUES, 2 },
	{ "IPv6 timestamps", AF_INET6, CB_FORM_TS, CB_TS_VALUES, 2 },
};

static u32 isns(const struct trial *t)
{
	return 1u << (CB_COOKIE_MAC_BITS + (t->form == CB_FORM_TS ? 11 : 6));
}

/* Under one key, by the open of cookie.c. */
static u32 count_key(const struct trial *t, const struct cb_tuple *tuple, u32 cisn)
{
	siphash_key_t key = fix_key(t->form == CB_FORM_TS ? CB_KEY_COOKIE_TS :
				    CB_KEY_COOKIE_ROWS, FIX_EPOCH);
	struct cb_offer offer;
	u32 isn, n = 0;
	u64 mac;

	for (isn = 0; isn < isns(t); isn++)
		n += cb_cookie_open(&key, tuple, cisn, FIX_EPOCH, t->form, FIX_WSCALE, isn,
				    &offer, &mac);
	return n;
}

/* Whatever opens at one moment, by the decision of handshake.c. */
static u32 count_ack(const struct trial *t, const struct cb_tuple *tuple, u32 cisn)
{
	struct cb_policy pol = fix_policy();
	struct cb_segment seg;
	struct cb_opened opened;
	struct cb_ring ring;
	u32 isn, n = 0;

	fix_ring(&ring, FIX_EPOCH, t->form == CB_FORM_ROWS_CLUSTER);
	memset(&seg, 0, sizeof(seg));
	seg.tuple = *tuple;
	seg.seq = cisn + 1;
	seg.flags = CB_TCP_ACK;
	if (t->form == CB_FORM_TS) {
		seg.opt.has = CB_OPT_TS;
		seg.opt.tsecr = (u32)fix_now() - 40 + cb_flow_offset(&ring.pair[0], tuple);
	}
	for (isn = 0; isn < isns(t); isn++) {
		seg.ack = isn + 1;
		n += cb_handshake_ack(&seg, &pol, &ring, fix_now(), &opened).action ==
		     CB_REDEEM;
	}
	return n;
}

/* Two keys can share an ISN, so the union may be a little smaller, never larger. */
static void run(const struct trial *t)
{
	unsigned int tuples = t->form == CB_FORM_TS ? TUPLES / 8 : TUPLES, i;
	u32 most = 0, least = ~0u, wrong = 0;

	for (i = 0; i < tuples; i++) {
		struct cb_tuple tuple = fix_tuple(t->family);
		u32 cisn = i * 2654435761u, n;

		tuple.sport = cpu_to_be16(1024 + 977 * i);
		wrong += count_key(t, &tuple, cisn) != t->rows;
		n = count_ack(t, &tuple, cisn);
		most = n > most ? n : most;
		least = n < least ? n : least;
	}
	tap(!wrong, "%s: of %u ISNs exactly %u open under one key, %u tuples", t->name,
	    isns(t), t->rows, tuples);
	tap(most <= t->keys * t->rows && least > (t->keys - 1) * t->rows,
	    "%s: %u to %u ACK numbers open at a moment, at most %u", t->name, least, most,
	    t->keys * t->rows);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(trials); i++)
		run(&trials[i]);
	return tap_done();
}
