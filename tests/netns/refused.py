#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The table of what is refused and what counts it; refused.sh starts it with a service for port 80.

Each case is sent to a service with `invalid drop`, which answers nothing. What belongs to nothing is
sent to one with `invalid reset` as well, which hands it on, and may answer what the stock stack with
its own cookies (engage off) does.
"""

import dataclasses
import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import segments  # noqa: E402
import wire  # noqa: E402
from report import Report  # noqa: E402
from segments import ACK, FIN, PSH, RST, SYN, URG, timestamps  # noqa: E402
from wire import FOUR, WITH_TS, WITHOUT_TS, Handshake, cookiebox, packed  # noqa: E402

ok = Report()
HOUR = 3600000
SOCKET = "a socket came of it"


@dataclasses.dataclass
class Case:
    """What is sent, given a handshake whose SYN-ACK is there; what counts it."""
    name: str
    reason: str                 # "": nothing does
    make: object                # of the handshake: the packets
    options: bytes = WITH_TS    # of the handshake's SYN
    reset: str = None           # reason with `invalid reset`; None: the same


def syn(name, reason, **changes):
    return Case("SYN, " + name, reason, lambda v: [dataclasses.replace(v.syn, **changes)])


def ack(name, reason, form=WITH_TS, reset=None, **changes):
    return Case("ACK, " + name, reason, lambda v: [v.ack(**changes)], form, reset)


def off(name, reason, field, delta, options=WITH_TS, reset=None):
    """The ACK with a field that is off by so much."""
    def make(v):
        packet = v.ack()
        return [dataclasses.replace(packet, **{field: getattr(packet, field) + delta})]
    return Case(f"ACK, {name}", reason, make, options, reset)


def echo(name, reason, delta, reset=None):
    def make(v):
        return [v.ack(options=b"\1\1" + timestamps(1001, v.answer.tsval + delta))]
    return Case(f"ACK, {name}", reason, make, WITH_TS, reset)


def wrong_acks():
    """A fresh echo is never reset: its handshake may just be waiting."""
    for delta in (1, -1, 1234567, 1 << 31):
        yield off(f"ACK number {delta:+}", "bad_cookie", "ack", delta)
        yield off(f"ACK number {delta:+}, no timestamps", "bad_cookie", "ack", delta, WITHOUT_TS,
                  "not_ours")
    for delta in (1, -77777):
        yield off(f"other client ISN {delta:+}", "bad_cookie", "seq", delta)
        yield off(f"other client ISN {delta:+}, no timestamps", "bad_cookie", "seq", delta,
                  WITHOUT_TS, "not_ours")
    yield off("other port", "cookie_expired", "sport", 1000, reset="not_ours")
    yield off("other port, no timestamps", "bad_cookie", "sport", 1000, WITHOUT_TS, "not_ours")
    neighbour = packed("10.1.0.3" if FOUR else "fd01::3")
    yield ack("other address", "cookie_expired", reset="not_ours", src=neighbour)
    yield ack("other address, no timestamps", "bad_cookie", WITHOUT_TS, "not_ours", src=neighbour)
    yield echo("echo of an hour ago", "cookie_expired", -HOUR, "not_ours")
    yield echo("echo of the future", "cookie_expired", HOUR, "not_ours")
    yield ack("timestamps left out", "bad_cookie", reset="not_ours", options=b"")
    yield ack("timestamps put in", "cookie_expired", WITHOUT_TS, "not_ours",
              options=b"\1\1" + timestamps(1, 2))


BAD_OPTIONS = {
    "option length 0": bytes((5, 0, 1, 1)),
    "option length 0, timestamps": bytes((8, 0)) + bytes(10),
    "option length 1": bytes((3, 1, 7, 1)),
    "option past the end": bytes((1, 1, 8, 10)),
    "option past the end by one": bytes((5, 5, 1, 1)),
    "last byte a bare kind": bytes((1, 1, 1, 8)),
    "last byte a bare kind, behind others": segments.mss(1400) + bytes((1, 1, 1, 3)),
    "duplicate timestamps": timestamps(1, 2) + timestamps(1, 2),
    "duplicate timestamps, one in order": b"\1\1" + timestamps(1, 2) + b"\1\1" + timestamps(3, 4),
}


def malformed(name, make, what):
    """Headers and options, of a SYN and of an ACK that would open its cookie."""
    for size in (4, 13, 14, 19):
        yield Case(f"{name}, {size} bytes of header", "bad_header",
                   lambda v, n=size: [dataclasses.replace(make(v), cut=n, options=b"", doff=5)])
    yield Case(f"{name}, 3 bytes of header: no port", "",
               lambda v: [dataclasses.replace(make(v), cut=3)])
    for doff in (0, 4, 15):
        yield Case(f"{name}, data offset {doff}", "bad_header",
                   lambda v, n=doff: [dataclasses.replace(make(v), doff=n)])
    for fault, options in BAD_OPTIONS.items():
        yield Case(f"{name}, {fault}", "bad_options",
                   lambda v, o=options: [dataclasses.replace(make(v), options=o)])
    yield Case(f"{name}, bad checksum", "bad_checksum",
               lambda v: [dataclasses.replace(make(v), csum_xor=what)])


def flags():
    for bits, name in ((SYN | FIN, "SYN+FIN"), (SYN | RST, "SYN+RST"),
                       (SYN | FIN | RST, "SYN+FIN+RST"), (SYN | FIN | PSH | URG, "SYN+xmas")):
        yield Case(name, "bad_flags", lambda v, f=bits: [dataclasses.replace(v.syn, flags=f)])
    for bits, name in ((0, "null"), (FIN | PSH | URG, "xmas"), (FIN, "FIN alone"),
                       (PSH, "PSH alone"), (SYN | ACK, "SYN+ACK"),
                       (SYN | ACK | FIN, "SYN+ACK+FIN"), (0xff & ~RST, "all but RST")):
        yield Case(name, "invalid_dropped",
                   lambda v, f=bits: [dataclasses.replace(v.ack(), flags=f)], reset="")
    for bits, name in ((RST, "RST"), (RST | ACK, "RST+ACK"), (0xff, "all flags")):
        yield Case(name + ", of no connection", "",
                   lambda v, f=bits: [dataclasses.replace(v.ack(), flags=f)])


def fragments():
    for size in (8, 16, 24):
        yield syn(f"fragmented behind {size} bytes", "fragment", split=size)
    yield syn("fragmented, with data", "fragment", split=48, payload=b"x" * 40)


def sources():
    """IPv6 itself drops some before anybody sees them; `reason` is "" there."""
    if FOUR:
        bad = {"loopback": "127.0.0.1", "loopback, high": "127.255.255.254", "ours": "10.0.0.2",
               "multicast": "224.0.0.5", "multicast, high": "239.255.255.255",
               "broadcast": "255.255.255.255", "subnet's broadcast": "10.0.0.255",
               "0.0.0.0": "0.0.0.0", "0/8": "0.1.2.3"}
        early = ()
    else:
        bad = {"ours": "fd00::2", "loopback": "::1", "multicast": "ff02::1", "unspecified": "::",
               "IPv4 mapped": "::ffff:10.1.0.1"}
        early = ("loopback", "multicast")
    for name, address in bad.items():
        yield syn(f"source {name}", "" if name in early else "bad_source", src=packed(address))


def all_cases():
    return [*malformed("SYN", lambda v: v.syn, 1), *malformed("ACK", lambda v: v.ack(), 0x8000),
            *wrong_acks(), *flags(), *fragments(), *sources()]


class Bench:
    """The wire, an established connection, and honest handshakes beside."""

    def __init__(self):
        self.wire = wire.Wire()
        self.client = self.wire.connect()
        self.wire.fence()
        self.server = next(iter(self.wire.accept().values()))
        self.server.settimeout(10)
        self.port = 20000
        self.counters = wire.Counters("web")
        self.counted = self.counters.read()

    def begin(self, src, options=WITH_TS):
        self.port += 1
        return Handshake(self.wire, src, self.port, options, seq=self.port * 77777 & 0xffffffff)

    def completes(self, handshake):
        """Its ACK, with data, makes its connection and no other."""
        self.wire.exchange(handshake.ack(flags=ACK | PSH, payload=b"honest"))
        found = self.wire.accept()
        key = (handshake.syn.src, handshake.syn.sport)
        good = list(found) == [key] and found[key].recv(100) == b"honest"
        for sock in found.values():
            self.wire.abort(sock)
        return good

    def established_lives(self):
        self.client.send(b"ping")
        heard = self.server.recv(100)
        self.server.send(b"pong")
        return heard == b"ping" and self.client.recv(100) == b"pong"

    def since(self):
        """What was counted since the last time."""
        before, self.counted = self.counted, self.counters.read()
        return wire.grown(before, self.counted)

    def run(self, case, wanted=None, allowed=(), lives=True):
        """[what is wrong], and the answers. wanted: the counter; None: none are looked at."""
        wrong = []
        beside = self.begin(wire.HONEST).start()
        victim = self.begin(wire.SOURCE, case.options).start()
        answers = [str(a) for a in self.wire.exchange(*case.make(victim))]
        answers += ["over lo: " + str(a) for a in self.wire.went_to_loopback()]
        if [a for a in answers if a not in allowed]:
            wrong.append(f"answered {answers}, allowed {list(allowed)}")
        for sock in self.wire.accept().values():
            self.wire.abort(sock)
            wrong.append(SOCKET)
        if not self.completes(beside):
            wrong.append("the handshake beside it was harmed")
        if self.completes(victim) != lives:
            wrong.append("the handshake of the same tuple was harmed" if lives else "it opened")
        if not self.established_lives():
            wrong.append("the established connection was harmed")
        if wanted is not None:
            want = {"syn_answered": 2, "cookie_accepted": 1 + lives}
            if wanted:
                want[wanted] = 1
            got = self.since()
            if got != want:
                wrong.append(f"counted {got}, not {want}")
        return wrong, answers


def set_service(*words):
    cookiebox("service", "set", "web", *words)


def refuse(bench, cases):
    for case in cases:
        wrong, _ = bench.run(case, case.reason)
        ok(not wrong, f"{case.name}: {case.reason or 'not counted'}", "\n".join(wrong))


def hand_on(bench, cases):
    """Where the stack's cookies are so lax that a connection comes of it, ours are reset."""
    set_service("engage", "off")
    wire.sysctl("net.ipv4.tcp_syncookies", 2)
    by_stack = {}
    for case in cases:
        wrong, answers = bench.run(case, allowed=("R",))
        by_stack[case.name] = ["R"] if SOCKET in wrong else answers
    wire.sysctl("net.ipv4.tcp_syncookies", 1)
    set_service("engage", "always", "invalid", "reset")
    for case in cases:
        wrong, answers = bench.run(case, case.reset, by_stack[case.name])
        if answers != by_stack[case.name]:
            wrong.append(f"answered {answers}, the stack {by_stack[case.name]}")
        said = "the stack resets" if answers else "no answer"
        ok(not wrong, f"handed on: {case.name}: {case.reset or 'not counted'}, {said}",
           "\n".join(wrong))
    set_service("invalid", "drop")


