// SPDX-License-Identifier: GPL-2.0
/*
 * What a spliced flow does when nobody sends anything.
 *
 * Owns what each timer means.  The timers, one of each flow:
 *	waiting		the SYN is sent again after 1, 2, 4 and 8 s; 16 s later the
 *			flow is given up, and the client left to its own timeout
 *	open		an end that was silent for net.cookiebox.splice_idle_seconds is
 *			probed as by a keep-alive (RFC 9293 3.8.4), and again every
 *			splice_probe_seconds; after splice_probes of them the other is told
 *	open, doubted	a RST was passed on that its receiver may have heeded: 5 s later both
 *			are probed, and if neither was heard in these and 5 s more, it has;
 *			who has forgotten the connection answers by a RST, which is exact
 *	reset		gone a second later
 *	closing		gone when both were silent for net.cookiebox.splice_linger_seconds
 * No segment re-arms a timer: it leaves a time stamp, and the timer looks.
 *
 * Invariant: what a timer finds it decides under flows->lock, and sends without.
 * Softirq.
 */
#include "profile.h"
#include "redeem.h"
#include "splice.h"

#define FIRST		HZ		/* RFC 6298 2.1, 5.5 */
#define RETRIES		4u

enum what { NOTHING, SEND_SYN, GIVE_UP, PROBE, ASK, TELL, GONE };

unsigned long cb_splice_first(void)
{
	return FIRST;
}

unsigned long cb_splice_idle(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->sysctl.splice_idle_seconds) * (unsigned long)HZ;
}

unsigned long cb_splice_linger(const struct cb_net *cbn)
{
	return READ_ONCE(cbn->sysctl.splice_linger_seconds) * (unsigned long)HZ;
}

/* jiffies since an end was heard. */
static u32 silence(const struct cb_splice_end *end)
{
	return cb_splice_now() - READ_ONCE(end->heard);
}

static u32 both_silent(const struct cb_splice *sp)
{
	return min(silence(&sp->client), silence(&sp->server));
}

static enum what wait_on(struct cb_splice *sp)
{
	if (sp->tries == RETRIES)
		return GIVE_UP;
	sp->tries++;
	mod_timer(&sp->timer, jiffies + (FIRST << sp->tries));
	return SEND_SYN;
}

/* Whoever has been silent for so long is asked whether he is still there. */
static enum what idle(struct cb_splice *sp)
{
	const struct cb_sysctl *sysctl = &sp->cbn->sysctl;
	u32 silent = max(silence(&sp->client), silence(&sp->server));
	unsigned long most = cb_splice_idle(sp->cbn);

	if (silent < most) {
		sp->tries = 0;
		mod_timer(&sp->timer, jiffies + most - silent);
		return NOTHING;
	}
	if (sp->tries >= READ_ONCE(sysctl->splice_probes))
		return TELL;
	sp->tries++;
	mod_timer(&sp->timer, jiffies + READ_ONCE(sysctl->splice_probe_seconds) *
			      (unsigned long)HZ);
	return PROBE;
}

static bool heard_since(const struct cb_splice_end *end, u32 then)
{
	return (s32)(READ_ONCE(end->heard) - then) >= 0;
}

/* A challenge ACK (RFC 5961 3.2) comes at once, and nothing more from two that have nothing
 * to say: silence proves nothing unless they were asked.
 */
static enum what doubt(struct cb_splice *sp)
{
	u32 then = (u32)sp->timer.expires - CB_SPLICE_DOUBT;
	bool heard = heard_since(&sp->client, then) || heard_since(&sp->server, then);
	bool asked = sp->asked;
	enum what what;

	if (!heard && asked)
		return GONE;
	if (!heard) {
		sp->asked = true;
		mod_timer(&sp->timer, jiffies + CB_SPLICE_DOUBT);
		return ASK;
	}
	sp->asked = false;
	WRITE_ONCE(sp->doubted, false);
	what = idle(sp);
	return asked || what != NOTHING ? what : ASK;
}

static enum what linger(struct cb_splice *sp)
{
	unsigned long most = cb_splice_linger(sp->cbn);
	u32 silent = both_silent(sp);

	if (silent >= most)
		return GONE;
	mod_timer(&sp->timer, jiffies + most - silent);
	return NOTHING;
}

static enum what look(struct cb_splice *sp)
{
	switch (sp->state) {
	case CB_SPLICE_WAITING:
		return wait_on(sp);
	case CB_SPLICE_OPEN:
		return sp->doubted ? doubt(sp) : idle(sp);
	case CB_SPLICE_RESET:
		return GONE;
	default:
		return linger(sp);
	}
}

/* A byte before what it expects, and nothing in it: it answers with what it expects. */
static void probe_client(const struct cb_splice *sp)
{
	struct cb_made m = {
		.flags = CB_TCP_ACK,
		.seq = READ_ONCE(sp->client.ack) - 1,
		.ack = READ_ONCE(sp->server.ack),
		.window = cb_splice_window(&sp->server, sp->shift.win_to_client),
	};

	cb_splice_to_client(sp, &m);
}

static void probe_server(const struct cb_splice *sp)
{
	struct cb_made m = {
		.flags = CB_TCP_ACK,
		.seq = READ_ONCE(sp->server.ack) - 1,
		.ack = READ_ONCE(sp->client.ack) - sp->shift.seq,
		.window = cb_splice_window(&sp->client, sp->shift.win_to_server),
	};

	cb_splice_to_server(sp, &m);
}

static void probe(const struct cb_splice *sp)
{
	unsigned long most = cb_splice_idle(sp->cbn);

	if (silence(&sp->client) >= most)
		probe_client(sp);
	if (silence(&sp->server) >= most)
		probe_server(sp);
}

/* What an opened cookie came to nothing for. */
static void give_up(struct cb_splice *sp)
{
	bool spoken_to = sp->again >= 2;	/* as an answer to a SYN-ACK that it got */

	cb_splice_count(sp, spoken_to ? CB_R_ONE_WAY : CB_R_SERVER_SILENT);
	if (!spoken_to)
		cb_splice_unlearn(sp, CB_PROFILE_SILENT);
	cb_redeem_undo(sp->cbn, sp->w.print);
	cb_splice_dispose(sp);
}

static void carry_out(struct cb_splice *sp, enum what what, u32 tsval, u16 window)
{
	switch (what) {
	case SEND_SYN:
		cb_splice_send_syn(sp, tsval, window);
		break;
	case GIVE_UP:
		give_up(sp);
		break;
	case PROBE:
		probe(sp);
		break;
	case ASK:
		probe_client(sp);
		probe_server(sp);
		break;
	case TELL:
		cb_splice_count(sp, CB_R_END_SILENT);
		cb_splice_reset(sp);
		break;
	case GONE:
		cb_splice_dispose(sp);
		break;
	default:
		break;
	}
}

void cb_splice_timer(struct timer_list *timer)
{
	struct cb_splice *sp = from_timer(sp, timer, timer);
	struct cb_flows *flows = sp->cbn->flows;
	enum what what = NOTHING;
	u16 window;
	u32 tsval;

	rcu_read_lock();
	spin_lock(&flows->lock);
	if (!sp->flow.gone)
		what = look(sp);
	tsval = sp->w.tsval;		/* meant, and used, only while it is waiting */
	window = sp->w.window;
	if (what == GIVE_UP || what == GONE)
		cb_splice_take_out(flows, sp);
	spin_unlock(&flows->lock);
	carry_out(sp, what, tsval, window);
	rcu_read_unlock();
}
