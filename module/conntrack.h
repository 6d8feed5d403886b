/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shows a handshake that has proved itself to connection tracking and to the
 * host's rules.
 *
 * All: softirq or BH off, rcu_read_lock().
 */
#ifndef CB_CONNTRACK_H
#define CB_CONNTRACK_H

#include "mode.h"

/**
 * cb_conntrack_watches() - does connection tracking judge what comes behind us?
 * @ctx:	a segment at PRE_ROUTING
 *
 * Return: false also where the segment is untracked (a notrack rule), already
 * tracked (loopback), or comes from a bridge or a VRF, where it cannot be shown.
 */
bool cb_conntrack_watches(const struct cb_ctx *ctx);

/**
 * cb_conntrack_show() - show the SYN and the SYN-ACK before the ACK
 * @ctx:	ctx->skb opened its cookie at PRE_ROUTING; ctx->opened is filled in
 *
 * The SYN goes through the rest of PRE_ROUTING, routing and INPUT as if it came
 * from the client now, and is taken out by our own LOCAL_IN hook.
 *
 * Return: CB_PASS/NONE: the rules let it in, the ACK follows; CB_DROP and why;
 * CB_PASS/NOT_LOCAL: NAT or routing takes it elsewhere, the ACK is to go to the
 * stack; CB_STOLEN: a queue holds the SYN, and the ACK with it.
 */
struct cb_decision cb_conntrack_show(struct cb_ctx *ctx);

/**
 * cb_conntrack_release() - an ACK whose destination is taken elsewhere
 * @ctx:	its cookie opened at PRE_ROUTING
 *
 * Return: CB_PASS/NOT_LOCAL: untracked, so that the stack resets it.
 */
struct cb_decision cb_conntrack_release(struct cb_ctx *ctx);

/**
 * cb_conntrack_delivered() - take a shown SYN out of LOCAL_IN
 * @skb:	segment at LOCAL_IN
 * @state:	of the hook
 *
 * Return: true if it was one: the skb is gone.
 */
bool cb_conntrack_delivered(struct sk_buff *skb, const struct nf_hook_state *state);

#endif
