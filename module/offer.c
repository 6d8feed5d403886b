// SPDX-License-Identifier: GPL-2.0
/*
 * What a local SYN-ACK may offer.
 *
 * Owns a small per-CPU table, direct-mapped, of what depends on the destination
 * alone: is it local, who listens, which options, MSS and window to announce.  An
 * entry holds numbers only (no device, route or socket), lives for 100 ms, and is
 * keyed by the namespace's cookie, which is never used twice, so it needs no
 * clean-up when a namespace goes.  Invariant: only its own CPU touches it, with
 * BH off.
 */
#include <linux/jhash.h>
#include <linux/percpu.h>
#include <net/addrconf.h>
#include <net/inet_ecn.h>
#include <net/tcp.h>
#include "demux.h"
#include "elsewhere.h"
#include "uapi/linux/cookiebox.h"

#define DEST_SLOTS	32u
#define DEST_LIFE_MS	100
#define FULL_LIFE_MS	1	/* of an accept queue that was found full */

struct dest {
	struct cb_addr daddr;
	u64 net_cookie;			/* 0: empty */
	u64 until_ms;			/* CLOCK_MONOTONIC */
	int ifindex;
	int sdif;
	u16 space;			/* most that may be announced, bytes, not rounded */
	u16 window[2];			/* what the stack announces: [1] with timestamps */
	u32 room;			/* offers until the accept queue is looked at again */
	struct cb_dress dress;		/* mark: the listener's only */
	struct cb_policy policy;	/* but for what differs between SYNs and services */
	__be16 dport;
	u8 family;
	u8 reason;			/* CB_R_NONE: may be answered */
	bool has_keys;			/* TCP-MD5 or TCP-AO */
};

/* Not in the module's static per-CPU space, which all modules share: 8 KiB. */
static struct dest __percpu *dests;	/* DEST_SLOTS of them */

static int sdif_of(const struct cb_ctx *ctx)
{
	if (ctx->seg.tuple.family == AF_INET6)
		return inet6_sdif(ctx->skb);
	return inet_sdif(ctx->skb);
}

/* As dst_metric_advmss() defaults to, for the device the SYN came in by. */
static u32 device_mss(const struct cb_ctx *ctx)
{
	u32 mtu = READ_ONCE(ctx->state->in->mtu);
	u32 headers = sizeof(struct tcphdr);

	headers += ctx->seg.tuple.family == AF_INET6 ? sizeof(struct ipv6hdr) :
						       sizeof(struct iphdr);
	mtu = min_t(u32, mtu, U16_MAX);
	return mtu > headers + TCP_MIN_MSS ? mtu - headers : TCP_MIN_MSS;
}

static bool has_keys(const struct sock *sk)
{
	bool keys = false;

#ifdef CONFIG_TCP_MD5SIG
	keys |= !!rcu_access_pointer(tcp_sk(sk)->md5sig_info);
#endif
#ifdef CONFIG_TCP_AO
	keys |= !!rcu_access_pointer(tcp_sk(sk)->ao_info);
#endif
	return keys;
}

/* What the listener would take and a cookie cannot hold. */
static u8 extras_of(const struct sock *sk, struct net *net)
{
	u8 extras = sk_is_mptcp(sk) ? CB_OPT_MPTCP : 0;

	if ((READ_ONCE(net->ipv4.sysctl_tcp_fastopen) & TFO_SERVER_ENABLE) &&
	    READ_ONCE(inet_csk(sk)->icsk_accept_queue.fastopenq.max_qlen))
		extras |= CB_OPT_FASTOPEN;
	return extras;
}

static void dress_of(struct cb_dress *dress, const struct cb_ctx *ctx, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	dress->mark = READ_ONCE(sk->sk_mark);
	dress->sdif = sdif_of(ctx);
	dress->priority = READ_ONCE(sk->sk_priority);
	dress->oif = READ_ONCE(sk->sk_bound_dev_if);
	if (!dress->oif && netif_is_l3_master(ctx->state->in))
		dress->oif = ctx->state->in->ifindex;
	dress->ttl = inet->uc_ttl;
	dress->tos = inet->tos & ~INET_ECN_MASK;
#if IS_ENABLED(CONFIG_IPV6)
	if (ctx->seg.tuple.family == AF_INET6) {
		dress->ttl = inet6_sk(sk)->hop_limit;
		dress->tos = inet6_sk(sk)->tclass & ~INET_ECN_MASK;
	}
#endif
}

