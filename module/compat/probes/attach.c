// SPDX-License-Identifier: GPL-2.0
/*
 * Compiles where the stack redeems a request sock attached to a segment:
 * cookie_bpf_check() and the field that came with it (6.8).
 */
#include <net/tcp.h>

bool probe(struct sk_buff *skb);

bool probe(struct sk_buff *skb)
{
	tcp_rsk(inet_reqsk(skb->sk))->req_usec_ts = false;
	return cookie_bpf_ok(skb);
}
