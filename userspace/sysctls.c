// SPDX-License-Identifier: GPL-2.0
/*
 * net.cookiebox.* of this network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "main.h"
#include "parse.h"
#include "sysctls.h"

#define DIRECTORY	"/proc/sys/net/cookiebox/"

const struct sysctl sysctls[N_SYSCTLS + 1] = {
	{ "epoch_seconds", "2 to 3600", 2, 3600, { NULL }, "32", NULL, false },
	{ "default_reply", "route or reflect", 0, 0, { "route", "reflect" }, "route", NULL, false },
	{ "invalid_rate", "0 to 1000", 0, 1000, { NULL }, "8", NULL, false },
	{ "flow_cache_bytes", "0 to 68719476736", 0, 68719476736, { NULL }, "16777216",
	  "a user namespace of its own has 16777216 at most", false },
	{ "auto_engage_percent", "2 to 100", 2, 100, { NULL }, "50",
	  "auto_release_percent has to be below auto_engage_percent", true },
	{ "auto_release_percent", "1 to 99", 1, 99, { NULL }, "25",
	  "auto_release_percent has to be below auto_engage_percent", true },
	{ "auto_hold_seconds", "1 to 3600", 1, 3600, { NULL }, "10", NULL, false },
	{ "embryonic_max", "0 to 32768", 0, 32768, { NULL }, "1024", NULL, false },
	{ "synack_retransmit_rate", "0 to 1000", 0, 1000, { NULL }, "8", NULL, false },
	{ "single_use_max", "64 to 16777216", 64, 16777216, { NULL }, "262144",
	  "a user namespace of its own has 262144 at most", false },
	{ "single_use_full", "accept or drop", 0, 0, { "accept", "drop" }, "accept", NULL, false },
	{ "splice_max", "0 to 16777216", 0, 16777216, { NULL }, "65536",
	  "a user namespace of its own has 65536 at most", false },
	{ "splice_waiting_max", "1 to 1048576", 1, 1048576, { NULL }, "4096",
	  "a user namespace of its own has 4096 at most", false },
	{ "splice_prefix_max", "1 to 65535", 1, 65535, { NULL }, "256", NULL, false },
	{ "splice_server_max", "1 to 65535", 1, 65535, { NULL }, "2048", NULL, false },
	{ "splice_held_bytes", "0 to 1073741824", 0, 1073741824, { NULL }, "4194304",
	  "a user namespace of its own has 4194304 at most", false },
	{ "splice_idle_seconds", "1 to 86400", 1, 86400, { NULL }, "1800", NULL, false },
	{ "splice_probe_seconds", "1 to 600", 1, 600, { NULL }, "30", NULL, false },
	{ "splice_probes", "1 to 100", 1, 100, { NULL }, "5", NULL, false },
	{ "splice_linger_seconds", "1 to 600", 1, 600, { NULL }, "60", NULL, false },
	{ "splice_adopt_seconds", "0 to 3600", 0, 3600, { NULL }, "60", NULL, false },
	{ "splice_backlog", "8 to 16777216", 8, 16777216, { NULL }, "128", NULL, false },
	{ NULL, NULL, 0, 0, { NULL }, NULL, NULL, false }
};

int sysctl_find(const char *name)
{
	const char *names[N_SYSCTLS + 1] = { NULL };
	const char *near;
	int i;

	for (i = 0; i < N_SYSCTLS; i++) {
		names[i] = sysctls[i].name;
		if (!strcmp(name, names[i]))
			return i;
	}
	near = nearest(name, names);
	if (near)
		fail(EXIT_USAGE, "\"%s\" is not a sysctl of net.cookiebox: did you mean \"%s\"?",
		     name, near);
	else
		fail(EXIT_USAGE, "\"%s\" is not a sysctl of net.cookiebox: see --help", name);
	return -1;
}

int sysctl_parse(unsigned int number, const char *text, char value[SYSCTL_VALUE_MAX])
{
	const struct sysctl *s = &sysctls[number];
	uint64_t n;
	size_t i;

	if (!s->words[0] && read_number(text, s->max, &n) && n >= s->min) {
		snprintf(value, SYSCTL_VALUE_MAX, "%llu", (unsigned long long)n);
		return 0;
	}
	for (i = 0; s->words[i]; i++) {
		if (strcmp(text, s->words[i]))
			continue;
		snprintf(value, SYSCTL_VALUE_MAX, "%s", text);
		return 0;
	}
	return fail(EXIT_USAGE, "%s \"%s\" is not valid: use %s", s->name, text, s->expected);
}

static int open_value(unsigned int number, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), DIRECTORY "%s", sysctls[number].name);
	return open(path, flags | O_CLOEXEC);
}

int sysctl_read(unsigned int number, char value[SYSCTL_VALUE_MAX])
{
	int fd = open_value(number, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, value, SYSCTL_VALUE_MAX - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return fail(EXIT_REFUSED, DIRECTORY "%s cannot be read: %m",
			    sysctls[number].name);
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

static int refuse(unsigned int number, const char *value, int err)
{
	const struct sysctl *s = &sysctls[number];

	switch (err) {
	case EINVAL:
		return fail(EXIT_REFUSED, "the kernel refuses %s %s: %s", s->name, value,
			    s->also ? s->also : "tool and module are of different versions");
	case EBUSY:
		return fail(EXIT_REFUSED, "%s cannot change to %s yet: its last change is not "
			    "complete, try again in some minutes", s->name, value);
	case ENOENT:
		return fail(EXIT_REFUSED, "the module has no sysctl %s: it is not loaded, or of "
			    "another version than the tool", s->name);
	}
	errno = err;
	return fail(EXIT_REFUSED, "%s cannot be set to %s: %m", s->name, value);
}

int sysctl_write(unsigned int number, const char *value, bool quiet)
{
	int fd = open_value(number, O_WRONLY), err = 0;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	if (!err)
		return 0;
	return quiet ? EXIT_REFUSED : refuse(number, value, err);
}

void sysctl_help(void)
{
	const struct sysctl *s;

	puts("\nSysctls:");
	for (s = sysctls; s->name; s++)
		printf("  %-24s %s (%s)\n", s->name, s->expected, s->def);
}
