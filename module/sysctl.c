// SPDX-License-Identifier: GPL-2.0
/*
 * net.cookiebox.*: the settings of a namespace (Documentation/sysctl.rst).
 *
 * Owns cb_net->sysctl, ->sysctl_table and ->sysctl_header.  Invariants: a value
 * out of range is refused with EINVAL and changes nothing, it is never
 * clamped; only CAP_NET_ADMIN of the namespace's user namespace, or its root,
 * may write (the net sysctl tree sees to it).  Handlers run in process
 * context; readers use READ_ONCE() anywhere.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <linux/user_namespace.h>
#include "embryonic.h"
#include "flow.h"
#include "lane.h"
#include "net.h"
#include "uapi/linux/cookiebox.h"

#define WORD_LEN		16	/* longer than any word by more than a NUL */

static const unsigned int epoch_seconds_min = 2, epoch_seconds_max = 3600;
static const unsigned int invalid_rate_min, invalid_rate_max = 1000;
static const unsigned long flow_cache_bytes_min;
static const unsigned long flow_cache_bytes_max = sizeof(long) < 8 ? ULONG_MAX : 1ULL << 36;

/* Entries are charged to nobody, so a container is kept to this much. */
#define SINGLE_USE_DEFAULT		262144u
#define FLOW_CACHE_BYTES	(16UL << 20)
static const unsigned int engage_percent_min = 2, engage_percent_max = 100;
static const unsigned int release_percent_min = 1, release_percent_max = 99;
static const unsigned int hold_seconds_min = 1, hold_seconds_max = 3600;

static const unsigned int embryonic_max_min, embryonic_max_max = CB_LANE_MAX;
static const unsigned int synack_retransmit_rate_min, synack_retransmit_rate_max = 1000;
static const unsigned int single_use_max_min = CB_SINGLE_USE_MIN;
static const unsigned int single_use_max_max = CB_SINGLE_USE_MAX;

static const unsigned int splice_max_min, splice_max_max = 16777216;
static const unsigned int splice_waiting_max_min = 1, splice_waiting_max_max = 1048576;
static const unsigned int splice_cap_min = 1, splice_cap_max = 65535;
static const unsigned int splice_held_bytes_min, splice_held_bytes_max = 1u << 30;
static const unsigned int splice_idle_seconds_min = 1, splice_idle_seconds_max = 86400;
static const unsigned int splice_probe_seconds_min = 1, splice_probe_seconds_max = 600;
static const unsigned int splice_probes_min = 1, splice_probes_max = 100;
static const unsigned int splice_linger_seconds_min = 1, splice_linger_seconds_max = 600;
static const unsigned int splice_adopt_seconds_min, splice_adopt_seconds_max = 3600;
static const unsigned int splice_backlog_min = 8, splice_backlog_max = 16777216;

static const char *const full_words[] = {
	[COOKIEBOX_SINGLE_USE_FULL_ACCEPT] = "accept",
	[COOKIEBOX_SINGLE_USE_FULL_DROP] = "drop",
};

static const char *const reply_words[] = {
	[COOKIEBOX_REPLY_ROUTE] = "route",
	[COOKIEBOX_REPLY_REFLECT] = "reflect",
};

static int epoch_seconds(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct cb_net *cbn = container_of(table->data, struct cb_net, sysctl.epoch_seconds);
	unsigned int before = READ_ONCE(cbn->sysctl.epoch_seconds);
	int err = proc_douintvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	err = cb_keyring_epoch_changed(cbn);
	if (err)
		WRITE_ONCE(cbn->sysctl.epoch_seconds, before);
	return err;
}

static int single_use_max(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct cb_net *cbn = container_of(table->data, struct cb_net, sysctl.single_use_max);
	unsigned int before = READ_ONCE(cbn->sysctl.single_use_max);
	int err = proc_douintvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	/* Who counts them holds up others: a container may not have more than the default. */
	if (READ_ONCE(cbn->sysctl.single_use_max) > SINGLE_USE_DEFAULT &&
	    cbn->net->user_ns != &init_user_ns)
		err = -EINVAL;
	else
		err = cb_redeem_resize(cbn);
	if (err)
		WRITE_ONCE(cbn->sysctl.single_use_max, before);
	return err;
}

/* Release stays below engage; two writers at one moment are sorted out by
 * cb_engage_limits().
 */
static int percent(struct cb_net *cbn, cb_ctl_table table, int write, void *buffer,
		   size_t *lenp, loff_t *ppos)
{
	unsigned int *value = table->data, before = READ_ONCE(*value);
	int err = proc_douintvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	if (READ_ONCE(cbn->sysctl.auto_release_percent) <
	    READ_ONCE(cbn->sysctl.auto_engage_percent))
		return 0;
	WRITE_ONCE(*value, before);
	return -EINVAL;
}

static int engage_percent(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	return percent(container_of(table->data, struct cb_net, sysctl.auto_engage_percent),
		       table, write, buffer, lenp, ppos);
}

