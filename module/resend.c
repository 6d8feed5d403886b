// SPDX-License-Identifier: GPL-2.0
/*
 * A SYN-ACK of the embryonic cache, sent again.
 *
 * Owns no state.  Invariant: it is sent only if the ACK that it asks for would make a
 * connection at this moment: the service is still there and always answers, the cookie
 * still opens under the keys and sysctls of now and was not used, nobody has the tuple,
 * somebody listens and has room.  The socket, rules and routes of then are not
 * remembered; all is asked again.  Called by the timer of embryonic.c, softirq,
 * rcu_read_lock().
 */
#include <linux/netdevice.h>
#include "embryonic.h"
#include "lane.h"
#include "trace.h"
#include "uapi/linux/cookiebox.h"

static void fill_synack(struct cb_synack *sa, const struct cb_embryo *e, u32 tsval)
{
	*sa = (struct cb_synack){
		.isn = e->isn,
		.ack = e->cisn + 1,
		.tsval = tsval,
		.tsecr = e->tsval,
		.mss = e->mss,
		.window = e->window,
		.wscale = e->wscale,
		.has = e->has,
		.ece = e->ece,
	};
}

static void fill_dress(struct cb_dress *dress, const struct cb_embryo *e)
{
	*dress = (struct cb_dress){
		.mark = e->mark,
		.priority = e->priority,
		.oif = e->oif,
		.sdif = e->sdif,
		.ttl = e->ttl,
		.tos = e->tos,
	};
}

/* The bare ACK that an honest client would answer with. */
static void fill_ack(struct cb_segment *seg, const struct cb_embryo *e, u32 tsval)
{
	*seg = (struct cb_segment){
		.tuple = e->tuple,
		.seq = e->cisn + 1,
		.ack = e->isn + 1,
		.flags = CB_TCP_ACK,
		.opt = { .tsecr = tsval, .has = e->has & CB_OPT_TS },
	};
}

static bool would_open(struct cb_ctx *ctx)
{
	if (ctx->svc->ops->sealed_by(ctx).action != CB_ANSWER)
		return false;
	if (cb_handshake_ack(&ctx->seg, &ctx->policy, ctx->ring, ctx->now_ms,
			     &ctx->opened).action != CB_REDEEM)
		return false;
	return !cb_redeem_replays(ctx);
}

/* The service that sent it; NULL: deleted, or no longer one that always answers. */
static const struct cb_service *service_of(const struct cb_net *cbn, u32 id)
{
	const struct cb_service *svc = cb_service_from_id(cbn, id);

	if (!svc || svc->anchor->id != id || svc->spec.engage != COOKIEBOX_ENGAGE_ALWAYS)
		return NULL;
	return svc->ops->awaits ? svc : NULL;
}

static bool prepare(struct cb_ctx *ctx, const struct cb_embryo *e)
{
	u32 tsval;

	ctx->svc = service_of(ctx->cbn, e->service);
	ctx->ring = rcu_dereference(ctx->cbn->ring);
	if (!ctx->svc || !ctx->ring || !ctx->state->in)
		return false;
	tsval = (u32)ctx->now_ms + cb_flow_offset(&ctx->ring->pair[0], &e->tuple);
	fill_ack(&ctx->seg, e, tsval);
	fill_synack(&ctx->synack, e, tsval);
	fill_dress(&ctx->dress, e);
	return would_open(ctx);
}

static void send(struct cb_ctx *ctx, struct cb_gate *gate)
{
	unsigned int rate = READ_ONCE(ctx->cbn->sysctl.synack_retransmit_rate);

	if (!cb_gate_pass(gate, &ctx->seg.tuple, ctx->now_ms, rate) ||
	    cb_reply_again(ctx) != CB_R_SYN_ANSWERED)
		return;
	cb_count(ctx->svc, CB_R_SYNACK_RETRANSMITTED, false);
	trace_cb_syn(&ctx->seg, ctx->svc->anchor->id, CB_R_SYNACK_RETRANSMITTED, false,
		     ctx->synack.isn);
}

bool cb_resend(struct cb_net *cbn, struct cb_gate *gate, const struct cb_embryo *e, u64 now_ms)
{
	struct nf_hook_state state = {
		.hook = NF_INET_PRE_ROUTING,
		.pf = e->tuple.family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.in = dev_get_by_index_rcu(cbn->net, e->ifindex),
		.net = cbn->net,
	};
	struct cb_ctx ctx = { .state = &state, .cbn = cbn, .now_ms = now_ms };
	struct cb_decision d;

	if (!prepare(&ctx, e))
		return false;
	d = ctx.svc->ops->awaits(&ctx);
	if (d.action == CB_ANSWER)
		send(&ctx, gate);
	return d.action != CB_PASS;
}
