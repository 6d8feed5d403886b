/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share: reading the input, and saying what must hold.
 *
 * An input is read from its start as numbers and bytes; past its end it reads as
 * zero, so that every input is a whole case.
 */
#ifndef CB_FUZZ_H
#define CB_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include "fixture.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* A broken promise is a crash to libFuzzer, which then keeps the input. */
#define MUST(c) do { \
	if (!(c)) { \
		fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #c); \
		abort(); \
	} \
} while (0)

struct input {
	const u8 *p;
	size_t left;
};

static inline void take(struct input *in, void *to, size_t n)
{
	size_t held = n < in->left ? n : in->left;

	memset(to, 0, n);
	if (!held)
		return;
	memcpy(to, in->p, held);
	in->p += held;
	in->left -= held;
}

static inline u8 take8(struct input *in)
{
	u8 v;

	take(in, &v, sizeof(v));
	return v;
}

static inline u16 take16(struct input *in)
{
	return take8(in) << 8 | take8(in);
}

static inline u32 take32(struct input *in)
{
	return (u32)take16(in) << 16 | take16(in);
}

/* @n bytes in a buffer of exactly that size, so that ASAN sees one byte more,
 * and at any alignment, so that UBSAN sees what is read as larger units.
 */
static inline u8 *take_exact(struct input *in, size_t n, unsigned int misaligned,
			     u8 **to_free)
{
	*to_free = malloc(misaligned + n);
	MUST(*to_free);
	take(in, *to_free + misaligned, n);
	return *to_free + misaligned;
}

/* IPv4 lives in the first word, as cb_parse_tuple() has it. */
static inline struct cb_tuple take_tuple(struct input *in)
{
	struct cb_tuple t;
	bool six = take8(in) & 1;

	memset(&t, 0, sizeof(t));
	t.family = six ? AF_INET6 : AF_INET;
	take(in, &t.saddr, six ? 16 : 4);
	take(in, &t.daddr, six ? 16 : 4);
	take(in, &t.sport, 2);
	take(in, &t.dport, 2);
	return t;
}

static inline struct cb_policy take_policy(struct input *in)
{
	u8 bits = take8(in);

	return (struct cb_policy){
		.timestamps = !(bits & 1), .sack = !(bits & 2), .wscale = !(bits & 4),
		.ecn = !(bits & 8), .drop_no_timestamps = bits & 16, .auth_drop = bits & 32,
		.rcv_wscale = take8(in) % 15, .mss = take16(in), .window = take16(in),
	};
}

#endif
