// SPDX-License-Identifier: GPL-2.0
/*
 * The table of servers of a namespace (profiles.h).
 *
 * Owns struct cb_profiles.  Invariants: its size never changes; whoever changes a set holds
 * the lock, and a reader reads again what was changed meanwhile, so that neither waits for
 * long: the lock is taken for a server's answer once in CB_PROFILE_REFRESH or when it says
 * something new, for a refusal of a client that is real, and for a SYN only while it may be
 * let pass.
 *
 * Packet path: BH off.  Made and freed in process context.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "net.h"
#include "profiles.h"

#define ANSWER_FLAGS	(CB_TCP_SYN | CB_TCP_ACK | CB_TCP_RST)

/* 128 bytes, two cache lines, without lock debugging. */
struct row {
	seqcount_spinlock_t seq;
	struct cb_profile_set set;
};

struct cb_profiles {
	hsiphash_key_t key;
	siphash_key_t draws;
	spinlock_t lock;	/* softirq: every writer of what follows */
	u32 bucket;		/* cb_profile_spend(); looked at without the lock */
	struct row row[CB_PROFILES_SETS];
};

int cb_profiles_start(struct cb_net *cbn)
{
	struct cb_profiles *p;
	u32 i;

	lockdep_assert_held(&cbn->lock);
	if (cbn->profiles)
		return 0;
	p = kvzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	get_random_bytes(&p->key, sizeof(p->key));
	get_random_bytes(&p->draws, sizeof(p->draws));
	spin_lock_init(&p->lock);
	for (i = 0; i < CB_PROFILES_SETS; i++)
		seqcount_spinlock_init(&p->row[i].seq, &p->lock);
	smp_store_release(&cbn->profiles, p);	/* whoever sees it sees what is in it */
	return 0;
}

void cb_profiles_exit(struct cb_net *cbn)
{
	kvfree_sensitive(cbn->profiles, sizeof(*cbn->profiles));
	cbn->profiles = NULL;
}

size_t cb_profiles_bytes(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->profiles) ? sizeof(struct cb_profiles) : 0;
}

static struct row *row_of(struct cb_profiles *p, const struct cb_tuple *tuple)
{
	return &p->row[cb_profile_hash(&p->key, tuple, CB_PROFILES_SETS)];
}

static void begin(struct cb_profiles *p, struct row *row)
	__acquires(&p->lock)
{
	spin_lock(&p->lock);
	write_seqcount_begin(&row->seq);
}

static void end(struct cb_profiles *p, struct row *row)
	__releases(&p->lock)
{
	write_seqcount_end(&row->seq);
	spin_unlock(&p->lock);
}

enum cb_profile_state cb_profiles_look(struct cb_profiles *p, const struct cb_tuple *tuple,
				       u64 now_ms, struct cb_profile *out)
{
	struct row *row = row_of(p, tuple);
	enum cb_profile_state state;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&row->seq);
		state = cb_profile_read(&row->set, tuple, now_ms, out);
	} while (read_seqcount_retry(&row->seq, seq));
	return state;
}

static bool learnt(const struct row *row, const struct cb_tuple *tuple,
		   const struct cb_segment *synack, u8 offered, u64 now_ms)
{
	unsigned int seq;
	bool same;

	do {
		seq = read_seqcount_begin(&row->seq);
		same = cb_profile_learnt(&row->set, tuple, synack, offered, now_ms);
	} while (read_seqcount_retry(&row->seq, seq));
	return same;
}

enum cb_profile_event cb_profiles_learn(struct cb_profiles *p, const struct cb_tuple *tuple,
					const struct cb_segment *synack, u8 offered, u64 now_ms)
{
	struct row *row = row_of(p, tuple);
	enum cb_profile_event event;

	if (likely(learnt(row, tuple, synack, offered, now_ms)))
		return CB_PROFILE_SAME;
	begin(p, row);
	event = cb_profile_learn(&row->set, tuple, synack, offered, now_ms);
	end(p, row);
	return event;
}

enum cb_profile_event cb_profiles_refused(struct cb_profiles *p, const struct cb_tuple *tuple,
					  enum cb_profile_why why, u64 now_ms)
{
	struct row *row = row_of(p, tuple);
	enum cb_profile_event event;

	begin(p, row);
	event = cb_profile_refuse(&row->set, tuple, why, now_ms);
	end(p, row);
	return event;
}

static bool ask_due(const struct row *row, const struct cb_tuple *tuple, u64 now_ms)
{
	unsigned int seq;
	bool due;

	do {
		seq = read_seqcount_begin(&row->seq);
		due = cb_profile_ask_due(&row->set, tuple, now_ms);
	} while (read_seqcount_retry(&row->seq, seq));
	return due;
}

