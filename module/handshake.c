// SPDX-License-Identifier: GPL-2.0
/*
 * Segment + state -> decision.
 *
 * Owns no state.  Invariants: a SYN-ACK offers what the SYN offered and the
 * policy allows, and nothing the cookie will not give back; an ACK opens under
 * at most two keys of its form (three in a cluster, over fewer rows).  Called
 * by the hooks and modes in softirq, under rcu_read_lock().
 */
#include <linux/minmax.h>
#include <linux/socket.h>
#include <asm/byteorder.h>
#include "handshake.h"

#define DEFAULT_MSS_IPV4	536	/* RFC 9293 3.7.1 */
#define DEFAULT_MSS_IPV6	1220
#define ECN_SETUP		(CB_TCP_ECE | CB_TCP_CWR)	/* RFC 3168 6.1.1 */
#define PARAMS_NO_WSCALE	15

/* Segments of an initial window (RFC 6928 2). */
#define FIRST_FLIGHT		10

/* How long after its SYN-ACK one may be on its way, with what is sent again.  The shorter,
 * the fewer other connections look like it: one in 70,000, for each pair of the ring.
 */
#define FIRST_FLIGHT_MS		60000u

/* Boxes of a cluster share a clock only as well as their time service does. */
#define CLUSTER_SKEW_MS		1000

static bool bad_source4(__be32 addr)
{
	u32 a = be32_to_cpu(addr);

	return !(a >> 24) || a >> 28 == 0xe || a == 0xffffffff;
}

/* A listener of both families would take an IPv4-mapped source for another
 * client's (tcp_v6_conn_request() drops it, too).
 */
static bool bad_source6(const struct cb_addr *addr)
{
	bool mapped = !addr->q[0] && addr->a[2] == cpu_to_be32(0xffff);

	return mapped || addr->in6.s6_addr[0] == 0xff || !(addr->q[0] | addr->q[1]);
}

struct cb_decision cb_handshake_screen(const struct cb_segment *seg)
{
	bool bad;

	if (seg->flags & (CB_TCP_FIN | CB_TCP_RST))
		return cb_decide(CB_DROP, CB_R_BAD_FLAGS);
	if (seg->tuple.family == AF_INET6)
		bad = bad_source6(&seg->tuple.saddr);
	else
		bad = bad_source4(seg->tuple.saddr.a[0]);
	return bad ? cb_decide(CB_DROP, CB_R_BAD_SOURCE) : cb_decide(CB_ANSWER, CB_R_NONE);
}

struct cb_offer cb_handshake_offer(const struct cb_segment *seg, const struct cb_policy *pol)
{
	const struct cb_options *opt = &seg->opt;
	struct cb_offer offer = {
		.mss = opt->mss,
		.has_wscale = pol->wscale && (opt->has & CB_OPT_WSCALE),
		.sack = pol->sack && (opt->has & CB_OPT_SACK),
		.ecn = pol->ecn && (seg->flags & ECN_SETUP) == ECN_SETUP,
	};

	if (!(opt->has & CB_OPT_MSS))
		offer.mss = seg->tuple.family == AF_INET6 ? DEFAULT_MSS_IPV6 : DEFAULT_MSS_IPV4;
	if (offer.has_wscale)
		offer.wscale = opt->wscale;
	return offer;
}

static u16 params_of(const struct cb_policy *pol)
{
	return pol->wscale ? pol->rcv_wscale : PARAMS_NO_WSCALE;
}

static enum cb_form rows_form(const struct cb_ring *ring)
{
	return ring->cluster ? CB_FORM_ROWS_CLUSTER : CB_FORM_ROWS;
}

static void fill_synack(struct cb_synack *out, const struct cb_segment *seg,
			const struct cb_policy *pol, const struct cb_offer *offer)
{
	out->ack = seg->seq + 1;
	out->mss = pol->mss;
	out->window = pol->window;
	out->kept_mss = offer->mss;
	out->has = CB_OPT_MSS;
	out->ece = offer->ecn;
	out->wscale = 0;
	out->tsval = 0;
	out->tsecr = 0;
	if (offer->has_wscale) {
		out->has |= CB_OPT_WSCALE;
		out->wscale = pol->rcv_wscale;
	}
	if (offer->sack)
		out->has |= CB_OPT_SACK;
}

static bool same_options(const struct cb_offer *a, const struct cb_offer *b)
{
	return a->has_wscale == b->has_wscale && a->wscale == b->wscale && a->sack == b->sack &&
	       a->ecn == b->ecn;
}

/* Without timestamps.  Out of line, as few clients come here and all else is exact. */
static noinline u16 kept_mss_of_row(const struct cb_segment *seg, const struct cb_policy *pol,
				    const struct cb_offer *kept)
{
	struct cb_offer asked = cb_handshake_offer(seg, pol);

	return same_options(kept, &asked) ? kept->mss : 0;
}

