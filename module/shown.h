/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SYN and SYN-ACK of a handshake, made again from the cookie that the ACK opened.
 */
#ifndef CB_SHOWN_H
#define CB_SHOWN_H

#include "mode.h"

struct sk_buff *cb_shown_syn(const struct cb_ctx *ctx);
struct sk_buff *cb_shown_synack(const struct cb_ctx *ctx);

#endif
