// SPDX-License-Identifier: GPL-2.0
/*
 * Spliced flows: how they begin, what bounds them and how they end.
 *
 *	waiting --SYN-ACK--> open --FINs, RST--> closing --linger--> gone
 *	   |                                        |
 *	   +--refusal, silence, room needed----> gone <-- room needed
 *
 * Owns struct cb_splice.  Invariants: a flow is in the table of flows and in one of the
 * lists waiting, pinned (open) and closing, until it is taken out under flows->lock; who
 * takes it out disposes of it.  While it is there it holds the module.  An open flow is
 * never given up for another; a waiting one is (the oldest), as its client's next segment
 * opens the cookie again, and a closing one.
 *
 * Life: whoever finds a flow in softirq, its timer included, may use it until it leaves
 * the softirq or rcu_read_unlock(); it is freed a grace period after it was taken out and
 * its timer shut down.  The timer, should it be running just then, finds it gone.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "flow-local.h"
#include "redeem.h"
#include "splice.h"
#include "table.h"

#define GIVE_WAY	2	/* for one that comes, so that a lowered limit is reached */

static struct kmem_cache *cache __read_mostly;

struct cb_splice *cb_splice_find(const struct cb_net *cbn, const struct cb_tuple *tuple)
{
	struct cb_flow_key key;
	struct cb_flow *flow;

	if (!cb_flow_may_be_spliced(cbn->flows, tuple))
		return NULL;
	cb_flow_key_of(&key, tuple);
	flow = rhashtable_lookup(&cbn->flows->table, &key, cb_flow_params);
	return flow && flow->spliced ? cb_splice_of(flow) : NULL;
}

/* Of whoever is still there to be counted for. */
void cb_splice_count(const struct cb_splice *sp, enum cb_reason reason)
{
	u32 id = sp->flow.facts.service;
	const struct cb_service *svc = cb_service_from_id(sp->cbn, id);

	if (svc && svc->anchor->id == id)
		cb_count(svc, reason, false);
}

void cb_splice_free(struct cb_flow *flow)
{
	kmem_cache_free(cache, cb_splice_of(flow));
}

void cb_splice_take_out(struct cb_flows *flows, struct cb_splice *sp)
{
	struct cb_splicing *s = sp->cbn->splicing;

	lockdep_assert_held(&flows->lock);
	if (sp->state == CB_SPLICE_WAITING) {
		flows->n.waiting--;
		cb_splice_cap_sub(s, &sp->flow.key);
		cb_splice_unaccount(s, sp);
	}
	cb_flow_take_pinned(flows, &sp->flow);
}

/* The hooks may have stayed for it alone. */
static void tell_if_last(struct cb_net *cbn)
{
	if (!READ_ONCE(cbn->flows->n.pinned) && !rcu_dereference(cbn->table)->splices)
		queue_work(cb_wq, &cbn->splicing->idle);
}

void cb_splice_dispose(struct cb_splice *sp)
{
	if (sp->state == CB_SPLICE_WAITING)
		cb_splice_drop_held(sp->w.held);
	timer_shutdown(&sp->timer);
	tell_if_last(sp->cbn);
	cb_flow_free_later(&sp->flow);
	module_put(THIS_MODULE);	/* whose exit waits for softirqs and for RCU */
}

static bool end(struct cb_splice *sp, unsigned long states)
{
	struct cb_flows *flows = sp->cbn->flows;
	bool there;

	spin_lock_bh(&flows->lock);
	there = !sp->flow.gone && (states & BIT(sp->state));
	if (there)
		cb_splice_take_out(flows, sp);
	spin_unlock_bh(&flows->lock);
	if (there)
		cb_splice_dispose(sp);
	return there;
}

bool cb_splice_end(struct cb_splice *sp)
{
	return end(sp, ~0ul);
}

bool cb_splice_end_waiting(struct cb_splice *sp)
{
	return end(sp, BIT(CB_SPLICE_WAITING));
}

bool cb_splice_end_unless_open(struct cb_splice *sp)
{
	return end(sp, ~BIT(CB_SPLICE_OPEN));
}

/* What was taken out for others, to be disposed of without the lock. */
struct victims {
	struct cb_splice *one[2 * GIVE_WAY];
	unsigned int n;
};

static void take_oldest(struct cb_flows *flows, struct list_head *list, struct victims *v)
{
	struct cb_splice *sp = list_last_entry(list, struct cb_splice, flow.order);

	cb_splice_take_out(flows, sp);
	v->one[v->n++] = sp;
}

static enum cb_reason make_room(struct cb_flows *flows, const struct cb_splice *sp,
				struct victims *v)
{
	const struct cb_sysctl *sysctl = &sp->cbn->sysctl;
	u64 waiting = READ_ONCE(sysctl->splice_waiting_max);
	u64 most = READ_ONCE(sysctl->splice_max);
	unsigned int i;

