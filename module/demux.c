// SPDX-License-Identifier: GPL-2.0
/*
 * Whose segment is it?  Owns no state.
 *
 * Invariant: no reference is kept.  A listener is freed by RCU, so it lives as
 * long as the caller's rcu_read_lock(); what the established hash returns is
 * put at once, or goes with the segment (cb_demux_early()).  Called in both hooks,
 * softirq.
 */
#include <linux/netfilter_bridge.h>
#include <net/addrconf.h>
#include <net/inet6_hashtables.h>
#include <net/inet_dscp.h>
#include <net/inet_hashtables.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include <net/tcp.h>
#include "demux.h"
#include "established.h"

static struct cb_ends ends_of(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;

	return (struct cb_ends) {
		.saddr = &t->saddr,
		.daddr = &t->daddr,
		.sport = t->sport,
		.dport = t->dport,
		.family = t->family,
		.state = ctx->state,
		.skb = ctx->skb,
	};
}

/* Of a tuple whose segment has gone on. */
static struct cb_ends ends_without_skb(const struct cb_tuple *t, int dif, int sdif)
{
	return (struct cb_ends) {
		.saddr = &t->saddr,
		.daddr = &t->daddr,
		.sport = t->sport,
		.dport = t->dport,
		.family = t->family,
		.dif = dif,
		.sdif = sdif,
	};
}

u32 cb_demux_tuple_hash(struct net *net, const struct cb_tuple *t)
{
	struct cb_ends e = ends_without_skb(t, 0, 0);

	return cb_established_hash(net, &e);
}

/**
 * cb_demux_hash() - of the tuple, as the host's table of connections has it
 * @ctx:	tuple parsed
 *
 * Keyed by a secret of the host.  Computed once a hook.
 */
u32 cb_demux_hash(struct cb_ctx *ctx)
{
	if (!ctx->hash.known) {
		ctx->hash.value = cb_demux_tuple_hash(ctx->state->net, &ctx->seg.tuple);
		ctx->hash.known = true;
	}
	return ctx->hash.value;
}

/**
 * cb_demux_established() - is the tuple in the established hash?
 * @ctx:	tuple parsed
 *
 * TIME_WAIT and NEW_SYN_RECV count: any entry blocks a child of ours.
 */
bool cb_demux_established(struct cb_ctx *ctx)
{
	u32 hash = cb_demux_hash(ctx);
	struct cb_ends e = ends_of(ctx);

	return cb_established_find(ctx->state->net, &e, hash);
}

/**
 * cb_demux_devices() - by which devices sockets are looked up for a segment
 * @ctx:	segment
 * @dif:	set to the device's index
 * @sdif:	set to the one's that is a member of a VRF, or 0
 */
void cb_demux_devices(const struct cb_ctx *ctx, int *dif, int *sdif)
{
	*dif = cb_established_dif(ctx->state, ctx->skb);
	*sdif = cb_established_sdif(ctx->state, ctx->skb);
}

/**
 * cb_demux_has_tuple() - has a segment that has gone on found a connection, or made it?
 * @net:	namespace
 * @t:		tuple
 * @hash:	cb_demux_hash() of it
 * @dif:	as cb_demux_devices() said
 * @sdif:	likewise
 */
bool cb_demux_has_tuple(struct net *net, const struct cb_tuple *t, u32 hash, int dif, int sdif)
{
	struct cb_ends e = ends_without_skb(t, dif, sdif);
	const struct sock *sk = cb_established_find(net, &e, hash);

	return sk && READ_ONCE(sk->sk_state) != TCP_NEW_SYN_RECV;
}

static bool early_demux_allowed(const struct net *net, const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (nf_bridge_info_exists(skb))		/* may be forwarded yet */
		return false;
#endif
	return READ_ONCE(net->ipv4.sysctl_ip_early_demux) &&
	       READ_ONCE(net->ipv4.sysctl_tcp_early_demux) &&
	       !skb_dst(skb) && !skb->destructor;
}

/* Gives the segment its socket and the socket's route, as tcp_v4_early_demux()
 * would a moment later, so that it is looked up once.  Without a valid route it is
 * left alone: then nothing says that it will stay on this host.
 */
static bool attach(const struct nf_hook_state *state, struct sk_buff *skb, struct sock *sk)
{
	struct dst_entry *dst;

	if (!sk_fullsock(sk) || !early_demux_allowed(state->net, skb))
		return false;
	dst = rcu_dereference(sk->sk_rx_dst);
	if (dst)
		dst = dst_check(dst, state->pf == NFPROTO_IPV6 ? sk->sk_rx_dst_cookie : 0);
	if (!dst || sk->sk_rx_dst_ifindex != skb->skb_iif)
		return false;
	skb->sk = sk;
	skb->destructor = sock_edemux;
	skb_dst_set_noref(skb, dst);
	return true;
}

