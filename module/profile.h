/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is known of a server: a set of a lossy table, and how it learns.
 *
 * A server is an address and a port.  What it agrees to in a SYN-ACK is announced to
 * the clients that follow, in a SYN-ACK of ours, sent before the server is asked.
 *
 *	free	-> asked	one SYN was let pass, and what it offered is remembered
 *	any	-> alive	a SYN-ACK came
 *	alive	-> dead		refused CB_PROFILE_REFUSALS times, and no SYN-ACK between
 *	asked	-> dead		refused once, or silent as often
 *
 * While it is dead every SYN is to pass untouched: whoever refuses it does so himself,
 * and the first SYN-ACK ends it.  So it matters little whether somebody was led to
 * believe it.
 *
 * Pure: no lock, no clock; the caller sees to it that one at a time changes a set, and
 * that a reader reads again what was changed meanwhile (profiles.c).  A reader of a set that
 * is being changed reads nonsense, but nothing outside of it.
 */
#ifndef CB_PROFILE_H
#define CB_PROFILE_H

#include <linux/siphash.h>
#include "segment.h"

/* What a SYN may offer and a SYN-ACK agree to. */
#define CB_PROFILE_WSCALE	BIT(0)
#define CB_PROFILE_SACK		BIT(1)
#define CB_PROFILE_TS		BIT(2)
#define CB_PROFILE_ECN		BIT(3)
#define CB_PROFILE_ALL		(BIT(4) - 1)
#define CB_PROFILE_ASKED_IT	BIT(7)	/* in cb_profile_slot.offered: no answer yet */

#define CB_PROFILE_REFUSALS	3u	/* one host's own rule is no dead port */
#define CB_PROFILE_TICK_SHIFT	10	/* times are kept in 1,024 ms */
#define CB_PROFILE_REFRESH	16u	/* ticks: an answer is noted that often at most */
#define CB_PROFILE_FRESH	600u	/* ticks: then it is stale, asked again, still used */
#define CB_PROFILE_DEAD_FOR	60u	/* ticks: then it is asked again */
#define CB_PROFILE_ASK_GAP	8u	/* ticks: the least between two SYNs let pass to one */
#define CB_PROFILE_CALM		60u	/* ticks: the least between two changes worth telling */

#define CB_PROFILE_PLACES	3

enum cb_profile_state {
	CB_PROFILE_UNKNOWN,
	CB_PROFILE_KNOWN,
	CB_PROFILE_STALE,	/* known, but it has not been heard of for long */
	CB_PROFILE_DEAD,
};

enum cb_profile_why {
	CB_PROFILE_RST,
	CB_PROFILE_UNREACHABLE,
	CB_PROFILE_SILENT,
};

/* What came of something. */
enum cb_profile_event {
	CB_PROFILE_SAME,	/* nothing that was not known */
	CB_PROFILE_ASKED,	/* leave to let this SYN pass */
	CB_PROFILE_LEARNED,	/* more, or other than before but told of already */
	CB_PROFILE_NEW,		/* the first answer */
	CB_PROFILE_CHANGED,	/* other than before: worth telling */
	CB_PROFILE_REVIVED,	/* it was dead */
	CB_PROFILE_DIED,
};

/* What to announce to a client of the server. */
struct cb_profile {
	u16 mss;		/* bytes; 0: not known, as the route to the server says */
	u8 wscale;		/* valid if has & CB_PROFILE_WSCALE */
	u8 has;			/* CB_PROFILE_* */
	u8 known;		/* of them, what the server was seen to do; the rest is guessed */
};

/* One of them, shown. */
struct cb_profile_view {
	struct cb_profile profile;
	enum cb_profile_state state;
	struct cb_addr addr;
	__be16 port;
	u8 family;
	u64 age_ms;		/* since it was last heard of, or asked */
};

/* 40 bytes.  family 0: free. */
struct cb_profile_slot {
	struct cb_addr addr;
	u32 seen;		/* ticks: its last answer, or, of a dead one, its last refusal */
	u32 asked;		/* ticks: when a SYN was let pass */
	__be16 port;
	u16 mss;
	u16 asked_isn;		/* low half of the ISN of that SYN */
	u16 mss_seen;		/* ticks, low half: when there was reason for mss to be so low */
	u16 changed;		/* ticks, low half: when a change was told of */
	u8 family;
	u8 state;		/* enum place in profile.c */
	u8 refusals;
	u8 wscale;
	u8 has : 4, known : 4;
	u8 offered;		/* by the SYN that was let pass, | CB_PROFILE_ASKED_IT */
};

