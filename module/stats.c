// SPDX-License-Identifier: GPL-2.0
/*
 * Counters per service, reason and CPU.
 *
 * Owns the meaning of struct cb_counters and the table of reasons.  Invariant:
 * a CPU writes only its own counters; a reader adds all CPUs' up and may miss
 * what is being counted meanwhile, but on 64-bit machines never reads half a
 * number, and on any never loses a count for good.
 *
 * Memory: 16 bytes per reason, and 8 per kind of what is lost, and possible CPU for
 * each service.
 *
 * cb_count() is called from the hooks, in softirq or with BH off.
 */
#include <linux/percpu.h>
#include "mode.h"
#include "stats.h"

const struct cb_reason_info cb_reasons[CB_R_COUNT] = {
#define R(sym, nm, cls, text) \
	[CB_R_##sym] = { .name = #nm, .sentence = text, .class = CB_CLASS_##cls },
	CB_REASONS(R)
#undef R
};

/**
 * cb_count() - count an outcome
 * @svc:	service that decided
 * @reason:	outcome; CB_R_NONE is not counted
 * @observed:	engagement `observe`: it would have been, but was not done
 *
 * Context: any with the service under rcu_read_lock().
 */
void cb_count(const struct cb_service *svc, enum cb_reason reason, bool observed)
{
	if (likely(reason < CB_R_COUNT))
		this_cpu_inc(svc->counters->n[observed][reason]);
}

/**
 * cb_count_less() - count what an answered SYN offered and its connection will not have
 * @ctx:	of the SYN, which is gone
 * @kept:	the embryonic cache has its exact MSS and window scale
 *
 * Context: BH off, rcu_read_lock().  Out of line: few SYNs come here.
 */
noinline void cb_count_less(const struct cb_ctx *ctx, bool kept)
{
	unsigned int less = cb_handshake_less(&ctx->seg, &ctx->policy, ctx->ring);
	unsigned int i;

	if (kept)
		less &= ~(BIT(CB_LESS_MSS) | BIT(CB_LESS_WSCALE));
	for (i = 0; i < CB_LESS_COUNT; i++)
		if (less & BIT(i))
			this_cpu_inc(ctx->svc->counters->less[i]);
}

/**
 * cb_stats_add() - add a service's counters up
 * @svc:	service
 * @sum:	all CPUs' counters are added to it
 *
 * Context: any; the caller holds a reference or rcu_read_lock().
 */
void cb_stats_add(const struct cb_service *svc, struct cb_counters *sum)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct cb_counters *c = per_cpu_ptr(svc->counters, cpu);
		unsigned int i;

		for (i = 0; i < CB_R_COUNT; i++) {
			sum->n[0][i] += READ_ONCE(c->n[0][i]);
			sum->n[1][i] += READ_ONCE(c->n[1][i]);
		}
		for (i = 0; i < CB_LESS_COUNT; i++)
			sum->less[i] += READ_ONCE(c->less[i]);
	}
}
