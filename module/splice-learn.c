// SPDX-License-Identifier: GPL-2.0
/*
 * What mode splice asks and tells the table of servers (profiles.h).
 *
 * Owns no state.  Invariants: nothing is sent to learn: a client's SYN that passes
 * untouched is answered by the server itself, and so is what follows, so none does where
 * the service would not let the ACK of that connection pass; a server is called dead only
 * for what came from its side.  Softirq or BH off, rcu_read_lock().
 */
#include "profiles.h"
#include "splice.h"
#include "uapi/linux/cookiebox.h"

/**
 * cb_splice_ask() - a SYN: what may be announced for its server?
 * @ctx:	options parsed
 * @profile:	filled in
 *
 * Return: CB_ANSWER, or CB_PASS and SERVER_DEAD or SERVER_ASKED.
 */
struct cb_decision cb_splice_ask(struct cb_ctx *ctx, struct cb_profile *profile)
{
	const struct cb_service_spec *spec = &ctx->svc->spec;
	struct cb_profiles *p = ctx->cbn->profiles;
	enum cb_profile_state state;
	enum cb_profile_event event;

	state = cb_profiles_look(p, &ctx->seg.tuple, ctx->now_ms, profile);
	if (state == CB_PROFILE_DEAD)
		return cb_decide(CB_PASS, CB_R_SERVER_DEAD);
	if (state == CB_PROFILE_KNOWN || !cb_service_lets_pass(spec))
		return cb_decide(CB_ANSWER, CB_R_NONE);
	/* The answer would be taken for one of the connection that these ends had before. */
	if (cb_splice_find(ctx->cbn, &ctx->seg.tuple))
		return cb_decide(CB_ANSWER, CB_R_NONE);
	event = cb_profiles_may_ask(p, &ctx->seg, spec->engage == COOKIEBOX_ENGAGE_OBSERVE,
				    ctx->now_ms);
	if (event != CB_PROFILE_ASKED && event != CB_PROFILE_DIED)
		return cb_decide(CB_ANSWER, CB_R_NONE);
	cb_splice_listen(ctx->cbn->splicing, ctx->seg.tuple.dport);
	return cb_decide(CB_PASS, CB_R_SERVER_ASKED);
}

static u8 offered(const struct cb_flow_facts *facts)
{
	return (facts->has & CB_OPT_WSCALE ? CB_PROFILE_WSCALE : 0) |
	       (facts->has & CB_OPT_SACK ? CB_PROFILE_SACK : 0) |
	       (facts->has & CB_OPT_TS ? CB_PROFILE_TS : 0) |
	       (facts->has & CB_FLOW_ECN ? CB_PROFILE_ECN : 0);
}

/* The server of a flow has answered: options of ctx, its SYN-ACK, are parsed. */
void cb_splice_learn(const struct cb_splice *sp, const struct cb_ctx *ctx)
{
	cb_profiles_learn(sp->cbn->profiles, &ctx->seg.tuple, &ctx->seg,
			  offered(&sp->flow.facts), cb_now_ms());
}

/* A SYN-ACK or RST of no flow: the answer, maybe, to a SYN that was let pass. */
void cb_splice_overhear(struct cb_ctx *ctx)
{
	if (!(ctx->seg.flags & (CB_TCP_SYN | CB_TCP_RST)) || ctx->header != CB_R_NONE ||
	    cb_parse_options(ctx) != CB_R_NONE)
		return;
	cb_profiles_overhear(ctx->cbn->profiles, &ctx->seg, cb_now_ms());
}

/* Of a flow whose server refused it. */
void cb_splice_unlearn(const struct cb_splice *sp, unsigned int why)
{
	const struct cb_flow_key *k = &sp->flow.key;
	struct cb_tuple t = {
		.saddr = k->saddr, .daddr = k->daddr,
		.sport = k->sport, .dport = k->dport, .family = k->family,
	};

	cb_profiles_refused(sp->cbn->profiles, &t, why, cb_now_ms());
}
