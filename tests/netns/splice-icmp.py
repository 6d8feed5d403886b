#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""ICMP errors about segments of a connection through a gateway: splice-icmp.py FAMILY BOX-MACs [plain]

A router beyond the box quotes what it saw, and whoever gets the error compares that with what it sent.
RFC 5927 4.1: the quoted number must be one that is in flight, so a wrong one is not believed.
"""

import os
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import gateway  # noqa: E402
import tcpscript  # noqa: E402
from icmp import TOO_BIG, UNREACHABLE, error  # noqa: E402

CASES = tcpscript.Cases()
LEAST = {4: 28, 6: 1000}        # bytes quoted: RFC 792's, and as many as fit


def told(side, end, seq, ack=None):
    """This end hears of it, in numbers that it knows."""
    error_ = end.wait_error()
    side.must(f"number {error_.seq} is quoted, not {seq}", error_.seq == seq)
    if ack is not None:
        side.must("another ACK is quoted", error_.ack == ack)
    side.must("other addresses are quoted", error_.between == (end.source, end.dest))
    side.say("kind", error_.kind)


def about_server(what):
    """From beside the client, about the server's segment: the number is the client's idea of it."""
    def case(side):
        side.open()
        client, server = side.client, side.server
        at = server.next
        server.send("PA", b"z" * 1000)
        client.wait_data(1000)
        client.put(error(client, True, what, LEAST[side.spec.family]))
        told(side, server, at)
        client.send("A")
        server.wait_acked()
        side.exchange()
    return case


def about_client(what):
    """From beside the server, about the client's segment: the number is the client's, the ACK is not."""
    def case(side):
        side.open()
        client, server = side.client, side.server
        at, ack = client.next, client.expected
        client.send("PA", b"q" * 1000)
        server.wait_data(1000)
        server.put(error(server, False, what, 600))
        told(side, client, at, ack)
        server.send("A")
        client.wait_acked()
        side.exchange()
    return case


for name in (TOO_BIG, UNREACHABLE):
    CASES.named(f"{name}, about a segment of the server")(about_server(name))
    CASES.named(f"{name}, about a segment of the client")(about_client(name))


@CASES.named("the server's host is unreachable")
def no_server(side):
    """While it is being asked: the client is told at once, RFC 9293 3.9.2.2 (a SYN has no other)."""
    client, server = side.client, side.server
    side.ask()
    server.put(error(server, False, UNREACHABLE, 600))
    if side.engaged:
        client.wait_reset()
        client.resets = 0
    else:
        client.wait_error()


if __name__ == "__main__":
    gateway.run_all(CASES)
