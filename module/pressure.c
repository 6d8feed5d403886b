// SPDX-License-Identifier: GPL-2.0
/*
 * When to engage, and when to release.  Owns no state; any context.
 *
 * Invariant: no sum overflows, whatever is counted: what comes from outside is
 * bounded first.
 */
#include <linux/minmax.h>
#include "pressure.h"

#define MSEC			1000u
#define LONGEST_STEP_S		120u		/* TCP_RTO_MAX */
#define RETRIES_MAX		255u		/* of the sysctl */
#define CAPACITY_MAX		(1u << 30)
#define UNFINISHED_MAX		(1LL << 31)
#define HOLD_MAX_S		3600u

bool cb_pressure_high(u32 queue, u32 stale, u32 backlog, u32 percent)
{
	u64 fresh, room;

	if (!backlog)
		return false;
	stale = min(stale, queue);
	if (queue >= backlog)
		return true;
	fresh = queue - stale;
	room = backlog - stale;
	return fresh * 100 >= room * percent;
}

u32 cb_pressure_life_ms(unsigned int retries)
{
	u32 step = 1, life = 0;
	unsigned int i;

	for (i = 0; i <= min(retries, RETRIES_MAX); i++) {
		life += step;
		step = min(2 * step, LONGEST_STEP_S);
	}
	return life * MSEC;
}

/* Runs out of the bucket in this time. */
static s64 drained(const struct cb_pressure_bounds *b, u32 ms)
{
	return (s64)min(b->capacity, CAPACITY_MAX) * b->release * ms;
}

static u32 hold_ms(const struct cb_pressure_bounds *b)
{
	return min(b->hold_s, HOLD_MAX_S) * MSEC;
}

void cb_pressure_begin(struct cb_pressure *p, const struct cb_pressure_bounds *b)
{
	p->level = drained(b, hold_ms(b));
	p->spilt = 0;
	p->age_ms = 0;
}

bool cb_pressure_step(struct cb_pressure *p, const struct cb_pressure_bounds *b,
		      s64 unfinished, u32 elapsed_ms)
{
	s64 full = drained(b, hold_ms(b)), added;

	elapsed_ms = min(elapsed_ms, HOLD_MAX_S * MSEC);
	added = clamp(unfinished, -UNFINISHED_MAX, UNFINISHED_MAX) * b->life_ms * 100;
	if (added < 0)
		added = min(added + p->spilt, 0LL);
	p->age_ms += elapsed_ms;
	p->level += added - drained(b, elapsed_ms);
	p->spilt = max(p->level - full, 0LL);
	p->level = clamp(p->level, 0LL, full);
	return !p->level && p->age_ms >= hold_ms(b);
}
