#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that are older than their service, scripted: splice-adopt.py FAMILY BOX-MAC BOX-INNER-MAC

Neither end has ever shaken hands here: each has the numbers of a connection that the box has not seen
begin. Whether a segment went through is told by a marker behind it, without ACK, which always does. Runs
in the box' namespace; the service of the port is set anew for each case. Prints a line for each case.
"""

import itertools
import json
import os
import subprocess
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import tcpwire  # noqa: E402
from gateway import MADE_UP, PLAIN, End, wires_of  # noqa: E402
from tcpclient import Failed  # noqa: E402
from tcpwire import MASK  # noqa: E402

EARLY, LATE = 3600, 0               # seconds in which a client may speak first
X, Y = 0xfffffe00, 0x7ffffff0       # numbers that wrap: the client's next one, and the server's
PORTS = itertools.count(30000)


def tool(*words):
    return subprocess.run(("cookiebox", *words), check=True, capture_output=True, text=True).stdout


def may_speak_first(seconds):
    subprocess.run(("sysctl", "-qw", f"net.cookiebox.splice_adopt_seconds={seconds}"), check=True)


class Older:
    """A connection of two made-up ends."""

    def __init__(self, wires, family, client=(X, Y), server=(Y, X)):
        sources, address = MADE_UP[int(family)]
        source, address = tcpwire.address(sources % (7, 7)), tcpwire.address(address)
        port = next(PORTS)
        self.client = End(wires[0], source, address, (port, PLAIN), False)
        self.server = End(wires[1], address, source, (PLAIN, port), False)
        for end, (mine, other) in ((self.client, client), (self.server, server)):
            end.next, end.irs, end.expected = mine, other, other

    @staticmethod
    def through(sender, receiver, flags, data=b"", **how):
        """Does it come through unchanged? RSTs that come instead are the box' own."""
        frame = sender.make(flags, data, **how)
        sent = tcpwire.parse(frame)
        sender.put(frame)
        sender.send("P", b"marker", seq=X ^ Y)
        came = []
        receiver.wait("marker", lambda s: came.append(s) or s.data == b"marker")
        return any((s.flags, s.seq, s.ack, s.data) == (sent.flags, sent.seq, sent.ack, data)
                   for s in came)

    def up(self, flags="A", data=b"", **how):
        return self.through(self.client, self.server, flags, data, **how)

    def down(self, flags="A", data=b"", **how):
        return self.through(self.server, self.client, flags, data, **how)

    def state(self):
        """As `cache show` says."""
        for flow in json.loads(tool("-j", "cache", "show", "port", str(PLAIN))):
            if flow["source_port"] == self.client.ports[0]:
                return flow["state"]
        return None


CASES = {}


def case(name, seconds, unknown="drop"):
    def add(function):
        CASES[name] = (function, seconds, unknown)
        return function
    return add


def must(what, done):
    if not done:
        raise Failed(what)


def count(reason):
    return sum(int(line.split()[3]) for line in tool("stats").splitlines()
               if line.split()[1:2] == [reason])


@case("late: silence for a client whose server was not heard", LATE)
def nobody(older):
    must("it passed", not older.up("PA", b"data"))
    must("it is remembered", older.state() is None)


@case("late: the server speaks, then the client", LATE)
def server_first(older):
    before = count("adopted")
    must("the server's segment", older.down("PA", b"hello"))
    must("it was not heard", older.state() == "heard")
    older.client.expected = (Y + 5) & MASK
    must("the client's answer", older.up("PA", b"data"))
    must("it is not adopted", older.state() == "adopted")
    must("the client's FIN", older.up("FA"))
    must("counted otherwise", count("adopted") == before + 2)


@case("late: a keep-alive of the server's", LATE)
def keep_alive(older):
    must("the server's segment", older.down("A", seq=Y - 1))
    must("the client's answer", older.up("A"))


@case("late: wrong numbers, while the right ones pass", LATE)
def wrong(older):
    older.down("PA", b"hello")
    for off in (-1, 7, -12345, 12345, 1 << 20, 1 << 30, 1 << 31):
        must(f"an ACK that is {off} off", not older.up("A", ack=Y + off & MASK))
    for off in (1 << 31, (1 << 30) + 10, -(1 << 30) - 10):
        must(f"a SEQ that is {off} off", not older.up("A", seq=X + off & MASK))
    must("it is adopted", older.state() == "heard")
    must("the right ones", older.up("A", ack=(Y + 5) & MASK))
    must("wrong ones afterwards", not older.up("A", ack=Y - 1 & MASK))


@case("late: what is on its way when the server is first heard", LATE)
def bulk(older):
    for n in range(100, 120):
        must("data", older.down("A", bytes(1000), seq=Y + 1000 * n & MASK))
    must("an ACK of what was sent unseen passed", not older.up("A", ack=Y + 98000 & MASK))
    for n in range(100, 121):
        must("an ACK of what was seen", older.up("A", ack=Y + 1000 * n & MASK))


