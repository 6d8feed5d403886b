#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Does a connection still carry its flow cookie? flowcookie.py client HOST | server PORT

`client` opens a connection to HOST port 7777 and keeps it; for each line on standard input it
sends a byte, waits for the echo and prints, as JSON, the TSval of the segment that brought it, the
CLOCK_MONOTONIC milliseconds when it was seen, and the tuple. `offset KEY BASE JSON` computes the
TSval that the documentation promises (SipHash-2-4 written anew here, from the paper) and prints
how many milliseconds the segment is off.
"""

import ipaddress
import json
import socket
import struct
import sys
import time

MASK = (1 << 64) - 1
PORT = 7777
FLOW_TAG = 0x46000000
TAG_IPV6 = 1 << 16


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & MASK


def sip_round(v):
    v[0] = (v[0] + v[1]) & MASK
    v[2] = (v[2] + v[3]) & MASK
    v[1] = rotate(v[1], 13) ^ v[0]
    v[3] = rotate(v[3], 16) ^ v[2]
    v[0] = rotate(v[0], 32)
    v[2] = (v[2] + v[1]) & MASK
    v[0] = (v[0] + v[3]) & MASK
    v[1] = rotate(v[1], 17) ^ v[2]
    v[3] = rotate(v[3], 21) ^ v[0]
    v[2] = rotate(v[2], 32)


def siphash(key, words):
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
         k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]
    for word in [*words, (len(words) * 8 & 0xff) << 56]:
        v[3] ^= word
        sip_round(v)
        sip_round(v)
        v[0] ^= word
    v[2] ^= 0xff
    for _ in range(4):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def flow_offset(key, base, tuple_):
    """F(tuple) + base. The tuple is the client's view: it is the source."""
    source = ipaddress.ip_address(tuple_["saddr"])
    target = ipaddress.ip_address(tuple_["daddr"])
    ports = tuple_["sport"] << 16 | tuple_["dport"]
    if source.version == 4:
        words = [int(source) << 32 | int(target), ports << 32, FLOW_TAG]
    else:
        words = [int(source) >> 64, int(source) & MASK, int(target) >> 64, int(target) & MASK,
                 ports << 32, FLOW_TAG | TAG_IPV6]
    return (siphash(key, words) + base) & 0xffffffff


def options_tsval(options):
    while options and options[0] != 0:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] == 8:
            return struct.unpack(">I", options[2:6])[0]
        options = options[options[1]:]
    return None


def tcp_of(frame):
    """The TCP segment of an Ethernet frame, or nothing."""
    kind = struct.unpack(">H", frame[12:14])[0]
    if kind == 0x0800 and frame[23] == 6:
        return frame[14 + (frame[14] & 15) * 4:]
    if kind == 0x86dd and frame[20] == 6:
        return frame[54:]
    return b""


def next_tsval(packets, port):
    """TSval of the next segment from the server to our port that carries data."""
    while True:
        frame = packets.recv(4096)
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000
        tcp = tcp_of(frame)
        if len(tcp) < 20 or struct.unpack(">HH", tcp[:4]) != (PORT, port):
            continue
        header = (tcp[12] >> 4) * 4
        if len(tcp) > header:
            return options_tsval(tcp[20:header]), now


def client(host, device):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    packets.bind((device, 0))
    packets.settimeout(60)
    connection = socket.create_connection((host, PORT), timeout=60)
    saddr, sport = connection.getsockname()[:2]
    for _ in sys.stdin:
        connection.send(b"x")
        tsval, now = next_tsval(packets, sport)
        connection.recv(1)
        print(json.dumps({"tsval": tsval, "now": now, "saddr": saddr, "daddr": host,
                          "sport": sport, "dport": PORT}), flush=True)


def server(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((address, PORT))
        listener.listen()
        connection = listener.accept()[0]
    while byte := connection.recv(1):
        connection.send(byte)


def offset(key, base, report):
    seen = json.loads(report)
    want = seen["now"] + flow_offset(bytes.fromhex(key), int(base), seen)
    print(((seen["tsval"] - want + (1 << 31)) & 0xffffffff) - (1 << 31))


{"client": client, "server": server, "offset": offset}[sys.argv[1]](*sys.argv[2:])