/* The client has answered another SYN-ACK than the one that the host remembers. */
static bool answers_another(const struct sock *sk, const struct tcphdr *th)
{
	return sk->sk_state == TCP_NEW_SYN_RECV &&
	       ntohl(th->ack_seq) != tcp_rsk(inet_reqsk((struct sock *)sk))->snt_isn + 1;
}

/* Of an ACK whose TCP header is @th. */
static struct cb_ends ends_in(const struct sk_buff *skb, const struct nf_hook_state *state,
			      const struct tcphdr *th)
{
	struct cb_ends e = {
		.sport = th->source,
		.dport = th->dest,
		.family = AF_INET,
		.state = state,
		.skb = skb,
	};

	if (state->pf == NFPROTO_IPV6) {
		e.family = AF_INET6;
		e.saddr = &ipv6_hdr(skb)->saddr;
		e.daddr = &ipv6_hdr(skb)->daddr;
	} else {
		e.saddr = &ip_hdr(skb)->saddr;
		e.daddr = &ip_hdr(skb)->daddr;
	}
	return e;
}

/**
 * cb_demux_early() - is this of a connection that the host knows?
 * @skb:	ACK, neither SYN nor RST, at PRE_ROUTING
 * @state:	of the hook
 * @thoff:	TCP header, bytes from skb->data
 * @hash:	set to cb_demux_hash() of its tuple, unless it is known
 *
 * It may leave with its socket attached (early demultiplexing).  What the stack would reset,
 * as it answers none of its SYN-ACKs, may answer one of ours (engagement `auto`).
 */
enum cb_early cb_demux_early(struct sk_buff *skb, const struct nf_hook_state *state,
			     int thoff, struct cb_hash *hash)
{
	struct cb_ends e CB_UNINITIALIZED;
	struct tcphdr buf CB_UNINITIALIZED;
	const struct tcphdr *th;
	struct sock *sk;
	bool another;

	hash->known = false;
	if (skb->sk)
		return CB_EARLY_KNOWN;
	th = skb_header_pointer(skb, thoff, sizeof(buf), &buf);
	if (!th)
		return CB_EARLY_NONE;
	e = ends_in(skb, state, th);
	hash->value = cb_established_hash(state->net, &e);
	hash->known = true;
	sk = cb_established_get(state->net, &e, hash->value);
	if (!sk)
		return CB_EARLY_NONE;
	if (attach(state, skb, sk))
		return CB_EARLY_KNOWN;
	another = answers_another(sk, th);
	sock_gen_put(sk);
	return another ? CB_EARLY_REQUEST : CB_EARLY_KNOWN;
}

/**
 * cb_demux_forget_request() - drop the embryonic connection of a tuple
 * @ctx:	an ACK whose cookie opened
 *
 * A SYN was answered with a cookie and, after the release, once more by the stack; the client
 * took the cookie.  A full socket is never touched.
 */
void cb_demux_forget_request(struct cb_ctx *ctx)
{
	struct cb_ends e = ends_of(ctx);
	struct sock *sk = cb_established_get(ctx->state->net, &e, cb_demux_hash(ctx));

	if (!sk)
		return;
	if (sk->sk_state == TCP_NEW_SYN_RECV)
		inet_csk_reqsk_queue_drop_and_put(inet_reqsk(sk)->rsk_listener, inet_reqsk(sk));
	else
		sock_gen_put(sk);
}

static struct sock *find_listener4(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct net *net = ctx->state->net;

	return __inet_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo, ctx->skb,
				      ctx->seg.thlen, t->saddr.a[0], t->sport,
				      t->daddr.a[0], ntohs(t->dport),
				      cb_established_dif(ctx->state, ctx->skb),
				      inet_sdif(ctx->skb));
}

static struct sock *find_listener6(const struct cb_ctx *ctx)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct net *net = ctx->state->net;

	return inet6_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo, ctx->skb,
				     ctx->seg.thlen, &t->saddr.in6, t->sport,
				     &t->daddr.in6, ntohs(t->dport),
				     cb_established_dif(ctx->state, ctx->skb),
				     inet6_sdif(ctx->skb));
#else
	return NULL;
#endif
}

/* Programs that choose in a SO_REUSEPORT group expect the data at the TCP header
 * and @thlen bytes before the payload.
 */
static struct sock *find_listener(const struct cb_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;
	struct sock *sk;

	if (!pskb_may_pull(skb, ctx->seg.thoff + ctx->seg.thlen))
		return NULL;
	__skb_pull(skb, ctx->seg.thoff);
	if (ctx->seg.tuple.family == AF_INET6)
		sk = find_listener6(ctx);
	else
		sk = find_listener4(ctx);
	__skb_push(skb, ctx->seg.thoff);
	return sk;
}

/* sk_lookup programs may give any socket. */
static struct sock *listening(struct sock *sk)
{
	if (!sk || sk->sk_state != TCP_LISTEN || sk->sk_protocol != IPPROTO_TCP)
		return NULL;
	return sk;
}