/* As tcp_openreq_init_rwin() computes it for the stack's own SYN-ACK. */
static u32 space_of(const struct sock *sk, u32 clamp)
{
	int full = max(tcp_full_space(sk), 0);

	if ((sk->sk_userlocks & SOCK_RCVBUF_LOCK) && (!clamp || clamp > full))
		clamp = full;
	return clamp ? min_t(u32, clamp, full) : full;
}

/* As tcp_select_initial_window() rounds it. */
static u16 rounded(u32 space, u32 mss)
{
	return space > mss ? rounddown(space, mss) : space;
}

static void fill_window(struct dest *d, struct net *net, u32 space, u32 initrwnd)
{
	u32 limit = READ_ONCE(net->ipv4.sysctl_tcp_workaround_signed_windows) ?
		    MAX_TCP_WINDOW : U16_MAX;
	u32 mss = d->policy.mss;

	if (initrwnd)
		limit = min(limit, initrwnd * mss);
	d->window[0] = min(rounded(space, mss), limit);
	d->window[1] = min(rounded(space, mss - TCPOLEN_TSTAMP_ALIGNED), limit);
	d->space = min(space, limit);
}

/* A function of the namespace's sysctls alone, so that the ACK, which is opened
 * with the same value, finds what the SYN-ACK announced.
 */
static u8 window_shift(struct net *net)
{
	u32 space = max_t(u32, READ_ONCE(net->ipv4.sysctl_tcp_rmem[2]),
			  READ_ONCE(sysctl_rmem_max));

	return clamp_t(int, ilog2(space | 1) - 15, 0, TCP_MAX_WSCALE);
}

static void ask_sysctls(struct cb_policy *policy, struct net *net)
{
	policy->timestamps = READ_ONCE(net->ipv4.sysctl_tcp_timestamps);
	policy->sack = READ_ONCE(net->ipv4.sysctl_tcp_sack);
	policy->wscale = READ_ONCE(net->ipv4.sysctl_tcp_window_scaling);
	policy->ecn = READ_ONCE(net->ipv4.sysctl_tcp_ecn);
	policy->rcv_wscale = window_shift(net);
}

/* What the route back says.  The least of route and device counts, so that a
 * spoofed source can lower nothing but to what a route of ours already says.
 */
static void ask_route(struct dest *d, struct cb_ctx *ctx, const struct sock *sk)
{
	u32 clamp = READ_ONCE(tcp_sk(sk)->window_clamp), initrwnd = 0;
	u32 mss = device_mss(ctx);
	struct dst_entry *dst;

	ctx->dress = d->dress;
	dst = cb_demux_route(ctx, d->dress.tos);
	if (dst) {
		mss = min_t(u32, mss, max_t(u32, dst_metric_advmss(dst), TCP_MIN_MSS));
		clamp = clamp ?: dst_metric(dst, RTAX_WINDOW);
		initrwnd = dst_metric(dst, RTAX_INITRWND);
		d->policy.ecn |= !!dst_feature(dst, RTAX_FEATURE_ECN);
		dst_release(dst);
	}
	d->policy.mss = tcp_mss_clamp(tcp_sk(sk), mss);
	fill_window(d, ctx->state->net, space_of(sk, clamp), initrwnd);
}

/* As the stack drops SYNs while the accept queue is full (tcp_conn_request()), and
 * for a reason of our own: nobody repeats a SYN-ACK whose ACK finds the queue full,
 * so a client that waits for the server to speak would wait for ever.
 */
static enum cb_reason ask_queue(struct dest *d, const struct cb_ctx *ctx, const struct sock *sk)
{
	u32 queued = READ_ONCE(sk->sk_ack_backlog);
	u32 limit = READ_ONCE(sk->sk_max_ack_backlog);

