// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: a private draft of the list of services, published whole.
 *
 * Invariant: a stage holds a reference on every service of its list, and the
 * list is in order of ids; a refused change leaves it as it was.  A service that
 * goes leaves a hole, so that the others keep their slots, which the index
 * knows; holes are closed at the commit.  Nothing of a stage can be seen before
 * the commit, which fails if the table it was drafted from is no longer the one
 * in force.
 *
 * Process context; the holder (netlink.c, one per socket) serialises.
 * cb_stage_commit() takes cb_net->lock.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "calm.h"
#include "mode.h"
#include "net.h"
#include "netlink.h"
#include "splice.h"
#include "stageindex.h"
#include "table.h"

/* Bytes of new services, without counters, that one socket may stage. */
#define STAGE_BYTES_MAX	(16u << 20)

struct cb_stage {
	struct cb_net *cbn;
	struct cb_service **all;	/* referenced; NULL: a hole */
	u32 n, room;			/* slots */
	u32 holes;
	struct cb_stage_index index;
	u32 generation;			/* of the table it was drafted from */
	u32 next_id;
	size_t bytes;
};

static int make_room(struct cb_stage *st, u32 room)
{
	struct cb_service **all;
	u32 i;

	all = kvcalloc(room, sizeof(*all), GFP_KERNEL_ACCOUNT);
	if (!all)
		return -ENOMEM;
	if (cb_stage_index_init(&st->index, room)) {
		kvfree(all);
		return -ENOMEM;
	}
	if (st->n)
		memcpy(all, st->all, st->n * sizeof(*all));
	kvfree(st->all);
	st->all = all;
	st->room = room;
	for (i = 0; i < st->n; i++)
		if (all[i])
			cb_stage_index_add(&st->index, i, &all[i]->spec);
	return 0;
}

/**
 * cb_stage_begin() - a draft of the table in force
 * @cbn:	namespace
 *
 * Context: process, takes cb_net->lock. Return: the stage, or NULL (memory).
 */
struct cb_stage *cb_stage_begin(struct cb_net *cbn)
{
	struct cb_stage *st = kzalloc(sizeof(*st), GFP_KERNEL_ACCOUNT);
	const struct cb_table *t;

	if (!st)
		return NULL;
	st->cbn = cbn;
	mutex_lock(&cbn->lock);
	t = rcu_dereference_protected(cbn->table, lockdep_is_held(&cbn->lock));
	if (make_room(st, t->n + 8)) {
		mutex_unlock(&cbn->lock);
		kfree(st);
		return NULL;
	}
	for (; st->n < t->n; st->n++) {
		kref_get(&t->all[st->n]->ref);
		st->all[st->n] = t->all[st->n];
		cb_stage_index_add(&st->index, st->n, &st->all[st->n]->spec);
	}
	st->generation = t->generation;
	st->next_id = t->next_id;
	mutex_unlock(&cbn->lock);
	return st;
}

void cb_stage_drop(struct cb_stage *st)
{
	u32 i;

	for (i = 0; i < st->n; i++)
		if (st->all[i])
			cb_service_put(st->all[i]);
	cb_stage_index_free(&st->index);
	kvfree(st->all);
	kfree(st);
}

u32 cb_stage_generation(const struct cb_stage *st)
{
	return st->generation;
}

static u32 find(const struct cb_stage *st, const char *name)
{
	return cb_stage_index_name(&st->index, st->all, name);
}

const struct cb_service *cb_stage_find(const struct cb_stage *st, const char *name)
{
	u32 i = find(st, name);

	return i != CB_SLOT_NONE ? st->all[i] : NULL;
}

/* Is the place that of another service than number @self? */
static int check_place(const struct cb_stage *st, const struct cb_service_spec *spec,
		       u32 self, struct netlink_ext_ack *extack)
{
	u32 i = cb_stage_index_place(&st->index, st->all, spec);

	if (i == CB_SLOT_NONE || i == self)
		return 0;
	CB_NL_ERR_FMT(extack, "another service has the same address, port and mark",
		      "service %s has the same address, port and mark", st->all[i]->spec.name);
	return -EEXIST;
}

static struct cb_anchor *new_anchor(u32 id)
{
	struct cb_anchor *anchor = kzalloc(sizeof(*anchor), GFP_KERNEL_ACCOUNT);

	if (!anchor)
		return NULL;
	anchor->counters = alloc_percpu_gfp(struct cb_counters, GFP_KERNEL_ACCOUNT);
	if (!anchor->counters) {
		kfree(anchor);
		return NULL;
	}
	kref_init(&anchor->ref);
	anchor->id = id;
	return anchor;
}

/* Takes over the caller's reference on @anchor. */
static struct cb_service *new_service(const struct cb_service_spec *spec,
				      struct cb_anchor *anchor)
{
	struct cb_service *svc;

