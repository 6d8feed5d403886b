# SPDX-License-Identifier: GPL-2.0
"""Handshakes that begin as recorded ones and are then changed, from a seed.

A Case is the SYN to send and a list of changes to the ACK that will follow, which is made when the
SYN-ACK is there. facts() says what there is about a packet that may matter, by looking at what it
became and not at what was done to it.
"""

import dataclasses
import random
import struct

import segments
from segments import (ACK, CWR, DEST, ECE, FASTOPEN, FIN, FRAGMENT, HOP, MD5, AO, MPTCP, PSH, ROUTING,
                      RST, SYN, TS, URG, Packet, extension, mss, timestamps, wscale)

# Options and window of SYNs as recorded from clients and scanners.
RECORDED = {
    "linux": ("020405b40402080a8a1b3c0d0000000001030307", 64240),
    "linux-2.6": ("020405b40402080a0123456700000000010303 06".replace(" ", ""), 5840),
    "android": ("020405500402080a00a1b2c30000000001030308", 65535),
    "windows-10": ("020405b4010303080101 0402".replace(" ", ""), 64240),
    "windows-xp": ("020405b401010402", 65535),
    "macos": ("020405b4010303060101080a3b9aca00000000000402 0000".replace(" ", ""), 65535),
    "freebsd": ("020405b4010303060402080a1122334400000000", 65535),
    "openbsd": ("020405b40101040201030306 0101080a5566778800000000".replace(" ", ""), 16384),
    "vpn": ("020404b00402080a0bad cafe0000000001030307".replace(" ", ""), 62400),
    "jumbo": ("020423000402080a0bad f00d0000000001030309".replace(" ", ""), 62720),
    "bare-mss": ("02040218", 1024),
    "masscan": ("", 1024),
    "nmap-1": ("0303 0a01020405b4080affffffff000000000402".replace(" ", ""), 1),
    "nmap-2": ("020405780303000402080affffffff0000000000", 63),
    "nmap-3": ("080affffffff00000000 0101030305010204 0280".replace(" ", ""), 4),
    "nmap-4": ("0402080affffffff0000000003030a00", 4),
    "nmap-5": ("020402180402080affffffff0000000003030a00", 16),
    "nmap-6": ("020401090402080affffffff00000000", 512),
}
NUMBERS = (0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff)
SOURCES = {
    4: [bytes(a) for a in ((127, 0, 0, 1), (10, 0, 0, 2), (224, 0, 0, 5), (255, 255, 255, 255),
                           (10, 0, 0, 255), (0, 0, 0, 0), (0, 1, 2, 3))],
    16: [bytes(15) + b"\1", bytes.fromhex("fd00") + bytes(13) + b"\2",
         bytes.fromhex("ff02") + bytes(13) + b"\1", bytes(16),
         bytes(10) + b"\xff\xff\x0a\1\0\1"],
}
OPTIONS = [mss(0), mss(1), mss(64), mss(300), mss(536), mss(1220), mss(8960), mss(65535),
           wscale(0), wscale(1), wscale(14), wscale(15), wscale(255), segments.SACK_OK,
           timestamps(0), timestamps(7, 9), timestamps(0xffffffff), bytes((MD5, 18)) + bytes(16),
           bytes((AO, 16, 1, 1)) + bytes(12), bytes((MPTCP, 12, 1, 1)) + bytes(8),
           bytes((MPTCP, 4, 0x11, 1)), bytes((FASTOPEN, 2)), bytes((FASTOPEN, 10)) + bytes(8),
           bytes((254, 4, 0xf9, 0x89)), bytes((28, 4, 0x80, 5)), bytes((253, 2)),
           bytes((5, 10)) + bytes(8), b"\0", b"\1\1\1\1", bytes((2, 3, 5)), bytes((3, 4, 7, 0)),
           bytes((4, 3, 0)), bytes((8, 12)) + bytes(10), bytes((99, 0)), bytes((99, 1)),
           bytes((99, 38))]
IP_OPTIONS = [b"\1\1\1\1", bytes((7, 7, 4)) + bytes(4), bytes((131, 7, 4, 10, 0, 0, 1)),
              bytes((68, 8, 5, 0)) + bytes(4), bytes((148, 4, 0, 0)), bytes((7, 99, 4, 0)), b"\0"]
CHAINS = [((HOP, b""),), ((DEST, b""),), ((HOP, bytes((5, 2, 0, 0))),), ((HOP, b""), (DEST, b"")),
          ((DEST, b""),) * 7, ((DEST, b""),) * 9, ((FRAGMENT, b""),),
          ((HOP, b""), (FRAGMENT, b""), (DEST, b"")),
          ((ROUTING, bytes((0, 0)) + bytes(20)),), ((ROUTING, bytes((2, 0)) + bytes(20)),),
          ((ROUTING, bytes((4, 0)) + bytes(20)),), ((ROUTING, bytes((9, 0)) + bytes(20)),),
          ((DEST, bytes((0x80, 4)) + bytes(4)),), ((DEST, bytes((0xc0, 4)) + bytes(4)),),
          ((253, b"\0" + bytes(5)),)]


