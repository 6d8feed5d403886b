/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mode splice: the listener is on a server behind this host, which knows nothing of
 * cookies.
 *
 *	client                        box                          server
 *	   |---- SYN ------------------>|                             |
 *	   |<--- SYN-ACK (cookie) ------|                             |
 *	   |---- ACK ------------------>|---- SYN (client's ISN) ---->|	waiting
 *	   |---- data --------------- held                            |
 *	   |<--- ACK, window -----------|<--- SYN-ACK ----------------|	open
 *	   |                            |---- ACK, what was held ---->|
 *	   |<--- data ------- cb_translate() in place ------- data -->|
 *	   |---- FIN, FIN, RST ---------|-----------------------------|	closing
 *
 * Everything on the box between our hook at PRE_ROUTING and our hook at POST_ROUTING
 * (connection tracking, NAT, rules, routing) sees one connection, in the server's
 * numbers.
 *
 *	splice.c	the mode: a cookie opened; what it is asked for by judge.c
 *	splice-flow.c	flows: begin, open, close, end; limits; life
 *	splice-cap.c	how many of one source or server may wait
 *	splice-timer.c	what a flow does when nobody sends anything
 *	splice-in.c	segments of clients, at PRE_ROUTING
 *	splice-out.c	segments of servers, at POST_ROUTING
 *	splice-tracked.c entries of connection tracking, at FORWARD
 *	splice-icmp.c	errors that quote either
 *	splice-hold.c	early segments that wait for the server
 *	splice-learn.c	what servers are like
 *	splice-send.c	segments that the box makes itself
 *	adopt.c		connections that are older than their service
 *	splice-net.c	of a namespace: hook at POST_ROUTING, beginning and end
 *
 * Packet path: softirq or BH off, rcu_read_lock().
 */
#ifndef CB_SPLICE_H
#define CB_SPLICE_H

#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/siphash.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include "flow.h"
#include "mode.h"
#include "translate.h"

/* What is announced, whatever the server's own will be: cookies open only under the
 * window scale that they were sealed with, and that of the server may not be known yet.
 * 7 is Linux's own for buffers of up to 8 MiB.
 */
#define CB_SPLICE_WSCALE	7u
#define CB_SPLICE_WINDOW_MSS	4u	/* until the server answers */

#define CB_SPLICE_DOUBT		(5 * HZ)	/* twice */
#define CB_SPLICE_HELD_MAX	16384u	/* bytes of early segments a flow, with headers */

enum cb_splice_state {
	CB_SPLICE_WAITING,		/* a SYN went to the server */
	CB_SPLICE_OPEN,			/* it answered: both ways are translated */
	CB_SPLICE_CLOSING,		/* both FINs were acknowledged, or a RST seen */
	CB_SPLICE_RESET,		/* by the admin: whoever of the two sends gets a RST */
};

/* One end of an open connection.  Racing CPUs may lose a step of it. */
struct cb_splice_end {
	u32 ack;			/* last: what it expects; in the client's view */
	u32 window;			/* it takes, bytes */
	u32 fin;			/* SEQ behind its FIN; in the client's view */
	u32 heard;			/* jiffies, when it last sent */
	u8 wscale;
	bool finished;			/* its FIN was seen */
};

/* As long as the flow is waiting, and not a moment longer: under flows->lock. */
struct cb_splice_waiting {
	struct sk_buff *held;		/* early segments, in order of arrival */
	struct sk_buff **held_end;
	u64 print;			/* of the cookie: redeem.c */
	u32 print_at;
	u32 ts_off;			/* client's view of our clock: CLOCK_MONOTONIC ms + this */
	u32 tsval;			/* the client's, of the ACK that opened */
	u16 held_bytes;
	u16 window;			/* the client's last, as it stood in the segment */
};

struct cb_splice {
	struct cb_flow flow;		/* first: the table of flows finds it */
	struct cb_shift shift;		/* constant once the flow is open */
	u32 cisn, isn;			/* the client's, and the cookie: what the client sees */
	u32 mark;			/* of the ACK that opened the cookie */
	int ifindex;			/* the client's side */
	u8 state;			/* under flows->lock; OPEN with release */
	u8 tries;			/* SYNs or probes that were sent in vain */
	u8 tos, ttl;			/* of the ACK that opened the cookie */
	u8 again;			/* while waiting: bare ACKs that came once more */
	bool doubted;			/* a RST was passed on that may have ended it */
	bool asked;			/* for that; both under flows->lock */
	bool vrf;			/* ifindex is a VRF's own */
	struct timer_list timer;
	struct cb_net *cbn;
	union {
		struct cb_splice_waiting w;
		struct {
			struct cb_splice_end client, server;
		};
	};
};

#define CB_SPLICE_COST	272u	/* 227 in a page of them, and a share of the table: flow.h */

#define CB_CAP_SLOTS	1024u		/* power of 2 */

#define CB_SPLICE_HOOKS (2 * CB_FAMILIES)	/* two a family: splice-net.c */

/* Of a namespace; made with its first service of mode splice, freed with it. */
struct cb_splicing {
	unsigned long ports[BITS_TO_LONGS(65536)];	/* that a spliced server had, ever */
	struct cb_net *cbn;
	struct work_struct idle;	/* the last flow is gone */
	struct work_struct track;	/* the first tracked one is there */
	struct nf_hook_ops hooks[CB_SPLICE_HOOKS];	/* while hooked */
	bool hooked, hooked_forward;	/* written under cb_net->lock */
	bool tracked;			/* connections are: FORWARD is wanted */
	hsiphash_key_t key;
	struct cb_flow_place places[CB_PLACES];		/* for cb_flows */
	/* Under flows->lock. */
	u32 held;			/* bytes of memory in early segments */
	u16 cap[2][2][CB_CAP_SLOTS];	/* flows waiting: two counts of each prefix, server */
};

/* From one end's view of a tuple to the other's. */
static inline void cb_splice_turn(struct cb_tuple *t)
{
	swap(t->saddr, t->daddr);
	swap(t->sport, t->dport);
}

static inline struct cb_splice *cb_splice_of(struct cb_flow *flow)
{
	return container_of(flow, struct cb_splice, flow);
}

/* May a segment to (from) this port of a server be of a spliced flow? */
static inline bool cb_splice_has_port(const struct cb_net *cbn, u16 port)
{
	const struct cb_splicing *s = READ_ONCE(cbn->splicing);

	return s && test_bit(port, s->ports);
}

/* Fixed, once there was a service of the mode. */
static inline size_t cb_splice_bytes(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->splicing) ? sizeof(struct cb_splicing) : 0;
}

