# SPDX-License-Identifier: GPL-2.0
"""Mode splice while memory is refused; part of tests/netns/failing.py.

The client is behind the device cb0, as everywhere there, the server behind cb1. What either sends is
written, and goes through the box to the other's device, in this task.
"""

import os
import select
import socket
import struct
import sys
import time

import tap
from genl import C, Counted, Refused, Socket, parse, text, u8, u16
from tap import ACK, RST, SYN

NAME, PORT = C["A_SERVICE_NAME"], 8090
HOST, FAR = {4: "10.8.0.2", 6: "fd08::2"}, {4: "10.8.0.1", 6: "fd08::1"}
ALWAYS = u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_ALWAYS"])
SERVICE = text(NAME, "spliced") + u16(C["A_SERVICE_PORT_MIN"], PORT) + \
    u8(C["A_SERVICE_MODE"], C["MODE_SPLICE"]) + ALWAYS
OPTIONS = b"\2\4\5\xb4\4\2\1\1"
CISN, SISN = 1000, 7000000          # the client's, and the server's own
PATIENCE = 5                        # s: a lost SYN is sent again by a timer, after one
PACKET_ALL = 3


def first_service(fail, ok, anew):
    """It is there, with all that it needs, or nothing is; the next attempt has it."""
    sock = anew()

    def add():
        try:
            return sock.request(C["CMD_SERVICE_ADD"], SERVICE)
        except Refused as why:
            return why

    def judge(failed, result):
        nonlocal sock
        sock.drain()
        hooks = sock.request(C["CMD_STATUS_GET"])[0][C["A_STATUS_HOOKS"]][0] != b"\0"
        there = len(sock.dump(C["CMD_SERVICE_GET"])) == 1
        wrong = None if hooks == there else f"hooks: {hooks}, service: {there}"
        if isinstance(result, Refused) and fail.last and (there or not result.sentence):
            wrong = f"{fail.last}: {result}, service: {there}"
        if not failed and not there:
            wrong = f"no allocation failed, and yet: {result!r}"
        if not there and add() != []:
            wrong = f"{wrong}; nor the next time"
        sock.close()
        sock = anew()
        return wrong

    count, complaints = fail.each(add, judge)
    ok(count > 20 and not complaints, f"the first service of mode splice: {count} allocations fail",
       complaints)


def unreachable(family, quoted):
    """A frame of the client's host for the server: an ICMP error about this packet."""
    src, dst = tap.packed(tap.CLIENT[family]), tap.packed(FAR[family])
    icmp = struct.pack("!BBHI", *((3, 1) if family == 4 else (1, 3)), 0, 0) + quoted
    pseudo = b"" if family == 4 else src + dst + struct.pack("!II", len(icmp), 58)
    icmp = icmp[:2] + struct.pack("!H", tap.checksum(pseudo + icmp)) + icmp[4:]
    if family == 6:
        return tap.THEIRS + tap.OURS + b"\x86\xdd" + \
            struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + src + dst + icmp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0) + src + dst
    head = head[:10] + struct.pack("!H", tap.checksum(head)) + head[12:]
    return tap.THEIRS + tap.OURS + b"\x08\0" + head + icmp