def change(packet, **fields):
    return dataclasses.replace(packet, **fields)


def option_byte(rng, p):
    if not p.options:
        return change(p, options=bytes((rng.choice((2, 3, 4, 8, 99)), rng.randrange(6), 1, 1)))
    at = rng.randrange(len(p.options))
    return change(p, options=p.options[:at] + bytes((rng.randrange(256),)) + p.options[at + 1:])


def option_cut(rng, p):
    cut = p.options[:rng.randrange(len(p.options) + 1)]
    return change(p, options=cut + b"\1" * (-len(cut) % 4 if rng.random() < .5 else 0))


def option_last(rng, p):
    padded = p.padded_options() or b"\1\1\1\1"
    return change(p, options=padded[:-1] + bytes((rng.choice((2, 3, 4, 8, 99)),)))


def option_insert(rng, p):
    """Somewhere between two others; what does not fit is cut."""
    whole, at = split_options(p.options), 0
    at = rng.randrange(len(whole) + 1)
    whole.insert(at, rng.choice(OPTIONS))
    return change(p, options=b"".join(whole)[:40])


def option_drop(rng, p):
    whole = split_options(p.options)
    if whole:
        del whole[rng.randrange(len(whole))]
    return change(p, options=b"".join(whole))


def option_shuffle(rng, p):
    whole = split_options(p.options)
    rng.shuffle(whole)
    return change(p, options=b"".join(whole))


def split_options(data):
    whole = []
    while data:
        length = 1 if data[0] < 2 or len(data) < 2 else max(2, data[1])
        whole.append(data[:length])
        data = data[length:]
    return whole


def mss_value(rng, p):
    if p.options[:1] != b"\2":
        return change(p, options=mss(rng.choice((100, 536, 1400))) + p.options[:36])
    value = rng.choice((0, 63, 64, 216, 217, 300, 500, 536, 537, 1000, 1239, 1300, 1359, 1441, 1460,
                        8960, 65535, rng.randrange(65536)))
    return change(p, options=mss(value) + p.options[4:])


def flags(rng, p):
    return change(p, flags=p.flags ^ rng.choice((FIN, RST, PSH, URG, ECE, CWR, ECE | CWR, SYN, ACK,
                                                 FIN | PSH | URG, rng.randrange(256))))


def numbers(rng, p):
    field = rng.choice(("seq", "ack"))
    return change(p, **{field: rng.choice(NUMBERS + (rng.randrange(1 << 32),))})


def odd_fields(rng, p):
    return rng.choice((lambda: change(p, win=rng.choice((0, 1, 65535))),
                       lambda: change(p, urg=rng.choice((1, 0xffff))),
                       lambda: change(p, reserved=rng.randrange(1, 16)),
                       lambda: change(p, ttl=rng.choice((0, 1, 2, 255))),
                       lambda: change(p, df=False),
                       lambda: change(p, flow=rng.randrange(1 << 20))))()


def offset(rng, p):
    return change(p, doff=rng.randrange(16))


def damage(rng, p):
    return change(p, csum_xor=rng.choice((1, 0x8000, 0xffff, rng.randrange(1, 0x10000))))


def payload(rng, p):
    return change(p, payload=bytes(rng.choice((1, 2, 100, 536, 1300))))


def cut(rng, p):
    return change(p, cut=rng.choice((0, 3, 4, 8, 12, 13, 14, 19, 20, 24)))


def traffic_class(rng, p):
    return change(p, tos=rng.choice((1, 2, 3, 0x10, 0xb8, 0xfc, 0xff)))


def internet(rng, p):
    """IP options, or extension headers."""
    if len(p.src) == 4:
        if rng.random() < .1:
            return change(p, ip_csum_xor=1)
        return change(p, ip_options=rng.choice(IP_OPTIONS))
    chain = tuple(extension(*header) for header in rng.choice(CHAINS))
    return change(p, extensions=chain)


def fragments(rng, p):
    return change(p, split=rng.choice((8, 16, 24, 32, 40)), payload=p.payload or bytes(40))


def source(rng, p):
    return change(p, src=rng.choice(SOURCES[len(p.src)]))


def everybody(_, p):
    return change(p, broadcast=True)


ANY = (option_byte, option_byte, option_cut, option_last, option_insert, option_insert, flags, flags,
       offset, damage, payload, cut, traffic_class, internet, fragments, odd_fields, everybody)
OF_SYN = ANY + (option_insert, option_drop, option_shuffle, mss_value, mss_value, numbers, source)


def off_by(field):
    def mutate(rng, p):
        delta = rng.choice((1, -1, 2, -2, 3, -3, 1 << 31, rng.randrange(1 << 32)))
        return change(p, **{field: getattr(p, field) + delta & segments.MASK})
    return mutate


