/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rawtcp: a TCP client over AF_PACKET that sends the SYN it is told to send.
 *
 *	rawtcp_desc.c	text description -> struct desc (option bytes included)
 *	rawtcp_wire.c	frames: build, parse, checksums
 *	rawtcp_frames.c	frames in files: written, and read to be sent again
 *	rawtcp_conn.c	one connection: its states, its result as JSON
 *	rawtcp.c	command line, socket, event loop, batches, load, replay
 *
 * Single-threaded. The source addresses belong to no host: they are routed to
 * the namespace of the sending device, whose kernel drops what comes for them
 * without a RST (no forwarding), so that this program alone answers.
 */
#ifndef RAWTCP_H
#define RAWTCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_ACK		0x10
#define TCP_URG		0x20
#define TCP_ECE		0x40
#define TCP_CWR		0x80

#define OPT_MSS		0x01
#define OPT_WS		0x02
#define OPT_SACK	0x04
#define OPT_TS		0x08

#define FRAME_MAX	2048		/* largest frame that is sent */
#define LABEL_LEN	96
#define LAYOUT_LEN	256

struct addr {
	uint8_t b[16];			/* network byte order; IPv4 in the first 4 */
	int family;			/* AF_INET or AF_INET6 */
};

enum quirk {				/* p0f's words, its README section 5 */
	Q_DF = 0x001, Q_ID_NONZERO = 0x002, Q_ECN = 0x004, Q_SEQ_ZERO = 0x008,
	Q_ACK_NONZERO = 0x010, Q_URG_NONZERO = 0x020, Q_PUSH = 0x040,
	Q_TS1_ZERO = 0x080, Q_TS2_NONZERO = 0x100, Q_FLOW = 0x200, Q_URG_FLAG = 0x400,
};

/* Fetch a page; bare ACK, is it answered?; SYN only; handshake and no more. */
enum act { ACT_GET, ACT_ACK, ACT_SYN, ACT_OPEN };
enum end { END_FIN, END_RST, END_KEEP };

/* What one connection shall do: a line of the input. */
struct desc {
	char label[LABEL_LEN];
	char layout[LAYOUT_LEN];	/* as p0f's olayout */
	char save[128];			/* file for the ACK's frame, instead of sending it */
	char record[128];		/* file for the frames of SYN and ACK; do=open */
	struct addr src, dst;
	uint16_t sport, dport;
	uint16_t mss, win, data;	/* data: bytes in the SYN */
	uint16_t say;			/* bytes of the request in the ACK; do=open */
	uint8_t ws, ttl;
	unsigned int quirks;
	uint32_t isn, tsval;
	bool has_isn;
	enum act act;
	enum end end;
	unsigned int hold_ms;		/* between SYN-ACK and ACK */
	unsigned int wait_ms;		/* until an unanswered phase has failed */
	int32_t ackdelta, seqdelta, tsdelta;	/* falsify the ACK */
	int32_t portdelta;
	uint8_t opt[40];
	uint8_t optlen;
	uint8_t has;			/* OPT_* in the layout */
};

struct segment {
	struct addr src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t win;
	uint8_t flags, ttl, ecn;	/* ecn: the two bits of the IP header */
	bool df, bad_csum;
	uint16_t ipid, urg;
	uint32_t flow;			/* IPv6 flow label */
	const uint8_t *opt;
	uint8_t optlen;
	const uint8_t *data;
	uint32_t len;			/* payload */
	uint32_t iplen;			/* IP header, TCP header and payload */
};

struct synopts {
	uint8_t has;
	uint16_t mss;
	uint8_t ws;
	uint32_t tsval, tsecr;
	char layout[LAYOUT_LEN];
	bool malformed;
};

enum state { ST_IDLE, ST_SYN, ST_HELD, ST_PAGE, ST_QUIET, ST_OPEN, ST_FIN, ST_CLOSED };

struct conn {
	struct desc d;
	enum state state;
	struct conn *next;		/* hash chain */
	const char *result;		/* "ok", "timeout", "rst", ...; NULL: not yet */
	const char *phase;		/* where it ended */
	uint64_t born, established, done, timer;	/* ms, monotonic */
	uint64_t deadline;
	unsigned int rto, rtx, synacks, answers;
	uint32_t isn, snd_nxt, snd_una, rcv_nxt, ts_recent, ts_base;
	struct synopts in;		/* of the SYN-ACK */
	uint32_t syn_len, synack_len, synack_isn;
	uint16_t synack_win;
	uint8_t synack_flags, synack_ttl;
	bool synack_df, bad_csum, tsecr_ok, later_no_ts, fin_seen, ecn;
	uint16_t synack_id;
	char head[1024];
	unsigned int headlen;
	bool in_body;
	int status;
	long want, got;			/* body bytes; want < 0: until FIN */
	uint32_t sum;			/* FNV-1a of the body */
	uint32_t max_seg;
};

/* Set once by main(). */
struct config {
	int fd;
	int ifindex;
	uint8_t mac[6], peer[6];
	const char *path;
	unsigned int rto_ms;
	FILE *out;
};
extern struct config cfg;

int desc_parse(struct desc *d, char *line);
int addr_parse(struct addr *a, const char *text);
const char *addr_text(const struct addr *a, char *buf, size_t size);
void addr_add(struct addr *a, uint32_t n);

int wire_build(uint8_t *frame, const struct segment *seg);
bool wire_parse(struct segment *seg, const uint8_t *frame, size_t len, bool csum_ready);
void wire_options(struct synopts *o, const uint8_t *p, unsigned int len);
int wire_send(const uint8_t *frame, size_t len);

struct frame {
	uint16_t len;
	uint8_t bytes[];
};

int frame_append(const char *path, const char *label, const uint8_t *frame, int len);
size_t frames_read(struct frame ***frames, const char *path);

void conn_start(struct conn *c, uint64_t now);
void conn_input(struct conn *c, const struct segment *seg, uint64_t now);
void conn_timer(struct conn *c, uint64_t now);
void conn_close(struct conn *c, uint64_t now);
void conn_print(const struct conn *c, FILE *out);

uint64_t now_ms(void);

#endif
