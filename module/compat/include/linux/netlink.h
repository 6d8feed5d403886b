/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Formatted extended-ACK sentences came after 6.1.  Where they are missing, a
 * constant sentence says the same without the name or number.
 */
#ifndef CB_COMPAT_LINUX_NETLINK_H
#define CB_COMPAT_LINUX_NETLINK_H

#include_next <linux/netlink.h>

/* With its arguments at most 79 characters long, else it is truncated. */
#ifdef NL_SET_ERR_MSG_ATTR_FMT
#define CB_NL_ERR_FMT(extack, plain, fmt, args...) \
	NL_SET_ERR_MSG_FMT(extack, fmt, ##args)
#define CB_NL_ERR_ATTR_FMT(extack, attr, plain, fmt, args...) \
	NL_SET_ERR_MSG_ATTR_FMT(extack, attr, fmt, ##args)
#else
#define CB_NL_ERR_FMT(extack, plain, fmt, args...) do {		\
	no_printk(fmt, ##args);					\
	NL_SET_ERR_MSG(extack, plain);				\
} while (0)
#define CB_NL_ERR_ATTR_FMT(extack, attr, plain, fmt, args...) do {	\
	no_printk(fmt, ##args);						\
	NL_SET_ERR_MSG_ATTR(extack, attr, plain);			\
} while (0)
#endif

#endif
