// SPDX-License-Identifier: GPL-2.0
/*
 * The SYN-ACK, built in the SYN's own buffer and sent.
 *
 * Owns no state.  Invariants: the SYN's buffer is written only when nobody else
 * holds it, else a new one is made; nothing that receiving left in the buffer
 * goes out with it; no conntrack entry comes of it.  Addresses, ports and options
 * come from ctx alone: the SYN is overwritten.  Called from hooks.c, softirq,
 * rcu_read_lock().
 *
 * `route` sends as the host's own SYN-ACKs go: policy routing, rp_filter (strict:
 * the reply must leave by the device the SYN came in by; loose: there must be a
 * route at all), IPsec and OUTPUT rules.  `reflect` swaps the Ethernet addresses
 * and goes out through the qdisc of the same device; where that is impossible
 * (loopback, VRF, no Ethernet) it is routed.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/dst_metadata.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/ipv6.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>
#include <net/tcp.h>
#include <net/xfrm.h>
#include "build.h"
#include "demux.h"
#include "uapi/linux/cookiebox.h"

/* A buffer to build in: the SYN's own, or a new one when that is shared, in
 * pieces or too short.  Its data begins at the network header, with the
 * Ethernet header, if there was one, before it.  Consumes the SYN.
 */
static struct sk_buff *take_buffer(struct sk_buff *skb, unsigned int need)
{
	struct sk_buff *nskb;

	if (!skb_shared(skb) && !skb_cloned(skb) && !skb_is_nonlinear(skb) &&
	    skb->len + skb_tailroom(skb) >= need) {
		__skb_trim(skb, 0);
		return skb;
	}
	nskb = cb_build_alloc(skb, need);
	consume_skb(skb);
	return nskb;
}

#define HALF_CB		(sizeof_field(struct sk_buff, cb) / 2)

/* What receiving left in the buffer. */
static void scrub(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	nf_reset_trace(skb);
	shinfo->gso_size = 0;
	shinfo->gso_segs = 0;
	shinfo->gso_type = 0;
	skb_reset_redirect(skb);
	__vlan_hwaccel_clear_tag(skb);
	skb_set_queue_mapping(skb, 0);
	skb->tstamp = 0;
	skb->skb_iif = 0;
	skb->ip_summed = CHECKSUM_NONE;
	skb->csum_valid = 0;
	skb->csum_complete_sw = 0;
	skb->csum_level = 0;
	skb->csum = 0;
	skb->encapsulation = 0;
	skb->ignore_df = 0;
	skb->pkt_type = PACKET_HOST;
#if defined(CONFIG_NET_RX_BUSY_POLL) || defined(CONFIG_XPS)
	skb->napi_id = 0;		/* is sender_cpu on the way out */
#endif
	memset(skb->cb, 0, HALF_CB);	/* in halves: so small ones need no loop */
	memset(skb->cb + HALF_CB, 0, sizeof(skb->cb) - HALF_CB);
}

/* net.ipv4.tcp_reflect_tos serves both families, as in the stack. */
static u8 reply_tos(const struct cb_ctx *ctx)
{
	u8 tos;

	if (!READ_ONCE(ctx->state->net->ipv4.sysctl_tcp_reflect_tos))
		return ctx->dress.tos;
	tos = ctx->seg.tuple.family == AF_INET6 ? ipv6_get_dsfield(ipv6_hdr(ctx->skb)) :
						  ip_hdr(ctx->skb)->tos;
	return tos & ~INET_ECN_MASK;
}

#if IS_ENABLED(CONFIG_IPV6)
/* As ip6_dst_hoplimit() has it where there is no route. */
static u8 device_hops(const struct cb_ctx *ctx)
{
	const struct inet6_dev *idev = __in6_dev_get(ctx->state->in);

	return idev ? READ_ONCE(idev->cnf.hop_limit) :
	       READ_ONCE(ctx->state->net->ipv6.devconf_all->hop_limit);
}
#endif

static u8 reply_ttl(const struct cb_ctx *ctx)
{
	if (ctx->dress.ttl >= 0)
		return ctx->dress.ttl;
#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6)
		return device_hops(ctx);
#endif
	return READ_ONCE(ctx->state->net->ipv4.sysctl_ip_default_ttl);
}

static void describe(struct cb_build *b, const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	const struct cb_synack *sa = &ctx->synack;

	b->saddr = &t->daddr;
	b->daddr = &t->saddr;
	b->sport = t->dport;
	b->dport = t->sport;
	b->family = t->family;
	b->tos = ctx->dress.tos;
	b->ttl = ctx->dress.ttl;
	b->flags = CB_TCP_SYN | CB_TCP_ACK | (sa->ece ? CB_TCP_ECE : 0);
	b->seq = sa->isn;
	b->ack = sa->ack;
	b->window = sa->window;
	cb_build_options(b, sa);
}

