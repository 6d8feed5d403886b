/* SPDX-License-Identifier: GPL-2.0 */
/* Look-up of MSS classes and option rows, for cookie.c alone (rows.c). */
#ifndef CB_ROWS_H
#define CB_ROWS_H

#include "cookie.h"

/* Highest class not above @mss, or -1. */
int cb_rows_mss_class(u16 mss);

/**
 * cb_rows_find() - the best row that offers no more than @offer
 * @class:	cb_rows_mss_class() of the offer
 * @cluster:	only the first CB_ROWS_CLUSTER rows
 *
 * Return: row number, or -1 if even the lowest MSS of any row is too high.
 */
int cb_rows_find(const struct cb_offer *offer, unsigned int class, bool cluster);

#endif
