# SPDX-License-Identifier: GPL-2.0
"""ICMP errors from made-up routers on either side of a gateway (gateway.py)."""

import struct

import tcpwire
from segments import checksum

TOO_BIG, UNREACHABLE = "too big", "unreachable"
ROUTERS = {(4, True): "10.1.200.1", (6, True): "fd01::200:1",
           (4, False): "10.4.200.1", (6, False): "fd04::200:1"}


def message(four, what, mtu):
    """Type, code, no checksum yet, and what the type has there."""
    if what == TOO_BIG:
        return struct.pack(">BBHHH", 3, 4, 0, 0, mtu) if four else struct.pack(">BBHI", 2, 0, 0, mtu)
    return struct.pack(">BBHI", 3, 1, 0, 0) if four else struct.pack(">BBHI", 1, 3, 0, 0)


def error(end, at_client, what, keep, mtu=1300):
    """A frame: a router next to `end` quotes so many bytes of the one that `end` heard last."""
    four = len(end.source) == 4
    router = tcpwire.address(ROUTERS[4 if four else 6, at_client])
    quoted = end.heard[14:14 + keep]
    target = quoted[12:16] if four else quoted[8:24]
    body = message(four, what, mtu) + quoted
    pseudo = b"" if four else router + target + struct.pack(">II", len(body), 58)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    if not four:
        return (end.wire.ethernet + b"\x86\xdd" +
                struct.pack(">IHBB", 6 << 28, len(body), 58, 64) + router + target + body)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, 1, 0) + router + target
    return end.wire.ethernet + b"\x08\0" + ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:] + body
