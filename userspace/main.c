// SPDX-License-Identifier: GPL-2.0
/*
 * cookiebox: the verb table, global options, help and completion.
 *
 * The table below is all there is to know about the verbs: dispatch, --help
 * and `cookiebox --complete` read nothing else.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "main.h"
#include "sysctls.h"

#define VERSION "0.1"

bool json_output;
static char verb_path[64];	/* "service add: ", for messages */
static char place[80];		/* "web.conf, line 3: ", likewise */

static const struct verb top_verbs[] = {
	{ "show", "[attacks|servers|fidelity]",
	  "one screen that says whether all is well (the default)",
	  "  attacks    the last attacks on services with engage auto instead, oldest first\n"
	  "  servers    what was learned of the servers behind services with mode splice\n"
	  "  fidelity   SYNs whose connections have less than they offered instead\n"
	  "Exit status 3: something needs attention.\n",
	  .run = show_run, .complete = show_complete },
	{ "service", "VERB", "the protected endpoints", .sub = service_verbs },
	{ "get", "SRC DST PORT [mark M]", "which service would decide about a segment, and how",
	  "SRC and DST are addresses of one family, PORT the destination port.\n"
	  "M is the firewall mark that rules would have set. Services that iptables rules name\n"
	  "are listed: such a rule, where it matches, decides instead.\n",
	  .run = get_run, .complete = get_complete },
	{ "verify", "[SERVICE]", "check this host, and make a handshake with each service",
	  "A sentence for each finding: ok, note (worth a look) or problem. A connection to each\n"
	  "service in mode local is made from this host, and closed.\n"
	  "Exit status 3: there is a problem.\n",
	  .run = verify_run, .complete = verify_complete },
	{ "stats", "[--explain|--prometheus] [SERVICE]",
	  "what happened to segments, by service and reason",
	  "  --explain      also say what each reason means\n"
	  "  --prometheus   all of it and the state, for Prometheus\n"
	  "Text shows the reasons that were counted; -j shows all of them.\n",
	  .run = stats_run, .complete = stats_complete },
	{ "key", "VERB", "the master secret and the key ring", .sub = key_verbs },
	{ "monitor", "", "print changes as they happen, until interrupted",
	  "One line an event; with -j one JSON object a line. The first line says that it\n"
	  "listens. When the kernel made events faster than they could be read, a line says\n"
	  "how many were lost.\n",
	  .run = monitor_run },
	{ "showconf", "[--all] [--key FILE]", "print what is in force as setconf reads it",
	  "  --all        also what has its default\n"
	  "  --key FILE   also that FILE, which key save wrote, has the master in force\n",
	  .run = showconf_run, .complete = showconf_complete },
	{ "setconf", "[-n|--confirm SECONDS] [FILE]",
	  "make the box what FILE or standard input says",
	  "  -n                  only show what would change, as commands\n"
	  "  --confirm SECONDS   unless cookiebox confirm follows in time, all is put back\n"
	  "Lines are those of cookiebox.conf(5): service add ..., sysctl NAME VALUE, and\n"
	  "key restore FILE or key set FILE [clock local|wall]. Services that are not named\n"
	  "go; a sysctl or a master that is not named stays. All changes, or none.\n",
	  .run = setconf_run, .complete = change_complete, .more_help = sysctl_help },
	{ "syncconf", "[-n|--confirm SECONDS] FILE", "the same for a file that changed",
	  "  -n                  only show what would change, as commands\n"
	  "  --confirm SECONDS   unless cookiebox confirm follows in time, all is put back\n"
	  "Services that are the same are not touched, and no connection is interrupted.\n",
	  .run = syncconf_run, .complete = change_complete },
	{ "confirm", "", "keep what setconf or syncconf --confirm has changed", .run = confirm_run },
	{ "stop", "[SECONDS]", "let go of all services, handshakes in flight first",
	  "Services of mode local seal no more at once, attacked or not (they have engage observe);\n"
	  "after SECONDS (4 if not given) all services go, but for those that iptables rules name,\n"
	  "which stay with engage off. Connections go on, spliced ones too: see service drain.\n",
	  .run = stop_run },
	{ "cache", "VERB", "the connections that services with flow-cache on remember",
	  .sub = cache_verbs },
	{ NULL }
};

static const struct verb root = {
	"cookiebox", "VERB", "TCP handshakes without memory, until the client is proved real",
	"Options, anywhere on the line:\n"
	"  -j, --json   print JSON\n"
	"  -h, --help   help for this level\n"
	"  --version    version of the tool\n",
	.sub = top_verbs,
	.run = show_run,
};

int fail(enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "cookiebox: %s%s", verb_path, place);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

void fail_in(const char *file, unsigned int line)
{
	place[0] = '\0';
	if (line)
		snprintf(place, sizeof(place), "%.40s, line %u: ", file, line);
	else if (file)
		snprintf(place, sizeof(place), "%.60s: ", file);
}

int refuse_word(const char *word)
{
	return fail(EXIT_USAGE, "\"%s\" is one word too many: leave it out", word);
}

