// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes through a gateway that are half-open, counted for engagement `auto` (calm.h).
 *
 * Owns the sketches of anchors.  Invariants: a sketch is whole when it is seen, and goes with its
 * anchor, a grace period after the last table that had it; no segment is changed, dropped
 * or delayed here, and only segments of calm times are counted: when engaged, a server
 * is told of no handshake that is not complete.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <net/net_namespace.h>
#include "calm.h"
#include "mode.h"
#include "profiles.h"
#include "sketch.h"
#include "splice.h"
#include "table.h"
#include "uapi/linux/cookiebox.h"

static struct cb_sketch *sketch_of(const struct cb_anchor *anchor)
{
	return smp_load_acquire(&anchor->engage.sketch);	/* pairs with begin() */
}

/* With other settings auto is refused.  What is observed is counted as in calm. */
static bool wants_count(const struct cb_service *svc)
{
	const struct cb_service_spec *s = &svc->spec;

	if (s->mode != COOKIEBOX_MODE_SPLICE)
		return false;
	if (s->engage == COOKIEBOX_ENGAGE_AUTO)
		return true;
	return s->engage == COOKIEBOX_ENGAGE_OBSERVE && cb_service_by_address(s) &&
	       cb_service_lets_pass(s);
}

static int begin(const struct cb_net *cbn, struct cb_anchor *anchor)
{
	struct cb_sketch *s = kvzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	siphash_key_t key;

	if (!s)
		return -ENOMEM;
	get_random_bytes(&key, sizeof(key));
	cb_sketch_init(s, &key,
		       cb_pressure_life_ms(READ_ONCE(cbn->net->ipv4.sysctl_tcp_synack_retries)));
	memzero_explicit(&key, sizeof(key));
	smp_store_release(&anchor->engage.sketch, s);		/* it is whole when it is seen */
	return 0;
}

/**
 * cb_calm_prepare() - a table is about to be in force
 * @cbn:	namespace, cb_net->lock held
 * @t:		the table
 *
 * How long servers remember a handshake is taken to be what this host's own
 * tcp_synack_retries say at the time.
 * Context: process.  Return: 0 or -ENOMEM; what was made by then stays with its anchors.
 */
int cb_calm_prepare(const struct cb_net *cbn, const struct cb_table *t)
{
	u32 i;

	lockdep_assert_held(&cbn->lock);
	for (i = 0; i < t->n; i++) {
		const struct cb_service *svc = t->all[i];

		if (wants_count(svc) && !sketch_of(svc->anchor) && begin(cbn, svc->anchor))
			return -ENOMEM;
	}
	return 0;
}

size_t cb_calm_bytes(const struct cb_anchor *anchor)
{
	return sketch_of(anchor) ? sizeof(struct cb_sketch) : 0;
}

void cb_calm_free(struct cb_anchor *anchor)
{
	kvfree(anchor->engage.sketch);
}

/* There is one while the settings are in force that want it. */
static struct cb_sketch *counting(const struct cb_service *svc)
{
	return wants_count(svc) ? sketch_of(svc->anchor) : NULL;
}

/* A rule, or a mark, may have chosen another service than that of the address, by which the answer
 * will be known.
 */
static bool has_answers(const struct cb_ctx *ctx)
{
	return cb_service_match(ctx->cbn, 0, &ctx->seg.tuple) == ctx->svc;
}

/* Nobody is there to remember it. */
static bool is_dead(const struct cb_ctx *ctx, u64 now_ms)
{
	struct cb_profile profile;

	return cb_profiles_look(ctx->cbn->profiles, &ctx->seg.tuple, now_ms, &profile) ==
	       CB_PROFILE_DEAD;
}

/**
 * cb_calm_load() - how many handshakes have the servers of a service begun?
 * @ctx:	a SYN that passes, if it does not engage
 * @load:	filled in
 *
 * Return: false if nobody counts, or its answer would not be told apart.
 */
bool cb_calm_load(struct cb_ctx *ctx, struct cb_load *load)
{
	struct cb_sketch *s = counting(ctx->svc);
	u64 now_ms = cb_now_ms();

	if (!s || !has_answers(ctx) || is_dead(ctx, now_ms))
		return false;
	cb_splice_listen(ctx->cbn->splicing, ctx->seg.tuple.dport);
	cb_sketch_begun(s, &ctx->seg.tuple, now_ms);
	load->queue = cb_sketch_estimate(s, now_ms);
	load->backlog = READ_ONCE(ctx->cbn->sysctl.splice_backlog);
	load->members = 1;
	load->retries = 0;
	return true;
}

void cb_calm_acked(struct cb_ctx *ctx)
{
	struct cb_sketch *s = counting(ctx->svc);
	const struct cb_segment *seg = &ctx->seg;
	u64 now_ms;

	if (!s || cb_sketch_is_empty(s) || !cb_is_bare_ack(seg->flags) ||
	    ctx->header != CB_R_NONE)
		return;
	now_ms = cb_now_ms();
	if (unlikely(cb_sketch_completes(s, &seg->tuple, seg->seq, seg->ack, now_ms)) &&
	    cb_parse_checksum(ctx) == CB_R_NONE)
		cb_sketch_acked(s, &seg->tuple, seg->seq, seg->ack, now_ms);
}

/* A RST of what a server has never answered has an ACK (RFC 9293 3.10.7.1). */
void cb_calm_answered(struct cb_ctx *ctx)
{
	u8 kind = ctx->seg.flags & (CB_TCP_SYN | CB_TCP_ACK | CB_TCP_RST);
	const struct cb_service *svc;
	struct cb_sketch *s;

	if (!(kind & (CB_TCP_SYN | CB_TCP_RST)) || ctx->header != CB_R_NONE)
		return;
	svc = cb_service_match(ctx->cbn, 0, &ctx->seg.tuple);
	s = svc ? counting(svc) : NULL;
	if (!s)
		return;
	if (kind == (CB_TCP_RST | CB_TCP_ACK))
		cb_sketch_refused(s, &ctx->seg.tuple, cb_now_ms());
	else if (kind == (CB_TCP_SYN | CB_TCP_ACK))
		cb_sketch_answered(s, &ctx->seg.tuple, ctx->seg.seq, ctx->seg.ack, cb_now_ms());
}

bool cb_calm_counts(const struct cb_service *svc)
{
	return counting(svc);
}

bool cb_calm_half_open(const struct cb_service *svc, u32 *n)
{
	struct cb_sketch *s = counting(svc);

	if (!s)
		return false;
	local_bh_disable();		/* segments wait for nobody who sums up */
	*n = cb_sketch_estimate(s, cb_now_ms());
	local_bh_enable();
	return true;
}
