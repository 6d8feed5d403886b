/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The master over netlink, to and from what a key file holds.  Whoever fills a
 * struct keyfile zeroes it after use.
 */
#ifndef COOKIEBOX_KEYWIRE_H
#define COOKIEBOX_KEYWIRE_H

#include "genl.h"
#include "keyfile.h"

/* The newest master, with secrets. */
int keywire_get(struct genl *g, struct keyfile *kf);
int keywire_set(struct genl *g, const struct keyfile *kf, bool now);

/* For the kernel's "this attribute". */
#define KEY_ATTRS	(COOKIEBOX_A_KEY_MAX + 1)
extern const char *const key_attr_words[KEY_ATTRS];

#endif
