// SPDX-License-Identifier: GPL-2.0
/*
 * Entries of connection tracking for spliced flows, at FORWARD, before any rule.
 *
 * A flowtable takes an established connection past all hooks, at a rule in FORWARD, and
 * nobody would translate a spliced one there.  nft's takes none whose entry has
 * IPS_NAT_CLASH, which means nothing else to TCP.  So the entry gets it with the
 * flow's first segment: the SYN may find one that was left by an older connection, and
 * what was flushed is picked up in the midst.
 *
 * Owns no state.  The hook is registered if connection tracking is there when the service
 * begins, or else when the first segment of a spliced flow was seen to be tracked
 * (splice-net.c): who does not track connections does not pay for it.  POST_ROUTING marks
 * entries as well, and until then does what it can.
 */
#include <net/netfilter/nf_conntrack.h>
#include "splice.h"

#if IS_ENABLED(CONFIG_NF_CONNTRACK)

static void keep_out(struct nf_conn *ct)
{
	if (!(READ_ONCE(ct->status) & IPS_NAT_CLASH))
		set_bit(IPS_NAT_CLASH_BIT, &ct->status);
}

static bool is_there(const struct cb_splice *sp)
{
	return READ_ONCE(sp->state) <= CB_SPLICE_OPEN;
}

void cb_splice_tracked(struct cb_splice *sp, const struct sk_buff *skb)
{
	struct cb_splicing *s = sp->cbn->splicing;
	enum ip_conntrack_info info;
	struct nf_conn *ct;

	ct = nf_ct_get(skb, &info);
	if (ct && is_there(sp))
		keep_out(ct);
	if (unlikely(!READ_ONCE(s->hooked_forward)))
		cb_splice_hook_forward(s);
}

/* Each direction has the tuple of what comes, before NAT: one of them is the client's,
 * whoever's segment made the entry.
 */
static bool comes_spliced(struct cb_net *cbn, const struct nf_conntrack_tuple *from)
{
	struct cb_tuple t = {
		.sport = from->src.u.tcp.port,
		.dport = from->dst.u.tcp.port,
		.family = from->src.l3num,	/* NFPROTO_ are AF_ */
	};
	struct cb_splice *sp;

	BUILD_BUG_ON(sizeof(from->src.u3) != sizeof(t.saddr));
	if (from->dst.protonum != IPPROTO_TCP || !cb_splice_has_port(cbn, be16_to_cpu(t.dport)))
		return false;
	memcpy(&t.saddr, &from->src.u3, sizeof(t.saddr));
	memcpy(&t.daddr, &from->dst.u3, sizeof(t.daddr));
	sp = cb_splice_find(cbn, &t);
	return sp && is_there(sp);
}

static bool of_spliced(struct cb_net *cbn, const struct nf_conn *ct)
{
	return comes_spliced(cbn, &ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple) ||
	       comes_spliced(cbn, &ct->tuplehash[IP_CT_DIR_REPLY].tuple);
}

/**
 * cb_splice_forward() - keep spliced flows out of flowtables
 * @priv:	struct cb_net
 * @skb:	segment that is forwarded
 * @state:	of the hook
 *
 * Context: any, rcu_read_lock().  Return: NF_ACCEPT.
 */
unsigned int cb_splice_forward(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct = nf_ct_get(skb, &info);

	if (ct && !(READ_ONCE(ct->status) & IPS_NAT_CLASH) && of_spliced(priv, ct))
		keep_out(ct);
	return NF_ACCEPT;
}

#else

void cb_splice_tracked(struct cb_splice *sp, const struct sk_buff *skb)
{
}

unsigned int cb_splice_forward(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

#endif
