# SPDX-License-Identifier: GPL-2.0
"""Many honest clients and listeners in one process; each case with and without cookiebox.

A script (tests/netns/listeners.py and its like) declares cases with @case and ends with run().
Every case has a port and a service of its own. All of them run with the services `engage off`, so
that the stock stack serves, and then, in the same boot, with `engage always`. What a case returns
is its outcome; the two are compared, and the counters of its service with what the case expects.

Processes are slow to start in an emulated VM: this one enters the namespaces by setns().
KTAP on stdout. COOKIEBOX_ONLY=PATTERN: only the cases whose names match.
"""

import contextlib
import ctypes
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time
import traceback

import genl
from genl import C, text, u8, u16

FAMILY = os.environ.get("FAMILY", "4")
V6 = FAMILY == "6"
AF = socket.AF_INET6 if V6 else socket.AF_INET
CLIENT, SERVER = ("fd00::1", "fd00::2") if V6 else ("10.0.0.1", "10.0.0.2")
ANY = "::" if V6 else "0.0.0.0"
CLONE_NEWNET = 0x40000000
LIMIT = 10              # seconds that anything may take before it counts as never
BRIEF = 0.25            # seconds in which nothing is to happen
SLOW = 1                # seconds of a case that are worth a remark

libc = ctypes.CDLL(None, use_errno=True)
cases = []
box = []                # the one Box of run()
current = [None]        # the namespace this process is in
spaces = {}             # name: descriptor


# --- Namespaces -------------------------------------------------------------------------------

def enter(name):
    if current[0] == name:
        return
    if name not in spaces:
        spaces[name] = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(spaces[name], CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {name}")
    current[0] = name


def sh(name, *lines):
    """Commands in a namespace, one shell for all of them."""
    enter(name)
    subprocess.run(["sh", "-ec", "\n".join(lines)], check=True)


def sysctl(name, key, value):
    """Sets it and returns what it was."""
    enter(name)
    with open("/proc/sys/" + key.replace(".", "/"), "r+", encoding="ascii") as handle:
        old = handle.read().strip()
        handle.seek(0)
        handle.write(str(value))
    return old


def link_local(name, device):
    """The address of a device of that namespace."""
    enter(name)
    with open("/proc/thread-self/net/if_inet6", encoding="ascii") as handle:
        for line in handle:
            address, _, _, scope, _, dev = line.split()
            if scope == "20" and dev == device:
                return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(address))
    raise OSError(f"{name} has no link-local address on {device}")


# --- Sockets ----------------------------------------------------------------------------------

def tcp(name, family=None, protocol=0):
    enter(name)
    sock = socket.socket(family or AF, socket.SOCK_STREAM, protocol)
    sock.settimeout(LIMIT)
    return sock


def set_options(sock, options):
    for level, option, value in options:
        sock.setsockopt(level, option, value)


def where(address, port, family=AF):
    """What bind() and connect() take; %device at the end of a link-local address counts."""
    return socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4]