@case("late: a hole is filled below what was first heard", LATE)
def hole(older):
    older.down("A", bytes(1000), seq=Y + 100000 & MASK)
    must("an ACK below it passed", not older.up("A", ack=Y + 51000 & MASK))
    must("what fills the hole", older.down("A", bytes(1000), seq=Y + 50000 & MASK))
    must("the ACK of it", older.up("A", ack=Y + 51000 & MASK))


@case("late: an upload goes on when its server says something", LATE)
def upload(older):
    must("too early", not older.up("A", bytes(1000)))
    older.down("A", ack=X)
    for n in range(64):
        must("data", older.up("A", bytes(1000), seq=X + 1000 * n & MASK))


@case("late: a RST of the server's ends it", LATE)
def ended(older):
    older.down("A")
    must("the ACK before", older.up("A"))
    must("the RST", older.down("R", seq=Y))
    must("it stays", older.state() is None)
    must("the ACK after", not older.up("A"))


@case("late: a RST with a wrong number does not", LATE)
def forged_reset(older):
    older.down("A")
    older.down("R", seq=Y + 100000)
    must("it is gone", older.state() == "heard")
    must("the ACK after", older.up("A"))


@case("late: flushed, and heard again", LATE)
def flushed(older):
    older.down("A")
    must("the ACK before", older.up("A"))
    tool("cache", "flush")
    must("it stays", older.state() is None)
    must("the ACK after", not older.up("A"))
    older.down("A")
    must("the ACK when it was heard again", older.up("A"))


@case("early: the client speaks first", EARLY)
def client_first(older):
    before = count("unknown_passed")
    must("the client's segment", older.up("PA", b"data"))
    must("counted otherwise", count("unknown_passed") == before + 1)
    must("a client alone is remembered", older.state() is None)
    must("the server's answer", older.down("A", ack=X + 4 & MASK))
    may_speak_first(LATE)
    must("the client's next one, late", older.up("PA", b"more", seq=X + 4 & MASK))


@case("early: what was heard before the service was set again does not count", EARLY)
def another_time(older):
    older.down("A")
    must("other numbers passed", not older.up("PA", b"data", ack=Y + 0x12345678 & MASK))
    tool("service", "set", "older", "hold", "7")
    must("other numbers, when it was set again", older.up("PA", b"data", ack=Y + 0x12345678 & MASK))


@case("early: nobody has the connection", EARLY)
def forged(older):
    must("the forged ACK", older.up("A"))
    must("the server's RST", older.down("R", seq=Y))
    must("it is remembered", older.state() is None)
    may_speak_first(LATE)
    must("it passes late", not older.up("A"))


@case("early: what is on its way when the server is first heard", EARLY)
def early_bulk(older):
    older.down("A", bytes(1000), seq=Y + 100000 & MASK)
    must("an ACK of what was sent unseen", older.up("A", ack=Y + 50000 & MASK))
    must("it is adopted by that", older.state() == "heard")
    must("the ACK of what was seen", older.up("A", ack=Y + 101000 & MASK))
    must("it is not adopted", older.state() == "adopted")


@case("early: the two ends have other numbers, as spliced once", EARLY)
def half_translated(older):
    older.down("A")
    older.client.expected = Y + 0x12345678 & MASK
    must("it passed", not older.up("PA", b"data"))
    must("it is adopted", older.state() == "heard")


@case("early, reset: the two ends have other numbers, as spliced once", EARLY, "reset")
def half_translated_reset(older):
    """Each is reset in its own numbers."""
    older.down("A")
    older.client.expected = Y + 0x12345678 & MASK
    older.client.send("A")
    must("the client's RST", older.client.wait_reset().seq == older.client.expected)
    must("the server's RST", older.server.wait_reset().seq == X)


@case("early, reset: silence for another SEQ than the server waits for", EARLY, "reset")
def forged_seq(older):
    """Or anybody could have the ends of a connection reset that he guesses to be there."""
    older.down("A")
    for off in (-1, 1, 38, 1 << 20):
        must(f"a SEQ that is {off} off", not older.up("A", seq=X + off & MASK, ack=Y ^ 1 << 31))
    older.client.drain()
    must("the client is reset", not older.client.resets)
    must("the server is reset", not older.server.resets)


@case("late, reset: both ends are reset", LATE, "reset")
def reset(older):
    older.client.send("A")
    must("the client's RST", older.client.wait_reset().seq == Y)
    must("the server's RST", older.server.wait_reset().seq == X)


def run(wires, family, name):
    function, seconds, unknown = CASES[name]
    may_speak_first(seconds)
    tool("service", "add", "older", "addr", MADE_UP[int(family)][1], "port", str(PLAIN), "mode", "splice",
         "unknown", unknown)
    try:
        function(Older(wires, family))
        print(f"ok {name}", flush=True)
    except Failed as why:
        print(f"# {why}\nnot ok {name}", flush=True)
    tool("service", "del", "older")


def main():
    family, box, inner = sys.argv[1:4]
    wires = wires_of(family, box, inner, 0)
    for name in CASES:
        run(wires, family, name)


main()