	for (i = 0; i < GIVE_WAY && flows->n.waiting >= waiting; i++)
		take_oldest(flows, &flows->waiting, v);
	for (i = 0; i < GIVE_WAY && flows->n.pinned >= most; i++) {
		if (list_empty(&flows->closing))
			return CB_R_SPLICE_FULL;
		take_oldest(flows, &flows->closing, v);
	}
	return CB_R_NONE;
}

static void throw_out(struct victims *v)
{
	unsigned int i;

	for (i = 0; i < v->n; i++) {
		if (v->one[i]->state == CB_SPLICE_WAITING) {
			cb_splice_count(v->one[i], CB_R_SPLICE_EVICTED);
			cb_redeem_undo(v->one[i]->cbn, v->one[i]->w.print);
		}
		cb_splice_dispose(v->one[i]);
	}
}

static struct cb_splice *make(const struct cb_ctx *ctx)
{
	struct cb_splice *sp = kmem_cache_zalloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	const struct cb_opened *opened = &ctx->opened;

	if (!sp)
		return NULL;
	cb_flow_key_of(&sp->flow.key, &ctx->seg.tuple);
	cb_flow_facts_of(&sp->flow.facts, ctx);
	if (ctx->seg.tuple.family == AF_INET6)
		sp->flow.facts.flowlabel = ip6_flowlabel(ipv6_hdr(ctx->skb));
	sp->flow.spliced = 1;
	sp->cbn = ctx->cbn;
	sp->cisn = opened->cisn;
	sp->isn = opened->isn;
	sp->mark = ctx->skb->mark;
	sp->ifindex = ctx->state->in->ifindex;
	sp->vrf = netif_is_l3_master(ctx->state->in);
	sp->tos = ctx->dress.tos;
	sp->ttl = ctx->dress.ttl;
	sp->w.print = opened->print;
	sp->w.print_at = ctx->print_at;
	sp->w.ts_off = opened->ts_off;
	sp->w.tsval = opened->tsval;
	sp->w.window = ctx->seg.window;
	timer_setup(&sp->timer, cb_splice_timer, 0);
	return sp;
}

static enum cb_reason insert(struct cb_flows *flows, struct cb_splice *sp, struct victims *v)
{
	enum cb_reason reason = make_room(flows, sp, v);
	struct cb_flow *other;

	if (reason != CB_R_NONE)
		return reason;
	other = cb_flow_insert_pinned(flows, &sp->flow, &flows->waiting);
	if (other)			/* another CPU was first, with the same handshake */
		return IS_ERR(other) ? CB_R_NO_MEMORY : CB_R_REPEATED;
	return CB_R_NONE;
}

static enum cb_reason put_in(struct cb_flows *flows, struct cb_splice *sp, struct victims *v)
{
	struct cb_splicing *s = sp->cbn->splicing;
	enum cb_reason reason;

	if (flows->closed)
		return CB_R_SPLICE_FULL;
	if (!cb_splice_cap_add(s, &sp->flow.key))
		return CB_R_SPLICE_CAP;
	reason = insert(flows, sp, v);
	if (reason != CB_R_NONE) {
		cb_splice_cap_sub(s, &sp->flow.key);
		return reason;
	}
	flows->n.waiting++;
	cb_splice_listen(s, sp->flow.key.dport);
	mod_timer(&sp->timer, jiffies + cb_splice_first());
	return CB_R_NONE;
}

struct cb_splice *cb_splice_begin(struct cb_ctx *ctx, enum cb_reason *reason)
{
	struct cb_flows *flows = ctx->cbn->flows;
	struct cb_splice *sp = make(ctx);
	struct victims v = { .n = 0 };

	*reason = CB_R_NO_MEMORY;
	if (!sp)
		return NULL;
	if (!try_module_get(THIS_MODULE)) {
		cb_splice_free(&sp->flow);
		return NULL;
	}
	spin_lock_bh(&flows->lock);
	*reason = put_in(flows, sp, &v);
	spin_unlock_bh(&flows->lock);
	throw_out(&v);
	if (*reason == CB_R_NONE)
		return sp;
	cb_splice_free(&sp->flow);
	module_put(THIS_MODULE);
	return NULL;
}

/* The union changes its meaning: what was waiting is the caller's from here on. */
static void become_open(struct cb_splice *sp, const struct cb_shift *shift,
			const struct cb_splice_end *server, struct cb_splice_waiting *was)
{
	struct cb_splicing *s = sp->cbn->splicing;
	u32 now = cb_splice_now();
	u8 wscale = sp->flow.facts.has & CB_OPT_WSCALE ? sp->flow.facts.wscale : 0;

	cb_splice_unaccount(s, sp);
	cb_splice_cap_sub(s, &sp->flow.key);
	*was = sp->w;
	sp->shift = *shift;
	sp->server = *server;
	sp->server.heard = now;
	sp->client = (struct cb_splice_end) {
		.ack = sp->isn + 1,
		.window = (u32)was->window << wscale,
		.heard = now,
		.wscale = wscale,
	};
	sp->tries = 0;
	smp_store_release(&sp->state, CB_SPLICE_OPEN);	/* the rest is there to be read */
}

