# SPDX-License-Identifier: GPL-2.0
"""Faults that systems like this one have had, each with the cheapest test that must catch it.

The text to replace is as short as is unique, so that a fault survives changes around it; when it is
no longer found, tests/mutation/run fails, and the fault has to follow the code.
"""

import dataclasses


FAST = ("pure asan-options", "pure asan-segment", "pure asan-clock", "pure asan-keyring",
        "pure asan-handshake", "pure asan-translate", "pure asan-profile")


@dataclasses.dataclass
class Edit:
    path: str
    old: str
    new: str
    times: int = 1


@dataclasses.dataclass
class Fault:
    name: str
    pitfall: str        # the class of mistakes
    test: str           # kind and arguments, see KINDS of tests/mutation/run
    edits: list

    @property
    def fast(self):
        return self.test in FAST

def fault(name, pitfall, test, path, old, new, times=1):
    return Fault(name, pitfall, test, [Edit(f"module/{path}", old, new, times)])


PURE = [
    fault("options-past-the-end", "a byte past the options is read", "pure asan-options",
          "options.c", "end - p < 2 || ", ""),
    fault("options-length-zero", "a length of zero loops for ever", "pure asan-options",
          "options.c", "p[1] < 2 || ", ""),
    fault("timestamps-twice", "a second timestamp option passes", "pure asan-options",
          "options.c", "if (opt->has & CB_OPT_TS)\n", "if (opt->has & 0)\n"),
    fault("header-short", "a data offset under 5 passes", "pure asan-segment",
          "segment.c", "thlen < TCP_FIXED_LEN || ", ""),
    fault("header-past-the-end", "a header longer than the segment passes", "pure asan-segment",
          "segment.c", " || thlen > len", ""),
    fault("offset-without-ports", "the timestamp offset leaks across ports", "pure asan-clock",
          "flowcookie.c", "(u32)cb_tuple_hash(&pair->key, tuple, 0",
          "(u32)cb_tuple_hash(&pair->key, &(struct cb_tuple){ .saddr = tuple->saddr,\n"
          ".daddr = tuple->daddr, .family = tuple->family }, 0"),
    fault("secret-short", "32 bits of secret", "pure asan-keyring",
          "keys.c", "sizeof(out), master, CB_MASTER_LEN)", "sizeof(out), master, 4)"),
    fault("key-of-no-epoch", "keys never change", "pure asan-keyring",
          "keys.c", "cpu_to_be32(epoch)", "cpu_to_be32(epoch & 0)"),
    fault("nonce-left-out", "what was sealed before a reboot opens after it", "pure asan-keyring",
          "keys.c", "nonce ? sizeof(in) : KDF_FIXED_LEN", "KDF_FIXED_LEN"),
    fault("client-isn-not-bound", "a cookie opens for another client ISN", "fuzz cookie",
          "cookie.c", "tuple, cisn, epoch, tag)", "tuple, 0 & cisn, epoch, tag)"),
    fault("address-not-bound", "a cookie opens for another address", "fuzz cookie",
          "tuplehash.h", "cpu_to_le64(be64_to_cpu(t->saddr.q[1])),", "0,"),
    fault("more-rows-open", "too many ACK numbers open", "pure count",
          "cookie.c", "value >= rows_of(form)", "value >= rows_of(form) + 1"),
    fault("third-key-opens", "a dead epoch's cookie opens", "pure asan-handshake",
          "handshake.c", "if (opens(seg, pol, slot, form, out) ||",
          "if (opens(seg, pol, slot, form, out) ||\n"
          "opens(seg, pol, cb_ring_slot(ring, slot->epoch - 2), form, out) ||"),
    fault("stale-echo-opens", "a stale timestamp is accepted", "pure asan-clock",
          "flowcookie.c", "age < life_ms", "age < 16 * life_ms"),
    fault("sack-not-asked-for", "an option is answered that was not offered", "pure asan-handshake",
          "handshake.c", "pol->sack && (opt->has & CB_OPT_SACK)", "pol->sack"),
    fault("ecn-half-asked-for", "an option is answered that was not offered", "pure asan-handshake",
          "handshake.c", "(seg->flags & ECN_SETUP) == ECN_SETUP", "(seg->flags & ECN_SETUP)"),
    fault("auth-answered", "a SYN with TCP-MD5 is answered with a cookie", "pure asan-handshake",
          "handshake.c", "if (seg->opt.has & CB_OPT_AUTH)", "if (seg->opt.has & 0)"),
    fault("syn-fin-answered", "SYN and FIN together are answered", "pure asan-handshake",
          "handshake.c", "(CB_TCP_FIN | CB_TCP_RST)", "CB_TCP_RST"),
    fault("mss-raised", "more comes back than was offered", "fuzz cookie",
          "rows.c", "IF((mss) <= (max), row)", "IF((mss) <= (max) + 20, row)"),
    fault("scale-raised", "more comes back than was offered", "pure asan-cookie",
          "rows.c", "IF((ws) <= (max), row)", "IF((ws) <= (max) + 1, row)"),
    fault("epochs-begin-together", "a new master waits for an epoch", "fuzz handshake",
          "epoch.c", "max(by->now_ms, last->start_ms + 1)", "by->now_ms"),
    fault("epoch-comes-again", "a stepped clock brings an epoch back", "fuzz handshake",
          "epoch.c", "max3(at_least, wall_epoch(by), by->master->floor)",
          "max(wall_epoch(by), by->master->floor)"),
    fault("sent-again-for-ever", "a SYN-ACK is sent again without end", "pure lane",
          "lane.c", "	link_last(lane, e, ring + 1, now);",
          "	link_last(lane, e, min(ring + 1, 3), now);"),
    fault("flood-is-calm", "a flood is remembered", "pure lane",
          "lane.h", "++lane->unanswered > lane->limit)", "++lane->unanswered < lane->limit)"),
    fault("left-over-engages", "what an attack has left behind is the next one",
          "pure asan-pressure", "pressure.c", "fresh = queue - stale;", "fresh = queue;"),
    fault("flaps", "a slow flood at the threshold engages again and again", "pure asan-pressure",
          "pressure.c", "unfinished, -UNFINISHED_MAX, UNFINISHED_MAX) * b->life_ms * 100;",
          "unfinished, -UNFINISHED_MAX, UNFINISHED_MAX) * 100;"),
    fault("timestamps-twice-once", "a second timestamp option is left as it was",
          "pure asan-translate", "translate.c", "	move_timestamps(th, at + 2, m, sum);",
          "	{ move_timestamps(th, at + 2, m, sum); return; }"),
    fault("sum-at-odd-offset", "a checksum is wrong where an option lies at an odd offset",
          "pure asan-translate", "translate.c", "at & 1 ? rotated", "at & 0 ? rotated"),
    fault("half-translated", "a header that is refused has been changed already",
          "pure asan-translate", "translate.c", "if (!as_usual && !well_formed(th, thlen))\n",
          "add32(th, AT_SEQ, m.seq, &sum);\n	if (!as_usual && !well_formed(th, thlen))\n"),
    fault("echo-of-the-cookie", "a server is shown an echo of what it had not sent yet",
          "pure asan-translate", "translate.c", "*m->first_tsval - tsecr <= ECHO_AGE_MAX", "0"),
    fault("window-closes", "a window of a few bytes is shown as closed", "pure asan-translate",
          "translate.c", "window >> -shift ?: !!window", "window >> -shift"),
    fault("sweep-forgets", "SYNs to addresses without a server put out those with one",
          "pure asan-profile", "profile.c", "s->state == PLACE_ALIVE && state != PLACE_ALIVE",
          "s->state > PLACE_ALIVE && state != PLACE_ALIVE"),
    fault("unasked-is-refused", "what a SYN did not offer is taken for what a server cannot do",
          "pure asan-profile", "profile.c", "(offered & CB_PROFILE_ALL) | has;",
          "CB_PROFILE_ALL | offered | has;"),
    fault("one-refusal-kills", "a server that refuses one client is taken for dead",
          "pure asan-profile", "profile.c", "s->refusals == CB_PROFILE_REFUSALS ||",
          "s->refusals ||"),
    fault("every-syn-asks", "each SYN to an unknown server passes", "pure asan-profile",
          "profile.c", "now - s->asked >= CB_PROFILE_ASK_GAP", "now >= s->asked"),
    fault("told-each-time", "two unlike servers behind one address make an event a connection",
          "pure asan-profile", "profile.c", "	s->changed = now;\n", ""),
    fault("resent-counts-again", "a SYN that is sent again is one more handshake",
          "pure asan-sketch", "sketch.c", "if (find(s, &spot, number, &cell) ||",
          "if ((find(s, &spot, number, &cell), 0) ||"),
    fault("any-ack-completes", "a flood hides itself by ACKs of its own", "pure asan-sketch",
          "sketch.c", "|| !(cell & KNOWN) ||", "||"),
    fault("sample-not-scaled", "an estimate is of the sample, not of what it stands for",
          "pure asan-sketch", "sketch.c", "max(s->slice[i].level, level));",
          "s->slice[i].level + (level & 0));"),
    fault("counted-for-ever", "what a server has forgotten is still counted", "pure asan-sketch",
          "sketch.c", "n -= n * clamp_t(s64, over, 0, slice_ms) >> s->shift;",
          "n -= n * clamp_t(s64, over, 0, 0) >> s->shift;"),
    fault("epoch-cut-short", "a stepped clock drops handshakes in flight", "pure epoch",
          "epoch.c", "	s64 start, earliest = last->start_ms + by->len_ms / 2;",
          "	s64 start, earliest = last->start_ms + by->len_ms / 64;"),
]

