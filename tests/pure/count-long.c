// SPDX-License-Identifier: GPL-2.0
/*
 * How many of all 2^32 ACK numbers of one tuple open at one moment?  Calls the
 * decision of handshake.c on every one, in two processes; minutes of work.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "fixture.h"
#include "tap.h"

#define PROCESSES	2
#define STEP		(1ull << 26)

struct trial {
	const char *name;
	bool timestamps, cluster;
	u32 limit;
};

static const struct trial trials[] = {
	{ "no timestamps", false, false, 2 * CB_ROWS_SINGLE },
	{ "no timestamps, cluster", false, true, 3 * CB_ROWS_CLUSTER },
	{ "timestamps, one TSecr", true, false, 2 * CB_TS_VALUES },
};

static u64 count(const struct trial *t, u64 from, u64 to, bool progress)
{
	struct cb_policy pol = fix_policy();
	struct cb_segment seg;
	struct cb_opened opened;
	struct cb_ring ring;
	u64 isn, n = 0;

	fix_ring(&ring, FIX_EPOCH, t->cluster);
	memset(&seg, 0, sizeof(seg));
	seg.tuple = fix_tuple4();
	seg.seq = FIX_CISN + 1;
	seg.flags = CB_TCP_ACK;
	if (t->timestamps) {
		seg.opt.has = CB_OPT_TS;
		seg.opt.tsecr = (u32)fix_now() - 40 + cb_flow_offset(&ring.pair[0], &seg.tuple);
	}
	for (isn = from; isn < to; isn++) {
		seg.ack = (u32)isn + 1;
		n += cb_handshake_ack(&seg, &pol, &ring, fix_now(), &opened).action ==
		     CB_REDEEM;
		if (progress && isn % STEP == STEP - 1)
			fprintf(stderr, "%s: %llu %%\n", t->name,
				(unsigned long long)(100 * (isn + 1 - from) / (to - from)));
	}
	return n;
}

/* The share of one process, sent back through a pipe. */
static void child(const struct trial *t, unsigned int i, int fd)
{
	u64 share = (1ull << 32) / PROCESSES;
	u64 n = count(t, i * share, (i + 1) * share, i == 0);

	_exit(write(fd, &n, sizeof(n)) != sizeof(n));
}

static bool run(const struct trial *t, u64 *sum)
{
	int fd[2], status, i;
	u64 n;

	*sum = 0;
	if (pipe(fd))
		return false;
	for (i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return false;
		if (!pid)
			child(t, i, fd[1]);
	}
	for (i = 0; i < PROCESSES; i++) {
		if (wait(&status) < 0 || status || read(fd[0], &n, sizeof(n)) != sizeof(n))
			return false;
		*sum += n;
	}
	close(fd[0]);
	close(fd[1]);
	return true;
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(trials); i++) {
		u64 sum;
		bool ran = run(&trials[i], &sum);

		tap(ran && sum && sum <= trials[i].limit,
		    "%s: %llu of 2^32 ACK numbers open, at most %u", trials[i].name,
		    (unsigned long long)sum, trials[i].limit);
	}
	return tap_done();
}
