/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Single use: a cookie makes one connection.
 *
 * redeem.c asks on the packet path (softirq or BH off, rcu_read_lock());
 * redeemset.c makes, resizes and empties the set (process context).
 */
#ifndef CB_REDEEM_H
#define CB_REDEEM_H

#include <linux/percpu.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include "prints.h"
#include "segment.h"

struct cb_ctx;
struct cb_net;
struct cb_ring;

#define CB_SINGLE_USE_MIN	64u
#define CB_SINGLE_USE_MAX	16777216u

/* A redemption whose connection has not been seen yet. */
struct cb_recent_one {
	u64 print;
	u32 at;				/* where the set holds it */
	u32 hash;			/* of the tuple: cb_demux_hash() */
	u64 since_ms;			/* CLOCK_MONOTONIC */
	struct cb_tuple tuple;
	int dif, sdif;			/* devices that sockets may be bound to */
};

#define CB_RECENT	16u

/* Of one CPU, which alone uses it, in softirq or with BH off. */
struct cb_recent {
	struct timer_list timer;	/* looks at those that no later redemption looked at */
	struct cb_net *cbn;
	u64 unheld;			/* redeemed though the set was full */
	unsigned int n;
	struct cb_recent_one one[CB_RECENT];	/* the last one is the newest */
};

/* In struct cb_net. */
struct cb_redeem {
	struct cb_prints __rcu *set;	/* NULL until the first service; cb_net->lock */
	struct cb_recent __percpu *recent;	/* as long as set */
	struct work_struct work;	/* forgets, and tells that the set is full */
	u8 swept;			/* newest serial that the work has seen; cb_net->lock */
	u16 told;			/* serial + 1 of the epoch of the last time it was full */
	bool full;			/* to be told */
};

/* May the cookie that ctx->opened tells of be redeemed? CB_R_NONE: it is, tentatively,
 * and the caller says by cb_redeem_end() what came of it.
 */
enum cb_reason cb_redeem_begin(struct cb_ctx *ctx);
void cb_redeem_end(struct cb_ctx *ctx, enum cb_reason reason);

/* Mode splice says it later, of a cookie that cb_redeem_begin() let pass: its connection
 * is there, or came to nothing.  Where @print is held already or not, nothing changes.
 */
void cb_redeem_confirm(struct cb_net *cbn, u64 print, u32 at);
void cb_redeem_undo(struct cb_net *cbn, u64 print);

/* Was it redeemed, and its connection seen?  Changes nothing. */
bool cb_redeem_replays(const struct cb_ctx *ctx);

/* The connection of the newest redemption may end now: look for it. */
void cb_redeem_settle(struct cb_net *cbn);

void cb_redeem_timer(struct timer_list *timer);

/* redeemset.c: cb_net->lock held. */
int cb_redeem_start(struct cb_net *cbn);
void cb_redeem_advanced(struct cb_net *cbn, const struct cb_ring *ring);

/* redeemset.c: without it. */
void cb_redeem_init(struct cb_net *cbn);
void cb_redeem_exit(struct cb_net *cbn);	/* hooks and key ring are gone */
int cb_redeem_resize(struct cb_net *cbn);	/* the sysctl single_use_max was written */

struct cb_redeem_info {
	u32 max, held;
	u64 bytes;
	u64 unheld;
};
void cb_redeem_read(struct cb_net *cbn, struct cb_redeem_info *info);
u64 cb_redeem_bytes(const struct cb_net *cbn);	/* rcu_read_lock() */

#endif
