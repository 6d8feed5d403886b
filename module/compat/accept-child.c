// SPDX-License-Identifier: GPL-2.0
/*
 * Socket path of kernels without attached request socks (6.1): the child is made
 * here, as cookie_v4_check() and tcp_get_cookie_sock() do, and the segment then
 * finds it in SYN_RECV.
 *
 * Owns no state.  Invariant: all that could refuse the segment in the stack
 * (minimum TTL, xfrm policy, TCP-MD5, socket filter, security module) is asked
 * here first, since a child cannot be unmade.  Runs in the last LOCAL_IN hook,
 * softirq, rcu_read_lock(); skb->data is the network header.
 */
#include <linux/filter.h>
#include <linux/security.h>
#include <net/inet_connection_sock.h>
#include <net/request_sock.h>
#include <net/tcp.h>
#include <net/xfrm.h>
#include "../accept.h"

bool cb_accept_mptcp(void)
{
	return IS_ENABLED(CONFIG_MPTCP);
}

bool cb_accept_makes_child(void)
{
	return true;
}

/* A segment with a key that the listener does not have, or the reverse, was
 * refused before; what is left has none, so the child has none either.
 */
static struct tcp_md5sig_key *no_key(const struct sock *sk, const struct sock *addr_sk)
{
	return NULL;
}

static const struct tcp_request_sock_ops request_ops = {
#ifdef CONFIG_TCP_MD5SIG
	.req_md5_lookup = no_key,
#endif
};

/* The segment as the TCP layer sees it: data and transport header at the TCP
 * header, control block in TCP's layout.
 */
struct tcp_view {
	char cb[sizeof_field(struct sk_buff, cb)];
	unsigned int pulled;
	int transport;
};

static void view_begin(struct tcp_view *view, const struct cb_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;
	struct tcp_skb_cb *tcb = TCP_SKB_CB(skb);

	memcpy(view->cb, skb->cb, sizeof(view->cb));
	view->transport = skb_transport_offset(skb);
	view->pulled = ctx->seg.thoff;
	skb_set_transport_header(skb, ctx->seg.thoff);
	__skb_pull(skb, ctx->seg.thoff);

	memset(tcb, 0, sizeof(*tcb));
	BUILD_BUG_ON(sizeof(tcb->header) > sizeof(view->cb));
	memcpy(&tcb->header, view->cb, sizeof(tcb->header));
	tcb->seq = ctx->seg.seq;
	tcb->ack_seq = ctx->seg.ack;
	tcb->end_seq = ctx->seg.seq + !!(ctx->seg.flags & CB_TCP_FIN) +
		       skb->len - ctx->seg.thlen;
	tcb->tcp_flags = ctx->seg.flags;
	tcb->ip_dsfield = ctx->seg.tuple.family == AF_INET6 ?
			  ipv6_get_dsfield(ipv6_hdr(skb)) : ip_hdr(skb)->tos;
}

static void view_end(const struct tcp_view *view, struct sk_buff *skb)
{
	__skb_push(skb, view->pulled);
	skb_set_transport_header(skb, view->transport);
	memcpy(skb->cb, view->cb, sizeof(view->cb));
}

static bool key_refuses(const struct cb_ctx *ctx, const struct sock *listener)
{
#ifdef CONFIG_TCP_MD5SIG
	const struct cb_tuple *t = &ctx->seg.tuple;
	bool v6 = t->family == AF_INET6;
	int dif = v6 ? tcp_v6_iif(ctx->skb) : inet_iif(ctx->skb);
	int sdif = v6 ? tcp_v6_sdif(ctx->skb) : tcp_v4_sdif(ctx->skb);

	return tcp_inbound_md5_hash(listener, ctx->skb, &t->saddr, &t->daddr, t->family,
				    dif, sdif) != SKB_NOT_DROPPED_YET;
#else
	return false;
#endif
}

static bool policy_refuses(const struct cb_ctx *ctx, struct sock *listener)
{
	if (ctx->seg.tuple.family == AF_INET6)
		return !xfrm6_policy_check(listener, XFRM_POLICY_IN, ctx->skb);
	return !xfrm4_policy_check(listener, XFRM_POLICY_IN, ctx->skb);
}

static bool hops_refuse(const struct cb_ctx *ctx, const struct sock *listener)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6)
		return ipv6_hdr(ctx->skb)->hop_limit <
		       READ_ONCE(inet6_sk(listener)->min_hopcount);
#endif
	return ip_hdr(ctx->skb)->ttl < READ_ONCE(inet_sk(listener)->min_ttl);
}

/* The filter may trim the segment, and the stack will ask it again: it gets a
 * clone.  Without one, only the control group's programs and the security
 * module look.
 */
static bool filter_refuses(const struct cb_ctx *ctx, struct sock *listener)
{
	struct sk_buff *clone;
	bool refused;

	if (!rcu_access_pointer(listener->sk_filter))
		return sk_filter_trim_cap(listener, ctx->skb, ctx->seg.thlen);
	clone = skb_clone(ctx->skb, GFP_ATOMIC);
	if (!clone)
		return true;
	refused = sk_filter_trim_cap(listener, clone, ctx->seg.thlen);
	kfree_skb(clone);
	return refused;
}

static bool refused(const struct cb_ctx *ctx, struct sock *listener)
{
	if (ctx->seg.opt.has & CB_OPT_AUTH)
		return true;
	return hops_refuse(ctx, listener) || policy_refuses(ctx, listener) ||
	       key_refuses(ctx, listener) || filter_refuses(ctx, listener);
}

