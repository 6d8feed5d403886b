#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Engagement auto, from calm through attacks and back; engage-auto.sh starts it with a service.

Unanswered SYN-ACKs are remembered for 3 s here (tcp_synack_retries=1), so that a queue of 64 stands
for 21 SYNs a second.
"""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import auto  # noqa: E402
import genl  # noqa: E402
import segments  # noqa: E402
import wire  # noqa: E402
from report import Report  # noqa: E402
from segments import ACK, FIN, PSH, RST, SYN, Packet  # noqa: E402
from wire import HONEST, SERVER, WITH_TS, WITHOUT_TS, Handshake  # noqa: E402

BACKLOG, HALF, LIFE, HOLD = 128, 64, 3, 1
PLATFORM = os.environ.get("PLATFORM")      # uml-fast: in virtual time
ok = Report()


def mib():
    """Counters of the stack."""
    found = {}
    for name in ("netstat", "snmp"):
        with open(f"/proc/net/{name}", encoding="ascii") as handle:
            lines = [line.split() for line in handle]
        for names, values in zip(lines[::2], lines[1::2]):
            if names[0] in ("TcpExt:", "Tcp:"):
                found |= {names[0] + n: int(v) for n, v in zip(names[1:], values[1:])}
    return found


def less(after, before, *names):
    return {n: after["TcpExt:" + n] - before["TcpExt:" + n] for n in names}


# --- Calm ---------------------------------------------------------------------------------------

def odd_segments(port):
    """Whatever the module would judge, were it engaged."""
    def packet(flags, options=b"", **more):
        return Packet(HONEST, SERVER, port, wire.PORT, flags, seq=5000, options=options, **more)

    yield from (packet(SYN, o) for o in (WITH_TS, WITHOUT_TS, b"", segments.mss(300)))
    yield packet(SYN, segments.mss(536) + b"\x08\x0a\0")            # malformed
    yield packet(SYN, segments.timestamps(1) * 2 + segments.mss(1))
    yield packet(SYN | segments.ECE | segments.CWR, WITH_TS)
    yield packet(SYN | FIN, WITH_TS)
    yield packet(SYN | RST, WITH_TS)
    yield packet(SYN, WITH_TS, payload=b"early")
    yield packet(SYN, WITH_TS, csum_xor=1)
    yield packet(SYN, WITH_TS, doff=4)
    yield packet(ACK, ack=77)
    yield packet(ACK, segments.timestamps(5, 6), ack=77, payload=b"data")
    yield packet(ACK | FIN | PSH, ack=77)
    yield packet(FIN)
    yield packet(0)
    yield packet(RST)
    yield packet(SYN | ACK, WITH_TS, ack=9)


def shape(answer):
    """All of an answer but what the stack draws at random."""
    options = [(k, v if k != segments.TS else v[4:])
               for k, v in segments.read_options(answer.options)[0]]
    known = answer.flags & RST
    return dataclasses.replace(answer, seq=answer.seq if known else 0, dport=0, ipid=0, flow=0,
                               options=b""), options


def calm_behaviour(box, first):
    """What becomes of each of them, and of a whole connection; what the stack counts."""
    before, seen = mib(), []
    for number, packet in enumerate(odd_segments(0)):
        packet.sport = first + number
        seen.append([shape(a) for a in box.exchange(packet)])
        # Its request is not to be there for the next.
        box.exchange(Packet(HONEST, SERVER, first + number, wire.PORT, RST, seq=5001))
    for options in (WITH_TS, WITHOUT_TS):
        shake = Handshake(box, HONEST, first + 100 + len(options), options).start()
        seen.append([shape(a) for a in box.exchange(shake.ack(payload=b"hello"))])
        socks = box.accept()
        seen.append([len(socks), [s.recv(9) for s in socks.values()]])
        auto.abort(socks.values())
        box.fence()
    after = mib()
    return seen, {n: after[n] - before[n] for n in after if after[n] != before[n]}


def calm(box, service, counters):
    service.engage("off")
    box.exchange(Packet(HONEST, SERVER, 9, wire.PORT, RST))
    without = calm_behaviour(box, 10000)
    service.engage("auto")
    within = calm_behaviour(box, 11000)
    differ = [f"{i}: {a} / {b}" for i, (a, b) in enumerate(zip(without[0], within[0])) if a != b]
    ok(without[0] and without[0] == within[0], "calm: every answer is the stack's", differ)
    ok(without[1] == within[1], "calm: the stack counts the same",
       f"{sorted(without[1].items())}\n{sorted(within[1].items())}")
    ok(not counters.read(), "calm: the module counts nothing", counters.read())
    ok(not service.engaged() and not service.told() and not service.attacks(),
       "calm: no attack is told of")


# --- An attack ----------------------------------------------------------------------------------

def gone(box, seconds=20):
    """The stack has forgotten what nobody answered."""
    end = time.monotonic() + seconds
    while auto.embryonic() and time.monotonic() < end:
        time.sleep(0.2)
    box.fence()
    return not auto.embryonic()


def attack(box, service, counters, flood):
    """Everything that may be under way when a service engages, and when it is released."""
    before, count = mib(), 500 if PLATFORM == "vm" else 1000
    early = Handshake(box, auto.source(1, 5), 2001).start()
    late = Handshake(box, auto.source(2, 5), 2002).start()
    answers = flood(count)
    mine = early.syn.src, late.syn.src      # whose SYN-ACKs the stack may send again
    found = len({(a.dst, a.dport) for a in answers if a.flags & SYN and a.dst not in mine})
    ok(found == count, "attack: every SYN is answered", found)
    ok(auto.embryonic() == HALF, "attack: the queue is half full, and stays so",
       auto.embryonic())
    ok(counters.read() == {"syn_answered": count - HALF + 2},
       "attack: the SYN that found it half full is the first with a cookie", counters.read())
    ok(service.engaged(), "attack: engaged")
    again = box.exchange(late.syn)
    ok({a.seq for a in again if a.dport == 2002} == {late.answer.seq},
       "attack: a SYN of before that comes again gets the SYN-ACK of before")
    box.exchange(early.ack(payload=b"early"), late.ack(payload=b"late"))
    ok(len(box.accept()) == 2, "attack: handshakes of before are completed by the stack")
    served = 0
    for n in range(20):
        shake = Handshake(box, auto.source(n, 6), 3000 + n, (WITH_TS, WITHOUT_TS)[n % 2]).start()
        flood(10)
        box.exchange(shake.ack(payload=b"hello"))
        served += len(box.accept())
    ok(served == 20, "attack: all honest clients are served", served)
    rose = less(mib(), before, "ListenDrops", "ListenOverflows", "SyncookiesSent",
                "TCPReqQFullDoCookies", "TCPReqQFullDrop")
    ok(not any(rose.values()), "attack: the stack drops nothing and needs no cookies of its own",
       rose)
    return 20


def shown(one):
    """By the tool, in JSON and as a table."""
    def tool(*words):
        return subprocess.run(["cookiebox", *words], check=True, capture_output=True,
                              text=True).stdout

    found = json.loads(tool("-j", "show", "attacks"))
    names = {"service": "service", "start": "start_ms", "end": "end_ms", "peak": "peak",
             "answered": "answered", "completed": "completed"}
    ok([{n: a.get(j) for n, j in names.items()} for a in found] == [{n: one[n] for n in names}],
       "show attacks: as JSON", found)
    rows = [line.split() for line in tool("show", "attacks").splitlines()]
    ok(len(rows) == 2 and rows[1][0] == "web" and
       rows[1][-3:] == [str(one[n]) for n in ("peak", "answered", "completed")],
       "show attacks: as a table", rows)


def release(box, service, counters, served):
    """Right after the last SYN of a flood."""
    pending = [Handshake(box, auto.source(n, 7), 4000 + n, (WITH_TS, WITHOUT_TS)[n % 2]).start()
               for n in range(6)]
    took = service.until(False)
    ok(took is not None and HOLD - 0.2 <= took <= HOLD + 3,
       f"release: the hold time after the flood ({HOLD} s)", took)
    told = service.told()
    ok([kind for kind, _ in told] == ["engaged", "released"], "release: two events in all", told)
    before = counters.read()
    answered = before["syn_answered"]
    found = service.attacks()
    ok(len(found) == 1 and found[0] == told[-1][1], "history: the attack, as it was told of", found)
    one = found[0]
    ok(one["answered"] == answered and one["completed"] == served and one["service"] == "web",
       "history: SYNs answered, honest completions", one)
    ok(0 < one["end"] - one["start"] < 60000 and 200 < one["peak"] <= 2 * answered,
       "history: start, end, peak", one)

    shown(one)

    box.exchange(*(shake.ack(payload=b"hello") for shake in pending[:3]))
    ok(len(box.accept()) == 3, "released: cookies that were given out redeem")
    # A client whose SYN was answered with a cookie, and has come again since.
    for shake in pending[3:]:
        other = box.exchange(shake.syn)
        if shake.answer.seq in [a.seq for a in other]:
            ok(False, "released: the stack answers what comes again")
    ok(auto.embryonic() >= 3, "released: SYNs that come again are the stack's")
    answers = box.exchange(*(shake.ack(payload=b"hello") for shake in pending[3:]))
    ok(len(box.accept()) == 3 and not any(a.flags & RST for a in answers),
       "released: a client takes the cookie, whatever the stack has sent since",
       [str(a) for a in answers])
    ok(counters.read() == before | {"cookie_accepted": before["cookie_accepted"] + 6},
       "released: nothing else is counted", counters.read())


def left_over(box, service, flood):
    """The queue is still as full as the flood has left it."""
    flood(HALF + 10)
    service.until(True)
    service.until(False)
    service.told()
    stale = auto.embryonic()
    for n in range(5):
        shake = Handshake(box, auto.source(n, 8), 5000 + n).start()
        box.exchange(shake.ack())
    ok(not service.engaged() and len(box.accept()) == 5,
       f"left over: {stale} old requests do not engage anew")
    ok(gone(box), "left over: they age away")


# --- Slow floods --------------------------------------------------------------------------------

def slow_flood(box, service, flood, per_second, seconds):
    """Evenly; returns the kinds of events."""
    begin, sent = time.monotonic(), 0
    while (now := time.monotonic() - begin) < seconds:
        due = int(now * per_second) - sent
        if due:
            flood(due)
            sent += due
        time.sleep(0.02)
    return [kind for kind, _ in service.told()]


def slow(box, service, flood):
    gone(box)
    service.told()
    seconds = 60
    found = slow_flood(box, service, flood, HALF * 0.75 / LIFE, seconds)
    ok(found == [], "slow flood between release and engage: stays calm", found)
    found = slow_flood(box, service, flood, HALF * 1.15 / LIFE, seconds)
    ok(found == ["engaged"], "slow flood at the threshold: engages once", found)
    found = slow_flood(box, service, flood, HALF * 0.75 / LIFE, seconds / 2)
    ok(found == [], "slow flood between engage and release: stays engaged", found)
    found = slow_flood(box, service, flood, HALF * 0.25 / LIFE, HOLD + 5)
    ok(found == ["released"], "slow flood below release: released", found)


# --- A service's own settings -------------------------------------------------------------------

def engage_by(box, service, flood):
    """A flood that is over at once."""
    gone(box)
    service.told()
    flood(HALF + 10)
    end = time.monotonic() + 5
    while not (told := service.told()) and time.monotonic() < end:
        time.sleep(0.05)
    return [kind for kind, _ in told] == ["engaged"]


def own_hold(box, service, flood):
    """Of what the service says and what the sysctl does, the service's, longer or shorter."""
    for own, general in ((6, HOLD), (HOLD, 20)):
        wire.sysctl("net.cookiebox.auto_hold_seconds", general)
        subprocess.run(["cookiebox", "service", "set", "web", "hold", str(own)], check=True)
        begun = engage_by(box, service, flood)
        took = service.until(False, 30)
        ok(begun and took is not None and own - 0.2 <= took <= own + 3,
           f"hold {own} of a service, by default {general} s", took)
    wire.sysctl("net.cookiebox.auto_hold_seconds", HOLD)
    service.limits()


