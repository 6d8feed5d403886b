/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proc handler's table became const in 6.11.  The type is taken from
 * proc_handler itself, so that kernels with the change backported work too.
 */
#ifndef CB_COMPAT_LINUX_SYSCTL_H
#define CB_COMPAT_LINUX_SYSCTL_H

#include_next <linux/sysctl.h>

typedef typeof(_Generic((proc_handler *)NULL,
	int (*)(const struct ctl_table *, int, void *, size_t *, loff_t *):
		(const struct ctl_table *)NULL,
	default: (struct ctl_table *)NULL)) cb_ctl_table;

#endif
