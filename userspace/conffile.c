// SPDX-License-Identifier: GPL-2.0
/*
 * The configuration as lines: read whole before anything is changed.
 *
 * Words are parted by blanks; a word that begins with # begins a comment.
 * Every mistake names file, line, word and what would be right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "main.h"

#define LINE_MAX_BYTES	8192	/* an allow list of 64 IPv6 prefixes has some 3000 */
#define WORDS_MAX	64

struct conf_service *conf_add(struct conf *c)
{
	unsigned int room = c->room ? 2 * c->room : 16;
	struct conf_service **services = c->services, *s;

	if (c->n == c->room) {
		services = realloc(services, room * sizeof(*services));
		if (!services)
			goto no_memory;
		c->services = services;
		c->room = room;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		goto no_memory;
	services[c->n++] = s;
	return s;

no_memory:
	fail(EXIT_REFUSED, "no memory for so many services");
	return NULL;
}

void conf_free(struct conf *c)
{
	unsigned int i;

	for (i = 0; i < c->n; i++)
		free(c->services[i]);
	free(c->services);
	explicit_bzero(c, sizeof(*c));
}

static int misplaced(const char *after, const char *word, const char *right)
{
	if (!word)
		return fail(EXIT_USAGE, "nothing follows \"%s\": use %s", after, right);
	return fail(EXIT_USAGE, "\"%s\" does not follow \"%s\" here: use %s", word, after, right);
}

static int parse_service(struct conf *c, int argc, char **argv, unsigned int line)
{
	static struct service_args a;
	struct conf_service *s;
	bool selector;
	int err;

	if (!argc || strcmp(argv[0], "add"))
		return misplaced("service", argc ? argv[0] : NULL, "service add NAME");
	err = grammar_parse(argc - 1, argv + 1, &a);
	if (err)
		return err;
	if (!grammar_has(&a, "mode"))
		return fail(EXIT_USAGE, "\"mode\" is missing: use mode local");
	selector = grammar_has(&a, "addr") || grammar_has(&a, "port") || grammar_has(&a, "mark");
	if (selector && !grammar_selects(&a))
		return fail(EXIT_USAGE, "%s selects everything: name an addr, port or mark, or "
			    "none of them if iptables rules select", a.name);
	grammar_default(&a);
	s = conf_add(c);
	if (!s)
		return EXIT_REFUSED;
	s->args = a;
	s->line = line;
	return 0;
}

static int parse_sysctl(struct conf *c, int argc, char **argv, unsigned int line)
{
	struct conf_sysctl *s;
	int number;

	if (argc < 2)
		return fail(EXIT_USAGE, "sysctl%s%s has no %s: use sysctl NAME VALUE",
			    argc ? " " : "", argc ? argv[0] : "", argc ? "value" : "name");
	if (argc > 2)
		return refuse_word(argv[2]);
	number = sysctl_find(argv[0]);
	if (number < 0)
		return EXIT_USAGE;
	s = &c->sysctl[number];
	if (s->given)
		return fail(EXIT_USAGE, "sysctl %s is given twice: line %u has it, too", argv[0],
			    s->line);
	s->given = true;
	s->line = line;
	return sysctl_parse(number, argv[1], s->value);
}

static int parse_clock(int argc, char **argv, unsigned int *clock)
{
	if (!argc)
		return 0;
	if (!strcmp(argv[0], "--now"))
		return fail(EXIT_USAGE, "\"--now\" loses handshakes in flight: give it to cookiebox "
			    "key set, when it is needed");
	if (strcmp(argv[0], "clock"))
		return fail(EXIT_USAGE, "\"%s\" is not a word of key set: use clock local|wall",
			    argv[0]);
	if (argc < 2)
		return fail(EXIT_USAGE, "\"clock\" has no value: use clock local|wall");
	return argc > 2 ? refuse_word(argv[2]) :
			  parse_choice("clock", argv[1], clock_choices, clock);
}

static int parse_key(struct conf *c, int argc, char **argv, unsigned int line)
{
	struct conf_key *k = &c->key;
	int err;

	if (!argc || (strcmp(argv[0], "set") && strcmp(argv[0], "restore")))
		return misplaced("key", argc ? argv[0] : NULL, "key restore FILE or key set FILE");
	if (argc < 2)
		return fail(EXIT_USAGE, "key %s has no FILE", argv[0]);
	if (k->given)
		return fail(EXIT_USAGE, "the key is given twice: line %u has it, too", k->line);
	if (strspn(argv[1], "0123456789abcdefABCDEF") == 2 * COOKIEBOX_MASTER_LEN)
		return fail(EXIT_USAGE, "the secret stands in the line, where others may see it: "
			    "choose another one and put it into a file of its own");
	if (argv[1][0] != '/' || strlen(argv[1]) >= sizeof(k->path))
		return fail(EXIT_USAGE, "\"%.80s\" is not a key's file: use a path that begins "
			    "with /", argv[1]);
	k->given = true;
	k->line = line;
	k->restore = !strcmp(argv[0], "restore");
	strcpy(k->path, argv[1]);
	k->file.clock = COOKIEBOX_CLOCK_LOCAL;
	if (k->restore && argc > 2)
		return refuse_word(argv[2]);
	if (k->restore)
		return keyfile_read(k->path, &k->file);
	err = parse_clock(argc - 2, argv + 2, &k->file.clock);
	return err ? err : keyfile_read_secret(k->path, k->file.master);
}

static const struct statement {
	const char *word;
	int (*parse)(struct conf *c, int argc, char **argv, unsigned int line);
} statements[] = {
	{ "service", parse_service },
	{ "sysctl", parse_sysctl },
	{ "key", parse_key },
};

#define N_STATEMENTS	(sizeof(statements) / sizeof(statements[0]))

static int parse_words(struct conf *c, int argc, char **argv, unsigned int line)
{
	const char *words[N_STATEMENTS + 1] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; i < N_STATEMENTS; i++) {
		words[i] = statements[i].word;
		if (!strcmp(argv[0], words[i]))
			return statements[i].parse(c, argc - 1, argv + 1, line);
	}
	near = nearest(argv[0], words);
	if (near)
		return fail(EXIT_USAGE, "\"%s\" begins no line: did you mean \"%s\"?", argv[0],
			    near);
	return fail(EXIT_USAGE, "\"%s\" begins no line: use service, sysctl or key", argv[0]);
}

