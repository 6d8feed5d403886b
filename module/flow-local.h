/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What local mode keeps in the flow cache: statistics, and nothing that it needs.
 */
#ifndef CB_FLOW_LOCAL_H
#define CB_FLOW_LOCAL_H

#include "mode.h"

/* Has any cookie's connection been remembered in this namespace yet? */
static inline bool cb_flow_local_used(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->flows_used);
}

/* LOCAL_IN: a cookie was accepted, of a service with flow-cache on.  Softirq, RCU. */
void cb_flow_local_opened(const struct cb_ctx *ctx);

/* PRE_ROUTING: a segment of a connection that the host knows, for a protected port;
 * its socket is attached.  Parsed as far as cb_parse_glance() goes.  RCU.
 */
void cb_flow_local_later(struct cb_net *cbn, const struct sk_buff *skb,
			 const struct nf_hook_state *state, int thoff);

#endif
