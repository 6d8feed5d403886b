#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Segments that wait in a queue or are refused between the hooks; queue.sh starts it."""

import contextlib
import os
import select
import socket
import struct
import sys
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

from genl import attr, parse  # noqa: E402
from listen import (LIMIT, SERVER, V6, accept, case, connect, counted, ended,  # noqa: E402
                    enter, how, late, listen, nobody, pump, receive, run, serve, sh, tcp, where)

NETFILTER, PACKET, VERDICT, CONFIG = 12, 0x300, 0x301, 0x302
NLMSG_ERROR = 2
ACCEPT, DROP = 1, 0
SYN = 2
# Ports of the rules that queue.sh makes.
IN_INPUT, IN_RAW, IN_MANGLE, DROPPED, REJECTED, TRACKED = 6000, 6100, 6200, 6300, 6400, 6500
queue_ports = iter(range(IN_INPUT + 1, IN_RAW))


class Queue:
    """A raw consumer of a netfilter queue, for what is sent to a port.

    Without start(), all but SYNs is held from hold() until release().
    """

    def __init__(self, port, number=1):
        self.port, self.number = port, number
        self.held, self.thread, self.stopping = [], None, False
        enter("server")
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
        self.sock.settimeout(LIMIT)
        self.send(CONFIG, attr(1, struct.pack(">BBH", 1, 0, 0)), 5)             # bind
        self.sock.recv(8192)
        self.send(CONFIG, attr(2, struct.pack(">IB", 65535, 2)), 5)             # whole packets
        self.sock.recv(8192)

    def send(self, kind, payload, flags=1):
        self.sock.send(struct.pack("=IHHII", 20 + len(payload), kind, flags, 0, 0) +
                       struct.pack(">BBH", 0, 0, self.number) + payload)

    def packet(self, limit):
        """(id, TCP flags), or None. Flags are those of a SYN for what is of an earlier case."""
        if not select.select([self.sock], [], [], limit)[0]:
            return None
        data = self.sock.recv(131072)
        if struct.unpack_from("=H", data, 4)[0] == NLMSG_ERROR:     # a verdict on what is gone
            return self.packet(limit)
        found = parse(data[20:])
        number = struct.unpack(">I", found[1][0][:4])[0]
        packet = found[10][0]
        start = 40 if V6 else (packet[0] & 15) * 4
        old = int.from_bytes(packet[start + 2:start + 4], "big") != self.port
        return number, SYN if old else packet[start + 13]

    def verdict(self, number, what=ACCEPT):
        self.send(VERDICT, attr(2, struct.pack(">II", what, number)))

    def hold(self, number, limit=LIMIT):
        """Lets SYNs pass and waits until so many other segments are here."""
        while len(self.held) < number:
            got = self.packet(limit)
            assert got, f"{len(self.held)} of {number} segments came"
            if got[1] & SYN:
                self.verdict(got[0])
            else:
                self.held.append(got)

    def release(self, order=None, what=ACCEPT):
        for index in order or range(len(self.held)):
            self.verdict(self.held[index][0], what)
        self.held = []

    def drain(self):
        """Drops what is there."""
        while got := self.packet(0.1):
            self.verdict(got[0], DROP)

    def start(self):
        """Everything passes at once, from now on."""
        def serve_queue():
            while not self.stopping:
                got = self.packet(0.1)
                if got:
                    self.verdict(got[0])
        self.thread = threading.Thread(target=serve_queue)
        self.thread.start()

    def close(self):
        if self.thread:
            self.stopping = True
            self.thread.join()
        self.sock.close()


def queued(port):
    return contextlib.closing(Queue(port))


def through(port):
    with queued(port) as queue, listen(port) as listener:
        queue.start()
        return serve(listener, connect(port), 5000)


case("queue in INPUT: all of it passes", port=IN_INPUT)(through)
case("queue in PREROUTING, before cookiebox: all of it passes", port=IN_RAW)(through)
case("queue in PREROUTING, behind cookiebox: all of it passes", port=IN_MANGLE)(through)


def starting(port):
    """A connect whose SYN the queue lets through and whose ACK it holds."""
    client = tcp("client")
    client.setblocking(False)
    client.connect_ex(where(SERVER, port))
    return client


def closed_while_queued(port, reopen):
    with queued(port) as queue:
        listener = listen(port)
        client = starting(port)
        queue.hold(1)
        listener.close()
        listener = listen(port) if reopen else None
        queue.release()
        client.settimeout(1)
        outcome = {"end": ended(client)}
        if reopen:
            outcome["accepted"] = not nobody(listener)
            listener.close()
        client.close()
        return outcome


@case("listener closes while the ACK is queued: the client is reset", port=next(queue_ports),
      counts={"syn_answered": 1, "no_listener": (1, 9)}, stock={"end": "reset"})
def closes_queued(port):
    return closed_while_queued(port, False)


@case("and another opens: it has the client", port=next(queue_ports), stock={"end": "reset", "accepted": False},
      differs={"end": "a cookie is no listener's", "accepted": "same"})
def reopens_queued(port):
    return closed_while_queued(port, True)


EARLY = {"early": "answered before INPUT rules"}

