// SPDX-License-Identifier: GPL-2.0
/*
 * Mode local: the listener is on this host.
 *
 * Owns no state.  Invariant: a socket is made at LOCAL_IN only, after everything
 * that can refuse was asked.  All in softirq, under rcu_read_lock().
 */
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>
#include <net/tcp.h>
#include "accept.h"
#include "demux.h"

/* What the stack would do at this moment differs from a cookie's? */
bool cb_local_serves(const struct sock *listener)
{
	return !sk_is_mptcp(listener) || cb_accept_mptcp();
}

static struct cb_decision drop(enum cb_reason reason)
{
	return (struct cb_decision){ .action = CB_DROP, .reason = reason };
}

static bool known(struct cb_ctx *ctx)
{
	return ctx->skb->sk || cb_demux_established(ctx);
}

/* At PRE_ROUTING an ACK that opens goes on, untouched and uncounted. */
static struct cb_decision opened(struct cb_ctx *ctx)
{
	return (struct cb_decision){ .action = CB_PASS, .reason = CB_R_NONE };
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

static struct cb_decision deliver(struct cb_ctx *ctx)
{
	enum cb_reason reason = cb_parse_checksum(ctx);
	struct sock *listener;

	if (reason != CB_R_NONE)
		return drop(reason);
	listener = cb_demux_listener(ctx);
	if (!listener)
		return (struct cb_decision){ .action = CB_PASS, .reason = CB_R_NO_LISTENER };
	if (!cb_local_serves(listener))
		return (struct cb_decision){ .action = CB_PASS,
					     .reason = CB_R_LISTENER_UNSUPPORTED };
	if (sk_acceptq_is_full(listener))
		return drop(CB_R_QUEUE_FULL);
	if (deferred(ctx, listener))
		return drop(CB_R_DEFERRED);
	reason = cb_local_accept(ctx, listener);
	/* Another CPU made the child: the segment is one of its first flight. */
	if (reason == CB_R_RACE_LOST && cb_demux_established(ctx))
		reason = CB_R_NONE;
	if (reason != CB_R_COOKIE_ACCEPTED && reason != CB_R_NONE)
		return drop(reason);
	return (struct cb_decision){ .action = CB_PASS, .reason = reason };
}

const struct cb_mode_ops cb_mode_local = {
	.name = "local",
	.sealed_by = cb_offer_sealed_by,
	.delays = delays,
	.offer = cb_offer_local,
	.known = known,
	.opened = opened,
	.deliver = deliver,
};