/* What a cookie holds does not depend on its key. */
static struct cb_offer kept_of(const struct cb_segment *seg, const struct cb_policy *pol,
			       const struct cb_ring *ring)
{
	bool timestamps = pol->timestamps && (seg->opt.has & CB_OPT_TS);
	struct cb_offer kept = cb_handshake_offer(seg, pol);
	static const siphash_key_t none;
	u32 unused;

	cb_cookie_seal(&none, &seg->tuple, seg->seq, 0, timestamps ? CB_FORM_TS : rows_form(ring),
		       params_of(pol), &kept, &unused);
	return kept;
}

unsigned int cb_handshake_less(const struct cb_segment *seg, const struct cb_policy *pol,
			       const struct cb_ring *ring)
{
	struct cb_offer asked = cb_handshake_offer(seg, pol);
	struct cb_offer kept = kept_of(seg, pol, ring);
	unsigned int less = 0;

	if (kept.mss < asked.mss)
		less |= BIT(CB_LESS_MSS);
	if (kept.has_wscale != asked.has_wscale || kept.wscale < asked.wscale)
		less |= BIT(CB_LESS_WSCALE);
	if (kept.sack != asked.sack)
		less |= BIT(CB_LESS_SACK);
	if (kept.ecn != asked.ecn)
		less |= BIT(CB_LESS_ECN);
	if (seg->opt.has & pol->extras & CB_OPT_MPTCP)
		less |= BIT(CB_LESS_MPTCP);
	if (seg->opt.has & pol->extras & CB_OPT_FASTOPEN)
		less |= BIT(CB_LESS_FASTOPEN);
	return less;
}

struct cb_decision cb_handshake_syn(const struct cb_segment *seg,
				    const struct cb_policy *pol,
				    const struct cb_ring *ring, u64 now_ms,
				    struct cb_synack *out)
{
	bool timestamps = pol->timestamps && (seg->opt.has & CB_OPT_TS);
	enum cb_form form = timestamps ? CB_FORM_TS : rows_form(ring);
	struct cb_offer offer = cb_handshake_offer(seg, pol);
	const struct cb_slot *slot;

	if (seg->opt.has & CB_OPT_AUTH)
		return pol->auth_drop ? cb_decide(CB_DROP, CB_R_AUTH_DROPPED) :
					cb_decide(CB_PASS, CB_R_AUTH_PASSED);
	if (!timestamps && pol->drop_no_timestamps)
		return cb_decide(CB_DROP, CB_R_NO_TIMESTAMPS);
	slot = cb_ring_sealing(ring, now_ms);
	if (!slot)
		return cb_decide(CB_DROP, CB_R_COOKIE_EXPIRED);
	if (!cb_cookie_seal(timestamps ? &slot->ts_key : &slot->rows_key, &seg->tuple,
			    seg->seq, slot->epoch, form, params_of(pol), &offer, &out->isn))
		return cb_decide(CB_PASS, CB_R_MSS_TOO_LOW);

	fill_synack(out, seg, pol, &offer);
	if (timestamps) {
		out->has |= CB_OPT_TS;
		out->tsval = (u32)now_ms + cb_flow_offset(&ring->pair[0], &seg->tuple);
		out->tsecr = seg->opt.tsval;
	} else {
		out->kept_mss = kept_mss_of_row(seg, pol, &offer);
	}
	return cb_decide(CB_ANSWER, CB_R_SYN_ANSWERED);
}

static u32 skew_ms_of(const struct cb_ring *ring)
{
	return ring->cluster ? CLUSTER_SKEW_MS : 0;
}

/* Does the ACK open under this slot's key of @form? A NULL slot opens nothing. */
static bool opens(const struct cb_segment *seg, const struct cb_policy *pol,
		  const struct cb_slot *slot, enum cb_form form, struct cb_opened *out)
{
	u32 cisn = seg->seq - 1, isn = seg->ack - 1;
	const siphash_key_t *key;

	if (!slot)
		return false;
	key = form == CB_FORM_TS ? &slot->ts_key : &slot->rows_key;
	if (!cb_cookie_open(key, &seg->tuple, cisn, slot->epoch, form, params_of(pol),
			    isn, &out->offer, &out->print))
		return false;
	out->print += !out->print;
	out->serial = slot->serial;
	out->cisn = cisn;
	out->isn = isn;
	out->epoch = slot->epoch;
	out->rcv_wscale = out->offer.has_wscale ? pol->rcv_wscale : 0;
	out->timestamps = form == CB_FORM_TS;
	out->exact = false;
	return true;
}

/* With timestamps: under the key that sealed when the echoed TSval was sent,
 * or the one before it (a SYN-ACK sent again keeps its ISN, with a fresh TSval).
 */
