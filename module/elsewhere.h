/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Destinations that look local but are taken elsewhere: released, and reported as
 * not_local.
 */
#ifndef CB_ELSEWHERE_H
#define CB_ELSEWHERE_H

#include "mode.h"

void cb_elsewhere_note(struct cb_net *cbn, const struct cb_tuple *t, u64 now_ms);
bool cb_elsewhere_has(struct cb_net *cbn, const struct cb_tuple *t, u64 now_ms);

#endif
