/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Generic netlink: the one place for requests, the kernel's sentences, dumps
 * and transactions.
 *
 * Everything that fails prints its sentence here (unless quiet) and returns
 * an exit code, so that a verb only has to pass it on.  Buffers are zeroed on
 * close, as keys pass through them.
 */
#ifndef COOKIEBOX_GENL_H
#define COOKIEBOX_GENL_H

#include <libmnl/libmnl.h>
#include <linux/cookiebox.h>
#include <stdbool.h>
#include <stdint.h>

/* A reply of any operation fits: counters or allow list of one service. */
#define GENL_BUFFER	65536

struct genl {
	struct mnl_socket *nl;
	uint16_t family;
	uint32_t events;	/* multicast group */
	uint32_t seq;
	bool quiet;		/* completion: fail without a sentence */
	const char *const *words;	/* words of the CLI by attribute, or NULL */
	size_t n_words;
	char request[GENL_BUFFER];
	char reply[GENL_BUFFER];
	struct genl_queue *queue;	/* of genl_queue(), or NULL */
};

/* Return 0, or an exit code to stop. */
typedef int (*genl_reply_fn)(const struct nlmsghdr *nlh, void *data);

int genl_open(struct genl *g);
void genl_close(struct genl *g);

/* Starts a request in @g->request; attributes are put into what it returns. */
struct nlmsghdr *genl_new(struct genl *g, uint8_t cmd);

/* Sends it; @fn (or NULL) is called with each reply. */
int genl_do(struct genl *g, genl_reply_fn fn, void *data);

/*
 * Sends it as a dump. A dump during which the table changed is asked again:
 * @restart makes @data empty before each attempt.
 */
int genl_dump(struct genl *g, genl_reply_fn fn, void (*restart)(void *data), void *data);

/*
 * A transaction on this socket: all that is sent between the two, or nothing.  With
 * @generation it is refused unless that is still in force.
 */
int genl_begin(struct genl *g, const uint32_t *generation);
int genl_commit(struct genl *g);

/*
 * Many requests that have no replies, with one system call for hundreds of
 * them.  What genl_new() began is queued, and sent when there is enough;
 * genl_flush() sends the rest.  The first one that is refused ends it; before
 * its sentence, @where is called with its @what, to call fail_in().
 */
typedef void (*genl_where_fn)(const void *what);
int genl_queue(struct genl *g, genl_where_fn where, const void *what);
int genl_flush(struct genl *g);

/* Joins the multicast group of events. */
int genl_listen(struct genl *g);
/* Waits for events and hands each of them to @fn; 0 after one datagram. */
int genl_wait(struct genl *g, genl_reply_fn fn, void *data);

#endif
