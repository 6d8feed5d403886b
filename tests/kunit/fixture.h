/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites start from: one tuple per family, a ring of derived keys, a
 * policy.  Compiles as a KUnit module and in userspace (tests/pure).
 */
#ifndef CB_FIXTURE_H
#define CB_FIXTURE_H

#include <kunit/test.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/socket.h>
#include <asm/byteorder.h>
#include "handshake.h"

#define FIX_CISN	0x12345678u
#define FIX_EPOCH_MS	32000u
#define FIX_EPOCH	12u		/* current in fix_ring() at fix_now() */
#define FIX_BASE	1000u
#define FIX_WSCALE	7		/* announced */

static inline struct cb_tuple fix_tuple4(void)
{
	struct cb_tuple t;

	memset(&t, 0, sizeof(t));
	t.family = AF_INET;
	t.saddr.a[0] = cpu_to_be32(0xc0000201);	/* 192.0.2.1 */
	t.daddr.a[0] = cpu_to_be32(0xc6336450);	/* 198.51.100.80 */
	t.sport = cpu_to_be16(40000);
	t.dport = cpu_to_be16(443);
	return t;
}

static inline struct cb_tuple fix_tuple6(void)
{
	struct cb_tuple t;

	memset(&t, 0, sizeof(t));
	t.family = AF_INET6;
	t.saddr.q[0] = cpu_to_be64(0x20010db800000000ULL);	/* 2001:db8::1 */
	t.saddr.q[1] = cpu_to_be64(1);
	t.daddr.q[0] = cpu_to_be64(0x20010db800000001ULL);	/* 2001:db8:0:1::80 */
	t.daddr.q[1] = cpu_to_be64(0x80);
	t.sport = cpu_to_be16(40000);
	t.dport = cpu_to_be16(443);
	return t;
}

static inline struct cb_tuple fix_tuple(int family)
{
	return family == AF_INET6 ? fix_tuple6() : fix_tuple4();
}

static inline void fix_master(u8 master[CB_MASTER_LEN])
{
	unsigned int i;

	for (i = 0; i < CB_MASTER_LEN; i++)
		master[i] = i;
}

static inline siphash_key_t fix_key(enum cb_key_purpose purpose, u32 epoch)
{
	u8 master[CB_MASTER_LEN];
	siphash_key_t key;

	fix_master(master);
	cb_key_derive(&key, master, purpose, epoch, NULL);
	return key;
}

static inline u64 fix_now(void)		/* in the middle of FIX_EPOCH */
{
	return (u64)FIX_EPOCH * FIX_EPOCH_MS + FIX_EPOCH_MS / 2;
}

static inline void fix_slot(struct cb_ring *ring, u32 epoch, u64 start_ms)
{
	struct cb_slot *slot = &ring->slot[epoch % CB_RING_SLOTS];

	slot->ts_key = fix_key(CB_KEY_COOKIE_TS, epoch);
	slot->rows_key = fix_key(CB_KEY_COOKIE_ROWS, epoch);
	slot->start_ms = start_ms;
	slot->epoch = epoch;
	slot->valid = true;
}

/* A ring as it is published at the start of @epoch: that, older ones, the next. */
static inline void fix_ring(struct cb_ring *ring, u32 epoch, bool cluster)
{
	u32 e;

	memset(ring, 0, sizeof(*ring));
	ring->epoch = epoch;
	ring->cluster = cluster;
	ring->ts_life_ms = 2 * FIX_EPOCH_MS;
	ring->n_pairs = 1;
	ring->pair[0].key = fix_key(CB_KEY_GATE, 0);
	ring->pair[0].base = FIX_BASE;
	for (e = epoch - 4; e != epoch + 2; e++)
		fix_slot(ring, e, (u64)e * FIX_EPOCH_MS);
}

static inline struct cb_policy fix_policy(void)
{
	return (struct cb_policy){
		.timestamps = true, .sack = true, .wscale = true, .ecn = true,
		.rcv_wscale = FIX_WSCALE, .mss = 1460, .window = 64240,
	};
}

/* A SYN that offers everything, or all but timestamps. */
static inline struct cb_segment fix_syn(int family, bool timestamps)
{
	struct cb_segment seg;

	memset(&seg, 0, sizeof(seg));
	seg.tuple = fix_tuple(family);
	seg.seq = FIX_CISN;
	seg.flags = CB_TCP_SYN | CB_TCP_ECE | CB_TCP_CWR;
	seg.thlen = 40;
	seg.opt.has = CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | (timestamps ? CB_OPT_TS : 0);
	seg.opt.mss = 1460;
	seg.opt.wscale = 8;
	seg.opt.tsval = 0xfffffff0;
	return seg;
}

/* The ACK of an honest client to that SYN-ACK. */
static inline struct cb_segment fix_ack(const struct cb_segment *syn,
					const struct cb_synack *synack)
{
	struct cb_segment seg = *syn;

	seg.seq = synack->ack;
	seg.ack = synack->isn + 1;
	seg.flags = CB_TCP_ACK;
	seg.thlen = synack->has & CB_OPT_TS ? 32 : 20;
	memset(&seg.opt, 0, sizeof(seg.opt));
	if (synack->has & CB_OPT_TS) {
		seg.opt.has = CB_OPT_TS;
		seg.opt.tsval = syn->opt.tsval + 100;
		seg.opt.tsecr = synack->tsval;
	}
	return seg;
}

#endif