def own_release(box, service, flood):
    """A flood is over, or is not, by the service's release-at: 25 by default, as slow() shows."""
    service.limits(release=45)
    ok(engage_by(box, service, flood), "release-at 45: engaged")
    found = slow_flood(box, service, flood, HALF * 0.75 / LIFE, 20)
    ok(found == ["released"], "release-at 45: released at what stands for 37 %", found)
    service.limits(release=10)
    ok(engage_by(box, service, flood), "release-at 10: engaged")
    found = slow_flood(box, service, flood, HALF * 0.25 / LIFE, 20)
    ok(found == [], "release-at 10: not at what stands for 12 %", found)
    service.limits()
    found = slow_flood(box, service, flood, HALF * 0.25 / LIFE, HOLD + 5)
    ok(found == ["released"], "release-at unset: but then it is", found)


# --- Settings -----------------------------------------------------------------------------------

def engages_at(box, service, flood):
    """How full the queue was."""
    gone(box)
    flood(BACKLOG + 20)
    full = auto.embryonic()
    engaged = service.engaged()
    service.engage("off")
    service.engage("auto")
    service.until(False)
    return full if engaged else None


def thresholds(box, service, flood):
    service.limits(engage=10, release=5)
    found = engages_at(box, service, flood)
    ok(found == 13, "engage-at 10 of a service: 13 of 128", found)
    service.limits()
    wire.sysctl("net.cookiebox.auto_engage_percent", 100)
    found = engages_at(box, service, flood)
    ok(found == BACKLOG, "net.cookiebox.auto_engage_percent: 100 is before the stack's own cookies",
       found)
    wire.sysctl("net.cookiebox.auto_engage_percent", 50)
    wire.sysctl("net.ipv4.tcp_max_syn_backlog", 40)
    found = engages_at(box, service, flood)
    ok(found == 20, "net.ipv4.tcp_max_syn_backlog bounds the backlog", found)
    wire.sysctl("net.ipv4.tcp_max_syn_backlog", 4096)


