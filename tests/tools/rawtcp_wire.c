// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: Ethernet, IPv4 or IPv6, TCP. Owns the byte order: struct segment is
 * in host order but for addresses. Called by rawtcp_conn.c (build, send) and
 * main()'s receive loop (parse).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "rawtcp.h"

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	return len ? sum + (p[0] << 8) : sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static uint16_t tcp_csum(const struct segment *s, const uint8_t *th, size_t len)
{
	unsigned int alen = s->src.family == AF_INET ? 4 : 16;
	uint64_t sum = IPPROTO_TCP + len;

	sum = sum_bytes(sum, s->src.b, alen);
	sum = sum_bytes(sum, s->dst.b, alen);
	return fold(sum_bytes(sum, th, len));
}

static uint8_t *build_ip(uint8_t *ip, const struct segment *s, unsigned int tcplen)
{
	if (s->src.family == AF_INET) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = s->ecn;
		put16(ip + 2, 20 + tcplen);
		put16(ip + 4, s->ipid);
		put16(ip + 6, s->df ? 0x4000 : 0);
		ip[8] = s->ttl;
		ip[9] = IPPROTO_TCP;
		memcpy(ip + 12, s->src.b, 4);
		memcpy(ip + 16, s->dst.b, 4);
		put16(ip + 10, fold(sum_bytes(0, ip, 20)));
		return ip + 20;
	}
	put32(ip, 0x60000000 | s->ecn << 20 | (s->flow & 0xfffff));
	put16(ip + 4, tcplen);
	ip[6] = IPPROTO_TCP;
	ip[7] = s->ttl;
	memcpy(ip + 8, s->src.b, 16);
	memcpy(ip + 24, s->dst.b, 16);
	return ip + 40;
}

/**
 * wire_build() - make a frame
 * @frame:	FRAME_MAX bytes
 * @s:		what to put in; s->iplen is ignored
 *
 * Return: bytes of the frame, Ethernet header included.
 */
