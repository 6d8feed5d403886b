# SPDX-License-Identifier: GPL-2.0
"""Scripted TCP clients, each with a server application of its own, in one process.

A case is a function of one argument, a Side: `side.client` sends raw segments from an address that
nobody owns, `side.app` is a listener at the kernel under test and the connection it accepted. The
case says what must be (must(), and every wait) and writes down what came of it (say()). Each case
is run against a service that is off and against one that is always engaged, at the same time in the
same boot, and what was written down must be the same.

The process runs in the server's namespace; frames go through packet sockets in the client's. A few
threads take one run after another, each with a socket of its own.
"""

import collections
import errno
import queue
import socket
import struct
import threading
import time

import tcpwire
from tcpclient import PATIENCE, PORTS, Client, Failed, Wire
from tcpwire import MASK

FORMS = {1: "timestamps", 0: "no timestamps"}
STATES = """? ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK
LISTEN CLOSING SYN_RECV""".split()
INFO_OPTIONS = ("timestamps", "sack", "wscale", "ecn", "ecn_seen", "syn_data")


class Near(collections.namedtuple("Near", "value slack")):
    """A number that may be a little off."""

    def __eq__(self, other):
        return abs(self.value - other.value) < self.slack

    def __ne__(self, other):
        return not self == other


class App:
    """The server application: a listener, and the connection accepted last."""

    def __init__(self, family, address, port, backlog=16):
        self.family, self.port = family, port
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(backlog)
        self.listener.settimeout(PATIENCE)
        self.connection = None

    def accept(self):
        try:
            self.connection, peer = self.listener.accept()
        except TimeoutError:
            raise Failed("nothing to accept") from None
        self.connection.settimeout(PATIENCE)
        return peer[1]

    def idle(self):
        """Nothing waits to be accepted."""
        self.listener.settimeout(0)
        try:
            self.listener.accept()[0].close()
            return False
        except BlockingIOError:
            return True
        finally:
            self.listener.settimeout(PATIENCE)

    def read(self, count):
        """Exactly so many bytes, or what there was and how it ended."""
        got = b""
        try:
            while len(got) < count:
                more = self.connection.recv(count - len(got))
                if not more:
                    return got, "EOF"
                got += more
            return got, ""
        except OSError as problem:
            if problem.errno is None:       # the time is over
                raise Failed(f"{len(got)} of {count} bytes reached the application") from None
            return got, errno.errorcode[problem.errno]

    def end(self):
        """What a read says where nothing more is to come."""
        return self.read(1)[1] or "data"

    def write(self, data):
        try:
            self.connection.sendall(data)
            return ""
        except OSError as problem:
            return errno.errorcode[problem.errno]

    def finish(self):
        self.connection.shutdown(socket.SHUT_WR)

    def close(self, reset=False):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def info(self):
        return info_of(self.connection)


