#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Hostile input to the control plane; netlink.sh starts it with the module loaded."""

import contextlib
import ctypes
import errno
import os
import random
import re
import struct
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import genl  # noqa: E402
from genl import C, Refused, Socket, attr, nest, text, u8, u16, u32  # noqa: E402
from report import Report  # noqa: E402

NAME, PORT, ADDR, ALLOW = (C["A_SERVICE_" + n] for n in ("NAME", "PORT_MIN", "ADDR", "ALLOW"))
ADD, SET, DEL, GET = (C["CMD_SERVICE_" + n] for n in ("ADD", "SET", "DEL", "GET"))
BEGIN, COMMIT, ABORT, STATUS = (C["CMD_" + n] for n in ("BEGIN", "COMMIT", "ABORT", "STATUS_GET"))
OFF = u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_OFF"])
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
FAIL_NTH = "/proc/self/fail-nth"
FAILSLAB = "/sys/kernel/debug/failslab"


ok = Report()


def service(name, port, *more):
    return text(NAME, name) + u16(PORT, port) + OFF + b"".join(more)


def names(sock):
    return [reply[NAME][0].rstrip(b"\0").decode() for reply in sock.dump(GET)]


def refused(sock, what, command, payload, want, pattern=""):
    """The request is refused with this errno (None: any) and a sentence like this."""
    try:
        sock.request(command, payload)
    except Refused as why:
        good = want in (None, why.errno) and re.search(pattern, why.sentence)
        ok(bool(good), f"refused: {what}", why)
    else:
        ok(False, f"refused: {what}", "was accepted")


def malformed(sock):
    name = text(NAME, "h")
    cases = {
        "port of no length": name + attr(PORT),
        "port of one byte": name + attr(PORT, b"\1"),
        "port of four bytes": name + u32(PORT, 80),
        "name without its end": attr(NAME, b"h") + u16(PORT, 80),
        "name of no length": attr(NAME) + u16(PORT, 80),
        "name of 32": text(NAME, "h" * 32) + u16(PORT, 80),
        "unknown attribute": name + u16(PORT, 80) + u32(99, 0),
        "id chosen by the asker": name + u16(PORT, 80) + u32(C["A_SERVICE_ID"], 7),
        "IPv4 address of 3 bytes": name + nest(ADDR, attr(C["A_PREFIX_ADDR4"], b"abc")),
        "IPv6 address of 17 bytes": name + nest(ADDR, attr(C["A_PREFIX_ADDR6"], b"a" * 17)),
        "nest without its flag": name + attr(ADDR, attr(C["A_PREFIX_ADDR4"], b"abcd")),
        "unknown attribute in a nest": name + nest(ADDR, attr(9, b"abcd")),
        "attribute shorter than its header": name + attr(PORT, b"\0\1", 3),
        "attribute past the end": name + attr(PORT, b"\0\1", 400),
    }
    for what, payload in cases.items():
        refused(sock, what, ADD, payload, None)
    refused(sock, "attribute of a request that has none", COMMIT, attr(1), errno.EINVAL)
    refused(sock, "unknown command", 200, b"", errno.EOPNOTSUPP)
    refused(sock, "event as a request", C["CMD_EVENT"], b"", errno.EOPNOTSUPP)
    try:
        sock.dump(GET, name)
        ok(False, "refused: dump with a filter", "was accepted")
    except Refused as why:
        ok("no attributes" in why.sentence, "refused: dump with a filter", why)


def noise(sock, rounds=2000):
    random.seed(7)
    before = names(sock)
    commands = [BEGIN, COMMIT, ABORT, SET, GET] + [C["CMD_" + c] for c in (
        "LOOKUP", "REASON_GET", "STATS_GET", "STATUS_GET", "KEY_GET", "KEY_SET")]
    for _ in range(rounds):
        body = b"".join(attr(random.randrange(20) | random.choice([0, genl.NESTED]),
                             random.randbytes(random.choice([0, 1, 2, 3, 4, 8, 16, 31, 32, 33])),
                             random.choice([None] * 4 + [random.randrange(64)]))
                        for _ in range(random.randrange(6)))
        with contextlib.suppress(Refused):
            sock.request(random.choice(commands), body)
    with contextlib.suppress(Refused):
        sock.request(ABORT)
    ok(names(sock) == before, f"{rounds} random requests change no service")


def transactions(one):
    two = Socket()
    one.request(ADD, service("kept", 81))
    one.request(BEGIN)
    refused(one, "a second begin", BEGIN, b"", errno.EALREADY, "already")
    refused(two, "commit without begin", COMMIT, b"", errno.ENOENT, "not begun")
    refused(two, "stale base", BEGIN, u32(C["A_TRANSACTION_GENERATION"], 999), errno.ESTALE,
            "another change came between")
    two.request(BEGIN)
    one.request(ADD, service("first", 82))
    refused(one, "same selector", ADD, service("same", 82), errno.EEXIST, "same address")
    refused(one, "same name", ADD, service("first", 83), errno.EEXIST, "exists already")
    ok("first" not in names(two), "what is staged is not in force")
    one.request(COMMIT)
    ok(names(one) == ["kept", "first"], "what is committed is", names(one))
    two.request(ADD, service("late", 84))
    refused(two, "stale commit", COMMIT, b"", errno.ESTALE, "another change came between")
    refused(two, "commit after a refused one", COMMIT, b"", errno.ENOENT, "not begun")
    two.request(BEGIN)
    two.request(ADD, service("dropped", 84))
    two.close()
    ok("dropped" not in names(one), "a closed socket's transaction is dropped")
    for _ in range(2):
        again = Socket(port=4242)
        again.request(BEGIN)
        again.close()
    ok(True, "and not there for the next socket of its number")