/* From now on what servers send from this port is looked at. */
static inline void cb_splice_listen(struct cb_splicing *s, __be16 port)
{
	if (unlikely(!test_bit(be16_to_cpu(port), s->ports)))
		set_bit(be16_to_cpu(port), s->ports);
}

static inline u32 cb_splice_now(void)
{
	return (u32)jiffies;
}

/* The window of an end as it stands in a segment for the other. */
static inline u16 cb_splice_window(const struct cb_splice_end *end, s8 shift)
{
	u32 raw = READ_ONCE(end->window) >> end->wscale;

	raw = shift < 0 ? raw >> -shift : raw << shift;
	return raw < U16_MAX ? raw : U16_MAX;
}

/* splice-flow.c */
/* The spliced flow of a tuple, valid until rcu_read_unlock(), or NULL. */
struct cb_splice *cb_splice_find(const struct cb_net *cbn, const struct cb_tuple *tuple);

/**
 * cb_splice_begin() - a cookie has opened: a flow that waits for its server
 * @ctx:	tuple, opened, skb
 * @reason:	why not
 *
 * Return: the flow, its SYN to be sent now, or NULL.
 */
struct cb_splice *cb_splice_begin(struct cb_ctx *ctx, enum cb_reason *reason);

/**
 * cb_splice_open() - the server answered
 * @sp:		flow
 * @shift:	between the two views
 * @server:	what it said
 * @was:	set to what was known while the flow was waiting; held segments are the
 *		caller's now
 *
 * Return: false if it does not wait any more: nothing was done.
 */
