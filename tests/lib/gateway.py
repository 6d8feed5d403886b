# SPDX-License-Identifier: GPL-2.0
"""Scripted connections through a gateway: client and server are both made up, segment by segment.

    client (10.1.0.0/16, at c0) ──── b0  box  b1 ──── (at s0, 10.4.0.1) server

A case is a function of one argument, a Side with `client` and `server`. Each case runs twice: to a port
that the box forwards plainly, and to one of a service in splice mode; what the two ends saw must be
the same. Both ends check whatever reaches them: checksums, that an echoed timestamp is one that was
sent and that timestamps never go back. tcpscript.py says what a case says.
"""

import queue
import struct
import sys
import threading
import time

import tcpwire
from tcpclient import PATIENCE, PORTS, Client, Failed, Wire
from tcpscript import Side, judge
from tcpwire import MASK, before, option

ICMP4, ICMP6 = 1, 58
PLAIN, SPLICED = 2000, 2500         # ports from there on; splice-*.sh have the services
MADE_UP = {4: ("10.1.%d.%d", "10.4.0.1"), 6: ("fd01::%x:%x", "fd04::1")}


class Errors(Wire):
    """A wire that sees ICMP, too, and keeps the frames."""

    def filter(self, offset, port):
        """Classic BPF: ldb [protocol]; jeq ICMP; and then as for TCP alone."""
        kind = (23, ICMP4) if offset == 36 else (20, ICMP6)
        self.attach([(0x30, 0, 0, kind[0]), (0x15, 3, 0, kind[1]), (0x28, 0, 0, offset),
                     (0x35, 0, 2, port), (0x35, 1, 0, port + PORTS), (6, 0, 0, 0x40000),
                     (6, 0, 0, 0)])

    def deliver(self, frame):
        four = frame[12:14] == b"\x08\0"
        if frame[23 if four else 20] != (ICMP4 if four else ICMP6):
            super().deliver(frame)
            segment = tcpwire.parse(frame)
            if segment and segment.dport in self.clients:
                self.clients[segment.dport].heard = frame
            return
        icmp = frame[34 if four else 54:]
        if icmp[0] not in ((3,) if four else (1, 2)):
            return
        quoted = Quoted(icmp, four)
        if quoted.sport in self.clients:
            self.clients[quoted.sport].errors.append(quoted)


class Quoted:
    """An ICMP error, and what it quotes."""

    def __init__(self, icmp, four):
        self.kind = icmp[:2]
        inner = icmp[8:]
        self.between = (inner[12:16], inner[16:20]) if four else (inner[8:24], inner[24:40])
        tcp = inner[(inner[0] & 15) * 4:] if four else inner[40:]
        self.sport, self.dport, self.seq = struct.unpack(">HHI", tcp[:8])
        self.ack = struct.unpack(">I", tcp[8:12])[0] if len(tcp) >= 12 else None


