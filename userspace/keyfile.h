/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The key file: master secret, clock, floor and flow pairs as text.
 *
 *	cookiebox-key 1
 *	clock wall
 *	floor 54310112			(clock wall only)
 *	master <64 hexadecimal digits>
 *	flow <base, ms> <32 hexadecimal digits>		(0 to 4, newest first)
 *
 * Empty lines and lines that begin with # are skipped.  It is a secret: it is
 * written for its owner alone and not read if others could have read it.
 * Whoever fills a struct keyfile zeroes it after use.
 */
#ifndef COOKIEBOX_KEYFILE_H
#define COOKIEBOX_KEYFILE_H

#include <linux/cookiebox.h>
#include <stdint.h>

#define KEYFILE_VERSION	1

struct keyfile_flow {
	uint32_t base;		/* ms */
	uint8_t key[COOKIEBOX_FLOW_KEY_LEN];
};

struct keyfile {
	uint8_t master[COOKIEBOX_MASTER_LEN];
	unsigned int clock;	/* enum cookiebox_clock */
	uint32_t floor;
	unsigned int n_flow;
	struct keyfile_flow flow[COOKIEBOX_FLOW_PAIRS_MAX];
};

/* All: 0, or an exit code after one sentence. */
int keyfile_read(const char *path, struct keyfile *kf);
/* A bare secret of 64 hexadecimal digits; "-" is standard input. */
int keyfile_read_secret(const char *path, uint8_t secret[COOKIEBOX_MASTER_LEN]);
/* Temporary file, fsync, rename: the old file or the new one, never half of it. */
int keyfile_write(const char *path, const struct keyfile *kf);

#endif