bool cb_splice_open(struct cb_splice *sp, const struct cb_shift *shift,
		    const struct cb_splice_end *server, struct cb_splice_waiting *was);

/* It may have ended: looked at again soon. */
void cb_splice_doubt(struct cb_splice *sp);
/* Both ways are closed; segments that come late are translated for a while yet. */
void cb_splice_close(struct cb_splice *sp);
/* By the admin: both ends get a RST, and another for whatever they send within a second;
 * then it is gone.  False: it is gone, or being reset, already.  Process context.
 */
bool cb_splice_reset(struct cb_splice *sp);
/* What somebody sends on a flow that was reset: NF_DROP, and a RST that he must heed. */
unsigned int cb_splice_answer_reset(const struct cb_splice *sp,
				    const struct cb_segment *seg, bool client);
/* splice-flush.c: process context, may sleep; returns how many */
u64 cb_splice_flush(struct cb_net *cbn, const struct cb_flow_filter *filter);
/* It is gone at once, with what it held. False: it was, before; or is in another state. */
bool cb_splice_end(struct cb_splice *sp);
bool cb_splice_end_waiting(struct cb_splice *sp);
bool cb_splice_end_unless_open(struct cb_splice *sp);
/* In two steps: under flows->lock, and without. */
void cb_splice_take_out(struct cb_flows *flows, struct cb_splice *sp);
void cb_splice_dispose(struct cb_splice *sp);
void cb_splice_free(struct cb_flow *flow);
/* cb_net->lock not held, hooks off; ends all flows. */
void cb_splice_end_all(struct cb_net *cbn);
void cb_splice_count(const struct cb_splice *sp, enum cb_reason reason);
int cb_splice_register(void);
void cb_splice_unregister(void);

/* splice-timer.c */
void cb_splice_timer(struct timer_list *timer);
unsigned long cb_splice_first(void);	/* jiffies from the first SYN to the second */
unsigned long cb_splice_idle(const struct cb_net *cbn);	/* jiffies until a silent end is asked */
unsigned long cb_splice_linger(const struct cb_net *cbn);	/* that a closed one is kept */

/* splice-cap.c: under flows->lock; how many wait for a server, of a prefix or on it */
bool cb_splice_cap_add(struct cb_splicing *s, const struct cb_flow_key *k);	/* false: full */
void cb_splice_cap_sub(struct cb_splicing *s, const struct cb_flow_key *k);

/* splice-hold.c */
enum cb_held { CB_HELD, CB_HELD_FULL, CB_HELD_LATE };
/* CB_HELD: the flow owns the skb.  LATE: it no longer waits.  Takes flows->lock. */
enum cb_held cb_splice_hold(struct cb_splice *sp, struct sk_buff *skb);
/* What a flow holds leaves it, or goes with it: no longer reckoned.  Under flows->lock. */
void cb_splice_unaccount(struct cb_splicing *s, const struct cb_splice *sp);
void cb_splice_drop_held(struct sk_buff *held);

/* splice-in.c: of what cb_parse_tuple() read.  -1: no spliced flow knows it, and @ctx is as it
 * was; else a verdict.
 */
int cb_splice_in(struct cb_ctx *ctx);
/* @from sent @seg, which is in the client's view; what it says is noted, if @to takes it. */
void cb_splice_track(struct cb_splice_end *from, const struct cb_splice_end *to,
		     const struct cb_segment *seg, const struct sk_buff *skb);
/* Are both ends done? */
void cb_splice_settle(struct cb_splice *sp);
/* Translates in place; or BAD_OPTIONS, or NO_MEMORY. */
enum cb_reason cb_splice_translate(const struct cb_splice *sp, struct sk_buff *skb,
				   const struct cb_segment *seg, bool to_server);