class End(Client):
    """Either end, and what both watch over."""
    hertz = 1000            # of its timestamps
    blocks = ()             # SACK blocks that its ACKs carry
    peer_scale = 0          # of the windows that it hears

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.stamps = set()
        self.newest = None      # timestamp, and its segment's number
        self.errors, self.heard = [], None      # of a wire that sees them; the last frame

    def tsval(self):
        value = (time.monotonic_ns() * self.hertz // 1000000000 + self.clock) & MASK
        self.stamps.add(value)
        return value

    def options(self, flags):
        if not self.timestamps and "S" not in flags:
            self.echo = None        # the other may say what it likes
        found = super().options(flags)
        if self.blocks and "S" not in flags:
            found += b"\1\1" + option(tcpwire.SACK, b"".join(
                struct.pack(">II", *block) for block in self.blocks))
        return found

    @property
    def scale(self):
        """Of the windows that it announces; options() says so."""
        return 7 if self.timestamps else 8

    def watch(self, segment):
        if not segment.intact:
            raise Failed(f"bad checksum: {segment}")
        if segment.has("S"):
            self.peer_scale = segment.wscale or 0
        if not segment.timestamp or not self.timestamps or segment.has("R"):
            return
        value, echo = segment.timestamp
        if segment.has("A") and echo not in self.stamps:
            raise Failed(f"an echo of {echo}, which was never sent: {segment}, from port "
                         f"{segment.sport}; mine {self.ports}, sent {sorted(self.stamps)}")
        if self.newest and before(value, self.newest[0]) and not before(segment.seq, self.newest[1]):
            raise Failed(f"the timestamp goes back from {self.newest[0]} to {value}: {segment}")
        if not self.newest or not before(value, self.newest[0]):
            self.newest = value, segment.seq

    def wait_error(self, patience=PATIENCE):
        end = time.monotonic() + patience
        while not self.errors:
            if not self.wire.pump(end - time.monotonic()):
                raise Failed("no ICMP error")
        return self.errors.pop(0)

    def take(self, segment):
        self.watch(segment)
        super().take(segment)


class Server(End):
    """It answers nothing by itself, as the client sends nothing by itself."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.syns = []          # when, and what

    def watch(self, segment):
        """Whatever comes has the client's flow label (RFC 6437 3), whoever made it."""
        super().watch(segment)
        if not segment.labelled:
            raise Failed(f"flow label {segment.label:#x} is not the client's: {segment}")

    def take(self, segment):
        if not segment.has("S") or segment.has("A"):
            super().take(segment)
            return
        self.watch(segment)
        self.seen.append(segment)
        self.syns.append((segment.when, segment))
        self.irs, self.expected = segment.seq, (segment.seq + 1) & MASK
        self.echo = segment.timestamp[0] if segment.timestamp else None

    def options(self, flags):
        if "S" in flags and self.syns and not self.syns[-1][1].timestamp:
            self.timestamps = False
        return super().options(flags)

    def asked(self, patience=0.5):
        try:
            return self.wait_syn(patience)
        except Failed:
            return None

    def wait_syn(self, patience=PATIENCE):
        return self.wait("SYN", lambda s: s.has("S") and not s.has("A"), patience)

    def answer(self, **how):
        """SYN-ACK."""
        self.send("SA", seq=self.isn, **how)
        self.next = (self.isn + 1) & MASK

    def refuse(self):
        self.send("RA", seq=0)

    def wait_open(self):
        self.wait_until("ACK of the SYN-ACK", lambda: self.acked is not None and
                        not before(self.acked, (self.isn + 1) & MASK))


class Through(Side):
    """One run of a case: plainly forwarded, or spliced (engaged)."""
    server = None

    def begin(self, wires):
        wire, inner = wires
        sources, address = MADE_UP[self.spec.family]
        port = (SPLICED if self.engaged else PLAIN) + self.number
        source = tcpwire.address(sources % (self.engaged + 1, self.number % 250 + 1))
        address = tcpwire.address(address)
        self.client = End(wire, source, address, (wire.next_port, port), self.timestamps)
        self.server = Server(inner, address, source, (port, wire.next_port), self.timestamps)
        wire.next_port += 1

    def another(self, port=None):
        """The ends of another connection, from another port of the client or the same."""
        client, server = self.client, self.server
        ports = (port or client.ports[0] + PORTS // 2, client.ports[1])
        return (End(client.wire, client.source, client.dest, ports, self.timestamps),
                Server(server.wire, server.source, server.dest, ports[::-1], self.timestamps))

    def teach(self):
        """The box lets a SYN to a server that it does not know pass untouched, and learns from the
        answer. After this it knows, or has no leave to ask."""
        mine = self.client, self.server
        first = self.client.ports[0] + PORTS // 2
        for port in range(first, first + 500, 100):     # of this thread's, all of them
            self.client, self.server = client, server = self.another(port)
            client.syn()
            if not server.asked():
                break
            server.answer()
            client.wait_synack()
            client.send("R")
            server.wait_reset()
        self.client, self.server = mine
        self.server.wire.clients[self.server.ports[0]] = self.server

    # --- What honest ends do ------------------------------------------------------------------

    def ask(self):
        """Until the server has been asked, and the client sent its ACK if the box wanted it."""
        client, server = self.client, self.server
        client.syn()
        if self.engaged:
            client.wait_synack()
            client.send("A")
        self.saw_syn(server.wait_syn())

    def saw_syn(self, syn):
        """The client's own number and options; a cookie keeps a bit less of a client without
        timestamps (wire-format.rst)."""
        client = self.client
        self.must("the SYN's number", client.isn == syn.seq)
        self.must("SACK", syn.sack_ok)
        self.must("timestamps", bool(syn.timestamp) == bool(self.timestamps))
        self.must(f"MSS {syn.mss}", client.mss - 40 <= (syn.mss or 0) <= client.mss)
        self.must(f"window scale {syn.wscale}", syn.wscale in (
            (7,) if self.timestamps else (7, 8)))

    def settle(self):
        """Until both are connected."""
        self.server.answer()
        if not self.engaged:
            self.client.wait_synack()
            self.client.send("A")
        self.server.wait_open()
        self.client.drain()

    def open(self, *_):
        self.ask()
        self.settle()

    def up(self, data):
        """From client to server, acknowledged."""
        self.client.send("PA", data)
        had = len(self.server.data)
        self.server.wait_data(had + len(data))
        self.must("the server read something else", self.server.data[had:] == data)
        self.server.send("A")
        self.client.wait_acked()

    def down(self, data):
        self.server.send("PA", data)
        had = len(self.client.data)
        self.client.wait_data(had + len(data))
        self.must("the client read something else", self.client.data[had:] == data)
        self.client.send("A")
        self.server.wait_acked()

    def exchange(self, ask=b"question", reply=b"answer"):
        self.up(ask)
        self.down(reply)

    def close(self):
        """FIN both ways, the client's first."""
        self.client.send("FA")
        self.server.wait_fin()
        self.server.send("FA")
        self.client.wait_fin()
        self.client.send("A")
        self.server.wait_acked()

    def run(self, case):
        if self.engaged:
            self.teach()
        super().run(case)
        if not self.failure:
            self.server.drain()
            self.say("resets at the server", self.server.resets)


class Spec:
    def __init__(self, family):
        self.family = family


def perform(wires, runs):
    while True:
        try:
            side, case = runs.get_nowait()
        except queue.Empty:
            return
        side.begin(wires)
        side.run(case)


def wires_of(family, box, inner, number):
    """The thread's sockets at both ends; box, inner: the box' hardware addresses."""
    client = Errors("client", "c0", box, family, 30000 + number * PORTS)
    return client, Errors("server", "s0", inner, family, PLAIN)


def run_all(cases, threads=4):
    """Arguments of the program: FAMILY BOX-MAC BOX-INNER-MAC [plain]. Prints a line for each case."""
    family, box, inner = sys.argv[1:4]
    both = "plain" not in sys.argv[4:]
    runs, pairs = queue.SimpleQueue(), {}
    for number, (name, case) in enumerate(cases.items()):
        for form, label in case.forms.items():
            pair = [Through(Spec(int(family)), 2 * number + form, engaged, form)
                    for engaged in (0, 1)[:1 + both]]
            pairs[f"{name}, {label}"] = pair
            for side in pair:
                runs.put((side, case))
    workers = [threading.Thread(target=perform, args=(wires_of(family, box, inner, n), runs))
               for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name, pair in pairs.items():
        judge(name, pair[0], pair[-1])

