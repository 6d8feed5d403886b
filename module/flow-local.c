// SPDX-License-Identifier: GPL-2.0
/*
 * What local mode keeps in the flow cache: when a cookie opened, what its options
 * are and may have lost, and how often the client had to send data again.
 *
 * Owns cb_flow_local_used.  Invariant: nothing here decides about a segment, so the
 * cache may be off, full or flushed at any moment.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/tcp.h>
#include "flow-local.h"
#include "flow.h"

bool cb_flow_local_used __read_mostly;

/* The classes are ascending, and the offer was below the next. */
static u16 mss_max(const struct cb_opened *opened)
{
	unsigned int i;

	if (opened->exact)
		return opened->offer.mss;
	if (!opened->timestamps)
		return 0;
	for (i = 0; i < ARRAY_SIZE(cb_mss_classes); i++)
		if (cb_mss_classes[i] > opened->offer.mss)
			return cb_mss_classes[i] - 1;
	return U16_MAX;
}

static u8 options_of(const struct cb_opened *opened)
{
	return (opened->offer.has_wscale ? CB_OPT_WSCALE : 0) |
	       (opened->offer.sack ? CB_OPT_SACK : 0) |
	       (opened->timestamps ? CB_OPT_TS : 0) | (opened->offer.ecn ? CB_FLOW_ECN : 0);
}

void cb_flow_facts_of(struct cb_flow_facts *facts, const struct cb_ctx *ctx)
{
	const struct cb_opened *opened = &ctx->opened;

	*facts = (struct cb_flow_facts) {
		.opened_ms = ctx->now_ms,
		.service = ctx->svc->anchor->id,
		.mss = opened->offer.mss,
		.mss_max = mss_max(opened),
		.wscale = opened->offer.wscale,
		.has = options_of(opened),
	};
}

void cb_flow_local_opened(const struct cb_ctx *ctx)
{
	u64 limit = cb_flow_entries(READ_ONCE(ctx->cbn->sysctl.flow_cache_bytes));
	struct cb_flow_facts facts;

	if (!READ_ONCE(cb_flow_local_used))
		WRITE_ONCE(cb_flow_local_used, true);
	cb_flow_facts_of(&facts, ctx);
	cb_flow_add(ctx->cbn->flows, limit, &ctx->seg.tuple, &facts);
}

/* Ends before what the socket waits for? */
static bool came_again(const struct sk_buff *skb, int thoff)
{
	const struct sock *sk = skb->sk;
	const struct tcphdr *th;
	struct tcphdr buf;
	u32 seq, len;

	if (!sk || !sk_fullsock(sk) || !sk_is_tcp(sk) || sk->sk_state == TCP_LISTEN)
		return false;
	th = skb_header_pointer(skb, thoff, sizeof(buf), &buf);
	if (!th || th->doff * 4 < sizeof(*th) || skb->len <= thoff + th->doff * 4)
		return false;
	seq = be32_to_cpu(th->seq);
	len = skb->len - thoff - th->doff * 4;
	return !after(seq + len, READ_ONCE(tcp_sk(sk)->rcv_nxt));
}

static void tuple_of(struct cb_tuple *t, const struct sk_buff *skb, u8 pf, int thoff)
{
	const u8 *ports;
	u8 buf[4];

	memset(t, 0, sizeof(*t));
	ports = skb_header_pointer(skb, thoff, sizeof(buf), buf);
	if (!ports)
		return;
	memcpy(&t->sport, ports, 2);
	memcpy(&t->dport, ports + 2, 2);
	if (pf == NFPROTO_IPV6) {
		t->family = AF_INET6;
		t->saddr.in6 = ipv6_hdr(skb)->saddr;
		t->daddr.in6 = ipv6_hdr(skb)->daddr;
		return;
	}
	t->family = AF_INET;
	t->saddr.a[0] = ip_hdr(skb)->saddr;
	t->daddr.a[0] = ip_hdr(skb)->daddr;
}

void cb_flow_local_later(const struct sk_buff *skb, const struct nf_hook_state *state, int thoff)
{
	struct cb_flows *flows = READ_ONCE(cb_net(state->net)->flows);
	struct cb_tuple tuple;
	struct cb_flow *flow;

	if (!flows || !came_again(skb, thoff))
		return;
	tuple_of(&tuple, skb, state->pf, thoff);
	flow = cb_flow_find(flows, &tuple);
	if (flow && !cb_flow_is_older(flow))
		WRITE_ONCE(flow->again, READ_ONCE(flow->again) + 1);
}