def reflected(bench):
    """Without a route look-up for the answer, the sources are asked about all the same."""
    set_service("reply", "reflect")
    for case in sources():
        wrong, _ = bench.run(case, case.reason)
        ok(not wrong, f"reply reflect: {case.name}: {case.reason or 'not counted'}",
           "\n".join(wrong))
    set_service("reply", "route")


def carried():
    """What a SYN may have with it that is not for a cookie."""
    fast = bytes((segments.FASTOPEN, 10)) + b"cookie!!"
    long = segments.mss(1460) + segments.SACK_OK + timestamps(1000)
    return {
        "nothing": {}, "data": {"payload": b"early"},
        "a request for a Fast Open cookie": {"options": WITH_TS + bytes((segments.FASTOPEN, 2))},
        "a Fast Open cookie": {"options": long + fast},
        "a Fast Open cookie and data": {"options": long + fast, "payload": b"early"},
        "experimental Fast Open": {"options": WITH_TS + bytes((254, 4, 0xf9, 0x89))},
        "MPTCP": {"options": WITH_TS + bytes((segments.MPTCP, 12, 1, 1)) + bytes(8)},
        "an unknown option": {"options": WITH_TS + bytes((253, 7)) + b"what?"},
        "an urgent pointer": {"urg": 77, "flags": SYN | URG},
        "PSH": {"flags": SYN | PSH}, "reserved bits": {"reserved": 14},
        "ECN setup": {"flags": SYN | segments.ECE | segments.CWR},
    }


