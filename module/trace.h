/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints cookiebox:cb_syn (a SYN was answered, or could not be, or its
 * SYN-ACK was sent again), cb_ack (what became of an ACK that looked like a cookie)
 * and cb_verdict (every other outcome of a hook; not what mode splice counts later).
 * `reason` is one of reason.h; `cookiebox stats --explain` says what each means.
 * %pISpc takes a sockaddr; IPv4 addresses are shown by their first four bytes.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cookiebox

#if !defined(CB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CB_TRACE_H

#include <linux/tracepoint.h>
#include "segment.h"

/* Programs that read the trace in binary are told what the numbers mean. */
#define CB_TRACE_ENUM(symbol, name, class, sentence) TRACE_DEFINE_ENUM(CB_R_##symbol);
CB_REASONS(CB_TRACE_ENUM)
TRACE_DEFINE_ENUM(CB_R_NONE);

#define CB_TRACE_REASON(symbol, name, class, sentence) { CB_R_##symbol, #name },

#define CB_TRACE_FIELDS					\
	__field(u8, family)				\
	__array(u8, saddr, 16)				\
	__array(u8, daddr, 16)				\
	__field(u16, sport)				\
	__field(u16, dport)				\
	__field(u32, service)				\
	__field(u8, reason)				\
	__field(u8, observed)

#define CB_TRACE_ASSIGN						\
	do {							\
		const struct cb_tuple *t = &seg->tuple;		\
								\
		__entry->family = t->family;			\
		memcpy(__entry->saddr, &t->saddr, 16);		\
		memcpy(__entry->daddr, &t->daddr, 16);		\
		__entry->sport = be16_to_cpu(t->sport);		\
		__entry->dport = be16_to_cpu(t->dport);		\
		__entry->service = service;			\
		__entry->reason = reason;			\
		__entry->observed = observed;			\
	} while (0)

/* They know no function of the module either. */
#define CB_TRACE_ADDR(addr)					\
	__print_hex_str(__entry->addr, (__entry->family == 10 ? 16 : 4))

#define CB_TRACE_HOSTS						\
	CB_TRACE_ADDR(saddr), __entry->sport, CB_TRACE_ADDR(daddr), __entry->dport

#define CB_TRACE_WHY							\
	__print_symbolic(__entry->reason, CB_REASONS(CB_TRACE_REASON) { CB_R_NONE, "none" }), \
	(__entry->observed ? " observed" : "")

TRACE_EVENT(cb_verdict,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, bool observed),
	TP_ARGS(seg, service, reason, observed),
	TP_STRUCT__entry(CB_TRACE_FIELDS),
	TP_fast_assign(CB_TRACE_ASSIGN;),
	TP_printk("src=%s sport=%u dst=%s dport=%u service=%u reason=%s%s",
		  CB_TRACE_HOSTS, __entry->service, CB_TRACE_WHY)
);

DECLARE_EVENT_CLASS(cb_handshake,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, bool observed, u32 isn),
	TP_ARGS(seg, service, reason, observed, isn),
	TP_STRUCT__entry(
		CB_TRACE_FIELDS
		__field(u32, isn)
	),
	TP_fast_assign(
		CB_TRACE_ASSIGN;
		__entry->isn = isn;
	),
	TP_printk("src=%s sport=%u dst=%s dport=%u service=%u reason=%s%s isn=%u",
		  CB_TRACE_HOSTS, __entry->service, CB_TRACE_WHY, __entry->isn)
);

DEFINE_EVENT(cb_handshake, cb_syn,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, bool observed, u32 isn),
	TP_ARGS(seg, service, reason, observed, isn));

DEFINE_EVENT(cb_handshake, cb_ack,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, bool observed, u32 isn),
	TP_ARGS(seg, service, reason, observed, isn));

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
