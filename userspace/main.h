/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every verb of the tool shares: the verb table, the global options and
 * the one way to fail.
 *
 * A verb prints its result to stdout, or one sentence to stderr, never both,
 * and returns one of enum exit_code.
 */
#ifndef COOKIEBOX_MAIN_H
#define COOKIEBOX_MAIN_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,	/* the kernel said no, or could not be asked */
	EXIT_USAGE = 2,		/* bad words or a bad file: nothing was asked */
	EXIT_UNWELL = 3,	/* shown, and something needs attention */
};

/* One verb, or a family of verbs if sub is set. Tables end with a NULL name. */
struct verb {
	const char *name;
	const char *synopsis;	/* the words that follow the name */
	const char *summary;	/* one line, shown one level above */
	const char *help;	/* more, for --help of this verb */
	const struct verb *sub;
	int (*run)(int argc, char **argv);
	/* prints candidates for the last word, one a line; may be NULL */
	void (*complete)(int argc, char **argv);
	void (*more_help)(void);
};

extern bool json_output;	/* -j */

/* "cookiebox: service add: ..." on stderr; returns @code. */
int fail(enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Sentences from now on are about this line of a file; 0: about what @file says; NULL: none. */
void fail_in(const char *file, unsigned int line);

/* The verb takes no (further) words: complain about the first of them. */
int refuse_word(const char *word);

/* The word of @words (ends with NULL) nearest to @word, or NULL if none is near. */
const char *nearest(const char *word, const char *const *words);

extern const struct verb service_verbs[];	/* service.c */
extern const struct verb key_verbs[];		/* key.c */
extern const struct verb cache_verbs[];		/* cache.c */

int showconf_run(int argc, char **argv);	/* config.c */
void showconf_complete(int argc, char **argv);
int setconf_run(int argc, char **argv);
void change_complete(int argc, char **argv);	/* of both */
int syncconf_run(int argc, char **argv);
int confirm_run(int argc, char **argv);		/* confirm.c */
int stop_run(int argc, char **argv);		/* stop.c */

int show_run(int argc, char **argv);		/* show.c */
void show_complete(int argc, char **argv);
int fidelity_run(int argc, char **argv);	/* fidelity.c */
int verify_run(int argc, char **argv);		/* verify.c */
void verify_complete(int argc, char **argv);
int get_run(int argc, char **argv);		/* get.c */
void get_complete(int argc, char **argv);
int stats_run(int argc, char **argv);		/* stats.c */
void stats_complete(int argc, char **argv);
int monitor_run(int argc, char **argv);		/* monitor.c */
int drain_run(int argc, char **argv);		/* drain.c */
void drain_complete(int argc, char **argv);

#endif
