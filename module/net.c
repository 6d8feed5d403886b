// SPDX-License-Identifier: GPL-2.0
/*
 * Life and death of the per-namespace state.
 *
 * Owns struct cb_net and cb_wq.  Invariants: hooks are registered only while
 * table, ring and gate exist; whoever starts or stops them holds cb_net->lock.
 * Everything here runs in process context.
 *
 * A namespace dies in this order, at module unload as well; the netlink family
 * is gone by then (unload) or no socket can name the namespace (its death):
 *	pre_exit	sysctls, hooks and embryonic cache off: nothing new gets in;
 *			spliced flows ended
 *	(grace period, made by the namespace core)
 *	exit		attacks, services, ring work and ring, used cookies, gate,
 *			flow cache: no reader is left
 * Rules of the iptables target keep the module loaded and the service that
 * they name alive; they may outlive struct cb_net, so they never touch it.
 */
#include <linux/slab.h>
#include "embryonic.h"
#include "flow.h"
#include "mode.h"
#include "net.h"
#include "profiles.h"
#include "service.h"
#include "splice.h"
#include "table.h"

unsigned int cb_net_id;
struct workqueue_struct *cb_wq;

/**
 * cb_net_start() - protect: keys, gate, flow cache, hooks
 * @cbn:	namespace, cb_net->lock held
 *
 * Called when the first service is committed.  Does nothing if done already.
 *
 * Context: process, may sleep.  Return: 0 or a negative errno; then nothing
 * was started.
 */
int cb_net_start(struct cb_net *cbn)
{
	struct cb_embryonic *emb;
	int err;

	lockdep_assert_held(&cbn->lock);
	if (cbn->hooks_registered)
		return 0;
	if (!cbn->flows)
		WRITE_ONCE(cbn->flows, cb_flows_alloc());
	if (!cbn->flows)
		return -ENOMEM;
	if (!cbn->gate)
		cbn->gate = cb_gate_alloc();
	if (!cbn->gate)
		return -ENOMEM;
	err = cb_redeem_start(cbn);
	if (err)
		return err;
	err = cb_keyring_start(cbn);
	if (err)
		return err;
	err = cb_embryonic_start(cbn);
	if (err)
		goto err_keyring;
	cb_own_start(cbn);
	err = cb_hooks_register(cbn);
	if (err)
		goto err_own;
	cbn->hooks_registered = true;
	return 0;

err_own:
	cb_own_stop(cbn);
	emb = cb_embryonic_detach(cbn);
	synchronize_net();		/* one of the hooks was on for a moment */
	cb_embryonic_free(emb);
err_keyring:
	cb_keyring_stop(cbn);
	return err;
}

/**
 * cb_net_stop() - take the hooks off and let the key ring sleep
 * @cbn:	namespace, cb_net->lock held
 *
 * Called when the last service is removed, and before the namespace goes.
 * Keys, gate and flow cache stay: a packet may still be inside a hook.
 *
 * Context: process, may sleep.
 */
static void cb_net_stop(struct cb_net *cbn)
{
	struct cb_embryonic *emb;

	lockdep_assert_held(&cbn->lock);
	if (!cbn->hooks_registered)
		return;
	cb_splice_stop(cbn);
	emb = cb_embryonic_detach(cbn);
	cb_hooks_unregister(cbn);	/* lets a grace period pass */
	cb_embryonic_free(emb);
	cb_own_stop(cbn);
	cb_keyring_stop(cbn);
	cbn->hooks_registered = false;
}

/**
 * cb_net_settle() - take off what no service and no flow needs any more
 * @cbn:	namespace, cb_net->lock held
 *
 * Called when services were changed, and when the last spliced flow has gone: such a
 * flow outlives its service.  Context: process, may sleep.
 */
void cb_net_settle(struct cb_net *cbn)
{
	const struct cb_table *t;

	t = rcu_dereference_protected(cbn->table, lockdep_is_held(&cbn->lock));
	if (t && !t->splices)
		cb_splice_drain(cbn);
	if (!t || cb_splice_flows(cbn))
		return;
	if (!t->splices)
		cb_splice_stop(cbn);
	if (!t->n)
		cb_net_stop(cbn);
}

static int __net_init init_net_state(struct net *net)
{
	struct cb_net *cbn = cb_net(net);
	int err;

	cbn->net = net;
	mutex_init(&cbn->lock);
	spin_lock_init(&cbn->elsewhere_lock);
	spin_lock_init(&cbn->own.lock);
	cb_engage_init(cbn);
	cb_redeem_init(cbn);
	err = cb_keyring_init(cbn);
	if (err)
		return err;
	err = cb_service_init(cbn);
	if (err)
		goto err_keyring;
	err = cb_sysctl_init(cbn);
	if (err)
		goto err_service;
	return 0;

err_service:
	cb_service_exit(cbn);
err_keyring:
	cb_keyring_exit(cbn);
	return err;
}

static void __net_exit close_net_state(struct net *net)
{
	struct cb_net *cbn = cb_net(net);

	cb_sysctl_exit(cbn);
	mutex_lock(&cbn->lock);
	cb_net_stop(cbn);
	mutex_unlock(&cbn->lock);
	cb_splice_exit(cbn);
	cb_engage_stop(cbn);
}

static void __net_exit exit_net_state(struct net *net)
{
	struct cb_net *cbn = cb_net(net);

	cb_splice_rest(cbn);
	cb_engage_exit(cbn);
	cb_service_exit(cbn);
	cb_keyring_exit(cbn);
	cb_redeem_exit(cbn);
	cb_gate_free(cbn->gate);
	cbn->gate = NULL;
	cb_flows_free(cbn->flows);
	cbn->flows = NULL;
	cb_splice_freed(cbn);		/* with the places of flows */
	cb_profiles_exit(cbn);
	mutex_destroy(&cbn->lock);
}

static struct pernet_operations net_ops = {
	.init = init_net_state,
	.pre_exit = close_net_state,
	.exit = exit_net_state,
	.id = &cb_net_id,
	.size = sizeof(struct cb_net),
};

/**
 * cb_net_register() - create the state of every namespace, present and future
 *
 * Context: module init.  Return: 0 or a negative errno.
 */
int cb_net_register(void)
{
	int err;

	/* Own threads, at high priority: a flood in softirq must not delay keys. */
	cb_wq = alloc_workqueue("cookiebox", WQ_UNBOUND | WQ_HIGHPRI, 0);
	if (!cb_wq)
		return -ENOMEM;
	err = register_pernet_subsys(&net_ops);
	if (err)
		destroy_workqueue(cb_wq);
	return err;
}

/**
 * cb_net_unregister() - free the state of every namespace
 *
 * On return no work, timer or RCU callback of the module is left.
 *
 * Context: module exit, or init that failed; netlink and target are gone.
 */
void cb_net_unregister(void)
{
	unregister_pernet_subsys(&net_ops);
	destroy_workqueue(cb_wq);
	rcu_barrier();
}