/**
 * cb_demux_listener() - who listens on the destination?
 * @ctx:	header parsed
 *
 * Listeners are freed by RCU and carry no reference: a flood does not write to
 * the socket's cache line (and SO_REUSEPORT groups and sk_lookup programs have
 * their say).
 */
struct sock *cb_demux_listener(const struct cb_ctx *ctx)
{
	return listening(find_listener(ctx));
}

bool cb_demux_tuple_known(const struct cb_ctx *ctx)
{
	struct cb_ends e = ends_without_skb(&ctx->seg.tuple, ctx->state->in->ifindex,
					    ctx->dress.sdif);
	struct net *net = ctx->state->net;

	return cb_established_find(net, &e, cb_established_hash(net, &e));
}

/* Without a segment, a SO_REUSEPORT group chooses by the tuple's hash. */
static struct sock *tuple_listener(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct net *net = ctx->state->net;
	int dif = ctx->state->in->ifindex;

#if IS_ENABLED(CONFIG_IPV6)
	if (t->family == AF_INET6)
		return inet6_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo, NULL, 0,
					     &t->saddr.in6, t->sport, &t->daddr.in6,
					     ntohs(t->dport), dif, ctx->dress.sdif);
#endif
	return __inet_lookup_listener(net, net->ipv4.tcp_death_row.hashinfo, NULL, 0,
				      t->saddr.a[0], t->sport, t->daddr.a[0],
				      ntohs(t->dport), dif, ctx->dress.sdif);
}

struct sock *cb_demux_tuple_listener(const struct cb_ctx *ctx)
{
	return listening(tuple_listener(ctx));
}

static bool is_local6(const struct cb_ctx *ctx)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct in6_addr *daddr = &ctx->seg.tuple.daddr.in6;
	struct net *net = ctx->state->net;
	struct flowi6 fl6 = {
		.flowi6_iif = ctx->state->in->ifindex,
		.daddr = *daddr,
	};
	struct rt6_info *rt;
	bool local;

	if (ipv6_chk_addr(net, daddr, ctx->state->in, 0))
		return true;
	rt = dst_rt6_info(ip6_route_lookup(net, &fl6, ctx->skb, 0));
	local = !rt->dst.error && (rt->rt6i_flags & RTF_LOCAL);
	ip6_rt_put(rt);
	return local;
#else
	return false;
#endif
}

/**
 * cb_demux_is_local() - is the destination address this host's?
 * @ctx:	tuple parsed
 *
 * By the local table (a VRF's own), so `ip route add local PREFIX dev lo` counts
 * and a policy route does not.
 */
bool cb_demux_is_local(const struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;

	if (t->family == AF_INET6)
		return is_local6(ctx);
	return inet_addr_type_dev_table(ctx->state->net, ctx->state->in,
					t->daddr.a[0]) == RTN_LOCAL;
}

static struct dst_entry *route4(const struct cb_ctx *ctx, u8 tos)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct flowi4 fl4 = {
		.daddr = t->saddr.a[0],
		.saddr = t->daddr.a[0],
		.fl4_dport = t->sport,
		.fl4_sport = t->dport,
		.flowi4_proto = IPPROTO_TCP,
		.flowi4_oif = ctx->dress.oif,
		.flowi4_mark = ctx->dress.mark,
		.flowi4_tos = tos & INET_DSCP_MASK,
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *rt = ip_route_output_key(ctx->state->net, &fl4);

	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *route6(const struct cb_ctx *ctx, u8 tos)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct cb_tuple *t = &ctx->seg.tuple;
	struct flowi6 fl6 = {
		.daddr = t->saddr.in6,
		.saddr = t->daddr.in6,
		.fl6_dport = t->sport,
		.fl6_sport = t->dport,
		.flowi6_proto = IPPROTO_TCP,
		.flowi6_oif = ctx->dress.oif,
		.flowi6_mark = ctx->dress.mark,
		.flowlabel = ip6_make_flowinfo(tos, 0),
		.flowi6_uid = sock_net_uid(ctx->state->net, NULL),
	};
	struct dst_entry *dst;

	if (!fl6.flowi6_oif && (ipv6_addr_type(&fl6.daddr) & IPV6_ADDR_LINKLOCAL))
		fl6.flowi6_oif = ctx->state->in->ifindex;
	dst = ip6_dst_lookup_flow(ctx->state->net, NULL, &fl6, NULL);
	return IS_ERR(dst) ? NULL : dst;
#else
	return NULL;
#endif
}

/**
 * cb_demux_route() - route of the reply, as the listener's SYN-ACK would take
 * @ctx:	tuple parsed, dress filled in
 * @tos:	type of service of the reply
 *
 * Return: a referenced dst, or NULL where there is none.
 */
struct dst_entry *cb_demux_route(const struct cb_ctx *ctx, u8 tos)
{
	if (ctx->seg.tuple.family == AF_INET6)
		return route6(ctx, tos);
	return route4(ctx, tos);
}
