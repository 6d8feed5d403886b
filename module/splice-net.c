// SPDX-License-Identifier: GPL-2.0
/*
 * Mode splice in a namespace: its hooks at POST_ROUTING and, where connections are
 * tracked, at FORWARD (splice-tracked.c); its beginning and end.
 *
 * Owns cb_net->splicing.  Invariants: it is made with the first service of the mode and
 * freed with the namespace, so the packet path may look at it at any time; hooks are
 * registered as long as there is such a service or a flow of one, for a flow outlives its
 * service.  Process context.
 *
 * A namespace dies in this order:
 *	cb_splice_stop()	the hooks come off, with all the others
 *	cb_splice_exit()	flows are taken out, timers shut down
 *	(grace period)		a timer that took out the last one has started the work
 *	cb_splice_rest()	the work is awaited
 *	cb_splice_freed()
 */
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "profiles.h"
#include "splice.h"

/* POST_ROUTING first. */
static const struct nf_hook_ops hooks[CB_SPLICE_HOOKS] = {
	{
		.hook = cb_splice_post_routing,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_POST_ROUTING,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = cb_splice_post_routing,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_POST_ROUTING,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
	{
		.hook = cb_splice_forward,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_FORWARD,
		.priority = NF_IP_PRI_FIRST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = cb_splice_forward,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_FORWARD,
		.priority = NF_IP6_PRI_FIRST,
	},
#endif
};

bool cb_splice_flows(const struct cb_net *cbn)
{
	struct cb_flow_totals t;

	if (!cbn->splicing)
		return false;
	cb_flow_totals(cbn->flows, &t);
	return t.pinned;
}

/* The last flow is gone, of services that are gone, too. */
static void idle(struct work_struct *work)
{
	struct cb_net *cbn = container_of(work, struct cb_splicing, idle)->cbn;

	mutex_lock(&cbn->lock);
	cb_net_settle(cbn);
	mutex_unlock(&cbn->lock);
}

/* cb_net->lock held.  Without memory: the next tracked segment asks again.  Not inlined, so
 * that a test tells by the address that this is the place where memory was refused.
 */
static noinline void hook_forward(struct cb_splicing *s)
{
	if (!s->hooked || s->hooked_forward || !READ_ONCE(s->tracked))
		return;
	if (nf_register_net_hooks(s->cbn->net, s->hooks + CB_FAMILIES, CB_FAMILIES))
		WRITE_ONCE(s->tracked, false);
	else
		WRITE_ONCE(s->hooked_forward, true);
}

static void track(struct work_struct *work)
{
	struct cb_splicing *s = container_of(work, struct cb_splicing, track);

	mutex_lock(&s->cbn->lock);
	hook_forward(s);
	mutex_unlock(&s->cbn->lock);
}

void cb_splice_hook_forward(struct cb_splicing *s)
{
	if (READ_ONCE(s->tracked))
		return;
	WRITE_ONCE(s->tracked, true);
	queue_work(cb_wq, &s->track);
}

static struct cb_splicing *make(struct cb_net *cbn)
{
	struct cb_splicing *s = kvzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	s->cbn = cbn;
	INIT_WORK(&s->idle, idle);
	INIT_WORK(&s->track, track);
	get_random_bytes(&s->key, sizeof(s->key));
	return s;
}

/**
 * cb_splice_start() - a service of the mode is about to be in force
 * @cbn:	namespace, cb_net->lock held; cb_net_start() was successful
 *
 * Return: 0 or a negative errno.
 */
int cb_splice_start(struct cb_net *cbn)
{
	struct cb_splicing *s = cbn->splicing;
	unsigned int i;
	int err;

	lockdep_assert_held(&cbn->lock);
	if (!s) {
		s = make(cbn);
		if (!s)
			return -ENOMEM;
		smp_store_release(&cbn->splicing, s);	/* it is whole when it is seen */
		cb_flow_count_places(cbn->flows, s->places);
	}
	err = cb_profiles_start(cbn);
	if (err)
		return err;
	if (s->hooked)
		return 0;
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		s->hooks[i] = hooks[i];
		s->hooks[i].priv = cbn;
	}
	err = nf_register_net_hooks(cbn->net, s->hooks, CB_FAMILIES);
	s->hooked = !err;
	if (rcu_access_pointer(nf_ct_hook))
		WRITE_ONCE(s->tracked, true);
	hook_forward(s);
	return err;
}

void cb_splice_stop(struct cb_net *cbn)
{
	struct cb_splicing *s = cbn->splicing;

	lockdep_assert_held(&cbn->lock);
	if (!s || !s->hooked)
		return;
	if (s->hooked_forward)
		nf_unregister_net_hooks(cbn->net, s->hooks + CB_FAMILIES, CB_FAMILIES);
	nf_unregister_net_hooks(cbn->net, s->hooks, CB_FAMILIES);
	WRITE_ONCE(s->hooked_forward, false);
	s->hooked = false;
}

/* Who still sees a service of the mode that is gone may begin a flow just now. */
void cb_splice_drain(struct cb_net *cbn)
{
	lockdep_assert_held(&cbn->lock);
	if (cbn->splicing && cbn->splicing->hooked)
		synchronize_net();
}

void cb_splice_exit(struct cb_net *cbn)
{
	if (cbn->splicing)
		cb_splice_end_all(cbn);
}

void cb_splice_rest(struct cb_net *cbn)
{
	if (!cbn->splicing)
		return;
	cancel_work_sync(&cbn->splicing->track);
	cancel_work_sync(&cbn->splicing->idle);
}

void cb_splice_freed(struct cb_net *cbn)
{
	kvfree(cbn->splicing);
	cbn->splicing = NULL;
}
