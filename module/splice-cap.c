// SPDX-License-Identifier: GPL-2.0
/*
 * How many flows may wait for a server at a time, of one source prefix and on one server.
 *
 * Owns cb_splicing->cap: of each prefix (/24, /64) and of each server two counts, in rows
 * that are hashed apart, with a key.  Who shares one of them with somebody else has the
 * other; so nobody is refused for what others do, but for an accident in a million.
 * Invariant: what is added is subtracted once, when the flow no longer waits.  All under
 * flows->lock; fixed bytes, no loop.
 */
#include <linux/socket.h>
#include "splice.h"

enum { PREFIX, SERVER };

static u32 hash(const struct cb_splicing *s, const struct cb_flow_key *k, unsigned int kind)
{
	if (kind == PREFIX && k->family == AF_INET)
		return hsiphash_2u32(be32_to_cpu(k->saddr.a[0]) >> 8, kind, &s->key);
	if (kind == PREFIX)
		return hsiphash_3u32(be32_to_cpu(k->saddr.a[0]), be32_to_cpu(k->saddr.a[1]),
				     kind, &s->key);
	if (k->family == AF_INET)
		return hsiphash_3u32(be32_to_cpu(k->daddr.a[0]), be16_to_cpu(k->dport), kind,
				     &s->key);
	return hsiphash(&k->daddr, sizeof(k->daddr), &s->key) ^ be16_to_cpu(k->dport);
}

static u32 slot(u32 hash, unsigned int row)
{
	return (row ? hash >> 16 : hash) & (CB_CAP_SLOTS - 1);
}

static void change(struct cb_splicing *s, unsigned int kind, u32 hash, int by)
{
	s->cap[kind][0][slot(hash, 0)] += by;
	s->cap[kind][1][slot(hash, 1)] += by;
}

static bool full(const struct cb_splicing *s, unsigned int kind, u32 hash, u32 limit)
{
	return s->cap[kind][0][slot(hash, 0)] >= limit && s->cap[kind][1][slot(hash, 1)] >= limit;
}

bool cb_splice_cap_add(struct cb_splicing *s, const struct cb_flow_key *k)
{
	const struct cb_sysctl *sysctl = &s->cbn->sysctl;
	u32 prefix = hash(s, k, PREFIX), server = hash(s, k, SERVER);

	if (full(s, PREFIX, prefix, READ_ONCE(sysctl->splice_prefix_max)) ||
	    full(s, SERVER, server, READ_ONCE(sysctl->splice_server_max)))
		return false;
	change(s, PREFIX, prefix, 1);
	change(s, SERVER, server, 1);
	return true;
}

void cb_splice_cap_sub(struct cb_splicing *s, const struct cb_flow_key *k)
{
	change(s, PREFIX, hash(s, k, PREFIX), -1);
	change(s, SERVER, hash(s, k, SERVER), -1);
}
