/* SPDX-License-Identifier: GPL-2.0 */
/*
 * register_net_sysctl_sz() came in 6.6, where register_net_sysctl() became a
 * macro around it; before, tables ended with an empty entry.
 */
#ifndef CB_COMPAT_NET_NET_NAMESPACE_H
#define CB_COMPAT_NET_NET_NAMESPACE_H

#include_next <net/net_namespace.h>

#if defined(CONFIG_SYSCTL) && !defined(register_net_sysctl)
static inline struct ctl_table_header *
register_net_sysctl_sz(struct net *net, const char *path, struct ctl_table *table, size_t size)
{
	return register_net_sysctl(net, path, table);
}
#endif

#endif
