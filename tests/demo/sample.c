// SPDX-License-Identifier: GPL-2.0
/*
 * sample - what the kernel holds while it is flooded: reads it again and again, keeps the peak.
 *
 * Owns: nothing but its counters. Reads /proc/slabinfo and, in its own network namespace, the
 * number of conntrack entries, every PERIOD milliseconds until SIGTERM; then prints for each
 * the first value and the peak, and how many SYN-ACKs were retransmitted.
 * Invariant: a slab's bytes are those of allocated objects. What SLUB keeps back for the next
 * allocation would be counted as allocated, so it is flushed before each reading.
 * Called by tests/demo/guest.sh inside the server's namespace. Needs the kernel to have been
 * booted with slab_nomerge, else request socks share a slab with strangers.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT_FILE	"/proc/sys/net/netfilter/nf_conntrack_count"

struct peak {
	const char *slab;	/* NULL: the number of conntrack entries */
	const char *name;
	long first;		/* before the flood; negative: not read yet */
	long value;
};

static struct peak peaks[] = {
	{ "request_sock_TCP", "request_sock_bytes", -1, 0 },
	{ "nf_conntrack", "conntrack_bytes", -1, 0 },
	{ NULL, "conntrack_entries", -1, 0 },
};

#define PEAKS	(sizeof(peaks) / sizeof(peaks[0]))

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void flush_slab(const char *slab)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", slab);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		perror(path);
	close(fd);
}

static void raise_peak(struct peak *peak, long value)
{
	if (peak->first < 0)
		peak->first = value;
	if (value > peak->value)
		peak->value = value;
}

static void read_slabs(void)
{
	char line[512], name[64];
	long active, total, size;
	FILE *file;
	size_t i;

	file = fopen("/proc/slabinfo", "r");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld %ld %ld", name, &active, &total, &size) != 4)
			continue;
		for (i = 0; i < PEAKS; i++)
			if (peaks[i].slab && !strcmp(peaks[i].slab, name))
				raise_peak(&peaks[i], active * size);
	}
	fclose(file);
}

static void read_count(struct peak *peak)
{
	FILE *file;
	long value;

	file = fopen(COUNT_FILE, "r");
	if (!file)
		return;
	if (fscanf(file, "%ld", &value) == 1)
		raise_peak(peak, value);
	fclose(file);
}

static void read_all(void)
{
	size_t i;

	for (i = 0; i < PEAKS; i++) {
		if (peaks[i].slab)
			flush_slab(peaks[i].slab);
		else
			read_count(&peaks[i]);
	}
	read_slabs();
}

/* SYN-ACKs that this namespace's sockets have sent again. */
static long read_retransmits(void)
{
	char names[8192], values[8192], *name, *value, *left, *right;
	long count = 0;
	FILE *file;

	file = fopen("/proc/self/net/netstat", "r");
	if (!file)
		return 0;
	if (!fgets(names, sizeof(names), file) || !fgets(values, sizeof(values), file))
		names[0] = values[0] = 0;
	fclose(file);
	name = strtok_r(names, " \n", &left);
	value = strtok_r(values, " \n", &right);
	for (; name && value; name = strtok_r(NULL, " \n", &left),
	     value = strtok_r(NULL, " \n", &right))
		if (!strcmp(name, "TCPSynRetrans"))
			count = atol(value);
	return count;
}

int main(int argc, char **argv)
{
	struct timespec period = { 0 };
	long resent = read_retransmits();
	size_t i;

	if (argc != 2 || atoi(argv[1]) < 1 || atoi(argv[1]) > 60000) {
		fprintf(stderr, "usage: sample PERIOD_MS\n");
		return 2;
	}
	period.tv_sec = atoi(argv[1]) / 1000;
	period.tv_nsec = atoi(argv[1]) % 1000 * 1000000L;
	signal(SIGTERM, stop);
	while (!stopped) {
		read_all();
		nanosleep(&period, NULL);
	}
	read_all();
	printf("{\"retransmitted\": %ld", read_retransmits() - resent);
	for (i = 0; i < PEAKS; i++)
		printf(", \"%s\": [%ld, %ld]", peaks[i].name,
		       peaks[i].first < 0 ? 0 : peaks[i].first, peaks[i].value);
	printf("}\n");
	return 0;
}
