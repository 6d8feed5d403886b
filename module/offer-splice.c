// SPDX-License-Identifier: GPL-2.0
/*
 * What a SYN-ACK may offer on behalf of a server behind this host.
 *
 * Owns a small per-CPU table, direct-mapped, of what routing says of a destination: is it
 * forwarded, and how large may a segment be?  As offer.c's, an entry holds numbers only,
 * lives for 100 ms and is keyed by the namespace's cookie.  Invariant: only its own CPU
 * touches it, with BH off.
 *
 * Asked without the source: it is not proved yet, and what it may choose must not decide
 * for others.  Where a rule routes by source address, forwarding itself obeys it.
 */
#include <linux/inetdevice.h>
#include <linux/netfilter_bridge.h>
#include <linux/percpu.h>
#include <net/addrconf.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/route.h>
#include <net/tcp.h>
#include "profile.h"
#include "splice.h"
#include "uapi/linux/cookiebox.h"

#define SLOTS		32u
#define LIFE_MS		100

struct way {
	struct cb_addr daddr;
	u64 net_cookie;			/* 0: empty */
	u64 until_ms;			/* CLOCK_MONOTONIC */
	u32 mark;
	int ifindex;
	u16 mss;			/* 0: not forwarded */
	u8 family;
};

/* Not in the module's static per-CPU space, which all modules share: 8 KiB. */
static struct way __percpu *ways;	/* SLOTS of them */

/* MTU of the path on, or 0: it is not forwarded. */
static u32 ask4(const struct cb_ctx *ctx)
{
	struct flowi4 fl4 = {
		.daddr = ctx->seg.tuple.daddr.a[0],
		.flowi4_iif = ctx->state->in->ifindex,
		.flowi4_mark = ctx->skb->mark,
		.flowi4_proto = IPPROTO_TCP,
		.fl4_dport = ctx->seg.tuple.dport,
	};
	struct in_device *in_dev = __in_dev_get_rcu(ctx->state->in);
	struct net *net = ctx->state->net;
	struct fib_result res;
	u32 mtu;

	if (!in_dev || !IN_DEV_FORWARD(in_dev) ||
	    fib_lookup(net, &fl4, &res, FIB_LOOKUP_NOREF) || res.type != RTN_UNICAST)
		return 0;
	mtu = READ_ONCE(FIB_RES_DEV(res)->mtu);
	return res.fi->fib_mtu ? min(mtu, res.fi->fib_mtu) : mtu;
}

static u32 ask6(const struct cb_ctx *ctx)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct flowi6 fl6 = {
		.daddr = ctx->seg.tuple.daddr.in6,
		.flowi6_iif = ctx->state->in->ifindex,
		.flowi6_mark = ctx->skb->mark,
		.flowi6_proto = IPPROTO_TCP,
		.fl6_dport = ctx->seg.tuple.dport,
	};
	struct net *net = ctx->state->net;
	u32 not_on = RTF_LOCAL | RTF_ANYCAST | RTF_REJECT;
	struct dst_entry *dst;
	u32 mtu = 0;

	if (!READ_ONCE(net->ipv6.devconf_all->forwarding) ||
	    ipv6_addr_type(&fl6.daddr) & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LINKLOCAL))
		return 0;
	dst = ip6_route_lookup(net, &fl6, ctx->skb, 0);
	if (!dst->error && !(dst_rt6_info(dst)->rt6i_flags & not_on))
		mtu = dst_mtu(dst);
	dst_release(dst);
	return mtu;
#else
	return 0;
#endif
}

static bool bridged(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	return nf_bridge_info_exists(skb);
#else
	return false;
#endif
}

/* The least of both sides: what arrives by one is to leave by the other. */
static u16 ask_mss(const struct cb_ctx *ctx)
{
	bool v6 = ctx->seg.tuple.family == AF_INET6;
	u32 headers = sizeof(struct tcphdr) + (v6 ? sizeof(struct ipv6hdr) :
						    sizeof(struct iphdr));
	u32 mtu;

	if (bridged(ctx->skb))
		return 0;
	mtu = v6 ? ask6(ctx) : ask4(ctx);
	if (!mtu)
		return 0;
	mtu = min3(mtu, READ_ONCE(ctx->state->in->mtu), (u32)U16_MAX);
	return mtu > headers + TCP_MIN_MSS ? mtu - headers : TCP_MIN_MSS;
}

