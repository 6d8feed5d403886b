# SPDX-License-Identifier: GPL-2.0
"""Generic netlink by hand, for tests that send what no honest program would.

Numbers come from the uAPI header, so that this file never disagrees with it. Attributes are
built with attr(), nest() and friends and given to Socket.request() as bytes; what comes back is
a list of dictionaries {attribute number: [payload, ...]}.
"""

import errno
import os
import re
import socket
import struct
import sys

TOP = os.environ.get("TOP", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
NESTED = 0x8000
REQUEST, ACK, DUMP, INTERRUPTED = 1, 4, 0x300, 0x10
ERROR, DONE = 2, 3


def read_header():
    """Every constant of the uAPI header, without the prefix COOKIEBOX_."""
    with open(f"{TOP}/module/uapi/linux/cookiebox.h", encoding="ascii") as handle:
        text = re.sub(r"/\*.*?\*/", "", handle.read(), flags=re.S)
    constants = {}
    for body in re.findall(r"enum\s*\w*\s*{(.*?)}", text, re.S):
        value = 0
        for name, given in re.findall(r"^\s*COOKIEBOX_(\w+)(?: = (\d+))?,", body, re.M):
            value = int(given) if given else value
            constants[name] = value
            value += 1
    return constants


C = read_header()


def attr(number, payload=b"", length=None):
    """One attribute; length is what its header says, right or wrong."""
    length = 4 + len(payload) if length is None else length
    return struct.pack("=HH", length, number) + payload + b"\0" * (-len(payload) % 4)


def u8(number, value):
    return attr(number, struct.pack("=B", value))


def u16(number, value):
    return attr(number, struct.pack("=H", value))


def u32(number, value):
    return attr(number, struct.pack("=I", value))


def text(number, value):
    return attr(number, value.encode() + b"\0")


def nest(number, *inner):
    return attr(number | NESTED, b"".join(inner))


def parse(data):
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack("=HH", data[:4])
        if length < 4:
            break
        found.setdefault(number & 0x3fff, []).append(data[4:length])
        data = data[(length + 3) & ~3:]
    return found


def counters(sock, service=None, which="DONE"):
    """{reason: how often}, zeros included, of a service or summed over all; which: or "OBSERVED"."""
    if service is None:
        replies = sock.dump(C["CMD_STATS_GET"])
    else:
        replies = sock.request(C["CMD_STATS_GET"], text(C["A_STATS_NAME"], service))
    total = {}
    for reply in replies:
        for one in reply.get(C["A_STATS_COUNTER"], []):
            fields = parse(one)
            name = fields[C["A_COUNTER_NAME"]][0].rstrip(b"\0").decode()
            much = fields.get(C["A_COUNTER_" + which], [bytes(8)])[0]
            total[name] = total.get(name, 0) + int.from_bytes(much, sys.byteorder)
    return total


class Counted:
    """What the module counts from now on: by name, or as a sentence."""

    def __init__(self, sock):
        self.sock, self.before = sock, counters(sock)

    def grown(self):
        return {name: now - self.before.get(name, 0) for name, now in counters(self.sock).items()}

    def __getitem__(self, name):
        return self.grown()[name]

    def __str__(self):
        seen = ", ".join(f"{name} {much}" for name, much in self.grown().items() if much)
        return f"counted: {seen or 'nothing'}"


class Refused(Exception):
    """The kernel said no: errno, its sentence, and the offset of the attribute to blame."""

    def __init__(self, number, sentence, offset):
        super().__init__(f"{os.strerror(number)}: {sentence}")
        self.errno, self.sentence, self.offset = number, sentence, offset


class Socket:
    """A generic netlink socket of the family cookiebox."""

    def __init__(self, size=32768, port=0):
        self.size = size        # of receive buffers; the kernel makes dumps as large as one was
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.setsockopt(270, 11, 1)        # NETLINK_EXT_ACK
        self.sock.bind((port, 0))
        self.sock.settimeout(10)
        self.family, self.groups, self.interrupted = 16, {}, False
        reply = self.request(3, text(2, "cookiebox"))[0]        # CTRL_CMD_GETFAMILY
        self.family = struct.unpack("=H", reply[1][0])[0]
        for group in parse(reply.get(7, [b""])[0]).values():
            inner = parse(group[0])
            self.groups[inner[1][0].rstrip(b"\0").decode()] = struct.unpack("=I", inner[2][0])[0]

    def close(self):
        self.sock.close()

    def send(self, command, payload=b"", flags=REQUEST | ACK):
        self.sock.send(struct.pack("=IHHIIBBH", 20 + len(payload), self.family, flags, 1, 0,
                                   command, 1, 0) + payload)

    def receive(self):
        """Messages of one datagram: (type, flags, body)."""
        data, _, how, _ = self.sock.recvmsg(self.size)
        if how & socket.MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, "receive buffer is too small")
        while len(data) >= 16:
            length, kind, flags = struct.unpack("=IHH", data[:8])
            yield kind, flags, data[16:length]
            data = data[(length + 3) & ~3:]

    def request(self, command, payload=b"", flags=REQUEST | ACK):
        """Sends, and collects replies until the acknowledgement or the end of the dump."""
        self.send(command, payload, flags)
        replies, self.interrupted, ended = [], False, False
        while not ended:
            for kind, got, body in self.receive():
                self.interrupted |= bool(got & INTERRUPTED)
                if kind in (ERROR, DONE):
                    self.check(kind, got, body)
                    ended = True
                else:
                    replies.append(parse(body[4:]))
        return replies

    def drain(self):
        """Throws away what is waiting: the rest of an answer, errors of the socket."""
        self.sock.settimeout(0)
        for _ in range(100):
            try:
                self.sock.recv(self.size)
            except BlockingIOError:
                break
            except OSError:
                continue
        self.sock.settimeout(10)

    def dump(self, command, payload=b""):
        return self.request(command, payload, REQUEST | DUMP)

    @staticmethod
    def check(kind, flags, body):
        error = -struct.unpack("=i", body[:4])[0] if len(body) >= 4 else 0
        if not error:
            return
        skip = 4 if kind == DONE else 20
        if kind == ERROR and not flags & 0x100:         # NLM_F_CAPPED: the request is left out
            skip = 4 + struct.unpack("=I", body[4:8])[0]
        info = parse(body[(skip + 3) & ~3:])
        sentence = info.get(1, [b""])[0].rstrip(b"\0").decode(errors="replace")
        offset = struct.unpack("=I", info[2][0])[0] if 2 in info else None
        raise Refused(error, sentence, offset)
