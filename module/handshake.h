/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Segment + state -> decision.  Pure: no skb, no namespace, no clock.
 */
#ifndef CB_HANDSHAKE_H
#define CB_HANDSHAKE_H

#include "cookie.h"
#include "keyring.h"

enum cb_action {
	CB_PASS,		/* hand to the stack, untouched */
	CB_DROP,
	CB_ANSWER,		/* send the SYN-ACK in ctx->synack */
	CB_REDEEM,		/* a cookie opened: the mode says what follows */
	CB_STOLEN,		/* somebody else holds the segment now */
};

struct cb_decision {
	enum cb_action action;
	enum cb_reason reason;
};

static inline struct cb_decision cb_decide(enum cb_action action, enum cb_reason reason)
{
	return (struct cb_decision){ .action = action, .reason = reason };
}

/* What the host and the service allow; the caller fills it from sysctls, the
 * listener and the route.
 */
struct cb_policy {
	bool timestamps;	/* net.ipv4.tcp_timestamps */
	bool sack;		/* net.ipv4.tcp_sack */
	bool wscale;		/* net.ipv4.tcp_window_scaling */
	bool ecn;		/* tcp_ecn 1 or 2, or a route feature */
	bool drop_no_timestamps;/* service: no-timestamps drop */
	bool auth_drop;		/* service: auth-option drop, or no keys */
	u8 extras;		/* CB_OPT_MPTCP, _FASTOPEN: the listener would take them */
	u8 rcv_wscale;		/* shift to announce, 0..14 */
	u16 mss;		/* MSS to announce, bytes */
	u16 window;		/* window to announce, bytes, unscaled */
};

/* The SYN-ACK to send. Offers only what the SYN offered. */
struct cb_synack {
	u32 isn;		/* host order: the cookie */
	u32 ack;		/* host order: SYN's SEQ + 1 */
	u32 tsval, tsecr;	/* host order; valid if has & CB_OPT_TS */
	u16 mss;		/* bytes */
	u16 window;
	u16 kept_mss;		/* the client's, as it will come back; 0: another option will not */
	u8 wscale;		/* valid if has & CB_OPT_WSCALE */
	u8 has;			/* CB_OPT_MSS | WSCALE | SACK | TS */
	bool ece;		/* ECN-setup SYN-ACK (RFC 3168 6.1.1) */
};

/* What an opened cookie says: all that a socket needs. */
struct cb_opened {
	struct cb_offer offer;
	u32 cisn;		/* client's ISN, host order */
	u32 isn;		/* ours, host order */
	u32 age_ms;		/* since the SYN-ACK; 0 where unknown (no timestamps) */
	u32 ts_off;		/* TSval of the socket = CLOCK_MONOTONIC ms + this */
	u32 tsval;		/* client's TSval in the ACK (ts_recent) */
	u32 epoch;
	u64 print;		/* of the cookie: its MAC; never 0 */
	u8 serial;		/* of the epoch's slot */
	u8 rcv_wscale;		/* what the SYN-ACK announced */
	bool timestamps;
	bool exact;		/* MSS and window scale are the SYN's own (embryonic.c) */
};

/* Cheap checks of any SYN: flags and source (no listener, no key needed).
 * CB_ANSWER/NONE: go on; CB_DROP/BAD_FLAGS|BAD_SOURCE.  Loopback addresses off
 * lo and the host's own as source are the caller's: they need a device.
 */
struct cb_decision cb_handshake_screen(const struct cb_segment *seg);

/* What a SYN offers, exactly, as far as the policy allows: a cookie may hold less. */
struct cb_offer cb_handshake_offer(const struct cb_segment *seg, const struct cb_policy *pol);

/**
 * cb_handshake_syn() - answer a SYN?
 * @seg:	SYN with options parsed
 * @pol:	what may be offered
 * @ring:	keys; the caller holds rcu_read_lock()
 * @now_ms:	CLOCK_MONOTONIC, ms
 * @out:	the SYN-ACK, if the action is CB_ANSWER
 *
 * Return: CB_ANSWER/SYN_ANSWERED, CB_PASS/MSS_TOO_LOW|AUTH_PASSED, or
 * CB_DROP/NO_TIMESTAMPS|AUTH_DROPPED (COOKIE_EXPIRED if no slot has begun).
 */
struct cb_decision cb_handshake_syn(const struct cb_segment *seg,
				    const struct cb_policy *pol,
				    const struct cb_ring *ring, u64 now_ms,
				    struct cb_synack *out);

/**
 * cb_handshake_less() - what a SYN offered and its connection will not have
 * @seg:	SYN that was answered
 * @pol:	what could be offered
 * @ring:	under which it was sealed
 *
 * Return: a bit for each of enum cb_less.
 */
unsigned int cb_handshake_less(const struct cb_segment *seg, const struct cb_policy *pol,
			       const struct cb_ring *ring);

/**
 * cb_handshake_ack() - does this ACK open a cookie?
 *
 * @seg with options parsed, ACK set, SYN and RST clear; @pol->rcv_wscale as
 * announced.  A client's own choice between the forms: an ACK with a
 * timestamp option opens as CB_FORM_TS only (RFC 7323 3.2: once negotiated,
 * every segment carries it), one without as CB_FORM_ROWS only.
 *
 * Return: CB_REDEEM/COOKIE_ACCEPTED and @out, or
 * CB_DROP/BAD_COOKIE|COOKIE_EXPIRED, or NO_TIMESTAMPS where the service drops
 * that form: its odds count for the service as long as one of its ACKs opens.
 */
struct cb_decision cb_handshake_ack(const struct cb_segment *seg,
				    const struct cb_policy *pol,
				    const struct cb_ring *ring, u64 now_ms,
				    struct cb_opened *out);

/**
 * cb_handshake_follows() - is this ACK of a first flight whose first was lost?
 *
 * @seg as above, and it opened nothing; @pol->mss as announced.  A cookie opens
 * by the segment that follows the SYN.  If that was lost, or comes later, the
 * rest of the flight opens nothing, and is not to be reset: the client sends it
 * again.  With timestamps the echo tells, for a minute.  Without, the first segment's
 * sequence number is guessed: full segments, or of this one's size, lie between.
 * Costs up to 18 tries, so ask only where a reset is due; opens nothing.
 */
bool cb_handshake_follows(const struct cb_segment *seg, const struct cb_policy *pol,
			  const struct cb_ring *ring, u64 now_ms);

#endif
