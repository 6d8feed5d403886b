// SPDX-License-Identifier: GPL-2.0
/*
 * Destinations that look local, with a listener and all, but are taken elsewhere by
 * DNAT, TPROXY or policy routing.
 *
 * Owns a small table per namespace (cb_net->elsewhere).  Invariants: an entry is made
 * only by a segment that opened a cookie, so nobody can make one without a rule that
 * really takes segments away; entries end after ten minutes, since rules change: then
 * one connection is reset, and tells again.  All: softirq or BH off.  The lock is
 * taken only in a namespace that has had an entry, once per look-up of a destination.
 */
#include "elsewhere.h"

#define ELSEWHERE_MS	(600u * 1000u)

static struct cb_elsewhere *find(struct cb_net *cbn, const struct cb_tuple *t)
{
	unsigned int i;

	for (i = 0; i < CB_ELSEWHERE; i++) {
		struct cb_elsewhere *at = &cbn->elsewhere[i];

		if (at->until_ms && at->family == t->family && at->dport == t->dport &&
		    at->daddr.q[0] == t->daddr.q[0] && at->daddr.q[1] == t->daddr.q[1])
			return at;
	}
	return NULL;
}

/**
 * cb_elsewhere_note() - the destination of a segment is not this host's listener
 * @cbn:	namespace
 * @t:		of a segment whose cookie opened, and which NAT, TPROXY or routing took away
 * @now_ms:	CLOCK_MONOTONIC, ms
 */
void cb_elsewhere_note(struct cb_net *cbn, const struct cb_tuple *t, u64 now_ms)
{
	struct cb_elsewhere *at;

	spin_lock_bh(&cbn->elsewhere_lock);
	at = find(cbn, t);
	if (!at)
		at = &cbn->elsewhere[cbn->elsewhere_next++ % CB_ELSEWHERE];
	at->daddr = t->daddr;
	at->dport = t->dport;
	at->family = t->family;
	at->until_ms = now_ms + ELSEWHERE_MS;
	WRITE_ONCE(cbn->elsewhere_used, true);
	spin_unlock_bh(&cbn->elsewhere_lock);
}

/**
 * cb_elsewhere_has() - was a segment for this destination taken elsewhere lately?
 * @cbn:	namespace
 * @t:		destination address and port count
 * @now_ms:	CLOCK_MONOTONIC, ms
 */
bool cb_elsewhere_has(struct cb_net *cbn, const struct cb_tuple *t, u64 now_ms)
{
	const struct cb_elsewhere *at;
	bool found;

	if (likely(!READ_ONCE(cbn->elsewhere_used)))
		return false;
	spin_lock_bh(&cbn->elsewhere_lock);
	at = find(cbn, t);
	found = at && now_ms < at->until_ms;
	spin_unlock_bh(&cbn->elsewhere_lock);
	return found;
}
