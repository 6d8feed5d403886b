// SPDX-License-Identifier: GPL-2.0
/*
 * sample - what the kernel holds while it is flooded: reads it again and again, keeps the peak.
 *
 * Owns: nothing but its counters. Reads slabs' sizes and, in its own network namespace, the
 * numbers of conntrack entries (of NAMESPACE, if one is given: that of a gateway), TCP sockets and
 * half-open connections (IPv4), every PERIOD milliseconds until SIGTERM; then prints for each the
 * first value and the peak, and how many SYN-ACKs were retransmitted and connections accepted.
 * Invariant: a slab's bytes are those of allocated objects. What SLUB keeps back for the next
 * allocation would be counted as allocated, so it is flushed right before each reading: who
 * allocates in between is charged for a whole page.
 * Called by the guest's scripts inside the server's namespace. Needs the kernel to have been
 * booted with slab_nomerge, else request socks share a slab with strangers.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct peak {
	const char *name;
	const char *slab;	/* the bytes of its objects, or */
	long (*read)(void);	/* a number; negative: there is none */
	bool known;
	long first;		/* before the flood */
	long value;
};

/* The number in the first line that the format fits. */
static long number_in(const char *path, const char *format)
{
	char line[512];
	long value = -1;
	FILE *file;

	file = fopen(path, "r");
	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	if (file)
		fclose(file);
	return value;
}

static int here, there = -1;	/* namespaces: of the server, and where connections are tracked */

static long conntrack_entries(void)
{
	long count;

	if (there >= 0 && setns(there, CLONE_NEWNET))
		return -1;
	count = number_in("/proc/sys/net/netfilter/nf_conntrack_count", "%ld");
	if (there >= 0 && setns(here, CLONE_NEWNET))
		abort();
	return count;
}

static bool know_namespace(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	here = open("/proc/self/ns/net", O_RDONLY);
	there = open(path, O_RDONLY);
	return here >= 0 && there >= 0;
}

static long sockets(void)
{
	return number_in("/proc/self/net/sockstat", "TCP: inuse %ld");
}

static long half_open(void)
{
	unsigned int state;
	char line[512];
	long count = 0;
	FILE *file;

	file = fopen("/proc/self/net/tcp", "r");
	while (file && fgets(line, sizeof(line), file))
		count += sscanf(line, "%*d: %*s %*s %x", &state) == 1 && state == TCP_SYN_RECV;
	if (file)
		fclose(file);
	return count;
}

static struct peak peaks[] = {
	{ .name = "request_sock_bytes", .slab = "request_sock_TCP" },
	{ .name = "conntrack_bytes", .slab = "nf_conntrack" },
	{ .name = "conntrack_entries", .read = conntrack_entries },
	{ .name = "sockets", .read = sockets },
	{ .name = "half_open", .read = half_open },
};

#define PEAKS	(sizeof(peaks) / sizeof(peaks[0]))

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Of allocated objects; negative: there is no such slab. */
static long slab_bytes(const char *slab)
{
	long size, objects;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/slab_size", slab);
	size = number_in(path, "%ld");
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", slab);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	if (write(fd, "1", 1) < 0)
		perror(path);
	close(fd);
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/objects", slab);
	objects = number_in(path, "%ld");
	return size < 0 || objects < 0 ? -1 : size * objects;
}

static void raise_peak(struct peak *peak, long value)
{
	if (!peak->known)
		peak->first = value;
	peak->known = true;
	if (value > peak->value)
		peak->value = value;
}

static void read_all(void)
{
	long value;
	size_t i;

	for (i = 0; i < PEAKS; i++) {
		value = peaks[i].slab ? slab_bytes(peaks[i].slab) : peaks[i].read();
		if (value >= 0)
			raise_peak(&peaks[i], value);
	}
}

/* A counter of this namespace: its name is in one line of the file, its value in the next. */
static long read_counter(const char *path, const char *wanted)
{
	char names[8192], values[8192], *name, *value, *left, *right;
	long count = 0;
	FILE *file;

	file = fopen(path, "r");
	while (file && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		name = strtok_r(names, " \n", &left);
		value = strtok_r(values, " \n", &right);
		for (; name && value; name = strtok_r(NULL, " \n", &left),
		     value = strtok_r(NULL, " \n", &right))
			if (!strcmp(name, wanted))
				count = atol(value);
	}
	if (file)
		fclose(file);
	return count;
}

/* SYN-ACKs that this namespace's sockets have sent again, and connections that it accepted. */
static void read_counters(long counters[2])
{
	counters[0] = read_counter("/proc/self/net/netstat", "TCPSynRetrans");
	counters[1] = read_counter("/proc/self/net/snmp", "PassiveOpens");
}

int main(int argc, char **argv)
{
	struct timespec period = { 0 };
	long before[2], after[2];
	size_t i;

	if (argc < 2 || argc > 3 || atoi(argv[1]) < 1 || atoi(argv[1]) > 60000 ||
	    (argc == 3 && !know_namespace(argv[2]))) {
		fprintf(stderr, "usage: sample PERIOD_MS [NAMESPACE]\n");
		return 2;
	}
	period.tv_sec = atoi(argv[1]) / 1000;
	period.tv_nsec = atoi(argv[1]) % 1000 * 1000000L;
	signal(SIGTERM, stop);
	read_counters(before);
	while (!stopped) {
		read_all();
		nanosleep(&period, NULL);
	}
	read_all();
	read_counters(after);
	printf("{\"retransmitted\": %ld, \"passive_opens\": %ld", after[0] - before[0],
	       after[1] - before[1]);
	for (i = 0; i < PEAKS; i++)
		printf(", \"%s\": [%ld, %ld]", peaks[i].name, peaks[i].first, peaks[i].value);
	printf("}\n");
	return 0;
}
