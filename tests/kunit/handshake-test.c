// SPDX-License-Identifier: GPL-2.0
/* Suite cookiebox_handshake: what is answered, and when an ACK still opens. */
#include "fixture.h"

#define FULL_HAS	(CB_OPT_MSS | CB_OPT_WSCALE | CB_OPT_SACK | CB_OPT_TS)

static const struct kind_case {
	const char *name;
	int family;
	bool timestamps;
	bool cluster;
} kind_cases[] = {
	{ "IPv4 timestamps", AF_INET, true, false },
	{ "IPv4 no timestamps", AF_INET, false, false },
	{ "IPv4 timestamps, cluster", AF_INET, true, true },
	{ "IPv4 no timestamps, cluster", AF_INET, false, true },
	{ "IPv6 timestamps", AF_INET6, true, false },
	{ "IPv6 no timestamps", AF_INET6, false, false },
	{ "IPv6 timestamps, cluster", AF_INET6, true, true },
	{ "IPv6 no timestamps, cluster", AF_INET6, false, true },
};

static void kind_desc(const struct kind_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(kind, kind_cases, kind_desc);

struct scene {
	struct cb_ring ring;
	struct cb_policy pol;
	struct cb_segment syn, ack;
	struct cb_synack synack;
	struct cb_opened opened;
	u64 now;
};

static struct scene *scene(struct kunit *test, const struct kind_case *c)
{
	struct scene *s = kunit_kmalloc(test, sizeof(*s), GFP_KERNEL);

	memset(s, 0, sizeof(*s));
	fix_ring(&s->ring, FIX_EPOCH, c->cluster);
	s->pol = fix_policy();
	s->syn = fix_syn(c->family, c->timestamps);
	s->now = fix_now();
	return s;
}

/* Answers the SYN at s->now; the ACK is ready in s->ack. */
static bool answered(struct scene *s)
{
	struct cb_decision d = cb_handshake_syn(&s->syn, &s->pol, &s->ring, s->now, &s->synack);

	if (d.action != CB_ANSWER || d.reason != CB_R_SYN_ANSWERED)
		return false;
	s->ack = fix_ack(&s->syn, &s->synack);
	return true;
}

static enum cb_reason acked(struct scene *s, u64 later_ms)
{
	return cb_handshake_ack(&s->ack, &s->pol, &s->ring, s->now + later_ms,
				&s->opened).reason;
}

/* As the ring would be published @later_ms later. */
static void advance(struct scene *s, u64 later_ms)
{
	bool cluster = s->ring.cluster;

	fix_ring(&s->ring, (u32)(s->now + later_ms) / FIX_EPOCH_MS, cluster);
}

static void accepts(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct scene *s = scene(test, c);

	KUNIT_EXPECT_TRUE(test, answered(s));
	KUNIT_EXPECT_EQ(test, s->synack.has, (u8)(FULL_HAS & ~(c->timestamps ? 0 : CB_OPT_TS)));
	KUNIT_EXPECT_EQ(test, s->synack.ack, FIX_CISN + 1);
	KUNIT_EXPECT_EQ(test, s->synack.wscale, FIX_WSCALE);
	KUNIT_EXPECT_EQ(test, s->synack.window, 64240);
	KUNIT_EXPECT_TRUE(test, s->synack.ece);
	KUNIT_EXPECT_EQ(test, acked(s, 250), CB_R_COOKIE_ACCEPTED);
	KUNIT_EXPECT_EQ(test, s->opened.offer.mss, 1460);
	KUNIT_EXPECT_EQ(test, s->opened.offer.wscale, 8);
	KUNIT_EXPECT_TRUE(test, s->opened.offer.has_wscale && s->opened.offer.sack);
	KUNIT_EXPECT_TRUE(test, s->opened.offer.ecn);
	KUNIT_EXPECT_EQ(test, s->opened.cisn, FIX_CISN);
	KUNIT_EXPECT_EQ(test, s->opened.isn, s->synack.isn);
	KUNIT_EXPECT_EQ(test, s->opened.epoch, FIX_EPOCH);
	KUNIT_EXPECT_EQ(test, s->opened.rcv_wscale, FIX_WSCALE);
	KUNIT_EXPECT_EQ(test, s->opened.timestamps, c->timestamps);
	if (c->timestamps) {
		KUNIT_EXPECT_EQ(test, s->opened.age_ms, 250u);
		KUNIT_EXPECT_EQ(test, s->opened.ts_off, s->synack.tsval - (u32)s->now);
		KUNIT_EXPECT_EQ(test, s->opened.tsval, s->ack.opt.tsval);
		KUNIT_EXPECT_EQ(test, s->synack.tsecr, s->syn.opt.tsval);
	}
}

/* Held for one epoch an ACK opens; held for three it does not.  From the first
 * and the last millisecond of an epoch alike.
 */
static void held(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	static const u32 start[] = { 0, 1, FIX_EPOCH_MS / 2, FIX_EPOCH_MS - 1 };
	static const u32 good[] = { 0, 1, FIX_EPOCH_MS };
	static const u32 bad[] = { 2 * FIX_EPOCH_MS, 3 * FIX_EPOCH_MS, 40 * FIX_EPOCH_MS };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(start); i++) {
		struct scene *s = scene(test, c);

		s->now = (u64)FIX_EPOCH * FIX_EPOCH_MS + start[i];
		KUNIT_EXPECT_TRUE(test, answered(s));
		for (j = 0; j < ARRAY_SIZE(good); j++) {
			advance(s, good[j]);
			KUNIT_EXPECT_EQ(test, acked(s, good[j]), CB_R_COOKIE_ACCEPTED);
		}
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			advance(s, bad[j]);
			KUNIT_EXPECT_EQ(test, acked(s, bad[j]), c->timestamps ?
					CB_R_COOKIE_EXPIRED : CB_R_BAD_COOKIE);
		}
	}
}

