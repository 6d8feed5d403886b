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

/* Is the child there when cb_local_accept() returns? Else the stack makes it, later. */
bool cb_accept_makes_child(void);

/* A request sock of the segment's family, filled with what the cookie says;
 * NULL: no memory. accept.c.
 */
struct request_sock *cb_accept_request(const struct cb_ctx *ctx, struct sock *listener);

#endif