def taken(bench, changes):
    """How a SYN was answered, and that only the data of the ACK arrives."""
    honest = bench.begin(wire.HONEST)
    honest.syn = dataclasses.replace(honest.syn, **changes)
    answer = honest.start().answer
    kinds = [kind for kind, _ in segments.read_options(answer.options)[0]]
    small = answer.length <= len(honest.syn.packets()[0]) + 4
    return answer.flags, kinds, answer.payload, answer.urg, small, bench.completes(honest)


def ignored(bench):
    set_service("engage", "off")
    by_stack = {name: taken(bench, changes) for name, changes in carried().items()}
    set_service("engage", "always")
    for name, changes in carried().items():
        bench.since()
        got, counted = taken(bench, changes), bench.since()
        ok(got == by_stack[name] and got[2] == 0 and all(got[-2:]) and
           counted == {"syn_answered": 1, "cookie_accepted": 1},
           f"SYN with {name}: answered as by the stack, only the SYN is acknowledged",
           f"module {got}, stack {by_stack[name]}, counted {counted}")


def over_lo(bench):
    """Our own address as the source is honest there."""
    bench.since()
    sock = wire.socket.create_connection((wire.unpacked(wire.SERVER), wire.PORT), timeout=10)
    sock.close()
    bench.wire.fence()
    for accepted in bench.wire.accept().values():
        bench.wire.abort(accepted)
    bench.wire.went_to_loopback()
    got = bench.since()
    ok(got == {"syn_answered": 1, "cookie_accepted": 1}, "our own address, over lo: served", got)