	svc = kzalloc(struct_size(svc, allow, spec->n_allow), GFP_KERNEL_ACCOUNT);
	if (!svc)
		return NULL;
	svc->spec = *spec;
	if (spec->n_allow)
		memcpy(svc->allow, spec->allow, spec->n_allow * sizeof(*spec->allow));
	svc->spec.allow = svc->allow;
	svc->ops = cb_mode_by_id(spec->mode);
	svc->anchor = anchor;
	svc->counters = anchor->counters;
	kref_init(&svc->ref);
	return svc;
}

/* A service that may go into the list, with the limits of the stage kept. */
static struct cb_service *make(struct cb_stage *st, const struct cb_service_spec *spec,
			       struct cb_anchor *anchor, struct netlink_ext_ack *extack)
{
	size_t bytes = st->bytes + sizeof(struct cb_service) +
		       spec->n_allow * sizeof(struct cb_prefix);
	struct cb_service *svc;

	if (bytes > STAGE_BYTES_MAX) {
		NL_SET_ERR_MSG(extack, "the transaction is too large: commit, and begin another");
		return ERR_PTR(-ENOBUFS);
	}
	if (anchor)
		kref_get(&anchor->ref);
	else
		anchor = new_anchor(st->next_id);
	if (!anchor)
		return ERR_PTR(-ENOMEM);
	svc = new_service(spec, anchor);
	if (!svc) {
		cb_anchor_put(anchor);
		return ERR_PTR(-ENOMEM);
	}
	st->bytes = bytes;
	return svc;
}

/**
 * cb_stage_add() - stage a new service
 * @st:		stage
 * @spec:	checked by the caller, but for what other services have to say
 * @attr:	the name's attribute, to blame, or NULL
 * @extack:	says why not
 *
 * Return: 0, -EEXIST (name or selector), -ENOSPC, -ENOBUFS or -ENOMEM.
 */
int cb_stage_add(struct cb_stage *st, const struct cb_service_spec *spec,
		 const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	struct cb_service *svc;
	int err;

	if (cb_stage_find(st, spec->name)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "a service with this name exists already");
		return -EEXIST;
	}
	err = check_place(st, spec, CB_SLOT_NONE, extack);
	if (err)
		return err;
	if (st->n - st->holes >= CB_SERVICES_MAX || st->next_id == U32_MAX) {
		NL_SET_ERR_MSG(extack, "the table is full: 16384 services per namespace");
		return -ENOSPC;
	}
	if (st->n == st->room && make_room(st, 2 * st->room))
		return -ENOMEM;
	svc = make(st, spec, NULL, extack);
	if (IS_ERR(svc))
		return PTR_ERR(svc);
	cb_stage_index_add(&st->index, st->n, &svc->spec);
	st->all[st->n++] = svc;
	st->next_id++;
	return 0;
}

static int no_such_name(const struct nlattr *attr, const char *name,
			struct netlink_ext_ack *extack)
{
	CB_NL_ERR_ATTR_FMT(extack, attr, "no service has this name",
			   "no service is named %s", name);
	return -ENOENT;
}

/**
 * cb_stage_set() - stage new settings of a service; counters and id stay
 * @st:		stage
 * @spec:	complete; its name says which
 * @attr:	the name's attribute, to blame, or NULL
 * @extack:	says why not
 *
 * Return: 0, -ENOENT, -EEXIST (selector), -ENOBUFS or -ENOMEM.
 */
int cb_stage_set(struct cb_stage *st, const struct cb_service_spec *spec,
		 const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	u32 i = find(st, spec->name);
	struct cb_service *svc;
	int err;

	if (i == CB_SLOT_NONE)
		return no_such_name(attr, spec->name, extack);
	err = check_place(st, spec, i, extack);
	if (err)
		return err;
	svc = make(st, spec, st->all[i]->anchor, extack);
	if (IS_ERR(svc))
		return PTR_ERR(svc);
	cb_stage_index_del(&st->index, i, &st->all[i]->spec);
	cb_stage_index_add(&st->index, i, &svc->spec);
	cb_service_put(st->all[i]);
	st->all[i] = svc;
	return 0;
}

static int check_rules(const struct cb_service *svc, const struct nlattr *attr,
		       struct netlink_ext_ack *extack)
{
	if (!atomic_read(&svc->anchor->rules))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "an iptables rule names this service: remove the rule first");
	return -EBUSY;
}

int cb_stage_del(struct cb_stage *st, const char *name,
		 const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	u32 i = find(st, name);
	int err;

	if (i == CB_SLOT_NONE)
		return no_such_name(attr, name, extack);
	err = check_rules(st->all[i], attr, extack);
	if (err)
		return err;
	cb_stage_index_del(&st->index, i, &st->all[i]->spec);
	cb_service_put(st->all[i]);
	st->all[i] = NULL;
	st->holes++;
	return 0;
}

/* The slots have new numbers then: the index is of no more use. */
static void close_holes(struct cb_stage *st)
{
	u32 i, n = 0;

	for (i = 0; i < st->n; i++)
		if (st->all[i])
			st->all[n++] = st->all[i];
	st->n = n;
	st->holes = 0;
}

