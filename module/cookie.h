/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cookie: connection state sealed into the 32-bit ISN of a SYN-ACK.
 *
 * Pure (no skb, namespace or clock; compiles in userspace).  The format is
 * specified in Documentation/wire-format.rst; this is its only
 * implementation, used on the SYN path (seal) and on the ACK path (open).
 *
 *	mac  = SipHash-2-4(K(epoch, form), tuple | client ISN | epoch |
 *			   version, form, params)		64 bits
 *	a    = (mac >> 32) | 1,  b = mac & 0xffffffff
 *	ISN  = a * value + b  mod 2^32
 *
 * value is the payload, 0 <= value < rows.  An ISN opens if
 * (ISN - b) / a mod 2^32 < rows, so that exactly `rows` of the 2^32 ISNs of a
 * tuple open under one key: 2^11 with timestamps, 64 or 42 without.  As (a, b)
 * is fresh for each (tuple, client ISN, epoch, form), every bit of the ISN is
 * pseudo-random to anyone without the key (RFC 6528).
 */
#ifndef CB_COOKIE_H
#define CB_COOKIE_H

#include <linux/siphash.h>
#include "segment.h"

#define CB_COOKIE_VERSION	1

enum cb_form {
	CB_FORM_TS,		/* client offered timestamps: 2^11 payloads */
	CB_FORM_ROWS,		/* without, a single box: CB_ROWS_SINGLE rows */
	CB_FORM_ROWS_CLUSTER,	/* without, a cluster: the first CB_ROWS_CLUSTER rows */
};

#define CB_TS_VALUES		2048u
#define CB_ROWS_SINGLE		64u
#define CB_ROWS_CLUSTER		42u

/* What a cookie carries: the client's offers, as far as they are in force. */
struct cb_offer {
	u16 mss;		/* bytes the client may be sent per segment */
	u8 wscale;		/* the client's shift, 0..14; 0 when !has_wscale */
	bool has_wscale;
	bool sack;
	bool ecn;
};

/**
 * cb_cookie_seal() - make the ISN of a SYN-ACK
 * @key:	key of (@epoch, @form)
 * @tuple:	of the SYN
 * @cisn:	client's ISN, host order
 * @epoch:	key epoch number
 * @form:	CB_FORM_*
 * @params:	the service's parameters that both ends of the seal must share:
 *		bits 3..0 the window scale that the SYN-ACK announces (15: none)
 * @offer:	what to carry; on return, what will come back from
 *		cb_cookie_open(): never more than was asked
 * @isn:	result, host order
 *
 * Deterministic: a retransmitted SYN gets the same ISN within an epoch.
 *
 * Return: true, or false if @offer->mss is below the lowest class (the SYN
 * then goes to the stack).  Context: any.
 */
bool cb_cookie_seal(const siphash_key_t *key, const struct cb_tuple *tuple,
		    u32 cisn, u32 epoch, enum cb_form form, u16 params,
		    struct cb_offer *offer, u32 *isn);

/**
 * cb_cookie_open() - check an ISN and get the state back
 *
 * Arguments as for cb_cookie_seal(); @isn is ACK - 1, @cisn is SEQ - 1 of the
 * ACK (a first data segment has the same SEQ).  @mac is the 64-bit MAC, which no
 * other tuple, client ISN, epoch or form has.
 *
 * Return: true, @offer and @mac, or false.  Context: any.
 */
bool cb_cookie_open(const siphash_key_t *key, const struct cb_tuple *tuple,
		    u32 cisn, u32 epoch, enum cb_form form, u16 params,
		    u32 isn, struct cb_offer *offer, u64 *mac);

/* The published tables (Documentation/wire-format.rst is drift-checked). */
extern const u16 cb_mss_classes[32];			/* ascending, bytes */
extern const struct cb_offer cb_rows[CB_ROWS_SINGLE];	/* most useful first */

#endif
