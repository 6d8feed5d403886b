// SPDX-License-Identifier: GPL-2.0
/*
 * Every client signature of p0f, byte for byte through parser, seal and open.
 *
 * p0f.fp [tcp:request]: sig = ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass
 * `*` stands for each of the MSS and scales below.  `p0f -m` prints the
 * measure that Documentation/wire-format.rst quotes.
 */
#include "fixture.h"
#include "tap.h"

static const u16 any_mss[] = { 1460, 1440, 1400, 1380, 1360, 1300, 1220, 8960 };
static const u8 any_scale[] = { 0, 2, 7, 8 };

struct signature {
	char layout[128];
	bool v4, v6, ecn, any_mss, any_scale;
	unsigned int mss, scale;
};

/* One SYN, and what became of it. */
struct client {
	u8 bytes[40];
	unsigned int len;
	u16 mss;
	u8 scale;
	bool has_mss, has_scale, sack, ts, ecn;
};

struct measure {
	unsigned int syns, exact, mss_lower, scale_lower, worst_mss, worst_scale, to_stack;
};

static unsigned int signatures, unparsed, wrong[3];
static struct measure measures[3];	/* by enum cb_form */

static void put(struct client *c, const u8 *bytes, unsigned int n)
{
	if (c->len + n > sizeof(c->bytes)) {
		unparsed++;
		return;
	}
	memcpy(c->bytes + c->len, bytes, n);
	c->len += n;
}

static void put_option(struct client *c, const char *word)
{
	static const u8 nop[] = { 1 }, sok[] = { 4, 2 }, ts[] = { 8, 10, 1, 2, 3, 4, 0, 0, 0, 0 };
	static const u8 zero[40];
	u8 mss[] = { 2, 4, c->mss >> 8, c->mss & 255 }, ws[] = { 3, 3, c->scale };

	if (!strcmp(word, "nop")) {
		put(c, nop, 1);
	} else if (!strcmp(word, "mss")) {
		c->has_mss = true;
		put(c, mss, 4);
	} else if (!strcmp(word, "ws")) {
		c->has_scale = true;
		put(c, ws, 3);
	} else if (!strcmp(word, "sok")) {
		c->sack = true;
		put(c, sok, 2);
	} else if (!strcmp(word, "ts")) {
		c->ts = true;
		put(c, ts, 10);
	} else if (!strncmp(word, "eol+", 4)) {
		put(c, zero, 1 + atoi(word + 4));
	} else {
		unparsed++;
	}
}

static struct client client_of(const struct signature *s, unsigned int mss, unsigned int scale)
{
	struct client c = { .mss = mss, .scale = scale, .ecn = s->ecn };
	char layout[128], *word, *save;

	strcpy(layout, s->layout);
	for (word = strtok_r(layout, ",", &save); word; word = strtok_r(NULL, ",", &save))
		put_option(&c, word);
	return c;
}

static bool none_more(const struct client *c, const struct cb_synack *synack,
		      const struct cb_offer *o, u16 mss)
{
	return o->mss <= mss && o->wscale <= c->scale && o->has_wscale <= c->has_scale &&
	       o->sack <= c->sack && o->ecn <= c->ecn &&
	       !!(synack->has & CB_OPT_WSCALE) == o->has_wscale &&
	       !!(synack->has & CB_OPT_SACK) == o->sack && synack->ece == o->ecn &&
	       !!(synack->has & CB_OPT_TS) == c->ts;
}

/* The promise: without timestamps scale one lower at most, MSS 40 bytes. */
static bool promise(const struct client *c, const struct cb_offer *o, u16 mss)
{
	if (o->sack != c->sack || o->ecn != c->ecn || o->has_wscale != c->has_scale)
		return false;
	if (c->ts)
		return !o->has_wscale || o->wscale == c->scale;
	return mss - o->mss <= 40 && (!o->has_wscale || c->scale - o->wscale <= 1);
}

static void measure(struct measure *m, const struct client *c, const struct cb_offer *o,
		    u16 mss)
{
	unsigned int mss_lost = mss - o->mss, lost = c->has_scale ? c->scale - o->wscale : 0;

	m->exact += !mss_lost && !lost;
	m->mss_lower += !!mss_lost;
	m->scale_lower += !!lost;
	m->worst_mss = mss_lost > m->worst_mss ? mss_lost : m->worst_mss;
	m->worst_scale = lost > m->worst_scale ? lost : m->worst_scale;
}

