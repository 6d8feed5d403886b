# SPDX-License-Identifier: GPL-2.0
"""Scripted TCP clients: raw segments through a packet socket in another namespace.

A client sends nothing by itself, and says at once when what it waits for does not come.
"""

import collections
import ctypes
import os
import select
import socket
import struct
import time

import tcpwire
from tcpwire import MASK, before, option

SO_RCVBUFFORCE, SO_ATTACH_FILTER, SO_TIMESTAMPNS = 33, 26, 35
PORTS = 1000            # of a thread's clients
PATIENCE = 10           # seconds; an emulated machine may be slow


class Failed(Exception):
    """The case did not go as it must."""


def random32():
    return int.from_bytes(os.urandom(4), "big")


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0):
        raise OSError(ctypes.get_errno(), "setns")


class Wire:
    """A packet socket of one thread, that sees what goes to the client ports of that thread."""

    def __init__(self, namespace, device, peer, family, first_port):
        self.namespace = namespace
        self.socket = self.foreign_socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.filter(54 + 2 if family == "6" else 34 + 2, first_port)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.socket.bind((device, tcpwire.ETHER_IPV6 if family == "6" else tcpwire.ETHER_IPV4))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self.ethernet = bytes.fromhex(peer.replace(":", "")) + self.socket.getsockname()[4]
        self.clients = {}
        self.next_port = first_port
        self.when = 0

    def foreign_socket(self, family, kind):
        """A socket in the other namespace."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
        enter(there)
        made = socket.socket(family, kind, 0)
        enter(here)
        os.close(here)
        os.close(there)
        return made

    def filter(self, offset, port):
        """Classic BPF: ldh [offset]; jge port; jge port + PORTS; take all; or nothing."""
        self.attach([(0x28, 0, 0, offset), (0x35, 0, 2, port), (0x35, 1, 0, port + PORTS),
                     (6, 0, 0, 0x40000), (6, 0, 0, 0)])

    def attach(self, code):
        raw = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
        program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(raw))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def pump(self, patience):
        """Hands one frame to whom it is for; false if there is none in time (seconds)."""
        try:
            frame = self.receive()
        except BlockingIOError:
            if not self.poll.poll(max(patience, 0) * 1000):
                return False
            frame = self.receive()
        self.deliver(frame)
        return True

    def receive(self):
        """A frame. `when` is when it came, by the kernel, however late it is taken (s)."""
        frame, ancillary, _, _ = self.socket.recvmsg(1 << 16, 64)
        self.when = next((s + ns / 1e9 for _, kind, data in ancillary if kind == SO_TIMESTAMPNS
                          for s, ns in [struct.unpack("=qq", data)]), time.time())
        return frame

    def deliver(self, frame):
        segment = tcpwire.parse(frame)
        client = segment and self.clients.get(segment.dport)
        if client:
            segment.when = self.when
            client.inbox.append(segment)


class Client:
    """One incarnation of a TCP client. It sends nothing by itself."""

    def __init__(self, wire, source, dest, ports, timestamps, isn=None, clock=None):
        self.wire, self.source, self.dest, self.ports = wire, source, dest, ports
        self.timestamps = timestamps
        self.isn = random32() if isn is None else isn & MASK
        self.clock = random32() if clock is None else clock
        self.next, self.acked = self.isn, None          # to send next; all before is acknowledged
        self.irs = self.expected = self.echo = None     # of the server
        self.mss = 1440 if len(source) == 16 else 1460
        self.window = 65535
        self.inbox = collections.deque()
        self.seen, self.data, self.early, self.fin, self.resets = [], b"", {}, None, 0
        wire.clients[ports[0]] = self

    def again(self, isn=None, **change):
        """The same tuple, another incarnation; its clock goes on unless `clock` is given."""
        isn = self.next + 100000 if isn is None else isn
        change.setdefault("clock", self.clock)
        change.setdefault("timestamps", self.timestamps)
        return Client(self.wire, self.source, self.dest, self.ports, isn=isn, **change)

    def tsval(self):
        return (time.monotonic_ns() // 1000000 + self.clock) & MASK

    def options(self, flags):
        stamp = struct.pack(">II", self.tsval(), self.echo or 0)
        if "S" in flags:
            mss = option(tcpwire.MSS, struct.pack(">H", self.mss))
            if self.timestamps:
                return (mss + option(tcpwire.SACK_OK, b"") + option(tcpwire.TIMESTAMP, stamp) +
                        b"\1" + option(tcpwire.WSCALE, b"\7"))
            return mss + b"\1" + option(tcpwire.WSCALE, b"\x08") + b"\1\1" + \
                option(tcpwire.SACK_OK, b"")
        if self.echo is None or ("R" in flags and "A" not in flags):
            return b""
        return b"\1\1" + option(tcpwire.TIMESTAMP, stamp)

    def make(self, flags, data=b"", seq=None, ack=None, window=None, tos=0):
        """A frame; without `seq` it is the next one and later ones follow it."""
        at = self.next if seq is None else seq & MASK
        if seq is None:
            self.next = (at + len(data) + ("S" in flags) + ("F" in flags)) & MASK
        if ack is None:
            ack = self.expected if "A" in flags and self.expected is not None else 0
        return tcpwire.build(self.wire.ethernet, self.source, self.dest, self.ports, at, ack, flags,
                             self.window if window is None else window, self.options(flags), data,
                             tos)

    def send(self, flags, data=b"", **how):
        self.put(self.make(flags, data, **how))

    def lose(self, flags, data=b"", **how):
        """As sent, but lost on the way."""
        self.make(flags, data, **how)

    def put(self, *frames):
        for frame in frames:
            self.wire.socket.send(frame)

    # --- What comes back ---------------------------------------------------------------------

    def take(self, segment):
        self.seen.append(segment)
        if not segment.intact:
            raise Failed(f"bad checksum: {segment}")
        if segment.has("R"):
            self.resets += 1
            return
        if segment.has("SA") and self.irs is None and segment.ack == (self.isn + 1) & MASK:
            self.irs, self.expected = segment.seq, (segment.seq + 1) & MASK
        if self.irs is None or segment.has("S") and segment.seq != self.irs:
            return
        if self.acked is None or before(self.acked, segment.ack):
            self.acked = segment.ack
        if segment.timestamp and not before(self.expected, segment.seq):
            self.echo = segment.timestamp[0]
        if segment.data:
            self.early[segment.seq] = segment.data
        if segment.has("F"):
            self.fin = (segment.seq + len(segment.data)) & MASK
        self.reassemble()

    def reassemble(self):
        for seq in sorted(self.early, key=lambda s: (s - self.irs) & MASK):
            old = (self.expected - seq) & MASK
            if before(self.expected, seq):
                break
            fresh = self.early.pop(seq)[old:]
            self.data += fresh
            self.expected = (self.expected + len(fresh)) & MASK
        if self.fin == self.expected:
            self.expected = (self.fin + 1) & MASK

    def drain(self):
        """Takes what has come by now; a busy guest's softirqs may take a while."""
        while self.inbox or self.wire.pump(0.05):
            while self.inbox:
                self.take(self.inbox.popleft())

    def wait(self, what, wanted, patience=PATIENCE):
        """Takes segments until wanted(segment) is true; that one is returned."""
        end = time.monotonic() + patience
        before_this = len(self.seen)
        while True:
            while self.inbox:
                segment = self.inbox.popleft()
                self.take(segment)
                if wanted(segment):
                    return segment
            if not self.wire.pump(end - time.monotonic()):
                came = ", ".join(map(str, self.seen[before_this:])) or "nothing"
                raise Failed(f"no {what}; isn {self.isn} irs {self.irs}, came: {came}")

    def wait_until(self, what, done, patience=PATIENCE):
        if not done():
            self.wait(what, lambda _: done(), patience)

    def wait_synack(self, patience=PATIENCE):
        isn = (self.isn + 1) & MASK
        return self.wait("SYN-ACK", lambda s: s.has("SA") and s.ack == isn, patience)

    def wait_acked(self):
        """All that was sent is acknowledged."""
        self.wait_until("ACK of all", lambda: self.acked == self.next)

    def wait_answer(self):
        """A bare ACK that repeats how far the server is: challenge, duplicate, probe's answer."""
        return self.wait("bare ACK", lambda s: s.bare and s.has("A"))

    def wait_data(self, count):
        self.wait_until(f"{count} bytes", lambda: len(self.data) >= count)

    def wait_fin(self):
        self.wait_until("FIN", lambda: self.fin is not None and
                        self.expected == (self.fin + 1) & MASK)

    def wait_reset(self):
        return self.wait("RST", lambda s: s.has("R"))

    # --- What honest clients do ----------------------------------------------------------------

    def syn(self, flags="S", **how):
        self.send(flags, seq=self.isn, **how)
        self.next = (self.isn + 1) & MASK

    def open(self):
        self.syn()
        synack = self.wait_synack()
        self.send("A")
        return synack

    def write(self, data):
        self.send("PA", data)
        self.wait_acked()

    def offset(self, seq):
        """Of a sequence number of the server's: 1 is its first byte."""
        return (seq - self.irs) & MASK
