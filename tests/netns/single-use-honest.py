#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Honest clients whose segments are lost or come again, scripted: single-use-honest.py FAMILY MAC

What single use could mistake for a replay, and what must not use up a cookie.
"""

import os
import select
import socket
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import bpf  # noqa: E402
import tcpscript  # noqa: E402
from tcpclient import PATIENCE, Client, Failed  # noqa: E402

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
FILTERED_BEFORE = os.uname().release.startswith("6.1.")     # on 6.1 the module asks it
CASES = tcpscript.Cases()
TWICE = ("retransmits", "retransmitted")        # SYN-ACKs that the stack knows it sent again
FULL = ("receive space", *TWICE)


def lose_synack(client):
    """It comes to the client's link and no further."""
    while not client.inbox:
        if not client.wire.pump(PATIENCE):
            raise Failed("no SYN-ACK to lose")
    client.inbox.clear()


# --- SYN-ACKs lost -------------------------------------------------------------------------------

@CASES.named("SYN-ACK lost, SYN sent again")
def synack_lost(side):
    client = side.client
    client.syn()
    lose_synack(client)
    client.syn()
    side.saw_synack(client.wait_synack())
    client.send("A")
    side.accept(*TWICE)
    side.exchange()


@CASES.named("three SYN-ACKs lost")
def synacks_lost(side):
    client = side.client
    for _ in range(3):
        client.syn()
        lose_synack(client)
    client.syn()
    side.saw_synack(client.wait_synack())
    client.send("A")
    side.accept("congestion window", *TWICE)
    side.exchange()


@CASES.named("SYN-ACK lost, the server sends it again by itself")
def synack_again(side):
    """RFC 6298 5.7 and 2: after 1 s."""
    client = side.client
    client.syn()
    lose_synack(client)
    side.saw_synack(client.wait_synack())
    client.send("A")
    side.accept(*TWICE)
    side.exchange()


# --- ACKs and data sent again --------------------------------------------------------------------

@CASES.named("the final ACK, three times in one burst")
def ack_burst(side):
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    frame = client.make("A")
    client.put(frame, frame, frame)
    side.accept()
    side.exchange()
    client.put(frame)               # and once more, late
    side.exchange()
    side.must("two connections", side.app.idle())


@CASES.named("final ACK lost, first data twice in one burst")
def data_burst(side):
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    client.lose("A")
    frame = client.make("PA", b"question")
    client.put(frame, frame)
    client.wait_acked()
    side.accept("receive space")
    side.reads(b"question")
    side.exchange()
    side.must("two connections", side.app.idle())


@CASES.named("first data sent again after the server has answered and gone")
def data_late(side):
    """A connection that the server has closed: what comes again is old, whoever made the socket."""
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    frame = client.make("PA", b"question")
    client.put(frame)
    side.accept("receive space")
    side.reads(b"question")
    side.app.write(b"answer")
    side.app.close()
    client.wait_fin()
    client.put(frame)
    client.wait_answer()
    client.send("A")
    client.send("FA")
    client.wait_acked()
    side.must("the client read something else", client.data == b"answer")
    side.state_becomes("TIME_WAIT")


# --- What the stack refuses once a cookie has opened -----------------------------------------------

@CASES.named("a filter of the listener drops the ACK, and lets through what comes after")
def filtered(side):
    """From 6.8 on the stack asks the filter behind the last hook. An ACK that it drops there has been
    accepted and counted, but no connection has come of it, so the cookie is not used up."""
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    bpf.attach_classic(side.app.listener, SO_ATTACH_FILTER, [(0x06, 0, 0, 0)])     # ret #0
    frame = client.make("A")
    client.put(frame, frame)
    client.drain()
    side.must("it was reset", not client.resets)
    side.must("there is a connection", side.app.idle())
    side.app.listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    client.put(frame)
    side.accept(*TWICE)
    side.cookies += 0 if FILTERED_BEFORE else 2 * side.engaged
    side.exchange()


# --- A full accept queue -------------------------------------------------------------------------

def fill(side):
    """A queue of one, and who is in it."""
    wire, client = side.client.wire, side.client
    side.app.listener.listen(0)
    first = Client(wire, client.source, client.dest, (wire.next_port, client.ports[1]),
                   client.timestamps)
    wire.next_port += 1
    first.open()
    side.cookies += side.engaged
    side.must("nobody is in the queue", select.select([side.app.listener], [], [], PATIENCE)[0])


def make_room(side):
    side.app.accept()
    side.app.close(reset=True)


@CASES.named("queue full, then data sent again when there is room")
def full_data(side):
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    fill(side)
    client.send("A")
    frame = client.make("PA", b"question")
    client.put(frame)
    client.drain()
    side.must("it was acknowledged, or reset", client.acked != client.next and not client.resets)
    make_room(side)
    client.put(frame)
    client.wait_acked()
    side.accept(*FULL)
    side.reads(b"question")
    side.exchange()
    side.must("two connections", side.app.idle())


@CASES.named("queue full at the ACK and at each of ten repeats, then room")
def full_again(side):
    """What the queue has refused has not used up the cookie, however often and however soon."""
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    fill(side)
    client.send("A")
    frame = client.make("PA", b"question")
    client.put(*[frame] * 10)
    client.drain()
    side.must("it was acknowledged, or reset", client.acked != client.next and not client.resets)
    make_room(side)
    client.put(frame)
    client.wait_acked()
    side.accept(*FULL)
    side.reads(b"question")
    side.exchange()


@CASES.named("queue full at the only ACK, the server speaks first")
def full_banner(side):
    """The SYN-ACK comes again, and so does the ACK: RFC 9293 3.10.7.4, fourth step."""
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    fill(side)
    client.send("A")
    client.drain()
    make_room(side)
    client.wait_synack()
    client.send("A")
    side.accept(*FULL)
    side.app.write(b"220 welcome\r\n")
    client.wait_data(13)
    side.must("another banner", client.data == b"220 welcome\r\n")
    client.send("A")
    side.exchange()


if __name__ == "__main__":
    tcpscript.run_all(CASES, sys.argv[1], sys.argv[2])
