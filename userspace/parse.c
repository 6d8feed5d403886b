// SPDX-License-Identifier: GPL-2.0
/*
 * Words of the command line to plain values, with a sentence for each mistake.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/cookiebox.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "parse.h"

const struct choice mode_choices[] = {
	{ "local", COOKIEBOX_MODE_LOCAL },
	{ "splice", COOKIEBOX_MODE_SPLICE },
	{ "handoff", COOKIEBOX_MODE_HANDOFF },
	{ NULL, 0 }
};

const struct choice engage_choices[] = {
	{ "always", COOKIEBOX_ENGAGE_ALWAYS },
	{ "auto", COOKIEBOX_ENGAGE_AUTO },
	{ "observe", COOKIEBOX_ENGAGE_OBSERVE },
	{ "off", COOKIEBOX_ENGAGE_OFF },
	{ NULL, 0 }
};

const struct choice reply_choices[] = {
	{ "default", COOKIEBOX_REPLY_DEFAULT },
	{ "route", COOKIEBOX_REPLY_ROUTE },
	{ "reflect", COOKIEBOX_REPLY_REFLECT },
	{ NULL, 0 }
};

const struct choice invalid_choices[] = {
	{ "auto", COOKIEBOX_INVALID_AUTO },
	{ "drop", COOKIEBOX_INVALID_DROP },
	{ "reset", COOKIEBOX_INVALID_RESET },
	{ NULL, 0 }
};

const struct choice auth_choices[] = {
	{ "pass", COOKIEBOX_AUTH_OPTION_PASS },
	{ "drop", COOKIEBOX_AUTH_OPTION_DROP },
	{ NULL, 0 }
};

const struct choice timestamps_choices[] = {
	{ "pass", COOKIEBOX_NO_TIMESTAMPS_PASS },
	{ "drop", COOKIEBOX_NO_TIMESTAMPS_DROP },
	{ NULL, 0 }
};

const struct choice flow_cache_choices[] = {
	{ "on", COOKIEBOX_FLOW_CACHE_ON },
	{ "off", COOKIEBOX_FLOW_CACHE_OFF },
	{ NULL, 0 }
};

const struct choice clock_choices[] = {
	{ "local", COOKIEBOX_CLOCK_LOCAL },
	{ "wall", COOKIEBOX_CLOCK_WALL },
	{ NULL, 0 }
};

const struct choice class_choices[] = {
	{ "answer", COOKIEBOX_REASON_CLASS_ANSWER },
	{ "pass", COOKIEBOX_REASON_CLASS_PASS },
	{ "accept", COOKIEBOX_REASON_CLASS_ACCEPT },
	{ "drop", COOKIEBOX_REASON_CLASS_DROP },
	{ NULL, 0 }
};

const struct choice event_choices[] = {
	{ "service_added", COOKIEBOX_EVENT_KIND_SERVICE_ADDED },
	{ "service_changed", COOKIEBOX_EVENT_KIND_SERVICE_CHANGED },
	{ "service_deleted", COOKIEBOX_EVENT_KIND_SERVICE_DELETED },
	{ "key_set", COOKIEBOX_EVENT_KIND_KEY_SET },
	{ "key_rotated", COOKIEBOX_EVENT_KIND_KEY_ROTATED },
	{ "flow_set", COOKIEBOX_EVENT_KIND_FLOW_SET },
	{ "epoch", COOKIEBOX_EVENT_KIND_EPOCH },
	{ "clock_stepped", COOKIEBOX_EVENT_KIND_CLOCK_STEPPED },
	{ "engaged", COOKIEBOX_EVENT_KIND_ENGAGED },
	{ "released", COOKIEBOX_EVENT_KIND_RELEASED },
	{ "single_use_full", COOKIEBOX_EVENT_KIND_SINGLE_USE_FULL },
	{ NULL, 0 }
};

const struct choice single_choices[] = {
	{ "on", COOKIEBOX_SINGLE_USE_ON },
	{ "off", COOKIEBOX_SINGLE_USE_OFF },
	{ NULL, 0 }
};

const struct choice unknown_choices[] = {
	{ "pass", COOKIEBOX_UNKNOWN_PASS },
	{ "drop", COOKIEBOX_UNKNOWN_DROP },
	{ "reset", COOKIEBOX_UNKNOWN_RESET },
	{ NULL, 0 }
};

const struct choice state_choices[] = {
	{ "waiting", COOKIEBOX_FLOW_STATE_WAITING },
	{ "open", COOKIEBOX_FLOW_STATE_OPEN },
	{ "closing", COOKIEBOX_FLOW_STATE_CLOSING },
	{ "reset", COOKIEBOX_FLOW_STATE_RESET },
	{ "heard", COOKIEBOX_FLOW_STATE_HEARD },
	{ "adopted", COOKIEBOX_FLOW_STATE_ADOPTED },
	{ NULL, 0 }
};

const struct choice full_choices[] = {
	{ "accept", COOKIEBOX_SINGLE_USE_FULL_ACCEPT },
	{ "drop", COOKIEBOX_SINGLE_USE_FULL_DROP },
	{ NULL, 0 }
};

unsigned int prefix_bytes(const struct prefix *p)
{
	return p->family == AF_INET ? 4 : 16;
}

bool read_number(const char *text, uint64_t max, uint64_t *value)
{
	int base = !strncmp(text, "0x", 2) || !strncmp(text, "0X", 2) ? 16 : 10;
	const char *digits = base == 16 ? text + 2 : text;
	unsigned long long n;
	char *end;

	/* strtoull takes signs and spaces; an admin who types them is mistaken */
	if (!isxdigit((unsigned char)digits[0]) || !strncasecmp(digits, "0x", 2))
		return false;
	errno = 0;
	n = strtoull(digits, &end, base);
	if (*end || errno || n > max)
		return false;
	*value = n;
	return true;
}

