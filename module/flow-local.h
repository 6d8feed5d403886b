/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What local mode keeps in the flow cache: statistics, and nothing that it needs.
 */
#ifndef CB_FLOW_LOCAL_H
#define CB_FLOW_LOCAL_H

#include "mode.h"

/* Has any connection been remembered yet, in any namespace?  Set once. */
extern bool cb_flow_local_used;

/* What the cookie of ctx says. */
struct cb_flow_facts;
void cb_flow_facts_of(struct cb_flow_facts *facts, const struct cb_ctx *ctx);

/* LOCAL_IN: a cookie was accepted, of a service with flow-cache on.  Softirq, RCU. */
void cb_flow_local_opened(const struct cb_ctx *ctx);

/* PRE_ROUTING: a segment of a connection that the host knows, for a protected port;
 * its socket may be attached.  thoff: TCP header, bytes from skb->data.  RCU.
 */
void cb_flow_local_later(const struct sk_buff *skb, const struct nf_hook_state *state, int thoff);

#endif
