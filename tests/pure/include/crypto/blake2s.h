/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BLAKE2s (RFC 7693) with the kernel's names, for the pure core in userspace.
 * tests/pure checks it against the RFC's and the authors' vectors.
 */
#ifndef CB_SHIM_BLAKE2S_H
#define CB_SHIM_BLAKE2S_H

#include <linux/types.h>

#define BLAKE2S_BLOCK_SIZE	64

struct blake2s_state {
	u32 h[8];
	u64 count;
	u8 buf[BLAKE2S_BLOCK_SIZE];
	unsigned int buflen;
	unsigned int outlen;
};

void blake2s_init_key(struct blake2s_state *state, size_t outlen,
		      const void *key, size_t keylen);
void blake2s_update(struct blake2s_state *state, const u8 *in, size_t inlen);
void blake2s_final(struct blake2s_state *state, u8 *out);

#endif
