#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Frames that a gateway knows, changed at random: splice-fuzz.py FAMILY BOX-MAC BOX-INNER-MAC COUNT SEED

Of connections in each state, from both sides: segments, and ICMP errors that quote them. Half of them
have their checksums mended after the change: what comes out of those on the other side must be right again,
whatever was changed. Beside them goes one connection that must not be harmed by any. Runs in the box'
namespace; prints a line for each claim.
"""

import json
import os
import random
import struct
import subprocess
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import icmp  # noqa: E402
import tcpclient  # noqa: E402
import tcpwire  # noqa: E402
from gateway import SPLICED, Errors, Spec, Through  # noqa: E402
from report import Report  # noqa: E402
from segments import checksum  # noqa: E402
from tcpclient import PORTS, Failed  # noqa: E402

EACH = 100                  # frames a connection
TARGETS = range(1, 9)       # ports of servers; the witness has the first
EDGES = (0, 1, 2, 4, 5, 7, 8, 15, 16, 19, 20, 40, 60, 0x7f, 0x80, 0xf0, 0xff)
ok = Report()


class Seeing(Errors):
    """Counts what comes out, and what of it is wrong, before it is anybody's."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.came, self.wrong = 0, []

    def deliver(self, frame):
        good = sound(frame)
        if good is not None:
            self.came += 1
            self.wrong += [] if good else [frame]
        if not good:
            return              # no host would take it
        try:
            segment = tcpwire.parse(frame)
            end = segment and self.clients.get(segment.dport)
            if not end or end.ports[1] == segment.sport:
                super().deliver(frame)
        except (struct.error, IndexError, ValueError):
            pass                # it is what the other side sent

    def forget(self):
        """All that is under way by now."""
        while self.pump(0.02):
            pass
        self.came, self.wrong = 0, []


def layers(frame):
    """Family, where TCP or ICMP begins and ends, where its checksum is; None: there is none."""
    if frame[12:14] == b"\x08\0" and len(frame) >= 34:
        family, start, kind = 4, 14 + (frame[14] & 15) * 4, frame[23]
        end = 14 + struct.unpack(">H", frame[16:18])[0]
        piece = start < 34 or struct.unpack(">H", frame[20:22])[0] & 0x3fff
    elif frame[12:14] == b"\x86\xdd" and len(frame) >= 54:
        family, start, kind, piece = 6, 54, frame[20], False
        end = 54 + struct.unpack(">H", frame[18:20])[0]
    else:
        return None
    at = start + {6: 16, 1: 2, 58: 2}.get(kind, 1 << 16)
    return None if piece or at + 2 > end or end > len(frame) else (family, start, end, at)


def total(frame):
    """Of the pseudo-header, where there is one, and all behind it: 0 if the checksum is right."""
    family, start, end, _ = layers(frame)
    kind = frame[23 if family == 4 else 20]
    over = b"" if kind == 1 else (frame[26:34] if family == 4 else frame[22:54]) + \
        struct.pack(">II", end - start, kind)
    return checksum(over + frame[start:end])


def sound(frame):
    """Are the checksums right? None: there are none."""
    where = layers(frame)
    if not where:
        return None
    return not total(frame) and (where[0] == 6 or not checksum(frame[14:where[1]]))


def mended(frame):
    where = layers(frame)
    if not where:
        return frame
    family, start, _, at = where
    frame = frame[:at] + b"\0\0" + frame[at + 2:]
    frame = frame[:at] + struct.pack(">H", total(frame)) + frame[at + 2:]
    if family == 4:
        frame = frame[:24] + b"\0\0" + frame[26:]
        frame = frame[:24] + struct.pack(">H", checksum(frame[14:start])) + frame[26:]
    return frame


