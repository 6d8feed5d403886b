/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The embryonic cache: SYN-ACKs of calm times, so that they can be sent again and
 * their exact options found.  Lossy: the cookie alone serves whoever is not in it.
 */
#ifndef CB_EMBRYONIC_H
#define CB_EMBRYONIC_H

#include "mode.h"

struct cb_embryo;
struct cb_embryonic;

/* Process context, cb_net->lock held.  By net.embryonic_max; 0 or -ENOMEM. */
int cb_embryonic_start(struct cb_net *cbn);
/* No longer found; to be freed once a grace period is over. */
struct cb_embryonic *cb_embryonic_detach(struct cb_net *cbn);
void cb_embryonic_free(struct cb_embryonic *emb);	/* may be NULL; sleeps */

/* Process context, takes cb_net->lock: as many places as the sysctl says now, all free. */
int cb_embryonic_resize(struct cb_net *cbn);

/* Forgets all; handshakes in flight go on by their cookies.  Process context. */
void cb_embryonic_flush(struct cb_net *cbn);

/* Context: rcu_read_lock(). */
u32 cb_embryonic_count(const struct cb_net *cbn);
size_t cb_embryonic_bytes(const struct cb_net *cbn);

/* Packet path, BH off, rcu_read_lock(). */
/* The SYN-ACK of ctx has been sent, of a service that always answers.  Is it kept? */
bool cb_embryonic_answered(struct cb_ctx *ctx);
/* A cookie opened: MSS and window scale of ctx->opened become exact, if they are known. */
void cb_embryonic_exact(struct cb_ctx *ctx);
/* The same, and it is redeemed now: forgotten. */
void cb_embryonic_redeem(struct cb_ctx *ctx);
/* A RST: with the right sequence number, its SYN-ACK is forgotten. */
void cb_embryonic_reset(struct cb_ctx *ctx);

/**
 * cb_resend() - send a SYN-ACK again
 * @cbn:	namespace
 * @gate:	which source prefixes may still be sent one
 * @e:		what it was
 * @now_ms:	CLOCK_MONOTONIC, ms
 *
 * Only if its ACK would be redeemed now; made anew, with a fresh timestamp, and
 * routed.  Context: softirq, rcu_read_lock(), no lock held.  Return: false if there
 * is no use in trying later.  resend.c.
 */
bool cb_resend(struct cb_net *cbn, struct cb_gate *gate, const struct cb_embryo *e, u64 now_ms);

#endif
