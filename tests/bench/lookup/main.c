// SPDX-License-Identifier: GPL-2.0
/*
 * cblookup: fills a flow cache of its own and looks entries up, in no order.
 *
 *	insmod cblookup.ko family=4 entries=1000000
 *	cat /sys/module/cblookup/parameters/hundredths
 *
 * The result is the mean of a look-up, in hundredths of a cycle of the time stamp
 * counter: of an instruction, where QEMU counts these (tests/bench/run).
 */
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/timex.h>
#include <linux/workqueue.h>
#include "flow.h"
#include "splice.h"

#define BATCH	64u
#define BATCHES	1024u

static unsigned int family = 4;
module_param(family, uint, 0444);
MODULE_PARM_DESC(family, "4 or 6");

static unsigned int entries = 1000;
module_param(entries, uint, 0444);
MODULE_PARM_DESC(entries, "in the cache");

static unsigned long hundredths;
module_param(hundredths, ulong, 0444);
MODULE_PARM_DESC(hundredths, "of a cycle, for one look-up: the result");

static struct cb_tuple batch[BATCH];

/* flow.c asks for it; nothing is pinned here. */
void cb_splice_free(struct cb_flow *flow)
{
}

static struct cb_tuple tuple_of(u32 n)
{
	struct cb_tuple t = {
		.family = family == 6 ? AF_INET6 : AF_INET,
		.sport = cpu_to_be16(1024 + n % 60000),
		.dport = cpu_to_be16(443),
	};
	unsigned int last = family == 6 ? 3 : 0;

	t.saddr.a[last] = cpu_to_be32(0x10000000 + n);
	t.daddr.a[last] = cpu_to_be32(0x0a630002);
	return t;
}

static int fill(struct cb_flows *flows)
{
	struct cb_flow_facts facts = { .mss = 1440 };
	bool done = true;
	u32 i;

	for (i = 0; i < entries && done; i++) {
		struct cb_tuple t = tuple_of(i);

		rcu_read_lock();
		done = cb_flow_add(flows, entries, &t, &facts);
		rcu_read_unlock();
		cond_resched();
	}
	flush_work(&flows->table.run_work);	/* the table has its size */
	return done ? 0 : -ENOMEM;
}

/* Nothing else on this CPU between the two readings.  Returns cycles. */
static u64 look_up(struct cb_flows *flows, unsigned int *found)
{
	unsigned long flags;
	unsigned int i;
	u64 cycles;

	local_irq_save(flags);
	rcu_read_lock();
	cycles = get_cycles();
	for (i = 0; i < BATCH; i++)
		*found += !!cb_flow_find(flows, &batch[i]);
	cycles = get_cycles() - cycles;
	rcu_read_unlock();
	local_irq_restore(flags);
	return cycles;
}

static int measure(struct cb_flows *flows)
{
	unsigned int i, j, found = 0;
	u64 cycles = 0;
	u32 x = 1;

	for (i = 0; i < BATCHES; i++) {
		for (j = 0; j < BATCH; j++) {
			x = x * 1664525 + 1013904223;	/* Numerical Recipes */
			batch[j] = tuple_of((u64)x * entries >> 32);
		}
		cycles += look_up(flows, &found);
		cond_resched();
	}
	hundredths = div_u64(cycles * 100, BATCH * BATCHES);
	return found == BATCH * BATCHES && hundredths ? 0 : -EIO;
}

static int __init lookup_init(void)
{
	struct cb_flows *flows;
	int err;

	if ((family != 4 && family != 6) || !entries)
		return -EINVAL;
	err = cb_flow_register();
	if (err)
		return err;
	flows = cb_flows_alloc();
	err = flows ? fill(flows) : -ENOMEM;
	if (!err)
		err = measure(flows);
	cb_flows_free(flows);
	cb_flow_unregister();
	return err;
}

static void __exit lookup_exit(void)
{
}

module_init(lookup_init);
module_exit(lookup_exit);

MODULE_DESCRIPTION("what a look-up in cookiebox' flow cache costs");
MODULE_LICENSE("GPL");
