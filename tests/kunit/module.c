// SPDX-License-Identifier: GPL-2.0
/* cookiebox-kunit.ko: holds the suites; KUnit runs them when it is loaded. */
#include <linux/module.h>

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit suites of cookiebox's pure core");