def set_otherwise(box, service, flood):
    """Engaged, and then set to something else, or deleted."""
    for how in ("always", "off", "observe"):
        gone(box)
        flood(100)
        service.until(True)
        before = len(service.attacks())
        service.engage(how)
        end = time.monotonic() + 10
        while len(found := service.attacks()) < before and time.monotonic() < end:
            time.sleep(0.05)
        ok(len(found) == before and "end" in found[-1], f"set {how} while engaged: the attack ends",
           found[-1])
        service.engage("auto")
    service.told()
    ok(not service.engaged(), "and it is calm when it is set to auto again")
    pending = Handshake(box, auto.source(1, 9), 6001)
    service.engage("always")
    pending.start()
    service.engage("auto")
    box.exchange(pending.ack())
    ok(len(box.accept()) == 1, "a cookie that always gave out redeems with auto")


def honest(box, service, flood, seconds):
    """Clients near and far, while floods come and go."""
    gone(box)
    begin, clients, served, tables = time.monotonic(), [], set(), {}
    service.told()
    while (now := time.monotonic() - begin) < seconds + 10:
        if now < seconds:
            clients.append(auto.Client(len(clients), now, RTTS[len(clients) % len(RTTS)]))
            tables[clients[-1].src, clients[-1].sport] = clients[-1]
        if now < seconds and now % 5 < 1:           # a second of flood, four of calm
            for answer in flood(40):
                hears(tables, answer, now)
        for client in clients:
            for packet in client.sends(now):
                box.send(packet)
        for answer in box.fence():
            hears(tables, answer, now)
        fresh = box.accept()
        served |= set(fresh)
        auto.abort(fresh.values())
        time.sleep(0.05)
    kinds = [kind for kind, _ in service.told()]
    lost = [f"{c.rtt} s, began {c.began:.2f}, reset {c.reset}" for c in clients
            if (c.src, c.sport) not in served]
    ok(not lost, f"{len(clients)} honest clients with round trips of {RTTS[0]} to {RTTS[-1]} s over "
       f"{len(kinds)} transitions: all served", lost)
    ok(kinds.count("engaged") >= 3 and kinds.count("released") >= 3, "there were transitions", kinds)


