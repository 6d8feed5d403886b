// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptions of connections: "key=value key=value ...", one a line.
 * Owns the reading of them; the option bytes of the SYN are made here.
 * Called by main() before the connection starts.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "rawtcp.h"

int addr_parse(struct addr *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	a->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(a->family, text, a->b) == 1 ? 0 : -1;
}

const char *addr_text(const struct addr *a, char *buf, size_t size)
{
	return inet_ntop(a->family, a->b, buf, size);
}

void addr_add(struct addr *a, uint32_t n)
{
	uint8_t *last = a->b + (a->family == AF_INET ? 0 : 12);
	uint32_t v;

	memcpy(&v, last, 4);
	v = htonl(ntohl(v) + n);
	memcpy(last, &v, 4);
}

static const struct {
	const char *name;
	unsigned int bit;
} quirk_names[] = {
	{ "df", Q_DF }, { "id+", Q_DF | Q_ID_NONZERO }, { "id-", 0 }, { "ecn", Q_ECN },
	{ "seq-", Q_SEQ_ZERO }, { "ack+", Q_ACK_NONZERO }, { "ack-", 0 },
	{ "uptr+", Q_URG_NONZERO }, { "urgf+", Q_URG_FLAG }, { "pushf+", Q_PUSH },
	{ "ts1-", Q_TS1_ZERO }, { "ts2+", Q_TS2_NONZERO }, { "flow", Q_FLOW },
};

static int quirks_parse(struct desc *d, char *list)
{
	char *save, *word;
	size_t i;

	for (word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < sizeof(quirk_names) / sizeof(quirk_names[0]); i++)
			if (!strcmp(word, quirk_names[i].name))
				break;
		if (i == sizeof(quirk_names) / sizeof(quirk_names[0]))
			return -1;
		d->quirks |= quirk_names[i].bit;
	}
	return 0;
}

/* p0f's window: a number, mss*N, mtu*N, %N or *. */
static uint16_t window_parse(const struct desc *d, const char *text)
{
	unsigned long mss = d->mss ? d->mss : 536;
	unsigned long win;

	if (!strncmp(text, "mss*", 4))
		win = mss * strtoul(text + 4, NULL, 10);
	else if (!strncmp(text, "mtu*", 4))
		win = (mss + (d->dst.family == AF_INET6 ? 60 : 40)) * strtoul(text + 4, NULL, 10);
	else if (text[0] == '%')
		win = strtoul(text + 1, NULL, 10);
	else if (text[0] == '*')
		win = 29200;
	else
		win = strtoul(text, NULL, 10);
	return win > 65535 ? 65535 : win;
}

/* The bytes of one option at @p; returns their number, or -1. */
static int option_bytes(struct desc *d, const char *word, uint8_t *p)
{
	uint32_t ts[2] = { htonl(d->quirks & Q_TS1_ZERO ? 0 : d->tsval),
			   htonl(d->quirks & Q_TS2_NONZERO ? 0x01020304 : 0) };
	long pad;

	if (!strcmp(word, "nop"))
		return p[0] = 1, 1;
	if (!strcmp(word, "mss")) {
		d->has |= OPT_MSS;
		return memcpy(p, (uint8_t[]){ 2, 4, d->mss >> 8, d->mss & 255 }, 4), 4;
	}
	if (!strcmp(word, "ws")) {
		d->has |= OPT_WS;
		return memcpy(p, (uint8_t[]){ 3, 3, d->ws }, 3), 3;
	}
	if (!strcmp(word, "sok")) {
		d->has |= OPT_SACK;
		return memcpy(p, (uint8_t[]){ 4, 2 }, 2), 2;
	}
	if (!strcmp(word, "ts")) {
		d->has |= OPT_TS;
		memcpy(p, (uint8_t[]){ 8, 10 }, 2);
		return memcpy(p + 2, ts, 8), 10;
	}
	if (strncmp(word, "eol+", 4))
		return -1;
	pad = strtol(word + 4, NULL, 10);
	if (pad < 0 || pad > 39)
		return -1;
	memset(p, 0, 1 + pad);
	return 1 + pad;
}