static const struct way *find(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	u64 net_cookie = ctx->state->net->net_cookie;
	int ifindex = ctx->state->in->ifindex;
	struct way *p;

	p = this_cpu_ptr(ways) + (be32_to_cpu(t->daddr.a[0] ^ t->daddr.a[3]) ^ ifindex) % SLOTS;
	if (p->net_cookie == net_cookie && p->daddr.q[0] == t->daddr.q[0] &&
	    p->daddr.q[1] == t->daddr.q[1] && p->family == t->family &&
	    p->ifindex == ifindex && p->mark == ctx->skb->mark && ctx->now_ms < p->until_ms)
		return p;
	*p = (struct way) {
		.daddr = t->daddr,
		.family = t->family,
		.net_cookie = net_cookie,
		.ifindex = ifindex,
		.mark = ctx->skb->mark,
		.until_ms = ctx->now_ms + LIFE_MS,
		.mss = ask_mss(ctx),
	};
	return p;
}

static bool drops_no_timestamps(const struct cb_ctx *ctx)
{
	return ctx->svc->spec.no_timestamps == COOKIEBOX_NO_TIMESTAMPS_DROP;
}

struct cb_decision cb_offer_splice_serves(struct cb_ctx *ctx)
{
	if (!find(ctx)->mss)
		return cb_decide(CB_PASS, CB_R_NOT_FORWARDED);
	return cb_decide(CB_ANSWER, CB_R_NONE);
}

struct cb_decision cb_offer_splice_sealed_by(struct cb_ctx *ctx)
{
	ctx->policy.wscale = true;
	ctx->policy.rcv_wscale = CB_SPLICE_WSCALE;
	ctx->policy.drop_no_timestamps = drops_no_timestamps(ctx);
	return cb_decide(CB_ANSWER, CB_R_NONE);
}

static void fill_dress(struct cb_ctx *ctx)
{
	const struct net_device *in = ctx->state->in;

	ctx->dress = (struct cb_dress) {
		.oif = netif_is_l3_master(in) ? in->ifindex : 0,
		.ttl = -1,
	};
}

static void fill_policy(struct cb_ctx *ctx, u16 mss, u8 has)
{
	ctx->policy = (struct cb_policy) {
		.timestamps = has & CB_PROFILE_TS,
		.sack = has & CB_PROFILE_SACK,
		.ecn = has & CB_PROFILE_ECN,
		.wscale = true,
		.drop_no_timestamps = drops_no_timestamps(ctx),
		.auth_drop = ctx->svc->spec.auth != COOKIEBOX_AUTH_OPTION_PASS,
		.rcv_wscale = CB_SPLICE_WSCALE,
		.mss = mss,
		.window = min_t(u32, CB_SPLICE_WINDOW_MSS * mss, U16_MAX),
	};
}

bool cb_offer_splice_guess(struct cb_ctx *ctx)
{
	const struct way *way = find(ctx);

	if (!way->mss)
		return false;
	fill_policy(ctx, way->mss, CB_PROFILE_SACK);
	return true;
}

/**
 * cb_offer_splice() - may a SYN for a server behind this host be answered, and how?
 * @ctx:	header and options parsed; policy and dress are filled in
 *
 * What the server is known to agree to; of one that is not known, what translation can
 * make good.  The window scale is always our own.
 *
 * Context: softirq, rcu_read_lock().  Return: CB_ANSWER, or CB_PASS and NOT_FORWARDED,
 * SERVER_DEAD or SERVER_ASKED.
 */
struct cb_decision cb_offer_splice(struct cb_ctx *ctx)
{
	const struct way *way = find(ctx);
	struct cb_profile profile;
	struct cb_decision d;
	u16 mss = way->mss;

	if (!mss)
		return cb_decide(CB_PASS, CB_R_NOT_FORWARDED);
	d = cb_splice_ask(ctx, &profile);
	if (d.action != CB_ANSWER)
		return d;
	if (profile.mss)
		mss = clamp_t(u16, profile.mss, TCP_MIN_MSS, mss);
	fill_policy(ctx, mss, profile.has);
	fill_dress(ctx);
	return d;
}

int cb_offer_splice_register(void)
{
	ways = __alloc_percpu(SLOTS * sizeof(struct way), __alignof__(struct way));
	return ways ? 0 : -ENOMEM;
}

void cb_offer_splice_unregister(void)
{
	free_percpu(ways);
}
