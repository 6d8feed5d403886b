/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-namespace state and its lifetime.
 *
 * A namespace costs nothing but this struct until its first service is
 * committed: then the hooks are registered and the key ring starts.  They stay
 * until the namespace goes or the last service is removed.
 *
 * Packet path: RCU readers only (rcu_read_lock is held in every hook).
 * Control path: cb_net->lock, process context.
 */
#ifndef CB_NET_H
#define CB_NET_H

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include "engage.h"
#include "keyring.h"
#include "own.h"
#include "redeem.h"

struct cb_table;
struct cb_gate;
struct cb_embryonic;
struct cb_net_stats;
struct cb_flows;
struct cb_splicing;
struct cb_profiles;
struct ctl_table;
struct ctl_table_header;

/* Sysctls net.cookiebox.*; read with READ_ONCE on the packet path. */
struct cb_sysctl {
	unsigned int epoch_seconds;	/* 2..3600, 32 */
	unsigned int default_reply;	/* COOKIEBOX_REPLY_ROUTE or _REFLECT */
	unsigned int invalid_rate;	/* RSTs per second and source prefix: 0..1000, 8 */
	unsigned long flow_cache_bytes;	/* 0: off; 16 MiB */
	unsigned int auto_engage_percent;	/* 2..100, 50 */
	unsigned int auto_release_percent;	/* 1..99, below the other, 25 */
	unsigned int auto_hold_seconds;	/* 1..3600, 10 */
	unsigned int embryonic_max;	/* SYN-ACKs remembered per CPU: 0..32768, 1024 */
	unsigned int synack_retransmit_rate;	/* per second and source prefix: 0..1000, 8 */
	unsigned int single_use_max;	/* redeemed cookies held: CB_SINGLE_USE_MIN.._MAX */
	unsigned int single_use_full;	/* COOKIEBOX_SINGLE_USE_FULL_* */
	unsigned int splice_max;	/* spliced flows in all */
	unsigned int splice_waiting_max;	/* of them, those whose server has not answered */
	unsigned int splice_prefix_max;	/* of those, of one source prefix */
	unsigned int splice_server_max;	/* of those, on one server */
	unsigned int splice_held_bytes;	/* of memory, early segments of all flows */
	unsigned int splice_idle_seconds;	/* silence of an end until it is probed */
	unsigned int splice_probe_seconds;	/* from one probe to the next */
	unsigned int splice_probes;	/* unanswered ones that end a flow */
	unsigned int splice_linger_seconds;	/* that a closed flow is remembered */
	unsigned int splice_adopt_seconds;	/* older connections may speak first */
	unsigned int splice_backlog;	/* half-open connections that servers have room for */
};

/* A destination that NAT, TPROXY or routing takes elsewhere: elsewhere.c. */
#define CB_ELSEWHERE	16u

struct cb_elsewhere {
	struct cb_addr daddr;
	u64 until_ms;			/* CLOCK_MONOTONIC; 0: free */
	__be16 dport;
	u8 family;
};

#define CB_FAMILIES	(1 + IS_ENABLED(CONFIG_IPV6))
#define CB_HOOKS	(2 * CB_FAMILIES)	/* two a family: hooks.c */

struct cb_net {
	struct net *net;
	struct mutex lock;		/* every writer of this struct */
	struct hlist_head ruled;	/* anchors that rules name: service.c */
	struct cb_table __rcu *table;	/* services; never NULL once initialised */
	struct cb_ring __rcu *ring;	/* NULL until the first service or key set */
	struct cb_gate *gate;		/* answer-or-not limiter (gate.c) */
	struct cb_embryonic __rcu *embryonic;	/* SYN-ACKs of calm times; NULL: none */
	struct cb_sysctl sysctl;

	/* keyring.c, under lock; secrets are zeroed on exit */
	struct cb_master master[2];	/* [0] seals, [1] from the next epoch on */
	bool master_pending;
	u8 nonce[CB_NONCE_LEN];		/* fresh at every load */
	struct delayed_work ring_work;	/* advances the ring */
	bool ring_running;		/* ring_work may be armed */
	s64 wall_ahead_ms;		/* CLOCK_REALTIME - CLOCK_MONOTONIC, last seen */

	struct nf_hook_ops hooks[CB_HOOKS];	/* ours, while hooks_registered */
	struct cb_redeem redeem;	/* cookies that were used: redeemset.c */
	struct cb_own own;		/* this host's own addresses: own.c */
	struct cb_engage_net engage;	/* attack.c, engage.c */

	bool hooks_registered;		/* under lock */
	bool elsewhere_used;		/* set once, read without the lock */
	spinlock_t elsewhere_lock;	/* softirq: the next two */
	unsigned int elsewhere_next;
	struct cb_elsewhere elsewhere[CB_ELSEWHERE];
	atomic64_t event_seq;		/* netlink.c: number of the last event */
	struct ctl_table_header *sysctl_header;
	struct ctl_table *sysctl_table;
	struct cb_flows *flows;		/* flow cache; as long as the gate */
	struct cb_splicing *splicing;	/* splice-net.c; once there, as long as the namespace */
	struct cb_profiles *profiles;	/* servers of splice services; likewise; NULL: none yet */
};

extern unsigned int cb_net_id;
extern struct workqueue_struct *cb_wq;	/* for work that a flood must not starve */

/* The two clocks of the module, ms. */
static inline u64 cb_now_ms(void)
{
	return div_u64(ktime_get_ns(), NSEC_PER_MSEC);
}

static inline u64 cb_wall_ms(void)
{
	return div_u64(ktime_get_real_ns(), NSEC_PER_MSEC);
}

static inline struct cb_net *cb_net(const struct net *net)
{
	return net_generic(net, cb_net_id);
}

/* The ring, for writers. */
static inline struct cb_ring *cb_keyring_ring(const struct cb_net *cbn)
{
	return rcu_dereference_protected(cbn->ring, lockdep_is_held(&cbn->lock));
}

int cb_net_register(void);	/* pernet operations; module init */
void cb_net_unregister(void);

/* Registers the hooks and starts the key ring if not done. Holds cbn->lock. */
int cb_net_start(struct cb_net *cbn);
/* Takes the hooks off again when nothing needs them. Holds cbn->lock. */
void cb_net_settle(struct cb_net *cbn);

/* target.c */
int cb_target_register(void);
void cb_target_unregister(void);

/* sysctl.c */
int cb_sysctl_init(struct cb_net *cbn);
void cb_sysctl_exit(struct cb_net *cbn);

#endif
