#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Deformed and random requests to the control plane; netlink-fuzz.sh starts it."""

import contextlib
import ctypes
import errno
import os
import random
import struct
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import policy  # noqa: E402
from genl import C, DUMP, NESTED, Refused, Socket, attr, nest, text, u8, u16, u32  # noqa: E402
from report import Report  # noqa: E402

LONG = os.environ.get("LONG") == "1"
ROUNDS = 40000 if LONG else 300 if os.environ.get("PLATFORM") == "vm" else 1500
NAME, PORT, ENGAGE = (C["A_SERVICE_" + n] for n in ("NAME", "PORT_MIN", "ENGAGE"))
OFF = u8(ENGAGE, C["ENGAGE_OFF"])
WEB = text(NAME, "web") + u16(PORT, 80) + OFF
COMMANDS = policy.read()
IN_TRANSACTION = ("COMMIT", "ABORT")
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

# A request of each command that is accepted, one attribute each: what is deformed is all that is
# wrong with it.
GOOD = {
    "SERVICE_ADD": {NAME: text(NAME, "new"), PORT: u16(PORT, 81), ENGAGE: OFF},
    "SERVICE_SET": {NAME: text(NAME, "web")},
    "SERVICE_DEL": {NAME: text(NAME, "web")},
    "SERVICE_GET": {NAME: text(NAME, "web")},
    "STATS_GET": {C["A_STATS_NAME"]: text(C["A_STATS_NAME"], "web")},
    "LOOKUP": {C["A_LOOKUP_DEST4"]: attr(C["A_LOOKUP_DEST4"], bytes(4)),
               C["A_LOOKUP_PORT"]: u16(C["A_LOOKUP_PORT"], 80)},
    "REASON_GET": {C["A_REASON_ID"]: u32(C["A_REASON_ID"], 1)},
    "KEY_SET": {C["A_KEY_MASTER"]: attr(C["A_KEY_MASTER"], b"k" * 32)},
}


ok = Report()


def state(sock):
    """What a refused request must leave as it was. A pending master takes the other's place when the
    epoch ends, whoever asks for what then, so the newest one counts."""
    key = sock.request(C["CMD_KEY_GET"], attr(C["A_KEY_SECRETS"]))[0]
    status = sock.request(C["CMD_STATUS_GET"])[0]
    return (sock.dump(C["CMD_SERVICE_GET"]), status[C["A_STATUS_GENERATION"]],
            status[C["A_STATUS_HOOKS"]], key[C["A_KEY_FLOW_PAIR"]],
            key.get(C["A_KEY_PENDING_MASTER"], key[C["A_KEY_MASTER"]]))


def valid(rule, number, rng):
    """An attribute that the policy takes; what it says may still be nonsense."""
    if rule.kind == "nest":
        inner = [valid(r, n, rng) for n, r in rule.inner.items() if rng.random() < 0.6]
        return nest(number, *inner)
    if rule.kind == "name":
        return text(number, rng.choice(["web", "a", "b", "c", "long." * 6, "new"])[:rule.most])
    if rule.kind == "number":
        value = rng.choice([0, 1, 2, 80, 443, rule.most, rng.randrange(rule.most + 1)])
        return attr(number, min(value, rule.most).to_bytes(rule.size, sys.byteorder))
    if rule.kind == "flag":
        return attr(number)
    return attr(number, rng.choice([bytes(rule.size), rng.randbytes(rule.size),
                                    b"\x7f\0\0\1".ljust(rule.size, b"\0")]))


def wrong_sizes(rule, number):
    """Payloads that the policy must not take."""
    if rule.kind in ("number", "bytes", "flag"):
        sizes = {0, 1, 2, 3, 4, 5, 8, rule.size - 1, rule.size + 1, 64, 4096} - {rule.size, -1}
        yield from (attr(number, b"\1" * size) for size in sizes)
    if rule.kind == "number" and rule.most < (1 << 8 * rule.size) - 1:
        for value in (rule.most + 1, (1 << 8 * rule.size) - 1):
            yield attr(number, value.to_bytes(rule.size, sys.byteorder))
    if rule.kind == "name":
        yield attr(number)
        yield attr(number, b"web")
        yield text(number, "n" * (rule.most + 1))
        yield text(number, "n" * 4000)
        yield text(number, "")
        yield text(number, "a b")
        yield attr(number, b"\xff\xfe\0")
    if rule.kind == "nest":
        yield attr(number, attr(1, b"abcd"))                    # without its flag
        yield nest(number, b"\1")
        yield nest(number, attr(200, b"abcd"))
        yield nest(number, attr(1, b"abcd", 3))
        yield nest(number, attr(1, b"abcd", 100))
        yield nest(number, nest(1, nest(1, nest(1, attr(1)))))
        yield nest(number, *[valid(r, n, random.Random(1)) for n, r in rule.inner.items()][-1:])
        for inner, inside in rule.inner.items():
            yield from (nest(number, bad) for bad in wrong_sizes(inside, inner))


