/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The iptables target COOKIEBOX, revision 0: hand the packet to a service.
 */
#ifndef _UAPI_XT_COOKIEBOX_H
#define _UAPI_XT_COOKIEBOX_H

#define XT_COOKIEBOX_NAME_LEN	32	/* with the final NUL */

struct cb_anchor;

struct xt_cookiebox_tginfo {
	char service[XT_COOKIEBOX_NAME_LEN];

	/* Kernel only; never copied to or from userspace. */
	struct cb_anchor *anchor __attribute__((aligned(8)));
};

#endif