/* TSecr: the oldest of the window opens, one older and one ahead do not. */
static void echo_window(struct kunit *test)
{
	static const struct kind_case kind = { "", AF_INET, true, false };
	struct scene *s = scene(test, &kind);
	u32 tsecr;

	KUNIT_EXPECT_TRUE(test, answered(s));
	tsecr = s->ack.opt.tsecr;
	advance(s, s->ring.ts_life_ms - 1);
	KUNIT_EXPECT_EQ(test, acked(s, s->ring.ts_life_ms - 1), CB_R_COOKIE_ACCEPTED);
	KUNIT_EXPECT_EQ(test, acked(s, s->ring.ts_life_ms), CB_R_COOKIE_EXPIRED);
	advance(s, 0);
	s->ack.opt.tsecr = tsecr + 1;
	KUNIT_EXPECT_EQ(test, acked(s, 0), CB_R_COOKIE_EXPIRED);
	s->ack.opt.tsecr = 0;
	KUNIT_EXPECT_EQ(test, acked(s, 0), CB_R_COOKIE_EXPIRED);
	/* A SYN-ACK sent again: same ISN, fresh TSval, in the next epoch too. */
	advance(s, FIX_EPOCH_MS);
	s->ack.opt.tsecr = tsecr + FIX_EPOCH_MS;
	KUNIT_EXPECT_EQ(test, acked(s, FIX_EPOCH_MS + 100), CB_R_COOKIE_ACCEPTED);
	advance(s, 2 * FIX_EPOCH_MS);
	s->ack.opt.tsecr = tsecr + 2 * FIX_EPOCH_MS;
	KUNIT_EXPECT_EQ(test, acked(s, 2 * FIX_EPOCH_MS + 100), CB_R_BAD_COOKIE);
}

/* TSval is 32 bits: all works while the clock wraps, 49.7 days on, and while a
 * flow's TSval wraps between SYN-ACK and ACK.
 */
static void clock_wrap(struct kunit *test)
{
	static const struct kind_case kind = { "", AF_INET6, true, false };
	struct scene *s = scene(test, &kind);
	struct cb_flow_pair *pair = &s->ring.pair[0];
	s64 from;

	for (from = -3 * (s64)FIX_EPOCH_MS; from <= 3 * (s64)FIX_EPOCH_MS; from += 777) {
		s->now = (1ULL << 32) + from;
		advance(s, 0);
		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, acked(s, 30000), CB_R_COOKIE_ACCEPTED);
		KUNIT_EXPECT_EQ(test, s->opened.age_ms, 30000u);

		pair->base -= cb_flow_offset(pair, &s->syn.tuple) + (u32)s->now + 15000;
		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, s->synack.tsval, -15000u);
		KUNIT_EXPECT_EQ(test, acked(s, 30000), CB_R_COOKIE_ACCEPTED);
		KUNIT_EXPECT_EQ(test, s->opened.age_ms, 30000u);
	}
}