# What overtakes the ACK is refused; the client repeats it.
IMPATIENT = {"syn_answered": 1, "cookie_accepted": 1, "bad_cookie": (0, 9)}


def flight(port, order):
    """ACK and two pieces of data, let through in that order."""
    with queued(port) as queue, listen(port) as listener, starting(port) as client:
        queue.hold(1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(LIMIT)
        client.send(b"one")
        client.send(b"two")
        queue.hold(3)
        queue.release(order)
        queue.start()
        with accept(listener) as child:
            return {"data": receive(child, 6), "more": pump(client, child, 3000)}


@case("ACK and data queued, in order", port=next(queue_ports))
def in_order(port):
    return flight(port, (0, 1, 2))


@case("ACK and data queued, data first", port=next(queue_ports), counts=IMPATIENT)
def data_first(port):
    return flight(port, (1, 0, 2))


@case("ACK and data queued, backwards", port=next(queue_ports), counts=IMPATIENT)
def backwards(port):
    return flight(port, (2, 1, 0))


@case("ACK dropped by the queue, data passes", port=next(queue_ports))
def ack_dropped(port):
    with queued(port) as queue, listen(port) as listener, starting(port) as client:
        queue.hold(1)
        queue.release(what=DROP)
        client.settimeout(LIMIT)
        client.send(b"one")
        queue.start()
        with accept(listener) as child:
            return {"data": child.recv(3), "more": pump(client, child, 3000)}


# Hooks of connection tracking come and go with these rules. The stock kernel warns (nf_reinject) if
# a queue that is closing flushes what it got before hooks went, and VMs panic on warnings: so only
# where the queue has one consumer at a time, on one processor.
ON_UML = os.environ.get("PLATFORM", "").startswith("uml")


def case_on_uml(*arguments, **settings):
    return case(*arguments, **settings) if ON_UML else lambda function: function


@contextlib.contextmanager
def tracking(port):
    """Connection tracking that picks nothing up, and rules that queue what is NEW.

    Nothing may be in the queue when it closes: 6.1 warns if it flushes what hooks queued that
    are gone, and those of connection tracking go with these rules.
    """
    rule = f"add rule inet tracked input tcp dport {port} ct state"
    sh("server", "nft add table inet tracked",
       "nft add chain inet tracked input '{ type filter hook input priority 0; }'",
       f"nft {rule} new queue num 1", f"nft {rule} invalid drop",
       "sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0")
    try:
        yield
    finally:
        sh("server", "nft delete table inet tracked")


@case_on_uml("connection tracking: the SYN that is shown to the rules waits, and the ACK with it",
      port=TRACKED)
def tracked(port):
    """What the client sends meanwhile finds no connection; without a cookie its SYN waits."""
    with queued(port) as queue, tracking(port), listen(port) as listener, \
            starting(port) as client:
        queue.start()
        with accept(listener) as child:
            child.send(b"banner")
            client.settimeout(LIMIT)
            return {"banner": receive(client, 6), "more": pump(client, child, 3000)}


@case_on_uml("connection tracking: the queue drops the shown SYN, and the ACK with it", port=TRACKED + 1,
      differs=EARLY, stock={"early": False}, counts={"syn_answered": (1, 4)})
def tracked_dropped(port):
    with queued(port) as queue, tracking(port), listen(port) as listener, \
            starting(port) as client:
        got = queue.packet(LIMIT)
        assert got and got[1] & SYN, "no SYN in the queue"
        queue.verdict(got[0], DROP)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        outcome = {"early": bool(select.select([], [client], [], 0.3)[1]),
                   "accepted": not nobody(listener)}
        client.close()
        queue.drain()
        return outcome


# --- INPUT rules --------------------------------------------------------------------------------

@case("INPUT drops: nobody is accepted, until it lets pass", port=DROPPED, differs=EARLY,
      stock={"early": False}, counts={"syn_answered": (1, 4), "cookie_accepted": 1},
      late={"synack_retransmitted": (0, 1), "bad_cookie": (0, 1)})
def dropped(port):
    began = time.monotonic()
    sh("server", f"nft add rule inet rules input tcp dport {port} drop")
    with listen(port) as listener:
        client = starting(port)
        early = bool(select.select([], [client], [], 0.3)[1])
        if early:
            client.send(b"hello")
        outcome = {"early": early, "accepted": not nobody(listener),
                   "counted": counted(port).get("cookie_accepted", 0)}
        sh("server", "nft flush chain inet rules input")
        client.settimeout(LIMIT)
        with accept(listener) as child:
            if time.monotonic() - began > 0.9:
                # After a second the SYN-ACK is sent again; the client's answer to it, behind its
                # data, opens nothing.
                late(port)
            if not early:
                client.send(b"hello")
            outcome["data"] = child.recv(5)
        client.close()
        return outcome


@case("INPUT rejects with a reset", port=REJECTED, differs={"result": "answered before INPUT rules"},
      stock={"result": "ConnectionRefusedError"}, counts={"syn_answered": 1})
def rejected(port):
    with listen(port) as listener:
        result, client = how(connect, port)
        outcome = {"result": result, "accepted": not nobody(listener), "end": "reset"}
        if client:
            outcome["end"] = ended(client)
        return outcome


run()
