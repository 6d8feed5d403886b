/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one table of outcomes.  It feeds the enum, the counters, the netlink
 * names, `cookiebox stats --explain` and Documentation/counters.rst.
 *
 * R(SYMBOL, name, class, sentence)
 *
 * class says what happened to the segment:
 *	ANSWER	cookiebox sent a segment of its own in return
 *	PASS	the segment went on to the host's own stack, untouched
 *	ACCEPT	the segment went on, and a connection was made of it
 *	DROP	the segment was dropped
 *
 * Append only: the numbers are part of the trace format.  This file has no
 * include guard on purpose: it is included once per meaning of R().
 */
#define CB_REASONS(R) \
	R(SYN_ANSWERED, syn_answered, ANSWER, \
	  "SYN answered with a cookie; nothing need be remembered") \
	R(COOKIE_ACCEPTED, cookie_accepted, ACCEPT, \
	  "ACK opened a cookie and became a connection of the listener") \
	R(ALLOW_LISTED, allow_listed, PASS, \
	  "source is on the service's allow list and is never challenged") \
	R(SYN_KNOWN_TUPLE, syn_known_tuple, PASS, \
	  "SYN for a connection the host still knows; the stack decides (challenge ACK, TIME_WAIT)") \
	R(NO_LISTENER, no_listener, PASS, \
	  "nobody listens on the destination; the stack answers as for any closed port") \
	R(NOT_LOCAL, not_local, PASS, \
	  "destination is no address of this host, or NAT, TPROXY or routing takes it elsewhere") \
	R(SYNCOOKIES_OFF, syncookies_off, PASS, \
	  "net.ipv4.tcp_syncookies is 0, so this kernel would reset the ACK; set it to 1 or 2") \
	R(MSS_TOO_LOW, mss_too_low, PASS, \
	  "client's MSS is below the lowest class a cookie can hold; the stack answers") \
	R(LISTENER_UNSUPPORTED, listener_unsupported, PASS, \
	  "listener has a feature a cookie cannot serve (see the documentation); the stack answers") \
	R(AUTH_PASSED, auth_passed, PASS, \
	  "SYN carries TCP-MD5 or TCP-AO, or should, and the listener has keys; the stack decides") \
	R(NOT_OURS, not_ours, PASS, \
	  "segment belongs to nothing known here; the stack answers with its own RST") \
	R(BAD_COOKIE, bad_cookie, DROP, \
	  "ACK number is no cookie of ours for this tuple and client ISN") \
	R(COOKIE_EXPIRED, cookie_expired, DROP, \
	  "echoed timestamp is no recent one of ours: cookie too old, or forged") \
	R(BAD_CHECKSUM, bad_checksum, DROP, \
	  "TCP checksum is wrong") \
	R(BAD_HEADER, bad_header, DROP, \
	  "TCP header is truncated, or its data offset is under 5 or past the end") \
	R(BAD_OPTIONS, bad_options, DROP, \
	  "TCP options are malformed or repeated") \
	R(BAD_FLAGS, bad_flags, DROP, \
	  "SYN together with FIN or RST") \
	R(BAD_SOURCE, bad_source, DROP, \
	  "source is multicast, broadcast, 0/8, IPv4-mapped, loopback off lo, or this host's") \
	R(FRAGMENT, fragment, DROP, \
	  "SYN is an IP fragment") \
	R(AUTH_DROPPED, auth_dropped, DROP, \
	  "SYN carries TCP-MD5 or TCP-AO, which a cookie cannot answer") \
	R(NO_TIMESTAMPS, no_timestamps, DROP, \
	  "SYN without timestamps, refused by the service's no-timestamps setting") \
	R(QUEUE_FULL, queue_full, DROP, \
	  "listener's accept queue is full; the client will retransmit") \
	R(REFUSED_BY_HOST, refused_by_host, DROP, \
	  "firewall rules, socket filter, IPsec policy, TCP-MD5 or security module said no") \
	R(NO_MEMORY, no_memory, DROP, \
	  "memory for the reply or for the connection was refused") \
	R(NO_ROUTE, no_route, DROP, \
	  "no route back to the source, or rp_filter refuses it") \
	R(DEFERRED, deferred, DROP, \
	  "bare ACK for a deferred-accept listener; the first data will redeem the cookie") \
	R(INVALID_DROPPED, invalid_dropped, DROP, \
	  "segment belongs to nothing known here, and the service drops such segments") \
	R(RACE_LOST, race_lost, DROP, \
	  "another CPU made the connection first; the client's retransmission finds it") \
	R(REPLY_FAILED, reply_failed, DROP, \
	  "SYN-ACK could not be built or was refused by the output path") \
	R(SYNACK_RETRANSMITTED, synack_retransmitted, ANSWER, \
	  "SYN-ACK of a calm time was sent again, since no ACK had come") \
	R(REPLAYED, replayed, DROP, \
	  "cookie was used before, and its connection is gone: an ACK that somebody recorded") \
	R(REPEATED, repeated, DROP, \
	  "cookie was used a moment ago: a segment of the same first flight; it is sent again") \
	R(SINGLE_USE_FULL, single_use_full, DROP, \
	  "no room to hold the used cookie, and net.cookiebox.single_use_full says drop") \
	R(SPLICED, spliced, ACCEPT, \
	  "server answered: its connection and the client's are one from here on") \
	R(NOT_FORWARDED, not_forwarded, PASS, \
	  "destination is local, without route, or bridged: nothing to splice; the segment goes on") \
	R(SERVER_DEAD, server_dead, PASS, \
	  "server refused or did not answer the last connections: the SYN is its own to answer") \
	R(SERVER_ASKED, server_asked, PASS, \
	  "SYN of a server that is not known yet went on untouched, so that its answer is seen") \
	R(UNKNOWN_PASSED, unknown_passed, PASS, \
	  "ACK of no spliced flow opened no cookie, and goes on to the server") \
	R(UNKNOWN_RESET, unknown_reset, ANSWER, \
	  "ACK of no spliced flow opened no cookie, and both its ends got a RST") \
	R(HELD, held, PASS, \
	  "early segment waits in the box until the server answers") \
	R(HELD_FULL, held_full, DROP, \
	  "early segment found no room to wait for the server; the client will send it again") \
	R(SERVER_REFUSED, server_refused, PASS, \
	  "server refused the connection, and the client was told by a RST") \
	R(SERVER_SILENT, server_silent, DROP, \
	  "server did not answer the SYN, nor its repetitions: the flow was given up") \
	R(ONE_WAY, one_way, DROP, \
	  "as server_silent, but its client was spoken to: what servers send by-passes this host") \
	R(END_SILENT, end_silent, DROP, \
	  "an end of an idle flow did not answer probes; the other was told by a RST") \
	R(SPLICE_FULL, splice_full, DROP, \
	  "net.cookiebox.splice_max flows are there, none of them closing; the ACK comes again") \
	R(SPLICE_CAP, splice_cap, DROP, \
	  "too many flows of this source prefix, or to this server, wait for an answer") \
	R(SPLICE_EVICTED, splice_evicted, DROP, \
	  "flow that waited longest for its server gave way; its next segment begins anew") \
	R(RST_OUTSIDE, rst_outside, DROP, \
	  "RST whose sequence number its receiver would not take (RFC 5961)") \
	R(ADOPTED, adopted, PASS, \
	  "ACK of a connection older than the service, which its server was heard to have, goes on")

#ifndef CB_REASON_ENUM
#define CB_REASON_ENUM
enum cb_reason {
#define R(sym, name, class, sentence) CB_R_##sym,
	CB_REASONS(R)
#undef R
	CB_R_COUNT,
	CB_R_NONE = CB_R_COUNT,	/* nothing to count: not cookiebox's business */
};

enum cb_reason_class { CB_CLASS_ANSWER, CB_CLASS_PASS, CB_CLASS_ACCEPT, CB_CLASS_DROP };
#endif
