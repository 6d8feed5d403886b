/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of a service whose values are more than a choice: text to value,
 * value to text, and both to and from attributes.  grammar.c's table names
 * them; nobody else does.
 */
#ifndef COOKIEBOX_WORDS_H
#define COOKIEBOX_WORDS_H

#include "grammar.h"
#include "render.h"

#define WORD_TEXT_MAX	4096	/* the longest value: 64 prefixes */

struct word_type {
	size_t offset, size;	/* of the value in struct service_args; all zero: none */
	int (*parse)(const char *text, struct service_args *a);
	void (*text)(const struct service_args *a, char text[WORD_TEXT_MAX]);
	void (*put)(struct nlmsghdr *nlh, const struct service_args *a);
	/* from a service as the kernel tells it; @a is zeroed before */
	void (*take)(const struct attrs *attrs, struct service_args *a);
};

extern const struct word_type addr_word, port_word, mark_word, allow_word, engage_at_word,
	release_at_word, hold_word;

#endif
