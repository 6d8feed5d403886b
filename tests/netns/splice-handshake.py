#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How connections open through a gateway, scripted: splice-handshake.py FAMILY BOX-MACs [plain]

`side.engaged`: the box answers the SYN itself and asks the server once the client's ACK came.
"""

import os
import subprocess
import sys
import time

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import gateway  # noqa: E402
import tcpscript  # noqa: E402
from tcpwire import MASK, before  # noqa: E402

CASES = tcpscript.Cases()
SHUFFLED = (4, 2, 9, 1, 0, 8, 6, 3, 7, 5)
ALONE = {1: "timestamps"}       # of cases that read a counter, which no other adds to


def counted(reason):
    lines = subprocess.run(["cookiebox", "stats"], capture_output=True, text=True,
                           check=False).stdout.split("\n")
    return sum(int(words[3]) for words in map(str.split, lines) if words[1:2] == [reason])


def may_send(side):
    """Until the client may send, and a box has yet to hear of the server."""
    side.ask()
    if not side.engaged:
        side.server.answer()
        side.client.wait_synack()
        side.client.send("A")


@CASES.named("a connection")
def plain(side):
    side.open()
    side.exchange()
    side.exchange(b"x" * 1000, b"y" * 1000)
    side.close()


@CASES.named("the SYN to the server is the client's")
def the_syn(side):
    """Its own number, its options; ask() looks at each."""
    side.ask()
    syn = side.server.syns[0][1]
    side.must("a TTL of its own", syn.ip["ttl"] == 63)
    side.must("a bare SYN", syn.flags == "S" and not syn.data)
    side.settle()
    side.exchange()


@CASES.named("IPv6's flow label: the SYN has the client's, a wider window the server's")
def flow_label(side):
    """RFC 6437 3. What comes to the server is looked at in each case: Server.watch()."""
    side.open()
    side.down(b"220 welcome\r\n")
    heard = [s for s in side.client.seen if not s.has("S")]
    side.must("nothing was heard", len(heard) >= 1 + side.engaged)     # the wider window, too
    side.must("another's label", all(s.labelled for s in heard))


@CASES.named("a SYN that the server did not get")
def syn_lost(side):
    """RFC 6298 5.5: sent again with back-off. Who sends it again is the box, once it has asked."""
    side.ask()
    client, server = side.client, side.server
    for _ in range(2):
        if not side.engaged:
            client.syn()
        server.wait_syn()
    if side.engaged:
        first, second, third = (when for when, _ in server.syns[:3])
        side.must(f"after {second - first:.2f} s and {third - second:.2f} s",
                  0.9 < second - first < 3 and third - second > 1.9)
    side.must("another number", len({syn.seq for _, syn in server.syns}) == 1)
    side.settle()
    side.exchange()


@CASES.named("the server refuses")
def refused(side):
    """RFC 9293 3.10.7.3: the client is reset at once, by a segment that it takes for good."""
    client, server = side.client, side.server
    side.ask()
    began = time.monotonic()
    server.refuse()
    reset = client.wait_reset()
    side.must(f"after {time.monotonic() - began:.1f} s", time.monotonic() - began < 3)
    if side.engaged:
        side.must(f"number {reset.seq}, expected {client.expected}", reset.seq == client.expected)
    else:
        side.must("acknowledges", reset.ack == client.next)
    if side.engaged:
        client.send("PA", b"too late")
        server.drain()
        side.must("it reached the server", not server.data)


@CASES.named("the window until the server answers")
def small_window(side):
    """Not more than four segments, and never 0, RFC 9293 3.8.6."""
    client = side.client
    client.syn()
    if not side.engaged:
        side.server.wait_syn()
        side.server.answer()
    synack = client.wait_synack()
    side.must(f"window {synack.window}", 0 < synack.window and
              (not side.engaged or synack.window <= 4 * client.mss))
    client.send("A")
    if side.engaged:
        side.server.wait_syn()
        side.server.answer()
        client.wait("a wider window", lambda s: s.bare and s.window << (synack.wscale or 0) > 6000)
    side.server.wait_open()
    side.exchange()


@CASES.named("data before the server has answered")
def early(side):
    """Held, and not sent again by the client."""
    client, server = side.client, side.server
    may_send(side)
    data = [bytes([65 + i]) * 300 for i in range(5)]
    for piece in data:
        client.send("PA", piece)
    client.drain()
    side.must("acknowledged before the server had it", side.engaged is False or
              client.acked == (client.isn + 1) & MASK)
    if side.engaged:
        server.answer()
    server.wait_data(1500)
    side.must("the server read something else", server.data == b"".join(data))
    server.send("A")
    client.wait_acked()
    side.exchange()


@CASES.named("data with the ACK that opens")
def first_data(side):
    client, server = side.client, side.server
    client.syn()
    if not side.engaged:
        server.wait_syn()
        server.answer()
    client.wait_synack()
    client.send("PA", b"a request")
    if side.engaged:
        side.saw_syn(server.wait_syn())
        server.answer()
    server.wait_data(9)
    side.must("the server read something else", server.data == b"a request")
    server.send("A")
    client.wait_acked()
    side.exchange()


@CASES.named("data and FIN before the server has answered")
def early_fin(side):
    client, server = side.client, side.server
    may_send(side)
    client.send("PA", b"all I say")
    client.send("FA")
    if side.engaged:
        server.answer()
    server.wait_fin()
    side.must("the server read something else", server.data == b"all I say")
    server.send("A")
    side.down(b"reply")
    server.send("FA")
    client.wait_fin()
    client.send("A")
    server.wait_acked()


def until_complete(side, first, sent, pieces=10):
    """The client sends again what the server has not got, as it would by its timer."""
    client, server, size = side.client, side.server, len(sent) // pieces
    for _ in range(40):
        server.drain()
        if len(server.data) == len(sent):
            break
        at = len(server.data) // size
        client.send("A", sent[at * size:(at + 1) * size], seq=first + at * size & MASK)
    side.must(f"{len(server.data)} of {len(sent)} bytes", server.data == sent)
    server.send("A")
    client.wait_acked()


@CASES.named("a first flight of ten, in disorder")
def flight(side):
    """The server answers when all ten have been sent. RFC 9293 3.10.7.4: what comes out of order is
    kept or sent again; never a reset."""
    client, server = side.client, side.server
    may_send(side)
    size, first = 1200, client.next
    sent = [bytes([65 + i]) * size for i in range(10)]
    frames = [client.make("A", data) for data in sent]
    client.put(*(frames[i] for i in SHUFFLED))
    if side.engaged:
        server.answer()
    until_complete(side, first, b"".join(sent))
    side.exchange()


@CASES.named("a first flight of more than is held", ALONE)
def long_flight(side):
    """16 KiB of segments are; the rest is lost, and comes again as anything that is lost."""
    client, server = side.client, side.server
    may_send(side)
    was, first = counted("held_full"), client.next
    sent = [bytes([65 + i]) * 1200 for i in range(20)]
    for data in sent:
        client.send("A", data)
    if side.engaged:
        lost = counted("held_full") - was
        side.must(f"{lost} of 20 found no room", lost in (7, 8))
        server.answer()
        server.wait_data(1200 * (20 - lost))
        server.drain()
        side.must("the server got more", len(server.data) == 1200 * (20 - lost))
    until_complete(side, first, b"".join(sent), 20)
    side.exchange()


@CASES.named("a first flight of ten, in disorder, and the ACK that opens in its midst")
def flight_unopened(side):
    """What comes before the segment that opens belongs to nothing, and comes again."""
    client, server = side.client, side.server
    client.syn()
    if not side.engaged:
        server.wait_syn()
        server.answer()
    client.wait_synack()
    size, first = 1200, client.next
    sent = [bytes([65 + i]) * size for i in range(10)]
    frames = [client.make("A", data) for data in sent]
    client.put(*(frames[i] for i in SHUFFLED))
    if side.engaged:
        server.wait_syn()
        server.answer()
    until_complete(side, first, b"".join(sent))
    side.exchange()


@CASES.named("server speaks first")
def banner(side):
    side.open()
    side.down(b"220 welcome\r\n")
    side.exchange(b"HELO\r\n", b"250 pleased\r\n")


@CASES.named("the server speaks in the same breath")
def breath(side):
    """SYN-ACK and data back to back, before the ACK could have come."""
    client, server = side.client, side.server
    side.ask()
    server.answer()
    server.send("PA", b"220 welcome\r\n")
    if not side.engaged:
        client.wait_synack()
        client.send("A")
    client.wait_data(13)
    side.must("another banner", client.data == b"220 welcome\r\n")
    client.send("A")
    server.wait_acked()
    side.exchange()


@CASES.named("a SYN-ACK that was lost")
def synack_lost(side):
    """The server sends it again; the client does not notice where the box has its own."""
    client, server = side.client, side.server
    side.ask()
    server.lose("SA", seq=server.isn)
    server.answer()
    server.answer()
    if not side.engaged:
        client.wait_synack()
        client.send("A")
    server.wait_open()
    client.drain()
    side.must("reset", not client.resets)
    side.exchange()


@CASES.named("the client's SYN and ACK again while the server is asked")
def impatient(side):
    client, server = side.client, side.server
    side.ask()
    if side.engaged:
        was = client.irs
        client.send("S", seq=client.isn)
        client.drain()
        client.send("A")
        client.send("A")
        client.drain()
        side.must("another SYN-ACK", client.irs == was)
    side.settle()
    side.must("reset", not client.resets and not server.resets)
    side.exchange()


@CASES.named("the client gives up while the server is asked")
def abandoned(side):
    """RFC 9293 3.10.7.4: a RST of the number that is expected ends it. What the server then says finds
    nobody."""
    client, server = side.client, side.server
    side.ask()
    client.send("R" if not side.engaged else "RA")
    server.wait_reset()
    client.newest = None        # what comes now is of a connection that is over
    server.answer()
    client.drain()
    if not side.engaged:
        return
    side.must("the client hears of it", not client.data)
    opened = [s for s in server.seen if s.bare and not s.has("R") and not before(s.ack, server.next)]
    side.must("the server has a connection", not opened)


@CASES.named("a RST of another number, while the server is asked and later", ALONE)
def guessed(side):
    """RFC 5961 3.2: outside of the window it is of no use to anybody."""
    client, server = side.client, side.server
    side.ask()
    was = counted("rst_outside")
    for far in (1000, -1000, 0x40000000):
        client.send("R", seq=client.next + far & MASK)
    side.settle()
    client.send("R", seq=client.next + 0x40000000 & MASK)
    server.send("R", seq=server.next + 0x40000000 & MASK)
    server.drain()
    client.drain()
    if side.engaged:
        side.must("it got through", not server.resets and not client.resets)
        found = counted("rst_outside") - was
        side.must(f"{found} of 5 counted", found == 5)
    client.resets = server.resets = 0
    side.exchange()


if __name__ == "__main__":
    gateway.run_all(CASES)