static int parse_line(struct conf *c, char *text, size_t len, unsigned int line)
{
	char *argv[WORDS_MAX], *word, *save = NULL;
	int argc = 0;

	if (memchr(text, '\0', len))
		return fail(EXIT_USAGE, "there is a NUL byte: the file must be text");
	if (len == LINE_MAX_BYTES - 1 && text[len - 1] != '\n')
		return fail(EXIT_USAGE, "the line is too long: at most %u bytes",
			    LINE_MAX_BYTES - 2);
	for (word = strtok_r(text, " \t\r\n", &save); word && *word != '#';
	     word = strtok_r(NULL, " \t\r\n", &save)) {
		if (argc == WORDS_MAX)
			return fail(EXIT_USAGE, "\"%.32s\" is one word too many: at most %u stand "
				    "in a line", word, WORDS_MAX);
		argv[argc++] = word;
	}
	return argc ? parse_words(c, argc, argv, line) : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct conf_service *x = *(const struct conf_service *const *)a;
	const struct conf_service *y = *(const struct conf_service *const *)b;
	int order = strcmp(x->args.name, y->args.name);

	return order ? order : (int)x->line - (int)y->line;
}

/* A name that stands twice is told at its second line. */
static int check_names(struct conf *c)
{
	struct conf_service **sorted = malloc((c->n + 1) * sizeof(*sorted));
	const struct conf_service *was, *is = NULL;
	unsigned int i;
	int err = 0;

	if (!sorted)
		return fail(EXIT_REFUSED, "no memory for so many services");
	memcpy(sorted, c->services, c->n * sizeof(*sorted));
	qsort(sorted, c->n, sizeof(*sorted), by_name);
	for (i = 0; i < c->n && !err; i++) {
		was = is;
		is = sorted[i];
		if (!was || strcmp(was->args.name, is->args.name))
			continue;
		fail_in(c->name, is->line);
		err = fail(EXIT_USAGE, "service %s is given twice: line %u has it, too",
			   is->args.name, was->line);
	}
	free(sorted);
	return err;
}

/* fgets() does not tell where it ended if there are NUL bytes. */
static ssize_t read_line(FILE *f, char text[LINE_MAX_BYTES])
{
	size_t len = 0;
	int ch = 0;

	while (len < LINE_MAX_BYTES - 1 && ch != '\n') {
		ch = getc_unlocked(f);
		if (ch == EOF)
			break;
		text[len++] = ch;
	}
	text[len] = '\0';
	return ferror(f) ? -1 : (ssize_t)len;
}

static int parse_stream(struct conf *c, FILE *f)
{
	char text[LINE_MAX_BYTES];
	unsigned int line = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = read_line(f, text))) {
		if (len < 0)
			return fail(EXIT_USAGE, "%s cannot be read: %m", c->name);
		fail_in(c->name, ++line);
		err = parse_line(c, text, len, line);
	}
	if (!err)
		err = check_names(c);
	if (!err)
		fail_in(NULL, 0);
	return err;
}

int conf_from_file(struct conf *c, const char *path)
{
	bool input = !strcmp(path, "-");
	const char *slash = strrchr(path, '/');
	FILE *f = input ? stdin : fopen(path, "re");
	int err;

	memset(c, 0, sizeof(*c));
	c->name = input ? "standard input" : slash ? slash + 1 : path;
	if (!f)
		return fail(EXIT_USAGE, "%s cannot be opened: %m", path);
	err = parse_stream(c, f);
	if (!input)
		fclose(f);
	return err;
}
