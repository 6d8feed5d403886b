/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From an opened cookie to a socket: what both socket paths share, and what
 * differs (compat/accept-attach.c, compat/accept-child.c; chosen by Kbuild).
 */
#ifndef CB_ACCEPT_H
#define CB_ACCEPT_H

#include "mode.h"

struct request_sock;
struct request_sock_ops;
struct sock;

/* Can the path make children of MPTCP listeners? */
bool cb_accept_mptcp(void);

/* Request sock operations of the segment's family. */
const struct request_sock_ops *cb_accept_ops(const struct cb_ctx *ctx);

/* Fills what the cookie, the segment and the namespace say (accept.c). */
void cb_accept_fill(struct request_sock *req, const struct cb_ctx *ctx,
		    const struct sock *listener);

#endif
