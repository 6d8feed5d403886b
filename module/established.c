// SPDX-License-Identifier: GPL-2.0
/*
 * A look into the host's table of connections (the established hash).
 *
 * Owns no state.  It is what __inet_lookup_established() and its twin do, with two
 * differences: the hash is the caller's, and the socket need not be held.
 *
 * Invariant: as the memory of sockets is given to other sockets without a grace period,
 * what a chain leads to may change under our eyes.  So it ends with the number of its
 * bucket, or is walked again; and a socket that is to be held is compared again when it
 * is.  One that is not held was there, at a moment of this call: that is all that is said.
 * Called by demux.c, softirq or BH off, under rcu_read_lock().
 */
#include <linux/netfilter_bridge.h>
#include <linux/rculist_nulls.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include "established.h"

/* What sockets are bound to.  Bridge netfilter runs PRE_ROUTING while the segment is
 * still the bridge's: the device that it will have come by is known to the hook alone.
 */
int cb_established_dif(const struct nf_hook_state *state, const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	if (unlikely(nf_bridge_info_exists(skb)))
		return state->in->ifindex;
#endif
	return state->pf == NFPROTO_IPV6 ? inet6_iif(skb) : inet_iif(skb);
}

int cb_established_sdif(const struct nf_hook_state *state, const struct sk_buff *skb)
{
	return state->pf == NFPROTO_IPV6 ? inet6_sdif(skb) : inet_sdif(skb);
}

static bool matches4(struct net *net, const struct sock *sk, const struct cb_ends *e,
		     int dif, int sdif)
{
	INET_ADDR_COOKIE(cookie, *(const __be32 *)e->saddr, *(const __be32 *)e->daddr);

	return inet_match(net, sk, cookie, INET_COMBINED_PORTS(e->sport, ntohs(e->dport)),
			  dif, sdif);
}

static bool matches6(struct net *net, const struct sock *sk, const struct cb_ends *e,
		     int dif, int sdif)
{
#if IS_ENABLED(CONFIG_IPV6)
	const __portpair ports = INET_COMBINED_PORTS(e->sport, ntohs(e->dport));

	return inet6_match(net, sk, e->saddr, e->daddr, ports, dif, sdif);
#else
	return false;
#endif
}

/* The devices are asked for only here, which is seldom where nothing is found. */
static bool matches(struct net *net, const struct sock *sk, const struct cb_ends *e)
{
	int dif = e->dif, sdif = e->sdif;

	if (e->skb) {
		dif = cb_established_dif(e->state, e->skb);
		sdif = cb_established_sdif(e->state, e->skb);
	}
	if (e->family == AF_INET6)
		return matches6(net, sk, e, dif, sdif);
	return matches4(net, sk, e, dif, sdif);
}

u32 cb_established_hash(struct net *net, const struct cb_ends *e)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (e->family == AF_INET6)
		return inet6_ehashfn(net, e->daddr, ntohs(e->dport), e->saddr, e->sport);
#endif
	return inet_ehashfn(net, *(const __be32 *)e->daddr, ntohs(e->dport),
			    *(const __be32 *)e->saddr, e->sport);
}

const struct sock *cb_established_find(struct net *net, const struct cb_ends *e, u32 hash)
{
	const struct inet_hashinfo *info = net->ipv4.tcp_death_row.hashinfo;
	unsigned int slot = hash & info->ehash_mask;
	const struct hlist_nulls_node *node;
	const struct sock *sk;

	do {
		sk_nulls_for_each_rcu(sk, node, &info->ehash[slot].chain)
			if (sk->sk_hash == hash && matches(net, sk, e))
				return refcount_read(&sk->sk_refcnt) ? sk : NULL;
	} while (unlikely(get_nulls_value(node) != slot));
	return NULL;
}

/* Whoever has the hash is held, and compared then: it hardly ever is another. */
struct sock *cb_established_get(struct net *net, const struct cb_ends *e, u32 hash)
{
	const struct inet_hashinfo *info = net->ipv4.tcp_death_row.hashinfo;
	unsigned int slot = hash & info->ehash_mask;
	const struct hlist_nulls_node *node;
	struct sock *sk;
	bool gone;

	do {
		gone = false;
		sk_nulls_for_each_rcu(sk, node, &info->ehash[slot].chain) {
			if (sk->sk_hash != hash || !refcount_inc_not_zero(&sk->sk_refcnt))
				continue;
			gone = hlist_nulls_unhashed_lockless(&sk->sk_nulls_node);
			if (likely(!gone && matches(net, sk, e)))
				return sk;
			sock_gen_put(sk);
			if (gone)	/* its TIME_WAIT may have taken its place */
				break;
		}
	} while (unlikely(gone || get_nulls_value(node) != slot));
	return NULL;
}