/* Levenshtein distance, for words of up to 31 characters. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32], above, left, best;
	size_t la = strlen(a), lb = strlen(b);
	size_t i, j;

	if (la > 31 || lb > 31)
		return 99;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		above = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			left = row[j - 1];
			best = above + (a[i - 1] != b[j - 1]);
			above = row[j];
			if (above + 1 < best)
				best = above + 1;
			if (left + 1 < best)
				best = left + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *nearest(const char *word, const char *const *words)
{
	unsigned int d, best = strlen(word) < 4 ? 2 : 3;
	const char *found = NULL;

	for (; *words; words++) {
		d = distance(word, *words);
		if (strlen(word) > 1 && !strncmp(word, *words, strlen(word)))
			d = 1;
		if (d < best) {
			best = d;
			found = *words;
		}
	}
	return found;
}

static int unknown_verb(const struct verb *level, const char *word)
{
	const char *names[16] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; i < 15 && level->sub[i].name; i++)
		names[i] = level->sub[i].name;
	near = nearest(word, names);
	if (near)
		return fail(EXIT_USAGE, "\"%s\" is not a verb: did you mean \"%s\"?", word, near);
	return fail(EXIT_USAGE, "\"%s\" is not a verb: see cookiebox %s%s--help", word,
		    level == &root ? "" : level->name, level == &root ? "" : " ");
}

static const struct verb *find(const struct verb *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

static void enter(const struct verb *v)
{
	size_t n = strlen(verb_path);

	if (n >= 2)
		verb_path[n - 2] = ' ', verb_path[n - 1] = '\0';
	n = strlen(verb_path);
	snprintf(verb_path + n, sizeof(verb_path) - n, "%s: ", v->name);
}

static void print_help(const struct verb *v, const char *parent)
{
	const struct verb *s;
	char left[128];

	if (v == &root)
		printf("cookiebox [VERB]\n");
	else
		printf("cookiebox %s%s%s%s%s\n", parent ? parent : "", parent ? " " : "",
		       v->name, v->synopsis[0] ? " " : "", v->synopsis);
	printf("%s\n", v->summary);
	if (v->sub)
		putchar('\n');
	for (s = v->sub; s && s->name; s++) {
		snprintf(left, sizeof(left), "%s %s", s->name, s->synopsis);
		if (strlen(left) > 30)
			printf("  %s\n  %-30s %s\n", left, "", s->summary);
		else
			printf("  %-30s %s\n", left, s->summary);
	}
	if (v->help)
		printf("\n%s", v->help);
	if (v->more_help)
		v->more_help();
}

/* Walks to the verb that argv names. Returns how many words it took. */
static int resolve(int argc, char **argv, const struct verb **verb, const char **parent)
{
	const struct verb *v = &root, *next;
	int n = 0;

	*parent = NULL;
	while (n < argc && v->sub) {
		next = find(v->sub, argv[n]);
		if (!next)
			break;
		*parent = v == &root ? NULL : v->name;
		v = next;
		enter(v);
		n++;
	}
	*verb = v;
	return n;
}

static int complete(int argc, char **argv)
{
	const struct verb *v, *s;
	const char *parent;
	int n;

	if (!argc)
		return EXIT_OK;
	n = resolve(argc - 1, argv, &v, &parent);
	for (s = v->sub; s && s->name && n == argc - 1; s++)
		puts(s->name);
	if (n == argc - 1 && v == &root)
		puts("-j\n--help\n--version");
	if (v->complete)
		v->complete(argc - n, argv + n);
	return EXIT_OK;
}

/* Takes the global options out of argv, wherever they stand. */
static int take_options(int argc, char **argv, bool *help, bool *version)
{
	int i, n = 0;

	for (i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			json_output = true;
		else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			*help = true;
		else if (!strcmp(argv[i], "--version"))
			*version = true;
		else
			argv[n++] = argv[i];
	}
	return n;
}

/* stdout may be a full disk or a closed pipe: then nothing was shown. */
static int finish(int code)
{
	if (fflush(stdout) || ferror(stdout))
		return fail(EXIT_REFUSED, "the output could not be written: %m");
	return code;
}

int main(int argc, char **argv)
{
	bool help = false, version = false;
	const struct verb *v;
	const char *parent;
	int n;

	argc--, argv++;
	if (argc && !strcmp(argv[0], "--complete"))
		return complete(argc - 1, argv + 1);
	argc = take_options(argc, argv, &help, &version);
	if (version) {
		puts("cookiebox " VERSION);
		return finish(EXIT_OK);
	}
	n = resolve(argc, argv, &v, &parent);
	if (help) {
		print_help(v, parent);
		return finish(EXIT_OK);
	}
	if (v->sub && n < argc)
		return unknown_verb(v, argv[n]);
	if (!v->run)
		return fail(EXIT_USAGE, "a verb is missing: see cookiebox %s --help", v->name);
	return finish(v->run(argc - n, argv + n));
}
