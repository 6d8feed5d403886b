// SPDX-License-Identifier: GPL-2.0
/*
 * Socket path of kernels that redeem a request sock attached to a segment (6.8
 * and later; the stack's side was made for BPF, commit e472f88891ab).
 *
 * Owns no state.  Invariants: this runs in the last LOCAL_IN hook, since the
 * attached request holds its listener without a reference, which lasts only as
 * long as the caller's RCU section; the tuple is not in the established hash.
 * The stack then asks xfrm, MD5, the socket filter and the security module, and
 * makes the child.
 */
#include <net/request_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include "../accept.h"

bool cb_accept_mptcp(void)
{
	return IS_ENABLED(CONFIG_MPTCP);
}

bool cb_accept_makes_child(void)
{
	return false;
}

enum cb_reason cb_local_accept(struct cb_ctx *ctx, struct sock *listener)
{
	struct request_sock *req = cb_accept_request(ctx, listener);
	struct sk_buff *skb = ctx->skb;

	if (!req)
		return CB_R_NO_MEMORY;
	req->rsk_listener = listener;
	tcp_rsk(req)->req_usec_ts = false;

	skb_orphan(skb);
	skb->sk = req_to_sk(req);
	skb->destructor = sock_pfree;
	return CB_R_COOKIE_ACCEPTED;
}
