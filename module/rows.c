// SPDX-License-Identifier: GPL-2.0
/*
 * The two published tables of the cookie: MSS classes and option rows
 * (Documentation/wire-format.rst says where they come from and what they do
 * not hold).  They are wire format: a changed number is a new
 * CB_COOKIE_VERSION.
 *
 * Invariant: a row found offers at most what was asked, in every respect.
 * Look-up is on the SYN path: five comparisons and four masks, no loop over
 * the rows.  Any context.
 */
#include <linux/bitops.h>
#include "rows.h"

/* Ascending; ROW()'s sizes are among them. Why these: see the documentation. */
#define MSS_CLASSES(C) \
	C(256)  C(536)  C(640)  C(1024) C(1160) C(1200) C(1220) C(1240) \
	C(1260) C(1280) C(1300) C(1320) C(1340) C(1350) C(1360) C(1370) \
	C(1380) C(1388) C(1400) C(1410) C(1420) C(1430) C(1440) C(1448) \
	C(1452) C(1460) C(3860) C(8856) C(8940) C(8960) C(16376) C(65475)

#define NO	(-1)	/* no window scale offered */

/*
 * ROW(A, row number, MSS, window scale, SACK, ECN), listed best first: what an
 * offer keeps first comes first.  By SACK, window scale at all, jumbo frames,
 * ECN, the scale, the MSS.  The numbers follow use instead, so that the first
 * CB_ROWS_CLUSTER rows make a sensible table alone.
 */
#define ROWS(ROW, A) \
	ROW(A, 61, 8960,  8, 1, 1) \
	ROW(A, 47, 8960,  8, 1, 0) \
	ROW(A,  9, 8960,  7, 1, 0) \
	ROW(A, 20, 8960,  1, 1, 0) \
	ROW(A, 15, 8960,  0, 1, 0) \
	ROW(A, 23, 1440, 10, 1, 1) \
	ROW(A,  3, 1460,  8, 1, 1) \
	ROW(A,  4, 1440,  8, 1, 1) \
	ROW(A, 59, 1400,  8, 1, 1) \
	ROW(A, 62, 1440,  7, 1, 1) \
	ROW(A, 21, 1360,  7, 1, 1) \
	ROW(A, 60, 1300,  7, 1, 1) \
	ROW(A, 22, 1220,  7, 1, 1) \
	ROW(A, 54, 1440, 14, 1, 0) \
	ROW(A, 51, 1460, 10, 1, 0) \
	ROW(A, 52, 1440, 10, 1, 0) \
	ROW(A, 53, 1360, 10, 1, 0) \
	ROW(A,  0, 1460,  8, 1, 0) \
	ROW(A,  1, 1440,  8, 1, 0) \
	ROW(A, 44, 1400,  8, 1, 0) \
	ROW(A,  2, 1360,  8, 1, 0) \
	ROW(A, 45, 1300,  8, 1, 0) \
	ROW(A, 46, 1220,  8, 1, 0) \
	ROW(A, 42, 1460,  7, 1, 0) \
	ROW(A,  5, 1440,  7, 1, 0) \
	ROW(A, 43, 1400,  7, 1, 0) \
	ROW(A,  6, 1360,  7, 1, 0) \
	ROW(A,  7, 1300,  7, 1, 0) \
	ROW(A,  8, 1220,  7, 1, 0) \
	ROW(A, 41,  536,  7, 1, 0) \
	ROW(A, 24, 1440,  5, 1, 0) \
	ROW(A, 55, 1360,  5, 1, 0) \
	ROW(A, 25, 1300,  5, 1, 0) \
	ROW(A, 10, 1460,  2, 1, 0) \
	ROW(A, 48, 1440,  2, 1, 0) \
	ROW(A, 49, 1360,  2, 1, 0) \
	ROW(A, 16, 1440,  1, 1, 0) \
	ROW(A, 17, 1360,  1, 1, 0) \
	ROW(A, 18, 1300,  1, 1, 0) \
	ROW(A, 19, 1220,  1, 1, 0) \
	ROW(A, 50, 1460,  0, 1, 0) \
	ROW(A, 11, 1440,  0, 1, 0) \
	ROW(A, 12, 1360,  0, 1, 0) \
	ROW(A, 13, 1300,  0, 1, 0) \
	ROW(A, 14, 1220,  0, 1, 0) \
	ROW(A, 31, 8960, NO, 1, 0) \
	ROW(A, 26, 1460, NO, 1, 0) \
	ROW(A, 27, 1440, NO, 1, 0) \
	ROW(A, 58, 1400, NO, 1, 0) \
	ROW(A, 28, 1360, NO, 1, 0) \
	ROW(A, 29, 1300, NO, 1, 0) \
	ROW(A, 30, 1220, NO, 1, 0) \
	ROW(A, 63, 1440,  7, 0, 0) \
	ROW(A, 40, 1300,  5, 0, 0) \
	ROW(A, 39, 1440,  0, 0, 0) \
	ROW(A, 36, 8960, NO, 0, 0) \
	ROW(A, 56, 1460, NO, 0, 0) \
	ROW(A, 32, 1440, NO, 0, 0) \
	ROW(A, 57, 1400, NO, 0, 0) \
	ROW(A, 33, 1360, NO, 0, 0) \
	ROW(A, 34, 1300, NO, 0, 0) \
	ROW(A, 35, 1220, NO, 0, 0) \
	ROW(A, 37, 1024, NO, 0, 0) \
	ROW(A, 38,  536, NO, 0, 0)

