// SPDX-License-Identifier: GPL-2.0
/*
 * Fills a request sock from an opened cookie: the part that both socket paths
 * share.  Owns no state; softirq, called by compat/accept-*.c.
 */
#include <net/request_sock.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include "accept.h"

/**
 * cb_accept_ops() - request sock operations of the segment's family
 * @ctx:	tuple parsed
 *
 * By the family of the segment, not of the listener: a dual-stack listener
 * serves both.
 */
const struct request_sock_ops *cb_accept_ops(const struct cb_ctx *ctx)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6)
		return tcpv6_prot.rsk_prot;
#endif
	return tcp_prot.rsk_prot;
}

/**
 * cb_accept_fill() - what the cookie says
 * @req:	fresh from inet_reqsk_alloc()
 * @ctx:	opened is filled in
 * @listener:	its listener
 *
 * ts_off is the cookie's exactly: the socket's TSval goes on from the SYN-ACK's.
 */
void cb_accept_fill(struct request_sock *req, const struct cb_ctx *ctx,
		    const struct sock *listener)
{
	const struct cb_opened *opened = &ctx->opened;
	struct inet_request_sock *ireq = inet_rsk(req);
	struct tcp_request_sock *treq = tcp_rsk(req);

	req->syncookie = 1;
	req->mss = opened->offer.mss;
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
