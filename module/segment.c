// SPDX-License-Identifier: GPL-2.0
/*
 * The fixed TCP header, read once (RFC 9293 3.1).
 *
 * Owns no state.  Invariant: nothing outside [th, th + avail) is read, and a
 * segment that parsed has 20 <= thlen <= len; of one that did not, ports and flags
 * are set if they can be seen.  Called by the hooks for every
 * TCP segment of a protected service, in any context.
 */
#include "segment.h"
#include "bytes.h"

#define TCP_FIXED_LEN	20u

enum cb_reason cb_segment_parse(struct cb_segment *seg, const u8 *th,
				unsigned int avail, unsigned int len)
{
	unsigned int thlen, payload;

	if (avail < TCP_FIXED_LEN)
		return CB_R_BAD_HEADER;
	thlen = (th[12] >> 4) * 4;
	memcpy(&seg->tuple.sport, th, 2);
	memcpy(&seg->tuple.dport, th + 2, 2);
	seg->seq = cb_get_be32(th + 4);
	seg->ack = cb_get_be32(th + 8);
	seg->window = cb_get_be16(th + 14);
	seg->flags = th[13];
	if (thlen < TCP_FIXED_LEN || thlen > len)
		return CB_R_BAD_HEADER;
	payload = len - thlen;
	seg->payload_len = payload < 0xffff ? payload : 0xffff;
	seg->thlen = thlen;
	return CB_R_NONE;
}