bool cb_splice_open(struct cb_splice *sp, const struct cb_shift *shift,
		    const struct cb_splice_end *server, struct cb_splice_waiting *was)
{
	struct cb_flows *flows = sp->cbn->flows;
	bool waits;

	spin_lock_bh(&flows->lock);
	waits = !sp->flow.gone && sp->state == CB_SPLICE_WAITING;
	if (waits) {
		become_open(sp, shift, server, was);
		flows->n.waiting--;
		list_move(&sp->flow.order, &flows->pinned);
		mod_timer(&sp->timer, jiffies + cb_splice_idle(sp->cbn));
	}
	spin_unlock_bh(&flows->lock);
	return waits;
}

void cb_splice_close(struct cb_splice *sp)
{
	struct cb_flows *flows = sp->cbn->flows;

	spin_lock_bh(&flows->lock);
	if (!sp->flow.gone && sp->state == CB_SPLICE_OPEN) {
		WRITE_ONCE(sp->state, CB_SPLICE_CLOSING);
		list_move(&sp->flow.order, &flows->closing);
		mod_timer(&sp->timer, jiffies + cb_splice_linger(sp->cbn));
	}
	spin_unlock_bh(&flows->lock);
}

/* Both views of what each end expects. */
static void tell_both(const struct cb_splice *sp, u32 client, u32 server)
{
	struct cb_made rst = { .flags = CB_TCP_RST, .seq = client };

	cb_splice_to_client(sp, &rst);
	rst.seq = server;
	cb_splice_to_server(sp, &rst);
}

/* Under flows->lock.  A waiting one is taken out, as nobody can have sent much yet. */
static bool begin_reset(struct cb_flows *flows, struct cb_splice *sp)
{
	if (sp->flow.gone || sp->state == CB_SPLICE_RESET)
		return false;
	if (sp->state == CB_SPLICE_WAITING) {
		cb_splice_take_out(flows, sp);
		return true;
	}
	WRITE_ONCE(sp->state, CB_SPLICE_RESET);
	list_move(&sp->flow.order, &flows->closing);
	mod_timer(&sp->timer, jiffies + HZ);
	return true;
}

bool cb_splice_reset(struct cb_splice *sp)
{
	struct cb_flows *flows = sp->cbn->flows;
	bool done, waited;

	spin_lock_bh(&flows->lock);
	waited = sp->state == CB_SPLICE_WAITING;
	done = begin_reset(flows, sp);
	spin_unlock_bh(&flows->lock);
	if (!done)
		return false;
	if (waited)
		tell_both(sp, sp->isn + 1, sp->cisn + 1);
	else
		tell_both(sp, READ_ONCE(sp->client.ack), READ_ONCE(sp->server.ack));
	if (waited)
		cb_splice_dispose(sp);
	return true;
}

unsigned int cb_splice_answer_reset(const struct cb_splice *sp, const struct cb_segment *seg,
				    bool client)
{
	struct cb_made rst = { .flags = CB_TCP_RST, .seq = seg->ack };

	if ((seg->flags & (CB_TCP_ACK | CB_TCP_RST)) != CB_TCP_ACK)
		return NF_DROP;
	if (client)
		cb_splice_to_client(sp, &rst);
	else
		cb_splice_to_server(sp, &rst);
	return NF_DROP;
}

void cb_splice_doubt(struct cb_splice *sp)
{
	struct cb_flows *flows = sp->cbn->flows;

	spin_lock_bh(&flows->lock);
	if (!sp->flow.gone && sp->state == CB_SPLICE_OPEN && !sp->doubted) {
		WRITE_ONCE(sp->doubted, true);
		mod_timer(&sp->timer, jiffies + CB_SPLICE_DOUBT);
	}
	spin_unlock_bh(&flows->lock);
}

static struct cb_splice *any_of(struct list_head *list)
{
	return list_first_entry_or_null(list, struct cb_splice, flow.order);
}

void cb_splice_end_all(struct cb_net *cbn)
{
	struct cb_flows *flows = cbn->flows;
	struct cb_splice *sp;

	spin_lock_bh(&flows->lock);
	flows->closed = true;		/* a rule may still see segments */
	spin_unlock_bh(&flows->lock);
	do {
		rcu_read_lock();
		spin_lock_bh(&flows->lock);
		sp = any_of(&flows->waiting) ?: any_of(&flows->pinned) ?:
		     any_of(&flows->closing);
		spin_unlock_bh(&flows->lock);
		if (sp)
			cb_splice_end(sp);
		rcu_read_unlock();
		cond_resched();
	} while (sp);
}

int cb_splice_register(void)
{
	/* Locks and timers of debug kernels are larger. */
	BUILD_BUG_ON(!IS_ENABLED(CONFIG_LOCKDEP) && sizeof(struct cb_splice) > 224);
	cache = KMEM_CACHE(cb_splice, 0);
	return cache ? 0 : -ENOMEM;
}

/* All flows are gone, and rcu_barrier() has been called. */
void cb_splice_unregister(void)
{
	kmem_cache_destroy(cache);
}