	if (queued <= limit) {
		d->room = limit - queued + 1;
		return CB_R_NONE;
	}
	/* Another member of a group may have room. */
	d->until_ms = ctx->now_ms + (sk->sk_reuseport ? 0 : FULL_LIFE_MS);
	return CB_R_QUEUE_FULL;
}

/* Returns what to note as the reason. */
static enum cb_reason ask_host(struct dest *d, struct cb_ctx *ctx)
{
	struct sock *sk;

	if (!cb_demux_is_local(ctx) ||
	    cb_elsewhere_has(ctx->cbn, &ctx->seg.tuple, ctx->now_ms))
		return CB_R_NOT_LOCAL;
	sk = cb_demux_listener(ctx);
	if (!sk)
		return CB_R_NO_LISTENER;
	if (!cb_local_serves(sk))
		return CB_R_LISTENER_UNSUPPORTED;
	dress_of(&d->dress, ctx, sk);
	d->has_keys = has_keys(sk);
	ask_sysctls(&d->policy, ctx->state->net);
	d->policy.extras = extras_of(sk, ctx->state->net);
	ask_route(d, ctx, sk);
	return ask_queue(d, ctx, sk);
}

/* Out of line: all but one SYN in 100 ms go without its stack. */
static noinline void fill_dest(struct dest *d, struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;

	*d = (struct dest) {
		.net_cookie = ctx->state->net->net_cookie,
		.daddr = t->daddr,
		.dport = t->dport,
		.family = t->family,
		.ifindex = ctx->state->in->ifindex,
		.sdif = sdif_of(ctx),
		.room = U32_MAX,
		.until_ms = ctx->now_ms + DEST_LIFE_MS,
	};
	d->reason = ask_host(d, ctx);
}

static struct dest *find_dest(struct cb_ctx *ctx)
{
	const struct cb_tuple *t = &ctx->seg.tuple;
	int ifindex = ctx->state->in->ifindex;
	u32 port = be16_to_cpu(t->dport);
	struct dest *d;

	d = this_cpu_ptr(dests) +
	    (be32_to_cpu(t->daddr.a[0] ^ t->daddr.a[3]) ^ port ^ ifindex) % DEST_SLOTS;
	if (likely(d->net_cookie == ctx->state->net->net_cookie &&
		   d->daddr.q[0] == t->daddr.q[0] && d->daddr.q[1] == t->daddr.q[1] &&
		   d->dport == t->dport && d->family == t->family && d->ifindex == ifindex &&
		   ctx->now_ms < d->until_ms && d->room && d->sdif == sdif_of(ctx)))
		return d;
	fill_dest(d, ctx);
	return d;
}

/* The stack's own rounding.  The socket will round to the client's MSS, which loses
 * less than one MSS: where that is more than ours, so much is left out here.
 */
static u16 window_of(const struct cb_ctx *ctx, const struct dest *d)
{
	bool timestamps = ctx->policy.timestamps && (ctx->seg.opt.has & CB_OPT_TS);
	u32 mss = ctx->seg.opt.mss, space = d->space;

	if (likely(mss <= ctx->policy.mss) || mss >= space)
		return d->window[timestamps];
	return min_t(u32, d->window[timestamps], space - mss + 1);
}

/* A SYN that is marked ECN-capable in its IP header is no ECN-setup SYN to the
 * stack (tcp_ecn_create_request()).
 */
static bool ecn_marked(const struct cb_ctx *ctx)
{
	u8 dsfield;

	if (likely(!(ctx->seg.flags & CB_TCP_ECE)))
		return false;
	dsfield = ctx->seg.tuple.family == AF_INET6 ? ipv6_get_dsfield(ipv6_hdr(ctx->skb)) :
						      ip_hdr(ctx->skb)->tos;
	return !INET_ECN_is_not_ect(dsfield);
}

/* Of a SYN or at PRE_ROUTING; at LOCAL_IN the service that is found may not be
 * the one that sealed, and PRE_ROUTING has judged.
 */
