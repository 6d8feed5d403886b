/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's table of connections: is a tuple in it?
 *
 * Every SYN and every ACK that opens a cookie asks, some of them three times.  The
 * hash is therefore computed once and handed on, and to find that nothing is there,
 * or something, takes neither a call nor a reference.
 */
#ifndef CB_ESTABLISHED_H
#define CB_ESTABLISHED_H

#include <linux/skbuff.h>
#include <linux/netfilter.h>

struct sock;

/* The ends of a segment from the client, and by which devices sockets are looked up. */
struct cb_ends {
	const void *saddr, *daddr;	/* in_addr or in6_addr */
	__be16 sport, dport;
	u8 family;
	const struct nf_hook_state *state;	/* skb's: then the devices are asked of... */
	const struct sk_buff *skb;	/* ...it, if need be; NULL: */
	int dif, sdif;			/* index of the device, and of a member of its VRF or 0 */
};

/* As the host's table hashes the ends; keyed by a secret of the host. */
u32 cb_established_hash(struct net *net, const struct cb_ends *e);

/**
 * cb_established_find() - is there a socket of these ends, in whatever state?
 * @net:	namespace
 * @e:		ends
 * @hash:	cb_established_hash() of them
 *
 * Context: BH off or softirq, rcu_read_lock().  Return: a socket (full, TIME_WAIT or
 * NEW_SYN_RECV) that was there, of which no reference is held, so that nothing but
 * its state may be looked at; or NULL.
 */
const struct sock *cb_established_find(struct net *net, const struct cb_ends *e, u32 hash);

/* The same, referenced: for sock_gen_put(). */
struct sock *cb_established_get(struct net *net, const struct cb_ends *e, u32 hash);

/* By which devices sockets are looked up for a segment: see struct cb_ends. */
int cb_established_dif(const struct nf_hook_state *state, const struct sk_buff *skb);
int cb_established_sdif(const struct nf_hook_state *state, const struct sk_buff *skb);

#endif
