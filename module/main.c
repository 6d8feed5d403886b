// SPDX-License-Identifier: GPL-2.0
/*
 * The module: what is set up, in which order, and taken down in reverse.
 *
 * Owns nothing but that order.  Namespaces come before both ways in, netlink and the
 * iptables target, which look up their state; what namespaces use comes before them.
 */
#include <linux/init.h>
#include <linux/module.h>
#include "net.h"
#include "netlink.h"
#include "splice.h"
#include "uapi/linux/cookiebox.h"

#define CB_VERSION "0.1.0"

static int __init cb_init(void)
{
	int err;

	err = cb_splice_register();
	if (err)
		return err;
	err = cb_flow_register();
	if (err)
		goto err_splice;
	err = cb_net_register();
	if (err)
		goto err_flow;
	err = cb_own_register();
	if (err)
		goto err_net;
	err = cb_netlink_register();
	if (err)
		goto err_own;
	err = cb_target_register();
	if (err)
		goto err_netlink;
	pr_info("cookiebox " CB_VERSION " loaded\n");
	return 0;

err_netlink:
	cb_netlink_unregister();
err_own:
	cb_own_unregister();
err_net:
	cb_net_unregister();
err_flow:
	cb_flow_unregister();
err_splice:
	cb_splice_unregister();
	return err;
}

static void __exit cb_exit(void)
{
	cb_target_unregister();
	cb_netlink_unregister();
	cb_own_unregister();
	cb_net_unregister();
	cb_flow_unregister();
	cb_splice_unregister();
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