def changed(rng, frame):
    """Behind the Ethernet header, most of it where headers and options are."""
    frame = bytearray(frame)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(14, min(len(frame), rng.choice((60, 100, 160))))
        how = rng.randrange(6)
        if how == 0:
            frame[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            frame[at] = rng.choice(EDGES)
        elif how == 2:
            frame[at] = rng.randrange(256)
        elif how == 3 and at + 4 <= len(frame):
            frame[at:at + 4] = struct.pack(">I", rng.choice((0, 1, 1 << 31, (1 << 32) - 1)))
        elif how == 4:
            del frame[max(at, 16):]
        else:
            frame += bytes(rng.randrange(1, 60))
    return bytes(frame)


class Target(Through):
    """A connection, and what may be sent of it."""

    def __init__(self, family, rng, wires, number):
        super().__init__(Spec(family), number, 1, rng.randrange(2))
        self.rng = rng
        self.begin(wires)

    def reach(self, state):
        self.client.blocks = self.server.blocks = ((1000, 2000), (3000, 4000))
        if state == "older":
            self.grow_old()
            return
        self.teach()
        self.ask()
        if state == "waiting":
            return
        self.settle()
        if state == "closing":
            self.close()
        else:
            self.exchange()

    def grow_old(self):
        """Of a connection that the box has not seen begin, its server says something."""
        client, server = self.client, self.server
        for end, other in ((client, server), (server, client)):
            end.next, end.irs, end.expected = end.isn, other.isn, other.isn
        server.send("PA", b"hello")
        client.wait("what an older server says", lambda s: s.data == b"hello")

    def frame(self):
        """One that would be believed, nearly, and the wire that it goes to."""
        near, far = self.rng.choice(((self.client, self.server), (self.server, self.client)))
        if near.heard and self.rng.random() < 0.3:
            what = self.rng.choice((icmp.TOO_BIG, icmp.UNREACHABLE))
            return near.wire, icmp.error(near, near is self.client, what,
                                         self.rng.choice((28, 40, 60, 100, 600)))
        flags = self.rng.choice(("A", "A", "PA", "PA", "FA", "RA", "R", "S", "SA", "PAU", ""))
        return near.wire, near.make(flags, bytes(self.rng.choice((0, 1, 10, 500))), seq=near.next)


def batch(target, rng, mend):
    """Returns how many frames were sent."""
    for _ in range(EACH):
        wire, frame = target.frame()
        frame = changed(rng, frame)
        try:
            wire.socket.send(mended(frame) if mend else frame)
        except OSError:
            pass            # too long for the link
    return EACH


class Fuzz:
    def __init__(self, family, macs, seed):
        self.rng = random.Random(seed)
        tcpclient.random32 = lambda: self.rng.getrandbits(32)
        self.family = family
        self.wires = (Seeing("client", "c0", macs[0], str(family), 30000),
                      Seeing("server", "s0", macs[1], str(family), SPLICED))
        self.states = dict.fromkeys(("waiting", "open", "closing", "older"), 0)
        self.came, self.wrong = 0, []
        self.witness = self.target(0)
        self.witness.teach()
        self.witness.open()
        self.witness.exchange()

    def target(self, number):
        self.wires[0].next_port = 30000 + (self.wires[0].next_port - 30000) % (PORTS // 2)
        return Target(self.family, self.rng, self.wires, number)

    def turn(self):
        """One connection; what harms it may have made its server look dead: then there is none."""
        target = self.target(self.rng.choice(TARGETS))
        state = self.rng.choice(list(self.states))
        try:
            target.reach(state)
            self.states[state] += 1
        except Failed:
            pass
        mend = self.rng.random() < 0.5
        for wire in self.wires:
            wire.forget()
        sent = batch(target, self.rng, mend)
        for wire in self.wires:
            while wire.pump(0.02):
                pass
            self.came += wire.came
            self.wrong += wire.wrong if mend else []
        self.witness.exchange()
        return sent


def counters():
    """What was counted of the services, by reason."""
    said = json.loads(subprocess.run(("cookiebox", "-j", "stats"), check=True, capture_output=True,
                                     text=True).stdout)
    return {reason: n for service in said["services"] for reason, n in service["done"].items() if n}


def main():
    family, *macs = sys.argv[1:4]
    count, seed = int(sys.argv[4]), int(sys.argv[5])
    print(f"# seed {seed}")
    fuzz, sent, why = Fuzz(int(family), macs, seed), 0, ""
    try:
        while sent < count:
            sent += fuzz.turn()
    except Failed as failed:
        why = str(failed)
    print(f"# {sent} sent, {fuzz.came} came out, of connections: {fuzz.states}; {counters()}")
    ok(not why, "a connection beside them goes on", why)
    ok(sent >= count, "all were sent")
    ok(min(fuzz.states.values()) > 0, "connections of each state were among them", fuzz.states)
    ok(fuzz.came > sent // 20, "not all were dropped", fuzz.came)
    ok(not fuzz.wrong, "what came out is right where what went in was",
       [frame.hex() for frame in fuzz.wrong[:3]])
    last = fuzz.target(0)
    try:
        last.open()
        last.exchange()
        last.close()
        why = ""
    except Failed as failed:
        why = str(failed)
    ok(not why, "the next connection opens, and closes", why)
    return ok.failed


sys.exit(main())