int parse_name(const char *what, const char *text, char *name, size_t size)
{
	const char *p;

	if (!*text)
		return fail(EXIT_USAGE, "%s is empty: use 1 to %zu characters", what, size - 1);
	if (strlen(text) >= size)
		return fail(EXIT_USAGE, "%s \"%s\" is too long: use at most %zu characters",
			    what, text, size - 1);
	if (*text == '-' || *text == '.')
		return fail(EXIT_USAGE, "%s \"%s\" begins with a %s: use a letter or a digit", what,
			    text, *text == '-' ? "dash" : "dot");
	for (p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return fail(EXIT_USAGE, "%s \"%s\" has a character that is not allowed: "
				    "use letters, digits, dot, dash and underscore", what, text);
	strcpy(name, text);
	return 0;
}

int parse_addr(const char *what, const char *text, struct prefix *p)
{
	memset(p, 0, sizeof(*p));
	if (inet_pton(AF_INET, text, p->bytes) == 1) {
		p->family = AF_INET;
		p->len = 32;
		return 0;
	}
	if (inet_pton(AF_INET6, text, p->bytes) == 1) {
		p->family = AF_INET6;
		p->len = 128;
		return 0;
	}
	return fail(EXIT_USAGE, "%s \"%s\" is not an address: use IPv4 (192.0.2.1) or IPv6 "
		    "(2001:db8::1), not a host name", what, text);
}

/* Clears the host bits; returns whether any was set. */
static bool mask_host_bits(struct prefix *p)
{
	unsigned int i, bits, host = 0;
	uint8_t keep;

	for (i = 0; i < prefix_bytes(p); i++) {
		bits = p->len > i * 8 ? p->len - i * 8 : 0;
		keep = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
		host |= p->bytes[i] & (uint8_t)~keep;
		p->bytes[i] &= keep;
	}
	return host;
}

int parse_prefix(const char *what, const char *text, struct prefix *p)
{
	const char *slash = strchr(text, '/');
	char addr[INET6_ADDRSTRLEN] = "";
	unsigned int bits;
	uint64_t len;
	int err;

	if (!slash)
		return parse_addr(what, text, p);
	if ((size_t)(slash - text) >= sizeof(addr))
		return fail(EXIT_USAGE, "%s %s is not an address and prefix length: use "
			    "192.0.2.0/24 or 2001:db8::/64", what, text);
	memcpy(addr, text, slash - text);
	err = parse_addr(what, addr, p);
	if (err)
		return err;
	bits = prefix_bytes(p) * 8;
	if (!read_number(slash + 1, bits, &len))
		return fail(EXIT_USAGE, "%s %s has a bad prefix length: use 0 to %u", what, text,
			    bits);
	p->len = len;
	if (mask_host_bits(p)) {
		inet_ntop(p->family, p->bytes, addr, sizeof(addr));
		return fail(EXIT_USAGE, "%s %s has bits set after the prefix: use %s/%u for the "
			    "network", what, text, addr, p->len);
	}
	return 0;
}

int parse_port(const char *what, const char *text, uint16_t *port)
{
	uint64_t n;

	if (!read_number(text, 65535, &n) || !n)
		return fail(EXIT_USAGE, "%s %s is not valid: use 1 to 65535", what, text);
	*port = n;
	return 0;
}

int parse_ports(const char *what, const char *text, uint16_t *min, uint16_t *max)
{
	const char *dash = strchr(text, '-');
	uint64_t first = 0, last = 0;
	char low[8] = "";
	int err;

	if (!dash) {
		err = parse_port(what, text, min);
		*max = *min;
		return err;
	}
	if ((size_t)(dash - text) < sizeof(low))
		memcpy(low, text, dash - text);
	if (!read_number(low, 65535, &first) || !read_number(dash + 1, 65535, &last) || !first ||
	    !last)
		return fail(EXIT_USAGE, "%s range %s is not valid: use two ports, 1 to 65535, as "
			    "in 8000-8080", what, text);
	if (first > last)
		return fail(EXIT_USAGE, "%s range %s is reversed: use %u-%u", what, text,
			    (unsigned int)last, (unsigned int)first);
	*min = first;
	*max = last;
	return 0;
}

int parse_mark(const char *what, const char *text, uint32_t *mark, uint32_t *mask)
{
	const char *slash = strchr(text, '/');
	char value[16] = "";
	uint64_t n, m = UINT32_MAX;
	size_t len;

	len = slash ? (size_t)(slash - text) : strlen(text);
	if (len < sizeof(value))
		memcpy(value, text, len);
	if (!read_number(value, UINT32_MAX, &n) ||
	    (slash && !read_number(slash + 1, UINT32_MAX, &m)))
		return fail(EXIT_USAGE, "%s %s is not valid: use MARK or MARK/MASK, as in 7 or "
			    "0x10/0xf0", what, text);
	if (!m)
		return fail(EXIT_USAGE, "%s %s has a mask of 0, which every packet matches: set "
			    "the bits to compare", what, text);
	if (n & ~m)
		return fail(EXIT_USAGE, "%s %s has bits outside its mask, so no packet matches: "
			    "use 0x%x/0x%x", what, text, (uint32_t)(n & m), (uint32_t)m);
	*mark = n;
	*mask = m;
	return 0;
}

int parse_choice(const char *what, const char *text, const struct choice *c,
		 unsigned int *value)
{
	const char *names[8] = { NULL };
	char list[80] = "";
	const char *near;
	size_t i;

	for (i = 0; c[i].name; i++) {
		if (!strcmp(c[i].name, text)) {
			*value = c[i].value;
			return 0;
		}
		names[i] = c[i].name;
		strcat(list, i ? c[i + 1].name ? ", " : " or " : "");
		strcat(list, c[i].name);
	}
	near = nearest(text, names);
	if (near)
		return fail(EXIT_USAGE, "%s \"%s\" is unknown: did you mean %s? Use %s", what, text,
			    near, list);
	return fail(EXIT_USAGE, "%s \"%s\" is unknown: use %s", what, text, list);
}

int parse_hex(const char *what, const char *text, uint8_t *bytes, size_t n)
{
	size_t i, len = strspn(text, "0123456789abcdefABCDEF");
	unsigned int byte;
	char pair[3] = "";

	if (text[len])
		return fail(EXIT_USAGE, "%s is not hexadecimal: use digits 0-9 and a-f only", what);
	if (len != 2 * n)
		return fail(EXIT_USAGE, "%s has %zu hexadecimal digits: use %zu (%zu bytes)", what,
			    len, 2 * n, n);
	for (i = 0; i < n; i++) {
		memcpy(pair, text + 2 * i, 2);
		sscanf(pair, "%2x", &byte);
		bytes[i] = byte;
	}
	explicit_bzero(pair, sizeof(pair));
	return 0;
}

const char *choice_name(const struct choice *c, unsigned int value)
{
	for (; c->name; c++)
		if (c->value == value)
			return c->name;
	return "unknown";
}
