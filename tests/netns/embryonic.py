#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""SYN-ACKs that are sent again: embryonic.py FAMILY SERVER-MAC, in the server's namespace.

The waiting is done by all cases at once, a thread and a packet socket for each; what changes the
namespace for all comes after it.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import tcpwire  # noqa: E402
from genl import C, Socket, parse  # noqa: E402
from report import Report  # noqa: E402
from tcpclient import PORTS, Client, Failed, Wire  # noqa: E402
from tcpwire import MASK  # noqa: E402

FAMILY, PEER = sys.argv[1:3]
AF = socket.AF_INET6 if FAMILY == "6" else socket.AF_INET
SERVER = "fd00::2" if FAMILY == "6" else "10.0.0.2"
SYSCTL = "/proc/sys/net/cookiebox/"
BUILT = os.environ["TOP"] + "/build/guest-files/"
BANNER = b"220 welcome\r\n"
OFF, OPEN, GONE, SILENT, CLOSED, DELETED, DISENGAGED = range(2000, 2007)
FORMS = {True: "timestamps", False: "no timestamps"}
SLOP = 0.8          # seconds; an emulated machine may be late
LATE = 8            # seconds that what is to come at all may be late

ok = Report()
lock = threading.Lock()


def say(good, what, note=""):
    with lock:
        ok(good, what, note)


def tool(*words):
    return subprocess.run(["cookiebox", *words], check=True, capture_output=True, text=True).stdout


def number(payload):
    return int.from_bytes(payload, sys.byteorder)


def status(name):
    return number(Socket().request(C["CMD_STATUS_GET"])[0][C["A_STATUS_" + name.upper()]][0])


def counter(name):
    """Of all services."""
    wanted = {parse(c)[C["A_COUNTER_NAME"]][0]: number(parse(c)[C["A_COUNTER_DONE"]][0]) for c in
              Socket().request(C["CMD_STATS_GET"])[0].get(C["A_STATS_COUNTER"], [])}
    return wanted.get(name.encode() + b"\0", 0)


def sysctl(name, value):
    with open(SYSCTL + name, "w", encoding="ascii") as handle:
        handle.write(str(value))


def listen(port, backlog=64):
    listener = socket.socket(AF)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((SERVER, port))
    listener.listen(backlog)
    listener.settimeout(10)
    return listener


class Place:
    """A packet socket, and clients from one source prefix each of its own."""
    count = 0

    def __init__(self):
        Place.count += 1
        self.number = Place.count
        self.wire = Wire("client", "c0", PEER, FAMILY, 20000 + self.number * PORTS)

    def client(self, port, timestamps=True, host=1, prefix=0):
        net = self.number + 20 * prefix
        source = f"fd01:0:0:{net:x}::{host:x}" if FAMILY == "6" else f"10.1.{net}.{host}"
        self.wire.next_port += 1
        return Client(self.wire, tcpwire.address(source), tcpwire.address(SERVER),
                      (self.wire.next_port, port), timestamps)

    def forget(self, *clients):
        """What has come by now is of no interest."""
        for client in clients:
            client.drain()

    def watch(self, seconds, *clients):
        """Whatever comes in so many seconds, as (when, SYN-ACK) for each of the clients."""
        start = time.monotonic()
        came = {client: [] for client in clients}
        while (left := start + seconds - time.monotonic()) > 0:
            self.wire.pump(left)
            for client, seen in came.items():
                while client.inbox:
                    segment = client.inbox.popleft()
                    client.take(segment)
                    if segment.has("SA"):
                        seen.append((time.monotonic() - start, segment))
        return came


def opened(place, *clients, port=OPEN):
    """SYN and SYN-ACK of each; the ACKs are lost."""
    for client in clients:
        client.syn()
    for client in clients:
        client.wait_synack()
    return place


# --- Cases that wait, all at once -----------------------------------------------------------------

