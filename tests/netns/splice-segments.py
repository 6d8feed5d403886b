#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What the segments of a connection through a gateway say, scripted: splice-segments.py FAMILY BOX-MACs

Sequence numbers, ACKs, SACK blocks and timestamps are the other end's own, whatever lies in between:
each end knows its own numbers, and so sees whether what the other says of them is true.
"""

import os
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import gateway  # noqa: E402
import tcpscript  # noqa: E402
from tcpwire import MASK, before  # noqa: E402

CASES = tcpscript.Cases()
STAMPED = {1: "timestamps"}


# --- Selective acknowledgements ------------------------------------------------------------------

def blocks_of(segment, base):
    return [(left - base & MASK, right - base & MASK) for left, right in segment.sack]


@CASES.named("the client's SACK blocks")
def sack_up(side):
    """RFC 2018 3: of the server's numbers, which the client knows by other ones."""
    side.open()
    client, server = side.client, side.server
    base = client.expected
    for count in (1, 2, 3):
        client.blocks = [(base + 1000 * (2 * i + 1), base + 1000 * (2 * i + 2))
                         for i in range(count)]
        client.blocks = [(left & MASK, right & MASK) for left, right in client.blocks]
        client.send("A", ack=base)
        came = server.wait("SACK", lambda s: s.sack)
        side.equal(f"{count} blocks", [(1000 * (2 * i + 1), 1000 * (2 * i + 2))
                                       for i in range(count)], blocks_of(came, server.next))
        server.drain()
    client.blocks = ()
    side.exchange()


@CASES.named("the server's SACK blocks")
def sack_down(side):
    """Of the client's numbers, which are the same on both sides."""
    side.open()
    client, server = side.client, side.server
    base = client.next
    server.blocks = [(base + 500 & MASK, base + 900 & MASK), (base + 1200 & MASK, base + 1300 & MASK)]
    server.send("A")
    came = client.wait("SACK", lambda s: s.sack)
    side.equal("blocks", [(500, 900), (1200, 1300)], blocks_of(came, base))
    server.blocks = ()
    client.drain()
    side.exchange()


@CASES.named("a duplicate SACK block")
def dsack(side):
    """RFC 2883 4: below the ACK, and still of the server's numbers."""
    side.open()
    side.down(b"z" * 500)
    client, server = side.client, side.server
    end = client.expected
    client.blocks = [(end - 500 & MASK, end)]
    client.send("A")
    came = server.wait("SACK", lambda s: s.sack)
    side.equal("block", [(0, 500)], blocks_of(came, server.next - 500 & MASK))
    client.blocks = ()
    side.exchange()


# --- Timestamps ------------------------------------------------------------------------------------

def clocked(hertz, clock):
    """A server whose timestamps tick so, from there on. gateway.End watches over every echo."""
    def case(side):
        side.server.hertz, side.server.clock = hertz, clock
        side.open()
        side.exchange()
        side.down(b"first")
        side.down(b"second")
        side.up(b"third")
        side.exchange(b"x" * 1000, b"y" * 1000)
        side.close()
    return case


for name, rate in (("100 Hz", 100), ("1 kHz", 1000), ("a tick a microsecond", 1000000)):
    CASES.named(f"a server's clock of {name}", STAMPED)(clocked(rate, 0x12345678))
    CASES.named(f"a server's clock of {name} that wraps", STAMPED)(clocked(rate, 0xfffffff0))


@CASES.named("a server without timestamps", STAMPED)
def silent_clock(side):
    """RFC 7323 3.2: the client has been told otherwise by a box that did not know; those that it sends
    mean nothing to the server, and the client takes what comes without."""
    side.server.timestamps = False
    side.ask()
    side.server.answer()
    if not side.engaged:
        side.client.wait_synack()
        side.client.timestamps = 0
        side.client.send("A")
    side.server.wait_open()
    side.client.drain()
    side.exchange()
    side.close()


# --- Sequence numbers --------------------------------------------------------------------------------

@CASES.named("sequence numbers that wrap")
def wrapping(side):
    side.server.isn = MASK - 100
    side.server.next = side.server.isn
    side.open()
    side.exchange(b"x" * 1000, b"y" * 1000)
    side.exchange(b"x" * 1000, b"y" * 1000)
    side.close()


@CASES.named("segments out of order, and twice")
def disorder(side):
    side.open()
    client, server = side.client, side.server
    frames = [server.make("A", bytes([97 + i]) * 700) for i in range(4)]
    server.put(*(frames[i] for i in (3, 1, 1, 0, 2, 0)))
    client.wait_data(2800)
    side.must("the client read something else",
              client.data == b"".join(bytes([97 + i]) * 700 for i in range(4)))
    client.send("A")
    server.wait_acked()
    frames = [client.make("A", bytes([65 + i]) * 700) for i in range(4)]
    client.put(*(frames[i] for i in (3, 1, 1, 0, 2, 0)))
    server.wait_data(2800)
    side.must("the server read something else",
              server.data == b"".join(bytes([65 + i]) * 700 for i in range(4)))
    server.send("A")
    client.wait_acked()
    side.exchange()


@CASES.named("windows")
def windows(side):
    """RFC 7323 2: what either announces reaches the other at its own scale; a closed one is closed."""
    side.open()
    client, server = side.client, side.server
    for window in (500, 1, 0, 400):
        server.send("A", window=window)
        came = client.wait("ACK", lambda s: s.bare)
        said, heard = window << server.scale, came.window << client.peer_scale
        side.must(f"{said} became {heard}", bool(said) == bool(heard) and heard <= said and
                  said - heard <= 128 * 256)
        client.drain()
    side.exchange()


