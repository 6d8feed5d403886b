// SPDX-License-Identifier: GPL-2.0
/*
 * Fills a request sock from an opened cookie: the part that both socket paths
 * share.  Owns no state; softirq, called by compat/accept-*.c.
 */
#include <net/mptcp.h>
#include <net/request_sock.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include "accept.h"

/* By the family of the segment, not of the listener: a dual-stack listener
 * serves both.
 */
static const struct request_sock_ops *ops_of(const struct cb_ctx *ctx)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6)
		return tcpv6_prot.rsk_prot;
#endif
	return tcp_prot.rsk_prot;
}

/* The slab is not zeroed, and what MPTCP adds is read by its destructor, even
 * when the segment is dropped before MPTCP has set it.
 */
static struct request_sock *alloc_mptcp(const struct cb_ctx *ctx, struct sock *listener)
{
	struct request_sock *req = mptcp_subflow_reqsk_alloc(ops_of(ctx), listener, false);

	if (req)
		memset((u8 *)req + sizeof(struct tcp_request_sock), 0,
		       req->rsk_ops->obj_size - sizeof(struct tcp_request_sock));
	return req;
}

/* ts_off is the cookie's exactly: the socket's TSval goes on from the SYN-ACK's. */
static void fill(struct request_sock *req, const struct cb_ctx *ctx,
		 const struct sock *listener)
{
	const struct cb_opened *opened = &ctx->opened;
	struct inet_request_sock *ireq = inet_rsk(req);
	struct tcp_request_sock *treq = tcp_rsk(req);

	req->syncookie = 1;
	req->mss = tcp_mss_clamp(tcp_sk(listener), opened->offer.mss);
	req->ts_recent = opened->tsval;
	ireq->snd_wscale = opened->offer.wscale;
	ireq->rcv_wscale = opened->rcv_wscale;
	ireq->tstamp_ok = opened->timestamps;
	ireq->sack_ok = opened->offer.sack;
	ireq->wscale_ok = opened->offer.has_wscale;
	ireq->ecn_ok = opened->offer.ecn;
	treq->ts_off = opened->ts_off;
	treq->rcv_isn = opened->cisn;
	treq->snt_isn = opened->isn;
}

/**
 * cb_accept_request() - a request sock of an opened cookie
 * @ctx:	opened is filled in
 * @listener:	its listener; TCP_MAXSEG on it limits the MSS, as in the stack
 *
 * Context: softirq.  Return: the request sock, or NULL if there is no memory.
 */
struct request_sock *cb_accept_request(const struct cb_ctx *ctx, struct sock *listener)
{
	struct request_sock *req;

	if (sk_is_mptcp(listener))
		req = alloc_mptcp(ctx, listener);
	else
		req = inet_reqsk_alloc(ops_of(ctx), listener, false);
	if (req)
		fill(req, ctx, listener);
	return req;
}
