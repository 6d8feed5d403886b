/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The modes behind one ops struct, and the context that carries a segment
 * through the two hooks.
 *
 *	PRE_ROUTING  hooks.c: parse -> service -> handshake_screen
 *		SYN	ops->offer()  -> cb_handshake_syn()  -> cb_reply_synack()
 *		ACK	ops->known()  -> cb_handshake_ack()  -> ops->opened()
 *	LOCAL_IN     hooks.c: parse -> service -> ops->deliver()
 *
 * Nothing is carried from PRE_ROUTING to LOCAL_IN (list receive, NFQUEUE): an
 * opened cookie is opened again there, which memo.c makes cheap.
 */
#ifndef CB_MODE_H
#define CB_MODE_H

#include <linux/skbuff.h>
#include <linux/netfilter.h>
#include "handshake.h"
#include "net.h"
#include "service.h"

/* How the listener's own SYN-ACKs look outside TCP (demux.c). */
struct cb_dress {
	u32 mark;		/* inet_request_mark(): the listener's, or the SYN's */
	u32 priority;
	int oif;		/* device the listener is bound to, or VRF; 0: any */
	int sdif;		/* of the SYN: the VRF member it came by, or 0 */
	s16 ttl;		/* -1: the route's */
	u8 tos;			/* with ECN bits clear */
};

/* On the stack of the hooks: each part is filled in before it is read, so the
 * compiler need not zero all of it for every segment of the host.
 */
#if defined(__has_attribute) && !defined(__CHECKER__)
#if __has_attribute(__uninitialized__)
#define CB_UNINITIALIZED __attribute__((__uninitialized__))
#endif
#endif
#ifndef CB_UNINITIALIZED
#define CB_UNINITIALIZED
#endif

/* Of a tuple: demux.c. */
struct cb_hash {
	u32 value;
	bool known;				/* computed? */
};

struct cb_memo;

struct cb_ctx {
	struct sk_buff *skb;
	const struct nf_hook_state *state;	/* net, in, out, hook */
	struct cb_net *cbn;
	const struct cb_service *svc;
	const struct cb_ring *ring;
	const struct cb_memo *memo;		/* LOCAL_IN: of an opening before, or NULL */
	u64 now_ms;				/* CLOCK_MONOTONIC */
	enum cb_reason header;			/* of the fixed TCP header: NONE or BAD_HEADER */
	bool redeeming;				/* a cookie opened: honoured even by `observe` */
	bool requested;				/* ACK that a request sock has, but not for it */
	struct cb_hash hash;			/* for cb_demux_hash() */
	struct cb_segment seg;
	struct cb_policy policy;
	struct cb_dress dress;
	struct cb_synack synack;
	struct cb_opened opened;
	u32 print_at;				/* where the set holds opened.print: redeem.c */
};

/* What the host remembers of handshakes that are not complete (engage.c). */
struct cb_load {
	u32 queue;		/* embryonic connections of the listener */
	u32 backlog;		/* how many it may have */
	u32 members;		/* of its SO_REUSEPORT group, or 1 */
	u8 retries;		/* of its SYN-ACKs; 0: as the sysctl says */
};

/* All: BH off, rcu_read_lock() held. */
struct cb_mode_ops {
	const char *name;
	/* An ACK: under what would its cookie have been sealed? Fills the part of
	 * ctx->policy that cb_handshake_ack() reads. CB_ANSWER: go on.
	 */
	struct cb_decision (*sealed_by)(struct cb_ctx *ctx);
	/* May a handshake of this destination just be waiting to be redeemed? */
	bool (*delays)(struct cb_ctx *ctx);
	/* Is the destination one that the mode serves? CB_PASS if not, and why. */
	struct cb_decision (*serves)(struct cb_ctx *ctx);
	/* SYN: may it be answered? Fills ctx->policy. CB_ANSWER: go on. */
	struct cb_decision (*offer)(struct cb_ctx *ctx);
	/* Not a SYN: is it of a connection the host knows? true: pass it on. */
	bool (*known)(struct cb_ctx *ctx);
	/* A cookie opened at PRE_ROUTING. */
	struct cb_decision (*opened)(struct cb_ctx *ctx);
	/* An ACK of nothing that is known opened none; NULL: the service's `invalid` alone
	 * says what is to become of it.
	 */
	struct cb_decision (*unknown)(struct cb_ctx *ctx, enum cb_reason reason);
	/* SYN: how loaded is the host with the destination? False: not at all. */
	bool (*load)(struct cb_ctx *ctx, struct cb_load *load);
	/* LOCAL_IN, segment of no known connection; NULL: not used. */
	struct cb_decision (*deliver)(struct cb_ctx *ctx);
	/* Timer, ctx without skb: would the ACK of an earlier SYN-ACK be redeemed now?
	 * CB_ANSWER: yes; CB_DROP: not now; CB_PASS: no longer.  NULL: never asked.
	 */
	struct cb_decision (*awaits)(struct cb_ctx *ctx);
};

extern const struct cb_mode_ops cb_mode_local;	/* local.c */
extern const struct cb_mode_ops cb_mode_splice;	/* splice.c */

/* ctx->svc->ops->OP(ctx): the operations of mode local are called by name, and may be
 * inlined, where the compiler sees them (path.c).
 */
#define cb_mode_call(ctx, op) ({					\
	struct cb_ctx *_ctx = (ctx);					\
	const struct cb_mode_ops *_ops = _ctx->svc->ops;		\
									\
	likely(_ops == &cb_mode_local) ? cb_mode_local.op(_ctx) : _ops->op(_ctx); })

