// SPDX-License-Identifier: GPL-2.0
/*
 * The key file: read with suspicion, written atomically.
 *
 * No stdio for secrets: every buffer they pass through is zeroed here.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyfile.h"
#include "main.h"
#include "parse.h"

#define FILE_MAX	4096

static int check_owner(const char *path, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return fail(EXIT_USAGE, "%s is a directory: name a file", path);
	if (!S_ISREG(st->st_mode))
		return fail(EXIT_USAGE, "%s is not a regular file: name one, or use - for standard "
			    "input", path);
	if (st->st_uid != geteuid() && st->st_uid)
		return fail(EXIT_USAGE, "%s belongs to another user, who knows its secret: use a "
			    "file of your own", path);
	if (st->st_mode & 077)
		return fail(EXIT_USAGE, "%s can be read or changed by others (mode %04o): use "
			    "chmod 600, and a new secret if it was seen", path,
			    st->st_mode & 07777);
	return 0;
}

static int open_secret(const char *path, int *fd)
{
	struct stat st;
	int err;

	*fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 && errno == ELOOP)
		return fail(EXIT_USAGE, "%s is a symbolic link: name the file itself", path);
	if (*fd < 0)
		return fail(EXIT_USAGE, "%s cannot be opened: %m", path);
	err = fstat(*fd, &st) ? fail(EXIT_USAGE, "%s: %m", path) : check_owner(path, &st);
	if (err)
		close(*fd);
	return err;
}

/* Reads all of @fd into @text, NUL-terminated. */
static int read_all(int fd, const char *path, char text[FILE_MAX])
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, FILE_MAX - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(EXIT_USAGE, "%s cannot be read: %m", path);
		len += n;
	} while (n && len < FILE_MAX - 1);
	text[len] = '\0';
	if (len == FILE_MAX - 1)
		return fail(EXIT_USAGE, "%s is too long for a key file: at most %u bytes", path,
			    FILE_MAX - 2);
	if (strlen(text) != len)
		return fail(EXIT_USAGE, "%s has a NUL byte: it must be text", path);
	return 0;
}

struct line {
	char what[64];		/* "FILE, line 3: master", for messages */
	char *word, *value, *rest;
};

static int parse_flow(const struct line *l, struct keyfile *kf)
{
	struct keyfile_flow *flow;
	uint64_t base;

	if (kf->n_flow == COOKIEBOX_FLOW_PAIRS_MAX)
		return fail(EXIT_USAGE, "%s is one flow pair too many: at most %u", l->what,
			    COOKIEBOX_FLOW_PAIRS_MAX);
	flow = &kf->flow[kf->n_flow++];
	if (!l->rest)
		return fail(EXIT_USAGE, "%s has no key: use flow BASE KEY", l->what);
	if (!read_number(l->value, UINT32_MAX, &base))
		return fail(EXIT_USAGE, "%s base is not a number of 32 bits", l->what);
	flow->base = base;
	return parse_hex(l->what, l->rest, flow->key, sizeof(flow->key));
}

enum { SEEN_MASTER = 1, SEEN_CLOCK = 2, SEEN_FLOOR = 4 };

static int once(unsigned int *seen, unsigned int bit, const struct line *l)
{
	if (*seen & bit)
		return fail(EXIT_USAGE, "%s is given twice: give it once", l->what);
	*seen |= bit;
	return 0;
}

static int parse_line(const struct line *l, struct keyfile *kf, unsigned int *seen)
{
	uint64_t floor;
	int err;

	if (!l->value)
		return fail(EXIT_USAGE, "%s has no value", l->what);
	if (!strcmp(l->word, "flow"))
		return parse_flow(l, kf);
	if (l->rest)
		return fail(EXIT_USAGE, "%s has a word too many", l->what);
	if (!strcmp(l->word, "master")) {
		err = once(seen, SEEN_MASTER, l);
		return err ? err : parse_hex(l->what, l->value, kf->master, sizeof(kf->master));
	}
	if (!strcmp(l->word, "clock")) {
		err = once(seen, SEEN_CLOCK, l);
		return err ? err : parse_choice(l->what, l->value, clock_choices, &kf->clock);
	}
	if (strcmp(l->word, "floor"))
		return fail(EXIT_USAGE, "%s is none of clock, floor, master and flow", l->what);
	err = once(seen, SEEN_FLOOR, l);
	if (!err && !read_number(l->value, UINT32_MAX, &floor))
		return fail(EXIT_USAGE, "%s is not a number of 32 bits", l->what);
	kf->floor = err ? 0 : floor;
	return err;
}

static int check_header(const char *path, const char *line)
{
	unsigned int version;
	char end;

	if (!line || sscanf(line, "cookiebox-key %u%c", &version, &end) != 1)
		return fail(EXIT_USAGE, "%s is not a key file: its first line must be "
			    "\"cookiebox-key %u\"", path, KEYFILE_VERSION);
	if (version != KEYFILE_VERSION)
		return fail(EXIT_USAGE, "%s has format version %u: this tool knows version %u",
			    path, version, KEYFILE_VERSION);
	return 0;
}

/* What to call the line. An unknown word could be a secret: it is not repeated. */
static void name_line(struct line *l, const char *path, unsigned int number)
{
	static const char *const words[] = { "master", "clock", "floor", "flow" };
	const char *slash = strrchr(path, '/'), *word = "the first word";
	size_t i;

	for (i = 0; i < 4; i++)
		if (!strcmp(l->word, words[i]))
			word = words[i];
	snprintf(l->what, sizeof(l->what), "%.32s line %u: %s", slash ? slash + 1 : path, number,
		 word);
}