/* Before the new table is in force, so that no ACK is judged by it that the old one
 * would have honoured.  Both are in order of ids.
 */
static void prepare_engage(struct cb_net *cbn, const struct cb_table *old,
			   const struct cb_table *t)
{
	u32 i = 0, j;

	for (j = 0; j < t->n; j++) {
		while (i < old->n && old->all[i]->anchor->id < t->all[j]->anchor->id)
			i++;
		if (i < old->n && old->all[i]->anchor == t->all[j]->anchor)
			cb_engage_changed(cbn, old->all[i], t->all[j]);
	}
}

/* Nobody sees those yet that have no time. */
static void stamp(struct cb_table *t)
{
	u64 now_ms = cb_now_ms();
	u32 i;

	for (i = 0; i < t->n; i++)
		if (!t->all[i]->since_ms)
			t->all[i]->since_ms = now_ms;
}

/* One event for each difference. Both lists are in order of ids. */
static void tell(struct cb_net *cbn, const struct cb_table *old, const struct cb_table *t)
{
	u32 i = 0, j = 0;

	while (i < old->n || j < t->n) {
		u32 was = i < old->n ? old->all[i]->anchor->id : U32_MAX;
		u32 is = j < t->n ? t->all[j]->anchor->id : U32_MAX;

		if (was < is)
			cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_SERVICE_DELETED,
					 old->all[i], 0);
		else if (is < was)
			cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_SERVICE_ADDED, t->all[j], 0);
		else if (old->all[i] != t->all[j])
			cb_netlink_event(cbn, COOKIEBOX_EVENT_KIND_SERVICE_CHANGED, t->all[j], 0);
		i += was <= is;
		j += is <= was;
	}
}

/* No rule may lose its service between del and commit. */
static int check_removed(const struct cb_stage *st, const struct cb_table *old,
			 struct netlink_ext_ack *extack)
{
	u32 i, j = 0;
	int err;

	for (i = 0; i < old->n; i++) {
		while (j < st->n && st->all[j]->anchor->id < old->all[i]->anchor->id)
			j++;
		if (j < st->n && st->all[j]->anchor == old->all[i]->anchor)
			continue;
		err = check_rules(old->all[i], NULL, extack);
		if (err)
			return err;
	}
	return 0;
}

/* The order is: nothing can fail once the table is published. */
static int publish(struct cb_stage *st, struct cb_table *t, const struct cb_table *old,
		   struct netlink_ext_ack *extack)
{
	struct cb_net *cbn = st->cbn;
	int err;

	if (t->n && !old->n) {
		err = cb_net_start(cbn);
		if (err) {
			NL_SET_ERR_MSG(extack, "the netfilter hooks cannot be registered");
			return err;
		}
	}
	err = t->splices ? cb_splice_start(cbn) : 0;
	if (err) {
		NL_SET_ERR_MSG(extack, "the hook behind routing cannot be registered");
		cb_net_settle(cbn);
		return err;
	}
	if (cb_calm_prepare(cbn, t)) {
		NL_SET_ERR_MSG(extack, "no memory to count the handshakes of a service with engage auto or observe");
		cb_net_settle(cbn);
		return -ENOMEM;
	}
	prepare_engage(cbn, old, t);
	stamp(t);
	rcu_read_lock();			/* keeps old for tell() */
	cb_table_publish(cbn, t);
	tell(cbn, old, t);
	rcu_read_unlock();
	cb_net_settle(cbn);
	return 0;
}

static int commit_locked(struct cb_stage *st, u32 *generation, struct netlink_ext_ack *extack)
{
	const struct cb_table *old;
	struct cb_table *t;
	int err;

	old = rcu_dereference_protected(st->cbn->table, lockdep_is_held(&st->cbn->lock));
	if (old->generation != st->generation) {
		CB_NL_ERR_FMT(extack, "another change came between: read again",
			      "another change came between: generation %u is in force, not %u",
			      old->generation, st->generation);
		return -ESTALE;
	}
	close_holes(st);
	err = check_removed(st, old, extack);
	if (err)
		return err;
	t = cb_table_build(st->all, st->n);
	if (!t)
		return -ENOMEM;
	t->generation = old->generation + 1;
	t->next_id = st->next_id;
	*generation = t->generation;
	err = publish(st, t, old, extack);
	if (err)
		cb_table_release(t);
	return err;
}

/**
 * cb_stage_commit() - put the stage in force
 * @st:		stage; of no further use, the caller drops it
 * @generation:	the one put in force
 * @extack:	says why not
 *
 * Context: process, takes cb_net->lock, may sleep.
 * Return: 0, -ESTALE, -EBUSY (a rule names a removed service), -ENOMEM, or
 * what cb_net_start() says.
 */
int cb_stage_commit(struct cb_stage *st, u32 *generation, struct netlink_ext_ack *extack)
{
	int err;

	mutex_lock(&st->cbn->lock);
	err = commit_locked(st, generation, extack);
	mutex_unlock(&st->cbn->lock);
	return err;
}
