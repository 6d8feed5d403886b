// SPDX-License-Identifier: GPL-2.0
/*
 * One connection of rawtcp: SYN, SYN-ACK, ACK, GET, page, FIN or RST.
 *
 * Invariant: every timer and every segment of a connection comes through
 * conn_timer() and conn_input(), from the one event loop. What was negotiated
 * is obeyed: timestamps on every segment or on none, ECT only after an ECN
 * SYN-ACK, the window field shifted by what the SYN offered.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "rawtcp.h"

#define RCV_WINDOW	65535u		/* bytes, in every segment after the SYN */

static void fail(struct conn *c, const char *result, uint64_t now)
{
	if (!c->result)
		c->result = result;
	c->done = now;
	c->state = ST_CLOSED;
}

static void fill(const struct conn *c, struct segment *s, uint8_t flags, uint32_t seq)
{
	memset(s, 0, sizeof(*s));
	s->src = c->d.src;
	s->dst = c->d.dst;
	s->sport = c->d.sport;
	s->dport = c->d.dport;
	s->ttl = c->d.ttl;
	s->df = c->d.quirks & Q_DF;
	if (!s->df || c->d.quirks & Q_ID_NONZERO)
		s->ipid = 1 + (random() & 0x7fff);
	s->flow = c->d.quirks & Q_FLOW ? 0x12345 : 0;
	s->seq = seq;
	s->flags = flags;
}

static int build_syn(const struct conn *c, uint8_t *frame)
{
	static const uint8_t zeros[1400];
	struct segment s;

	fill(c, &s, TCP_SYN, c->isn);
	if (c->d.quirks & Q_ECN)
		s.flags |= TCP_ECE | TCP_CWR;
	if (c->d.quirks & Q_PUSH)
		s.flags |= TCP_PSH;
	if (c->d.quirks & Q_URG_FLAG)
		s.flags |= TCP_URG;
	s.urg = c->d.quirks & Q_URG_NONZERO ? 7 : 0;
	s.ack = c->d.quirks & Q_ACK_NONZERO ? 0x01020304 : 0;
	s.win = c->d.win;
	s.opt = c->d.opt;
	s.optlen = c->d.optlen;
	s.data = zeros;
	s.len = c->d.data < sizeof(zeros) ? c->d.data : sizeof(zeros);
	return wire_build(frame, &s);
}

static void send_syn(struct conn *c, uint64_t now)
{
	uint8_t frame[FRAME_MAX];
	int len = build_syn(c, frame);

	c->syn_len = len - 14;
	wire_send(frame, len);
	c->timer = now + c->rto;
}

/* Any segment after the SYN. @seq is counted from snd_una by the caller. */
static int build_ack(const struct conn *c, uint8_t *frame, uint8_t flags, uint32_t seq,
		     const void *data, unsigned int len, uint64_t now)
{
	uint8_t opt[12] = { 1, 1, 8, 10 };
	struct segment s;
	uint32_t ts[2];

	fill(c, &s, flags | TCP_ACK, seq + c->d.seqdelta);
	s.sport += c->d.portdelta;
	s.ack = c->rcv_nxt + c->d.ackdelta;
	s.win = c->in.has & OPT_WS ? RCV_WINDOW >> (c->d.ws > 14 ? 14 : c->d.ws) : RCV_WINDOW;
	s.ecn = c->ecn && len ? 2 : 0;
	if (c->in.has & OPT_TS) {
		ts[0] = htonl(c->ts_base + (uint32_t)(now - c->born));
		ts[1] = htonl(c->ts_recent + c->d.tsdelta);
		memcpy(opt + 4, ts, 8);
		s.opt = opt;
		s.optlen = 12;
	}
	s.data = data;
	s.len = len;
	return wire_build(frame, &s);
}

static void send_ack(struct conn *c, uint8_t flags, uint64_t now)
{
	uint8_t frame[FRAME_MAX];

	wire_send(frame, build_ack(c, frame, flags, c->snd_nxt, NULL, 0, now));
}

