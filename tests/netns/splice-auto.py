#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Handshakes that are answered and never completed, though much is tried: splice-auto.py FAMILY BOX-MAC SERVER COUNT

Of each the server is sent an ACK of what it never sent, one whose upper half alone is wrong, and one whose
checksum is: it remembers the handshake, whatever it answers. Prints how many SYN-ACKs came.
"""

import os
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import tcpwire  # noqa: E402
from tcpclient import Client, Wire  # noqa: E402
from tcpwire import MASK  # noqa: E402

PORT, SOURCE = 30000, {"4": "10.1.9.9", "6": "fd01::909"}


def spoilt(frame):
    """The last byte of the header's fixed part but for the urgent pointer: the checksum."""
    at = (34 if frame[12:14] == b"\x08\0" else 54) + 17
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1:]


def attempt(wire, source, server, port):
    client = Client(wire, source, server, (port, 80), True)
    client.syn()
    synack = client.wait_synack()
    for off in (12345, 0x10000):
        client.send("A", ack=synack.seq + 1 + off & MASK)
    client.put(spoilt(client.make("A", ack=synack.seq + 1)))
    return 1


def main():
    family, box, server, count = sys.argv[1:]
    wire = Wire("client", "c0", box, family, PORT)
    source, server = tcpwire.address(SOURCE[family]), tcpwire.address(server)
    print(sum(attempt(wire, source, server, PORT + n) for n in range(int(count))))


main()
