# SPDX-License-Identifier: GPL-2.0
"""Both ends of lib.sh's topology in one process: injects at c0, listens in the server's namespace.

    c0 (client) ──── veth ──── s0 (server): a listener, accepted from here

Everything a packet causes has happened when fence() returns: the process stays on one CPU, whose
backlog is first in, first out, and the fence is a ping behind the packets. So no answer is waited
for by the clock, and "nothing was sent" is an observation.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess

import genl
import segments
from segments import ACK, SYN, TS, Packet

FAMILY = os.environ.get("FAMILY", "4")
FOUR = FAMILY == "4"
AF = socket.AF_INET if FOUR else socket.AF_INET6
ETHERTYPE = 0x0800 if FOUR else 0x86dd
PORT = 80
LIBC = ctypes.CDLL(None, use_errno=True)


def packed(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def unpacked(address):
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


CLIENT = packed("10.0.0.1" if FOUR else "fd00::1")
SERVER = packed("10.0.0.2" if FOUR else "fd00::2")
SOURCE = packed("10.1.0.1" if FOUR else "fd01::1")      # nobody's, routed to the client
HONEST = packed("10.1.0.9" if FOUR else "fd01::9")


def enter(namespace):
    handle = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if LIBC.setns(handle, 0x40000000):
        raise OSError(ctypes.get_errno(), f"setns {namespace}")
    os.close(handle)


def mac_of(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return fcntl.ioctl(sock, 0x8927, struct.pack("16s16x", device.encode()))[18:24]


def tap(device):
    """Sees IP of the family that arrives at the device."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    sock.bind((device, ETHERTYPE))
    sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)     # SO_RCVBUFFORCE
    sock.settimeout(10)
    return sock


def sysctl(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as handle:
        handle.write(str(value))


def cookiebox(*words, stdin=None):
    return subprocess.run(["cookiebox", *words], check=True, capture_output=True, text=True,
                          input=stdin).stdout


class Counters:
    """What the service counted, without the cost of a process each time."""

    def __init__(self, service):
        self.service, self.sock = service, genl.Socket()

    def read(self):
        """{reason: how often}, without those that are 0."""
        found = genl.counters(self.sock, self.service)
        return {reason: done for reason, done in found.items() if done}

    def observed(self):
        found = genl.counters(self.sock, self.service, "OBSERVED")
        return {reason: seen for reason, seen in found.items() if seen}

    def told(self):
        """The same, by the tool."""
        told = json.loads(cookiebox("-j", "stats", self.service))["services"]
        return {name: done for name, done in told[0]["done"].items() if done}


def grown(before, after):
    return {r: n - before.get(r, 0) for r, n in after.items() if n != before.get(r, 0)}


class Wire:
    """The tap at c0, and the listener behind s0. The process is in the server's namespace."""

    def __init__(self):
        os.sched_setaffinity(0, {0})
        enter("client")
        self.raw = tap("c0")
        self.mac = mac_of("c0")
        enter("server")
        self.loopback = tap("lo")
        self.loopback.setblocking(False)
        self.frame = mac_of("s0") + self.mac + struct.pack(">H", ETHERTYPE)
        self.everybody = b"\xff" * 6 + self.frame[6:]
        self.number = 0
        self.listener = socket.socket(AF)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((unpacked(SERVER), PORT))
        self.listener.listen(4096)
        self.listener.setblocking(False)

    @staticmethod
    def connect():
        """A connection of the client's own kernel."""
        enter("client")
        sock = socket.create_connection((unpacked(SERVER), PORT), timeout=10)
        enter("server")
        return sock

    def send(self, *packets):
        for packet in packets:
            ethernet = self.everybody if packet.broadcast else self.frame
            for data in packet.packets():
                self.raw.send(ethernet + data)

    def fence(self):
        """What was sent in answer since the last fence; not to the client's own address."""
        self.number = (self.number + 1) & 0xffff
        self.raw.send(self.frame + segments.echo_request(CLIENT, SERVER, self.number))
        answers = []
        while True:
            answer = segments.read_packet(self.raw.recv(4096)[14:])
            if answer == self.number:
                return answers
            if isinstance(answer, segments.Answer) and answer.dst != CLIENT:
                answers.append(answer)

    def exchange(self, *packets):
        self.send(*packets)
        return self.fence()

    def went_to_loopback(self):
        """Segments of the listener that went over the server's own lo."""
        found = []
        while True:
            try:
                answer = segments.read_packet(self.loopback.recv(4096)[14:])
            except BlockingIOError:
                return found
            if isinstance(answer, segments.Answer) and answer.sport == PORT:
                found.append(answer)

    def accept(self):
        """{(address, port): socket} of the connections that are waiting."""
        found = {}
        while True:
            try:
                sock, peer = self.listener.accept()
            except BlockingIOError:
                return found
            sock.setblocking(False)
            found[packed(peer[0]), peer[1]] = sock

    @staticmethod
    def abort(sock):
        """Gone at once, with RST, and nothing stays behind."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


WITH_TS = segments.mss(1460) + segments.SACK_OK + segments.timestamps(1000) + b"\1" + \
    segments.wscale(7)
WITHOUT_TS = segments.mss(1460) + b"\1" + segments.wscale(8) + b"\1\1" + segments.SACK_OK


class Handshake:
    """An honest client: its SYN, the answer, and the ACK that completes it."""

    def __init__(self, wire, src, sport, options=WITH_TS, seq=0x1000):
        self.wire, self.answer = wire, None
        self.syn = Packet(src, SERVER, sport, PORT, SYN, seq=seq, options=options)

    def start(self):
        found = self.wire.exchange(self.syn)
        good = [a for a in found if a.flags & (SYN | ACK) == SYN | ACK and
                a.dport == self.syn.sport and a.ack == self.syn.seq + 1 & segments.MASK]
        if len(good) != 1:
            raise RuntimeError(f"an honest SYN was answered with {[str(a) for a in found]}")
        self.answer = good[0]
        return self

    def ack(self, **changes):
        """The ACK, with fields of it changed."""
        options = b""
        if self.answer.option(TS):
            options = b"\1\1" + segments.timestamps(1001, self.answer.tsval)
        fields = {"flags": ACK, "seq": self.syn.seq + 1, "ack": self.answer.seq + 1,
                  "options": options}
        fields.update(changes)
        return Packet(**{"src": self.syn.src, "dst": SERVER, "sport": self.syn.sport,
                         "dport": PORT, **fields})