static int request_text(char *text, size_t size)
{
	return snprintf(text, size, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", cfg.path);
}

static void send_get(struct conn *c, uint64_t now)
{
	uint8_t frame[FRAME_MAX];
	char text[512];
	int len;

	len = request_text(text, sizeof(text));
	c->snd_nxt = c->isn + 1 + len;
	len = build_ack(c, frame, TCP_PSH, c->isn + 1, text, len, now);
	wire_send(frame, len);
	c->timer = now + c->rto;
}

static void save_ack(struct conn *c, uint64_t now)
{
	uint8_t frame[FRAME_MAX];
	int len = build_ack(c, frame, 0, c->isn + 1, NULL, 0, now);

	fail(c, frame_append(c->d.save, c->d.label, frame, len) ? "save_failed" : "saved", now);
}

/* The SYN, and @ack which completes the handshake, to be sent again some day. */
static int record(const struct conn *c, const uint8_t *ack, int len)
{
	uint8_t syn[FRAME_MAX];

	if (frame_append(c->d.record, c->d.label, syn, build_syn(c, syn)))
		return -1;
	return frame_append(c->d.record, c->d.label, ack, len);
}

static void stands_open(struct conn *c, const char *result, uint64_t now)
{
	c->result = result;
	c->done = now;
	c->state = ST_OPEN;
	c->phase = "open";
	c->timer = UINT64_MAX;
}

/* The ACK carries the first bytes of a request, of which no more will come. */
static void open_only(struct conn *c, uint64_t now)
{
	uint8_t frame[FRAME_MAX];
	char text[512];
	int len;

	len = request_text(text, sizeof(text));
	if (len > c->d.say)
		len = c->d.say;
	c->snd_nxt += len;
	len = build_ack(c, frame, len ? TCP_PSH : 0, c->isn + 1, text, len, now);
	if (c->d.record[0] && record(c, frame, len))
		return fail(c, "save_failed", now);
	wire_send(frame, len);
	stands_open(c, "ok", now);
}

/* The hold is over: complete the handshake, as the description says. */
static void complete(struct conn *c, uint64_t now)
{
	if (c->d.save[0])
		return save_ack(c, now);
	if (c->d.act == ACT_SYN)
		return fail(c, "answered", now);
	c->established = now;
	if (c->d.act == ACT_OPEN)
		return open_only(c, now);
	c->deadline = now + c->d.wait_ms;
	c->rto = cfg.rto_ms;
	c->phase = "page";
	send_ack(c, 0, now);
	if (c->d.act == ACT_ACK) {
		c->state = ST_QUIET;
		c->timer = c->deadline;
		return;
	}
	c->state = ST_PAGE;
	send_get(c, now);
}

static void synack_input(struct conn *c, const struct segment *s, uint64_t now)
{
	if (s->flags & TCP_RST)
		return fail(c, "rst", now);
	if ((s->flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) || s->ack != c->isn + 1)
		return;
	wire_options(&c->in, s->opt, s->optlen);
	c->synacks = 1;
	c->synack_len = s->iplen;
	c->synack_flags = s->flags;
	c->synack_ttl = s->ttl;
	c->synack_df = s->df;
	c->synack_id = s->ipid;
	c->synack_win = s->win;
	c->synack_isn = s->seq;
	c->tsecr_ok = c->in.tsecr == (c->d.quirks & Q_TS1_ZERO ? 0 : c->d.tsval);
	c->ecn = c->d.quirks & Q_ECN && (s->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;
	c->rcv_nxt = s->seq + 1;
	c->snd_nxt = c->snd_una = c->isn + 1;
	c->ts_recent = c->in.tsval;
	c->state = ST_HELD;
	c->phase = "hold";
	c->timer = now + c->d.hold_ms;
	c->deadline = c->timer + c->d.wait_ms;
	if (!c->d.hold_ms)
		complete(c, now);
}

/* Our FIN, or its repetition. */
static void send_fin(struct conn *c, uint64_t now)
{
	uint8_t frame[FRAME_MAX];

	wire_send(frame, build_ack(c, frame, TCP_FIN, c->snd_nxt - 1, NULL, 0, now));
	c->timer = now + c->rto;
}

static void page_done(struct conn *c, uint64_t now)
{
	stands_open(c, c->status == 200 ? "ok" : "bad_status", now);
}

static void body_bytes(struct conn *c, const uint8_t *p, uint32_t len)
{
	c->got += len;
	while (len--)
		c->sum = (c->sum ^ *p++) * 16777619u;
}

/* The response's head is gathered until its empty line. Returns bytes used. */
static uint32_t head_bytes(struct conn *c, const uint8_t *p, uint32_t len)
{
	uint32_t used = 0;
	char *field;

	while (used < len && c->headlen < sizeof(c->head) - 1) {
		c->head[c->headlen++] = p[used++];
		if (c->headlen < 4 || memcmp(c->head + c->headlen - 4, "\r\n\r\n", 4))
			continue;
		c->head[c->headlen] = '\0';
		c->in_body = true;
		c->status = c->headlen > 12 ? atoi(c->head + 9) : 0;
		field = strcasestr(c->head, "\r\nContent-Length:");
		c->want = field ? atol(field + 17) : -1;
		break;
	}
	return used;
}

static void data_input(struct conn *c, const struct segment *s, uint64_t now)
{
	uint32_t used = 0;

	if (s->len > c->max_seg)
		c->max_seg = s->len;
	if (!c->in_body)
		used = head_bytes(c, s->data, s->len);
	body_bytes(c, s->data + used, s->len - used);
	if (c->state == ST_PAGE && c->in_body && c->want >= 0 && c->got >= c->want)
		page_done(c, now);
}

/* FIN in sequence: it ends a page of unknown length, or answers ours. */
static void fin_input(struct conn *c, uint64_t now)
{
	c->rcv_nxt++;
	c->fin_seen = true;
	send_ack(c, 0, now);
	if (c->state == ST_PAGE && c->in_body && c->want < 0)
		page_done(c, now);
	else if (c->state == ST_PAGE || c->state == ST_QUIET)
		fail(c, "fin", now);
}

/* A segment of an established connection. */
static void segment_input(struct conn *c, const struct segment *s, uint64_t now)
{
	struct synopts o;

	if (s->flags & TCP_SYN) {
		c->synacks++;
		return send_ack(c, 0, now);
	}
	wire_options(&o, s->opt, s->optlen);
	if (s->flags & TCP_RST)
		return fail(c, "rst", now);
	if (c->in.has & OPT_TS && !(o.has & OPT_TS))
		c->later_no_ts = true;
	c->answers++;
	if ((int32_t)(s->ack - c->snd_una) > 0)
		c->snd_una = s->ack;
	if (s->seq != c->rcv_nxt) {
		if (s->len)
			send_ack(c, 0, now);
		return;
	}
	if (o.has & OPT_TS)
		c->ts_recent = o.tsval;
	c->rcv_nxt += s->len;
	if (s->len) {
		data_input(c, s, now);
		if (c->state != ST_CLOSED && !(s->flags & TCP_FIN))
			send_ack(c, 0, now);
	}
	if (s->flags & TCP_FIN)
		fin_input(c, now);
	if (c->state == ST_FIN && c->fin_seen && c->snd_una == c->snd_nxt)
		c->state = ST_CLOSED;
}

void conn_input(struct conn *c, const struct segment *s, uint64_t now)
{
	if (s->bad_csum)
		c->bad_csum = true;
	switch (c->state) {
	case ST_SYN:
		return synack_input(c, s, now);
	case ST_HELD:
		if (s->flags & TCP_SYN)
			c->synacks++;
		else if (s->flags & TCP_RST)
			fail(c, "rst", now);
		return;
	case ST_PAGE:
	case ST_QUIET:
	case ST_OPEN:
	case ST_FIN:
		return segment_input(c, s, now);
	default:
		return;
	}
}

static void timed_out(struct conn *c, uint64_t now)
{
	if (c->state == ST_QUIET)
		return fail(c, c->answers ? "answered" : "quiet", now);
	fail(c, c->state == ST_FIN ? "fin_timeout" : "timeout", now);
}

void conn_timer(struct conn *c, uint64_t now)
{
	if (c->state == ST_IDLE || c->state == ST_OPEN || c->state == ST_CLOSED || now < c->timer)
		return;
	if (c->state == ST_HELD)
		return complete(c, now);
	if (now >= c->deadline)
		return timed_out(c, now);
	c->rto *= 2;
	c->rtx++;
	if (c->state == ST_SYN)
		send_syn(c, now);
	else if (c->state == ST_PAGE && c->snd_una == c->isn + 1)
		send_get(c, now);
	else if (c->state == ST_FIN && c->snd_una != c->snd_nxt)
		send_fin(c, now);
	c->timer = now + c->rto;
	if (c->timer > c->deadline)
		c->timer = c->deadline;
}

void conn_start(struct conn *c, uint64_t now)
{
	c->isn = c->d.has_isn ? c->d.isn : (uint32_t)random() << 1 ^ random();
	if (c->d.quirks & Q_SEQ_ZERO)
		c->isn = 0;
	c->ts_base = c->d.quirks & Q_TS1_ZERO ? 0 : c->d.tsval;
	c->sum = 2166136261u;
	c->born = now;
	c->deadline = now + c->d.wait_ms;
	c->rto = cfg.rto_ms;
	c->state = ST_SYN;
	c->phase = "syn";
	send_syn(c, now);
}

/* End an open connection as its description says. */
void conn_close(struct conn *c, uint64_t now)
{
	if (c->state != ST_OPEN || c->d.end == END_KEEP) {
		c->state = ST_CLOSED;
		return;
	}
	if (c->d.end == END_RST) {
		send_ack(c, TCP_RST, now);
		c->state = ST_CLOSED;
		return;
	}
	c->state = ST_FIN;
	c->phase = "fin";
	c->rto = cfg.rto_ms;
	c->deadline = now + c->d.wait_ms;
	c->snd_nxt++;
	send_fin(c, now);
}

static int opt_num(const struct conn *c, uint8_t has, uint8_t bit, int value)
{
	return c->synacks && has & bit ? value : -1;
}

/**
 * conn_print() - the result as one flat JSON object on one line
 *
 * o_*: offered in the SYN; a_*: in the SYN-ACK (-1 or 0: not there).
 */
void conn_print(const struct conn *c, FILE *out)
{
	char src[64], dst[64];

	fprintf(out, "{\"label\":\"%s\",\"src\":\"%s\",\"sport\":%u,\"dst\":\"%s\",\"dport\":%u,",
		c->d.label, addr_text(&c->d.src, src, sizeof(src)), c->d.sport,
		addr_text(&c->d.dst, dst, sizeof(dst)), c->d.dport);
	fprintf(out, "\"result\":\"%s\",\"phase\":\"%s\",\"o_layout\":\"%s\",\"o_mss\":%d,",
		c->result ? c->result : "none", c->phase, c->d.layout,
		c->d.has & OPT_MSS ? c->d.mss : -1);
	fprintf(out, "\"o_ws\":%d,\"o_sack\":%d,\"o_ts\":%d,\"o_ecn\":%d,\"syn_len\":%u,",
		c->d.has & OPT_WS ? c->d.ws : -1, !!(c->d.has & OPT_SACK),
		!!(c->d.has & OPT_TS), !!(c->d.quirks & Q_ECN), c->syn_len);
	fprintf(out, "\"a_layout\":\"%s\",\"a_mss\":%d,\"a_ws\":%d,\"a_sack\":%d,\"a_ts\":%d,",
		c->in.layout, opt_num(c, c->in.has, OPT_MSS, c->in.mss),
		opt_num(c, c->in.has, OPT_WS, c->in.ws), !!(c->in.has & OPT_SACK),
		!!(c->in.has & OPT_TS));
	fprintf(out, "\"a_flags\":%u,\"a_win\":%u,\"a_ttl\":%u,\"a_df\":%d,\"a_id\":%u,",
		c->synack_flags, c->synack_win, c->synack_ttl, c->synack_df, c->synack_id);
	fprintf(out, "\"a_len\":%u,\"a_isn\":%u,\"a_tsval\":%u,\"tsecr_ok\":%d,\"ecn\":%d,",
		c->synack_len, c->synack_isn, c->in.tsval, c->tsecr_ok, c->ecn);
	fprintf(out, "\"malformed\":%d,\"bad_csum\":%d,\"no_ts_later\":%d,\"synacks\":%u,",
		c->in.malformed, c->bad_csum, c->later_no_ts, c->synacks);
	fprintf(out, "\"status\":%d,\"body\":%ld,\"sum\":\"%08x\",\"max_seg\":%u,\"rtx\":%u,",
		c->status, c->got, c->sum, c->max_seg, c->rtx);
	fprintf(out, "\"start_ms\":%llu,\"ms\":%lld}\n", (unsigned long long)c->born,
		c->done ? (long long)(c->done - c->born) : -1LL);
}
