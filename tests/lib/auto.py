# SPDX-License-Identifier: GPL-2.0
"""A service with engagement auto as the tests see it: its state, its attacks, its events, a flood."""

import contextlib
import select
import struct
import time

import genl
import segments
import wire
from genl import C
from wire import FOUR, SERVER, Handshake, Packet, WITH_TS, WITHOUT_TS

EMBRYONIC = 3               # TCP_SYN_RECV in /proc/net/tcp, where NEW_SYN_RECV is shown so


def number(values):
    return int.from_bytes(values[0], "little" if struct.pack("=H", 1)[0] else "big")


class Service:
    """The service `web`, by netlink."""

    def __init__(self, name="web"):
        self.name, self.sock, self.listening = name, genl.Socket(), genl.Socket()
        self.listening.sock.setsockopt(270, 1, self.listening.groups["events"])
        self.events = []

    def set(self, *attributes):
        self.sock.request(C["CMD_SERVICE_SET"],
                          genl.text(C["A_SERVICE_NAME"], self.name) + b"".join(attributes))

    def engage(self, how):
        self.set(genl.u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_" + how.upper()]))

    def limits(self, engage=0, release=0, hold=0):
        self.set(genl.u8(C["A_SERVICE_ENGAGE_AT"], engage),
                 genl.u8(C["A_SERVICE_RELEASE_AT"], release),
                 genl.u16(C["A_SERVICE_HOLD"], hold))

    def engaged(self):
        reply = self.sock.request(C["CMD_SERVICE_GET"],
                                  genl.text(C["A_SERVICE_NAME"], self.name))[0]
        return bool(number(reply[C["A_SERVICE_ENGAGED"]]))

    @staticmethod
    def attack(reply):
        names = ("ID", "START", "END", "PEAK", "ANSWERED", "COMPLETED")
        found = {n.lower(): number(reply[C["A_ATTACK_" + n]]) for n in names
                 if C["A_ATTACK_" + n] in reply}
        return found | {"service": reply[C["A_ATTACK_SERVICE"]][0].rstrip(b"\0").decode()}

    def attacks(self):
        return [self.attack(r) for r in self.sock.dump(C["CMD_ATTACK_GET"])]

    def told(self):
        """Events since the last time: [(kind, attack), ...] of transitions."""
        fresh = []
        while select.select([self.listening.sock], [], [], 0)[0]:
            for _, _, body in self.listening.receive():
                event = genl.parse(body[4:])
                kind = number(event[C["A_EVENT_KIND"]])
                if kind in (C["EVENT_KIND_ENGAGED"], C["EVENT_KIND_RELEASED"]):
                    attack = self.attack(genl.parse(event[C["A_EVENT_ATTACK"]][0]))
                    fresh.append(("engaged" if kind == C["EVENT_KIND_ENGAGED"] else "released",
                                  attack))
        self.events += fresh
        return fresh

    def until(self, engaged, seconds=20):
        """Waits for the state; how long it took, or None."""
        begin = time.monotonic()
        while time.monotonic() < begin + seconds:
            if self.engaged() == engaged:
                return time.monotonic() - begin
            time.sleep(0.1)
        return None


def embryonic(port=wire.PORT):
    """Connections of a port that the stack remembers and nobody has completed."""
    with open("/proc/net/tcp" if FOUR else "/proc/net/tcp6", encoding="ascii") as handle:
        rows = [line.split() for line in handle.readlines()[1:]]
    return sum(1 for row in rows if int(row[3], 16) == EMBRYONIC and
               int(row[1].split(":")[1], 16) == port)


def source(n, net=2):
    """The n-th address of a net that is routed to the client."""
    if FOUR:
        return bytes((10, 1, net, 0))[:2] + struct.pack(">H", net << 12 | n & 0xfff)
    return wire.packed("fd01::") [:12] + struct.pack(">HH", net, n)


class Flood:
    """SYNs of nobody, each from another address and port."""

    def __init__(self, box):
        self.box, self.sent = box, 0

    def __call__(self, count, port=wire.PORT):
        """Sends so many; what came back."""
        answers = []
        for begin in range(0, count, 100):
            batch = []
            for _ in range(begin, min(begin + 100, count)):
                self.sent += 1
                batch.append(Packet(source(self.sent), SERVER, 1024 + self.sent % 60000, port,
                                    segments.SYN, seq=self.sent,
                                    options=WITH_TS if self.sent % 3 else WITHOUT_TS))
            answers += self.box.exchange(*batch)
        return answers


class Client:
    """An honest client with a round trip time: SYN, repeated after 1, 3 and 7 s, ACK, and the rest."""
    AGAIN = (1, 3, 7)

    def __init__(self, n, now, rtt):
        self.src, self.sport, self.began, self.rtt = source(n, 4), 1024 + n % 60000, now, rtt
        self.syn = Packet(self.src, SERVER, self.sport, wire.PORT, segments.SYN, seq=n * 7919,
                          options=WITH_TS if n % 2 else WITHOUT_TS)
        self.due = [now + rtt / 2 + again for again in (0, *self.AGAIN)]
        self.answer = self.at = None
        self.reset = self.done = False

    def sends(self, now):
        """What the server gets from it by now."""
        if self.answer and self.at and now >= self.at:
            self.at = None
            shake = Handshake(None, self.src, self.sport, self.syn.options, self.syn.seq)
            shake.answer = self.answer
            yield shake.ack(payload=b"hello")
        while not self.at and not self.answer and self.due and now >= self.due[0]:
            self.due.pop(0)
            yield self.syn
        # It has not heard the answer yet when it repeats itself.
        if self.at and self.due and now >= self.due[0] and self.due[0] < self.at:
            self.due.pop(0)
            yield self.syn

    def hears(self, answer, now):
        if answer.flags & segments.RST:
            self.reset = True
        elif answer.flags & segments.SYN and not self.answer:
            self.answer, self.at = answer, now + self.rtt


def abort(socks):
    for sock in socks:
        with contextlib.suppress(OSError):
            wire.Wire.abort(sock)