def listen(port, address=ANY, *options, backlog=128, family=None, protocol=0, name="server"):
    """A listener; options: (level, option, value), set before bind()."""
    sock = tcp(name, family, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if (family or AF) == socket.AF_INET6 and not family:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    set_options(sock, options)
    sock.bind(where(address, port, family or AF))
    sock.listen(backlog)
    return sock


def connect(port, address=SERVER, *options, protocol=0, name="client", limit=LIMIT):
    sock = tcp(name, protocol=protocol)
    set_options(sock, options)
    sock.settimeout(limit)
    sock.connect(where(address, port))
    sock.settimeout(LIMIT)
    return sock


def how(function, *arguments, **named):
    """What connecting came to: "ok", and the socket, or the name of what went wrong."""
    try:
        return "ok", function(*arguments, **named)
    except OSError as problem:
        return type(problem).__name__, None


def accept(listener, limit=LIMIT):
    listener.settimeout(limit)
    child = listener.accept()[0]
    child.settimeout(LIMIT)
    return child


def queued(listener, number):
    """So many wait to be accepted: a connect() that is done says nothing of the last ACK."""
    end = time.monotonic() + LIMIT
    while Info(listener).unacked != number:
        assert time.monotonic() < end, f"{Info(listener).unacked} wait, not {number}"
        time.sleep(0.01)


def nobody(listener, limit=BRIEF):
    """Nobody is there to be accepted."""
    return not select.select([listener], [], [], limit)[0]


def pattern(length, seed):
    block = bytes((i * 7 + seed) & 0xff for i in range(251))
    return (block * (length // 251 + 1))[:length]


def pump(one, other, length):
    """Both send and receive length bytes at once. True: all of it came, unchanged."""
    want = {one: pattern(length, 3), other: pattern(length, 11)}
    left = {one: memoryview(want[other]), other: memoryview(want[one])}
    got = {one: bytearray(), other: bytearray()}
    end = time.monotonic() + LIMIT
    for sock in got:
        sock.setblocking(False)
    while time.monotonic() < end and any(len(got[s]) < length for s in got):
        readable, writable, _ = select.select(list(got), [s for s in left if left[s]], [], 1)
        for sock in readable:
            data = sock.recv(262144)
            if not data:
                return False
            got[sock] += data
        for sock in writable:
            with contextlib.suppress(BlockingIOError):
                left[sock] = left[sock][sock.send(left[sock]):]
    for sock in got:
        sock.settimeout(LIMIT)
    return all(got[s] == want[s] for s in got)


def receive(sock, length):
    """So many bytes, or fewer if that is all that comes in time."""
    data = bytearray()
    with contextlib.suppress(TimeoutError):
        while len(data) < length:
            got = sock.recv(length - len(data))
            if not got:
                break
            data += got
    return bytes(data)


def ended(sock):
    """What the end of a connection looks like: "fin", "reset" or "silent"."""
    try:
        while sock.recv(65536):
            pass
        return "fin"
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "silent"


class Info:
    """struct tcp_info, as far as it shows what was negotiated, and a listener's queue."""

    def __init__(self, sock):
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
        self.options, scales = raw[5], raw[6]
        self.snd_wscale, self.rcv_wscale = scales & 15, scales >> 4
        words = struct.unpack_from("=24I", raw, 8)
        self.snd_mss, self.unacked, self.advmss = words[2], words[4], words[18]
        self.total_retrans = words[23]

    def negotiated(self):
        """Timestamps, SACK, window scaling and ECN; the scales; the sizes."""
        scaled = bool(self.options & 4)
        return {"options": self.options & 15, "snd_mss": self.snd_mss, "advmss": self.advmss,
                "snd_wscale": self.snd_wscale if scaled else None,
                "rcv_wscale": self.rcv_wscale if scaled else None}


def ends(client, child):
    """What both ends know of a connection, apart from the port that the client has by chance."""
    mine, peer = client.getsockname(), child.getpeername()
    local, remote = child.getsockname(), client.getpeername()
    return {"client": Info(client).negotiated(), "server": Info(child).negotiated(),
            "addresses": (plain(mine) == plain(peer), plain(local) == plain(remote)),
            "mark": child.getsockopt(socket.SOL_SOCKET, socket.SO_MARK),
            "device": child.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16),
            "keepalive": child.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)}


def plain(name):
    return name[0].split("%")[0].removeprefix("::ffff:"), name[1]


def serve(listener, client, length=20000):
    """The ordinary life of a connection: accepted, data both ways, closed by both."""
    child = accept(listener)
    outcome = ends(client, child)
    outcome["data"] = pump(client, child, length)
    child.shutdown(socket.SHUT_WR)
    outcome["end"] = ended(client)
    client.close()
    child.close()
    return outcome


# --- Cases ------------------------------------------------------------------------------------

class Case:
    """One behaviour, and what its service is to count."""

    def __init__(self, function, what, **how_so):
        self.function, self.what, self.how = function, what, how_so
        self.port = how_so.get("port", 0)
        self.outcome, self.counted, self.late = {}, {}, False

    def service(self):
        more = self.how.get("service", b"")
        return (text(C["A_SERVICE_NAME"], f"p{self.port}") +
                u16(C["A_SERVICE_PORT_MIN"], self.port) + more)


def case(what, **how_so):
    """Declares a case: a function of its port that returns its outcome.

    service=BYTES   more attributes of the service
    port=NUMBER     of its own, for rules that know it
    counts={...}    reasons and how often: a number, or (least, most); default: one SYN answered,
                    one cookie accepted; what is not named must not be counted at all
    late={...}      besides those, for a run of which the function says late()
    differs={...}   parts of the outcome that may differ: {"part": "why"}
    stock={...}     parts that the outcome must have without cookiebox, besides being one
    when=BOOL       whether it applies
    """
    def declare(function):
        if how_so.get("when", True) and re.search(os.environ.get("COOKIEBOX_ONLY", ""), what):
            cases.append(Case(function, what, **how_so))
        return function
    return declare


def reply(kind):
    return u8(C["A_SERVICE_REPLY"], C["REPLY_" + kind.upper()])


class Box:
    """The module's control plane in the server's namespace."""

    def __init__(self, name="server"):
        enter(name)
        self.sock = genl.Socket()

    def add(self, one, engage):
        self.sock.request(C["CMD_SERVICE_ADD"], one.service() +
                          u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_" + engage.upper()]))

    def delete(self, one):
        self.sock.request(C["CMD_SERVICE_DEL"], text(C["A_SERVICE_NAME"], f"p{one.port}"))

    def counters(self, one):
        """{reason: times} of what was done, zeros left out."""
        found = genl.counters(self.sock, f"p{one.port}")
        return {reason: times for reason, times in found.items() if times}


def of_port(port):
    return next(one for one in cases if one.port == port)


def counted(port):
    """For cases that look while they run."""
    return box[0].counters(of_port(port))


def late(port):
    """For cases that notice that this run came too late for what they are about: see late=."""
    of_port(port).late = True


def differences(one, other, path=""):
    """Paths of the parts in which two outcomes differ. A sealed MSS may be 40 bytes lower."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(set(one) | set(other)):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif path.endswith("server.snd_mss") and one is not None and one - 40 <= (other or 0) <= one:
        pass
    elif one != other:
        yield path, one, other


def wrong_counts(found, expected):
    for name in sorted(set(found) | set(expected)):
        want = expected.get(name, 0)
        least, most = want if isinstance(want, tuple) else (want, want)
        if not least <= found.get(name, 0) <= most:
            yield f"counted {name} {found.get(name, 0)} times, wanted {want}"


def judge(one):
    """Sentences on what is wrong with a case that has run both ways."""
    stock, ours = one.outcome["off"], one.outcome["always"]
    for part, value in one.how.get("stock", {}).items():
        if stock.get(part) != value:
            yield f"without cookiebox: {part} is {stock.get(part)}, wanted {value}"
    for phase, outcome in one.outcome.items():
        if "failed" in outcome:
            yield f"engage {phase}: {outcome['failed']}"
    allowed = one.how.get("differs", {})
    for part, was, now in differences(stock, ours):
        if not any(part == a or part.startswith(a + ".") for a in allowed):
            yield f"{part}: {was} without cookiebox, {now} with it"
    expected = one.how.get("counts", {"syn_answered": 1, "cookie_accepted": 1})
    if one.late:        # the last run: engaged
        expected = {**expected, **one.how.get("late", {})}
    yield from wrong_counts(one.counted["always"], expected)
    yield from (f"engage off: counted {n}" for n in one.counted["off"])


def attempt(one, control, engage):
    control.add(one, engage)
    one.late = False
    started = time.monotonic()
    try:
        one.outcome[engage] = one.function(one.port)
    except (AssertionError, OSError, subprocess.SubprocessError):
        one.outcome[engage] = {"failed": traceback.format_exc(limit=-3)}
    one.counted[engage] = control.counters(one)
    control.delete(one)
    return time.monotonic() - started


def run(first_port=5000):
    """Runs what was declared and ends the process. On one CPU, whose backlog is first in, first out:
    with two, a client's data may overtake its last ACK."""
    os.sched_setaffinity(0, {0})
    box.append(Box())
    failed = 0
    started = time.monotonic()
    print(f"1..{len(cases)}", flush=True)
    for number, one in enumerate(cases, 1):
        one.port = one.port or first_port + number
        took = [attempt(one, box[0], engage) for engage in ("off", "always")]
        problems = list(judge(one))
        failed += bool(problems)
        for problem in problems:
            print("# " + problem.replace("\n", "\n# "))
        print(f"{'not ok' if problems else 'ok'} {number} - {one.what}")
        if max(took) > SLOW:
            print(f"# took {took[0]:.1f} s, and {took[1]:.1f} s with cookiebox")
        sys.stdout.flush()
    print(f"# {len(cases)} cases twice in {time.monotonic() - started:.1f} s")
    sys.exit(failed != 0)