static void try_client(const struct client *c, int family, bool cluster)
{
	enum cb_form form = c->ts ? CB_FORM_TS : cluster ? CB_FORM_ROWS_CLUSTER : CB_FORM_ROWS;
	u16 mss = c->has_mss ? c->mss : family == AF_INET6 ? 1220 : 536;
	struct cb_segment syn = fix_syn(family, false), ack;
	struct cb_policy pol = fix_policy();
	struct cb_synack synack;
	struct cb_opened opened;
	struct cb_decision d;
	struct cb_ring ring;

	fix_ring(&ring, FIX_EPOCH, cluster);
	syn.flags = CB_TCP_SYN | (c->ecn ? CB_TCP_ECE | CB_TCP_CWR : 0);
	if (cb_options_parse(&syn.opt, c->bytes, c->len, true) != CB_R_NONE) {
		wrong[form]++;
		return;
	}
	measures[form].syns++;
	d = cb_handshake_syn(&syn, &pol, &ring, fix_now(), &synack);
	if (d.reason == CB_R_MSS_TOO_LOW) {
		measures[form].to_stack++;
		wrong[form] += mss >= 256;
		return;
	}
	ack = fix_ack(&syn, &synack);
	d = cb_handshake_ack(&ack, &pol, &ring, fix_now() + 50, &opened);
	if (d.action != CB_REDEEM || !none_more(c, &synack, &opened.offer, mss) ||
	    !promise(c, &opened.offer, mss)) {
		wrong[form]++;
		printf("# len %u mss %u scale %d ts %d: got mss %u scale %u\n", c->len, mss,
		       c->has_scale ? c->scale : -1, c->ts, opened.offer.mss,
		       opened.offer.wscale);
		return;
	}
	measure(&measures[form], c, &opened.offer, mss);
}

static void try_signature(const struct signature *s)
{
	unsigned int i, j;

	for (i = 0; i < (s->any_mss ? ARRAY_SIZE(any_mss) : 1); i++) {
		for (j = 0; j < (s->any_scale ? ARRAY_SIZE(any_scale) : 1); j++) {
			struct client c = client_of(s, s->any_mss ? any_mss[i] : s->mss,
						    s->any_scale ? any_scale[j] : s->scale);

			if (s->v4)
				try_client(&c, AF_INET, false);
			if (s->v6)
				try_client(&c, AF_INET6, false);
			if (s->v4 && !c.ts)
				try_client(&c, AF_INET, true);
		}
	}
}

static bool parse(char *line, struct signature *s)
{
	char *field[8], *scale;
	unsigned int n = 0;

	while (n < 8 && (field[n] = strsep(&line, ":")))
		n++;
	if (n != 8 || strlen(field[5]) >= sizeof(s->layout))
		return false;
	scale = strchr(field[4], ',');
	if (!scale)
		return false;
	*s = (struct signature){
		.v4 = field[0][0] != '6', .v6 = field[0][0] != '4',
		.any_mss = field[3][0] == '*', .mss = atoi(field[3]),
		.any_scale = scale[1] == '*', .scale = atoi(scale + 1),
		.ecn = strstr(field[6], "ecn"),
	};
	strcpy(s->layout, field[5]);
	return true;
}

static bool read_signatures(const char *path)
{
	FILE *f = fopen(path, "r");
	struct signature s;
	bool inside = false;
	char line[512];

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '[')
			inside = !strcmp(line, "[tcp:request]");
		if (!inside || strncmp(line, "sig", 3))
			continue;
		if (!parse(strchr(line, '=') + 1 + strspn(strchr(line, '=') + 1, " "), &s)) {
			unparsed++;
			continue;
		}
		signatures++;
		try_signature(&s);
	}
	fclose(f);
	return true;
}

static void print_measure(const char *name, const struct measure *m)
{
	printf("%-28s %5u %6u %10u %10u %9u %9u %6u\n", name, m->syns, m->exact, m->mss_lower,
	       m->worst_mss, m->scale_lower, m->worst_scale, m->to_stack);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 && argv[argc - 1][0] == '/' ? argv[argc - 1] :
			   "/etc/p0f/p0f.fp";
	bool read = read_signatures(path);

	if (argc > 1 && !strcmp(argv[1], "-m")) {
		printf("%-28s %5s %6s %10s %10s %9s %9s %6s\n", "", "SYNs", "exact", "MSS lower",
		       "by at most", "ws lower", "by at most", "stack");
		print_measure("timestamps", &measures[CB_FORM_TS]);
		print_measure("no timestamps, single box", &measures[CB_FORM_ROWS]);
		print_measure("no timestamps, cluster", &measures[CB_FORM_ROWS_CLUSTER]);
		return !read;
	}
	tap(read && signatures == 91 && !unparsed, "p0f: %u client signatures read from %s",
	    signatures, path);
	tap(read && !wrong[CB_FORM_TS],
	    "p0f: %u SYNs with timestamps keep scale, SACK and ECN exactly",
	    measures[CB_FORM_TS].syns);
	tap(read && !wrong[CB_FORM_ROWS], "p0f: %u SYNs without keep what is promised",
	    measures[CB_FORM_ROWS].syns);
	tap(read && !wrong[CB_FORM_ROWS_CLUSTER],
	    "p0f: %u SYNs without keep what is promised in a cluster",
	    measures[CB_FORM_ROWS_CLUSTER].syns);
	return tap_done();
}
