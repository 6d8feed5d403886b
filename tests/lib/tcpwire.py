# SPDX-License-Identifier: GPL-2.0
"""TCP segments as bytes on Ethernet, both families: made and taken apart, nothing more."""

import socket
import struct
import zlib

from segments import checksum

FLAGS = "FSRPAUEC"
MASK = 0xffffffff
ETHER_IPV4, ETHER_IPV6 = 0x0800, 0x86dd
MSS, WSCALE, SACK_OK, SACK, TIMESTAMP = 2, 3, 4, 5, 8


def before(a, b):
    """Sequence number a is before b, RFC 9293 3.4."""
    return (a - b) & MASK > 0x7fffffff


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def label_of(ports):
    """IPv6's flow label of all that build() sends from and to these ports."""
    return zlib.crc32(struct.pack(">HH", *ports)) & 0xfffff


class Segment:
    """What one segment said; seq, ack and SACK edges as on the wire."""

    def __init__(self, tcp, source, dest, ip):
        (self.sport, self.dport, self.seq, self.ack, offset, bits,
         self.window) = struct.unpack(">HHIIBBH", tcp[:16])
        header = (offset >> 4) * 4
        self.source, self.dest, self.ip = source, dest, ip
        self.flags = "".join(f for i, f in enumerate(FLAGS) if bits & 1 << i)
        self.data = tcp[header:]
        self.when = None        # by the wire's clock (s)
        self.label = None       # IPv6's
        self.order = []         # option kinds as they stand
        self.mss = self.wscale = self.timestamp = None
        self.sack_ok, self.sack = False, []
        pseudo = source + dest + struct.pack(">II", len(tcp), 6)
        self.intact = checksum(pseudo + tcp) == 0
        self.read_options(tcp[20:header])

    def read_options(self, raw):
        while raw and raw[0]:
            self.order.append(raw[0])
            if raw[0] == 1:
                raw = raw[1:]
                continue
            if len(raw) < 2 or raw[1] < 2:
                break
            body = raw[2:raw[1]]
            if raw[0] == MSS:
                self.mss = struct.unpack(">H", body)[0]
            elif raw[0] == WSCALE:
                self.wscale = body[0]
            elif raw[0] == SACK_OK:
                self.sack_ok = True
            elif raw[0] == TIMESTAMP:
                self.timestamp = struct.unpack(">II", body)
            elif raw[0] == SACK:
                self.sack = list(struct.iter_unpack(">II", body))
            raw = raw[raw[1]:]

    def has(self, flags):
        return all(f in self.flags for f in flags)

    @property
    def length(self):
        return len(self.data) + self.has("S") + self.has("F")

    @property
    def labelled(self):
        """By its sender, or in his name. IPv4 has no label."""
        return self.label in (None, label_of((self.sport, self.dport)))

    @property
    def bare(self):
        """An ACK and nothing else."""
        return not self.length and not self.has("R")

    def __str__(self):
        return f"{self.flags} seq {self.seq} len {len(self.data)} ack {self.ack} win {self.window}"


def parse(frame):
    """A Segment, or None if the frame holds something else."""
    kind = struct.unpack(">H", frame[12:14])[0]
    if kind == ETHER_IPV4 and frame[23] == 6:
        start = 14 + (frame[14] & 15) * 4
        end = 14 + struct.unpack(">H", frame[16:18])[0]
        ip = {"ttl": frame[22], "tos": frame[15], "df": bool(frame[20] & 0x40),
              "id": frame[18:20] != b"\0\0"}
        return Segment(frame[start:end], frame[26:30], frame[30:34], ip)
    if kind == ETHER_IPV6 and frame[20] == 6:
        end = 54 + struct.unpack(">H", frame[18:20])[0]
        first = struct.unpack(">I", frame[14:18])[0]
        segment = Segment(frame[54:end], frame[22:38], frame[38:54],
                          {"ttl": frame[21], "tos": first >> 20 & 0xff})
        segment.label = first & 0xfffff
        return segment
    return None


def option(kind, body):
    return bytes([kind, len(body) + 2]) + body


def build(ethernet, source, dest, ports, seq, ack, flags, window, options=b"", data=b"", tos=0):
    """A frame; ethernet is both hardware addresses, to whom first."""
    options += b"\1" * (-len(options) % 4)
    bits = sum(1 << FLAGS.index(f) for f in flags)
    offset = (20 + len(options)) // 4 << 4
    tcp = struct.pack(">HHIIBBHHH", *ports, seq & MASK, ack & MASK, offset, bits, window, 0, 0)
    tcp += options + data
    total = checksum(source + dest + struct.pack(">II", len(tcp), 6) + tcp)
    tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
    if len(source) == 16:
        first = 6 << 28 | tos << 20 | label_of(ports)
        head = struct.pack(">IHBB", first, len(tcp), 6, 64) + source + dest
        return ethernet + struct.pack(">H", ETHER_IPV6) + head + tcp
    head = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(tcp), 1, 0x4000, 64, 6, 0) + source + dest
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return ethernet + struct.pack(">H", ETHER_IPV4) + head + tcp