enum spoil { SADDR, DADDR, SPORT, DPORT, SEQ, ACKNO, TSECR, PARAMS, FAMILY, ADD_TS, DROP_TS };

static const struct spoil_case {
	const char *name;
	enum spoil what;
} spoil_cases[] = {
	{ "source address", SADDR }, { "destination address", DADDR },
	{ "source port", SPORT }, { "destination port", DPORT },
	{ "sequence number", SEQ }, { "acknowledgement", ACKNO },
	{ "echoed timestamp", TSECR }, { "announced window scale", PARAMS },
	{ "family", FAMILY }, { "timestamps added", ADD_TS },
	{ "timestamps left out", DROP_TS },
};

static void spoil_desc(const struct spoil_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(spoil, spoil_cases, spoil_desc);

static void spoil_tuple(struct cb_tuple *t, enum spoil what)
{
	switch (what) {
	case SADDR:
		t->saddr.a[0] ^= cpu_to_be32(0x100);
		break;
	case DADDR:
		t->daddr.a[0] ^= cpu_to_be32(0x100);
		break;
	case SPORT:
		t->sport ^= cpu_to_be16(1);
		break;
	case DPORT:
		t->dport ^= cpu_to_be16(1);
		break;
	case FAMILY:
		t->family = t->family == AF_INET ? AF_INET6 : AF_INET;
		break;
	default:
		break;
	}
}

/* false: does not apply to this kind of ACK */
static bool spoil(struct scene *s, enum spoil what)
{
	bool timestamps = s->ack.opt.has & CB_OPT_TS;

	switch (what) {
	case SEQ:
		s->ack.seq++;
		return true;
	case ACKNO:
		s->ack.ack++;
		return true;
	case PARAMS:
		s->pol.rcv_wscale ^= 1;
		return true;
	case TSECR:
		s->ack.opt.tsecr ^= 1u << 31;
		return timestamps;
	case DROP_TS:
		s->ack.opt.has = 0;
		return timestamps;
	case ADD_TS:
		s->ack.opt.has |= CB_OPT_TS;
		return !timestamps;
	default:
		spoil_tuple(&s->ack.tuple, what);
		return true;
	}
}

static void spoiled(struct kunit *test)
{
	const struct spoil_case *c = test->param_value;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kind_cases); i++) {
		struct scene *s = scene(test, &kind_cases[i]);

		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, acked(s, 1), CB_R_COOKIE_ACCEPTED);
		if (spoil(s, c->what))
			KUNIT_EXPECT_TRUE(test, acked(s, 1) == CB_R_BAD_COOKIE ||
						acked(s, 1) == CB_R_COOKIE_EXPIRED);
	}
}

/* Nothing is offered that the policy forbids, nor that the SYN did not offer. */
static void offers(struct kunit *test)
{
	static const struct kind_case kind = { "", AF_INET, true, false };
	struct scene *s = scene(test, &kind);
	unsigned int mask;

	for (mask = 0; mask < 256; mask++) {
		bool sack = (mask & 1) && (mask & 16), ws = (mask & 2) && (mask & 32);
		bool ts = (mask & 4) && (mask & 64), ecn = (mask & 8) && (mask & 128);

		s->syn.opt.has = CB_OPT_MSS | (mask & 1 ? CB_OPT_SACK : 0) |
				 (mask & 2 ? CB_OPT_WSCALE : 0) | (mask & 4 ? CB_OPT_TS : 0);
		s->syn.flags = CB_TCP_SYN | (mask & 8 ? CB_TCP_ECE | CB_TCP_CWR : CB_TCP_ECE);
		s->pol.sack = mask & 16;
		s->pol.wscale = mask & 32;
		s->pol.timestamps = mask & 64;
		s->pol.ecn = mask & 128;
		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, acked(s, 9), CB_R_COOKIE_ACCEPTED);
		KUNIT_EXPECT_EQ(test, !!(s->synack.has & CB_OPT_TS), ts);
		KUNIT_EXPECT_TRUE(test, sack || !(s->synack.has & CB_OPT_SACK));
		KUNIT_EXPECT_TRUE(test, ws || !(s->synack.has & CB_OPT_WSCALE));
		KUNIT_EXPECT_TRUE(test, ecn || !s->synack.ece);
		KUNIT_EXPECT_EQ(test, s->opened.offer.sack, !!(s->synack.has & CB_OPT_SACK));
		KUNIT_EXPECT_EQ(test, s->opened.offer.has_wscale,
				!!(s->synack.has & CB_OPT_WSCALE));
		KUNIT_EXPECT_EQ(test, s->opened.offer.ecn, s->synack.ece);
		if (ts)
			KUNIT_EXPECT_TRUE(test, s->opened.offer.sack == sack &&
					  s->opened.offer.has_wscale == ws &&
					  s->opened.offer.ecn == ecn);
	}
}

