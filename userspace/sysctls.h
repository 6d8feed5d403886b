/* SPDX-License-Identifier: GPL-2.0 */
/*
 * net.cookiebox.* of this network namespace, as a configuration names them.
 *
 * Values are text, as the kernel writes it.  The table is here so that a
 * mistake can be told before anything is changed; that it agrees with
 * Documentation/sysctl.rst is tested.
 */
#ifndef COOKIEBOX_SYSCTLS_H
#define COOKIEBOX_SYSCTLS_H

#include <stdbool.h>
#include <stddef.h>

#define SYSCTL_VALUE_MAX	24

struct sysctl {
	const char *name;
	const char *expected;		/* for people */
	unsigned long long min, max;	/* if there are no words */
	const char *words[3];
	const char *def;
	const char *also;	/* what else bounds it, or NULL */
	bool first;	/* services are judged by it: it is written before them */
};

extern const struct sysctl sysctls[];
#define N_SYSCTLS	22

/* The sysctl's number, or -1, the mistake being told. */
int sysctl_find(const char *name);
/* Checks @text and writes it as the kernel would. 0, or EXIT_USAGE. */
int sysctl_parse(unsigned int number, const char *text, char value[SYSCTL_VALUE_MAX]);

/* 0, or EXIT_REFUSED; @quiet: without a sentence. */
int sysctl_read(unsigned int number, char value[SYSCTL_VALUE_MAX]);
int sysctl_write(unsigned int number, const char *value, bool quiet);

/* Lines for --help. */
void sysctl_help(void);

#endif