struct cb_profile_set {
	struct cb_profile_slot slot[CB_PROFILE_PLACES];
};

/* What a SYN offers, of CB_PROFILE_*.  Options are parsed. */
u8 cb_profile_offer(const struct cb_segment *syn);

/* Chooses the set; below @n_sets, a power of 2.  Keyed: no client chooses collisions. */
u32 cb_profile_hash(const hsiphash_key_t *key, const struct cb_tuple *tuple, u32 n_sets);

/**
 * cb_profile_read() - what is known of the server of a tuple?
 * @set:	the one that cb_profile_hash() chooses
 * @tuple:	as seen in a segment from the client: its destination counts
 * @now_ms:	CLOCK_MONOTONIC
 * @out:	always filled in.  Where nothing is known: what is safe, as the splice can make up
 *		for it: SACK (blocks that a server did not ask for are ignored), timestamps
 *		(likewise), window scale 7 (windows are shifted), no ECN (nobody could make up
 *		for it)
 *
 * Return: the state; CB_PROFILE_DEAD for CB_PROFILE_DEAD_FOR after the last refusal.
 */
enum cb_profile_state cb_profile_read(const struct cb_profile_set *set,
				      const struct cb_tuple *tuple, u64 now_ms,
				      struct cb_profile *out);

/**
 * cb_profile_learn() - a server has answered
 * @set:	changed
 * @tuple:	as seen in a segment from the client
 * @synack:	its flags and options count
 * @offered:	CB_PROFILE_* of the SYN, or 0 if nobody remembers.  What was offered and is not
 *		agreed to is what the server does not do
 * @now_ms:	CLOCK_MONOTONIC
 *
 * A lower MSS is believed at once, a higher one when there was no reason for the lower one for
 * CB_PROFILE_CALM, less up to CB_PROFILE_REFRESH: it may depend on the way to the client.
 *
 * Return: SAME, LEARNED, NEW, CHANGED or REVIVED.
 */
enum cb_profile_event cb_profile_learn(struct cb_profile_set *set, const struct cb_tuple *tuple,
				       const struct cb_segment *synack, u8 offered, u64 now_ms);

/* Would cb_profile_learn() leave the set as it is?  It does for most SYN-ACKs, so that they
 * need no lock.
 */
bool cb_profile_learnt(const struct cb_profile_set *set, const struct cb_tuple *tuple,
		       const struct cb_segment *synack, u8 offered, u64 now_ms);

/**
 * cb_profile_refuse() - a server has refused a connection, or did not answer in time
 * Return: SAME, LEARNED (one more refusal) or DIED.
 */
enum cb_profile_event cb_profile_refuse(struct cb_profile_set *set, const struct cb_tuple *tuple,
					enum cb_profile_why why, u64 now_ms);

/* May a SYN be let pass to this server, as far as itself is concerned? */
bool cb_profile_ask_due(const struct cb_profile_set *set, const struct cb_tuple *tuple,
			u64 now_ms);

/**
 * cb_profile_ask() - a SYN is let pass, and its answer will be known by its ISN
 * @set, @tuple, @now_ms: as above; cb_profile_ask_due() was true
 * @offered:	what it offers
 * @isn:	its sequence number
 *
 * Return: ASKED; SAME: not, for there is no place to remember it in; DIED: not, for none of
 * CB_PROFILE_REFUSALS before it was answered.
 */
enum cb_profile_event cb_profile_ask(struct cb_profile_set *set, const struct cb_tuple *tuple,
				     u8 offered, u32 isn, u64 now_ms);

/**
 * cb_profile_asked() - is this the answer to the SYN that was let pass?
 * @ack:	of the SYN-ACK or RST
 * @offered:	what the SYN offered; 0 if not
 */
bool cb_profile_asked(const struct cb_profile_set *set, const struct cb_tuple *tuple, u32 ack,
		      u8 *offered);

/* What a place holds; false: nothing. */
bool cb_profile_view(const struct cb_profile_set *set, unsigned int place, u64 now_ms,
		     struct cb_profile_view *out);

/* A bucket of tokens: so many in a tick, @draw of them, for all servers together. */
bool cb_profile_spend(u32 *bucket, u32 draw, u64 now_ms);

#endif
