// SPDX-License-Identifier: GPL-2.0
/*
 * show attacks: what services with engagement auto went through.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attacks.h"
#include "main.h"

static const struct field attack_fields[] = {
	{ "service", NULL, decode_string, COOKIEBOX_A_ATTACK_SERVICE, NULL },
	{ "id", NULL, decode_number, COOKIEBOX_A_ATTACK_ID, NULL },
	{ "start_ms", NULL, decode_number, COOKIEBOX_A_ATTACK_START, NULL },
	{ "end_ms", NULL, decode_number, COOKIEBOX_A_ATTACK_END, NULL },
	{ "peak", NULL, decode_number, COOKIEBOX_A_ATTACK_PEAK, NULL },
	{ "answered", NULL, decode_number, COOKIEBOX_A_ATTACK_ANSWERED, NULL },
	{ "completed", NULL, decode_number, COOKIEBOX_A_ATTACK_COMPLETED, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

/* The text table; rows are made by row_of(). */
static const struct field row_fields[] = {
	{ "service", "SERVICE", NULL, 0, NULL },
	{ "start", "START", NULL, 0, NULL },
	{ "end", "END", NULL, 0, NULL },
	{ "seconds", "SECONDS", NULL, 0, NULL },
	{ "peak", "PEAK/S", NULL, 0, NULL },
	{ "answered", "ANSWERED", NULL, 0, NULL },
	{ "completed", "COMPLETED", NULL, 0, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

json_t *decode_attack(const struct attrs *a, const struct field *f)
{
	struct attrs nest;

	if (!a->tb[f->attr])
		return NULL;
	attrs_of_nest(&nest, a->tb[f->attr]);
	return render_object(&nest, attack_fields);
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Whole seconds; one that lasts is as long as it is by now. */
static json_int_t seconds(const json_t *attack)
{
	json_int_t end = number(attack, "end_ms");

	if (!end)
		end = (json_int_t)time(NULL) * 1000;
	end -= number(attack, "start_ms");
	return end > 0 ? (end + 500) / 1000 : 0;
}

static void when(json_int_t ms, char *text, size_t size)
{
	time_t at = ms / 1000;

	strftime(text, size, "%F %T", localtime(&at));
}

void attack_print(const json_t *attack)
{
	printf("%lld s, %lld SYNs answered, at most %lld a second, %lld completed",
	       (long long)seconds(attack), (long long)number(attack, "answered"),
	       (long long)number(attack, "peak"), (long long)number(attack, "completed"));
}

static void print_engaged(const json_t *service, const char *name)
{
	char since[32];

	if (!json_is_true(json_object_get(service, "engaged")))
		return;
	when(number(service, "engaged_since"), since, sizeof(since));
	printf("\nunder attack: %s is engaged since %s\n", name, since);
}

/* Of a service with engage observe that was sent a SYN. */
static void print_observed(const json_t *service, const char *name)
{
	json_int_t times = number(service, "would_engage");

	if (!number(service, "half_open_most"))
		return;
	printf("\nobserved: %s would ", name);
	if (times)
		printf("have engaged by itself %lld time%s", (long long)times,
		       times == 1 ? "" : "s");
	else
		printf("not have engaged by itself");
	printf("; at most %lld half-open\n", (long long)number(service, "half_open_most"));
}

void attack_print_present(const json_t *services)
{
	const json_t *service;
	const char *name;
	size_t i;

	json_array_foreach(services, i, service) {
		name = json_string_value(json_object_get(service, "name"));
		print_engaged(service, name);
		print_observed(service, name);
	}
}

static int take_attack(const struct nlmsghdr *nlh, void *data)
{
	struct attrs a;

	attrs_of_message(&a, nlh);
	json_array_append_new(data, render_object(&a, attack_fields));
	return 0;
}

static void forget_attacks(void *data)
{
	json_array_clear(data);
}

static json_t *row_of(json_t *attack)
{
	char start[32], end[32] = "goes on";

	when(number(attack, "start_ms"), start, sizeof(start));
	if (number(attack, "end_ms"))
		when(number(attack, "end_ms"), end, sizeof(end));
	return json_pack("{s:O, s:s, s:s, s:I, s:O, s:O, s:O}", "service",
			 json_object_get(attack, "service"), "start", start, "end", end, "seconds",
			 seconds(attack), "peak", json_object_get(attack, "peak"), "answered",
			 json_object_get(attack, "answered"), "completed",
			 json_object_get(attack, "completed"));
}

static void print_attacks(const json_t *attacks)
{
	json_t *rows = json_array(), *attack;
	size_t i;

	json_array_foreach(attacks, i, attack)
		json_array_append_new(rows, row_of(attack));
	render_table(rows, row_fields);
	json_decref(rows);
}

int attacks_run(int argc, char **argv)
{
	json_t *attacks;
	static struct genl g;
	int err;

	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	attacks = json_array();
	genl_new(&g, COOKIEBOX_CMD_ATTACK_GET);
	err = genl_dump(&g, take_attack, forget_attacks, attacks);
	genl_close(&g);
	if (!err && json_output)
		render_json(json_incref(attacks));
	else if (!err)
		print_attacks(attacks);
	json_decref(attacks);
	return err;
}
