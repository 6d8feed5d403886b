/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints cookiebox:cb_syn (a SYN was answered, or could not be, or its
 * SYN-ACK was sent again), cb_ack (what LOCAL_IN made of an opened cookie) and
 * cb_verdict (every other counted outcome).
 * `reason` is one of reason.h; `cookiebox stats --explain` says what each means.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cookiebox

#if !defined(CB_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CB_TRACE_H

#include <linux/tracepoint.h>
#include "segment.h"

#ifndef CB_TRACE_ONCE
#define CB_TRACE_ONCE
/* %pISpc takes a sockaddr; IPv4 addresses are shown by their first four bytes. */
static inline int cb_trace_addr_len(u8 family)
{
	return family == 10 ? 16 : 4;
}
#endif

/* Programs that read the trace in binary are told what the numbers mean. */
#define CB_TRACE_ENUM(symbol, name, class, sentence) TRACE_DEFINE_ENUM(CB_R_##symbol);
CB_REASONS(CB_TRACE_ENUM)

#define CB_TRACE_REASON(symbol, name, class, sentence) , { CB_R_##symbol, #name }

#define CB_TRACE_FIELDS					\
	__field(u8, family)				\
	__array(u8, saddr, 16)				\
	__array(u8, daddr, 16)				\
	__field(u16, sport)				\
	__field(u16, dport)				\
	__field(u32, service)				\
	__field(u8, reason)

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
	} while (0)

#define CB_TRACE_HOSTS						\
	__print_hex_str(__entry->saddr, cb_trace_addr_len(__entry->family)), __entry->sport, \
	__print_hex_str(__entry->daddr, cb_trace_addr_len(__entry->family)), __entry->dport

#define CB_TRACE_WHY							\
	__print_symbolic(__entry->reason, { 255, "none" } CB_REASONS(CB_TRACE_REASON))

TRACE_EVENT(cb_verdict,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason),
	TP_ARGS(seg, service, reason),
	TP_STRUCT__entry(CB_TRACE_FIELDS),
	TP_fast_assign(CB_TRACE_ASSIGN;),
	TP_printk("src=%s sport=%u dst=%s dport=%u service=%u reason=%s",
		  CB_TRACE_HOSTS, __entry->service, CB_TRACE_WHY)
);

DECLARE_EVENT_CLASS(cb_handshake,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, u32 isn),
	TP_ARGS(seg, service, reason, isn),
	TP_STRUCT__entry(
		CB_TRACE_FIELDS
		__field(u32, isn)
	),
	TP_fast_assign(
		CB_TRACE_ASSIGN;
		__entry->isn = isn;
	),
	TP_printk("src=%s sport=%u dst=%s dport=%u service=%u reason=%s isn=%u",
		  CB_TRACE_HOSTS, __entry->service, CB_TRACE_WHY, __entry->isn)
);

DEFINE_EVENT(cb_handshake, cb_syn,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, u32 isn),
	TP_ARGS(seg, service, reason, isn));

DEFINE_EVENT(cb_handshake, cb_ack,
	TP_PROTO(const struct cb_segment *seg, u32 service, u8 reason, u32 isn),
	TP_ARGS(seg, service, reason, isn));

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
