// SPDX-License-Identifier: GPL-2.0
/*
 * stop: lets go of the services without losing a handshake in flight.
 *
 * First every service of mode local that may seal has engagement observe, which
 * seals nothing and opens what was sealed before; then all go.  Spliced
 * connections outlive their service.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "confirm.h"
#include "main.h"

#define SECONDS		4	/* an ACK that was lost once is there by then */
#define SECONDS_MAX	3600

static int read_services(struct conf *c)
{
	static struct genl g;
	int err;

	memset(c, 0, sizeof(*c));
	err = genl_open(&g);
	if (err)
		return err;
	err = conf_from_kernel(c, &g, false);
	genl_close(&g);
	return err;
}

/* Returns whether any service may have handshakes in flight. */
static bool release(struct conf *c)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < c->n; i++)
		any |= grammar_release(&c->services[i]->args);
	return any;
}

/* Those that rules name cannot go. */
static void remove_services(struct conf *c)
{
	unsigned int i, kept = 0;

	for (i = 0; i < c->n; i++) {
		if (c->services[i]->rules) {
			grammar_switch_off(&c->services[i]->args);
			c->services[kept++] = c->services[i];
		} else {
			free(c->services[i]);
		}
	}
	c->n = kept;
}

static int stop(unsigned int seconds)
{
	struct timespec left = { .tv_sec = seconds };
	static struct conf c;
	int err = read_services(&c);

	/* refused, which is said: they go at once */
	if (!err && release(&c) && !conf_put(&c))
		while (nanosleep(&left, &left))
			;
	conf_free(&c);
	if (!err)
		err = read_services(&c);
	if (!err) {
		remove_services(&c);
		err = conf_put(&c);
	}
	conf_free(&c);
	return err;
}

int stop_run(int argc, char **argv)
{
	uint64_t seconds = SECONDS;

	if (argc > 1)
		return refuse_word(argv[1]);
	if (argc && !read_number(argv[0], SECONDS_MAX, &seconds))
		return fail(EXIT_USAGE, "\"%s\" is no such time: use 0 to %u seconds", argv[0],
			    SECONDS_MAX);
	return stop(seconds);
}
