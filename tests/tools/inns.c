// SPDX-License-Identifier: GPL-2.0
/*
 * inns NAMESPACE COMMAND...: as `ip netns exec`, without its mounts of /sys and /etc.
 *
 * Static and small, because tests call it some thousand times in an emulated machine. /proc/sys/net
 * is that of the namespace, /sys/class/net is not.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: inns NAMESPACE COMMAND...\n");
		return 2;
	}
	snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		perror(path);
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