class Pair:
    """A client, and a server that knows nothing of cookies: connections, one at a time."""
    port = 30000

    def __init__(self, near, far, family):
        self.near, self.far, self.family = near, far, family
        self.isn = 0                # as the client sees the server's
        self.heard = {near: [], far: []}
        # Somebody who captures holds on to each segment: its buffer cannot be written to.
        self.capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PACKET_ALL))
        self.capture.setblocking(False)

    def quiet(self):
        for device in (self.near, self.far):
            device.drain()
            self.heard[device] = []
        while select.select([self.capture], [], [], 0)[0]:
            self.capture.recv(64)

    def client(self, flags, seq, ack=0, data=b""):
        self.near.send(self.family, Pair.port, PORT, seq, ack, flags, OPTIONS if flags & SYN else b"",
                       data, ends=(tap.CLIENT, FAR))

    def server(self, flags, seq, ack, data=b""):
        self.far.send(self.family, PORT, Pair.port, seq, ack, flags, OPTIONS if flags & SYN else b"",
                      data, ends=(FAR, tap.CLIENT))

    def listen(self, device):
        for segment in device.drain():
            if Pair.port in (segment["sport"], segment["dport"]):
                tcp = segment["frame"][34 if self.family == 4 else 54:]
                self.heard[device].append({**segment, "data": tcp[(tcp[12] >> 4) * 4:]})

    def comes(self, device, flags, seq, patience=0, **more):
        """The first segment there with these flags, this number and so on; or None."""
        wanted, end = {"flags": flags, "seq": seq, **more}, time.monotonic() + patience
        while True:
            self.listen(device)
            for segment in self.heard[device]:
                if all(segment[name] == value for name, value in wanted.items()):
                    self.heard[device].remove(segment)
                    return segment
            left = end - time.monotonic()
            if left <= 0:
                return None
            select.select([device.fd], [], [], left)

    # --- The steps of a connection, each as its end would take it, once ---

    def begin(self):
        """A SYN, and the cookie: whether it came."""
        Pair.port += 1
        self.quiet()
        self.client(SYN, CISN)
        answer = next((s for s in self.near.drain() if s["dport"] == Pair.port), None)
        self.isn = answer["seq"] if answer else 0
        return answer is not None

    def ask(self, data=b""):
        self.client(ACK, CISN + 1, self.isn + 1, data)

    def asked(self, patience=0):
        return self.comes(self.far, SYN, CISN, patience)

    def accept(self):
        self.server(SYN | ACK, SISN, CISN + 1)

    def accepted(self):
        return self.comes(self.far, ACK, CISN + 1, ack=SISN + 1, data=b"")

    def upload(self):
        self.client(ACK, CISN + 1, self.isn + 1, b"upwards")

    def uploaded(self):
        return self.comes(self.far, ACK, CISN + 1, ack=SISN + 1, data=b"upwards")

    def download(self):
        self.server(ACK, SISN + 1, CISN + 1, b"downwards")

    def downloaded(self):
        return self.comes(self.near, ACK, self.isn + 1, ack=CISN + 1, data=b"downwards")

    def refuse(self):
        self.server(RST | ACK, 0, CISN + 1)

    def refused(self):
        return self.comes(self.near, RST | ACK, self.isn + 1, ack=CISN + 1)

    def complain(self):
        """What the server sent has not come through, says the client's host."""
        lost = tap.frame(self.family, PORT, Pair.port, self.isn + 1, CISN + 1, ACK,
                         ends=(FAR, tap.CLIENT))
        os.write(self.near.fd, bytes(10) + unreachable(self.family, lost[14:]))

    def complained(self):
        """Whether the server hears of it, in its own numbers."""
        at, kind = (20, b"\3\1") if self.family == 4 else (40, b"\1\3")
        while select.select([self.far.fd], [], [], 0)[0]:
            icmp = os.read(self.far.fd, 2048)[24 + at:]
            quoted = struct.unpack_from("!HHI", icmp, 8 + at) if icmp[:2] == kind else ()
            if quoted[:2] == (PORT, Pair.port):
                return quoted[2] == SISN + 1
        return False

    def end(self):
        """By the client, exactly where the server expects it."""
        self.client(RST, CISN + 1)

    def carries(self):
        """Whether both ways go on, of a connection that has been accepted."""
        self.upload()
        up = self.uploaded()
        self.download()
        return up and self.downloaded()

    def complete(self):
        """Whether a new connection works, from the first segment to the last."""
        good = self.begin()
        self.ask()
        good = self.asked(PATIENCE) and good
        self.accept()
        good = self.accepted() and good and self.carries()
        self.end()
        return bool(good)


class Case:
    """An action of which every allocation fails: what prepare() left, act() meets; right() says
    whether all is as it should be at once, and late() whether it comes to be when both ends do
    what they do about a segment that was lost."""

    def __init__(self, pair):
        self.pair = pair
        self.counted = None         # since it was prepared

    def prepare(self):
        return self.pair.begin()

    def act(self):
        raise NotImplementedError

    def right(self):
        raise NotImplementedError

    def late(self):
        raise NotImplementedError

    def judge(self, failed, result):
        right = self.right()
        wrong = None if right or failed else f"nothing failed, and yet: {result!r}"
        if not right and not self.late():
            wrong = f"{result!r}, and it stays so; {self.counted}"
        self.pair.end()
        if not self.pair.complete():
            wrong = f"{wrong}; the next connection does not work"
        self.counted = Counted(self.counted.sock)
        return wrong if self.prepare() else f"{wrong}; cannot be prepared"

    counts = 0          # of its allocations are the box's; each that fails is counted, most without a word

    def run(self, fail, ok, sock, what):
        self.counted = Counted(sock)
        ready = self.prepare()
        for _ in range(3):      # what for once needs an allocation less ends it too early
            counted = Counted(sock)
            count, complaints = fail.each(self.act, self.judge, 200)
            grown = counted["no_memory"]
            if complaints or grown >= self.counts:
                break
        self.pair.end()
        ok(ready and count > 2 and not complaints,
           f"IPv{self.pair.family} {what}: {count} allocations fail, all is well in the end", complaints)
        ok(grown >= self.counts,
           f"IPv{self.pair.family} {what}: no_memory grows by {grown}, of {self.counts}")


class Opening(Case):
    """The ACK that opens the cookie becomes the SYN: the flow, the segment."""
    counts = 2
    data = b""

    def act(self):
        self.pair.ask(self.data)

    def right(self):
        return self.pair.asked()

    def late(self):
        """The client sends it again, and the box its SYN, should it be that which was lost."""
        self.act()
        asked = self.pair.asked(PATIENCE)
        self.pair.accept()
        accepted = self.pair.accepted()
        return asked and accepted and self.pair.carries()