def lost_ack(place):
    """A server that speaks first, the only ACK lost: cookiebox as the stack."""
    for port, whose in ((OFF + 100, "the stack"), (OPEN + 100, "cookiebox")):
        for timestamps, form in FORMS.items():
            with listen(port + timestamps * 10) as listener:
                best, retransmits = min(banner(place, listener, timestamps) for _ in range(2))
            say(best <= 1.5, f"final ACK lost: banner within 1.5 s, {whose}, {form}",
                f"{best:.3f} s")
            ok.note(f"banner after {best:.3f} s, {whose}, {form}")


def banner(place, listener, timestamps):
    client = place.client(listener.getsockname()[1], timestamps)
    client.syn()
    client.wait_synack()
    start = time.monotonic()
    client.wait_synack()                # again: an established client acknowledges it
    client.send("A")
    with listener.accept()[0] as connection:
        connection.sendall(BANNER)
        client.wait_data(len(BANNER))
        client.send("A")
    if client.data != BANNER or client.resets:
        raise Failed(f"the client read {client.data}, {client.resets} resets")
    return time.monotonic() - start, client.resets


def four_copies(place):
    """Each of the four opens; the epoch ends between the first and the last."""
    port = OPEN + 200
    with listen(port) as listener:
        left = status("next_epoch") / 1000
        time.sleep(left - 4 if left > 4 else left + 4)
        epoch = status("epoch")
        clients = [(place.client(port, timestamps, 1, n), n, old)
                   for timestamps in FORMS for n in reversed(range(4)) for old in (False, True)
                   if timestamps or not old]
        opened(place, *(c for c, _, _ in clients))
        first = {c: c.echo for c, _, _ in clients}
        came = {c: [(0, c.seen[0])] for c, _, _ in clients}
        start = time.monotonic()
        for n, when in enumerate((0, 1, 3, 7)):
            time_left = start + when + (SLOP if n else 0) - time.monotonic()
            for c, seen in place.watch(max(time_left, 0), *came).items():
                came[c] += seen
            for c, copy, old in clients:
                if copy != n:
                    continue
                if old:                     # an open client echoes what it saw first
                    c.echo = first[c]
                c.send("A")
                listener.accept()[0].close()
        judge_copies(clients, came)
        say(status("epoch") > epoch, "the epoch ended meanwhile")


def judge_copies(clients, came):
    for timestamps, form in FORMS.items():
        mine = [(c, n) for c, n, _ in clients if c.timestamps == timestamps]
        say(all(len(came[c]) == n + 1 for c, n in mine),
            f"one, two, three copies after the first, and none after the ACK, {form}",
            [f"{len(came[c])} for {n + 1}" for c, n in mine])
        isn = {(c, s.seq) for c, _ in mine for _, s in came[c]}
        say(len(isn) == len(mine), f"all copies have the same ISN, {form}")
        shape = {c: {(s.mss, s.window, s.wscale, s.sack_ok, s.flags, tuple(s.order),
                      str(s.ip)) for _, s in came[c]} for c, _ in mine}
        say(all(len(s) == 1 for s in shape.values()),
            f"all copies look alike, {form}", [str(s) for s in shape.values()])
        say(all(c.resets == 0 for c, _ in mine), f"none of the ACKs was reset, {form}")
    stamps = [[s.timestamp[0] for _, s in came[c]] for c, n, _ in clients if c.timestamps and n > 1]
    say(all(b - a & MASK > 900 and b - a & MASK < 6000 for s in stamps for a, b in zip(s, s[1:])),
        "each copy has a fresh timestamp", stamps)


def opened_one(place, port, **how):
    client = place.client(port, **how)
    opened(place, client)
    return client


def when_copies(place):
    """Never early, and all three. A machine that is late may be so twice: a cache is so always."""
    for host in (1, 2, 3):
        start = time.monotonic()
        client = opened_one(place, OPEN, host=host)
        late = time.monotonic() - start
        times = [t + late for t, _ in place.watch(9, client)[client]]
        right = len(times) == 3 and all(t > want - 0.05 for t, want in zip(times, (1, 3, 7)))
        late = not all(t < want + SLOP for t, want in zip(times, (1, 3, 7)))
        if not (right and late):
            break
    say(right and not late, "copies at 1, 3 and 7 s and no more", str(times))


