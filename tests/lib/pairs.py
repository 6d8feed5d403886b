#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Listens on both sides of a gateway and compares: pairs.py FAMILY spliced|plain, in any namespace.

Says `ready`, then waits for the end of its input. Every segment that reached one end must be one that
the other end sent, in the numbers of the end that sees it: the server's sequence numbers, the ACKs and
SACK blocks of the client and the timestamps of both differ by what the handshakes say, and by nothing
else. What has no such segment the gateway has made; of that there may be little.
Prints KTAP results without a plan; offloads must be off, so that a segment is a segment.
"""

import collections
import os
import socket
import struct
import sys

sys.path[0] = os.path.dirname(os.path.abspath(__file__))

import tcpwire  # noqa: E402
from report import Report  # noqa: E402
from tcpclient import SO_RCVBUFFORCE, enter  # noqa: E402
from tcpwire import MASK  # noqa: E402

PORT = 80
MADE_MAX = 4        # of a connection: SYN again, ACK of the SYN-ACK, wider window, a probe


def listen(namespace, device, family):
    """A packet socket there that sees both directions."""
    here, there = (os.open(p, os.O_RDONLY) for p in (
        "/proc/self/ns/net", f"/run/netns/{namespace}"))
    enter(there)
    kind = tcpwire.ETHER_IPV6 if family == "6" else tcpwire.ETHER_IPV4
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
    # Outgoing packets are shown only to sockets for all protocols.
    sock.bind((device, 3))
    sock.setblocking(False)
    enter(here)
    return sock, kind


def heard(sock, kind):
    """The segments, in order, by the client's port."""
    found = collections.defaultdict(list)
    while True:
        try:
            frame = sock.recv(1 << 16)
        except BlockingIOError:
            return found
        if struct.unpack(">H", frame[12:14])[0] != kind:
            continue
        segment = tcpwire.parse(frame)
        if segment and PORT in (segment.sport, segment.dport):
            found[segment.dport if segment.sport == PORT else segment.sport].append(segment)


def first(segments, flags):
    return next((s for s in segments if s.flags == flags), None)


class Connection:
    """One, as the two ends saw it."""

    def __init__(self, near, far):
        self.near, self.far = near, far     # at the client, at the server
        self.wrong, self.made = [], 0
        ours, theirs = (first(side, "SA") or first(side, "SAE") for side in (near, far))
        self.complete = bool(ours and theirs)
        if self.complete:
            self.seq = ours.seq - theirs.seq & MASK
            self.scales = ours.wscale or 0, theirs.wscale or 0
            self.ts = self.shift_of_timestamps()
            self.first = theirs.timestamp[0] if theirs.timestamp else 0

    def shift_of_timestamps(self):
        """What most of the server's segments are shifted by; 0 where there are no timestamps."""
        sent = {(s.seq + self.seq & MASK, len(s.data), s.ack, s.timestamp[1]): s.timestamp[0]
                for s in self.far if s.sport == PORT and s.timestamp and not s.has("S")}
        found = collections.Counter()
        for s in self.near:
            if s.sport == PORT and s.timestamp and not s.has("S"):
                was = sent.get((s.seq, len(s.data), s.ack, s.timestamp[1]))
                if was is not None:
                    found[s.timestamp[0] - was & MASK] += 1
        return found.most_common(1)[0][0] if found else 0

    def key(self, segment, near):
        """What it says, in the server's numbers."""
        seq = self.seq if near else 0
        ts = self.ts if near else 0
        down = segment.sport == PORT
        stamp = segment.timestamp
        if stamp and down:
            stamp = (stamp[0] - ts & MASK, stamp[1])
        elif stamp:
            stamp = (stamp[0], self.echo(stamp[1] - ts & MASK) if near else stamp[1])
        sack = tuple((a if down else a - seq & MASK, b if down else b - seq & MASK)
                     for a, b in segment.sack)
        return (segment.seq - seq & MASK if down else segment.seq,
                segment.ack if down else segment.ack - seq & MASK, segment.flags,
                segment.data, stamp, sack)

    def echo(self, value):
        """Of the cookie's own timestamp, by a client that spoke before the server had answered: the
        server's first one, as it has sent none before."""
        return self.first if tcpwire.before(value, self.first) else value

    def compare(self, down):
        """All that one direction's receiver saw, against what its sender sent."""
        def mine(segments):
            return [s for s in segments if (s.sport == PORT) is down and not s.has("S")]
        sender, receiver = (self.far, self.near) if down else (self.near, self.far)
        sent = collections.Counter(self.key(s, near=not down) for s in mine(sender))
        for segment in mine(receiver):
            key = self.key(segment, near=down)
            if sent[key] > 0:
                sent[key] -= 1
            elif not segment.data and not segment.has("F"):
                self.made += 1
            else:
                self.wrong.append(f"{'server' if down else 'client'} has not sent: {segment}")
            if not segment.intact:
                self.wrong.append(f"checksum: {segment}")


def main():
    family, way = sys.argv[1:3]
    sockets = [listen("client", "c0", family), listen("server", "s0", family)]
    print("ready", flush=True)
    sys.stdin.read()
    near, far = (heard(*each) for each in sockets)
    report = Report()
    connections = {port: Connection(near[port], far[port]) for port in near}
    whole = [c for c in connections.values() if c.complete]
    segments = sum(len(c.near) for c in whole)
    report(len(whole) == len(connections) and segments > 100,
           f"{way}: every connection was seen on both sides",
           f"{len(whole)} of {len(connections)} connections, {segments} segments")
    for connection in whole:
        connection.compare(down=True)
        connection.compare(down=False)
    wrong = [line for c in whole for line in c.wrong]
    report(not wrong, f"{way}: each end sees what the other has sent", wrong)
    made = sum(c.made for c in whole)
    most = MADE_MAX * len(whole) if way == "spliced" else 0
    report(made <= most, f"{way}: the gateway makes few segments of its own", f"{made} made")
    report(any(c.seq for c in whole) == (way == "spliced"), f"{way}: so the numbers say")
    sacks = sum(bool(s.sack) for c in whole for s in c.far)
    report(sacks > 0, f"{way}: with SACK blocks among them", f"{segments} segments")
    report.note(f"{way}: {segments} segments, {made} made, {sacks} with SACK blocks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