/* In one tick: CB_PROFILES_ASKS, or half as many more or less; nobody outside knows. */
static u32 draw(const struct cb_profiles *p, u64 now_ms)
{
	u64 hash = siphash_1u64(now_ms >> CB_PROFILE_TICK_SHIFT, &p->draws);

	return CB_PROFILES_ASKS / 2 + (((hash >> 32) * (CB_PROFILES_ASKS + 1)) >> 32);
}

/* Without the lock, as it is asked for each SYN of a flood to servers that are not known. */
static bool spent(const struct cb_profiles *p, u64 now_ms)
{
	return READ_ONCE(p->bucket) == (u32)(u16)(now_ms >> CB_PROFILE_TICK_SHIFT) << 16;
}

enum cb_profile_event cb_profiles_may_ask(struct cb_profiles *p, const struct cb_segment *syn,
					  bool calm, u64 now_ms)
{
	struct row *row = row_of(p, &syn->tuple);
	enum cb_profile_event event = CB_PROFILE_SAME;

	if (likely(!ask_due(row, &syn->tuple, now_ms)) || (!calm && spent(p, now_ms)))
		return CB_PROFILE_SAME;
	begin(p, row);
	if (cb_profile_ask_due(&row->set, &syn->tuple, now_ms) &&
	    (calm || cb_profile_spend(&p->bucket, draw(p, now_ms), now_ms)))
		event = cb_profile_ask(&row->set, &syn->tuple, cb_profile_offer(syn), syn->seq,
				       now_ms);
	end(p, row);
	return event;
}

static struct cb_tuple turned(const struct cb_tuple *t)
{
	return (struct cb_tuple){
		.saddr = t->daddr, .daddr = t->saddr, .sport = t->dport, .dport = t->sport,
		.family = t->family,
	};
}

static bool asked(const struct row *row, const struct cb_tuple *tuple, u32 ack, u8 *offered)
{
	unsigned int seq;
	bool ours;

	do {
		seq = read_seqcount_begin(&row->seq);
		ours = cb_profile_asked(&row->set, tuple, ack, offered);
	} while (read_seqcount_retry(&row->seq, seq));
	return ours;
}

enum cb_profile_event cb_profiles_overhear(struct cb_profiles *p, const struct cb_segment *seg,
					   u64 now_ms)
{
	struct cb_tuple tuple = turned(&seg->tuple);
	bool ours;
	u8 offered;

	switch (seg->flags & ANSWER_FLAGS) {
	case CB_TCP_SYN | CB_TCP_ACK:
		asked(row_of(p, &tuple), &tuple, seg->ack, &offered);
		return cb_profiles_learn(p, &tuple, seg, offered, now_ms);
	case CB_TCP_RST | CB_TCP_ACK:
		ours = asked(row_of(p, &tuple), &tuple, seg->ack, &offered);
		return ours ? cb_profiles_refused(p, &tuple, CB_PROFILE_RST, now_ms) :
			      CB_PROFILE_SAME;
	default:
		return CB_PROFILE_SAME;
	}
}

static bool view(const struct row *row, unsigned int place, u64 now_ms,
		 struct cb_profile_view *out)
{
	unsigned int seq;
	bool found;

	do {
		seq = read_seqcount_begin(&row->seq);
		found = cb_profile_view(&row->set, place, now_ms, out);
	} while (read_seqcount_retry(&row->seq, seq));
	return found;
}

bool cb_profiles_next(struct cb_profiles *p, u32 *at, u64 now_ms, struct cb_profile_view *out)
{
	bool found = false;

	for (; !found && *at < CB_PROFILES_SETS * CB_PROFILE_PLACES; (*at)++)
		found = view(&p->row[*at / CB_PROFILE_PLACES], *at % CB_PROFILE_PLACES, now_ms,
			     out);
	return found;
}

bool cb_profiles_find(struct cb_profiles *p, const struct cb_tuple *tuple, u64 now_ms,
		      struct cb_profile_view *out)
{
	const struct row *row = row_of(p, tuple);
	unsigned int i;

	for (i = 0; i < CB_PROFILE_PLACES; i++) {
		if (view(row, i, now_ms, out) && out->family == tuple->family &&
		    out->port == tuple->dport && out->addr.q[0] == tuple->daddr.q[0] &&
		    out->addr.q[1] == tuple->daddr.q[1])
			return true;
	}
	return false;
}
