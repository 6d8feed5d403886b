// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP and ICMPv6 errors that quote a segment of a spliced flow.
 *
 *	PRE_ROUTING	from the client's side: quotes what the server sent, as the client
 *			sees it; to be what the server sent
 *	POST_ROUTING	to the client: quotes what the client sent, as the server sees it;
 *			to be what the client sent.  While the flow waits it is the answer
 *			to its SYN: "unreachable" refuses the connection
 *
 * Owns no state.  Invariants: nothing is read but what is there, nor learned from an
 * error but that refusal, which must quote the SYN's own SEQ; the rest is for the stacks
 * of both ends to judge.  Softirq or BH off, rcu_read_lock().
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/checksum.h>
#include <net/ipv6.h>
#include <net/tcp.h>
#include "bytes.h"
#include "profile.h"
#include "redeem.h"
#include "splice.h"

#define QUOTED_MIN	8u	/* ports and SEQ (RFC 792) */
#define QUOTED_MAX	60u	/* a header with all its options */

struct quote {
	struct cb_tuple tuple;	/* as in a segment from the client */
	unsigned int icmp;	/* bytes from skb->data */
	unsigned int th;	/* likewise, the quoted TCP header */
	unsigned int avail;	/* bytes of it */
	u32 seq;		/* quoted, host order */
	bool unreachable;
};

static bool is_error4(const struct icmphdr *h, struct quote *q)
{
	q->unreachable = h->type == ICMP_DEST_UNREACH && h->code != ICMP_FRAG_NEEDED;
	return icmp_is_err(h->type) && h->type != ICMP_REDIRECT;
}

/* Inner addresses, as quoted.  False: not TCP, or cut short. */
static bool inner4(const struct sk_buff *skb, struct quote *q)
{
	struct iphdr buf;
	const struct iphdr *iph;

	iph = skb_header_pointer(skb, q->icmp + sizeof(struct icmphdr), sizeof(buf), &buf);
	if (!iph || iph->version != 4 || iph->ihl < 5 || iph->protocol != IPPROTO_TCP ||
	    (iph->frag_off & htons(IP_OFFSET)))
		return false;
	q->tuple = (struct cb_tuple) { .family = AF_INET };
	q->tuple.saddr.a[0] = iph->saddr;
	q->tuple.daddr.a[0] = iph->daddr;
	q->th = q->icmp + sizeof(struct icmphdr) + iph->ihl * 4;
	return true;
}

static bool outer4(const struct sk_buff *skb, struct quote *q)
{
	const struct iphdr *iph = ip_hdr(skb);
	const struct icmphdr *h;
	struct icmphdr buf;

	if (iph->protocol != IPPROTO_ICMP || (iph->frag_off & htons(IP_OFFSET)))
		return false;
	q->icmp = iph->ihl * 4;
	h = skb_header_pointer(skb, q->icmp, sizeof(buf), &buf);
	return h && is_error4(h, q) && inner4(skb, q);
}

#if IS_ENABLED(CONFIG_IPV6)
static bool inner6(const struct sk_buff *skb, struct quote *q)
{
	unsigned int off = q->icmp + sizeof(struct icmp6hdr);
	const struct ipv6hdr *ip6h;
	struct ipv6hdr buf;
	__be16 frag_off;
	u8 nexthdr;
	int th;

	ip6h = skb_header_pointer(skb, off, sizeof(buf), &buf);
	if (!ip6h || ip6h->version != 6)
		return false;
	q->tuple = (struct cb_tuple) { .family = AF_INET6 };
	q->tuple.saddr.in6 = ip6h->saddr;
	q->tuple.daddr.in6 = ip6h->daddr;
	nexthdr = ip6h->nexthdr;
	th = ipv6_skip_exthdr(skb, off + sizeof(*ip6h), &nexthdr, &frag_off);
	if (th < 0 || nexthdr != IPPROTO_TCP || (frag_off & htons(IP6_OFFSET)))
		return false;
	q->th = th;
	return true;
}

