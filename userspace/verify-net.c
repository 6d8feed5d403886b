// SPDX-License-Identifier: GPL-2.0
/*
 * verify: the devices that clients come in by, and the way back to them.
 *
 * The way back is asked of the kernel's own routing, rules by source address included,
 * for a client outside all networks of this host: an address of the documentation, which
 * has the default route.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "render.h"
#include "verify.h"

static const void *bytes_of(const struct sockaddr *sa, size_t *n)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	*n = sa->sa_family == AF_INET ? 4 : 16;
	return sa->sa_family == AF_INET ? (const void *)&in->sin_addr : &in6->sin6_addr;
}

/* Of the device, or of all: the larger one counts. */
static long long rp_filter(const char *dev)
{
	long long all = 0, own = 0;
	char path[96];

	verify_read_number("/proc/sys/net/ipv4/conf/all/rp_filter", &all);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", dev);
	verify_read_number(path, &own);
	return own > all ? own : all;
}

static bool merges(int fd, const char *dev)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq req = { .ifr_data = (void *)&value };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", dev);
	return !ioctl(fd, SIOCETHTOOL, &req) && (value.data & ETH_FLAG_LRO);
}

static void check_offloads(struct verify *v)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct if_nameindex *names = if_nameindex(), *n;
	bool any = false;

	for (n = names; fd >= 0 && n && n->if_name; n++) {
		if (!merges(fd, n->if_name))
			continue;
		any = true;
		verify_add(v, "offload", LEVEL_NOTE, "%s merges segments itself (LRO), which loses "
			   "timestamps and must not be forwarded: ethtool -K %s lro off",
			   n->if_name, n->if_name);
	}
	if (!any)
		verify_add(v, "offload", LEVEL_OK, "no device merges segments itself (LRO)");
	if (names)
		if_freenameindex(names);
	if (fd >= 0)
		close(fd);
}

static struct nlmsghdr *ask_route(char *buffer, const struct sockaddr *from)
{
	static const char *const outside[] = { "192.0.2.1", "2001:db8::1" };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	const void *addr;
	uint8_t to[16];
	size_t n;

	addr = bytes_of(from, &n);
	inet_pton(from->sa_family, outside[from->sa_family == AF_INET6], to);
	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm->rtm_family = from->sa_family;
	rtm->rtm_dst_len = n * 8;
	rtm->rtm_src_len = n * 8;
	mnl_attr_put(nlh, RTA_DST, n, to);
	mnl_attr_put(nlh, RTA_SRC, n, addr);
	return nlh;
}

/* Index of the device, or 0: no route. */
static unsigned int way_out(const struct sockaddr *from)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	char buffer[4096];
	const struct nlmsghdr *nlh = ask_route(buffer, from);
	const struct rtmsg *rtm;
	const struct nlattr *attr;
	unsigned int oif = 0;
	int n = -1;

	if (!nl)
		return 0;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0)
		n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
	nlh = (const void *)buffer;
	if (n > 0 && mnl_nlmsg_ok(nlh, n) && nlh->nlmsg_type == RTM_NEWROUTE) {
		rtm = mnl_nlmsg_get_payload(nlh);
		if (rtm->rtm_type == RTN_UNICAST)
			mnl_attr_for_each(attr, nlh, sizeof(*rtm))
				if (mnl_attr_get_type(attr) == RTA_OIF)
					oif = mnl_attr_get_u32(attr);
	}
	mnl_socket_close(nl);
	return oif;
}

static void other_way(struct verify *v, const char *dev, const char *text, unsigned int oif,
		      bool strict)
{
	char out[IF_NAMESIZE] = "?";

	if_indextoname(oif, out);
	if (strict)
		verify_add(v, "routing", LEVEL_NOTE, "clients from outside that come in by %s to %s "
			   "would be answered through %s, and rp_filter is strict on %s: their SYNs "
			   "are dropped (no_route)", dev, text, out, dev);
	else
		verify_add(v, "routing", LEVEL_NOTE, "clients from outside that come in by %s to %s "
			   "are answered through %s: leave reply at route there", dev, text, out);
}

static void check_way(struct verify *v, const struct ifaddrs *a)
{
	char text[INET6_ADDRSTRLEN];
	unsigned int oif;
	size_t n;

	inet_ntop(a->ifa_addr->sa_family, bytes_of(a->ifa_addr, &n), text, sizeof(text));
	oif = way_out(a->ifa_addr);
	if (!oif)
		verify_add(v, "routing", LEVEL_NOTE, "there is no way from %s (%s) to the outside: "
			   "only neighbours can be answered", text, a->ifa_name);
	else if (oif == if_nametoindex(a->ifa_name))
		verify_add(v, "routing", LEVEL_OK, "clients from outside that come in by %s to %s "
			   "are answered through it (rp_filter %lld)", a->ifa_name, text,
			   rp_filter(a->ifa_name));
	else
		other_way(v, a->ifa_name, text, oif, a->ifa_addr->sa_family == AF_INET &&
			  rp_filter(a->ifa_name) == 1);
}

/* Of a device that is up, and of more than link-local scope. */
static bool counts(const struct ifaddrs *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a->ifa_addr;

	if (!in6 || !(a->ifa_flags & IFF_UP) || (a->ifa_flags & IFF_LOOPBACK))
		return false;
	if (in6->sin6_family == AF_INET6)
		return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
	return in6->sin6_family == AF_INET;
}

/* Of each device and family the first address. */
static bool was_checked(const struct ifaddrs *all, const struct ifaddrs *a)
{
	for (; all != a; all = all->ifa_next)
		if (counts(all) && !strcmp(all->ifa_name, a->ifa_name) &&
		    all->ifa_addr->sa_family == a->ifa_addr->sa_family)
			return true;
	return false;
}

void verify_devices(struct verify *v)
{
	struct ifaddrs *all, *a;

	check_offloads(v);
	if (getifaddrs(&all))
		return;
	for (a = all; a; a = a->ifa_next)
		if (counts(a) && !was_checked(all, a))
			check_way(v, a);
	freeifaddrs(all);
}