def broken(rule, number):
    """Attributes that are wrong whatever the policy says."""
    body = valid(rule, number, random.Random(1)) if rule else attr(number, b"\1\0\0\0")
    for length in (0, 1, 2, 3, 5000, 0xffff):
        yield struct.pack("=H", length) + body[2:]


def outcome(sock, command, payload, flags=None):
    """None if accepted, else why not. Leaves no transaction behind."""
    why = None
    if command in IN_TRANSACTION:
        sock.request(C["CMD_BEGIN"])
    try:
        sock.request(C["CMD_" + command], payload, *([flags] if flags else []))
    except Refused as refusal:
        why = refusal
    if command in (*IN_TRANSACTION, "BEGIN"):
        with contextlib.suppress(Refused):
            sock.request(C["CMD_ABORT"])
    return why


def deformed(command):
    """Requests with each attribute of the command's set, wrong in every way."""
    rules, good = COMMANDS[command], GOOD.get(command, {})
    for number in [*policy.set_of(command), 0, 99, 0x3fff]:
        rest = b"".join(a for n, a in good.items() if n != number)
        rule = rules.get(number)
        bad = [*broken(rule, number), *(wrong_sizes(rule, number) if rule else
                                        [attr(number, b"\1" * n) for n in (0, 1, 2, 4, 8)])]
        bad += [good[number] + b for b in bad] if number in good else []
        for payload in bad:
            yield from (payload + rest, rest + payload)


def deform(sock, command, report):
    """All of it must be refused."""
    accepted, dumb, tried, before = [], [], 0, state(sock)
    for whole in deformed(command):
        tried += 1
        why = outcome(sock, command, whole)
        if not why:
            accepted.append(whole.hex())
        elif not why.sentence:
            dumb.append(f"{why} {whole.hex()}")
    report(not accepted, f"{command}: {tried} deformed requests are refused", accepted)
    report(not dumb, f"{command}: each with a sentence", dumb)
    report(state(sock) == before, f"{command}: and change nothing")


def missing(sock):
    """Without any attribute, and with each of the good ones left out."""
    dumb = []
    for command in COMMANDS:
        for leave_out in [None, *GOOD.get(command, {})]:
            payload = b"".join(a for n, a in GOOD.get(command, {}).items()
                               if leave_out not in (None, n))
            before = state(sock)
            why = outcome(sock, command, payload)
            if why and (not why.sentence or state(sock) != before):
                dumb.append(f"{command} without {leave_out}: {why}")
    ok(not dumb, "what is missing is said, and nothing is changed", dumb)


def random_request(rng):
    command = rng.choice(list(COMMANDS))
    rules, parts, many = COMMANDS[command], [], rng.choice([0.05, 0.15, 0.5])
    for number in policy.set_of(command) if rng.random() < 0.9 else range(20):
        rule, luck = rules.get(number), rng.random()
        if rule and luck < many:
            parts += [valid(rule, number, rng)] * rng.choice([1, 1, 1, 2])
        elif rule and luck < many + 0.01:
            parts.append(rng.choice([*wrong_sizes(rule, number), *broken(rule, number)]))
        elif luck > 0.998:
            parts.append(attr(number | rng.choice([0, NESTED, 0x4000]), rng.randbytes(rng.randrange(40))))
    if NAME in rules and rng.random() < 0.8 and policy.SETS[command] == "SERVICE":
        parts = [p for p in parts if struct.unpack("=HH", p[:4])[1] != NAME]
        parts.append(valid(rules[NAME], NAME, rng))
    rng.shuffle(parts)
    return command, b"".join(parts)


def at_random(rng, rounds, sock, other):
    """Returns complaints, and how many requests were accepted. `other` looks at what is in force;
    a transaction that `sock` has begun shows nothing there before it is committed."""
    complaints, accepted, before = [], 0, state(other)
    for number in range(rounds):
        command, payload = random_request(rng)
        why, flags = None, rng.choice([5] * 8 + [1 | DUMP, 5 | 8, 0xff05])
        try:
            sock.request(C["CMD_" + command], payload, flags)
        except Refused as refusal:
            why = refusal
        except TimeoutError:                # a flag that asks for no answer, or another one
            pass
        accepted += not why
        if why and not why.sentence and why.errno != errno.EOPNOTSUPP:
            complaints.append(f"{number}: {command} {payload.hex()}: {why}")
        now = state(other)
        if why and now != before:
            complaints.append(f"{number}: {command} {payload.hex()} changed something: {why}")
        before = now
    with contextlib.suppress(Refused):
        sock.request(C["CMD_ABORT"])
    return complaints, accepted


