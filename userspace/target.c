// SPDX-License-Identifier: GPL-2.0
/*
 * verify: whom a service protects, and a connection with it.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target.h"

#define CONNECT_MS	3000

bool prefix_has(const struct prefix *p, const struct prefix *addr)
{
	unsigned int whole = p->len / 8, rest = p->len % 8;

	if (!p->family)
		return true;
	if (p->family != addr->family || memcmp(p->bytes, addr->bytes, whole))
		return false;
	return !rest || !((p->bytes[whole] ^ addr->bytes[whole]) >> (8 - rest));
}

bool target_spliced(const json_t *service)
{
	const char *mode = json_string_value(json_object_get(service, "mode"));

	return mode && !strcmp(mode, "splice");
}

int target_parse(struct target *t, const json_t *service)
{
	const char *addr = json_string_value(json_object_get(service, "addr"));
	const char *port = json_string_value(json_object_get(service, "port"));
	const char *mark = json_string_value(json_object_get(service, "mark"));
	int err = 0;

	memset(t, 0, sizeof(*t));
	t->name = json_string_value(json_object_get(service, "name"));
	if (addr && strcmp(addr, "any"))
		err = parse_prefix("addr", addr, &t->prefix);
	if (!err && port && strcmp(port, "any"))
		err = parse_ports("port", port, &t->port_min, &t->port_max);
	if (!err && mark)
		err = parse_mark("mark", mark, &t->mark, &t->mask);
	return err;
}

static socklen_t fill_address(struct sockaddr_storage *sa, const struct target *t)
{
	struct sockaddr_in6 *in6 = (void *)sa;
	struct sockaddr_in *in = (void *)sa;

	memset(sa, 0, sizeof(*sa));
	sa->ss_family = t->addr.family;
	if (t->addr.family == AF_INET) {
		in->sin_addr = t->addr.in;
		in->sin_port = htons(t->port);
		return sizeof(*in);
	}
	in6->sin6_addr = t->addr.in6;
	in6->sin6_port = htons(t->port);
	return sizeof(*in6);
}

/* Returns 0 or an errno. */
static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = 0;

	if (poll(&p, 1, CONNECT_MS) != 1)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return errno;
	return err;
}

int target_connect(const struct target *t)
{
	struct sockaddr_storage sa;
	socklen_t len = fill_address(&sa, t);
	int err = 0, fd;

	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (t->mask && setsockopt(fd, SOL_SOCKET, SO_MARK, &t->mark, sizeof(t->mark)))
		err = errno;
	if (!err && connect(fd, (void *)&sa, len))
		err = errno == EINPROGRESS ? wait_connected(fd) : errno;
	close(fd);
	return err;
}
