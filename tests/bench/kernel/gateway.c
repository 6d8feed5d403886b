// SPDX-License-Identifier: GPL-2.0
/*
 * Rounds through a gateway.  Client and server are both made up, and each sends
 * what it would: the client an ACK once a SYN-ACK came, the server a SYN-ACK once
 * a SYN came.  So the same loop takes a connection through a router, which
 * forwards the three of them, and through a defence, which answers the SYN itself
 * and asks the server only behind the ACK.
 *
 * Of a handshake all batches together count as one.
 */
#include "bench.h"

#define STEPS		4	/* no peer needs more than three */

/* What the flow sends next, NULL if nothing. */
static struct sk_buff *next_of(struct flow *flow)
{
	struct end *client = &flow->end[CLIENT], *server = &flow->end[SERVER];

	if (!client->said) {
		client->said = true;
		return forge(flow, CLIENT, FORM_SYN);
	}
	if (server->asked && !server->said) {
		server->said = true;
		return forge(flow, SERVER, FORM_SYNACK);
	}
	if (client->asked && !flow->acked) {
		flow->acked = true;
		client->seq = client->isn + 1;
		client->tsval++;
		return forge(flow, CLIENT, FORM_ACK);
	}
	return NULL;
}

static unsigned int forge_next(void)
{
	unsigned int i, count = 0;

	for (i = 0; i < BATCH; i++) {
		bench.skb[i] = next_of(&bench.flow[i]);
		count += !!bench.skb[i];
	}
	return count;
}

/* Makes a batch of connections. */
int gateway_connect(struct result *res, bool counts)
{
	u64 synacks = bench.synacks, resets = bench.resets, opened = bench.opened;
	unsigned int i;

	forge_flows(0);
	for (i = 0; i < STEPS && forge_next(); i++) {
		bench.recording = true;
		if (counts)
			round_measure(res, i);
		else
			round_deliver(res);
		bench.recording = false;
		bench_read_seen();
	}
	res->synacks += bench.synacks - synacks;
	res->resets += bench.resets - resets;
	res->accepted += bench.opened - opened;
	return 0;
}

/* One segment of data of each. */
int gateway_data(struct result *res, enum side from, bool counts)
{
	unsigned int i;
	int err;

	for (i = 0; i < BATCH; i++) {
		struct end *end = &bench.flow[i].end[from];

		if (from == SERVER && end->seq == end->isn)
			end->seq++;
		end->tsval++;
	}
	err = forge_all(from, FORM_DATA);
	if (err)
		return err;
	if (counts)
		round_measure(res, false);
	else
		round_deliver(res);
	bench.seen_count = 0;
	for (i = 0; i < BATCH; i++)
		bench.flow[i].end[from].seq += DATA_LEN;
	return 0;
}