/* RFC 9293 3.7.1: no MSS option is 536 or 1220; one too low is the stack's. */
static void mss_defaults(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kind_cases); i++) {
		struct scene *s = scene(test, &kind_cases[i]);

		s->syn.opt.has &= ~CB_OPT_MSS;
		s->syn.opt.mss = 0;
		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, acked(s, 1), CB_R_COOKIE_ACCEPTED);
		KUNIT_EXPECT_EQ(test, s->opened.offer.mss,
				kind_cases[i].family == AF_INET6 ? 1220 : 536);
		s->syn.opt.has |= CB_OPT_MSS;
		s->syn.opt.mss = s->syn.opt.has & CB_OPT_TS ? 255 : 535;
		KUNIT_EXPECT_EQ(test, cb_handshake_syn(&s->syn, &s->pol, &s->ring, s->now,
						       &s->synack).reason, CB_R_MSS_TOO_LOW);
	}
}

static void refusals(struct kunit *test)
{
	static const struct kind_case kind = { "", AF_INET, false, false };
	struct scene *s = scene(test, &kind);
	struct cb_decision d;

	KUNIT_EXPECT_TRUE(test, answered(s));
	s->pol.drop_no_timestamps = true;
	d = cb_handshake_syn(&s->syn, &s->pol, &s->ring, s->now, &s->synack);
	KUNIT_EXPECT_EQ(test, d.action, CB_DROP);
	KUNIT_EXPECT_EQ(test, d.reason, CB_R_NO_TIMESTAMPS);
	KUNIT_EXPECT_EQ(test, acked(s, 1), CB_R_NO_TIMESTAMPS);
	s->syn.opt.has |= CB_OPT_AUTH;
	d = cb_handshake_syn(&s->syn, &s->pol, &s->ring, s->now, &s->synack);
	KUNIT_EXPECT_EQ(test, d.action, CB_PASS);
	KUNIT_EXPECT_EQ(test, d.reason, CB_R_AUTH_PASSED);
	s->pol.auth_drop = true;
	d = cb_handshake_syn(&s->syn, &s->pol, &s->ring, s->now, &s->synack);
	KUNIT_EXPECT_EQ(test, d.action, CB_DROP);
	KUNIT_EXPECT_EQ(test, d.reason, CB_R_AUTH_DROPPED);
}

static const struct source_case {
	const char *name;
	int family;
	u32 addr;		/* first 32 bits, host order; the rest 0 */
	u8 flags;
	enum cb_reason reason;
} source_cases[] = {
	{ "192.0.2.1", AF_INET, 0xc0000201, CB_TCP_SYN, CB_R_NONE },
	{ "0.0.0.0", AF_INET, 0, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "0.1.2.3", AF_INET, 0x00010203, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "224.0.0.1", AF_INET, 0xe0000001, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "239.255.255.255", AF_INET, 0xefffffff, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "255.255.255.255", AF_INET, 0xffffffff, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "SYN and FIN", AF_INET, 0xc0000201, CB_TCP_SYN | CB_TCP_FIN, CB_R_BAD_FLAGS },
	{ "SYN and RST", AF_INET, 0xc0000201, CB_TCP_SYN | CB_TCP_RST, CB_R_BAD_FLAGS },
	{ "SYN, PSH and URG", AF_INET, 0xc0000201, CB_TCP_SYN | CB_TCP_PSH | CB_TCP_URG,
	  CB_R_NONE },
	{ "2001:db8::", AF_INET6, 0x20010db8, CB_TCP_SYN, CB_R_NONE },
	{ "::", AF_INET6, 0, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "ff02::", AF_INET6, 0xff020000, CB_TCP_SYN, CB_R_BAD_SOURCE },
	{ "fe80::", AF_INET6, 0xfe800000, CB_TCP_SYN, CB_R_NONE },
};

