// SPDX-License-Identifier: GPL-2.0
/*
 * Sequence numbers, timestamps, SACK blocks and windows between two views of a
 * connection (translate.h).
 *
 * Owns no state.  Invariants: nothing outside [th, th + thlen) is touched; options are
 * judged before the first byte is changed; every byte that is changed is accounted for in
 * the checksum's difference.  Called for each segment of a spliced connection, in any
 * context: the layout that nearly all data segments have, no-op, no-op, timestamps,
 * comes first and has no loop.
 *
 * Sums are kept in host order and turned round at the end: the ones' complement sum
 * does not depend on byte order (RFC 1071, 2B), and a word at an odd offset counts
 * rotated by one byte (ibidem, 2A).
 */
#include <linux/compiler.h>
#include <linux/minmax.h>
#include <asm/byteorder.h>
#include "bytes.h"
#include "segment.h"
#include "translate.h"

#define AT_SEQ		4
#define AT_ACK		8
#define AT_OFFSET	12
#define AT_FLAGS	13
#define AT_WINDOW	14
#define AT_CHECK	16
#define FIXED_LEN	20u
#define QUOTE_MIN	8u	/* RFC 792: so much of a segment is quoted at least */

#define OPT_EOL		0
#define OPT_NOP		1
#define OPT_SACK	5
#define OPT_TS		8
#define TS_LEN		10
#define TS_LAYOUT	0x0101080aU	/* NOP, NOP, timestamps, 10 */
#define TS_LAYOUT_LEN	12u
#define BLOCK_LEN	8

/* A first flight echoes the SYN-ACK with the cookie, sent before the server's clock was
 * known: at most two of the longest epochs ago, in ms.  Further back lies what a fast
 * clock has left behind: one of 1 MHz has been round in 72 minutes.
 */
#define ECHO_AGE_MAX	(1u << 23)

/* What is added to each field. */
struct move {
	u32 seq, ack;		/* ack: to SACK blocks, too */
	u32 tsval, tsecr;
	const u32 *first_tsval;	/* TSecr is not to be before it; or NULL */
	bool timestamps;
};

static u32 add(u32 a, u32 b)
{
	a += b;
	return a + (a < b);
}

static u32 rotated(u32 v)
{
	return v << 8 | v >> 24;
}

static __always_inline void set32(u8 *th, unsigned int at, u32 v, u32 *sum)
{
	u32 grown = add(v, ~cb_get_be32(th + at));

	*sum = add(*sum, at & 1 ? rotated(grown) : grown);
	cb_put_be32(th + at, v);
}

static __always_inline void add32(u8 *th, unsigned int at, u32 v, u32 *sum)
{
	set32(th, at, cb_get_be32(th + at) + v, sum);
}

static void set16(u8 *th, unsigned int at, u16 v, u32 *sum)
{
	*sum = add(*sum, v);
	*sum = add(*sum, (u16)~cb_get_be16(th + at));
	cb_put_be16(th + at, v);
}

static bool option_fits(u8 kind, unsigned int len)
{
	if (kind == OPT_TS)
		return len == TS_LEN;
	if (kind == OPT_SACK)
		return len > 2 && (len - 2) % BLOCK_LEN == 0;
	return true;
}

static bool usual(const u8 *th, unsigned int thlen)
{
	return thlen == FIXED_LEN + TS_LAYOUT_LEN && cb_get_be32(th + FIXED_LEN) == TS_LAYOUT;
}

