// SPDX-License-Identifier: GPL-2.0
/*
 * The module: what is set up, in which order, and taken down in reverse.
 *
 * Owns nothing but that order.  Namespaces come before both ways in, netlink and the
 * iptables target, which look up their state; what namespaces use comes before them.
 */
#include <linux/init.h>
#include <linux/module.h>
#include "demux.h"
#include "mode.h"
#include "net.h"
#include "netlink.h"
#include "splice.h"
#include "uapi/linux/cookiebox.h"

#define CB_VERSION "0.1.0"

struct part {
	int (*register_it)(void);
	void (*unregister_it)(void);
};

static const struct part parts[] = {
	{ cb_judge_register, cb_judge_unregister },
	{ cb_offer_register, cb_offer_unregister },
	{ cb_offer_splice_register, cb_offer_splice_unregister },
	{ cb_splice_register, cb_splice_unregister },
	{ cb_flow_register, cb_flow_unregister },
	{ cb_net_register, cb_net_unregister },
	{ cb_own_register, cb_own_unregister },
	{ cb_netlink_register, cb_netlink_unregister },
	{ cb_target_register, cb_target_unregister },
};

static void take_down(unsigned int count)
{
	while (count--)
		parts[count].unregister_it();
}

static int __init cb_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].register_it();
		if (err) {
			take_down(i);
			return err;
		}
	}
	pr_info("cookiebox " CB_VERSION " loaded\n");
	return 0;
}

static void __exit cb_exit(void)
{
	take_down(ARRAY_SIZE(parts));
}

module_init(cb_init);
module_exit(cb_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cookiebox authors");
MODULE_DESCRIPTION("TCP handshakes without state until the client has proved that it is there");
MODULE_VERSION(CB_VERSION);
MODULE_ALIAS_GENL_FAMILY(COOKIEBOX_FAMILY_NAME);
MODULE_ALIAS("xt_COOKIEBOX");
MODULE_ALIAS("ipt_COOKIEBOX");
MODULE_ALIAS("ip6t_COOKIEBOX");