def changing_dump(sock):
    sock.request(BEGIN)
    many = [nest(ALLOW, attr(C["A_PREFIX_ADDR4"], bytes([10, i, 0, 0])), u8(C["A_PREFIX_LEN"], 16))
            for i in range(20)]
    for i in range(200):
        sock.request(ADD, service(f"d{i}", 30000 + i, *many))
    sock.request(COMMIT)
    stop = threading.Event()

    def churn():
        other = Socket()
        while not stop.is_set():
            other.request(ADD, service("churn", 20000))
            other.request(DEL, text(NAME, "churn"))

    thread = threading.Thread(target=churn)
    thread.start()
    reader, marked, good = Socket(8192), 0, True
    for _ in range(10):
        ids = [struct.unpack("=I", r[C["A_SERVICE_ID"]][0])[0] for r in reader.dump(GET)]
        good = good and ids == sorted(set(ids)) and len(ids) >= 200
        marked += reader.interrupted
    stop.set()
    thread.join()
    ok(good, "dumps of a changing table end, complete, no service twice")
    ok(marked > 0, "and some are marked as interrupted")


def in_child(flags, code):
    """What code() raised in a child process: an errno, 0 or 99."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    result = 99
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(flags):
            os._exit(98)
        code()
        result = 0
    except (Refused, OSError) as why:
        result = why.errno
    finally:
        os._exit(result)


def privileges():
    for command in ("BEGIN", "KEY_GET", "STATUS_GET", "KEY_ROTATE"):
        got = in_child(CLONE_NEWUSER, lambda c=command: Socket().request(C["CMD_" + c]))
        ok(got == errno.EPERM, f"{command} needs CAP_NET_ADMIN", got)
    got = in_child(CLONE_NEWUSER, lambda: Socket().dump(GET))
    ok(got == errno.EPERM, "so does a dump", got)

    def listen():
        sock = Socket()
        sock.sock.setsockopt(270, 1, sock.groups["events"])     # NETLINK_ADD_MEMBERSHIP

    ok(in_child(CLONE_NEWUSER, listen) == errno.EPERM, "so do events")

    def own():
        sock = Socket()
        sock.request(ADD, service("mine", 80))
        listen()
        sock.request(BEGIN)
        sock.request(ADD, service("staged", 81))

    for _ in range(10):
        got = in_child(CLONE_NEWUSER | CLONE_NEWNET, own)
        if got:
            break
    ok(got == 0, "10 namespaces of one's own come and go, one with a transaction left open", got)


def failing(sock, knob, what, command, payload):
    """Each allocation of the request fails in turn; it is done whole or not at all."""
    before = names(sock)
    for nth in range(1, 200):
        os.pwrite(knob, str(nth).encode(), 0)
        with contextlib.suppress(Refused, OSError):
            sock.request(command, payload)
        left = int(os.pread(knob, 16, 0).strip(b"\0\n"))
        os.pwrite(knob, b"0", 0)
        sock.drain()
        now = names(sock)
        if now not in (before, before + ["oom"]):
            return ok(False, f"{what}: allocation {nth} fails", now)
        if now != before:
            sock.request(DEL, text(NAME, "oom"))
        if left:
            return ok(nth > 1, f"{what}: {nth - 1} allocations fail, none leaves half of it")
    return ok(False, f"{what}: allocations fail", "no end")


def out_of_memory(sock):
    if not os.path.exists(FAIL_NTH) or not os.path.exists(FAILSLAB):
        return
    for knob, value in (("ignore-gfp-wait", "N"), ("verbose", "0")):
        with open(f"{FAILSLAB}/{knob}", "w", encoding="ascii") as handle:
            handle.write(value)

    knob = os.open(FAIL_NTH, os.O_RDWR)
    failing(sock, knob, "add", ADD, service("oom", 9))
    failing(sock, knob, "status", STATUS, b"")
    failing(sock, knob, "key set", C["CMD_KEY_SET"], attr(C["A_KEY_MASTER"], b"k" * 32))
    os.close(knob)


def empty(sock):
    sock.request(BEGIN)
    for name in names(sock):
        sock.request(DEL, text(NAME, name))
    sock.request(COMMIT)
    ok(names(sock) == [], "all services go in one transaction")
    status = sock.request(STATUS)[0]
    ok(status[C["A_STATUS_HOOKS"]][0] == b"\0", "and the hooks with them")


def main():
    print("KTAP version 1")
    sock = Socket()
    malformed(sock)
    transactions(sock)
    noise(sock)
    changing_dump(sock)
    privileges()
    out_of_memory(sock)
    empty(sock)
    sock.request(BEGIN)
    sock.request(ADD, service("abandoned", 85))
    got = subprocess.run(["rmmod", "cookiebox"], capture_output=True, text=True, check=False)
    ok(got.returncode == 0, "the module unloads under an open transaction", got.stderr)
    sock.close()
    return ok.done()


if __name__ == "__main__":
    sys.exit(main())