static bool well_formed(const u8 *th, unsigned int thlen)
{
	unsigned int at = FIXED_LEN;

	while (at < thlen && th[at] != OPT_EOL) {
		if (th[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (thlen - at < 2 || th[at + 1] < 2 || th[at + 1] > thlen - at)
			return false;
		if (!option_fits(th[at], th[at + 1]))
			return false;
		at += th[at + 1];
	}
	return true;
}

static __always_inline u32 echoed(u32 tsecr, const struct move *m)
{
	tsecr += m->tsecr;
	if (m->first_tsval && *m->first_tsval - tsecr <= ECHO_AGE_MAX)
		return *m->first_tsval;
	return tsecr;
}

/* @at: of the option's two numbers.  TSecr counts with an ACK only (RFC 7323 3.2). */
static __always_inline void move_timestamps(u8 *th, unsigned int at, const struct move *m,
					    u32 *sum)
{
	if (!m->timestamps)
		return;
	if (m->tsval)
		add32(th, at, m->tsval, sum);
	if ((m->tsecr || m->first_tsval) && (th[AT_FLAGS] & CB_TCP_ACK))
		set32(th, at + 4, echoed(cb_get_be32(th + at + 4), m), sum);
}

static void move_blocks(u8 *th, unsigned int at, unsigned int end, const struct move *m, u32 *sum)
{
	if (!m->ack)
		return;
	for (; at < end; at += 4)
		add32(th, at, m->ack, sum);
}

/* They are well-formed. */
static void move_options(u8 *th, unsigned int thlen, const struct move *m, u32 *sum)
{
	unsigned int at = FIXED_LEN;

	while (at < thlen && th[at] != OPT_EOL) {
		if (th[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (th[at] == OPT_TS)
			move_timestamps(th, at + 2, m, sum);
		else if (th[at] == OPT_SACK)
			move_blocks(th, at + 2, at + th[at + 1], m, sum);
		at += th[at + 1];
	}
}

static u16 scaled(u16 window, int shift)
{
	if (shift >= 0)
		return min((u32)window << shift, 0xffffu);
	return window >> -shift ?: !!window;
}

static __always_inline bool translate(u8 *th, unsigned int thlen, struct move m, int shift,
				      __wsum *diff)
{
	bool as_usual = usual(th, thlen);
	u32 sum = 0;

	*diff = 0;
	if (!as_usual && !well_formed(th, thlen))
		return false;
	if (m.seq)
		add32(th, AT_SEQ, m.seq, &sum);
	if (m.ack && (th[AT_FLAGS] & CB_TCP_ACK))
		add32(th, AT_ACK, m.ack, &sum);
	if (shift && !(th[AT_FLAGS] & CB_TCP_SYN))
		set16(th, AT_WINDOW, scaled(cb_get_be16(th + AT_WINDOW), shift), &sum);
	if (likely(as_usual))
		move_timestamps(th, FIXED_LEN + 4, &m, &sum);
	else if (thlen > FIXED_LEN)
		move_options(th, thlen, &m, &sum);
	*diff = (__force __wsum)cpu_to_be32(sum);
	return true;
}

bool cb_translate(u8 *th, unsigned int thlen, const struct cb_shift *s, bool to_server,
		  __wsum *diff)
{
	struct move to_the_server = {
		.ack = -s->seq, .tsecr = -s->ts, .first_tsval = &s->first_tsval,
		.timestamps = s->timestamps,
	};
	struct move to_the_client = {
		.seq = s->seq, .tsval = s->ts, .timestamps = s->timestamps,
	};

	if (to_server)
		return translate(th, thlen, to_the_server, s->win_to_server, diff);
	return translate(th, thlen, to_the_client, s->win_to_client, diff);
}

/* Is the whole header quoted, and can its options be read? */
static bool quoted_whole(const u8 *th, unsigned int avail)
{
	unsigned int thlen;

	if (avail < FIXED_LEN)
		return false;
	thlen = (th[AT_OFFSET] >> 4) * 4;
	return thlen >= FIXED_LEN && thlen <= avail && well_formed(th, thlen);
}

/* RFC 1624: HC' = ~(~HC + growth) */
static void mend_check(u8 *th, u32 *sum)
{
	u32 check = add((u16)~cb_get_be16(th + AT_CHECK), *sum);

	check = (check & 0xffff) + (check >> 16);
	check = (check & 0xffff) + (check >> 16);
	set16(th, AT_CHECK, ~check, sum);
}

void cb_translate_quoted(u8 *th, unsigned int avail, const struct cb_shift *s,
			 bool sent_by_server, __wsum *diff)
{
	struct move m = { .timestamps = s->timestamps };
	u32 sum = 0;

	*diff = 0;
	if (avail < QUOTE_MIN)
		return;
	if (sent_by_server) {
		m.tsval = -s->ts;
		add32(th, AT_SEQ, -s->seq, &sum);
	} else if (avail > AT_FLAGS) {
		m.tsecr = s->ts;
		m.ack = s->seq;
		if (th[AT_FLAGS] & CB_TCP_ACK)
			add32(th, AT_ACK, s->seq, &sum);
	}
	if (quoted_whole(th, avail))
		move_options(th, (th[AT_OFFSET] >> 4) * 4, &m, &sum);
	if (avail >= AT_CHECK + 2)
		mend_check(th, &sum);
	*diff = (__force __wsum)cpu_to_be32(sum);
}