def raw_bytes(rng, sock, rounds):
    """Messages with wrong lengths, types and flags. Whatever comes back is thrown away."""
    before = state(sock)
    for _ in range(rounds):
        command, payload = random_request(rng)
        payload += rng.randbytes(rng.randrange(8))
        length = rng.choice([20 + len(payload)] * 3 + [0, 15, 16, 17, 20, 19, 1 << 16, 0xffffffff])
        head = struct.pack("=IHHIIBBH", length, rng.choice([sock.family] * 6 + [0, 16, 0xffff]),
                           rng.choice([0, 1, 5, 0x301, 0xffff]), 1, rng.choice([0, 1, 0xffffffff]),
                           rng.choice([0, C["CMD_STATUS_GET"], C["CMD_LOOKUP"], 15, 16, 255]),
                           rng.choice([0, 1, 2, 255]), rng.choice([0, 0xffff]))
        with contextlib.suppress(OSError):
            sock.sock.send((head + payload)[:rng.choice([9999] * 4 + [1, 15, 16, 19, 20, 23])])
        sock.drain()
    ok(state(sock) == before, f"{rounds} messages of wrong lengths and types change nothing")
    return command


def clear(sock):
    for reply in sock.dump(C["CMD_SERVICE_GET"]):
        sock.request(C["CMD_SERVICE_DEL"], attr(NAME, reply[NAME][0]))


def in_child(flags, code):
    """What code() said in a child of other namespaces: lines of complaint."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(flags):
                raise OSError(ctypes.get_errno(), "unshare")
            lines = code()
        except BaseException as why:        # the parent is to know, whatever it is
            lines = [f"{type(why).__name__}: {why}"]
        with os.fdopen(theirs, "w") as handle:
            handle.writelines(line + "\n" for line in lines)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as handle:
        lines = handle.read().splitlines()
    os.waitpid(child, 0)
    return lines


def deform_all():
    """Of a user namespace of one's own: what is wrong."""
    sock, complaints = Socket(), []

    def report(good, what, note=""):
        if not good:
            complaints.extend([f"not so: {what}", *note])

    sock.request(C["CMD_SERVICE_ADD"], WEB)
    for command in COMMANDS:
        deform(sock, command, report)
    return complaints


def own_namespace():
    complaints, accepted = at_random(random.Random(11), ROUNDS // 2, Socket(), Socket())
    return complaints + ([] if accepted > 20 else [f"only {accepted} requests were accepted"])


def unprivileged():
    rng, sock, complaints = random.Random(12), Socket(), []
    for command in COMMANDS:
        requests = [b"".join(GOOD.get(command, {}).values())]
        requests += [random_request(rng)[1] for _ in range(10)]
        for payload in requests:
            for flags in (5, 1 | DUMP):
                try:
                    sock.request(C["CMD_" + command], payload, flags)
                    complaints.append(f"{command} was accepted")
                except Refused as why:
                    if why.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                        complaints.append(f"{command}: {why}")
    return complaints


def main():
    print("KTAP version 1")
    sock, other = Socket(), Socket()
    sock.request(C["CMD_SERVICE_ADD"], WEB)
    for command in COMMANDS:
        deform(sock, command, ok)
    missing(sock)
    clear(sock)
    complaints, accepted = at_random(random.Random(10), ROUNDS, sock, other)
    ok(not complaints, f"{ROUNDS} random requests: what is refused has a sentence and no effect",
       complaints)
    ok(accepted > ROUNDS // 50, f"{accepted} of them were accepted")
    raw_bytes(random.Random(13), sock, ROUNDS // 4)
    lines = in_child(CLONE_NEWUSER | CLONE_NEWNET, deform_all)
    ok(not lines, "the deformed ones in a user namespace of one's own", lines)
    lines = in_child(CLONE_NEWUSER | CLONE_NEWNET, own_namespace)
    ok(not lines, "random ones there", lines)
    clear(other)
    other.request(C["CMD_SERVICE_ADD"], WEB)
    before = state(other)
    lines = in_child(CLONE_NEWUSER, unprivileged)
    ok(not lines, "without privilege nothing is accepted", lines)
    ok(state(other) == before, "nor changed")
    clear(other)
    ok(other.dump(C["CMD_SERVICE_GET"]) == [], "and all of it can be cleared")
    return ok.done()


if __name__ == "__main__":
    sys.exit(main())
