// SPDX-License-Identifier: GPL-2.0
/*
 * The table of services in force, and its look-up.
 *
 * Owns cb_net->table and the life of services and anchors.
 *
 * Invariant: a published table never changes; it holds a reference on each of
 * its services, and a service one on its anchor.  A table is freed a grace
 * period after its successor was published, so whatever a reader found lives
 * until it unlocks; the last reference to a service or anchor therefore is
 * never dropped under a reader's feet.
 *
 * Look-up (softirq, every TCP segment of the host): port bitmap, services
 * with a mark (few, in order of precedence), then one hash probe for each
 * prefix length in use, longest first; for each length first the services with
 * one port, then those with a range.
 *
 * Publishing (stage.c): process context under cb_net->lock.
 */
#include <linux/bitops.h>
#include <linux/rculist.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include "calm.h"
#include "net.h"
#include "table.h"

/* Writers of every namespace's list of anchors that rules name. */
static DEFINE_SPINLOCK(ruled_lock);

static bool port_in(const struct cb_service_spec *s, u16 port)
{
	return !s->port_max || (port >= s->port_min && port <= s->port_max);
}

static const struct cb_service *match_mark(const struct cb_table *t, u32 mark,
					   const struct cb_tuple *tuple, u16 port)
{
	u32 i;

	for (i = 0; i < t->n_marked; i++) {
		const struct cb_service_spec *s = &t->marked[i]->spec;

		if (((mark ^ s->mark) & s->mark_mask) || !port_in(s, port))
			continue;
		if (cb_prefix_has(&s->addr, &tuple->daddr, tuple->family))
			return t->marked[i];
	}
	return NULL;
}

static const struct cb_service *probe(const struct cb_table *t, const struct cb_probe *p,
				      const struct cb_addr *daddr, u16 port)
{
	u32 kind = p->kind | (u32)(port & p->port_mask) << 16;
	__be64 q0 = daddr->q[0] & p->mask[0];
	__be64 q1 = daddr->q[1] & p->mask[1];
	u32 i;

	i = t->bucket[cb_table_hash(q0, q1, kind) & t->bucket_mask];
	for (; i != CB_CHAIN_END; i = t->entry[i].next) {
		const struct cb_entry *e = &t->entry[i];

		if (e->kind == kind && e->addr.q[0] == q0 && e->addr.q[1] == q1 &&
		    port >= e->port_min && port <= e->port_max)
			return e->svc;
	}
	return NULL;
}

/**
 * cb_service_match() - the service of a segment
 * @cbn:	namespace
 * @mark:	firewall mark of the segment
 * @tuple:	destination address and port select
 *
 * Context: rcu_read_lock(). Return: the service (valid until unlock) or NULL.
 */
const struct cb_service *cb_service_match(const struct cb_net *cbn, u32 mark,
					  const struct cb_tuple *tuple)
{
	const struct cb_table *t = rcu_dereference(cbn->table);
	const struct cb_service *svc;
	u16 port = ntohs(tuple->dport);
	unsigned int v6, i;

	if (unlikely(!t->n || !test_bit(port, t->ports)))
		return NULL;
	svc = t->n_marked ? match_mark(t, mark, tuple, port) : NULL;
	v6 = tuple->family == AF_INET6;
	for (i = 0; !svc && i < t->n_probes[v6]; i++)
		svc = probe(t, &t->probes[v6][i], &tuple->daddr, port);
	return svc;
}

const struct cb_service *cb_service_lookup(const struct cb_net *cbn,
					   const struct sk_buff *skb,
					   const struct cb_tuple *tuple)
{
	return cb_service_match(cbn, skb->mark, tuple);
}

static const struct cb_service *any_ruled(const struct cb_net *cbn)
{
	const struct hlist_node *first = rcu_dereference(hlist_first_rcu(&cbn->ruled));

	return first ? cb_service_of_rule(hlist_entry(first, struct cb_anchor, ruled)) : NULL;
}

static const struct cb_service *any_marked(const struct cb_net *cbn,
					   const struct cb_tuple *tuple)
{
	const struct cb_table *t = rcu_dereference(cbn->table);
	u16 port = ntohs(tuple->dport);
	u32 i;

	for (i = 0; i < t->n_marked; i++) {
		const struct cb_service_spec *s = &t->marked[i]->spec;

		if (port_in(s, port) && cb_prefix_has(&s->addr, &tuple->daddr, tuple->family))
			return t->marked[i];
	}
	return NULL;
}

const struct cb_service *cb_service_delivery(const struct cb_net *cbn,
					     const struct sk_buff *skb,
					     const struct cb_tuple *tuple)
{
	const struct cb_service *svc = cb_service_lookup(cbn, skb, tuple);

	if (!svc)
		svc = any_marked(cbn, tuple);
	return svc ? svc : any_ruled(cbn);
}

/**
 * cb_service_allows() - is the source on the allow list?
 * @svc:	the service
 * @tuple:	source address counts
 *
 * Context: rcu_read_lock(), any. At most CB_ALLOW_MAX comparisons.
 */
bool cb_service_allows(const struct cb_service *svc, const struct cb_tuple *tuple)
{
	unsigned int i;

	for (i = 0; i < svc->spec.n_allow; i++)
		if (cb_prefix_has(&svc->allow[i], &tuple->saddr, tuple->family))
			return true;
	return false;
}

const struct cb_service *cb_service_by_name(const struct cb_net *cbn, const char *name)
{
	const struct cb_table *t = rcu_dereference(cbn->table);
	u32 i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->all[i]->spec.name, name))
			return t->all[i];
	return NULL;
}

