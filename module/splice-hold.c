// SPDX-License-Identifier: GPL-2.0
/*
 * Early segments: what a client sends before its server has answered.
 *
 * Owns what waiting flows hold, and how much that is (cb_splicing->held, in bytes of
 * memory, under flows->lock).  Invariant: a held segment has no device, route, socket,
 * connection or IPsec state: nothing that would have to be waited for when one of them
 * goes.  It is sent in the order in which it came; what finds no room is dropped, and
 * its client sends it again.
 */
#include <linux/ip.h>
#include <linux/skbuff.h>
#include <net/dst.h>
#include "splice.h"

/* For options in the IPv4 header somebody would have to stand in for ip_rcv_finish(). */
static bool keepable(const struct sk_buff *skb)
{
	return skb->protocol != htons(ETH_P_IP) || ip_hdr(skb)->ihl == 5;
}

static void scrub(struct sk_buff *skb)
{
	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	nf_reset_trace(skb);
	skb->dev = NULL;
	skb->next = NULL;
	skb->prev = NULL;
}

static bool room_for(const struct cb_splicing *s, const struct cb_splice *sp,
		     const struct sk_buff *skb)
{
	u32 most = READ_ONCE(s->cbn->sysctl.splice_held_bytes);

	return keepable(skb) && sp->w.held_bytes + skb->len <= CB_SPLICE_HELD_MAX &&
	       s->held + skb->truesize <= most;
}

static void append(struct cb_splicing *s, struct cb_splice *sp, struct sk_buff *skb)
{
	scrub(skb);
	if (!sp->w.held)
		sp->w.held_end = &sp->w.held;
	*sp->w.held_end = skb;
	sp->w.held_end = &skb->next;
	sp->w.held_bytes += skb->len;
	s->held += skb->truesize;
}

enum cb_held cb_splice_hold(struct cb_splice *sp, struct sk_buff *skb)
{
	struct cb_splicing *s = sp->cbn->splicing;
	struct cb_flows *flows = sp->cbn->flows;
	enum cb_held held = CB_HELD_LATE;

	spin_lock_bh(&flows->lock);
	if (!sp->flow.gone && sp->state == CB_SPLICE_WAITING) {
		held = room_for(s, sp, skb) ? CB_HELD : CB_HELD_FULL;
		if (held == CB_HELD)
			append(s, sp, skb);
	}
	spin_unlock_bh(&flows->lock);
	return held;
}

/* It leaves the flow, or the flow goes: no longer reckoned.  Under flows->lock. */
void cb_splice_unaccount(struct cb_splicing *s, const struct cb_splice *sp)
{
	const struct sk_buff *skb;

	for (skb = sp->w.held; skb; skb = skb->next)
		s->held -= skb->truesize;
}

void cb_splice_drop_held(struct sk_buff *held)
{
	struct sk_buff *next;

	for (; held; held = next) {
		next = held->next;
		skb_mark_not_on_list(held);
		kfree_skb(held);
	}
}
