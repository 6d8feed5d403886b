/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink attributes to JSON, and JSON to text tables.
 *
 * One table of fields says it all: which attribute, its JSON key, its column
 * title and how to read it. Text is a view of the JSON object, so the two
 * cannot disagree.
 */
#ifndef COOKIEBOX_RENDER_H
#define COOKIEBOX_RENDER_H

#include <jansson.h>
#include <libmnl/libmnl.h>

#include "parse.h"

#define RENDER_ATTRS	64	/* attribute numbers below this are understood */

/* The attributes of a message or of a nest. Of a repeated one, tb has the first. */
struct attrs {
	const struct nlattr *tb[RENDER_ATTRS];
	const void *payload;
	size_t len;		/* bytes */
};

struct field {
	const char *key;	/* JSON key; NULL ends the table */
	const char *title;	/* column; NULL: not in the text table */
	/* value of the field from all attributes of the object, or NULL: null */
	json_t *(*decode)(const struct attrs *a, const struct field *f);
	int attr;		/* main attribute */
	const struct choice *choices;
};

/* Of a message: those after its genlmsghdr. */
void attrs_of_message(struct attrs *a, const struct nlmsghdr *nlh);
void attrs_of_nest(struct attrs *a, const struct nlattr *nest);
void attrs_index(struct attrs *a, const void *payload, size_t len);

/* Decoders for struct field. */
json_t *decode_string(const struct attrs *a, const struct field *f);
json_t *decode_number(const struct attrs *a, const struct field *f);
json_t *decode_flag(const struct attrs *a, const struct field *f);
json_t *decode_choice(const struct attrs *a, const struct field *f);

/* Unsigned value of attribute @type, of whatever width it is; 0 if absent. */
uint64_t attr_number(const struct attrs *a, unsigned int type);
/* Address (4 or 16 bytes) as text, with /len unless it is a full one. */
json_t *json_prefix(const void *addr, size_t size, unsigned int len);

json_t *render_object(const struct attrs *a, const struct field *fields);
/* The same row by row, for more rows than should be objects at one time: first all
 * are measured, then all are printed.
 */
#define RENDER_COLUMNS	24
struct columns {
	unsigned int n;
	struct column {
		const struct field *field;
		size_t width;
		bool number;
	} column[RENDER_COLUMNS];
};

void columns_begin(struct columns *c, const struct field *fields);
void columns_measure(struct columns *c, const json_t *row);
void columns_print_title(const struct columns *c);
void columns_print(const struct columns *c, const json_t *row);

/* Aligned columns; numbers to the right; null is "-", arrays join with ",". */
void render_table(const json_t *rows, const struct field *fields);
/* Prints and releases. */
void render_json(json_t *value);
/* One object on one line, flushed; releases. */
void render_json_line(json_t *value);

#endif
