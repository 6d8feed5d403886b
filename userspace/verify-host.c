// SPDX-License-Identifier: GPL-2.0
/*
 * verify: sysctls of TCP, connection tracking, clocks.
 */
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

#include "verify.h"

#define IPV4	"/proc/sys/net/ipv4/"
#define TRACKED	"/proc/sys/net/netfilter/nf_conntrack_"
#define CLOCK	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

static void check_syncookies(struct verify *v)
{
	long long value;

	if (!verify_read_number(IPV4 "tcp_syncookies", &value))
		verify_add(v, "sysctl", LEVEL_NOTE, "net.ipv4.tcp_syncookies cannot be read");
	else if (!value)
		verify_add(v, "sysctl", LEVEL_PROBLEM, "net.ipv4.tcp_syncookies is 0: the kernel "
			   "would reset the ACK of a cookie, so all is left to the stack: set it "
			   "to 1");
	else if (value == 2 && verify_any(v, "engage", "auto"))
		verify_add(v, "sysctl", LEVEL_PROBLEM, "net.ipv4.tcp_syncookies is 2: the stack "
			   "seals every SYN itself, so services with engage auto stay calm: set "
			   "it to 1");
	else
		verify_add(v, "sysctl", LEVEL_OK, "net.ipv4.tcp_syncookies is %lld", value);
}

/* Options that the host does not offer are lost to its clients. */
static void check_option(struct verify *v, const char *name, const char *loss)
{
	long long value;
	char path[96];

	snprintf(path, sizeof(path), IPV4 "%s", name);
	if (!verify_read_number(path, &value))
		return;
	if (value)
		verify_add(v, "sysctl", LEVEL_OK, "net.ipv4.%s is %lld", name, value);
	else
		verify_add(v, "sysctl", LEVEL_NOTE, "net.ipv4.%s is 0: %s", name, loss);
}

static void check_conntrack(struct verify *v)
{
	long long count, max;

	if (!verify_read_number(TRACKED "count", &count) ||
	    !verify_read_number(TRACKED "max", &max)) {
		verify_add(v, "conntrack", LEVEL_OK, "connection tracking is not loaded");
		return;
	}
	if (max && count >= max / 10 * 9)
		verify_add(v, "conntrack", LEVEL_PROBLEM, "connection tracking holds %lld of %lld "
			   "entries, and drops new connections when it is full: raise "
			   "net.netfilter.nf_conntrack_max", count, max);
	else
		verify_add(v, "conntrack", LEVEL_OK, "connection tracking holds %lld of %lld "
			   "entries; it sees a connection when its cookie has opened", count, max);
}

static void check_wall(struct verify *v)
{
	const char *clock = json_string_value(json_object_get(v->status, "clock"));
	struct timex t = { .modes = 0 };

	if (!clock || strcmp(clock, "wall"))
		return;
	if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC))
		verify_add(v, "clock", LEVEL_PROBLEM, "the wall clock is not synchronised, and "
			   "numbers the epochs of boxes that share a master: run a time service");
	else
		verify_add(v, "clock", LEVEL_OK, "the wall clock, which numbers epochs, is "
			   "synchronised");
}

static void check_source(struct verify *v)
{
	FILE *f = fopen(CLOCK, "re");
	char name[32] = "";

	if (!f)
		return;
	if (fscanf(f, "%31s", name) != 1)
		name[0] = '\0';
	fclose(f);
	if (!strcmp(name, "hpet") || !strcmp(name, "acpi_pm") || !strcmp(name, "jiffies"))
		verify_add(v, "clock", LEVEL_NOTE, "the clock source is %s, which is slow or "
			   "coarse, and is read for every SYN: find out why it is not the "
			   "processor's", name);
	else
		verify_add(v, "clock", LEVEL_OK, "the clock source is %s", name);
}

void verify_host(struct verify *v)
{
	check_syncookies(v);
	check_option(v, "tcp_timestamps", "cookies are the short ones (2^-25 instead of 2^-36 for "
		     "a blind ACK), and round MSS and window scale more");
	check_option(v, "tcp_window_scaling", "no connection has a window of more than 64 KiB");
	check_option(v, "tcp_sack", "each loss costs a round trip");
	check_conntrack(v);
	check_wall(v);
	check_source(v);
}
