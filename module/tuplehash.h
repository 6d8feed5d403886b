/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SipHash-2-4 over a tuple and three words more: the one PRF input layout of
 * the cookie and of the flow cookie (Documentation/wire-format.rst).
 *
 * Words are numbers, not memory, so boxes of either byte order agree:
 *
 *	IPv4	saddr:32 daddr:32 | sport:16 dport:16 cisn:32 | epoch:32 tag:32
 *	IPv6	saddr:64 | :64 | daddr:64 | :64 | ports, cisn | epoch, tag
 *
 * The families differ in length (24 and 48 bytes), which SipHash binds, and in
 * CB_TAG_IPV6.  Pure; any context.
 */
#ifndef CB_TUPLEHASH_H
#define CB_TUPLEHASH_H

#include <linux/siphash.h>
#include <linux/socket.h>
#include <asm/byteorder.h>
#include "segment.h"

#define CB_TAG_IPV6	BIT(16)

static inline u64 cb_tuple_hash6(const siphash_key_t *key, const struct cb_tuple *t,
				 u64 ports_cisn, u64 epoch_tag)
{
	__le64 word[6] = {
		cpu_to_le64(be64_to_cpu(t->saddr.q[0])),
		cpu_to_le64(be64_to_cpu(t->saddr.q[1])),
		cpu_to_le64(be64_to_cpu(t->daddr.q[0])),
		cpu_to_le64(be64_to_cpu(t->daddr.q[1])),
		cpu_to_le64(ports_cisn),
		cpu_to_le64(epoch_tag),
	};

	return siphash(word, sizeof(word), key);
}

static inline u64 cb_tuple_hash(const siphash_key_t *key, const struct cb_tuple *t,
				u32 cisn, u32 epoch, u32 tag)
{
	u32 ports = (u32)be16_to_cpu(t->sport) << 16 | be16_to_cpu(t->dport);
	u64 ports_cisn = (u64)ports << 32 | cisn;
	u64 epoch_tag = (u64)epoch << 32 | tag;
	u64 addrs;

	if (t->family == AF_INET6)
		return cb_tuple_hash6(key, t, ports_cisn, epoch_tag | CB_TAG_IPV6);
	addrs = (u64)be32_to_cpu(t->saddr.a[0]) << 32 | be32_to_cpu(t->daddr.a[0]);
	return siphash_3u64(addrs, ports_cisn, epoch_tag, key);
}

#endif
