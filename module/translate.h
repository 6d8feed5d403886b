/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the two views of a spliced connection: the client's, which began with
 * our cookie, and the server's, which began with the ISN of the server.
 *
 *			client sends			server sends
 *	SEQ		-				+ seq
 *	ACK, SACK	- seq				-
 *	TSval		-				+ ts
 *	TSecr		- ts, not before first_tsval	-
 *	window		<< win_to_server		<< win_to_client
 *	urgent pointer	-				-
 *
 * An urgent pointer counts from the segment's own SEQ (RFC 9293 3.1), so it means
 * the same in both views.
 *
 * Pure: bytes, no skb, no namespace, no clock; compiles in userspace (tests/pure).
 */
#ifndef CB_TRANSLATE_H
#define CB_TRANSLATE_H

#include <linux/types.h>

/* Constant for the life of a flow: what the client sees is what the server sees + x. */
struct cb_shift {
	u32 seq;		/* cookie ISN - server's ISN */
	u32 ts;			/* the client's view of the server's clock - that clock */
	u32 first_tsval;	/* the server's, of its SYN-ACK */
	s8 win_to_client;	/* -14..14: the server's window scale - the announced one */
	s8 win_to_server;	/* likewise: the client's - what the server takes it to be */
	bool timestamps;	/* in use between the two; if not, such options are not touched */
};

/**
 * cb_translate() - rewrite the TCP header of one segment, or of a GRO super-packet
 * @th:		TCP header with options, writable; any alignment
 * @thlen:	its bytes, 20..60, by the header's own data offset
 * @s:		of the flow
 * @to_server:	the client sent it; else the server did
 * @diff:	by how much the sum over the header grew, for
 *		inet_proto_csum_replace_by_diff(&th->check, skb, *diff, false): th->check
 *		itself is left alone, for only the skb says what is in it
 *
 * Every timestamp option and every SACK block is rewritten, also at odd offsets.  What
 * counts only together with the ACK flag (ACK, TSecr) is left alone without it.  A
 * window is clipped at 65,535 and does not become 0 if it was not; that of a SYN is
 * never scaled (RFC 7323 2.2).
 *
 * Return: true; or false and nothing was changed: an option with a length under 2 or
 * past the end, timestamps not of 10 bytes, or SACK blocks not of 8 each.
 * Context: any.
 */
bool cb_translate(u8 *th, unsigned int thlen, const struct cb_shift *s, bool to_server,
		  __wsum *diff);

/**
 * cb_translate_quoted() - rewrite a header that an ICMP error quotes
 * @th:		the quoted TCP header, writable; at an even offset of the ICMP message
 * @avail:	bytes of it that are there; with less than 8 nothing is changed
 * @s:		of the flow
 * @sent_by_server: the server sent what is quoted, and the quote shows the client's view;
 *		else the client did, and it shows the server's
 * @diff:	by how much the sum over the quote grew, for the ICMP checksum
 *
 * The other way round: it comes to be what the sender had sent, so that its stack knows it
 * again.  As far as is quoted, that is; of options only if the header is whole and in
 * order.  Windows stay, as nobody judges a quote by them, and so does a TSecr that was
 * raised to first_tsval.  The quoted checksum, if it is there, stays as right as it was.
 * Context: any.
 */
void cb_translate_quoted(u8 *th, unsigned int avail, const struct cb_shift *s,
			 bool sent_by_server, __wsum *diff);

#endif