static bool outer6(const struct sk_buff *skb, struct quote *q)
{
	u8 nexthdr = ipv6_hdr(skb)->nexthdr;
	const struct icmp6hdr *h;
	struct icmp6hdr buf;
	__be16 frag_off;
	int off;

	off = ipv6_skip_exthdr(skb, sizeof(struct ipv6hdr), &nexthdr, &frag_off);
	if (off < 0 || nexthdr != IPPROTO_ICMPV6 || (frag_off & htons(IP6_OFFSET)))
		return false;
	q->icmp = off;
	h = skb_header_pointer(skb, off, sizeof(buf), &buf);
	if (!h || h->icmp6_type & ICMPV6_INFOMSG_MASK)
		return false;
	q->unreachable = h->icmp6_type == ICMPV6_DEST_UNREACH;
	return inner6(skb, q);
}
#endif

/* Is it an error about a TCP segment? */
static bool parse(const struct sk_buff *skb, u8 pf, struct quote *q)
{
	bool found = false;
	u8 buf[QUOTED_MIN];
	const u8 *th;

	if (pf == NFPROTO_IPV4)
		found = outer4(skb, q);
#if IS_ENABLED(CONFIG_IPV6)
	else
		found = outer6(skb, q);
#endif
	th = found ? skb_header_pointer(skb, q->th, sizeof(buf), buf) : NULL;
	if (!th)
		return false;
	memcpy(&q->tuple.sport, th, 2);
	memcpy(&q->tuple.dport, th + 2, 2);
	q->seq = cb_get_be32(th + 4);
	q->avail = min_t(unsigned int, skb->len - q->th, QUOTED_MAX);
	return true;
}

/* The quote changes by what the checksum over it is told. */
static bool translate(const struct cb_splice *sp, struct sk_buff *skb, const struct quote *q,
		      bool by_server)
{
	__sum16 *check;
	__wsum diff;

	if (skb_ensure_writable(skb, q->th + q->avail)) {
		cb_splice_count(sp, CB_R_NO_MEMORY);
		return false;
	}
	cb_translate_quoted(skb->data + q->th, q->avail, &sp->shift, by_server, &diff);
	check = (__sum16 *)(skb->data + q->icmp + offsetof(struct icmphdr, checksum));
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		csum_replace_by_diff(check, diff);
	return true;
}

static struct cb_splice *find(struct cb_net *cbn, const struct cb_tuple *t)
{
	if (!cb_splice_has_port(cbn, be16_to_cpu(t->dport)))
		return NULL;
	return cb_splice_find(cbn, t);
}

unsigned int cb_splice_icmp_in(struct cb_net *cbn, struct sk_buff *skb, u8 pf)
{
	struct cb_splice *sp;
	struct quote q;

	if (!parse(skb, pf, &q))
		return NF_ACCEPT;
	swap(q.tuple.saddr, q.tuple.daddr);
	swap(q.tuple.sport, q.tuple.dport);
	sp = find(cbn, &q.tuple);
	if (!sp || smp_load_acquire(&sp->state) == CB_SPLICE_WAITING)	/* else it is whole */
		return NF_ACCEPT;
	return translate(sp, skb, &q, true) ? NF_ACCEPT : NF_DROP;
}

static unsigned int refused(struct cb_splice *sp, struct sk_buff *skb, const struct quote *q)
{
	if (!q->unreachable || q->seq != sp->cisn)
		return NF_ACCEPT;
	if (skb->skb_iif != sp->ifindex)	/* as clients could send, too */
		cb_splice_unlearn(sp, CB_PROFILE_UNREACHABLE);
	return cb_splice_refused(sp, skb);
}

unsigned int cb_splice_icmp_out(struct cb_net *cbn, struct sk_buff *skb, u8 pf)
{
	struct cb_splice *sp;
	struct quote q;

	if (!parse(skb, pf, &q))
		return NF_ACCEPT;
	sp = find(cbn, &q.tuple);
	if (!sp)
		return NF_ACCEPT;
	if (smp_load_acquire(&sp->state) == CB_SPLICE_WAITING)		/* else it is whole */
		return refused(sp, skb, &q);
	return translate(sp, skb, &q, false) ? NF_ACCEPT : NF_DROP;
}