class OpeningWithData(Opening):
    """It is held, and the SYN is a segment of its own."""
    counts = 3
    data = b"upwards"

    def right(self):
        if not self.pair.asked():
            return False
        self.pair.accept()
        return self.pair.accepted() and self.pair.uploaded()


class Answer(Case):
    """The server's SYN-ACK: the server gets its ACK and what was held, the client an update."""
    counts = 3

    def prepare(self):
        good = self.pair.begin()
        self.pair.ask(b"upwards")
        return good and self.pair.asked(PATIENCE)

    def act(self):
        self.pair.accept()

    def right(self):
        return self.pair.accepted() and self.pair.uploaded() and \
            self.pair.comes(self.pair.near, ACK, self.pair.isn + 1, ack=CISN + 1, data=b"")

    def late(self):
        self.pair.accept()
        return self.pair.accepted() and self.pair.carries()


class Refusal(Case):
    """The server's RST, which is the client's in the client's numbers. Forwarding has copied it: it can be written to."""

    def prepare(self):
        good = self.pair.begin()
        self.pair.ask()
        return good and self.pair.asked(PATIENCE)

    def act(self):
        self.pair.refuse()

    def right(self):
        return self.pair.refused()

    def late(self):
        """The server is asked again, and refuses again."""
        asked = self.pair.asked(PATIENCE)
        self.pair.refuse()
        return asked and self.pair.refused()


class Upload(Case):
    """Data of the client's, on an open connection."""
    counts = 1

    def prepare(self):
        good = self.pair.begin()
        self.pair.ask()
        good = self.pair.asked(PATIENCE) and good
        self.pair.accept()
        return self.pair.accepted() and good

    def act(self):
        self.pair.upload()

    def right(self):
        return self.pair.uploaded()

    def late(self):
        return self.pair.carries()


class Download(Upload):
    counts = 0          # as a refusal

    def act(self):
        self.pair.download()

    def right(self):
        return self.pair.downloaded()


class Complaint(Upload):
    """An ICMP error about data of the server's."""

    def act(self):
        self.pair.complain()

    def right(self):
        return self.pair.complained()

    def late(self):
        """The host says so about each segment that it cannot deliver."""
        self.act()
        return self.right() and self.pair.carries()


class Unknown(Case):
    """An ACK of nothing, with invalid reset: a RST to either end."""
    counts = 2
    nothing = 5000000

    def prepare(self):
        Pair.port += 1
        self.pair.quiet()
        return True

    def act(self):
        self.pair.client(ACK, CISN + 1, self.nothing)

    def right(self):
        told = self.pair.comes(self.pair.near, RST, self.nothing)
        return self.pair.comes(self.pair.far, RST, CISN + 1) and told

    def late(self):
        self.act()
        return self.right()


CASES = {"opening ACK": Opening, "opening ACK with data": OpeningWithData,
         "server's SYN-ACK": Answer, "server's refusal": Refusal, "data of the client's": Upload,
         "data of the server's": Download, "ICMP error": Complaint}


def introduce(pair):
    """The first SYN for a server passes, and its answer is what is known of it from then on."""
    Pair.port += 1
    pair.quiet()
    pair.client(SYN, CISN)
    asked = pair.asked()
    pair.accept()
    known = pair.comes(pair.near, SYN | ACK, SISN)
    pair.end()
    return asked and known


def forward():
    for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "cookiebox/splice_linger_seconds"):
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as handle:
            handle.write("1")


def flows(sock, name):
    """One of the flow cache's numbers."""
    totals = parse(sock.request(C["CMD_STATUS_GET"])[0][C["A_STATUS_FLOW_CACHE"]][0])
    return int.from_bytes(totals[C["A_FLOW_TOTALS_" + name]][0], sys.byteorder)


def gone(sock):
    """Whether all that was closed is forgotten, and nothing was left open."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not flows(sock, "PINNED"):
            return True
        time.sleep(0.05)
    return False


def segments(fail, ok, near):
    sock, far = Socket(), tap.Tap("cb1", HOST, FAR)
    forward()
    sock.request(C["CMD_SERVICE_ADD"], SERVICE)
    for family in (4, 6):
        pair = Pair(near, far, family)
        ok(introduce(pair), f"IPv{family}: a server makes itself known")
        ok(pair.complete(), f"IPv{family}: a connection is spliced")
        for what, case in CASES.items():
            case(pair).run(fail, ok, sock, what)
    reset = text(NAME, "spliced") + u8(C["A_SERVICE_INVALID"], C["INVALID_RESET"])
    sock.request(C["CMD_SERVICE_SET"], reset)
    for family in (4, 6):
        Unknown(Pair(near, far, family)).run(fail, ok, sock, "ACK of nothing")
    ok(gone(sock), "no flow is left")
    sock.request(C["CMD_SERVICE_DEL"], text(NAME, "spliced"))
