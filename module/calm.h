/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Engagement `auto` on a gateway: what is counted while everything passes.
 *
 * A host's listener has a queue that can be read.  Here each service in mode splice that is
 * engaged by itself, or observed, has a sketch (sketch.h) of the handshakes that its servers
 * have begun and not completed, in its anchor: made with the first such settings, gone with
 * the anchor.
 */
#ifndef CB_CALM_H
#define CB_CALM_H

#include <linux/types.h>

struct cb_anchor;
struct cb_ctx;
struct cb_load;
struct cb_net;
struct cb_service;
struct cb_table;

int cb_calm_prepare(const struct cb_net *cbn, const struct cb_table *t);
void cb_calm_free(struct cb_anchor *anchor);
size_t cb_calm_bytes(const struct cb_anchor *anchor);

/* Of a segment's own service, in calm.  BH off, rcu_read_lock(). */
bool cb_calm_load(struct cb_ctx *ctx, struct cb_load *load);	/* a SYN passes: counts it */
void cb_calm_acked(struct cb_ctx *ctx);				/* an ACK passes */
/* From a server, of no flow that is known.  The tuple is the client's. */
void cb_calm_answered(struct cb_ctx *ctx);
bool cb_calm_counts(const struct cb_service *svc);
/* How many there are now.  False: nobody counts. */
bool cb_calm_half_open(const struct cb_service *svc, u32 *n);

#endif