static void source_desc(const struct source_case *c, char *desc)
{
	strcpy(desc, c->name);
}

KUNIT_ARRAY_PARAM(source, source_cases, source_desc);

static void screen(struct kunit *test)
{
	const struct source_case *c = test->param_value;
	struct cb_segment seg;

	memset(&seg, 0, sizeof(seg));
	seg.tuple.family = c->family;
	seg.tuple.saddr.a[0] = cpu_to_be32(c->addr);
	seg.flags = c->flags;
	KUNIT_EXPECT_EQ(test, cb_handshake_screen(&seg).reason, c->reason);
	KUNIT_EXPECT_EQ(test, cb_handshake_screen(&seg).action,
			c->reason == CB_R_NONE ? CB_ANSWER : CB_DROP);
}

/* ::ffff:a.b.c.d would be another client's to a listener of both families. */
static void screen_mapped(struct kunit *test)
{
	struct cb_segment seg;

	memset(&seg, 0, sizeof(seg));
	seg.tuple.family = AF_INET6;
	seg.flags = CB_TCP_SYN;
	seg.tuple.saddr.a[2] = cpu_to_be32(0xffff);
	seg.tuple.saddr.a[3] = cpu_to_be32(0xc0000201);
	KUNIT_EXPECT_EQ(test, cb_handshake_screen(&seg).reason, CB_R_BAD_SOURCE);
	seg.tuple.saddr.a[1] = cpu_to_be32(1);
	KUNIT_EXPECT_EQ(test, cb_handshake_screen(&seg).reason, CB_R_NONE);
}

/* A pair retired to second place still opens, and its offset is the socket's. */
static void older_pair(struct kunit *test)
{
	static const struct kind_case kind = { "", AF_INET, true, false };
	struct scene *s = scene(test, &kind);
	u32 offset;

	KUNIT_EXPECT_TRUE(test, answered(s));
	offset = s->synack.tsval - (u32)s->now;
	s->ring.pair[1] = s->ring.pair[0];
	s->ring.pair[0].key = fix_key(CB_KEY_GATE, 1);
	KUNIT_EXPECT_EQ(test, acked(s, 1), CB_R_COOKIE_EXPIRED);
	s->ring.n_pairs = 2;
	KUNIT_EXPECT_EQ(test, acked(s, 1), CB_R_COOKIE_ACCEPTED);
	KUNIT_EXPECT_EQ(test, s->opened.ts_off, offset);
}

/* Sealed by a box whose clock is ahead, opened by one that has not got there. */
static void cluster_neighbour(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kind_cases); i++) {
		struct scene *s = scene(test, &kind_cases[i]);

		s->now = (u64)(FIX_EPOCH + 1) * FIX_EPOCH_MS + 100;
		KUNIT_EXPECT_TRUE(test, answered(s));
		KUNIT_EXPECT_EQ(test, acked(s, -500) == CB_R_COOKIE_ACCEPTED,
				kind_cases[i].cluster);
		KUNIT_EXPECT_TRUE(test, acked(s, -500) != CB_R_COOKIE_ACCEPTED ||
					s->opened.epoch == FIX_EPOCH + 1);
	}
}

static struct kunit_case handshake_cases[] = {
	KUNIT_CASE_PARAM(screen, source_gen_params),
	KUNIT_CASE(screen_mapped),
	KUNIT_CASE_PARAM(accepts, kind_gen_params),
	KUNIT_CASE_PARAM(held, kind_gen_params),
	KUNIT_CASE(echo_window),
	KUNIT_CASE(clock_wrap),
	KUNIT_CASE_PARAM(spoiled, spoil_gen_params),
	KUNIT_CASE(offers),
	KUNIT_CASE(mss_defaults),
	KUNIT_CASE(refusals),
	KUNIT_CASE(older_pair),
	KUNIT_CASE(cluster_neighbour),
	{}
};

static struct kunit_suite handshake_suite = {
	.name = "cookiebox_handshake",
	.test_cases = handshake_cases,
};

kunit_test_suites(&handshake_suite);