/* Place of each row in that order: bit number in the masks below. */
#define PLACE(A, row, mss, ws, sack, ecn)	PLACE_##row,
enum { ROWS(PLACE, 0) };

#define CLASS_VALUE(mss)	mss,
const u16 cb_mss_classes[32] = { MSS_CLASSES(CLASS_VALUE) };

#define ROW_OFFER(A, row, m, ws, s, e) \
	[row] = { .mss = m, .wscale = (ws) == NO ? 0 : (ws), \
		  .has_wscale = (ws) != NO, .sack = s, .ecn = e },
const struct cb_offer cb_rows[CB_ROWS_SINGLE] = { ROWS(ROW_OFFER, 0) };

#define ROW_NUMBER(A, row, mss, ws, sack, ecn)	row,
static const u8 row_at[CB_ROWS_SINGLE] = { ROWS(ROW_NUMBER, 0) };

/* Sets of rows, a bit per place, built by the compiler. */
#define IF(cond, row)	| ((cond) ? BIT_ULL(PLACE_##row) : 0)
#define MSS_UP_TO(max, row, mss, ws, sack, ecn)	IF((mss) <= (max), row)
#define WS_UP_TO(max, row, mss, ws, sack, ecn)	IF((ws) <= (max), row)
#define NO_SACK(A, row, mss, ws, sack, ecn)	IF(!(sack), row)
#define NO_ECN(A, row, mss, ws, sack, ecn)	IF(!(ecn), row)
#define BELOW(max, row, mss, ws, sack, ecn)	IF((row) < (max), row)

#define ROWS_OF_MSS(mss)	(0 ROWS(MSS_UP_TO, mss)),
static const u64 rows_of_class[32] = { MSS_CLASSES(ROWS_OF_MSS) };

#define ROWS_OF_WS(ws)		(0 ROWS(WS_UP_TO, ws))
static const u64 rows_of_wscale[16] = {
	ROWS_OF_WS(0), ROWS_OF_WS(1), ROWS_OF_WS(2), ROWS_OF_WS(3),
	ROWS_OF_WS(4), ROWS_OF_WS(5), ROWS_OF_WS(6), ROWS_OF_WS(7),
	ROWS_OF_WS(8), ROWS_OF_WS(9), ROWS_OF_WS(10), ROWS_OF_WS(11),
	ROWS_OF_WS(12), ROWS_OF_WS(13), ROWS_OF_WS(14), ROWS_OF_WS(NO),
};

static const u64 rows_without_sack = 0 ROWS(NO_SACK, 0);
static const u64 rows_without_ecn = 0 ROWS(NO_ECN, 0);
static const u64 rows_of_cluster = 0 ROWS(BELOW, CB_ROWS_CLUSTER);

int cb_rows_mss_class(u16 mss)
{
	unsigned int class = 0;
	unsigned int step;

	if (mss < cb_mss_classes[0])
		return -1;
#pragma GCC unroll 5
	for (step = 16; step; step >>= 1)
		class += mss >= cb_mss_classes[class + step] ? step : 0;
	return class;
}

int cb_rows_find(const struct cb_offer *offer, unsigned int class, bool cluster)
{
	u64 rows = rows_of_class[class];

	rows &= rows_of_wscale[offer->has_wscale ? offer->wscale & 15 : 15];
	rows &= offer->sack ? ~0ULL : rows_without_sack;
	rows &= offer->ecn ? ~0ULL : rows_without_ecn;
	rows &= cluster ? rows_of_cluster : ~0ULL;
	return rows ? row_at[__ffs64(rows)] : -1;
}