def info_of(connection):
    """The facts that `ss -ti` shows."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    word = struct.unpack("24I", raw[8:104])
    options = [name for i, name in enumerate(INFO_OPTIONS) if raw[5] & 1 << i]
    return {"state": STATES[raw[0]], "options": options, "send scale": raw[6] & 15,
            "receive scale": raw[6] >> 4, "retransmits": raw[2], "send mss": word[2],
            "receive mss": word[3], "path mtu": word[13], "receive ssthresh": word[14],
            "congestion window": word[18], "advertised mss": word[19],
            "receive space": word[22], "retransmitted": word[23], "rtt": word[15],
            "unacked": word[4], "rto": word[0]}


def kernel_state(side):
    """State of the tuple in the kernel; NONE if only the listener is there."""
    client = side.client
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:
        ident = struct.pack(">HH16s16sIII", client.ports[1], client.ports[0], client.dest,
                            client.source, 0, MASK, MASK)
        body = struct.pack("BBBBI", side.app.family, 6, 0, 0, MASK) + ident
        diag.send(struct.pack("IHHII", 16 + len(body), 20, 1, 1, 0) + body)
        reply = diag.recv(4096)
    if struct.unpack("H", reply[4:6])[0] != 20:
        return "NONE"
    state = STATES[reply[17]]
    return "NONE" if state == "LISTEN" else state


class Side:
    """One run of a case: against the stack, or against cookiebox."""

    def __init__(self, spec, number, engaged, timestamps):
        self.spec, self.number = spec, number
        self.engaged, self.timestamps = engaged, timestamps
        self.app = self.client = None
        self.facts, self.failure, self.cookies = {}, None, 0

    def begin(self, wire):
        port = (3000 if self.engaged else 2000) + self.number
        source = tcpwire.address(self.spec.sources % (self.engaged, self.number % 250 + 1))
        self.app = App(self.spec.family, self.spec.server, port)
        self.client = Client(wire, source, tcpwire.address(self.spec.server),
                             (wire.next_port, port), self.timestamps)
        wire.next_port += 1

    def say(self, what, value):
        """Writes down what came of it; the other side must have written the same."""
        self.facts[what] = value

    def must(self, what, value):
        if not value:
            raise Failed(what)

    def equal(self, what, wanted, value):
        if wanted != value:
            raise Failed(f"{what}: wanted {wanted}, is {value}")
        self.say(what, value)

    def state_becomes(self, *wanted):
        end = time.monotonic() + PATIENCE
        while (state := kernel_state(self)) not in wanted:
            if time.monotonic() > end:
                raise Failed(f"the kernel's state is {state}, not {' or '.join(wanted)}")
            time.sleep(0.01)
        self.say("state " + "/".join(wanted), state)

    def saw_synack(self, synack, what="SYN-ACK"):
        """All of it that is not random. The socket of a cookie rounds its window to the client's
        MSS, the stack to its own less timestamps; the SYN-ACK announces what will be."""
        self.say(what, {"flags": synack.flags, "mss": synack.mss,
                        "window": Near(synack.window, self.client.mss),
                        "scale": synack.wscale, "sack": synack.sack_ok, "order": synack.order,
                        "echo": bool(synack.timestamp and synack.timestamp[1]), "ip": synack.ip})

    def open(self, what="SYN-ACK"):
        """An ordinary handshake; what both ends see of it is written down."""
        self.saw_synack(self.client.open(), what)
        self.cookies += self.engaged
        self.must("another client", self.app.accept() == self.client.ports[0])
        self.saw_info(what + ", socket")

    def saw_info(self, what, *without):
        info = self.app.info()
        for name in ("rtt", "rto", *without):
            del info[name]
        self.say(what, info)

    def accept(self, *without):
        """The connection that a cookie made, where a case shook hands by itself."""
        self.cookies += self.engaged
        self.app.accept()
        self.saw_info("socket", *without)

    def reads(self, wanted):
        got, end = self.app.read(len(wanted))
        self.must(f"the application read {len(got)} bytes, {end or 'others'}", got == wanted)

    def challenged(self):
        """A bare ACK of all that the server has, and nothing was reset."""
        answer = self.client.wait_answer()
        self.must(f"something else is acknowledged: {answer}", answer.ack == self.client.next)
        self.must("reset", not self.client.resets)

    def exchange(self, ask=b"question", reply=b"answer"):
        """The connection works in both directions."""
        client, had = self.client, len(self.client.data)
        client.write(ask)
        self.reads(ask)
        self.app.write(reply)
        client.wait_data(had + len(reply))
        self.must("the client read something else", client.data[had:] == reply)
        client.send("A")

    def run(self, case):
        try:
            case(self)
            self.client.drain()
            self.say("resets seen at the end", self.client.resets)
        except Failed as problem:
            self.failure = str(problem)
        except Exception:       # of the case itself; the others go on
            import traceback
            self.failure = traceback.format_exc()


class Cases(dict):
    """What to run, by name, in order."""

    def named(self, name, forms=FORMS):
        def keep(case):
            self[name] = case
            case.forms = forms
            return case
        return keep


def differences(stack, cookie):
    for what in {**stack.facts, **cookie.facts}:
        ours, theirs = cookie.facts.get(what), stack.facts.get(what)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            theirs = {k: v for k, v in theirs.items() if v != ours[k]}
            ours = {k: ours[k] for k in theirs}
        if ours != theirs:
            yield f"{what}: without cookiebox {theirs}, with it {ours}"


def judge(name, stack, cookie):
    """One result line, and why, in front of it."""
    complaints = [f"{side}: {run.failure}" for side, run in
                  (("without cookiebox", stack), ("with cookiebox", cookie)) if run.failure]
    complaints = complaints or list(differences(stack, cookie))
    for complaint in complaints:
        print("\n".join(f"# {name}: {line}" for line in complaint.splitlines()))
    print("not ok" if complaints else "ok", name, flush=True)
    return not complaints


Spec = collections.namedtuple("Spec", "server sources family")


def perform(wire, runs):
    while True:
        try:
            side, case = runs.get_nowait()
        except queue.Empty:
            return
        side.begin(wire)
        side.run(case)


def run_all(cases, family, peer, threads=4):
    """Runs {name: case}; prints a line for each and, last, how many cookies should have opened."""
    spec = Spec("fd00::2", "fd01::%x:%x", socket.AF_INET6) if family == "6" else \
        Spec("10.0.0.2", "10.1.%d.%d", socket.AF_INET)
    runs, pairs = queue.SimpleQueue(), {}
    for number, (name, case) in enumerate(cases.items()):
        for form, label in case.forms.items():
            pair = [Side(spec, 2 * number + form, engaged, form) for engaged in (0, 1)]
            pairs[f"{name}, {label}"] = pair
            for side in pair:
                runs.put((side, case))
    workers = [threading.Thread(target=perform, args=(
        Wire("client", "c0", peer, family, 30000 + n * PORTS), runs)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name, pair in pairs.items():
        judge(name, *pair)
    print("cookies", sum(pair[1].cookies for pair in pairs.values()))
