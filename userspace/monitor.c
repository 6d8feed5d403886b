// SPDX-License-Identifier: GPL-2.0
/*
 * monitor: changes as they happen, one line each.
 *
 * The kernel numbers its events, so a gap in the numbers is a loss (this
 * socket was full), and its size is known when the next event arrives.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attacks.h"
#include "main.h"
#include "service.h"

static const struct field event_fields[] = {
	{ "event", NULL, decode_choice, COOKIEBOX_A_EVENT_KIND, event_choices },
	{ "seq", NULL, decode_number, COOKIEBOX_A_EVENT_SEQ, NULL },
	{ "generation", NULL, decode_number, COOKIEBOX_A_EVENT_GENERATION, NULL },
	{ "epoch", NULL, decode_number, COOKIEBOX_A_EVENT_EPOCH, NULL },
	{ "service", NULL, decode_service, COOKIEBOX_A_EVENT_SERVICE, NULL },
	{ "attack", NULL, decode_attack, COOKIEBOX_A_EVENT_ATTACK, NULL },
	{ NULL, NULL, NULL, 0, NULL }
};

static void print_time(void)
{
	time_t now = time(NULL);
	char text[32];

	strftime(text, sizeof(text), "%F %T", localtime(&now));
	printf("%s ", text);
}

static void print_lost(json_int_t count)
{
	if (json_output) {
		render_json_line(json_pack("{s:I, s:s, s:I}", "time", (json_int_t)time(NULL),
					   "event", "lost", "count", count));
		return;
	}
	print_time();
	printf("%lld events were lost: they came faster than they could be read\n",
	       (long long)count);
	fflush(stdout);
}

/* From here on nothing is missed: a script may begin with what it wants to watch. */
static void print_listening(uint64_t last)
{
	if (json_output) {
		render_json_line(json_pack("{s:I, s:s, s:I}", "time", (json_int_t)time(NULL),
					   "event", "listening", "seq", (json_int_t)last));
		return;
	}
	print_time();
	puts("listening");
	fflush(stdout);
}

static void print_event(const json_t *event)
{
	const json_t *service = json_object_get(event, "service");
	const json_t *generation = json_object_get(event, "generation");
	const json_t *epoch = json_object_get(event, "epoch");
	const json_t *attack = json_object_get(event, "attack");
	const char *p;

	print_time();
	for (p = json_string_value(json_object_get(event, "event")); p && *p; p++)
		putchar(*p == '_' ? ' ' : *p);
	if (json_is_object(service))
		printf(" %s", json_string_value(json_object_get(service, "name")));
	if (json_is_integer(epoch))
		printf(" epoch %lld", (long long)json_integer_value(epoch));
	if (json_is_integer(generation))
		printf(" generation %lld", (long long)json_integer_value(generation));
	if (json_integer_value(json_object_get(attack, "end_ms"))) {
		fputs(" after ", stdout);
		attack_print(attack);
	}
	putchar('\n');
	fflush(stdout);
}

/* data: number of the last event that was seen. */
static int take_event(const struct nlmsghdr *nlh, void *data)
{
	uint64_t *last = data, seq;
	struct attrs a;
	json_t *event;

	attrs_of_message(&a, nlh);
	seq = attr_number(&a, COOKIEBOX_A_EVENT_SEQ);
	if (seq > *last + 1)
		print_lost(seq - *last - 1);
	*last = seq;
	event = render_object(&a, event_fields);
	if (json_output) {
		json_object_set_new(event, "time", json_integer(time(NULL)));
		render_json_line(event);
	} else {
		print_event(event);
		json_decref(event);
	}
	return ferror(stdout) ? EXIT_REFUSED : 0;
}

static int take_last(const struct nlmsghdr *nlh, void *data)
{
	struct attrs a;

	attrs_of_message(&a, nlh);
	*(uint64_t *)data = attr_number(&a, COOKIEBOX_A_STATUS_EVENT_SEQ);
	return 0;
}

/* Asked on a socket of its own, after joining: no event falls between. */
static int ask_last(uint64_t *last)
{
	static struct genl g;
	int err = genl_open(&g);

	if (err)
		return err;
	genl_new(&g, COOKIEBOX_CMD_STATUS_GET);
	err = genl_do(&g, take_last, last);
	genl_close(&g);
	return err;
}

int monitor_run(int argc, char **argv)
{
	static struct genl g;
	uint64_t last = 0;
	int err;

	if (argc)
		return refuse_word(argv[0]);
	err = genl_open(&g);
	if (err)
		return err;
	err = genl_listen(&g);
	if (!err)
		err = ask_last(&last);
	if (!err)
		print_listening(last);
	while (!err)
		err = genl_wait(&g, take_event, &last);
	genl_close(&g);
	return err;
}