const struct cb_mode_ops *cb_mode_by_id(u8 mode);	/* mode.c; NULL: not built */

/* parse.c: the edge between skb and segment; skb->data is the network header.
 * All return CB_R_NONE when the segment is in order.
 */
/* What every segment of the host is asked for; small enough for a register. */
enum cb_glance_what {
	CB_GLANCE_OTHER,	/* not TCP, or no ports to see */
	CB_GLANCE_TCP,
	CB_GLANCE_UNSEEN,	/* look closely */
};

struct cb_glance {
	int thoff;		/* TCP header, bytes from skb->data */
	u16 dport;		/* host order */
	u8 flags;		/* 0 if they cannot be seen */
	u8 what;		/* enum cb_glance_what: is the rest valid? */
};

struct cb_glance cb_parse_glance(const struct sk_buff *skb, u8 pf);
struct cb_glance cb_parse_closely(const struct sk_buff *skb, u8 pf);
bool cb_parse_tuple(struct cb_ctx *ctx);	/* false: not TCP, or no ports to see */
enum cb_reason cb_parse_header(struct cb_ctx *ctx);	/* FRAGMENT: first of several */
enum cb_reason cb_parse_options(struct cb_ctx *ctx);
enum cb_reason cb_parse_checksum(struct cb_ctx *ctx);

/* Can this segment redeem a cookie, by its flags? */
static inline bool cb_is_bare_ack(u8 flags)
{
	return (flags & (CB_TCP_ACK | CB_TCP_SYN | CB_TCP_RST)) == CB_TCP_ACK;
}

/* judge.c: BH off; of a segment at PRE_ROUTING, and at LOCAL_IN. */
struct cb_decision cb_judge(struct cb_ctx *ctx);
struct cb_decision cb_judge_delivery(struct cb_ctx *ctx);
/* At LOCAL_IN, before that: was it opened just now? */
bool cb_judge_again(struct cb_ctx *ctx);
/* Does this ACK of no known connection open a cookie?  Fills ctx->opened. */
struct cb_decision cb_judge_cookie(struct cb_ctx *ctx);

int cb_judge_register(void);		/* the per-CPU memos; module init, before any namespace */
void cb_judge_unregister(void);

/* hooks.c */
unsigned int cb_hooks_pre_routing(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state);
unsigned int cb_hooks_local_in(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state);
int cb_hooks_register(struct cb_net *cbn);
void cb_hooks_unregister(struct cb_net *cbn);
/* The one way in for the iptables target: same path, service given. */
unsigned int cb_hooks_rule(struct sk_buff *skb, const struct nf_hook_state *state,
			   const struct cb_service *svc);

/**
 * cb_reply_synack() - turn ctx->skb, a SYN, into the SYN-ACK and send it
 *
 * Consumes the skb in every case. In the SYN's own buffer if it is not
 * shared, else in a copy. `route`: routed like the host's own replies
 * (rp_filter, policy routing, OUTPUT hooks); `reflect`: back through the
 * qdisc of the device it came from. reply.c.
 *
 * ctx->dress then says with which TTL and type of service it left.
 *
 * Return: CB_R_SYN_ANSWERED, or why not (NO_ROUTE, NO_MEMORY, REPLY_FAILED).
 */
enum cb_reason cb_reply_synack(struct cb_ctx *ctx);

/**
 * cb_reply_again() - send ctx->synack once more, routed
 * @ctx:	without skb; tuple, synack, and dress as it left before
 *
 * Context: softirq, rcu_read_lock().  Return: as cb_reply_synack().
 */
enum cb_reason cb_reply_again(struct cb_ctx *ctx);

/**
 * cb_reply_made() - send what was made to the client of ctx, routed
 * @ctx:	without skb; tuple, state->in, and dress as the server's segments would have it
 * @b:		what; its TTL is the host's if the dress has none
 *
 * Context: softirq, rcu_read_lock().  Return: as cb_reply_synack().
 */
struct cb_build;
enum cb_reason cb_reply_made(struct cb_ctx *ctx, struct cb_build *b);

/**
 * cb_local_accept() - make a socket of an opened cookie (LOCAL_IN, last)
 *
 * The contract over the two socket paths, compat/: 6.8 and later attach a
 * request sock to the skb, 6.1 makes the child here. On CB_R_COOKIE_ACCEPTED
 * the skb goes on to the stack (NF_ACCEPT) and becomes the first segment of
 * the child; on any other reason nothing was made and the caller drops it.
 * Asked first: checksum, listener, accept queue, xfrm policy, MD5, filter,
 * LSM.
 */
enum cb_reason cb_local_accept(struct cb_ctx *ctx, struct sock *listener);

/* Counting and tracing: stats.c. observed: engagement `observe`. */
void cb_count(const struct cb_service *svc, enum cb_reason reason, bool observed);
/* Of an answered SYN; kept: its exact MSS and window scale are remembered. */
void cb_count_less(const struct cb_ctx *ctx, bool kept);

/* gate.c: may this source prefix be answered once more? Keyed hash, fixed
 * table, randomised threshold (CVE-2016-5696). Context: softirq.
 */
struct cb_gate *cb_gate_alloc(void);
void cb_gate_free(struct cb_gate *gate);
size_t cb_gate_bytes(void);		/* what one gate holds */
bool cb_gate_pass(struct cb_gate *gate, const struct cb_tuple *tuple, u64 now_ms,
		  unsigned int per_second);

#endif
