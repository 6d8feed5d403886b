// SPDX-License-Identifier: GPL-2.0
/*
 * The second opening of a cookie, made cheap.
 *
 * An ACK is opened at PRE_ROUTING, so that bad ones die there, and again at LOCAL_IN,
 * since nothing travels with it from one to the other.  Nothing does now, either: a memo
 * is the result of a pure function beside all of its arguments, and LOCAL_IN compares
 * every one of them with what it reads in the segment that it has.  A segment that
 * another CPU opened, or NFQUEUE held back, or somebody changed on the way, finds nothing
 * that fits and is opened in full, to the same result.
 *
 * The ring is told by its number, which no other ring ever had, in whatever namespace.
 * The time is told by the tick: within one, PRE_ROUTING's reading counts, as do the
 * sysctls that it read, which say what a SYN-ACK announced.
 *
 * Owns no state.  Any context.
 */
#include "memo.h"

void cb_memo_keep(struct cb_memo *m, const struct cb_segment *seg, const struct cb_opened *opened)
{
	m->tuple = seg->tuple;
	m->seq = seg->seq;
	m->ack = seg->ack;
	m->tsval = seg->opt.tsval;
	m->tsecr = seg->opt.tsecr;
	m->timestamps = seg->opt.has & CB_OPT_TS;
	m->opened = *opened;
}

bool cb_memo_fits(const struct cb_memo *m, const struct cb_segment *seg, u64 ring,
		  unsigned long tick)
{
	return m->ring && m->ring == ring && m->tick == tick && m->seq == seg->seq &&
	       m->ack == seg->ack && cb_tuple_equal(&m->tuple, &seg->tuple);
}

bool cb_memo_fits_options(const struct cb_memo *m, const struct cb_options *opt)
{
	return m->timestamps == !!(opt->has & CB_OPT_TS) && m->tsval == opt->tsval &&
	       m->tsecr == opt->tsecr;
}
