/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Engagement `auto`: a service is protected only while it is attacked.
 *
 *	calm	every segment is the stack's, as if the module were not there
 *	engaged	as engagement `always`
 *	(then)	calm, but for ACKs, until no cookie that was given out can open
 *
 * Engagement `observe` counts how often that would have begun.
 *
 * engage.c	packet path: is it protected now, and from now on?
 * attack.c	once a second: for how long yet? what was it like?
 *
 * The state of a service is in its anchor, so it outlives a change of settings.
 */
#ifndef CB_ENGAGE_H
#define CB_ENGAGE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include "pressure.h"

struct cb_anchor;
struct cb_ctx;
struct cb_net;
struct cb_service;
struct cb_service_spec;
struct cb_sketch;

#define CB_ATTACK_NAME	32	/* CB_NAME_LEN */
#define CB_ATTACKS	64u	/* that a namespace remembers */

/* What a service went through between engaging and releasing. */
struct cb_attack {
	u64 start_ms, end_ms;		/* CLOCK_REALTIME; end 0: it lasts */
	u64 answered;			/* SYNs, with a cookie */
	u64 completed;			/* cookies that came back */
	u32 peak;			/* SYNs in the worst second */
	u32 id;				/* of the service */
	char name[CB_ATTACK_NAME];
};

/* Sums over all CPUs of the counters that tell of an attack. */
struct cb_tally {
	u64 asked;		/* SYNs that the stack would have had to remember */
	u64 answered;
	u64 completed;
};

#define CB_ENGAGE_SLOTS	16u	/* power of 2 */

/* Engagement `observe`: what `auto` would have done. */
struct cb_would {
	u32 times;			/* engaged */
	u32 most;			/* embryonic connections that a SYN found */
	u32 until;			/* CB_ENGAGE_UNIT_SHIFT: it would last till then; 0: calm */
};

/* In an anchor. */
struct cb_engage {
	u32 engaged;			/* set last, cleared first: acquire, release */
	u32 opens_until;		/* CB_ENGAGE_UNIT_SHIFT; 0: no cookie is outstanding */
	struct cb_sketch *sketch;	/* calm.c; NULL: none */
	u32 stale[CB_ENGAGE_SLOTS];	/* least queue since the last release; stale_of() */
	struct cb_would would;		/* times, until: under cb_net->engage.lock */

	/* Under cb_net->engage.lock; what attack.c alone looks at, while engaged,
	 * without it.
	 */
	struct list_head node;
	struct cb_attack attack;
	struct cb_pressure pressure;
	struct cb_tally first, last;	/* at the beginning; when last looked at */
	u64 last_ms;			/* CLOCK_MONOTONIC */
	u32 capacity;
	u8 retries;			/* the listener's own (TCP_SYNCNT), or 0 */
	bool told;			/* the event was sent */
};

#define CB_ENGAGE_UNIT_SHIFT	10	/* opens_until is in 1,024 ms of CLOCK_MONOTONIC */

/* In struct cb_net. */
struct cb_engage_net {
	spinlock_t lock;		/* softirq */
	bool stopped;			/* the namespace goes: nothing engages any more */
	struct list_head engaged;	/* anchors, each referenced */
	struct delayed_work tick;	/* armed while one is engaged */
	struct cb_attack *history;	/* CB_ATTACKS, a ring; NULL until the first one */
	u64 n_attacks;			/* that have ended, ever */
};

/* A service's settings, with the sysctls where it has none. */
struct cb_engage_limits {
	u8 engage, release;		/* percent; release < engage */
	u16 hold_s;
};

struct cb_engage_limits cb_engage_limits(const struct cb_net *cbn,
					 const struct cb_service_spec *spec);

/* engage.c: is this segment, at PRE_ROUTING, cookiebox' business?  It may be the one
 * that engages.  BH off, rcu_read_lock(); the tuple is parsed.
 */
bool cb_engage_protects(struct cb_ctx *ctx);
/* May a cookie of the service come back? */
bool cb_engage_opens(const struct cb_service *svc, u64 now_ms);
void cb_engage_tally(const struct cb_anchor *anchor, struct cb_tally *sum);
void cb_engage_forget(struct cb_engage *e);
/* The moment after which no cookie sealed until now opens, for opens_until. */
u32 cb_engage_life_end(const struct cb_net *cbn, u64 now_ms);

/* attack.c: process context. */
void cb_engage_init(struct cb_net *cbn);
void cb_engage_stop(struct cb_net *cbn);	/* the hooks are off */
void cb_engage_exit(struct cb_net *cbn);	/* no segment is in them any more */
/* A commit is about to put these settings of a service in force. */
void cb_engage_changed(struct cb_net *cbn, const struct cb_service *old,
		       const struct cb_service *svc);
/* Of an engaged service: a copy of its attack. False: it is calm. */
bool cb_attack_of(struct cb_net *cbn, const struct cb_service *svc, struct cb_attack *out);
/* The first in the history with this number or a later one, which is returned in @n.
 * False: no more.
 */
bool cb_attack_past(struct cb_net *cbn, u64 *n, struct cb_attack *out);
u64 cb_attack_count(struct cb_net *cbn);
size_t cb_attack_bytes(const struct cb_net *cbn);

#endif
