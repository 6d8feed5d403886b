// SPDX-License-Identifier: GPL-2.0
/*
 * setconf --confirm and confirm: a guard puts the old configuration back.
 *
 * The guard is a child that has read nothing but memory it already had, so it
 * needs no file and no terminal: whoever locked himself out only has to wait.
 * It is there before anything changes.  Its parent tells it through a pipe what
 * became of the change; if the parent dies half-way it puts all back at once.
 *
 * It is found by an abstract socket, which is one of a network namespace as the
 * configuration is.  As anybody may bind such a name, both ends ask who the
 * other is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "confirm.h"
#include "main.h"

#define NAME		"cookiebox-confirm"
#define ATTEMPTS	5	/* another change may come between */

static const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0" NAME };

#define NAME_LEN	(offsetof(struct sockaddr_un, sun_path) + sizeof(NAME))

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool is_ours(int fd)
{
	struct ucred peer = { .uid = -1 };
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool confirmed_by(int fd)
{
	return is_ours(fd) && send(fd, "k", 1, MSG_NOSIGNAL) == 1;
}

static bool wait_for_confirm(int listener, unsigned int seconds)
{
	long long end = now_ms() + seconds * 1000LL, left;
	struct pollfd p = { .fd = listener, .events = POLLIN };
	bool confirmed = false;
	int fd;

	while (!confirmed && (left = end - now_ms()) > 0) {
		if (poll(&p, 1, left) <= 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		confirmed = confirmed_by(fd);
		close(fd);
	}
	return confirmed;
}

/* Some sysctls cannot change twice within minutes: they must not keep services from it. */
static void put_back(const struct conf *before)
{
	static struct conf want;
	bool all = true;
	int i, err;

	want = *before;
	err = conf_put(&want);
	for (i = 0; err && i < ATTEMPTS; i++)
		err = conf_put(&want);
	if (err) {
		all = false;
		memset(want.sysctl, 0, sizeof(want.sysctl));
		err = conf_put(&want);
	}
	if (err)
		syslog(LOG_ERR, "a change was not confirmed and could not be put back: see "
		       "cookiebox showconf");
	else
		syslog(LOG_WARNING, "a change was not confirmed and has been put back%s", all ? "" :
		       ", but for sysctls");
}

/* No terminal, no descriptor of the parent's but what it is given. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (chdir("/"))
		return;
	openlog("cookiebox", LOG_PID, LOG_DAEMON);
}

static void guard(const struct conf *before, int told, int listener, unsigned int seconds)
{
	char word = 0;
	ssize_t n;

	detach();
	do
		n = read(told, &word, 1);
	while (n < 0 && errno == EINTR);
	if (word == 'n' || (word == 'y' && wait_for_confirm(listener, seconds)))
		_exit(0);
	close(listener);	/* who confirms from now on is told that it is too late */
	put_back(before);
	_exit(0);
}

static int listen_here(int *fd)
{
	*fd = open_socket();
	if (*fd >= 0 && !bind(*fd, (const struct sockaddr *)&name, NAME_LEN) && !listen(*fd, 4))
		return 0;
	if (*fd >= 0)
		close(*fd);
	if (errno == EADDRINUSE)
		return fail(EXIT_REFUSED, "another change waits to be confirmed: cookiebox "
			    "confirm, or wait until it is put back");
	return fail(EXIT_REFUSED, "no guard can be set up: %m");
}

static int start_guard(const struct plan *p, struct genl *g, unsigned int seconds, int *tell)
{
	int listener, ends[2], err;
	pid_t pid;

	err = listen_here(&listener);
	if (err)
		return err;
	if (pipe2(ends, O_CLOEXEC)) {
		close(listener);
		return fail(EXIT_REFUSED, "no guard can be set up: %m");
	}
	pid = fork();
	if (!pid) {
		close(ends[1]);
		mnl_socket_close(g->nl);	/* the transaction is the parent's alone */
		guard(p->have, ends[0], listener, seconds);
	}
	close(ends[0]);
	close(listener);
	*tell = ends[1];
	if (pid > 0)
		return 0;
	close(ends[1]);
	return fail(EXIT_REFUSED, "no guard can be set up: %m");
}

int confirm_apply(const struct plan *p, struct genl *g, unsigned int seconds)
{
	int tell = -1, err = start_guard(p, g, seconds, &tell);

	if (err)
		return err;
	err = plan_apply(p, g);
	if (write(tell, err ? "n" : "y", 1) != 1 && !err)
		err = fail(EXIT_REFUSED, "the guard is gone: the change stays, unconfirmed");
	close(tell);
	if (!err)
		printf("confirm within %u s, or all is put back: cookiebox confirm\n", seconds);
	return err;
}

int confirm_run(int argc, char **argv)
{
	char word = 0;
	bool there;
	int fd;

	if (argc)
		return refuse_word(argv[0]);
	fd = open_socket();
	there = fd >= 0 && !connect(fd, (const struct sockaddr *)&name, NAME_LEN) && is_ours(fd);
	if (there)
		there = read(fd, &word, 1) == 1 && word == 'k';
	if (fd >= 0)
		close(fd);
	if (there)
		return 0;
	return fail(EXIT_REFUSED, "nothing waits to be confirmed here: no change was made with "
		    "setconf --confirm, or it has been put back");
}
