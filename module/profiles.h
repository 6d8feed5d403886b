/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table of servers of a namespace: profile.h with a lock, and the leave to ask.
 *
 * Nothing is ever sent to learn.  A server is asked by a client's own SYN that passes
 * untouched, and the answer goes by.  It takes the namespace's and the server's own limit,
 * so a sweep of a prefix lets a few SYNs a second pass, whatever its size.
 */
#ifndef CB_PROFILES_H
#define CB_PROFILES_H

#include "profile.h"

struct cb_net;
struct cb_profiles;

#define CB_PROFILES_SETS	2048u	/* of CB_PROFILE_PLACES servers: 256 KiB */
#define CB_PROFILES_ASKS	16u	/* SYNs let pass in 1,024 ms, on average, to all servers */

/* Process context, cb_net->lock held; the table stays until the namespace goes. */
int cb_profiles_start(struct cb_net *cbn);
void cb_profiles_exit(struct cb_net *cbn);	/* no reader is left */
size_t cb_profiles_bytes(const struct cb_net *cbn);

/* All that follow: BH off, @now_ms is CLOCK_MONOTONIC, @tuple as seen in a segment from the
 * client.  @p is cb_net->profiles, which is there before the first splice service is.
 */

/* As cb_profile_read(); without lock. */
enum cb_profile_state cb_profiles_look(struct cb_profiles *p, const struct cb_tuple *tuple,
				       u64 now_ms, struct cb_profile *out);

/**
 * cb_profiles_learn() - the SYN-ACK to a SYN that we know
 * @offered:	cb_profile_offer() of that SYN
 *
 * Takes the lock only if it says something new, or the last one was noted
 * CB_PROFILE_REFRESH ago.  Return: as cb_profile_learn(); CHANGED, REVIVED: worth an event.
 */
enum cb_profile_event cb_profiles_learn(struct cb_profiles *p, const struct cb_tuple *tuple,
					const struct cb_segment *synack, u8 offered, u64 now_ms);

/**
 * cb_profiles_refused() - a handshake with the server failed
 *
 * Only after what refuses was found to be the server's or a router's on that side: a RST
 * with the SYN's ACK number; an ICMP error that quotes the SYN, and did not come in where the
 * client is.
 * Return: as cb_profile_refuse(); DIED: worth an event.
 */
enum cb_profile_event cb_profiles_refused(struct cb_profiles *p, const struct cb_tuple *tuple,
					  enum cb_profile_why why, u64 now_ms);

/**
 * cb_profiles_may_ask() - may this SYN pass untouched, so that its server is learned of?
 * @syn:	with options parsed
 * @calm:	it passes in any case, engaged or not: only what it offers is remembered, and the
 *		namespace's limit does not count
 *
 * Return: CB_PROFILE_ASKED: let it pass.  CB_PROFILE_DIED: let it pass, too, as the server is
 * dead from now on.  Else not.
 */
enum cb_profile_event cb_profiles_may_ask(struct cb_profiles *p, const struct cb_segment *syn,
					  bool calm, u64 now_ms);

/**
 * cb_profiles_overhear() - a server's SYN-ACK or RST for a connection that is not ours
 * @seg:	from the server: its source is the server; options parsed
 *
 * A RST counts only as the answer to the SYN that was let pass.
 * Return: what came of it.
 */
enum cb_profile_event cb_profiles_overhear(struct cb_profiles *p, const struct cb_segment *seg,
					   u64 now_ms);

/* The first server at @at or behind; @at is set to where the next may be.  Any context. */
bool cb_profiles_next(struct cb_profiles *p, u32 *at, u64 now_ms, struct cb_profile_view *out);
/* What is known of the server of a tuple; false: nothing.  Any context. */
bool cb_profiles_find(struct cb_profiles *p, const struct cb_tuple *tuple, u64 now_ms,
		      struct cb_profile_view *out);

#endif
