// SPDX-License-Identifier: GPL-2.0
/*
 * Which IPv4 sources may be this host's own?  A SYN that claims one is not answered.
 *
 * Owns the bits in cb_net->own and the notifier that keeps them.  Invariant: an
 * address that some device has, has its bit set; a bit may be set for another
 * address, which then costs a look-up in the FIB and nothing else.  Written under
 * cb_net->own.lock by the notifier, which holds RTNL, and when the hooks are put on,
 * which must not take it; read without a lock: a bit that stays is never cleared on
 * the way.  A namespace without hooks keeps none.
 *
 * Addresses that are local by a route alone (ip route add local) are not among
 * them: a reflected answer to such a source comes back once, and ends here.
 */
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include "net.h"

static void add(unsigned long *bits, __be32 addr)
{
	__set_bit(hash_32((__force u32)addr, CB_OWN_SHIFT), bits);
}

static void add_ifa(unsigned long *bits, const struct in_ifaddr *ifa)
{
	add(bits, ifa->ifa_local);
	add(bits, ifa->ifa_broadcast);
	add(bits, ifa->ifa_address & ifa->ifa_mask);
	add(bits, ifa->ifa_address | ~ifa->ifa_mask);
}

/* All of it anew; the notifier of an address that is missed here comes after. */
static void learn(struct cb_net *cbn)
{
	DECLARE_BITMAP(bits, CB_OWN_BITS);
	const struct in_ifaddr *ifa;
	struct net_device *dev;

	lockdep_assert_held(&cbn->own.lock);
	bitmap_zero(bits, CB_OWN_BITS);
	rcu_read_lock();
	for_each_netdev_rcu(cbn->net, dev) {
		const struct in_device *in_dev = __in_dev_get_rcu(dev);

		if (in_dev)
			in_dev_for_each_ifa_rcu(ifa, in_dev)
				add_ifa(bits, ifa);
	}
	rcu_read_unlock();
	bitmap_copy(cbn->own.bits, bits, CB_OWN_BITS);
}

void cb_own_start(struct cb_net *cbn)
{
	spin_lock(&cbn->own.lock);
	cbn->own.kept = true;
	learn(cbn);
	spin_unlock(&cbn->own.lock);
}

void cb_own_stop(struct cb_net *cbn)
{
	spin_lock(&cbn->own.lock);
	cbn->own.kept = false;
	spin_unlock(&cbn->own.lock);
}

static int address_changed(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct in_ifaddr *ifa = ptr;
	struct cb_net *cbn = cb_net(dev_net(ifa->ifa_dev->dev));

	spin_lock(&cbn->own.lock);
	if (cbn->own.kept && event == NETDEV_UP)
		add_ifa(cbn->own.bits, ifa);
	else if (cbn->own.kept && event == NETDEV_DOWN)
		learn(cbn);
	spin_unlock(&cbn->own.lock);
	return NOTIFY_DONE;
}

static struct notifier_block addresses = { .notifier_call = address_changed };

int cb_own_register(void)
{
	return register_inetaddr_notifier(&addresses);
}

void cb_own_unregister(void)
{
	unregister_inetaddr_notifier(&addresses);
}