RTTS = 0.01, 0.1, 0.4, 0.9, 1.3, 2.2


def hears(tables, answer, now):
    client = tables.get((answer.dst, answer.dport))
    if client:
        client.hears(answer, now)


def several(box, service, flood):
    """A range of ports engages as a whole; a group has the room of all its members."""
    gone(box)
    with socket.socket(wire.AF) as other:
        other.bind((wire.unpacked(SERVER), wire.PORT + 1))
        other.listen(BACKLOG)
        service.set(genl.u16(genl.C["A_SERVICE_PORT_MIN"], wire.PORT),
                    genl.u16(genl.C["A_SERVICE_PORT_MAX"], wire.PORT + 1))
        flood(HALF + 10, wire.PORT + 1)
        full = auto.embryonic(wire.PORT + 1)
        shake = Handshake(box, auto.source(1, 10), 7001)
        before = auto.embryonic()
        shake.start()
        ok(full == HALF and auto.embryonic() == before,
           "a range of ports engages as a whole", (full, before))
        box.exchange(shake.ack())
        ok(len(box.accept()) == 1, "and serves as a whole")
        service.set(genl.u16(genl.C["A_SERVICE_PORT_MIN"], wire.PORT),
                    genl.u16(genl.C["A_SERVICE_PORT_MAX"], wire.PORT))
    service.until(False)


def main():
    box, service = wire.Wire(), auto.Service()
    box.listener.listen(BACKLOG)
    counters, flood = wire.Counters("web"), auto.Flood(box)
    wire.sysctl("net.cookiebox.auto_hold_seconds", HOLD)
    calm(box, service, counters)
    served = attack(box, service, counters, flood)
    release(box, service, counters, served)
    gone(box)
    if PLATFORM != "vm":       # there waiting costs what it takes
        left_over(box, service, flood)
        set_otherwise(box, service, flood)
        several(box, service, flood)
    thresholds(box, service, flood)
    if PLATFORM == "uml-fast":
        slow(box, service, flood)
        own_hold(box, service, flood)
        own_release(box, service, flood)
        honest(box, service, flood, 40)
    gone(box)
    flood(100)                      # the last attack goes on when the module is taken away
    return ok.done()


sys.exit(main())