static int layout_build(struct desc *d)
{
	uint8_t bytes[128] = { 0 };
	char copy[LAYOUT_LEN];
	char *save, *word;
	int len = 0, n;

	strcpy(copy, d->layout);
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		n = option_bytes(d, word, bytes + len);
		if (n < 0 || len + n > 40)
			return -1;
		len += n;
	}
	d->optlen = (len + 3) & ~3;
	if (d->optlen > 40)
		return -1;
	memcpy(d->opt, bytes, 40);
	return 0;
}

static int set_word(struct desc *d, const char *key, const char *value)
{
	if (!strcmp(key, "do"))
		d->act = !strcmp(value, "ack") ? ACT_ACK : !strcmp(value, "syn") ? ACT_SYN :
			 !strcmp(value, "open") ? ACT_OPEN : ACT_GET;
	else if (!strcmp(key, "end"))
		d->end = !strcmp(value, "rst") ? END_RST : !strcmp(value, "keep") ? END_KEEP : END_FIN;
	else if (!strcmp(key, "label"))
		snprintf(d->label, sizeof(d->label), "%s", value);
	else if (!strcmp(key, "save"))
		snprintf(d->save, sizeof(d->save), "%s", value);
	else if (!strcmp(key, "record"))
		snprintf(d->record, sizeof(d->record), "%s", value);
	else if (!strcmp(key, "layout"))
		snprintf(d->layout, sizeof(d->layout), "%s", value);
	else if (!strcmp(key, "src"))
		return addr_parse(&d->src, value);
	else if (!strcmp(key, "dst"))
		return addr_parse(&d->dst, value);
	else
		return 1;
	return 0;
}

static int set_number(struct desc *d, const char *key, const char *value)
{
	double n = strtod(value, NULL);

	if (!strcmp(key, "sport"))
		d->sport = n;
	else if (!strcmp(key, "dport"))
		d->dport = n;
	else if (!strcmp(key, "mss"))
		d->mss = n;
	else if (!strcmp(key, "ws"))
		d->ws = n;
	else if (!strcmp(key, "ttl"))
		d->ttl = n;
	else if (!strcmp(key, "data"))
		d->data = n;
	else if (!strcmp(key, "say"))
		d->say = n;
	else if (!strcmp(key, "tsval"))
		d->tsval = n;
	else if (!strcmp(key, "isn"))
		d->isn = n, d->has_isn = true;
	else if (!strcmp(key, "hold"))
		d->hold_ms = n * 1000;
	else if (!strcmp(key, "wait"))
		d->wait_ms = n * 1000;
	else if (!strcmp(key, "ackdelta"))
		d->ackdelta = n;
	else if (!strcmp(key, "seqdelta"))
		d->seqdelta = n;
	else if (!strcmp(key, "tsdelta"))
		d->tsdelta = n;
	else if (!strcmp(key, "portdelta"))
		d->portdelta = n;
	else
		return -1;
	return 0;
}

/**
 * desc_parse() - read a description
 * @d:		defaults on entry
 * @line:	"key=value ..."; is changed
 *
 * Return: 0, or -1 (unknown key, bad value, options longer than 40 bytes).
 */
int desc_parse(struct desc *d, char *line)
{
	char *quirks = NULL, *win = NULL, *save, *word, *value;
	int ret;

	for (word = strtok_r(line, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		value = strchr(word, '=');
		if (!value)
			return -1;
		*value++ = '\0';
		if (!strcmp(word, "quirks")) {
			quirks = value;
			continue;
		}
		if (!strcmp(word, "win")) {
			win = value;
			continue;
		}
		ret = set_word(d, word, value);
		if (ret > 0)
			ret = set_number(d, word, value);
		if (ret)
			return -1;
	}
	if (win)
		d->win = window_parse(d, win);
	if (quirks && quirks_parse(d, quirks))
		return -1;
	return layout_build(d);
}
