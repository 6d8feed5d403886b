// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink attributes to JSON, and JSON to text tables.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

void attrs_index(struct attrs *a, const void *payload, size_t len)
{
	const struct nlattr *attr;
	unsigned int type;

	memset(a, 0, sizeof(*a));
	a->payload = payload;
	a->len = len;
	mnl_attr_for_each_payload(payload, len) {
		type = mnl_attr_get_type(attr);
		if (type < RENDER_ATTRS && !a->tb[type])
			a->tb[type] = attr;
	}
}

void attrs_of_message(struct attrs *a, const struct nlmsghdr *nlh)
{
	attrs_index(a, mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr)),
		    mnl_nlmsg_get_payload_len(nlh) - sizeof(struct genlmsghdr));
}

void attrs_of_nest(struct attrs *a, const struct nlattr *nest)
{
	attrs_index(a, mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest));
}

uint64_t attr_number(const struct attrs *a, unsigned int type)
{
	const struct nlattr *attr = a->tb[type];
	uint64_t n64;
	uint32_t n32;
	uint16_t n16;
	const void *p;

	if (!attr)
		return 0;
	p = mnl_attr_get_payload(attr);
	switch (mnl_attr_get_payload_len(attr)) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		memcpy(&n16, p, 2);
		return n16;
	case 4:
		memcpy(&n32, p, 4);
		return n32;
	case 8:
		memcpy(&n64, p, 8);
		return n64;
	}
	return 0;
}

json_t *decode_string(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? json_string(mnl_attr_get_str(a->tb[f->attr])) : NULL;
}

json_t *decode_number(const struct attrs *a, const struct field *f)
{
	return a->tb[f->attr] ? json_integer(attr_number(a, f->attr)) : NULL;
}

json_t *decode_flag(const struct attrs *a, const struct field *f)
{
	const struct nlattr *attr = a->tb[f->attr];

	if (attr && mnl_attr_get_payload_len(attr))
		return json_boolean(attr_number(a, f->attr));
	return json_boolean(attr);
}

json_t *decode_choice(const struct attrs *a, const struct field *f)
{
	if (!a->tb[f->attr])
		return NULL;
	return json_string(choice_name(f->choices, attr_number(a, f->attr)));
}

json_t *json_prefix(const void *addr, size_t size, unsigned int len)
{
	char text[INET6_ADDRSTRLEN];

	if (size != 4 && size != 16)
		return NULL;
	inet_ntop(size == 4 ? AF_INET : AF_INET6, addr, text, sizeof(text));
	if (len == size * 8)
		return json_string(text);
	return json_sprintf("%s/%u", text, len);
}

json_t *render_object(const struct attrs *a, const struct field *fields)
{
	json_t *object = json_object();
	const struct field *f;
	json_t *value;

	for (f = fields; f->key; f++) {
		value = f->decode(a, f);
		json_object_set_new(object, f->key, value ? value : json_null());
	}
	return object;
}

/* Text of a JSON value; malloced. */
static char *cell(const json_t *value)
{
	char *text = NULL, *next, *item;
	const json_t *v;
	size_t i;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_integer(value)) {
		if (asprintf(&text, "%lld", (long long)json_integer_value(value)) < 0)
			abort();
		return text;
	}
	json_array_foreach(value, i, v) {
		item = cell(v);
		if (asprintf(&next, "%s%s%s", text ? text : "", text ? "," : "", item) < 0)
			abort();
		free(text);
		free(item);
		text = next;
	}
	return text ? text : strdup("-");
}

void columns_begin(struct columns *c, const struct field *fields)
{
	const struct field *f;

	c->n = 0;
	for (f = fields; f->key && c->n < RENDER_COLUMNS; f++)
		if (f->title)
			c->column[c->n++] = (struct column){ .field = f,
							     .width = strlen(f->title) };
}

void columns_measure(struct columns *c, const json_t *row)
{
	const json_t *value;
	unsigned int k;
	char *s;

	for (k = 0; k < c->n; k++) {
		value = json_object_get(row, c->column[k].field->key);
		s = cell(value);
		if (strlen(s) > c->column[k].width)
			c->column[k].width = strlen(s);
		c->column[k].number |= json_is_integer(value);
		free(s);
	}
}

static void print_cell(const struct column *c, const char *text, bool last)
{
	if (c->number)
		printf("%*s", (int)c->width, text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%-*s", (int)c->width, text);
	fputs(last ? "\n" : "  ", stdout);
}

void columns_print_title(const struct columns *c)
{
	unsigned int k;

	for (k = 0; k < c->n; k++)
		print_cell(&c->column[k], c->column[k].field->title, k == c->n - 1);
}

void columns_print(const struct columns *c, const json_t *row)
{
	unsigned int k;
	char *s;

	for (k = 0; k < c->n; k++) {
		s = cell(json_object_get(row, c->column[k].field->key));
		print_cell(&c->column[k], s, k == c->n - 1);
		free(s);
	}
}

void render_table(const json_t *rows, const struct field *fields)
{
	struct columns columns;
	const json_t *row;
	size_t i;

	columns_begin(&columns, fields);
	json_array_foreach(rows, i, row)
		columns_measure(&columns, row);
	columns_print_title(&columns);
	json_array_foreach(rows, i, row)
		columns_print(&columns, row);
}

void render_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(value);
}

void render_json_line(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(value);
}