static int release_percent(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	return percent(container_of(table->data, struct cb_net, sysctl.auto_release_percent),
		       table, write, buffer, lenp, ppos);
}

/* A word, so that a script reads as it is meant: of @words, from @first on. */
static int one_word(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos,
		    const char *const *words, int first, int n)
{
	unsigned int *value = table->data;
	char word[WORD_LEN] = "";
	struct ctl_table shadow = { .procname = table->procname, .data = word,
				    .maxlen = sizeof(word), .mode = table->mode };
	int err, i;

	strscpy(word, words[READ_ONCE(*value)], sizeof(word));
	if (write && *ppos)
		return -EINVAL;
	err = proc_dostring(&shadow, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	i = match_string(words + first, n - first, word);
	if (i < 0)
		return -EINVAL;
	WRITE_ONCE(*value, first + i);
	return 0;
}

/* A limit that was lowered holds when the write returns. */
static int flow_cache_bytes(cb_ctl_table table, int write, void *buffer, size_t *lenp,
			    loff_t *ppos)
{
	struct cb_net *cbn = container_of(table->data, struct cb_net, sysctl.flow_cache_bytes);
	unsigned long value = READ_ONCE(cbn->sysctl.flow_cache_bytes);
	struct ctl_table shadow = *table;
	int err;

	shadow.data = &value;
	err = proc_doulongvec_minmax(&shadow, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value > FLOW_CACHE_BYTES && cbn->net->user_ns != &init_user_ns)
		return -EINVAL;
	mutex_lock(&cbn->lock);
	WRITE_ONCE(cbn->sysctl.flow_cache_bytes, value);
	if (cbn->flows)
		cb_flow_trim(cbn->flows, cb_flow_entries(value));
	mutex_unlock(&cbn->lock);
	return 0;
}

static int embryonic_max(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct cb_net *cbn = container_of(table->data, struct cb_net, sysctl.embryonic_max);
	unsigned int before = READ_ONCE(cbn->sysctl.embryonic_max);
	int err = proc_douintvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	err = cb_embryonic_resize(cbn);
	if (err)
		WRITE_ONCE(cbn->sysctl.embryonic_max, before);
	return err;
}

/* Of memory that is charged to nobody: a container may not have more than the default,
 * which cb_sysctl_init() sees to.
 */
static int uncharged(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	return proc_douintvec_minmax(table, write, buffer, lenp, ppos);
}

static int default_reply(cb_ctl_table table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	return one_word(table, write, buffer, lenp, ppos, reply_words, COOKIEBOX_REPLY_ROUTE,
			ARRAY_SIZE(reply_words));
}

static int single_use_full(cb_ctl_table table, int write, void *buffer, size_t *lenp,
			   loff_t *ppos)
{
	return one_word(table, write, buffer, lenp, ppos, full_words, 0, ARRAY_SIZE(full_words));
}

static const struct cb_sysctl defaults = {
	.epoch_seconds = 32,
	.default_reply = COOKIEBOX_REPLY_ROUTE,
	.invalid_rate = 8,
	.flow_cache_bytes = FLOW_CACHE_BYTES,
	.auto_engage_percent = 50,
	.auto_release_percent = 25,
	.auto_hold_seconds = 10,
	.embryonic_max = 1024,
	.synack_retransmit_rate = 8,
	.single_use_max = SINGLE_USE_DEFAULT,
	.single_use_full = COOKIEBOX_SINGLE_USE_FULL_ACCEPT,
	.splice_max = 65536,
	.splice_waiting_max = 4096,
	.splice_prefix_max = 256,
	.splice_server_max = 2048,
	.splice_held_bytes = 4 << 20,
	.splice_idle_seconds = 1800,
	.splice_probe_seconds = 30,
	.splice_probes = 5,
	.splice_linger_seconds = 60,
	.splice_adopt_seconds = 60,
	.splice_backlog = 128,
};

/* Where a value is in struct cb_sysctl; each namespace gets a copy that points to its own. */
#define AT(field)	((void *)offsetof(struct cb_sysctl, field))

static const struct ctl_table template[] = {
	{
		.procname	= "epoch_seconds",
		.data		= AT(epoch_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= epoch_seconds,
		.extra1		= (void *)&epoch_seconds_min,
		.extra2		= (void *)&epoch_seconds_max,
	},
	{
		.procname	= "default_reply",
		.data		= AT(default_reply),
		.maxlen		= WORD_LEN,
		.mode		= 0644,
		.proc_handler	= default_reply,
	},
	{
		.procname	= "invalid_rate",
		.data		= AT(invalid_rate),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&invalid_rate_min,
		.extra2		= (void *)&invalid_rate_max,
	},
	{
		.procname	= "flow_cache_bytes",
		.data		= AT(flow_cache_bytes),
		.maxlen		= sizeof(unsigned long),
		.mode		= 0644,
		.proc_handler	= flow_cache_bytes,
		.extra1		= (void *)&flow_cache_bytes_min,
		.extra2		= (void *)&flow_cache_bytes_max,
	},
	{
		.procname	= "auto_engage_percent",
		.data		= AT(auto_engage_percent),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= engage_percent,
		.extra1		= (void *)&engage_percent_min,
		.extra2		= (void *)&engage_percent_max,
	},
	{
		.procname	= "auto_release_percent",
		.data		= AT(auto_release_percent),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= release_percent,
		.extra1		= (void *)&release_percent_min,
		.extra2		= (void *)&release_percent_max,
	},
	{
		.procname	= "auto_hold_seconds",
		.data		= AT(auto_hold_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&hold_seconds_min,
		.extra2		= (void *)&hold_seconds_max,
	},
	{
		.procname	= "embryonic_max",
		.data		= AT(embryonic_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= embryonic_max,
		.extra1		= (void *)&embryonic_max_min,
		.extra2		= (void *)&embryonic_max_max,
	},
	{
		.procname	= "synack_retransmit_rate",
		.data		= AT(synack_retransmit_rate),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&synack_retransmit_rate_min,
		.extra2		= (void *)&synack_retransmit_rate_max,
	},
	{
		.procname	= "single_use_max",
		.data		= AT(single_use_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= single_use_max,
		.extra1		= (void *)&single_use_max_min,
		.extra2		= (void *)&single_use_max_max,
	},
	{
		.procname	= "single_use_full",
		.data		= AT(single_use_full),
		.maxlen		= WORD_LEN,
		.mode		= 0644,
		.proc_handler	= single_use_full,
	},
	{
		.procname	= "splice_max",
		.data		= AT(splice_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= uncharged,
		.extra1		= (void *)&splice_max_min,
		.extra2		= (void *)&splice_max_max,
	},
	{
		.procname	= "splice_waiting_max",
		.data		= AT(splice_waiting_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= uncharged,
		.extra1		= (void *)&splice_waiting_max_min,
		.extra2		= (void *)&splice_waiting_max_max,
	},
	{
		.procname	= "splice_prefix_max",
		.data		= AT(splice_prefix_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_cap_min,
		.extra2		= (void *)&splice_cap_max,
	},
	{
		.procname	= "splice_server_max",
		.data		= AT(splice_server_max),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_cap_min,
		.extra2		= (void *)&splice_cap_max,
	},
	{
		.procname	= "splice_held_bytes",
		.data		= AT(splice_held_bytes),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= uncharged,
		.extra1		= (void *)&splice_held_bytes_min,
		.extra2		= (void *)&splice_held_bytes_max,
	},
	{
		.procname	= "splice_idle_seconds",
		.data		= AT(splice_idle_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_idle_seconds_min,
		.extra2		= (void *)&splice_idle_seconds_max,
	},
	{
		.procname	= "splice_probe_seconds",
		.data		= AT(splice_probe_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_probe_seconds_min,
		.extra2		= (void *)&splice_probe_seconds_max,
	},
	{
		.procname	= "splice_probes",
		.data		= AT(splice_probes),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_probes_min,
		.extra2		= (void *)&splice_probes_max,
	},
	{
		.procname	= "splice_linger_seconds",
		.data		= AT(splice_linger_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_linger_seconds_min,
		.extra2		= (void *)&splice_linger_seconds_max,
	},
	{
		.procname	= "splice_adopt_seconds",
		.data		= AT(splice_adopt_seconds),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_adopt_seconds_min,
		.extra2		= (void *)&splice_adopt_seconds_max,
	},
	{
		.procname	= "splice_backlog",
		.data		= AT(splice_backlog),
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_douintvec_minmax,
		.extra1		= (void *)&splice_backlog_min,
		.extra2		= (void *)&splice_backlog_max,
	},
	{ }	/* older kernels look for the end */
};

#define ENTRIES (ARRAY_SIZE(template) - 1)

/**
 * cb_sysctl_init() - set the defaults and show them in /proc/sys/net/cookiebox
 * @cbn:	namespace
 *
 * Context: process, namespace creation.  Return: 0 or -ENOMEM.
 */
int cb_sysctl_init(struct cb_net *cbn)
{
	struct ctl_table *table;
	unsigned int i;

	cbn->sysctl = defaults;
	table = kmemdup(template, sizeof(template), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < ENTRIES; i++) {
		size_t at = (size_t)template[i].data;

		table[i].data = (u8 *)&cbn->sysctl + at;
		if (table[i].proc_handler == uncharged && cbn->net->user_ns != &init_user_ns)
			table[i].extra2 = (u8 *)&defaults + at;
	}
	cbn->sysctl_header = register_net_sysctl_sz(cbn->net, "net/cookiebox", table, ENTRIES);
	if (!cbn->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	cbn->sysctl_table = table;
	return 0;
}

/**
 * cb_sysctl_exit() - take them away; no handler runs after this
 * @cbn:	namespace
 *
 * Context: process, namespace death or module exit.
 */
void cb_sysctl_exit(struct cb_net *cbn)
{
	unregister_net_sysctl_table(cbn->sysctl_header);
	kfree(cbn->sysctl_table);
	cbn->sysctl_header = NULL;
	cbn->sysctl_table = NULL;
}
