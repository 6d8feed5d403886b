#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The same handshakes to the stack's cookies and to cookiebox; differential.sh starts it.

differential.py COUNT SEED... - so many cases of each seed. Every disagreement must be of a class of
differential.txt; one that is not fails, and is shown with what was sent.
"""

import collections
import fnmatch
import os
import re
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib")]

import mutate  # noqa: E402
import segments  # noqa: E402
import wire  # noqa: E402
from report import Report  # noqa: E402
from segments import ACK, PSH, RST, SYN, TS, timestamps  # noqa: E402

ok = Report()
BATCH = 64
SHOWN = 25
NAMES = {0: "E", 1: "N", 2: "M", 3: "W", 4: "S", 8: "T"}


class Outcome(dict):
    """What came of a case: {"syn.answer": ..., "syn.mss": ..., "ack.socket": ...}, in that order."""


def layout_of(options):
    return "".join(NAMES.get(kind, str(kind)) for kind, _ in segments.read_options(options)[0])


def synack_fields(syn, a):
    """All that a client sees of a SYN-ACK, with nothing in it that must differ."""
    stamps, scale = a.option(TS), a.option(segments.WSCALE)
    return {"syn.flags": a.flags, "syn.acks": a.ack - syn.seq & segments.MASK,
            "syn.mss": struct.unpack(">H", a.option(segments.MSS) or b"\0\0")[0],
            "syn.ws": scale[0] if scale else "-", "syn.sack": a.option(segments.SACK) is not None,
            "syn.ts": stamps is not None, "syn.echo": stamps[4:].hex() if stamps else "-",
            "syn.layout": layout_of(a.options), "syn.window": a.win, "syn.urg": a.urg,
            "syn.ttl": a.ttl, "syn.tos": a.tos, "syn.df": a.df, "syn.id": a.ipid,
            "syn.length": a.length, "syn.sound": a.sound}


def reset_fields(stage, sent, a):
    """Of a RST: where it is, relative to what it answers."""
    seq = a.seq - sent.ack if sent.flags & ACK else a.seq
    return {f"{stage}.rst": f"{seq & segments.MASK:x} {a.ack - sent.seq & segments.MASK if a.ack else 0}"
            f" {a.flags} {a.win} {a.ttl} {a.tos} {a.df} {a.length} {a.sound}"}


def socket_fields(stage, sock):
    try:
        data = sock.recv(4096)
        got = f"{len(data)} bytes" if data else "end"
    except BlockingIOError:
        got = "nothing"
    except OSError as why:
        got = why.strerror
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    snd_mss, _ = struct.unpack("=II", info[16:24])
    return {f"{stage}.data": got, f"{stage}.state": info[0], f"{stage}.options": info[5] & 15,
            f"{stage}.snd-ws": info[6] & 15, f"{stage}.rcv-ws": info[6] >> 4,
            f"{stage}.snd-mss": snd_mss, f"{stage}.adv-mss": struct.unpack("=I", info[84:88])[0]}


def honest_ack(syn, answer, payload=b""):
    """What a client that is content with the SYN-ACK would send."""
    # Fragments of two packets must not have one number.
    stamps = answer.option(TS)
    options = b"\1\1" + timestamps(syn.seq, struct.unpack(">I", stamps[:4])[0]) if stamps else b""
    return segments.Packet(syn.src, syn.dst, syn.sport, syn.dport, ACK | (PSH if payload else 0),
                           syn.seq + 1, answer.seq + 1, options=options, payload=payload, win=64240,
                           ipid=syn.ipid ^ (0x4000 if payload else 0x2000))


class Arm:
    """One of the two that are compared."""

    def __init__(self, link, cases, salt):
        self.link, self.salt, self.outcomes = link, salt, {}
        for at in range(0, len(cases), BATCH):
            batch = {case.syn.sport: case for case in cases[at:at + BATCH]}
            self.run({port: (case, Outcome()) for port, case in batch.items()})

    def exchange(self, packets):
        """{port: answers}, {port: socket}"""
        by_port = collections.defaultdict(list)
        for answer in self.link.exchange(*packets):
            by_port[answer.dport].append(answer)
        for answer in self.link.went_to_loopback():
            by_port[answer.dport].append(answer)
        return by_port, {port: sock for (_, port), sock in self.link.accept().items()}

    def settle(self, stage, sent, answers, sockets, outcome):
        """Notes what came of one packet of one case."""
        sock = sockets.get(sent.sport)
        seen = [a for a in answers if not sock or str(a) not in ("A", "PA")]
        outcome[f"{stage}.answer"] = "+".join(map(str, seen)) or "nothing"
        for a in seen:
            if a.flags & RST:
                outcome.update(reset_fields(stage, sent, a))
        outcome[f"{stage}.socket"] = bool(sock)
        if sock:
            outcome.update(socket_fields(stage, sock))

    def phase(self, stage, batch, packets):
        """Sends, notes, and clears away: {port: answers} of those that go on."""
        by_port, sockets = self.exchange(packets.values())
        for port, sent in packets.items():
            self.settle(stage, sent, by_port[port], sockets, batch[port][1])
        for sock in sockets.values():
            self.link.abort(sock)
        if sockets:
            self.link.fence()
        return {port: by_port[port] for port in packets if port not in sockets}

    def run(self, batch):
        syns = {port: mutate.change(case.syn, ipid=case.syn.ipid ^ self.salt)
                for port, (case, _) in batch.items()}
        synacks = {}
        for port, answers in self.phase("syn", batch, syns).items():
            good = [a for a in answers if a.flags & (SYN | ACK) == SYN | ACK]
            if good:
                synacks[port] = good[0]
                batch[port][1].update(synack_fields(syns[port], good[0]))
        honest = {port: honest_ack(syns[port], a) for port, a in synacks.items()}
        acks = {port: batch[port][0].ack(packet) for port, packet in honest.items()}
        rest = self.phase("ack", batch, acks)
        again = {port: honest_ack(syns[port], synacks[port], b"again") for port in rest}
        self.phase("again", batch, again)
        for case, outcome in batch.values():
            self.outcomes[case.number] = outcome
            outcome.honest, outcome.sent = (by.get(case.syn.sport) for by in (honest, acks))


class Table:
    """differential.txt: classes of disagreements."""

    def __init__(self, path):
        self.rows, self.counts = [], collections.Counter()
        with open(path, encoding="utf-8") as handle:
            for line in handle:
                if line.strip() and not line.startswith(("\t", "#")):
                    name, what, stack, module, *words = line.split()
                    self.rows.append((name, what, stack.replace("_", " "),
                                      module.replace("_", " "), words))

    def find(self, what, stack, module, known):
        """The first class that it belongs to; None: there is none."""
        for name, *patterns, words in self.rows:
            if all(map(matches, (what, stack, module), patterns)) and \
                    all(holds(word, known) for word in words):
                self.counts[name] += 1
                return name
        return None


def matches(value, pattern):
    return any(fnmatch.fnmatchcase(value, either) for either in pattern.split("|"))


def holds(word, known):
    """One of the alternatives is known; with "!", none of them is."""
    if word[0] == "!":
        return not holds(word[1:], known)
    return any(fnmatch.filter(known, either) for either in word.split("|"))


def disagreements(stack, module):
    """(what, stack's, module's): all up to the first stage whose outcome is another one."""
    for stage in ("syn", "ack", "again"):
        every = [w for w in {**stack, **module} if w.startswith(stage + ".")]
        whole = [w for w in (f"{stage}.answer", f"{stage}.socket")
                 if stack.get(w) != module.get(w)]
        for what in whole or every:
            if stack.get(what) != module.get(what):
                mine, its = stack.get(what, "-"), module.get(what, "-")
                yield what, str(mine), relation(what, mine, its)
        if whole:
            return


def relation(what, stack, module):
    """What the module's value is, beside the stack's, where the numbers themselves say little."""
    if what == "syn.window" and stack * .9 <= module <= stack * 1.025 and isinstance(module, int):
        return "near"
    if what.endswith(".snd-mss") and isinstance(module, int):
        return "more" if module > stack else "less" if module >= stack - 40 else str(module)
    return str(module)


def changes_of(honest, sent):
    """What makes an ACK another than the honest one, where its cookie is concerned."""
    if sent.ack != honest.ack:
        yield "other-ack"
    if sent.seq != honest.seq:
        yield "other-seq"
    before, after = (dict(segments.read_options(mutate.options_of(p) or b"")[0]).get(TS)
                     for p in (honest, sent))
    if before and not after:
        yield "ts-left-out"
    elif after and not before:
        yield "ts-put-in"
    elif before and before[4:] != after[4:]:
        yield "other-echo"


def known_about(case, *outcomes):
    known = {"syn:" + word for word in mutate.facts(case.syn)}
    for outcome in outcomes:        # a changed byte may by chance be the same to one of them
        if outcome.sent:
            known |= {"ack:" + word for word in mutate.facts(outcome.sent)}
            known |= {"ack:" + word for word in changes_of(outcome.honest, outcome.sent)}
    known.add("ipv" + wire.FAMILY)
    known.add("linux-" + re.match(r"\d+\.\d+", os.uname().release)[0])
    return known


def compare(cases, stack, module, table, log):
    """Descriptions of what no class is there for; every disagreement goes to the log."""
    strange, agreed = [], 0
    for case in cases:
        outcomes = stack.outcomes[case.number], module.outcomes[case.number]
        known = known_about(case, *outcomes)
        found = list(disagreements(*outcomes))
        agreed += not found
        for what, by_stack, by_module in found:
            name = table.find(what, by_stack, by_module, known)
            line = f"{what}: stack {by_stack}, module {by_module}; {' '.join(sorted(known))}"
            print(name or "-", case.number, what, by_stack, by_module, " ".join(sorted(known)),
                  sep="\t", file=log)
            if not name:
                strange.append(f"case {case.number} ({case.layout}): {line}")
    return strange, agreed


def mss_of(syn):
    """What the client announced; None: it is not for us to keep to, since the stack answers."""
    known = mutate.facts(syn)
    values = [v for k, v in segments.read_options(mutate.options_of(syn) or b"")[0]
              if k == segments.MSS]
    value = struct.unpack(">H", values[-1])[0] if values else 536 if wire.FOUR else 1220
    passed = known & {"routing", "many-headers", "unknown"}
    return value if value >= (256 if "ts" in known else 536) and not passed else None


def exceeded(cases, module):
    """Connections whose MSS is above what the client announced."""
    for case in cases:
        outcome, mss = module.outcomes[case.number], mss_of(case.syn)
        for stage in ("ack", "again"):
            got = outcome.get(f"{stage}.snd-mss", 0)
            got += 12 * (outcome.get(f"{stage}.options", 0) & 1)
            if mss and got > mss:
                yield f"case {case.number} ({case.layout}): {mss} announced, {got} in force"


def source_of(turn):
    """A source for each turn, so that no fragment of an earlier one is there to be mixed up with."""
    return wire.packed(f"10.1.{turn}.1" if wire.FOUR else f"fd01::{turn}:1")


def rehearse(link, count, seed, source, table):
    cases = list(mutate.cases(seed, count, source, wire.SERVER, wire.PORT))
    started = time.monotonic()
    wire.cookiebox("service", "set", "web", "engage", "off")
    stack = Arm(link, cases, 0)
    wire.cookiebox("service", "set", "web", "engage", "always")
    counters = wire.Counters("web")
    before = counters.read()
    module = Arm(link, cases, 0x8000)
    counted = wire.grown(before, counters.read())
    with open(f"{os.environ['OUT']}/differential-{wire.FAMILY}-{seed}", "w",
              encoding="ascii") as log:
        strange, agreed = compare(cases, stack, module, table, log)
    ok.note(f"seed {seed}: {len(cases)} handshakes to both in {time.monotonic() - started:.1f} s, "
            f"{agreed} without any difference")
    ok.note("counted: " + ", ".join(f"{reason} {n}" for reason, n in sorted(counted.items())))
    ok(not strange, f"seed {seed}: {count} handshakes, every disagreement is of a known class",
       "\n".join([f"{len(strange)} are not:"] + strange[:SHOWN]))
    wrong = list(exceeded(cases, module))
    ok(not wrong, f"seed {seed}: no MSS is above what the client announced",
       "\n".join(wrong[:SHOWN]))
    sockets = sum(o.get("ack.socket", False) for o in module.outcomes.values())
    ok(counted.get("syn_answered", 0) > count // 3 and sockets > count // 8,
       f"seed {seed}: the module answered, and connections came of it", f"{counted}, {sockets}")


def main():
    count, seeds = int(sys.argv[1]), sys.argv[2:]
    link, table = wire.Wire(), Table(f"{HERE}/differential.txt")
    for turn, seed in enumerate(seeds):
        rehearse(link, count, seed, source_of(turn), table)
    for name, n in sorted(table.counts.items()):
        ok.note(f"{name}: {n}")
    return ok.done()


if __name__ == "__main__":
    sys.exit(main())
