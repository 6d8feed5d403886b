// SPDX-License-Identifier: GPL-2.0
/*
 * Whole TCP segments as bytes: header, options, then what becomes of them.  What
 * was parsed is what the bytes say; whatever is decided is one of the decisions
 * that handshake.h lists; a SYN-ACK offers what the SYN offered and the policy
 * allows.
 */
#include "fuzz.h"

static u32 number(const u8 *p, unsigned int n)
{
	u32 v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static void parsed_right(const struct cb_segment *seg, const u8 *th, unsigned int len)
{
	MUST(seg->thlen >= 20 && seg->thlen <= 60 && seg->thlen <= len);
	MUST(seg->thlen == (th[12] >> 4) * 4);
	MUST(be16_to_cpu(seg->tuple.sport) == number(th, 2));
	MUST(be16_to_cpu(seg->tuple.dport) == number(th + 2, 2));
	MUST(seg->seq == number(th + 4, 4) && seg->ack == number(th + 8, 4));
	MUST(seg->flags == th[13] && seg->window == number(th + 14, 2));
	MUST(seg->payload_len == (len - seg->thlen > 65535 ? 65535 : len - seg->thlen));
}

static void screen(const struct cb_segment *seg)
{
	struct cb_decision d = cb_handshake_screen(seg);
	u32 a = be32_to_cpu(seg->tuple.saddr.a[0]);
	const u8 *s = seg->tuple.saddr.in6.s6_addr;
	static const u8 none[16], mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool bad;

	if (seg->tuple.family == AF_INET6)
		bad = s[0] == 0xff || !memcmp(s, none, 16) || !memcmp(s, mapped, 12);
	else
		bad = a < 1u << 24 || (a >= 0xe0000000u && a < 0xf0000000u) || a == ~0u;
	if (seg->flags & (CB_TCP_FIN | CB_TCP_RST))
		MUST(d.action == CB_DROP && d.reason == CB_R_BAD_FLAGS);
	else if (bad)
		MUST(d.action == CB_DROP && d.reason == CB_R_BAD_SOURCE);
	else
		MUST(d.action == CB_ANSWER && d.reason == CB_R_NONE);
}

static void answered_right(const struct cb_segment *seg, const struct cb_policy *pol,
			   const struct cb_synack *out)
{
	u8 ecn = seg->flags & (CB_TCP_ECE | CB_TCP_CWR);
	u8 allowed = CB_OPT_MSS | (pol->wscale ? CB_OPT_WSCALE : 0) |
		     (pol->sack ? CB_OPT_SACK : 0) | (pol->timestamps ? CB_OPT_TS : 0);

	MUST(!(seg->opt.has & CB_OPT_AUTH));
	MUST(!(out->has & ~(seg->opt.has | CB_OPT_MSS)) && !(out->has & ~allowed));
	MUST(out->has & CB_OPT_MSS && out->mss == pol->mss && out->window == pol->window);
	MUST(out->ack == seg->seq + 1);
	MUST(out->wscale == (out->has & CB_OPT_WSCALE ? pol->rcv_wscale : 0));
	MUST(!out->ece || (pol->ecn && ecn == (CB_TCP_ECE | CB_TCP_CWR)));
	if (pol->timestamps && (seg->opt.has & CB_OPT_TS))
		MUST(out->has & CB_OPT_TS && out->tsecr == seg->opt.tsval);
	else
		MUST(!pol->drop_no_timestamps);
}

static void answer(const struct cb_segment *seg, const struct cb_policy *pol,
		   const struct cb_ring *ring)
{
	bool timestamps = pol->timestamps && (seg->opt.has & CB_OPT_TS);
	struct cb_synack out;
	struct cb_decision d = cb_handshake_syn(seg, pol, ring, fix_now(), &out);

	if (d.action == CB_ANSWER) {
		MUST(d.reason == CB_R_SYN_ANSWERED);
		answered_right(seg, pol, &out);
	} else if (seg->opt.has & CB_OPT_AUTH) {
		MUST(d.reason == (pol->auth_drop ? CB_R_AUTH_DROPPED : CB_R_AUTH_PASSED));
		MUST(d.action == (pol->auth_drop ? CB_DROP : CB_PASS));
	} else if (!timestamps && pol->drop_no_timestamps) {
		MUST(d.action == CB_DROP && d.reason == CB_R_NO_TIMESTAMPS);
	} else {
		MUST(d.action == CB_PASS && d.reason == CB_R_MSS_TOO_LOW);
		MUST(seg->opt.has & CB_OPT_MSS && seg->opt.mss < (timestamps ? 256 : 536));
	}
}

/* An ACK made of anybody's bytes; one in millions may open. */
static void acknowledge(const struct cb_segment *seg, const struct cb_policy *pol,
			const struct cb_ring *ring)
{
	struct cb_opened out;
	struct cb_decision d = cb_handshake_ack(seg, pol, ring, fix_now(), &out);

	if (d.action == CB_REDEEM) {
		MUST(d.reason == CB_R_COOKIE_ACCEPTED);
		MUST(out.cisn == seg->seq - 1 && out.isn == seg->ack - 1);
		MUST(out.offer.wscale <= 14 && out.rcv_wscale <= 14);
		MUST(out.timestamps == !!(seg->opt.has & CB_OPT_TS));
		return;
	}
	MUST(d.action == CB_DROP);
	if (seg->opt.has & CB_OPT_TS)
		MUST(d.reason == CB_R_BAD_COOKIE || d.reason == CB_R_COOKIE_EXPIRED);
	else
		MUST(d.reason == (pol->drop_no_timestamps ? CB_R_NO_TIMESTAMPS : CB_R_BAD_COOKIE));
}

static void whole(struct cb_segment *seg, const u8 *th, const struct cb_policy *pol, bool cluster)
{
	static struct cb_ring ring[2];
	bool syn = seg->flags & CB_TCP_SYN;

	if (!ring[cluster].n_pairs)
		fix_ring(&ring[cluster], FIX_EPOCH, cluster);
	if (cb_options_parse(&seg->opt, th + 20, seg->thlen - 20, syn) != CB_R_NONE)
		return;
	screen(seg);
	if (syn)
		answer(seg, pol, &ring[cluster]);
	else
		acknowledge(seg, pol, &ring[cluster]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct cb_policy pol = take_policy(&in);
	struct cb_segment seg = { .tuple = take_tuple(&in) };
	u8 how = take8(&in), *buffer, *th;
	unsigned int len = how & 8 ? take16(&in) * 3 : in.left;
	unsigned int avail = in.left < 60 ? in.left : 60;

	th = take_exact(&in, avail, how & 7, &buffer);
	if (cb_segment_parse(&seg, th, avail, len) != CB_R_NONE) {
		MUST(avail < 20 || len < 20 || th[12] >> 4 < 5 || (th[12] >> 4) * 4u > len);
	} else {
		parsed_right(&seg, th, len);
		if (seg.thlen <= avail)
			whole(&seg, th, &pol, how & 16);
	}
	free(buffer);
	return 0;
}
