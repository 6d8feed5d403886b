// SPDX-License-Identifier: GPL-2.0
/*
 * Any header, any shift.  A header whose options cannot be read is left as it was.  Of
 * any other, each number is what a second reader says, who looks at one byte after another;
 * the checksum of the whole segment stays right; and a quote of it becomes what had been
 * sent.
 */
#include "bytes.h"
#include "fuzz.h"
#include "translate.h"

#define HEADER_MAX	60
#define PAYLOAD		3

/* What a byte of the options belongs to. */
enum part { OTHER, TSVAL, TSECR, BLOCK };

/* Return: false if they cannot be read; else part[] says what each byte is. */
static bool read_options(const u8 *p, unsigned int len, u8 *part)
{
	unsigned int at, size, i;

	for (at = 0; at < len; at += size) {
		if (p[at] == 0)
			return true;
		if (p[at] == 1) {
			size = 1;
			continue;
		}
		if (at + 1 == len)
			return false;
		size = p[at + 1];
		if (size < 2 || at + size > len)
			return false;
		if ((p[at] == 8 && size != 10) || (p[at] == 5 && (size % 8 != 2 || size == 2)))
			return false;
		for (i = 2; i < size; i++) {
			if (p[at] == 8)
				part[at + i] = i < 6 ? TSVAL : TSECR;
			else if (p[at] == 5)
				part[at + i] = BLOCK;
		}
	}
	return true;
}

static u32 sum_of(const u8 *p, unsigned int len, u32 sum)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : p[i] * 256u;
	return sum % 0xffff;
}

static u32 grown(__wsum diff)
{
	u8 byte[4];

	memcpy(byte, &diff, 4);
	return sum_of(byte, 4, 0);
}

static u32 window_of(u32 window, int shift)
{
	u32 moved = shift < 0 ? window / (1u << -shift) : window * (1u << shift);

	if (window && !moved)
		return 1;
	return moved > 65535 ? 65535 : moved;
}

/* The echo of a cookie's SYN-ACK is older than the server's clock was known to be. */
static bool too_old(u32 tsecr, const struct cb_shift *s)
{
	s64 behind = (s32)(s->first_tsval - (tsecr - s->ts));

	return behind > 0 && behind <= 1 << 23;
}

static void numbers(const u8 *was, const u8 *is, const u8 *part, unsigned int thlen,
		    const struct cb_shift *s, bool to_server)
{
	bool ack = was[13] & CB_TCP_ACK, syn = was[13] & CB_TCP_SYN;
	int shift = to_server ? s->win_to_server : s->win_to_client;
	unsigned int i;

	MUST(!memcmp(was, is, 4) && !memcmp(was + 12, is + 12, 2) && !memcmp(was + 16, is + 16, 4));
	MUST(cb_get_be32(is + 4) - cb_get_be32(was + 4) == (to_server ? 0 : s->seq));
	MUST(cb_get_be32(was + 8) - cb_get_be32(is + 8) == (to_server && ack ? s->seq : 0));
	MUST(cb_get_be16(is + 14) == window_of(cb_get_be16(was + 14), syn ? 0 : shift));
	for (i = 20; i < thlen; i += part[i] == OTHER ? 1 : 4) {
		u32 old, new;

		if (part[i] == OTHER) {
			MUST(was[i] == is[i]);
			continue;
		}
		old = cb_get_be32(was + i);
		new = cb_get_be32(is + i);
		if (part[i] == BLOCK)
			MUST(old - new == (to_server ? s->seq : 0));
		else if (part[i] == TSVAL)
			MUST(new - old == (!to_server && s->timestamps ? s->ts : 0));
		else if (!to_server || !ack || !s->timestamps)
			MUST(new == old);
		else
			MUST(new == (too_old(old, s) ? s->first_tsval : old - s->ts));
	}
}

/* Was an echo raised? That is not undone. */
static bool raised(const u8 *was, const u8 *part, unsigned int thlen, const struct cb_shift *s)
{
	unsigned int i;

	for (i = 20; i < thlen; i += part[i] == OTHER ? 1 : 4) {
		if (part[i] == TSECR && too_old(cb_get_be32(was + i), s))
			return true;
	}
	return false;
}

/* As much of it as is quoted becomes what was sent, but for window and checksum. */
static void quoted(const u8 *was, const u8 *is, const u8 *part, unsigned int thlen,
		   const struct cb_shift *s, bool to_server, unsigned int avail)
{
	bool whole = avail == thlen, undone;
	u8 *quote = malloc(avail);
	u32 before = sum_of(is, avail, 0);
	__wsum diff;

	MUST(quote);
	memcpy(quote, is, avail);
	cb_translate_quoted(quote, avail, s, !to_server, &diff);
	MUST((before + grown(diff)) % 0xffff == sum_of(quote, avail, 0));
	if (avail < 8)
		MUST(!memcmp(quote, is, avail));
	else
		MUST(!memcmp(quote, was, 8));
	if (avail >= 14)
		MUST(!memcmp(quote + 8, was + 8, 6));
	if (avail >= 18)
		MUST(before == sum_of(quote, avail, 0));
	undone = whole && !(to_server && s->timestamps && (was[13] & CB_TCP_ACK) &&
			    raised(was, part, thlen, s));
	if (undone)
		MUST(!memcmp(quote + 18, was + 18, thlen - 18));
	free(quote);
}

static struct cb_shift take_shift(struct input *in)
{
	u8 bits = take8(in);

	return (struct cb_shift){
		.timestamps = !(bits & 1),
		.win_to_client = bits & 2 ? take8(in) % 29 - 14 : 0,
		.win_to_server = bits & 4 ? take8(in) % 29 - 14 : 0,
		.seq = take32(in), .ts = take32(in), .first_tsval = take32(in),
	};
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct cb_shift s = take_shift(&in);
	u8 how = take8(&in), avail = take8(&in), *buffer, *th;
	u8 was[HEADER_MAX + PAYLOAD], part[HEADER_MAX] = { 0 };
	unsigned int thlen = 20 + in.left / 4 * 4;
	bool to_server = how & 8, good;
	__wsum diff;

	thlen = thlen > 40 ? (thlen > 80 ? 60 : thlen - 20) : 20;
	th = take_exact(&in, thlen + PAYLOAD, how & 7, &buffer);
	th[12] = thlen / 4 << 4;
	memcpy(was, th, thlen + PAYLOAD);
	good = read_options(was + 20, thlen - 20, part + 20);
	MUST(cb_translate(th, thlen, &s, to_server, &diff) == good);
	if (!good) {
		MUST(!memcmp(was, th, thlen + PAYLOAD) && !diff);
	} else {
		numbers(was, th, part, thlen, &s, to_server);
		MUST(!memcmp(was + thlen, th + thlen, PAYLOAD));
		MUST((sum_of(was, thlen + PAYLOAD, 0) + grown(diff)) % 0xffff ==
		     sum_of(th, thlen + PAYLOAD, 0));
		quoted(was, th, part, thlen, &s, to_server, avail % (thlen + 1));
		quoted(was, th, part, thlen, &s, to_server, thlen);
	}
	free(buffer);
	return 0;
}