# --- Ends ----------------------------------------------------------------------------------------------

@CASES.named("the server closes first")
def server_first(side):
    side.open()
    side.exchange()
    client, server = side.client, side.server
    server.send("FA")
    client.wait_fin()
    client.send("A")
    server.wait_acked()
    side.up(b"still talking")
    client.send("FA")
    server.wait_fin()
    server.send("A")
    client.wait_acked()


@CASES.named("the client resets")
def client_resets(side):
    """RFC 5961 3: the very number that is expected."""
    side.open()
    side.exchange()
    side.client.send("RA")
    reset = side.server.wait_reset()
    side.must("another number", reset.seq == side.client.next)


@CASES.named("the server resets")
def server_resets(side):
    side.open()
    side.exchange()
    side.server.send("R")
    reset = side.client.wait_reset()
    side.must("another number", reset.seq == side.client.expected)


@CASES.named("a RST that is in the window, but not exact")
def blind_reset(side):
    """RFC 5961 3.2: whoever gets it challenges it; the connection goes on."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    client.send("R", seq=client.next + 100 & MASK)
    server.drain()
    server.send("A")
    client.drain()
    side.exchange()
    server.send("R", seq=server.next + 100 & MASK)
    client.drain()
    client.send("A")
    server.drain()
    side.exchange()
    client.resets = server.resets = 0


@CASES.named("a RST outside of the window")
def far_reset(side):
    """It is of no use to anybody."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    client.send("R", seq=client.next + 0x40000000 & MASK)
    server.drain()
    side.must("it reached the server", not side.engaged or not server.resets)
    server.send("R", seq=server.next + 0x40000000 & MASK)
    client.drain()
    side.must("it reached the client", not side.engaged or not client.resets)
    side.exchange()
    client.resets = server.resets = 0


def asked(end):
    """Whether it is still there: by a segment of nothing, from before what it expects."""
    return end.wait("question of the box", lambda s: s.bare and s.seq == (end.expected - 1) & MASK,
                    patience=15)


@CASES.named("a guessed RST on a connection that has nothing to say")
def blind_idle(side):
    """RFC 5961 3.2: a challenge is all that is heard; nobody ends for that."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    client.send("R", seq=client.next + 100 & MASK)
    server.drain()
    server.send("A")
    client.drain()
    if side.engaged:
        asked(client)
        asked(server)
    side.exchange()
    server.resets = 0


@CASES.named("an ACK of what was never sent")
def future_ack(side):
    """RFC 5961 5.2: whoever gets it drops it, and the connection ends as any other."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    acked = server.acked
    client.send("A", ack=client.expected + 0x20000000 & MASK)
    server.drain()
    server.acked = acked        # as a stack does: never sent
    side.exchange()
    server.send("R")
    reset = client.wait_reset()
    side.must("another number", reset.seq == client.expected)


# --- The same ports again ------------------------------------------------------------------------------

@CASES.named("a SYN on an open connection")
def late_syn(side):
    """RFC 5961 4.2: it reaches the server, whose challenge comes back in the client's numbers."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    expected, next_ = client.expected, client.next
    client.send("S", seq=client.isn + 70000 & MASK)
    server.wait_syn()
    server.irs, server.expected = client.isn, next_
    server.send("A")
    challenge = client.wait_answer()
    side.must("another number", challenge.seq == expected and challenge.ack == next_)
    client.drain()
    side.exchange()


@CASES.named("the same ports again, of a connection that both have lost")
def lost(side):
    """RFC 9293 3.10.7.3: the server takes the SYN for what it is."""
    side.open()
    side.exchange()
    client, server = side.client, side.server
    _, side.server = side.another(client.ports[0])
    side.client = client.again()
    if side.engaged:
        side.client.syn()
        side.server.wait_syn()
        side.server.answer()
        found = side.client.wait("question of the box", lambda s: s.bare and s.ack == client.next,
                                 patience=15)
        side.client.send("R", seq=found.ack)
        side.server.wait_reset()
        _, side.server = side.another(client.ports[0])
        side.client = side.client.again()
    side.open()
    side.exchange()
    side.server.resets = 0


@CASES.named("the same ports again behind FINs")
def reuse(side):
    """RFC 6191: a client that comes back at once gets its connection."""
    side.open()
    side.exchange()
    side.close()
    _, side.server = side.another(side.client.ports[0])
    side.client = side.client.again()
    side.open()
    side.exchange()
    side.close()


@CASES.named("the same ports again behind a RST")
def reuse_reset(side):
    side.open()
    side.exchange()
    side.client.send("RA")
    side.server.wait_reset()
    _, side.server = side.another(side.client.ports[0])
    side.client = side.client.again()
    side.open()
    side.exchange()


@CASES.named("data that was acknowledged long ago")
def old_data(side):
    """RFC 9293 3.10.7.4: it is answered by an ACK, so it must reach whom it is for."""
    side.open()
    side.up(b"one")
    side.up(b"two")
    client, server = side.client, side.server
    client.send("PA", b"one", seq=client.isn + 1 & MASK)
    came = server.wait("the old data", lambda s: s.data == b"one")
    side.must("another number", came.seq == (client.isn + 1) & MASK)
    side.must("a lost ACK", not before(came.ack, server.next))
    side.exchange()


if __name__ == "__main__":
    gateway.run_all(CASES)
