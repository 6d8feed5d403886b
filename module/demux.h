/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose segment is it?  Questions to the host's TCP hash tables and FIB, for
 * local mode.  All under rcu_read_lock(), BH off; nothing is held on return.
 */
#ifndef CB_DEMUX_H
#define CB_DEMUX_H

#include "mode.h"

struct sock;

/* Is the tuple in the established hash, in whatever state? */
bool cb_demux_established(struct cb_ctx *ctx);
/* Its hash there, keyed by the host. */
u32 cb_demux_hash(struct cb_ctx *ctx);
u32 cb_demux_tuple_hash(struct net *net, const struct cb_tuple *t);

/* The same, later: of a tuple and the devices that its segment came by. */
void cb_demux_devices(const struct cb_ctx *ctx, int *dif, int *sdif);
bool cb_demux_has_tuple(struct net *net, const struct cb_tuple *t, u32 hash, int dif, int sdif);

enum cb_early {
	CB_EARLY_NONE,
	CB_EARLY_KNOWN,		/* of a connection, which may be attached to it */
	CB_EARLY_REQUEST,	/* there is an embryonic connection, but this is no answer to it */
};

/* Whose ACK is this?  PRE_ROUTING. */
enum cb_early cb_demux_early(struct sk_buff *skb, const struct nf_hook_state *state,
			     int thoff, struct cb_hash *hash);

/* A cookie opened for the tuple of an embryonic connection: drop the latter. */
void cb_demux_forget_request(struct cb_ctx *ctx);

/* Who listens? NULL, or a TCP_LISTEN socket, valid until rcu_read_unlock(). */
struct sock *cb_demux_listener(const struct cb_ctx *ctx);

/* authopt.c: has the listener a TCP-MD5 key for the source? */
bool cb_authopt_expected(struct cb_ctx *ctx);

/* The same of a tuple alone: ctx has no skb, state->in and dress.sdif say where the
 * client's segments come from.
 */
bool cb_demux_tuple_known(const struct cb_ctx *ctx);
struct sock *cb_demux_tuple_listener(const struct cb_ctx *ctx);

/* Is the destination address this host's? */
bool cb_demux_is_local(const struct cb_ctx *ctx);

/* Route that a reply to this segment would take; referenced, or NULL. */
struct dst_entry *cb_demux_route(const struct cb_ctx *ctx, u8 tos);

/* local.c: can the socket path make a child of this listener? */
bool cb_local_serves(const struct sock *listener);

/* offer.c: fills ctx->policy and ctx->dress. CB_ANSWER, or why not: CB_PASS, or
 * CB_DROP where the stack would drop as well.
 */
struct cb_decision cb_offer_local(struct cb_ctx *ctx);

/* offer.c: is there a listener here for a cookie to serve? CB_PASS if not. */
struct cb_decision cb_offer_serves(struct cb_ctx *ctx);

/* offer.c: the part of ctx->policy that an ACK is opened with; sysctls and the
 * service alone say it. CB_ANSWER, or CB_PASS and SYNCOOKIES_OFF.
 */
struct cb_decision cb_offer_sealed_by(struct cb_ctx *ctx);

int cb_offer_register(void);		/* the per-CPU table; module init, before any namespace */
void cb_offer_unregister(void);

#endif