/* splice-out.c */
unsigned int cb_splice_post_routing(void *priv, struct sk_buff *skb,
				    const struct nf_hook_state *state);

/* The server said no: @skb, which tells it, becomes a RST for the client.  A verdict. */
unsigned int cb_splice_refused(struct cb_splice *sp, struct sk_buff *skb);

/* splice-tracked.c */
/* @skb, of a flow, has an entry of connection tracking.  Softirq or BH off. */
void cb_splice_tracked(struct cb_splice *sp, const struct sk_buff *skb);
unsigned int cb_splice_forward(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state);

/* splice-icmp.c: verdicts on what is no TCP segment, at the two hooks */
unsigned int cb_splice_icmp_in(struct cb_net *cbn, struct sk_buff *skb, u8 pf);
unsigned int cb_splice_icmp_out(struct cb_net *cbn, struct sk_buff *skb, u8 pf);

/* splice-send.c */
/* A segment that the box makes of what it knows of a flow. */
struct cb_made {
	u32 seq, ack;			/* as its receiver sees them */
	u32 tsval, tsecr;		/* valid with timestamps */
	u16 window;
	u8 flags;
	bool timestamps;
};

/* The client's SYN, in the buffer of @skb, an ACK; false: no memory. */
bool cb_splice_become_syn(const struct cb_splice *sp, struct sk_buff *skb, u32 tsval,
			  u16 window);
void cb_splice_send_syn(const struct cb_splice *sp, u32 tsval, u16 window);
/* A segment of the server's that is passing becomes this one, to the client. */
bool cb_splice_become(const struct cb_splice *sp, struct sk_buff *skb, const struct cb_made *m);
void cb_splice_to_server(const struct cb_splice *sp, const struct cb_made *m);
void cb_splice_to_client(const struct cb_splice *sp, const struct cb_made *m);
/* An ACK of nothing: its client gets a RST, and it becomes one itself, for the server. */
bool cb_splice_reset_unknown(struct cb_ctx *ctx);
/* Puts a client's segment, translated, on its way behind our hook; consumed. */
void cb_splice_inject(const struct cb_splice *sp, struct sk_buff *skb);

/* splice-net.c: process context, but for the first */
void cb_splice_hook_forward(struct cb_splicing *s);	/* soon; any context, in a hook */
int cb_splice_start(struct cb_net *cbn);	/* cb_net->lock held; 0 or a negative errno */
void cb_splice_stop(struct cb_net *cbn);	/* cb_net->lock held: the hook comes off */
void cb_splice_drain(struct cb_net *cbn);	/* cb_net->lock held: none can begin any more */
void cb_splice_exit(struct cb_net *cbn);	/* the namespace goes, all hooks are off */
void cb_splice_rest(struct cb_net *cbn);	/* a grace period later: no work is left */
void cb_splice_freed(struct cb_net *cbn);	/* no reader is left */
bool cb_splice_flows(const struct cb_net *cbn);	/* are there any? */

/* splice-learn.c: what servers are like; profiles.h */
struct cb_profile;
struct cb_decision cb_splice_ask(struct cb_ctx *ctx, struct cb_profile *profile);
void cb_splice_learn(const struct cb_splice *sp, const struct cb_ctx *ctx);
void cb_splice_overhear(struct cb_ctx *ctx);
void cb_splice_unlearn(const struct cb_splice *sp, unsigned int why);

/* offer-splice.c */
/* The policy alone, without asking anybody: the MSS is the path's. */
bool cb_offer_splice_guess(struct cb_ctx *ctx);
struct cb_decision cb_offer_splice(struct cb_ctx *ctx);
struct cb_decision cb_offer_splice_serves(struct cb_ctx *ctx);
struct cb_decision cb_offer_splice_sealed_by(struct cb_ctx *ctx);
int cb_offer_splice_register(void);	/* the per-CPU table; module init, before any namespace */
void cb_offer_splice_unregister(void);

#endif