static bool drops_no_timestamps(const struct cb_ctx *ctx)
{
	return ctx->state->hook == NF_INET_PRE_ROUTING &&
	       ctx->svc->spec.no_timestamps == COOKIEBOX_NO_TIMESTAMPS_DROP;
}

static void fill_policy(struct cb_ctx *ctx, const struct dest *d)
{
	struct cb_policy *policy = &ctx->policy;

	*policy = d->policy;
	policy->ecn &= !ecn_marked(ctx);
	policy->drop_no_timestamps = drops_no_timestamps(ctx);
	policy->auth_drop = ctx->svc->spec.auth != COOKIEBOX_AUTH_OPTION_PASS || !d->has_keys;
	policy->window = window_of(ctx, d);
}

struct cb_decision cb_offer_sealed_by(struct cb_ctx *ctx)
{
	struct net *net = ctx->state->net;

	if (!READ_ONCE(net->ipv4.sysctl_tcp_syncookies))
		return cb_decide(CB_PASS, CB_R_SYNCOOKIES_OFF);
	ctx->policy.wscale = READ_ONCE(net->ipv4.sysctl_tcp_window_scaling);
	ctx->policy.rcv_wscale = window_shift(net);
	ctx->policy.drop_no_timestamps = drops_no_timestamps(ctx);
	return cb_decide(CB_ANSWER, CB_R_NONE);
}

static void fill_dress(struct cb_ctx *ctx, const struct dest *d)
{
	struct net *net = ctx->state->net;

	ctx->dress = d->dress;
	if (!ctx->dress.mark && READ_ONCE(net->ipv4.sysctl_tcp_fwmark_accept))
		ctx->dress.mark = ctx->skb->mark;
}

static struct cb_decision serves(const struct cb_ctx *ctx, const struct dest *dest)
{
	struct cb_decision d = { .action = CB_PASS, .reason = dest->reason };

	if (d.reason == CB_R_QUEUE_FULL)
		d.action = CB_DROP;
	if (d.reason != CB_R_NONE)
		return d;
	if (!READ_ONCE(ctx->state->net->ipv4.sysctl_tcp_syncookies))
		d.reason = CB_R_SYNCOOKIES_OFF;
	else
		d.action = CB_ANSWER;
	return d;
}

struct cb_decision cb_offer_serves(struct cb_ctx *ctx)
{
	return serves(ctx, find_dest(ctx));
}

/**
 * cb_offer_local() - may a segment for a local listener be answered, and how?
 * @ctx:	header and options parsed; policy and dress are filled in
 *
 * Context: softirq, rcu_read_lock().  Return: CB_ANSWER; CB_PASS and NOT_LOCAL,
 * NO_LISTENER, LISTENER_UNSUPPORTED, AUTH_PASSED or SYNCOOKIES_OFF; or CB_DROP and QUEUE_FULL.
 */
struct cb_decision cb_offer_local(struct cb_ctx *ctx)
{
	struct dest *dest = find_dest(ctx);
	struct cb_decision d = serves(ctx, dest);

	if (d.action != CB_ANSWER)
		return d;
	/* The stack knows the connection by its token, and resets if there is none. */
	if ((dest->policy.extras & CB_OPT_MPTCP) && (ctx->seg.opt.has & CB_OPT_JOIN))
		return cb_decide(CB_PASS, CB_R_LISTENER_UNSUPPORTED);
	if (dest->has_keys && !(ctx->seg.opt.has & CB_OPT_AUTH) && cb_authopt_expected(ctx))
		return cb_decide(CB_PASS, CB_R_AUTH_PASSED);
	dest->room--;
	fill_policy(ctx, dest);
	fill_dress(ctx, dest);
	return d;
}

int cb_offer_register(void)
{
	dests = __alloc_percpu(DEST_SLOTS * sizeof(struct dest), __alignof__(struct dest));
	return dests ? 0 : -ENOMEM;
}

void cb_offer_unregister(void)
{
	free_percpu(dests);
}
