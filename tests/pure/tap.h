/* SPDX-License-Identifier: GPL-2.0 */
/* TAP for the tests that are not KUnit suites: they need files or a short MAC. */
#ifndef CB_TAP_H
#define CB_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_count, tap_failed;

__attribute__((format(printf, 2, 3)))
static inline void tap(bool ok, const char *fmt, ...)
{
	va_list args;

	printf("%s %u - ", ok ? "ok" : "not ok", ++tap_count);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	tap_failed += !ok;
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return !!tap_failed;
}

#endif