/* As cookie_v4_check(), with the window scale that the SYN-ACK announced. */
static void fill_window(struct request_sock *req, const struct sock *listener)
{
	u32 clamp = READ_ONCE(tcp_sk(listener)->window_clamp);
	int full = tcp_full_space(listener);
	u8 unused;

	if ((listener->sk_userlocks & SOCK_RCVBUF_LOCK) && (!clamp || clamp > full))
		clamp = full;
	req->rsk_rcv_wnd = 0;
	req->rsk_window_clamp = clamp;
	tcp_select_initial_window(listener, full, req->mss, &req->rsk_rcv_wnd,
				  &req->rsk_window_clamp, inet_rsk(req)->wscale_ok, &unused, 0);
}

static void fill_addresses(struct request_sock *req, const struct cb_ctx *ctx,
			   const struct sock *listener)
{
	struct inet_request_sock *ireq = inet_rsk(req);
	const struct cb_tuple *t = &ctx->seg.tuple;

	ireq->ir_num = ntohs(t->dport);
	ireq->ir_rmt_port = t->sport;
	ireq->ir_mark = inet_request_mark(listener, ctx->skb);
	ireq->ir_iif = inet_request_bound_dev_if(listener, ctx->skb);
	if (t->family == AF_INET) {
		sk_rcv_saddr_set(req_to_sk(req), t->daddr.a[0]);
		sk_daddr_set(req_to_sk(req), t->saddr.a[0]);
		return;
	}
#if IS_ENABLED(CONFIG_IPV6)
	ireq->ir_v6_rmt_addr = t->saddr.in6;
	ireq->ir_v6_loc_addr = t->daddr.in6;
	if (!READ_ONCE(listener->sk_bound_dev_if) &&
	    (ipv6_addr_type(&t->saddr.in6) & IPV6_ADDR_LINKLOCAL))
		ireq->ir_iif = tcp_v6_iif(ctx->skb);
#endif
}

/* The slab is not zeroed, so every field that anybody reads is set. */
static void fill_rest(struct request_sock *req, const struct cb_ctx *ctx,
		      const struct sock *listener)
{
	struct tcp_request_sock *treq = tcp_rsk(req);
	struct inet_request_sock *ireq = inet_rsk(req);

	ireq->acked = 0;
	ireq->no_srccheck = 0;
	ireq->smc_ok = 0;
	req->secid = 0;
	req->peer_secid = 0;
	treq->af_specific = &request_ops;
	treq->snt_synack = 0;
	treq->tfo_listener = false;
	treq->is_mptcp = sk_is_mptcp(listener);
#if IS_ENABLED(CONFIG_MPTCP)
	treq->drop_req = false;
#endif
	treq->txhash = net_tx_rndhash();
	treq->rcv_nxt = ctx->opened.cisn + 1;
	treq->last_oow_ack_time = 0;
	treq->syn_tos = TCP_SKB_CB(ctx->skb)->ip_dsfield;
	fill_addresses(req, ctx, listener);
	fill_window(req, listener);
}

static struct request_sock *make_request(const struct cb_ctx *ctx, struct sock *listener)
{
	struct request_sock *req = cb_accept_request(ctx, listener);

	if (req)
		fill_rest(req, ctx, listener);
	return req;
}

/* Nothing is held of what was put, whether the queue took it or not. */
static enum cb_reason queue_child(struct sock *listener, struct request_sock *req,
				  struct sock *child)
{
	enum cb_reason reason = CB_R_COOKIE_ACCEPTED;

	__acquire(&child->sk_lock.slock);	/* syn_recv_sock() returned it locked */
	refcount_set(&req->rsk_refcnt, 1);
	if (rsk_drop_req(req) || !inet_csk_reqsk_queue_add(listener, req, child)) {
		reqsk_put(req);
		reason = CB_R_RACE_LOST;
	}
	bh_unlock_sock(child);
	sock_put(child);
	if (reason == CB_R_COOKIE_ACCEPTED)
		listener->sk_data_ready(listener);
	return reason;
}

static enum cb_reason make_child(const struct cb_ctx *ctx, struct sock *listener,
				 struct request_sock *req)
{
	struct sock *child;
	bool own_req;

	if ((sk_is_mptcp(listener) && mptcp_subflow_init_cookie_req(req, listener, ctx->skb)) ||
	    security_inet_conn_request(listener, ctx->skb, req)) {
		__reqsk_free(req);
		return CB_R_REFUSED_BY_HOST;
	}
	child = inet_csk(listener)->icsk_af_ops->syn_recv_sock(listener, ctx->skb, req, NULL,
							       NULL, &own_req, NULL);
	if (!child) {
		__reqsk_free(req);
		return sk_acceptq_is_full(listener) ? CB_R_QUEUE_FULL : CB_R_RACE_LOST;
	}
	sock_rps_save_rxhash(child, ctx->skb);
	return queue_child(listener, req, child);
}

enum cb_reason cb_local_accept(struct cb_ctx *ctx, struct sock *listener)
{
	enum cb_reason reason = CB_R_REFUSED_BY_HOST;
	struct request_sock *req;
	struct tcp_view view;

	view_begin(&view, ctx);
	if (refused(ctx, listener))
		goto out;
	reason = CB_R_NO_MEMORY;
	req = make_request(ctx, listener);
	if (req)
		reason = make_child(ctx, listener, req);
out:
	view_end(&view, ctx->skb);
	return reason;
}