static bool opens_at(const struct cb_segment *seg, const struct cb_policy *pol,
		     const struct cb_ring *ring, u64 then_ms, struct cb_opened *out)
{
	const struct cb_slot *slot = cb_ring_at(ring, then_ms);

	if (!slot)
		return false;
	return opens(seg, pol, slot, CB_FORM_TS, out) ||
	       opens(seg, pol, cb_ring_before(ring, slot), CB_FORM_TS, out);
}

static struct cb_decision ack_timestamps(const struct cb_segment *seg,
					 const struct cb_policy *pol,
					 const struct cb_ring *ring, u64 now_ms,
					 struct cb_opened *out)
{
	enum cb_reason reason = CB_R_COOKIE_EXPIRED;
	unsigned int i;

	for (i = 0; i < ring->n_pairs && i < CB_FLOW_PAIRS; i++) {
		u32 offset = cb_flow_offset(&ring->pair[i], &seg->tuple);
		s32 since = (u32)now_ms - (seg->opt.tsecr - offset);

		if (!cb_flow_age(offset, now_ms, seg->opt.tsecr, ring->ts_life_ms,
				 skew_ms_of(ring), &out->age_ms))
			continue;
		if (since > 0 && (u64)since > now_ms)	/* before this host came up */
			continue;
		reason = CB_R_BAD_COOKIE;
		if (!opens_at(seg, pol, ring, now_ms - since, out))
			continue;
		out->ts_off = offset;
		out->tsval = seg->opt.tsval;
		return cb_decide(CB_REDEEM, CB_R_COOKIE_ACCEPTED);
	}
	return cb_decide(CB_DROP, reason);
}

static struct cb_decision ack_rows(const struct cb_segment *seg,
				   const struct cb_policy *pol,
				   const struct cb_ring *ring, u64 now_ms,
				   struct cb_opened *out)
{
	const struct cb_slot *slot = cb_ring_sealing(ring, now_ms);
	enum cb_form form = rows_form(ring);

	if (pol->drop_no_timestamps)
		return cb_decide(CB_DROP, CB_R_NO_TIMESTAMPS);
	if (!slot)
		return cb_decide(CB_DROP, CB_R_COOKIE_EXPIRED);
	out->age_ms = 0;
	out->ts_off = 0;
	out->tsval = 0;
	if (opens(seg, pol, slot, form, out) ||
	    opens(seg, pol, cb_ring_before(ring, slot), form, out) ||
	    (ring->cluster && opens(seg, pol, cb_ring_after(ring, slot), form, out)))
		return cb_decide(CB_REDEEM, CB_R_COOKIE_ACCEPTED);
	return cb_decide(CB_DROP, CB_R_BAD_COOKIE);
}

struct cb_decision cb_handshake_ack(const struct cb_segment *seg,
				    const struct cb_policy *pol,
				    const struct cb_ring *ring, u64 now_ms,
				    struct cb_opened *out)
{
	if (seg->opt.has & CB_OPT_TS)
		return ack_timestamps(seg, pol, ring, now_ms, out);
	return ack_rows(seg, pol, ring, now_ms, out);
}

/* Would one of the segments that came before, each of @step bytes, have opened? */
static bool flight_opens(const struct cb_segment *seg, const struct cb_policy *pol,
			 const struct cb_ring *ring, u64 now_ms, u32 step)
{
	struct cb_segment first = *seg;
	struct cb_opened unused;
	unsigned int i;

	for (i = 1; i < FIRST_FLIGHT; i++) {
		first.seq -= step;
		if (ack_rows(&first, pol, ring, now_ms, &unused).action == CB_REDEEM)
			return true;
	}
	return false;
}

static bool echoes_of_late(const struct cb_segment *seg, const struct cb_ring *ring, u64 now_ms)
{
	u32 life_ms = min(ring->ts_life_ms, FIRST_FLIGHT_MS), skew_ms = skew_ms_of(ring);
	unsigned int i;
	u32 age_ms;

	for (i = 0; i < ring->n_pairs && i < CB_FLOW_PAIRS; i++) {
		u32 offset = cb_flow_offset(&ring->pair[i], &seg->tuple);

		if (cb_flow_age(offset, now_ms, seg->opt.tsecr, life_ms, skew_ms, &age_ms) &&
		    age_ms <= now_ms)		/* not before this host came up */
			return true;
	}
	return false;
}

bool cb_handshake_follows(const struct cb_segment *seg, const struct cb_policy *pol,
			  const struct cb_ring *ring, u64 now_ms)
{
	u32 len = seg->payload_len;

	if (seg->opt.has & CB_OPT_TS)
		return echoes_of_late(seg, ring, now_ms);
	if (!len && !(seg->flags & CB_TCP_FIN))
		return false;
	if (flight_opens(seg, pol, ring, now_ms, pol->mss))
		return true;
	return len && len != pol->mss && flight_opens(seg, pol, ring, now_ms, len);
}