def syn_again(place):
    """The client's own SYN, sent again, takes the place of the copy due within half a second."""
    for host in range(1, 6):                # until the machine was in time
        start, late = time.monotonic(), 0
        client = opened_one(place, OPEN, host=host)
        seen = []
        for until in (0.75, 2.5, 6):        # copies would be due at 1, 2.75 and 6.5 s
            seen += place.watch(start + until - time.monotonic(), client)[client]
            client.syn()
            late = max(late, time.monotonic() - start - until)
        if late < 0.2:
            break
    say(len(seen) == 2 and late < 0.2, "a SYN sent again is answered, and not twice",
        [late, *(str(s) for _, s in seen)])


def reset(place):
    """Only a reset with the right number is the client's."""
    start = time.monotonic()
    right, wrong = (opened_one(place, OPEN, prefix=n) for n in range(2))
    right.send("R", seq=right.isn + 1)
    wrong.send("R", seq=wrong.isn + 2)
    came = place.watch(start + 2 - time.monotonic(), right, wrong)
    say(not came[right], "nothing more to a client that has reset", came[right])
    say(len(came[wrong]) == 1, "a reset with another number changes nothing", came[wrong])


def no_use(place):
    """What would not be redeemed is not asked for. The queue is full while the copies of 1 s and 3 s
    are due, and is not when that of 7 s is: room comes in the middle between, so that a machine that
    is late by a second or two changes nothing."""
    listeners = {port: listen(port, 0) for port in (CLOSED, DELETED, DISENGAGED, SILENT)}
    clients = {port: opened_one(place, port, prefix=n % 2) for n, port in enumerate(listeners)}
    begun = time.monotonic()
    opened_one(place, SILENT).send("A")     # the accept queue is full now: a backlog of 0 holds one
    listeners[CLOSED].close()
    tool("service", "del", "deleted")
    tool("service", "set", "disengaged", "engage", "observe")
    place.forget(*clients.values())
    came = place.watch(begun + 5 - time.monotonic(), *clients.values())
    for port, why in ((CLOSED, "the listener has gone"), (DELETED, "the service was deleted"),
                      (DISENGAGED, "the service only observes"), (SILENT, "the queue is full")):
        say(not came[clients[port]], f"not sent again: {why}", came[clients[port]])
    listeners[SILENT].accept()[0].close()
    try:
        clients[SILENT].wait_synack(2 + LATE)
        say(True, "but sent at the next time, when there is room")
    except Failed as problem:
        say(False, "but sent at the next time, when there is room", problem)
    clients[SILENT].send("A")
    listeners[SILENT].accept()[0].close()
    for listener in listeners.values():
        listener.close()


def spoofed(place):
    """40 that nobody answers, of one prefix; a client of another one has its own share."""
    crowd = [place.client(OPEN, host=1 + n) for n in range(40)]
    other = place.client(OPEN, prefix=1)
    opened(place, *crowd, other)
    came = place.watch(10, *crowd, other)       # the last is due after 7
    mine = sum(len(came[c]) for c in crowd)
    # 8 a second and prefix, up to 12 in one; three times at most two of the gate's seconds.
    say(3 * 4 <= mine <= 3 * 2 * 12, "spoofed SYNs draw no more than the cap of their prefix", mine)
    say(len(came[other]) == 3, "which is none of another prefix' concern", came[other])
    ok.note(f"{mine} copies to a prefix of 40 silent clients, of 120")


# --- Cases for one at a time ----------------------------------------------------------------------

def flush(place):
    """At any moment: between SYN-ACK and ACK of each handshake, and of many."""
    control, command = Socket(), C["CMD_CACHE_FLUSH"]
    with listen(OPEN + 300) as listener:
        for n in range(40):
            client = opened_one(place, OPEN + 300, timestamps=bool(n & 1))
            control.request(command)
            client.send("A")
            listener.accept()[0].close()
        many = [opened_one(place, OPEN + 300, timestamps=bool(n & 1)) for n in range(20)]
        held = status("embryonic")
        tool("cache", "flush")
        say(held >= 20 and status("embryonic") == 0,
            "SYN-ACKs are counted, and none is held after a flush", f"{held} before")
        while place.wire.pump(0):           # what a slow machine had sent again before
            pass
        for client in many:
            client.inbox.clear()
        came = place.watch(1 + SLOP, *many)
        say(not any(came.values()), "none is sent again", came)
        for client in many:
            client.send("A")
            listener.accept()[0].close()
        say(all(c.resets == 0 for c in many), "every handshake in flight completed by its cookie")