def dead(bench, how, victims, reasons):
    """ACKs whose cookies were sealed with a key that is no more."""
    bench.since()
    for victim, reason in zip(victims, reasons):
        case = Case("", reason, lambda v, old=victim.ack(): [old])
        wrong, _ = bench.run(case, reason)
        name = "timestamps" if victim.syn.options == WITH_TS else "no timestamps"
        ok(not wrong, f"dead epoch, {how}, {name}: {reason}", "\n".join(wrong))


def epoch():
    return json.loads(cookiebox("-j", "key", "show"))["epoch"]


def grow_old(sealed, since):
    """A key lives for its epoch and the next; an echo, for two epochs of 4 s."""
    while epoch() < sealed + 2 or time.monotonic() < since + 8.1:
        time.sleep(0.1)


def main():
    bench = Bench()
    aged = [bench.begin(wire.SOURCE, o).start() for o in (WITH_TS, WITHOUT_TS)]
    sealed, since = epoch(), time.monotonic()
    bench.since()
    refuse(bench, all_cases())
    hand_on(bench, [case for case in all_cases() if case.reset is not None])
    reflected(bench)
    ignored(bench)
    over_lo(bench)
    grow_old(sealed, since)
    dead(bench, "of old age", aged, ("cookie_expired", "bad_cookie"))
    known = [bench.begin(wire.SOURCE, o).start() for o in (WITH_TS, WITHOUT_TS)]
    cookiebox("key", "rotate", "--now")
    dead(bench, "a new master at once", known, ("bad_cookie", "bad_cookie"))
    told = bench.counters.told()
    ok(told == bench.counters.read(), "the tool shows the same counters", told)
    return ok.done()


sys.exit(main())
