// SPDX-License-Identifier: GPL-2.0
/*
 * Building a table of services.
 *
 * Invariant: everything is computed before the table is published; whoever
 * finds a table finds it complete.
 *
 * Called from stage.c and service.c in process context; sleeps.  Memory is
 * charged to the caller's control group, because the owner of a user namespace
 * may fill tables.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "adopt.h"
#include "net.h"
#include "table.h"
#include "uapi/linux/cookiebox.h"

#define PORTS	65536u

static u32 port_width(const struct cb_service_spec *s)
{
	return s->port_max ? s->port_max - s->port_min + 1u : PORTS;
}

static unsigned int prefix_rank(const struct cb_service_spec *s)
{
	return s->addr.family ? s->addr.len + 1u : 0;
}

/* Entries, wide ranges first: linking turns chains round. */
static int by_width(const void *a, const void *b)
{
	const struct cb_service_spec *x = &((const struct cb_entry *)a)->svc->spec;
	const struct cb_service_spec *y = &((const struct cb_entry *)b)->svc->spec;

	if (port_width(x) != port_width(y))
		return port_width(x) < port_width(y) ? 1 : -1;
	return (int)y->port_min - (int)x->port_min;
}

/* Services with a mark: most bits, longest prefix, narrowest range first. */
static int by_precedence(const void *a, const void *b)
{
	const struct cb_service_spec *x = &(*(const struct cb_service *const *)a)->spec;
	const struct cb_service_spec *y = &(*(const struct cb_service *const *)b)->spec;
	int bits = (int)hweight32(y->mark_mask) - (int)hweight32(x->mark_mask);

	if (bits)
		return bits;
	if (prefix_rank(x) != prefix_rank(y))
		return (int)prefix_rank(y) - (int)prefix_rank(x);
	if (port_width(x) != port_width(y))
		return port_width(x) > port_width(y) ? 1 : -1;
	return (int)x->port_min - (int)y->port_min;
}

static void *get(struct cb_table *t, size_t n, size_t size)
{
	t->bytes += n * size;
	return kvcalloc(n, size, GFP_KERNEL_ACCOUNT);
}

static struct cb_table *allocate(u32 n)
{
	struct cb_table *t = kvzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (!t)
		return NULL;
	t->bytes = sizeof(*t);
	if (!n)
		return t;
	t->bucket_mask = roundup_pow_of_two(n) - 1;
	t->ports = get(t, BITS_TO_LONGS(PORTS), sizeof(long));
	t->bucket = get(t, t->bucket_mask + 1, sizeof(*t->bucket));
	t->entry = get(t, n, sizeof(*t->entry));
	t->marked = get(t, n, sizeof(*t->marked));
	t->all = get(t, n, sizeof(*t->all));
	if (t->ports && t->bucket && t->entry && t->marked && t->all)
		return t;
	cb_table_free(t);
	return NULL;
}

void cb_table_free(struct cb_table *t)
{
	kvfree(t->probes[1]);
	kvfree(t->probes[0]);
	kvfree(t->all);
	kvfree(t->marked);
	kvfree(t->entry);
	kvfree(t->bucket);
	kvfree(t->ports);
	kvfree(t);
}

static void add_entry(struct cb_table *t, struct cb_service *svc)
{
	struct cb_entry *e = &t->entry[t->n_entries++];
	const struct cb_service_spec *s = &svc->spec;

	e->svc = svc;
	e->addr = s->addr.addr;
	e->kind = cb_kind(s->addr.family, s->addr.len,
			  s->port_min == s->port_max ? s->port_min : 0);
	e->port_min = s->port_min;
	e->port_max = s->port_max ? s->port_max : PORTS - 1;
}

static void add_service(struct cb_table *t, struct cb_service *svc)
{
	const struct cb_service_spec *s = &svc->spec;

	kref_get(&svc->ref);
	t->all[t->n++] = svc;
	if (s->rule_only)
		return;
	if (s->port_max)
		bitmap_set(t->ports, s->port_min, port_width(s));
	else
		bitmap_fill(t->ports, PORTS);
	if (s->mark_mask)
		t->marked[t->n_marked++] = svc;
	else
		add_entry(t, svc);
}

static void link_entries(struct cb_table *t)
{
	u32 i;

	sort(t->entry, t->n_entries, sizeof(*t->entry), by_width, NULL);
	for (i = 0; i <= t->bucket_mask; i++)
		t->bucket[i] = CB_CHAIN_END;
	for (i = 0; i < t->n_entries; i++) {
		struct cb_entry *e = &t->entry[i];
		u32 hash = cb_table_hash(e->addr.q[0], e->addr.q[1], e->kind);
		u32 *head = &t->bucket[hash & t->bucket_mask];

		e->next = *head;
		*head = i;
	}
}

static void set_probe(struct cb_probe *p, u8 family, u8 len, bool one_port)
{
	struct cb_addr ones = { .q = { ~(__be64)0, ~(__be64)0 } };
	struct cb_addr mask = cb_prefix_mask(&ones, len);

	p->mask[0] = mask.q[0];
	p->mask[1] = mask.q[1];
	p->kind = cb_kind(family, len, 0);
	p->port_mask = one_port ? U16_MAX : 0;
}

/* Longest prefix first, "any address" last; one port before ranges. */
static bool list_probes(struct cb_table *t, bool v6)
{
	u8 family = v6 ? AF_INET6 : AF_INET;
	DECLARE_BITMAP(used, CB_PROBES_MAX);
	struct cb_probe *p;
	u32 i, slot;

	bitmap_zero(used, CB_PROBES_MAX);
	for (i = 0; i < t->n_entries; i++) {
		u8 of = t->entry[i].kind >> 8, len = t->entry[i].kind;
		bool one_port = t->entry[i].kind >> 16;

		if (!of)
			__set_bit(one_port, used);
		else if (of == family)
			__set_bit(2 + 2 * len + one_port, used);
	}
	t->n_probes[v6] = bitmap_weight(used, CB_PROBES_MAX);
	if (!t->n_probes[v6])
		return true;
	p = get(t, t->n_probes[v6], sizeof(*p));
	if (!p)
		return false;
	t->probes[v6] = p;
	p += t->n_probes[v6];
	for_each_set_bit(slot, used, CB_PROBES_MAX)
		set_probe(--p, slot < 2 ? 0 : family, slot < 2 ? 0 : slot / 2 - 1, slot & 1);
	return true;
}

/**
 * cb_table_build() - a table of these services
 * @all:	in order of ids
 * @n:		how many
 *
 * Context: process, may sleep. The caller sets generation and next_id.
 * Return: the table, holding a reference on each service, or NULL.
 */
struct cb_table *cb_table_build(struct cb_service *const *all, u32 n)
{
	struct cb_table *t = allocate(n);
	u32 i;

	if (!t)
		return NULL;
	if (!n)
		return t;
	for (i = 0; i < n; i++) {
		add_service(t, all[i]);
		t->splices |= all[i]->spec.mode == COOKIEBOX_MODE_SPLICE;
		t->adopts |= cb_adopts(&all[i]->spec);
	}
	link_entries(t);
	if (!list_probes(t, false) || !list_probes(t, true)) {
		cb_table_release(t);
		return NULL;
	}
	sort(t->marked, t->n_marked, sizeof(*t->marked), by_precedence, NULL);
	return t;
}