/* By the policy of the namespace for its own segments.  The hash of @skb is set. */
static __be32 flow_label(struct sk_buff *skb, struct net *net)
{
#if IS_ENABLED(CONFIG_IPV6)
	struct flowi6 unused CB_UNINITIALIZED;

	return ip6_make_flowlabel(net, skb, 0, ip6_default_np_autolabel(net), &unused);
#else
	return 0;
#endif
}

/* Into an empty buffer. */
static void write(struct sk_buff *skb, const struct cb_ctx *ctx, struct cb_build *b)
{
	if (!(ctx->state->in->flags & IFF_LOOPBACK))	/* there, the client's own entry exists */
		nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
	/* As the stack's txhash: spreads over queues and labels without a dissection. */
	skb_set_hash(skb, ctx->synack.isn, PKT_HASH_TYPE_L4);
	skb->mark = ctx->dress.mark;
	skb->priority = ctx->dress.priority;
	__skb_put(skb, cb_build_len(b));
	if (b->family == AF_INET6)
		b->flowlabel = flow_label(skb, ctx->state->net);
	cb_build_write(skb, b);
}

/* Turns ctx->skb into the SYN-ACK; NULL: no memory, and the SYN is gone. */
static struct sk_buff *build(struct cb_ctx *ctx, u8 tos)
{
	struct cb_build b CB_UNINITIALIZED;
	struct sk_buff *skb;

	ctx->dress.tos = tos;
	ctx->dress.ttl = reply_ttl(ctx);
	describe(&b, ctx);
	skb = take_buffer(ctx->skb, cb_build_len(&b));
	ctx->skb = NULL;
	if (!skb)
		return NULL;
	scrub(skb);
	write(skb, ctx, &b);
	return skb;
}

static enum cb_reason sent(int err)
{
	return net_xmit_eval(err) ? CB_R_REPLY_FAILED : CB_R_SYN_ANSWERED;
}

static bool can_reflect(const struct cb_ctx *ctx)
{
	const struct sk_buff *skb = ctx->skb;
	const struct net_device *dev = skb->dev;

	if (dev->type != ARPHRD_ETHER || (dev->flags & (IFF_LOOPBACK | IFF_NOARP)) ||
	    netif_is_l3_master(dev) || !dev->header_ops)
		return false;
	/* What came through a tunnel goes back through it. */
	if (secpath_exists(skb) || skb_metadata_dst(skb))
		return false;
	return skb_mac_header_was_set(skb) &&
	       skb->data - skb_mac_header(skb) == ETH_HLEN &&
	       is_valid_ether_addr(eth_hdr(skb)->h_source);
}

/* As source_refused(), without a route: this host, or many hosts. */
static bool source_local(const struct cb_ctx *ctx)
{
	const struct cb_addr *saddr = &ctx->seg.tuple.saddr;
	struct net *net = ctx->state->net;

#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6)
		return ipv6_addr_loopback(&saddr->in6) ||
		       ipv6_chk_addr(net, &saddr->in6, NULL, 0);
#endif
	if (ipv4_is_loopback(saddr->a[0]))
		return true;
	return cb_own_maybe(&ctx->cbn->own, saddr->a[0]) &&
	       inet_addr_type_dev_table(net, ctx->state->in, saddr->a[0]) != RTN_UNICAST;
}

static enum cb_reason reflect(struct cb_ctx *ctx)
{
	u8 peer[ETH_ALEN];
	struct sk_buff *skb;
	struct ethhdr *eth;

	if (source_local(ctx)) {
		kfree_skb(ctx->skb);
		return CB_R_BAD_SOURCE;
	}
	skb = build(ctx, reply_tos(ctx));
	if (!skb)
		return CB_R_NO_MEMORY;
	__skb_push(skb, ETH_HLEN);	/* where the SYN's was: can_reflect() */
	skb_reset_mac_header(skb);
	eth = eth_hdr(skb);
	ether_addr_copy(peer, eth->h_source);
	ether_addr_copy(eth->h_source, eth->h_dest);
	ether_addr_copy(eth->h_dest, peer);
	eth->h_proto = skb->protocol;
	return sent(dev_queue_xmit(skb));
}

/* Is the device one of the paths back to the source? */
static bool path_uses(const struct cb_ctx *ctx, const struct net_device *in)
{
	struct flowi4 fl4 = {
		.daddr = ctx->seg.tuple.saddr.a[0],
		.saddr = ctx->seg.tuple.daddr.a[0],
		.flowi4_iif = LOOPBACK_IFINDEX,
		.flowi4_mark = ctx->dress.mark,
	};
	struct fib_result res;

	return !fib_lookup(ctx->state->net, &fl4, &res, FIB_LOOKUP_NOREF) &&
	       res.type == RTN_UNICAST && fib_info_nh_uses_dev(res.fi, in);
}

