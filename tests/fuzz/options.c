// SPDX-License-Identifier: GPL-2.0
/*
 * The option parser against a second one, written another way: first all options
 * are found, then each is judged.  And what must not matter does not: no-ops
 * behind, whatever follows the end of the list, where in memory the bytes are.
 */
#include "fuzz.h"

struct found {
	u8 kind, len;
	const u8 *value;
};

/* Return: how many options there are, or -1 if one does not fit. */
static int find_all(const u8 *p, unsigned int len, struct found *all)
{
	unsigned int at = 0;
	int n = 0;

	while (at < len && p[at] != 0) {
		if (p[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 >= len || p[at + 1] < 2 || at + p[at + 1] > len)
			return -1;
		all[n++] = (struct found){ p[at], p[at + 1], p + at + 2 };
		at += p[at + 1];
	}
	return n;
}

static u32 number(const u8 *p, unsigned int n)
{
	u32 v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static bool wrong_length(const struct found *f)
{
	static const u8 exact[256] = { [2] = 4, [3] = 3, [4] = 2, [8] = 10, [19] = 18 };
	static const u8 least[256] = { [29] = 4, [30] = 3 };

	return (exact[f->kind] && f->len != exact[f->kind]) || f->len < least[f->kind];
}

static void judge(struct cb_options *want, const struct found *f, bool syn)
{
	static const u8 any[256] = {
		[8] = CB_OPT_TS, [19] = CB_OPT_AUTH, [29] = CB_OPT_AUTH,
		[30] = CB_OPT_MPTCP, [34] = CB_OPT_FASTOPEN,
	};
	static const u8 of_syn[256] = {
		[2] = CB_OPT_MSS, [3] = CB_OPT_WSCALE, [4] = CB_OPT_SACK,
	};

	want->has |= any[f->kind] | (syn ? of_syn[f->kind] : 0);
	if (f->kind == 8) {
		want->tsval = number(f->value, 4);
		want->tsecr = number(f->value + 4, 4);
	}
	if (f->kind == 30 && f->value[0] >> 4 == 1)	/* MP_JOIN */
		want->has |= CB_OPT_JOIN;
	if (f->kind == 2 && syn)
		want->mss = number(f->value, 2);
	if (f->kind == 3 && syn)
		want->wscale = f->value[0] > 14 ? 14 : f->value[0];
}

static enum cb_reason expected(struct cb_options *want, const u8 *p, unsigned int len, bool syn)
{
	int n, i, timestamps = 0;
	struct found all[20];

	memset(want, 0, sizeof(*want));
	n = find_all(p, len, all);
	if (n < 0)
		return CB_R_BAD_OPTIONS;
	for (i = 0; i < n; i++) {
		timestamps += all[i].kind == 8;
		if (wrong_length(&all[i]))
			return CB_R_BAD_OPTIONS;
		judge(want, &all[i], syn);
	}
	return timestamps > 1 ? CB_R_BAD_OPTIONS : CB_R_NONE;
}

static void same(const struct cb_options *a, const struct cb_options *b)
{
	MUST(a->has == b->has);
	MUST(a->mss == b->mss && a->wscale == b->wscale);
	MUST(a->tsval == b->tsval && a->tsecr == b->tsecr);
}

static enum cb_reason parse_both(const u8 *p, unsigned int len, bool syn)
{
	struct cb_options got, want;
	enum cb_reason reason = cb_options_parse(&got, p, len, syn);

	MUST(reason == expected(&want, p, len, syn));
	if (reason == CB_R_NONE)
		same(&got, &want);
	MUST(got.wscale <= 14);
	return reason;
}

/* More no-ops, or rubbish behind an end of list, change nothing. */
static void lengthened(const u8 *p, unsigned int len, bool syn, u8 rubbish)
{
	struct cb_options before, after;
	u8 longer[44];

	memcpy(longer, p, len);
	memset(longer + len, 1, 4);
	MUST(cb_options_parse(&before, p, len, syn) ==
	     cb_options_parse(&after, longer, len + 4, syn));
	same(&before, &after);
	longer[len] = 0;
	longer[len + 1] = rubbish;
	MUST(cb_options_parse(&before, p, len, syn) ==
	     cb_options_parse(&after, longer, len + 4, syn));
	same(&before, &after);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u8 how = take8(&in), *buffer;
	unsigned int len = in.left < 40 ? in.left : 40;
	u8 *p = take_exact(&in, len, how >> 1 & 7, &buffer);

	parse_both(p, len, false);
	if (parse_both(p, len, true) == CB_R_NONE)
		lengthened(p, len, how & 1, how);
	free(buffer);
	return 0;
}