def echo(rng, p):
    """The timestamp option of an ACK: other values, away, or put there."""
    at = p.options.find(bytes((TS, 10)))
    at = at if at + 10 <= len(p.options) else -1
    how = rng.randrange(4)
    if at < 0 or how == 0:
        return change(p, options=b"" if at >= 0 else b"\1\1" + timestamps(5, rng.randrange(1 << 32)))
    value, back = struct.unpack(">II", p.options[at + 2:at + 10])
    if how == 1:
        value = rng.choice(NUMBERS)
    else:
        back += rng.choice((1, -1, 64, -64, -5000, -70000, 5000, 1 << 31, rng.randrange(1 << 32)))
    return change(p, options=b"\1\1" + timestamps(value, back))


def end(_, p):
    return change(p, flags=p.flags | FIN)


OF_ACK = ANY + (off_by("ack"), off_by("ack"), off_by("seq"), echo, echo, end, payload)


@dataclasses.dataclass
class Case:
    """One handshake. ack_seed: for the changes to the ACK, the same whoever has answered."""
    number: int
    layout: str
    syn: Packet
    changes: list
    ack_seed: int

    def ack(self, honest):
        rng, packet = random.Random(self.ack_seed), honest
        for mutate in self.changes:
            packet = mutate(rng, packet)
        return packet


def how_many(rng):
    return rng.choice((1, 1, 1, 1, 2, 2, 3))


def cases(seed, count, src, dst, dport):
    """The recorded SYNs unchanged, then changed ones up to `count`."""
    rng = random.Random(seed)
    for number in range(count):
        names = list(RECORDED)
        layout = names[number] if number < len(names) else rng.choice(names)
        options, win = RECORDED[layout]
        syn = Packet(src, dst, 1024 + number % 60000, dport, SYN, rng.randrange(1 << 32), win=win,
                     options=bytes.fromhex(options), ipid=number % 0x1fff + 1)
        changes, where = [], rng.choice(("syn", "syn", "ack", "ack", "both"))
        ack_seed = rng.randrange(1 << 32)
        if number >= len(names):
            if where != "ack":
                for _ in range(how_many(rng)):
                    syn = rng.choice(OF_SYN)(rng, syn)
            if where != "syn":
                changes = [rng.choice(OF_ACK) for _ in range(how_many(rng))]
        yield Case(number, layout, syn, changes, ack_seed)


def option_facts(packet, found, fault):
    if fault:
        yield fault
    kinds = [kind for kind, _ in found]
    for kind, name in ((segments.MSS, "mss"), (segments.WSCALE, "ws"), (segments.SACK, "sack"),
                       (TS, "ts")):
        yield name if kind in kinds else "no-" + name
        if kinds.count(kind) > 1:
            yield "twice-" + name
    for kind, name in ((MD5, "md5"), (AO, "ao"), (MPTCP, "mptcp"), (FASTOPEN, "fastopen")):
        if kind in kinds:
            yield name
    if packet.flags & SYN:
        value = [struct.unpack(">H", v)[0] for k, v in found if k == segments.MSS]
        if value and value[-1] < (536 if len(packet.src) == 4 else 1220):
            yield "small-mss"
        if value and value[-1] > 1460:
            yield "large-mss"


def header_facts(packet):
    for bit, name in ((FIN, "fin"), (SYN, "syn"), (RST, "rst"), (PSH, "psh"), (ACK, "ack"),
                      (URG, "urg")):
        if packet.flags & bit:
            yield name
    if packet.flags & (ECE | CWR) == ECE | CWR:
        yield "ecn-setup"
    if packet.tos & 3:
        yield "ect"
    if packet.csum_xor or (packet.cut is not None and packet.cut < 18):
        yield "bad-checksum"
    if packet.payload:
        yield "data"
    if packet.split:
        yield "fragments"
        if min(packet.split, len(packet.segment())) < 14:
            yield "flags-hidden"
    if packet.broadcast:
        yield "broadcast"
    if packet.ip_options:
        yield "ip-options"
    if len(packet.extensions) > 8:
        yield "many-headers"
    for kind, _ in packet.extensions:
        yield {HOP: "hop", DEST: "dest", FRAGMENT: "atomic", ROUTING: "routing"}.get(kind, "unknown")


def options_of(packet):
    """The option bytes as a receiver finds them; None: there is no whole header."""
    data = packet.segment()
    header = (data[12] >> 4) * 4 if len(data) > 12 else 0
    if len(data) < 20 or header < 20 or header > len(data):
        return None
    return data[20:header]


def facts(packet):
    """What may matter about a packet, as words."""
    known = set(header_facts(packet))
    options = options_of(packet)
    if options is None:
        return known | {"bad-header"}
    known |= set(option_facts(packet, *segments.read_options(options)))
    if packet.src in SOURCES[len(packet.src)]:
        known |= {"bad-source", "source-" + packet.src.hex()}
    if packet.reserved:
        known.add("reserved")
    return known
