// SPDX-License-Identifier: GPL-2.0
/*
 * Which clients does a listener expect to sign their segments (TCP-MD5, RFC 2385)?
 *
 * Owns no state.  The kernel's own look-up of a key is not exported everywhere, its
 * list of keys is public; nothing is decided here but who decides: the stack.
 * Softirq, rcu_read_lock().
 */
#include <linux/inetdevice.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/tcp.h>
#include "demux.h"

#ifdef CONFIG_TCP_MD5SIG
static bool covers(const struct tcp_md5sig_key *key, const struct cb_tuple *t)
{
	__be32 mask = inet_make_mask(key->prefixlen);

	if (key->family != t->family)
		return false;
	if (t->family == AF_INET6)
		return ipv6_prefix_equal(&key->addr.a6, &t->saddr.in6, key->prefixlen);
	return (key->addr.a4.s_addr & mask) == (t->saddr.a[0] & mask);
}

static bool has_key(const struct sock *sk, const struct cb_ctx *ctx)
{
	int l3index = l3mdev_master_ifindex_rcu(ctx->state->in);
	const struct tcp_md5sig_info *keys;
	const struct tcp_md5sig_key *key;

	keys = rcu_dereference(tcp_sk(sk)->md5sig_info);
	if (!keys)
		return false;
	hlist_for_each_entry_rcu(key, &keys->head, node) {
		if ((key->flags & TCP_MD5SIG_FLAG_IFINDEX) && key->l3index != l3index)
			continue;
		if (covers(key, &ctx->seg.tuple))
			return true;
	}
	return false;
}
#else
static bool has_key(const struct sock *sk, const struct cb_ctx *ctx)
{
	return false;
}
#endif

/**
 * cb_authopt_expected() - has the listener a key for the source of this SYN?
 * @ctx:	header parsed
 *
 * The stack drops a SYN of such a source that is not signed.  A cookie would
 * have the client believe that it is connected.
 */
bool cb_authopt_expected(struct cb_ctx *ctx)
{
	const struct sock *sk = cb_demux_listener(ctx);

	return sk && has_key(sk, ctx);
}