int wire_build(uint8_t *frame, const struct segment *s)
{
	unsigned int tcplen = 20 + s->optlen + s->len;
	uint8_t *th;

	memcpy(frame, cfg.peer, 6);
	memcpy(frame + 6, cfg.mac, 6);
	put16(frame + 12, s->src.family == AF_INET ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	th = build_ip(frame + 14, s, tcplen);
	put16(th, s->sport);
	put16(th + 2, s->dport);
	put32(th + 4, s->seq);
	put32(th + 8, s->ack);
	th[12] = (20 + s->optlen) / 4 << 4;
	th[13] = s->flags;
	put16(th + 14, s->win);
	put16(th + 16, 0);
	put16(th + 18, s->urg);
	if (s->optlen)
		memcpy(th + 20, s->opt, s->optlen);
	if (s->len)
		memcpy(th + 20 + s->optlen, s->data, s->len);
	put16(th + 16, tcp_csum(s, th, tcplen));
	return th + tcplen - frame;
}

/* Returns the TCP header, or NULL; *len: in: bytes at @ip, out: bytes of TCP. */
static const uint8_t *parse_ip(struct segment *s, const uint8_t *ip, size_t *len)
{
	bool v4 = *len >= 20 && ip[0] >> 4 == 4;
	unsigned int hlen = v4 ? (ip[0] & 15) * 4 : 40;
	unsigned int alen = v4 ? 4 : 16;

	if (*len < hlen || ip[v4 ? 9 : 6] != IPPROTO_TCP)
		return NULL;
	memset(&s->src, 0, sizeof(s->src));
	memset(&s->dst, 0, sizeof(s->dst));
	s->src.family = s->dst.family = v4 ? AF_INET : AF_INET6;
	memcpy(s->src.b, ip + (v4 ? 12 : 8), alen);
	memcpy(s->dst.b, ip + (v4 ? 16 : 24), alen);
	s->ttl = ip[v4 ? 8 : 7];
	s->df = !v4 || ip[6] & 0x40;
	s->ipid = v4 ? get16(ip + 4) : 0;
	s->ecn = v4 ? ip[1] & 3 : ip[1] >> 4 & 3;
	s->iplen = v4 ? get16(ip + 2) : 40u + get16(ip + 4);
	s->bad_csum = v4 && fold(sum_bytes(0, ip, hlen));
	if (s->iplen <= hlen || s->iplen > *len)	/* big GSO packets say 0 */
		s->iplen = *len;
	*len = s->iplen - hlen;
	return ip + hlen;
}

/**
 * wire_parse() - read a frame
 * @s:		result; opt and data point into @frame
 * @frame:	Ethernet frame
 * @len:	its bytes
 * @csum_ready:	the TCP checksum is in the packet (not left to a device)
 *
 * Return: whether it is a whole TCP segment.
 */
bool wire_parse(struct segment *s, const uint8_t *frame, size_t len, bool csum_ready)
{
	const uint8_t *th;
	unsigned int thlen;

	if (len < 14 + 20)
		return false;
	if (get16(frame + 12) != ETHERTYPE_IP && get16(frame + 12) != ETHERTYPE_IPV6)
		return false;
	len -= 14;
	th = parse_ip(s, frame + 14, &len);
	if (!th || len < 20)
		return false;
	thlen = (th[12] >> 4) * 4;
	if (thlen < 20 || thlen > len)
		return false;
	if (csum_ready && tcp_csum(s, th, len))
		s->bad_csum = true;
	s->sport = get16(th);
	s->dport = get16(th + 2);
	s->seq = get32(th + 4);
	s->ack = get32(th + 8);
	s->flags = th[13];
	s->win = get16(th + 14);
	s->opt = th + 20;
	s->optlen = thlen - 20;
	s->data = th + thlen;
	s->len = len - thlen;
	return true;
}

static void option_read(struct synopts *o, const uint8_t *p)
{
	static const struct { uint8_t kind, len, bit; const char *name; } known[] = {
		{ 2, 4, OPT_MSS, "mss" }, { 3, 3, OPT_WS, "ws" },
		{ 4, 2, OPT_SACK, "sok" }, { 8, 10, OPT_TS, "ts" },
	};
	char other[16];
	size_t i;

	for (i = 0; i < 4 && (known[i].kind != p[0] || known[i].len != p[1]); i++)
		;
	snprintf(other, sizeof(other), "?%u", p[0]);
	strcat(o->layout, i < 4 ? known[i].name : other);
	if (i == 4)
		return;
	if (o->has & known[i].bit)
		o->malformed = true;
	o->has |= known[i].bit;
	if (i == 0)
		o->mss = get16(p + 2);
	else if (i == 1)
		o->ws = p[2];
	else if (i == 3)
		o->tsval = get32(p + 2), o->tsecr = get32(p + 6);
}

/* Read TCP options; the layout is written as p0f writes it. */
void wire_options(struct synopts *o, const uint8_t *p, unsigned int len)
{
	memset(o, 0, sizeof(*o));
	while (len) {
		if (o->layout[0])
			strcat(o->layout, ",");
		if (p[0] == 0) {
			sprintf(o->layout + strlen(o->layout), "eol+%u", (len - 1) & 63);
			return;
		}
		if (p[0] == 1) {
			strcat(o->layout, "nop");
			p++, len--;
			continue;
		}
		if (len < 2 || p[1] < 2 || p[1] > len) {
			o->malformed = true;
			return;
		}
		option_read(o, p);
		len -= p[1];
		p += p[1];
	}
}

/* Queue full: the caller's retransmission repeats it, as on a real wire. */
int wire_send(const uint8_t *frame, size_t len)
{
	int tries = 5;

	while (send(cfg.fd, frame, len, 0) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -1;
		if (!tries--)
			return -1;
		usleep(1000);
	}
	return 0;
}
