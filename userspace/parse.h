/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words of the command line to plain values.
 *
 * Every parser takes the name of what is parsed (the word before it, for the
 * message) and the text, and returns 0, or says what is wrong, where, and
 * what to use instead, and returns EXIT_USAGE.
 */
#ifndef COOKIEBOX_PARSE_H
#define COOKIEBOX_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

/* A word and its number in the uAPI. Tables end with a NULL name. */
struct choice {
	const char *name;
	unsigned int value;
};

extern const struct choice mode_choices[], engage_choices[], reply_choices[],
	invalid_choices[], auth_choices[], timestamps_choices[], clock_choices[],
	class_choices[], event_choices[], flow_cache_choices[], single_choices[],
	full_choices[], unknown_choices[], state_choices[];

struct prefix {
	union {
		struct in_addr in;
		struct in6_addr in6;
		uint8_t bytes[16];
	};
	uint8_t family;		/* AF_INET or AF_INET6; 0: none */
	uint8_t len;		/* bits */
};

/* Bytes and bits of an address of @p's family. */
unsigned int prefix_bytes(const struct prefix *p);

int parse_name(const char *what, const char *text, char *name, size_t size);
int parse_addr(const char *what, const char *text, struct prefix *p);
int parse_prefix(const char *what, const char *text, struct prefix *p);
int parse_port(const char *what, const char *text, uint16_t *port);
int parse_ports(const char *what, const char *text, uint16_t *min, uint16_t *max);
int parse_mark(const char *what, const char *text, uint32_t *mark, uint32_t *mask);
int parse_choice(const char *what, const char *text, const struct choice *c,
		 unsigned int *value);
int parse_hex(const char *what, const char *text, uint8_t *bytes, size_t n);

/* Decimal, or hexadecimal after 0x; the whole text. Returns false if it is not. */
bool read_number(const char *text, uint64_t max, uint64_t *value);

const char *choice_name(const struct choice *c, unsigned int value);

#endif