/* Strict rp_filter wants a path back to be the path here (RFC 3704, 2.2). */
static bool path_refused(const struct cb_ctx *ctx, const struct net_device *out)
{
	const struct net_device *in = ctx->state->in;
	struct in_device *in_dev;

	if (ctx->seg.tuple.family == AF_INET6 || out == in || (in->flags & IFF_LOOPBACK) ||
	    netif_is_l3_master(in))
		return false;
	in_dev = __in_dev_get_rcu(in);
	return in_dev && IN_DEV_RPFILTER(in_dev) == 1 && !path_uses(ctx, in);
}

/* The source is this host, or many hosts, by the route back to it. */
static bool source_refused(const struct cb_ctx *ctx, const struct dst_entry *dst)
{
	bool loopback = ctx->state->in->flags & IFF_LOOPBACK;
	unsigned int type;

	if (ctx->seg.tuple.family == AF_INET6)
		return !loopback && (dst->dev->flags & IFF_LOOPBACK);
	type = container_of(dst, const struct rtable, dst)->rt_type;
	return type != RTN_UNICAST && !(type == RTN_LOCAL && loopback);
}

static enum cb_reason local_out(const struct cb_ctx *ctx, struct sk_buff *skb,
				struct dst_entry *dst)
{
	struct net *net = ctx->state->net;

	skb_dst_set(skb, dst);
	skb->dev = dst->dev;
	if (ctx->seg.tuple.family == AF_INET6)
		return sent(ip6_local_out(net, NULL, skb));
	return sent(ip_local_out(net, NULL, skb));
}

static enum cb_reason route_out(struct cb_ctx *ctx)
{
	u8 tos = reply_tos(ctx);
	struct dst_entry *dst;
	struct sk_buff *skb;
	bool bad_source;

	dst = cb_demux_route(ctx, tos);
	bad_source = dst && source_refused(ctx, dst);
	if (!dst || bad_source || path_refused(ctx, dst->dev)) {
		dst_release(dst);
		kfree_skb(ctx->skb);
		return bad_source ? CB_R_BAD_SOURCE : CB_R_NO_ROUTE;
	}
	if (ctx->dress.ttl < 0)
		ctx->dress.ttl = ctx->seg.tuple.family == AF_INET6 ? ip6_dst_hoplimit(dst) :
				 ip4_dst_hoplimit(dst);
	skb = build(ctx, tos);
	if (!skb) {
		dst_release(dst);
		return CB_R_NO_MEMORY;
	}
	return local_out(ctx, skb, dst);
}

static bool wants_reflect(const struct cb_ctx *ctx)
{
	u8 reply = ctx->svc->spec.reply;

	if (reply == COOKIEBOX_REPLY_DEFAULT)
		reply = READ_ONCE(ctx->cbn->sysctl.default_reply);
	return reply == COOKIEBOX_REPLY_REFLECT;
}

enum cb_reason cb_reply_synack(struct cb_ctx *ctx)
{
	if (wants_reflect(ctx) && can_reflect(ctx))
		return reflect(ctx);
	return route_out(ctx);
}

/* Routed, in a buffer of its own. */
static enum cb_reason send_built(struct cb_ctx *ctx, struct cb_build *b)
{
	bool v6 = ctx->seg.tuple.family == AF_INET6;
	struct dst_entry *dst = cb_demux_route(ctx, ctx->dress.tos);
	struct sk_buff *skb;

	if (!dst)
		return CB_R_NO_ROUTE;
	if (source_refused(ctx, dst) || path_refused(ctx, dst->dev)) {
		dst_release(dst);
		return CB_R_NO_ROUTE;
	}
	skb = alloc_skb(LL_MAX_HEADER + cb_build_len(b), GFP_ATOMIC | __GFP_NOWARN);
	if (!skb) {
		dst_release(dst);
		return CB_R_NO_MEMORY;
	}
	skb_reserve(skb, LL_MAX_HEADER);
	skb->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	write(skb, ctx, b);
	return local_out(ctx, skb, dst);
}

/* Out of line: nothing of it is part of what a SYN costs. */
noinline enum cb_reason cb_reply_again(struct cb_ctx *ctx)
{
	struct cb_build b;

	describe(&b, ctx);
	return send_built(ctx, &b);
}

noinline enum cb_reason cb_reply_made(struct cb_ctx *ctx, struct cb_build *b)
{
	if (ctx->dress.ttl < 0)
		b->ttl = reply_ttl(ctx);
	return send_built(ctx, b);
}
