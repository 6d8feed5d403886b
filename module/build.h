/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Builds a segment without payload: SYN or SYN-ACK, either family.
 */
#ifndef CB_BUILD_H
#define CB_BUILD_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/socket.h>
#include <linux/tcp.h>
#include "handshake.h"

struct sk_buff;

#define CB_BUILD_OPTIONS_MAX	20	/* MSS 4, SACK and timestamps 12, window scale 4 */

struct cb_build {
	const struct cb_addr *saddr, *daddr;
	__be16 sport, dport;
	u8 family;		/* AF_INET or AF_INET6 */
	u8 tos;
	u8 ttl;
	u8 flags;		/* CB_TCP_* */
	u8 optlen;		/* bytes: what cb_build_options() returned */
	u32 seq, ack;		/* host order */
	u16 window;		/* unscaled */
	__be32 flowlabel;	/* IPv6 only */
	__be32 options[CB_BUILD_OPTIONS_MAX / sizeof(__be32)];
};

/* Fills options and optlen in Linux's order, from what @sa has. */
void cb_build_options(struct cb_build *b, const struct cb_synack *sa);

/* Type of service, TTL and flow label are those of @skb, of the same family. */
void cb_build_dress(struct cb_build *b, const struct sk_buff *skb);

static inline unsigned int cb_build_ip_len(const struct cb_build *b)
{
	return b->family == AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

/* Bytes from the network header to the end. */
static inline unsigned int cb_build_len(const struct cb_build *b)
{
	return cb_build_ip_len(b) + sizeof(struct tcphdr) + b->optlen;
}

/**
 * cb_build_alloc() - a buffer for @len bytes from the network header on
 * @like:	its device, protocol and Ethernet header are copied
 * @len:	bytes; room for link layer headers is left before them
 *
 * Context: softirq.  Return: an empty skb, or NULL.
 */
struct sk_buff *cb_build_alloc(const struct sk_buff *like, unsigned int len);

/**
 * cb_build_write() - write IP and TCP header
 * @skb:	linear; cb_build_len() bytes long, from the network header on
 * @b:		what to write; addresses must not lie inside @skb
 *
 * Sets the header offsets and the TCP checksum, summed here, so that no device's
 * offload is relied upon and a capture shows it right.  Context: any.
 */
void cb_build_write(struct sk_buff *skb, const struct cb_build *b);

#endif