KERNEL = [
    fault("auto-calm-seals", "a calm service changes what the stack does", "uml debug engage-auto.sh 4",
          "engage.c", "return cb_pressure_high(load->queue, stale, load->backlog, limits.engage);",
          "return cb_pressure_high(load->queue, stale, load->backlog, limits.engage) || 1;"),
    fault("cookies-die-with-attack", "a handshake in flight is lost when a service is released",
          "uml debug engage-auto.sh 4", "local.c",
          "	if (unlikely(ctx->requested)) {\n", "	if (unlikely(ctx->requested) && !ctx) {\n"),
    fault("secrets-shown", "a secret is shown without being asked for", "uml fast cli.sh",
          "netlink-key.c", "(secrets && put_secrets(skb, key))", "put_secrets(skb, key)"),
    fault("length-zero-accepted", "netlink: a policy is missing", "uml fast netlink.sh",
          "netlink-gen.c", "[COOKIEBOX_A_SERVICE_PORT_MIN] = { .type = NLA_U16, }",
          "[COOKIEBOX_A_SERVICE_PORT_MIN] = { .type = NLA_BINARY, }", 2),
    fault("anybody-may", "netlink: no privilege is asked for", "uml fast netlink.sh",
          "netlink-gen.c",
          ".maxattr	= COOKIEBOX_A_KEY_SECRETS,\n		.flags		= GENL_UNS_ADMIN_PERM,",
          ".maxattr	= COOKIEBOX_A_KEY_SECRETS,"),
    fault("wrong-namespace", "netlink: privilege is asked for in the wrong namespace",
          "uml fast netlink.sh", "netlink-gen.c",
          ".maxattr	= COOKIEBOX_A_SERVICE_UNKNOWN,\n		.flags		= GENL_UNS_ADMIN_PERM,",
          ".maxattr	= COOKIEBOX_A_SERVICE_UNKNOWN,\n		.flags		= GENL_ADMIN_PERM,", 2),
    fault("used-cookies-open", "a recorded ACK makes a second connection",
          "uml fast single-use.sh", "redeem.c", "return CB_R_REPLAYED;", "return CB_R_NONE;"),
    fault("used-cookies-forgotten", "what was redeemed is forgotten while it opens",
          "uml fast single-use-keys.sh", "prints.c", "#define SERIALS_HELD	6u",
          "#define SERIALS_HELD	1u"),
    fault("refused-for-good", "a repeat is taken for a replay before its connection was seen",
          "uml fast single-use-honest.sh 4", "prints.c",
          "state_of(TENTATIVE, serial, now_ms));",
          "state_of(CONFIRMED, serial, now_ms));"),
    fault("dump-skips", "netlink: a dump of a changing table", "uml fast netlink.sh",
          "netlink-show.c", "(long)svc->anchor->id + 1", "(long)svc->anchor->id + 2"),
    fault("late-commit", "netlink: a change is based on what is no longer so",
          "uml fast netlink.sh",
          "stage.c", "if (old->generation != st->generation)", "if (!old)"),
    fault("stage-outlives-socket", "netlink: what a closed socket had begun stays",
          "uml fast netlink.sh",
          "netlink.c", "event != NETLINK_URELEASE ||", "event == NETLINK_URELEASE ||"),
    fault("hooks-stay", "hooks stay registered when the module goes", "uml debug netlink.sh",
          "net.c", "	cb_hooks_unregister(cbn);	/*",
          "	if (!cbn)\n		cb_hooks_unregister(cbn);	/*"),
    fault("keys-by-halves", "netlink: a refused request has done half of it",
          "uml fast netlink-fuzz.sh", "netlink-key.c",
          "	err = min(n, 0);\n", "	err = 0;\n	n = max(n, 0);\n"),
    fault("begin-leaks", "an error path forgets what it had made", "uml debug failing.sh",
          "netlink.c", "	if (err) {\n		cb_stage_drop(stage);\n		return cb_netlink_explain",
          "	if (err) {\n		return cb_netlink_explain"),
    fault("load-half-undone", "an error path of loading undoes too little",
          "uml debug failing.sh", "net.c", "		goto err_service;\n", "		goto err_keyring;\n"),
    fault("no-memory-ignored", "a failed allocation is ignored", "uml debug failing.sh",
          "reply.c", "	ctx->skb = NULL;\n	if (!skb)\n		return NULL;\n", "	ctx->skb = NULL;\n"),
    Fault("any-table", "the target can be used where it was not written for",
          "uml fast rules.sh 4",
          [Edit("module/target.c", "	.table		= \"raw\",					\\\n", ""),
           Edit("module/target.c", "	.hooks		= 1 << NF_INET_PRE_ROUTING,			\\\n", "")]),
    fault("any-protocol", "the target is reached by what is not TCP", "uml fast rules.sh 4",
          "target.c", "if (!tcp_only(par)) {", "if (!tcp_only(par) && !par) {"),
    fault("rule-loses-service", "a rule's service can go", "uml fast rules.sh 4",
          "stage.c", "if (!atomic_read(&svc->anchor->rules))", "if (svc)"),
    fault("known-tuple-answered", "a SYN of a live or TIME_WAIT tuple is answered",
          "uml fast buffer.sh 4", "judge.c",
          "		return d;\n	if (ctx->svc->ops->known(ctx))\n",
          "		return d;\n	if (ctx->svc->ops->known(ctx) && !ctx)\n"),
    fault("checksum-not-checked", "a SYN with a bad checksum is answered",
          "uml fast buffer.sh 4", "judge.c",
          "	reason = cb_parse_checksum(ctx);\n", "	reason = CB_R_NONE;\n"),
    fault("output-by-passed", "the reply by-passes the host's own rules",
          "uml fast buffer.sh 4", "reply.c", "ip_local_out(net, NULL, skb)",
          "dst_output(net, NULL, skb)"),
    fault("anybody-resets", "a reset with a wrong number counts", "uml fast embryonic.sh 4",
          "embryonic.c", "if (e && ctx->seg.seq == e->cisn + 1)", "if (e)"),
    fault("sent-to-nobody", "a SYN-ACK is sent again though nobody listens",
          "uml fast embryonic.sh 4", "resend.c", "	if (d.action == CB_ANSWER)\n", "	if (d.action)\n"),
    fault("sent-without-cap", "copies of a SYN-ACK are not capped", "uml fast embryonic.sh 4",
          "resend.c", "	if (!cb_gate_pass(gate, &ctx->seg.tuple, ctx->now_ms, rate) ||\n	    cb_reply",
          "	if (!rate ||\n	    cb_reply"),
    fault("reply-not-scrubbed", "what receive left goes out again", "uml fast buffer.sh 4",
          "reply.c", "	skb->ip_summed = CHECKSUM_NONE;\n", ""),
    fault("receive-stamp-sent", "what receive left goes out again: fq drops the reply",
          "uml fast paths.sh 4", "reply.c", "	skb->tstamp = 0;\n", ""),
    Fault("program-reads-elsewhere", "programs of SO_REUSEPORT see another header than TCP's",
          "vm 6.1 listeners.sh 4",          # from 6.8 on the stack chooses once more
          [Edit("module/demux.c", "	__skb_pull(skb, ctx->seg.thoff);\n", ""),
           Edit("module/demux.c", "	__skb_push(skb, ctx->seg.thoff);\n", "")]),
    fault("segments-left-ignored", "IPv6: a routing header that leads elsewhere is passed over",
          "uml fast listeners-odd.sh 6", "parse.c", "	if (rt->segments_left)\n", "	if (!rt)\n"),
    fault("shared-buffer-written", "a clone's buffer is written", "uml fast buffer.sh 4",
          "reply.c", "!skb_cloned(skb) && ", ""),
    fault("flow-limit-kept-by-nobody", "a cache grows without a limit", "uml fast flow-cache.sh 4",
          "flow.c", "flows->n.entries >= limit; i++", "flows->n.entries >= limit << 20; i++"),
    fault("flow-flush-forgets-filter", "a filter selects everything", "uml fast flow-cache.sh 4",
          "flow-walk.c", "if (cb_flow_matches(flow, filter))", "if (filter)"),
]

FAULTS = PURE + KERNEL
