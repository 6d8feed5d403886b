// SPDX-License-Identifier: GPL-2.0
/*
 * The TCP options, read once (RFC 9293 3.2, RFC 7323, RFC 2018).
 *
 * Owns no state.  Invariants: nothing outside [p, p + len) is read; every step
 * moves forward by at least one byte, so the loop is bounded by len.  Called
 * by the hooks after the header was parsed, in any context.
 */
#include "segment.h"
#include "bytes.h"

enum opt_kind {
	OPT_EOL = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_PERM = 4,
	OPT_TS = 8,
	OPT_MD5 = 19,		/* RFC 2385 */
	OPT_AO = 29,		/* RFC 5925 */
	OPT_MPTCP = 30,		/* RFC 8684 */
	OPT_FASTOPEN = 34,	/* RFC 7413 */
};

#define MPTCP_JOIN	1	/* RFC 8684 3.2 */
#define MAX_WSCALE	14	/* RFC 7323 2.3 */
#define TS_ALIGNED	0x0101080aU	/* NOP, NOP, timestamps, 10 */
#define TS_ALIGNED_LEN	12
#define LINUX_SYN_LEN	20
#define LINUX_MSS	0x0204U		/* MSS, 4 */
#define LINUX_SACK_TS	0x0402080aU	/* SACK permitted, 2, timestamps, 10 */
#define LINUX_WSCALE	0x010303U	/* NOP, window scale, 3 */

static void read_timestamps(struct cb_options *opt, const u8 *value)
{
	opt->tsval = cb_get_be32(value);
	opt->tsecr = cb_get_be32(value + 4);
	opt->has |= CB_OPT_TS;
}

static bool length_fits(u8 kind, unsigned int len)
{
	switch (kind) {
	case OPT_MSS:
		return len == 4;
	case OPT_WSCALE:
		return len == 3;
	case OPT_SACK_PERM:
		return len == 2;
	case OPT_TS:
		return len == 10;
	case OPT_MD5:
		return len == 18;
	case OPT_AO:
		return len >= 4;
	case OPT_MPTCP:
		return len >= 3;
	default:
		return true;
	}
}

/* MSS, window scale and SACK permitted mean nothing outside a SYN. */
static void read_syn_option(struct cb_options *opt, const u8 *p)
{
	switch (p[0]) {
	case OPT_MSS:
		opt->mss = cb_get_be16(p + 2);
		opt->has |= CB_OPT_MSS;
		break;
	case OPT_WSCALE:
		opt->wscale = p[2] < MAX_WSCALE ? p[2] : MAX_WSCALE;
		opt->has |= CB_OPT_WSCALE;
		break;
	case OPT_SACK_PERM:
		opt->has |= CB_OPT_SACK;
		break;
	}
}

/* One option, all of it readable. false: malformed or repeated. */
static bool read_option(struct cb_options *opt, const u8 *p, bool syn)
{
	if (!length_fits(p[0], p[1]))
		return false;
	switch (p[0]) {
	case OPT_TS:
		if (opt->has & CB_OPT_TS)
			return false;
		read_timestamps(opt, p + 2);
		break;
	case OPT_MD5:
	case OPT_AO:
		opt->has |= CB_OPT_AUTH;
		break;
	case OPT_MPTCP:
		opt->has |= CB_OPT_MPTCP;
		if (p[2] >> 4 == MPTCP_JOIN)
			opt->has |= CB_OPT_JOIN;
		break;
	case OPT_FASTOPEN:
		opt->has |= CB_OPT_FASTOPEN;
		break;
	default:
		if (syn)
			read_syn_option(opt, p);
	}
	return true;
}

/* The SYN of Linux and Android, word by word: MSS, SACK permitted, timestamps, NOP,
 * window scale.
 */
static bool read_linux_syn(struct cb_options *opt, const u8 *p)
{
	u32 mss = cb_get_be32(p), wscale = cb_get_be32(p + 16);

	if (mss >> 16 != LINUX_MSS || cb_get_be32(p + 4) != LINUX_SACK_TS ||
	    wscale >> 8 != LINUX_WSCALE)
		return false;
	opt->mss = mss;
	opt->tsval = cb_get_be32(p + 8);
	opt->tsecr = cb_get_be32(p + 12);
	opt->wscale = (u8)wscale < MAX_WSCALE ? (u8)wscale : MAX_WSCALE;
	opt->has = CB_OPT_MSS | CB_OPT_SACK | CB_OPT_TS | CB_OPT_WSCALE;
	return true;
}

enum cb_reason cb_options_parse(struct cb_options *opt, const u8 *p,
				unsigned int len, bool syn)
{
	const u8 *end = p + len;

	if (syn && len == LINUX_SYN_LEN && read_linux_syn(opt, p))
		return CB_R_NONE;
	memset(opt, 0, sizeof(*opt));
	if (len == TS_ALIGNED_LEN && cb_get_be32(p) == TS_ALIGNED) {
		read_timestamps(opt, p + 4);
		return CB_R_NONE;
	}
	while (p < end && *p != OPT_EOL) {
		if (*p == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return CB_R_BAD_OPTIONS;
		if (!read_option(opt, p, syn))
			return CB_R_BAD_OPTIONS;
		p += p[1];
	}
	return CB_R_NONE;
}