static int parse_text(const char *path, char *text, struct keyfile *kf)
{
	unsigned int seen = 0, number = 1;
	struct line l;
	char *line;
	int err;

	memset(kf, 0, sizeof(*kf));
	err = check_header(path, strsep(&text, "\n"));
	while (!err && (line = strsep(&text, "\n"))) {
		number++;
		l.word = strtok_r(line, " \t\r", &line);
		if (!l.word || *l.word == '#')
			continue;
		l.value = strtok_r(NULL, " \t\r", &line);
		l.rest = strtok_r(NULL, " \t\r", &line);
		name_line(&l, path, number);
		err = parse_line(&l, kf, &seen);
	}
	if (err)
		return err;
	if (!(seen & SEEN_MASTER) || !(seen & SEEN_CLOCK))
		return fail(EXIT_USAGE, "%s has no %s line: it is not complete", path,
			    seen & SEEN_MASTER ? "clock" : "master");
	if (seen & SEEN_FLOOR && kf->clock != COOKIEBOX_CLOCK_WALL)
		return fail(EXIT_USAGE, "%s has a floor, which goes with clock wall only", path);
	return 0;
}

int keyfile_read(const char *path, struct keyfile *kf)
{
	char text[FILE_MAX];
	int fd, err;

	err = open_secret(path, &fd);
	if (err)
		return err;
	err = read_all(fd, path, text);
	if (!err)
		err = parse_text(path, text, kf);
	explicit_bzero(text, sizeof(text));
	close(fd);
	return err;
}

int keyfile_read_secret(const char *path, uint8_t secret[COOKIEBOX_MASTER_LEN])
{
	bool input = !strcmp(path, "-");
	int fd = STDIN_FILENO, err;
	char text[FILE_MAX];
	size_t len;

	err = input ? 0 : open_secret(path, &fd);
	if (err)
		return err;
	err = read_all(fd, input ? "standard input" : path, text);
	if (!err) {
		len = strlen(text);
		while (len && strchr("\r\n", text[len - 1]))
			text[--len] = '\0';
		err = parse_hex("the secret", text, secret, COOKIEBOX_MASTER_LEN);
	}
	explicit_bzero(text, sizeof(text));
	if (!input)
		close(fd);
	return err;
}

static char *put_hex(char *p, const uint8_t *bytes, size_t n)
{
	while (n--)
		p += sprintf(p, "%02x", *bytes++);
	return p;
}

static size_t format(char text[FILE_MAX], const struct keyfile *kf)
{
	unsigned int i;
	char *p = text;

	p += sprintf(p, "cookiebox-key %u\n"
		     "# Secret: whoever reads this can forge cookies. Keep it readable by root "
		     "alone.\n", KEYFILE_VERSION);
	p += sprintf(p, "clock %s\n", choice_name(clock_choices, kf->clock));
	if (kf->clock == COOKIEBOX_CLOCK_WALL)
		p += sprintf(p, "floor %u\n", kf->floor);
	p += sprintf(p, "master ");
	p = put_hex(p, kf->master, sizeof(kf->master));
	for (i = 0; i < kf->n_flow; i++) {
		p += sprintf(p, "\nflow %u ", kf->flow[i].base);
		p = put_hex(p, kf->flow[i].key, sizeof(kf->flow[i].key));
	}
	p += sprintf(p, "\n");
	return p - text;
}

/* Nobody else may be able to swap the file, and nothing odd may be replaced. */
static int check_place(int dir, const char *path, const char *name)
{
	struct stat st;

	if (fstat(dir, &st))
		return fail(EXIT_USAGE, "%s: %m", path);
	if (st.st_mode & 022 && !(st.st_mode & S_ISVTX))
		return fail(EXIT_USAGE, "the directory of %s can be changed by others (mode %04o): "
			    "use one that only its owner can write to", path,
			    st.st_mode & 07777);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : fail(EXIT_USAGE, "%s: %m", path);
	if (S_ISLNK(st.st_mode))
		return fail(EXIT_USAGE, "%s is a symbolic link: name the file itself", path);
	if (!S_ISREG(st.st_mode))
		return fail(EXIT_USAGE, "%s is not a regular file: name one", path);
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
	return fsync(fd);
}

static int replace(int dir, const char *path, const char *name, const char *text, size_t len)
{
	char temp[NAME_MAX + 1];
	int fd, err;

	snprintf(temp, sizeof(temp), ".cookiebox-key.%ld", (long)getpid());
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(EXIT_REFUSED, "%s cannot be written: %m", path);
	/* not through the umask: 0600 whatever it is */
	err = fchmod(fd, 0600) || write_all(fd, text, len);
	err = close(fd) || err;
	if (!err)
		err = renameat(dir, temp, dir, name);
	if (!err)
		return fsync(dir) ? fail(EXIT_REFUSED, "%s: %m", path) : 0;
	err = fail(EXIT_REFUSED, "%s cannot be written: %m", path);
	unlinkat(dir, temp, 0);
	return err;
}

int keyfile_write(const char *path, const struct keyfile *kf)
{
	char for_dir[PATH_MAX], for_base[PATH_MAX], text[FILE_MAX];
	const char *name;
	int dir, err;

	if (strlen(path) >= PATH_MAX || !*path || path[strlen(path) - 1] == '/')
		return fail(EXIT_USAGE, "\"%s\" is not the name of a file", path);
	strcpy(for_dir, path);
	strcpy(for_base, path);
	name = basename(for_base);
	dir = open(dirname(for_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(EXIT_USAGE, "the directory of %s cannot be opened: %m", path);
	err = check_place(dir, path, name);
	if (!err)
		err = replace(dir, path, name, text, format(text, kf));
	explicit_bzero(text, sizeof(text));
	close(dir);
	return err;
}
