// SPDX-License-Identifier: GPL-2.0
/*
 * Mode local: the listener is on this host.
 *
 * Owns no state.  Invariant: a socket is made at LOCAL_IN only, after everything
 * that can refuse was asked.  All in softirq, under rcu_read_lock().
 */
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>
#include <net/sock_reuseport.h>
#include <net/tcp.h>
#include "accept.h"
#include "conntrack.h"
#include "demux.h"
#include "elsewhere.h"
#include "embryonic.h"
#include "flow-local.h"
#include "redeem.h"

/* What the stack would do at this moment differs from a cookie's? */
bool cb_local_serves(const struct sock *listener)
{
	return !sk_is_mptcp(listener) || cb_accept_mptcp();
}

static bool known(struct cb_ctx *ctx)
{
	return ctx->skb->sk || cb_demux_established(ctx);
}

/* TCP_DEFER_ACCEPT: the application is not to see a client that sent nothing. */
static bool deferred(const struct cb_ctx *ctx, const struct sock *listener)
{
	if (!READ_ONCE(inet_csk(listener)->icsk_accept_queue.rskq_defer_accept))
		return false;
	return !ctx->seg.payload_len && !(ctx->seg.flags & CB_TCP_FIN);
}

/* A full accept queue or a deferred accept: the stack would not reset either. */
static bool delays(struct cb_ctx *ctx)
{
	const struct sock *listener = cb_demux_listener(ctx);

	return listener && (sk_acceptq_is_full(listener) ||
	       READ_ONCE(inet_csk(listener)->icsk_accept_queue.rskq_defer_accept));
}

/* Would the listener take the connection now? CB_ANSWER if so. */
static struct cb_decision ask_listener(const struct cb_ctx *ctx, const struct sock *listener)
{
	if (!listener)
		return cb_decide(CB_PASS, CB_R_NO_LISTENER);
	if (!cb_local_serves(listener))
		return cb_decide(CB_PASS, CB_R_LISTENER_UNSUPPORTED);
	if (sk_acceptq_is_full(listener))
		return cb_decide(CB_DROP, CB_R_QUEUE_FULL);
	if (deferred(ctx, listener))
		return cb_decide(CB_DROP, CB_R_DEFERRED);
	return cb_decide(CB_ANSWER, CB_R_NONE);
}

/* Its connection may have been made since the segment was looked for (deliver()). */
static struct cb_decision replayed(struct cb_ctx *ctx)
{
	if (cb_demux_established(ctx))
		return cb_decide(CB_PASS, CB_R_NONE);
	return cb_decide(CB_DROP, CB_R_REPLAYED);
}

/* At PRE_ROUTING an ACK that opens goes on, untouched and uncounted.  If connection
 * tracking is there, it is shown the handshake first.
 */
static struct cb_decision opened(struct cb_ctx *ctx)
{
	struct cb_decision d;

	if (unlikely(ctx->requested)) {
		if (cb_redeem_replays(ctx))
			return cb_decide(CB_DROP, CB_R_REPLAYED);
		cb_demux_forget_request(ctx);
	}
	if (!cb_conntrack_watches(ctx))
		return cb_decide(CB_PASS, CB_R_NONE);
	if (cb_elsewhere_has(ctx->cbn, &ctx->seg.tuple, ctx->now_ms))
		return cb_conntrack_release(ctx);
	if (cb_redeem_replays(ctx))
		return replayed(ctx);
	d = ask_listener(ctx, cb_demux_listener(ctx));
	if (d.action != CB_ANSWER)
		return d;
	cb_embryonic_exact(ctx);
	return cb_conntrack_show(ctx);
}

/* As a listener's backlog bounds its queue, so does, by its documentation, the sysctl. */
static u32 backlog_of(const struct cb_ctx *ctx, const struct sock *listener)
{
	int most = READ_ONCE(ctx->state->net->ipv4.sysctl_max_syn_backlog);

	return min_t(u32, READ_ONCE(listener->sk_max_ack_backlog), max(most, 0));
}

static u32 members_of(const struct sock *listener)
{
	const struct sock_reuseport *group = rcu_dereference(listener->sk_reuseport_cb);

	return group ? max_t(u32, READ_ONCE(group->num_socks), 1) : 1;
}

static bool load(struct cb_ctx *ctx, struct cb_load *load)
{
	const struct sock *listener = cb_demux_listener(ctx);

	if (!listener)
		return false;
	load->queue = inet_csk_reqsk_queue_len(listener);
	load->backlog = backlog_of(ctx, listener);
	load->members = members_of(listener);
	load->retries = READ_ONCE(inet_csk(listener)->icsk_syn_retries);
	return true;
}

static enum cb_reason accept_once(struct cb_ctx *ctx, struct sock *listener)
{
	enum cb_reason reason = cb_redeem_begin(ctx);

	if (reason != CB_R_NONE)
		return reason;
	cb_embryonic_redeem(ctx);
	reason = cb_local_accept(ctx, listener);
	cb_redeem_end(ctx, reason);
	return reason;
}

/* Another CPU may just have made the child: then this is one of its first flight.  It was
 * not there yet when this segment was first looked for, and may be confirmed by now.
 */
static bool may_follow(enum cb_reason reason)
{
	return reason == CB_R_RACE_LOST || reason == CB_R_REPEATED || reason == CB_R_REPLAYED;
}

static struct cb_decision deliver(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_checksum(ctx);
	struct sock *listener;
	struct cb_decision d;

	if (reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	if (cb_elsewhere_has(ctx->cbn, &ctx->seg.tuple, ctx->now_ms))
		return cb_decide(CB_PASS, CB_R_NONE);
	listener = cb_demux_listener(ctx);
	d = ask_listener(ctx, listener);
	if (d.action != CB_ANSWER)
		return d;
	reason = accept_once(ctx, listener);
	if (may_follow(reason) && cb_demux_established(ctx))
		reason = CB_R_NONE;
	if (reason != CB_R_COOKIE_ACCEPTED && reason != CB_R_NONE)
		return cb_decide(CB_DROP, reason);
	if (unlikely(ctx->svc->spec.flow_cache && reason == CB_R_COOKIE_ACCEPTED))
		cb_flow_local_opened(ctx);
	return cb_decide(CB_PASS, reason);
}

/* A queue that is full, or a deferred accept, may be otherwise by the next time. */
static struct cb_decision awaits(struct cb_ctx *ctx)
{
	if (cb_demux_tuple_known(ctx) ||
	    cb_elsewhere_has(ctx->cbn, &ctx->seg.tuple, ctx->now_ms))
		return cb_decide(CB_PASS, CB_R_NONE);
	return ask_listener(ctx, cb_demux_tuple_listener(ctx));
}

const struct cb_mode_ops cb_mode_local = {
	.name = "local",
	.sealed_by = cb_offer_sealed_by,
	.delays = delays,
	.serves = cb_offer_serves,
	.offer = cb_offer_local,
	.known = known,
	.opened = opened,
	.load = load,
	.deliver = deliver,
	.awaits = awaits,
};
