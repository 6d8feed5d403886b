// SPDX-License-Identifier: GPL-2.0
/* Prints a published table: `tables classes|rows|lost`. The documentation
 * contains exactly this text; ./drift compares.
 */
#include "fixture.h"

static void print_classes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cb_mss_classes); i++)
		printf("%5u%s", cb_mss_classes[i], i % 8 == 7 ? "\n" : " ");
}

static void print_offer(const struct cb_offer *o)
{
	char scale[8] = "none";

	if (o->has_wscale)
		snprintf(scale, sizeof(scale), "%u", o->wscale);
	printf("%4u %4s %c%c", o->mss, scale, o->sack ? 'S' : '-', o->ecn ? 'E' : '-');
}

/* Four columns of 16; row numbers run down. */
static void print_rows(void)
{
	unsigned int line, column;

	for (column = 0; column < 4; column++)
		printf("%s", column < 3 ? "row  MSS   ws      " : "row  MSS   ws\n");
	for (line = 0; line < 16; line++) {
		for (column = 0; column < 4; column++) {
			printf("%3u ", column * 16 + line);
			print_offer(&cb_rows[column * 16 + line]);
			printf("%s", column < 3 ? "   " : "\n");
		}
	}
}

static void print_kept(u16 mss, int scale, bool sack, bool ecn, enum cb_form form)
{
	siphash_key_t key = fix_key(CB_KEY_COOKIE_ROWS, 10);
	struct cb_tuple tuple = fix_tuple4();
	struct cb_offer offer = {
		.mss = mss, .has_wscale = scale >= 0, .wscale = scale >= 0 ? scale : 0,
		.sack = sack, .ecn = ecn,
	};
	u32 isn;

	if (cb_cookie_seal(&key, &tuple, 0, 10, form, 7, &offer, &isn))
		print_offer(&offer);
	else
		printf("%12s", "to the stack");
}

/* What comes back of a SYN of each scale, with and without SACK and ECN. */
static void print_lost(u16 mss, enum cb_form form)
{
	int scale;

	printf("MSS %u offered, %s\n", mss,
	       form == CB_FORM_ROWS ? "single box" : "cluster");
	printf("  ws  SACK, ECN      SACK           ECN            neither\n");
	for (scale = -1; scale <= 14; scale++) {
		printf(scale < 0 ? "none  " : "%4d  ", scale);
		print_kept(mss, scale, true, true, form);
		printf("   ");
		print_kept(mss, scale, true, false, form);
		printf("   ");
		print_kept(mss, scale, false, true, form);
		printf("   ");
		print_kept(mss, scale, false, false, form);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "classes")) {
		print_classes();
	} else if (!strcmp(what, "rows")) {
		print_rows();
	} else if (!strcmp(what, "lost")) {
		print_lost(1460, CB_FORM_ROWS);
		printf("\n");
		print_lost(1460, CB_FORM_ROWS_CLUSTER);
	} else {
		fprintf(stderr, "usage: tables classes|rows|lost\n");
		return 2;
	}
	return 0;
}
