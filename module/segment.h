/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A TCP segment, parsed once, bounds-checked and family-neutral.
 *
 * Pure: segment.c and options.c hold no skb, no namespace and no clock, and
 * also compile in userspace (tests/pure).  The skb edge is in hooks.c.
 */
#ifndef CB_SEGMENT_H
#define CB_SEGMENT_H

#include <linux/types.h>
#include <linux/in6.h>
#include "reason.h"

/* Addresses are stored in network byte order; IPv4 sits in a[0], the rest 0. */
struct cb_addr {
	union {
		__be32 a[4];
		__be64 q[2];
		struct in6_addr in6;
	};
};

/* As seen in a segment from the client: saddr/sport are the client's. */
struct cb_tuple {
	struct cb_addr saddr;
	struct cb_addr daddr;
	__be16 sport;
	__be16 dport;
	u8 family;		/* AF_INET or AF_INET6 */
};

static inline bool cb_tuple_equal(const struct cb_tuple *a, const struct cb_tuple *b)
{
	return a->saddr.q[0] == b->saddr.q[0] && a->saddr.q[1] == b->saddr.q[1] &&
	       a->daddr.q[0] == b->daddr.q[0] && a->daddr.q[1] == b->daddr.q[1] &&
	       a->sport == b->sport && a->dport == b->dport && a->family == b->family;
}

/* cb_options.has */
#define CB_OPT_MSS		BIT(0)
#define CB_OPT_WSCALE		BIT(1)
#define CB_OPT_SACK		BIT(2)	/* SACK permitted */
#define CB_OPT_TS		BIT(3)
#define CB_OPT_AUTH		BIT(4)	/* TCP-MD5 (19) or TCP-AO (29) */
#define CB_OPT_MPTCP		BIT(5)
#define CB_OPT_FASTOPEN		BIT(6)
#define CB_OPT_JOIN		BIT(7)	/* MPTCP: one more path of a connection */

struct cb_options {
	u32 tsval;		/* host order */
	u32 tsecr;		/* host order */
	u16 mss;		/* bytes; 0 when not offered */
	u8 wscale;		/* 0..14; larger offers are read as 14 (RFC 7323, 2.3) */
	u8 has;			/* CB_OPT_* */
};

/* What a client may get less of than it offered. */
enum cb_less {
	CB_LESS_MSS,
	CB_LESS_WSCALE,
	CB_LESS_SACK,
	CB_LESS_ECN,
	CB_LESS_MPTCP,
	CB_LESS_FASTOPEN,
	CB_LESS_COUNT,
};

#define CB_TCP_FIN	0x01
#define CB_TCP_SYN	0x02
#define CB_TCP_RST	0x04
#define CB_TCP_PSH	0x08
#define CB_TCP_ACK	0x10
#define CB_TCP_URG	0x20
#define CB_TCP_ECE	0x40
#define CB_TCP_CWR	0x80

struct cb_segment {
	struct cb_tuple tuple;
	u32 seq;		/* host order */
	u32 ack;		/* host order */
	u16 window;		/* as sent, unscaled, host order */
	u16 payload_len;	/* bytes after the TCP header (GRO: of all; capped at 65535) */
	u16 thoff;		/* TCP header, bytes from skb->data */
	u8 thlen;		/* TCP header with options, bytes, 20..60 */
	u8 flags;		/* CB_TCP_* */
	struct cb_options opt;	/* valid only after cb_options_parse() */
};

/**
 * cb_segment_parse() - read the fixed TCP header
 * @seg:	filled in, but for tuple addresses, family, thoff and opt
 * @th:		first byte of the TCP header; any alignment
 * @avail:	readable bytes at @th; at least 20, else CB_R_BAD_HEADER
 * @len:	bytes of TCP header and payload by the IP header
 *
 * Return: CB_R_NONE, or CB_R_BAD_HEADER (data offset under 5 or past @len; ports
 * and flags are set nevertheless if 20 bytes are readable).
 * The caller must make thlen bytes readable before cb_options_parse().
 */
enum cb_reason cb_segment_parse(struct cb_segment *seg, const u8 *th,
				unsigned int avail, unsigned int len);

/**
 * cb_options_parse() - read the TCP options (RFC 9293 3.1, RFC 7323, RFC 2018)
 * @opt:	filled in
 * @p:		first option byte (TCP header + 20); any alignment
 * @len:	bytes of options, 0..40
 * @syn:	whether SYN-only options (MSS, window scale, SACK permitted) count
 *
 * Never reads past @p + @len.  An option with a length under 2 or past the
 * end, of the wrong length for its kind, or a second timestamp option is an
 * error.  Unknown kinds are skipped.
 *
 * Return: CB_R_NONE, or CB_R_BAD_OPTIONS.
 */
enum cb_reason cb_options_parse(struct cb_options *opt, const u8 *p,
				unsigned int len, bool syn);

#endif
