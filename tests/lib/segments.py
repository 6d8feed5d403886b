# SPDX-License-Identifier: GPL-2.0
"""TCP segments by hand, right or wrong in any field, in IPv4 or IPv6; and what came back, read.

A Packet is a description: packets() turns it into one IP packet or, when it is fragmented, several.
Everything that is left alone is right: lengths, checksums, offsets. Addresses are packed bytes, and
their length is the family.
"""

import dataclasses
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << n for n in range(8))
EOL, NOP, MSS, WSCALE, SACK, TS, MD5, AO, MPTCP, FASTOPEN = 0, 1, 2, 3, 4, 8, 19, 29, 30, 34
TCP, ICMP4, ICMP6 = 6, 1, 58
HOP, ROUTING, FRAGMENT, NONE, DEST = 0, 43, 44, 59, 60
MASK = 0xffffffff


def mss(value):
    return struct.pack(">BBH", MSS, 4, value)


def wscale(value):
    return bytes((WSCALE, 3, value))


def timestamps(value, echo=0):
    return struct.pack(">BBII", TS, 10, value & MASK, echo & MASK)


SACK_OK = bytes((SACK, 2))


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def extension(kind, body=b""):
    """An IPv6 extension header, without the number of the next one, padded to 8 bytes."""
    if kind == FRAGMENT:
        return kind, b"\0" + (body or bytes(6))
    need = -(len(body) + 2) % 8
    if kind in (HOP, DEST) and need:
        body += b"\0" if need == 1 else bytes((1, need - 2)) + bytes(need - 2)
    return kind, bytes(((len(body) + 2) // 8 - 1,)) + body


@dataclasses.dataclass
class Packet:
    """One TCP segment to be sent."""
    src: bytes
    dst: bytes
    sport: int
    dport: int
    flags: int = SYN
    seq: int = 0
    ack: int = 0
    win: int = 64240
    urg: int = 0
    options: bytes = b""
    payload: bytes = b""
    doff: int = None            # in words; None: the right one
    csum_xor: int = 0
    cut: int = None             # the IP packet ends after so many bytes of TCP
    reserved: int = 0
    ttl: int = 64
    tos: int = 0
    ipid: int = 1
    df: bool = True
    flow: int = 0
    ip_options: bytes = b""     # IPv4, padded to words here
    ip_csum_xor: int = 0
    extensions: tuple = ()      # IPv6, of extension()
    split: int = 0              # two fragments, the first with so many bytes of TCP
    broadcast: bool = False     # to everybody on the link

    @property
    def header(self):
        """Data offset as sent."""
        return (20 + len(self.padded_options())) // 4 if self.doff is None else self.doff

    def padded_options(self):
        return self.options + b"\0" * (-len(self.options) % 4)

    def segment(self):
        data = struct.pack(">HHIIBBHHH", self.sport, self.dport, self.seq & MASK, self.ack & MASK,
                           (self.header & 15) << 4 | self.reserved, self.flags, self.win, 0,
                           self.urg) + self.padded_options() + self.payload
        if self.cut is not None:
            data = data[:self.cut]
        pseudo = self.src + self.dst + struct.pack(">II", len(data), TCP)
        if len(data) < 18:
            return data
        right = checksum(pseudo + data) ^ self.csum_xor
        return data[:16] + struct.pack(">H", right) + data[18:]

    def packets(self):
        data = self.segment()
        wrap = self.ip4 if len(self.src) == 4 else self.ip6
        if not self.split:
            return [wrap(data)]
        return [wrap(data[:self.split], 0, True), wrap(data[self.split:], self.split, False)]

    def ip4(self, data, offset=0, more=False):
        options = self.ip_options + b"\0" * (-len(self.ip_options) % 4)
        words = 5 + len(options) // 4
        where = offset >> 3 | more << 13 | (self.df and not self.split) << 14
        header = struct.pack(">BBHHHBBH", 0x40 | words, self.tos, words * 4 + len(data), self.ipid,
                             where, self.ttl, TCP, 0) + self.src + self.dst + options
        return header[:10] + struct.pack(">H", checksum(header) ^ self.ip_csum_xor) + \
            header[12:] + data

    def ip6(self, data, offset=0, more=False):
        chain = list(self.extensions)
        if self.split:
            chain.append((FRAGMENT, b"\0" + struct.pack(">HI", offset | more, self.ipid)))
        kinds = [kind for kind, _ in chain] + [TCP]
        body = b"".join(bytes((after,)) + rest for after, (_, rest) in zip(kinds[1:], chain)) + data
        return struct.pack(">IHBB", 6 << 28 | self.tos << 20 | self.flow, len(body), kinds[0],
                           self.ttl) + self.src + self.dst + body


def read_options(data):
    """[(kind, value)] up to the end or the first fault, and what is wrong: "", "malformed", ..."""
    lengths = {MSS: 4, WSCALE: 3, SACK: 2, TS: 10, MD5: 18}
    found, at = [], 0
    while at < len(data) and data[at] != EOL:
        kind = data[at]
        if kind == NOP:
            found.append((NOP, b""))
            at += 1
            continue
        if at + 1 >= len(data) or data[at + 1] < 2 or at + data[at + 1] > len(data):
            return found, "malformed"
        length = data[at + 1]
        if lengths.get(kind, length) != length or (kind == AO and length < 4) or \
                (kind == MPTCP and length < 3):
            return found, "wrong-length"
        if kind == TS and any(k == TS for k, _ in found):
            return found, "double-ts"
        found.append((kind, data[at + 2:at + length]))
        at += length
    return found, ""


@dataclasses.dataclass
class Answer:
    """What the host sent: a TCP segment, or an ICMP error about one."""
    src: bytes
    dst: bytes
    sport: int = 0
    dport: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    win: int = 0
    urg: int = 0
    options: bytes = b""
    payload: int = 0
    ttl: int = 0
    tos: int = 0
    df: bool = False
    ipid: int = 0
    flow: int = 0
    length: int = 0
    sound: bool = True          # the checksums are right
    icmp: tuple = ()            # type and code

    def option(self, kind):
        return next((value for k, value in read_options(self.options)[0] if k == kind), None)

    @property
    def tsval(self):
        return struct.unpack(">II", self.option(TS))[0]

    def __str__(self):
        if self.icmp:
            return "icmp %d/%d" % self.icmp
        return "".join(name for bit, name in zip((SYN, FIN, RST, PSH, ACK, URG), "SFRPAU")
                       if self.flags & bit) or "none"


def read_tcp(answer, tcp):
    (answer.sport, answer.dport, answer.seq, answer.ack, words, answer.flags, answer.win, _,
     answer.urg) = struct.unpack(">HHIIBBHHH", tcp[:20])
    header = (words >> 4) * 4
    answer.options = tcp[20:header]
    answer.payload = len(tcp) - header
    pseudo = answer.src + answer.dst + struct.pack(">II", len(tcp), TCP)
    answer.sound &= checksum(pseudo + tcp) == 0
    return answer


def behind_extensions(packet):
    kind, at = packet[6], 40
    while kind != TCP and at + 8 <= len(packet):
        length = 8 if kind == FRAGMENT else (packet[at + 1] + 1) * 8
        kind, at = packet[at], at + length
    return packet[at:]


def read_icmp(answer, icmp):
    """An error's type, and the ports of the segment that it is about; None: no error."""
    four = len(answer.src) == 4
    if icmp[0] not in ((3, 4, 5, 11, 12) if four else (1, 2, 3, 4)):
        return None
    inner = icmp[8:]
    ports = inner[(inner[0] & 15) * 4:] if four else behind_extensions(inner)
    if len(ports) >= 4:
        answer.dport, answer.sport = struct.unpack(">HH", ports[:4])
    answer.icmp = (icmp[0], icmp[1])
    return answer


def read_packet(data):
    """An Answer, the number of an echo reply, or None for what does not matter."""
    if data[0] >> 4 == 4:
        head = (data[0] & 15) * 4
        (tos, length, ipid, frag, ttl, protocol) = struct.unpack(">xBHHHBB", data[:10])
        answer = Answer(data[12:16], data[16:20], ttl=ttl, tos=tos, df=bool(frag & 0x4000),
                        ipid=ipid, length=length, sound=checksum(data[:head]) == 0)
    else:
        (first, length, protocol, ttl) = struct.unpack(">IHBB", data[:8])
        head, length = 40, length + 40
        answer = Answer(data[8:24], data[24:40], ttl=ttl, tos=first >> 20 & 255,
                        flow=first & 0xfffff, length=length)
    body = data[head:length]
    if protocol == TCP:
        return read_tcp(answer, body)
    if protocol not in (ICMP4, ICMP6) or len(body) < 8:
        return None
    if body[0] in (0, 129):
        return struct.unpack(">H", body[6:8])[0]
    return read_icmp(answer, body)


def echo_request(src, dst, number):
    """A ping whose answer is read_packet()'s number."""
    four = len(src) == 4
    body = struct.pack(">BBHHH", 8 if four else 128, 0, 0, 0x4342, number)
    if four:
        body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
        packet = Packet(src, dst, 0, 0).ip4(body)
        packet = packet[:9] + bytes((ICMP4,)) + b"\0\0" + packet[12:]
        return packet[:10] + struct.pack(">H", checksum(packet[:20])) + packet[12:]
    pseudo = src + dst + struct.pack(">II", len(body), ICMP6)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    packet = Packet(src, dst, 0, 0).ip6(body)
    return packet[:6] + bytes((ICMP6,)) + packet[7:]
