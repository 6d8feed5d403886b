// SPDX-License-Identifier: GPL-2.0
/*
 * The words of a service: text, value and attribute of each.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "main.h"
#include "words.h"

#define SPAN(first, last) \
	.offset = offsetof(struct service_args, first), \
	.size = offsetof(struct service_args, last) + \
		sizeof(((struct service_args *)0)->last) - offsetof(struct service_args, first)

static int parse_service_addr(const char *text, struct service_args *a)
{
	return parse_prefix("addr", text, &a->addr);
}

static int parse_service_port(const char *text, struct service_args *a)
{
	return parse_ports("port", text, &a->port_min, &a->port_max);
}

static int parse_service_mark(const char *text, struct service_args *a)
{
	return parse_mark("mark", text, &a->mark, &a->mask);
}

static int parse_service_allow(const char *text, struct service_args *a)
{
	char *copy = strdup(text), *rest = copy, *item;
	int err = 0;

	while (!err && (item = strsep(&rest, ","))) {
		if (a->n_allow == COOKIEBOX_ALLOW_MAX)
			err = fail(EXIT_USAGE, "allow has more than %u prefixes: use larger ones",
				   COOKIEBOX_ALLOW_MAX);
		else
			err = parse_prefix("allow", item, &a->allow[a->n_allow++]);
	}
	free(copy);
	return err;
}

static char *prefix_text(const struct prefix *p, char *text)
{
	inet_ntop(p->family, p->bytes, text, INET6_ADDRSTRLEN);
	text += strlen(text);
	return p->len == 8 * prefix_bytes(p) ? text : text + sprintf(text, "/%u", p->len);
}

static void addr_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	prefix_text(&a->addr, text);
}

static void port_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	sprintf(text, a->port_min == a->port_max ? "%u" : "%u-%u", a->port_min, a->port_max);
}

static void mark_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	sprintf(text, a->mask == UINT32_MAX ? "0x%x" : "0x%x/0x%x", a->mark, a->mask);
}

static void allow_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	unsigned int i;

	for (i = 0; i < a->n_allow; i++) {
		text = prefix_text(&a->allow[i], text);
		*text++ = i + 1 < a->n_allow ? ',' : '\0';
	}
}

void grammar_put_prefix(struct nlmsghdr *nlh, uint16_t attr, const struct prefix *p)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, attr);
	uint16_t type = p->family == AF_INET ? COOKIEBOX_A_PREFIX_ADDR4 : COOKIEBOX_A_PREFIX_ADDR6;

	if (p->family) {
		mnl_attr_put(nlh, type, prefix_bytes(p), p->bytes);
		mnl_attr_put_u8(nlh, COOKIEBOX_A_PREFIX_LEN, p->len);
	}
	mnl_attr_nest_end(nlh, nest);
}

static void put_addr(struct nlmsghdr *nlh, const struct service_args *a)
{
	grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ADDR, &a->addr);
}

static void put_port(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_PORT_MIN, a->port_min);
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_PORT_MAX, a->port_max);
}

static void put_mark(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u32(nlh, COOKIEBOX_A_SERVICE_MARK, a->mark);
	mnl_attr_put_u32(nlh, COOKIEBOX_A_SERVICE_MARK_MASK, a->mask);
}

static void put_allow(struct nlmsghdr *nlh, const struct service_args *a)
{
	static const struct prefix none;
	unsigned int i;

	for (i = 0; i < a->n_allow; i++)
		grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ALLOW, &a->allow[i]);
	if (!a->n_allow)
		grammar_put_prefix(nlh, COOKIEBOX_A_SERVICE_ALLOW, &none);
}

static void take_prefix(const struct nlattr *nest, struct prefix *p)
{
	const struct nlattr *addr;
	struct attrs a;

	attrs_of_nest(&a, nest);
	addr = a.tb[COOKIEBOX_A_PREFIX_ADDR4];
	p->family = addr ? AF_INET : AF_INET6;
	if (!addr)
		addr = a.tb[COOKIEBOX_A_PREFIX_ADDR6];
	if (!addr || mnl_attr_get_payload_len(addr) != prefix_bytes(p)) {
		p->family = 0;
		return;
	}
	memcpy(p->bytes, mnl_attr_get_payload(addr), prefix_bytes(p));
	p->len = a.tb[COOKIEBOX_A_PREFIX_LEN] ? attr_number(&a, COOKIEBOX_A_PREFIX_LEN) :
						8 * prefix_bytes(p);
}

static void take_addr(const struct attrs *attrs, struct service_args *a)
{
	if (attrs->tb[COOKIEBOX_A_SERVICE_ADDR])
		take_prefix(attrs->tb[COOKIEBOX_A_SERVICE_ADDR], &a->addr);
}

static void take_port(const struct attrs *attrs, struct service_args *a)
{
	a->port_min = attr_number(attrs, COOKIEBOX_A_SERVICE_PORT_MIN);
	a->port_max = attrs->tb[COOKIEBOX_A_SERVICE_PORT_MAX] ?
		      attr_number(attrs, COOKIEBOX_A_SERVICE_PORT_MAX) : a->port_min;
}

static void take_mark(const struct attrs *attrs, struct service_args *a)
{
	if (!attrs->tb[COOKIEBOX_A_SERVICE_MARK])
		return;
	a->mark = attr_number(attrs, COOKIEBOX_A_SERVICE_MARK);
	a->mask = attrs->tb[COOKIEBOX_A_SERVICE_MARK_MASK] ?
		  attr_number(attrs, COOKIEBOX_A_SERVICE_MARK_MASK) : UINT32_MAX;
}

static void take_allow(const struct attrs *attrs, struct service_args *a)
{
	const struct nlattr *attr;

	mnl_attr_for_each_payload(attrs->payload, attrs->len)
		if (mnl_attr_get_type(attr) == COOKIEBOX_A_SERVICE_ALLOW &&
		    a->n_allow < COOKIEBOX_ALLOW_MAX)
			take_prefix(attr, &a->allow[a->n_allow++]);
}

static int parse_percent(const char *what, const char *text, unsigned int least,
			 unsigned int most, uint8_t *percent)
{
	uint64_t value;

	if (!read_number(text, most, &value) || value < least)
		return fail(EXIT_USAGE, "%s \"%s\" is no percentage: use %u to %u, or default",
			    what, text, least, most);
	*percent = value;
	return 0;
}

static int parse_engage_at(const char *text, struct service_args *a)
{
	return parse_percent("engage-at", text, 2, 100, &a->engage_at);
}

static int parse_release_at(const char *text, struct service_args *a)
{
	return parse_percent("release-at", text, 1, 99, &a->release_at);
}

static int parse_hold(const char *text, struct service_args *a)
{
	uint64_t value;

	if (!read_number(text, 3600, &value) || !value)
		return fail(EXIT_USAGE, "hold \"%s\" is no such time: use 1 to 3600 seconds, or "
			    "default", text);
	a->hold = value;
	return 0;
}

static void engage_at_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	sprintf(text, "%u", a->engage_at);
}

static void release_at_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	sprintf(text, "%u", a->release_at);
}

static void hold_text(const struct service_args *a, char text[WORD_TEXT_MAX])
{
	sprintf(text, "%u", a->hold);
}

static void put_engage_at(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_ENGAGE_AT, a->engage_at);
}

static void put_release_at(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u8(nlh, COOKIEBOX_A_SERVICE_RELEASE_AT, a->release_at);
}

static void put_hold(struct nlmsghdr *nlh, const struct service_args *a)
{
	mnl_attr_put_u16(nlh, COOKIEBOX_A_SERVICE_HOLD, a->hold);
}

static void take_engage_at(const struct attrs *attrs, struct service_args *a)
{
	a->engage_at = attr_number(attrs, COOKIEBOX_A_SERVICE_ENGAGE_AT);
}

static void take_release_at(const struct attrs *attrs, struct service_args *a)
{
	a->release_at = attr_number(attrs, COOKIEBOX_A_SERVICE_RELEASE_AT);
}

static void take_hold(const struct attrs *attrs, struct service_args *a)
{
	a->hold = attr_number(attrs, COOKIEBOX_A_SERVICE_HOLD);
}

const struct word_type addr_word = {
	SPAN(addr, addr), parse_service_addr, addr_text, put_addr, take_addr,
};

const struct word_type port_word = {
	SPAN(port_min, port_max), parse_service_port, port_text, put_port, take_port,
};

const struct word_type mark_word = {
	SPAN(mark, mask), parse_service_mark, mark_text, put_mark, take_mark,
};

const struct word_type allow_word = {
	SPAN(n_allow, allow), parse_service_allow, allow_text, put_allow, take_allow,
};

const struct word_type engage_at_word = {
	SPAN(engage_at, engage_at), parse_engage_at, engage_at_text, put_engage_at, take_engage_at,
};

const struct word_type release_at_word = {
	SPAN(release_at, release_at), parse_release_at, release_at_text, put_release_at,
	take_release_at,
};

const struct word_type hold_word = {
	SPAN(hold, hold), parse_hold, hold_text, put_hold, take_hold,
};