def resize(place):
    """Another size, or none, while handshakes are in flight."""
    bytes_of = {}
    with listen(OPEN + 400) as listener:
        for size in (0, 1, 3, 16, 32768, 1024):
            client = opened_one(place, OPEN + 400)
            sysctl("embryonic_max", size)
            bytes_of[size] = status("memory")
            say(status("embryonic") == 0, f"embryonic_max={size}: begins empty")
            client.send("A")
            listener.accept()[0].close()
            client = opened_one(place, OPEN + 400)
            say(status("embryonic") == (size > 0), f"embryonic_max={size}: holds one if any")
            client.send("A")
            listener.accept()[0].close()
    each = (bytes_of[32768] - bytes_of[1024]) / (32768 - 1024) / os.cpu_count()
    say(each == 104, "104 bytes an entry and CPU, as documented", each)
    with contextlib.suppress(OSError):
        sysctl("embryonic_max", 32769)
        say(False, "a size out of range is refused")


def rate_zero(place):
    sysctl("synack_retransmit_rate", 0)
    client = opened_one(place, OPEN)
    came = place.watch(1 + SLOP, client)
    sysctl("synack_retransmit_rate", 8)
    say(not came[client], "synack_retransmit_rate=0: none is sent again", came[client])


def flood(place):
    """Fixed memory, and nothing is sent again, not even of its first SYNs."""
    tool("cache", "flush")
    memory = status("memory")
    before, answered = counter("synack_retransmitted"), counter("syn_answered")
    command = [BUILT + "inns", "client", BUILT + "synflood", "c0", PEER, SERVER, str(OPEN), "2000", "6"]
    subprocess.run(command, stdout=subprocess.PIPE, check=True)
    held = status("embryonic")
    after, answered = counter("synack_retransmitted"), counter("syn_answered") - answered
    say(answered > 2000, "a flood was answered", answered)
    say(after == before, "nothing is sent again in a flood", f"{before} then {after}")
    say(status("memory") == memory, "memory is as before", f"{memory}, then {status('memory')}")
    say(held <= 128, "hardly any of it is held", held)
    ok.note(f"{answered} answered, {held} held")
    tool("cache", "flush")
    time.sleep(3.1)
    client = opened_one(place, OPEN)
    came = place.watch(2, client)
    say(len(came[client]) == 1, "calm again: a SYN-ACK is sent again", came[client])


def main():
    for name, port in (("off", f"{OFF}"), ("deleted", f"{DELETED}"),
                       ("disengaged", f"{DISENGAGED}"), ("stack", f"{OFF + 100}-{OFF + 119}")):
        tool("service", "add", name, "port", port, "mode", "local",
             *(["engage", "off"] if name in ("off", "stack") else []))
    tool("service", "add", "always", "port", "2000-2999", "mode", "local")
    with listen(OPEN):
        threads = [threading.Thread(target=guarded, args=(case, Place())) for case in
                   (lost_ack, four_copies, when_copies, syn_again, reset, no_use, spoofed)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for case in (flush, resize, rate_zero, flood):
            guarded(case, Place())
        opened_one(Place(), OPEN)
    subprocess.run(["rmmod", "cookiebox"], check=True)      # a timer is armed
    time.sleep(1.2)
    say(not os.path.exists(SYSCTL), "unloaded with SYN-ACKs waiting")
    return ok.done()


def guarded(case, place):
    try:
        case(place)
    except (Failed, OSError, subprocess.CalledProcessError) as problem:
        say(False, f"{case.__name__} went as it must", f"{type(problem).__name__}: {problem}")


sys.exit(main())