const struct cb_service *cb_service_from_id(const struct cb_net *cbn, u32 id)
{
	const struct cb_table *t = rcu_dereference(cbn->table);
	u32 low = 0, high = t->n;

	while (low < high) {			/* all[] is in order of ids */
		u32 mid = (low + high) / 2;

		if (t->all[mid]->anchor->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->n ? t->all[low] : NULL;
}

u32 cb_service_generation(const struct cb_net *cbn)
{
	return rcu_dereference(cbn->table)->generation;
}

/**
 * cb_service_totals() - what the table holds
 * @cbn:	namespace
 * @t:		filled in
 *
 * Context: rcu_read_lock().
 */
void cb_service_totals(const struct cb_net *cbn, struct cb_service_totals *t)
{
	const struct cb_table *table = rcu_dereference(cbn->table);
	u32 i;

	t->services = table->n;
	t->bytes = table->bytes;
	for (i = 0; i < table->n; i++)
		t->bytes += cb_service_bytes(table->all[i]->spec.n_allow) +
			    cb_calm_bytes(table->all[i]->anchor);
}

/**
 * cb_service_get_for_rule() - a rule names a service
 * @cbn:	namespace of the rule
 * @name:	of the service
 *
 * Context: process, takes cb_net->lock, so that it never meets a commit that
 * removes the service.
 * Return: the anchor, to be put with cb_service_put_for_rule(), or NULL.
 */
struct cb_anchor *cb_service_get_for_rule(struct cb_net *cbn, const char *name)
{
	const struct cb_service *svc;
	struct cb_anchor *anchor = NULL;

	mutex_lock(&cbn->lock);
	rcu_read_lock();
	svc = cb_service_by_name(cbn, name);
	if (svc) {
		anchor = svc->anchor;
		kref_get(&anchor->ref);
		spin_lock(&ruled_lock);
		if (atomic_inc_return(&anchor->rules) == 1)
			hlist_add_head_rcu(&anchor->ruled, &cbn->ruled);
		spin_unlock(&ruled_lock);
	}
	rcu_read_unlock();
	mutex_unlock(&cbn->lock);
	return anchor;
}

/* Context: process, may sleep. Waits for readers of cb_net->ruled when the last
 * rule goes. The namespace may be gone: its list was emptied then.
 */
void cb_service_put_for_rule(struct cb_anchor *anchor)
{
	bool last;

	spin_lock(&ruled_lock);
	last = atomic_dec_and_test(&anchor->rules);
	if (last && !hlist_unhashed(&anchor->ruled))
		hlist_del_init_rcu(&anchor->ruled);
	spin_unlock(&ruled_lock);
	if (last)
		synchronize_rcu();
	cb_anchor_put(anchor);
}

static void forget_rules(struct cb_net *cbn)
{
	spin_lock(&ruled_lock);
	while (!hlist_empty(&cbn->ruled))
		hlist_del_init_rcu(cbn->ruled.first);
	spin_unlock(&ruled_lock);
}

static void free_anchor(struct kref *ref)
{
	struct cb_anchor *anchor = container_of(ref, struct cb_anchor, ref);

	cb_calm_free(anchor);
	free_percpu(anchor->counters);
	kfree(anchor);
}

void cb_anchor_put(struct cb_anchor *anchor)
{
	kref_put(&anchor->ref, free_anchor);
}

static void free_service(struct kref *ref)
{
	struct cb_service *svc = container_of(ref, struct cb_service, ref);

	cb_anchor_put(svc->anchor);
	kfree(svc);
}

void cb_service_put(struct cb_service *svc)
{
	kref_put(&svc->ref, free_service);
}

/* Frees a table that no reader can see, and what only it held. */
void cb_table_release(struct cb_table *t)
{
	u32 i;

	for (i = 0; i < t->n; i++)
		cb_service_put(t->all[i]);
	cb_table_free(t);
}

static void release_table(struct rcu_head *rcu)
{
	cb_table_release(container_of(rcu, struct cb_table, rcu));
}

/* Rules follow their service to its new settings, or learn that it is gone.
 * Both tables are in order of ids.
 */
static void move_anchors(const struct cb_table *old, const struct cb_table *t)
{
	u32 i, j = 0;

	for (i = 0; t && i < t->n; i++)
		rcu_assign_pointer(t->all[i]->anchor->now, t->all[i]);
	for (i = 0; old && i < old->n; i++) {
		struct cb_anchor *anchor = old->all[i]->anchor;

		while (t && j < t->n && t->all[j]->anchor->id < anchor->id)
			j++;
		if (!t || j == t->n || t->all[j]->anchor != anchor)
			RCU_INIT_POINTER(anchor->now, NULL);
	}
}

/**
 * cb_table_publish() - put a table in force
 * @cbn:	namespace
 * @t:		the table, or NULL when the namespace goes
 *
 * Context: process, cb_net->lock held.
 */
void cb_table_publish(struct cb_net *cbn, struct cb_table *t)
{
	struct cb_table *old;

	old = rcu_replace_pointer(cbn->table, t, lockdep_is_held(&cbn->lock));
	move_anchors(old, t);
	if (old)
		call_rcu(&old->rcu, release_table);
}

int cb_service_init(struct cb_net *cbn)
{
	struct cb_table *t = cb_table_build(NULL, 0);

	if (!t)
		return -ENOMEM;
	t->next_id = 1;
	rcu_assign_pointer(cbn->table, t);
	return 0;
}

void cb_service_exit(struct cb_net *cbn)
{
	forget_rules(cbn);
	mutex_lock(&cbn->lock);
	cb_table_publish(cbn, NULL);
	mutex_unlock(&cbn->lock);
}
