#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What the flow cache says of connections, and what it forgets: flow-cache.py FAMILY SERVER-MAC TIMES

flow-cache.sh starts it in the server's namespace, with services web (port 80, flow-cache on) and
plain (port 81, off). Prints lines of KTAP without numbers. With MAC `flush` it only flushes, TIMES
times, whenever there is something to flush, and says how many entries that were.
"""

import contextlib
import json
import mmap
import os
import select
import socket
import struct
import subprocess
import sys
import time

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import genl  # noqa: E402
import listen  # noqa: E402
from genl import C, text, u16, u8  # noqa: E402
from listen import CLIENT, SERVER, V6, accept, connect, sysctl  # noqa: E402
from tcpclient import Client, Wire  # noqa: E402

FAMILY, MAC, TIMES = sys.argv[1], sys.argv[2], int(sys.argv[3])
AF = socket.AF_INET6 if V6 else socket.AF_INET
DEST = socket.inet_pton(AF, SERVER)
LIMIT_SYSCTL = "net.cookiebox.flow_cache_bytes"
PAGE, DEFAULT = 4096, 16 << 20
LOW_ONCE = "/run/flow-cache-low-memory"


def check(what, want, got):
    if want == got:
        print(f"ok {what}", flush=True)
    else:
        print(f"# wanted {want}\n# got    {got}\nnot ok {what}", flush=True)


def tool(*words, fails=False):
    done = subprocess.run(["cookiebox", *words], capture_output=True, text=True, check=False)
    if fails:
        return done.returncode, done.stderr.strip()
    return json.loads(done.stdout) if "-j" in words else done.stdout


class Cache:
    """The control plane, without a process for each question."""

    def __init__(self):
        listen.enter("server")
        self.sock = genl.Socket()

    def entries(self, payload=b""):
        return self.sock.dump(C["CMD_CACHE_GET"], payload)

    def flush(self, payload=b""):
        answer = self.sock.request(C["CMD_CACHE_FLUSH"], payload)[0]
        return struct.unpack("=Q", answer[C["A_CACHE_COUNT"]][0])[0]

    def totals(self):
        status = self.sock.request(C["CMD_STATUS_GET"])[0]
        nest = genl.parse(status[C["A_STATUS_FLOW_CACHE"]][0])
        return {name: struct.unpack("=Q", nest[C["A_FLOW_TOTALS_" + name.upper()]][0])[0]
                for name in ("entries", "pinned", "bytes", "limit", "evicted", "reclaimed")}

    def service(self, name, on):
        self.sock.request(C["CMD_SERVICE_SET"], text(C["A_SERVICE_NAME"], name) +
                          u8(C["A_SERVICE_FLOW_CACHE"], on))


def prefix(number, address, length):
    kind = C["A_PREFIX_ADDR6"] if V6 else C["A_PREFIX_ADDR4"]
    return genl.nest(number, genl.attr(kind, socket.inet_pton(AF, address)),
                     u8(C["A_PREFIX_LEN"], length))


def source(number):
    """Clients of two prefixes: odd and even."""
    return f"fd01::{number % 2 + 1}:{number}" if V6 else f"10.1.{number % 2 + 1}.{number % 250}"


class Clients:
    """Scripted ones: what their SYN offers is known to the byte."""

    def __init__(self):
        listen.enter("server")
        self.wire = Wire("client", "c0", MAC, FAMILY, 20000)
        self.port = 20000

    def new(self, number, port=80, timestamps=True, mss=None):
        self.port += 1
        one = Client(self.wire, socket.inet_pton(AF, source(number)), DEST, (self.port, port),
                     timestamps)
        one.mss = mss or one.mss
        return one

    def open(self, listener, *how, **more):
        one = self.new(*how, **more)
        one.open()
        return one, accept(listener)

    def reset(self, one, child):
        """So that nothing of it stays with the stack."""
        child.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        child.close()
        self.wire.clients.pop(one.ports[0], None)


def aged(one):
    """When we asked, the age of its entry in ms, when we were told."""
    asked = time.monotonic()
    shown = [f["age_ms"] for f in tool("-j", "cache", "show") if f["source_port"] == one.ports[0]]
    return asked, shown[0], time.monotonic()


def ages(clients, web):
    """Milliseconds since the cookie opened, by what the clock says before and after."""
    begin = time.monotonic()
    one = clients.open(web, 4)[0]
    opened = time.monotonic()
    time.sleep(1.5)
    asked, age, told = aged(one)
    check("its age is that of the connection", True,
          (asked - opened) * 1000 - 20 <= age <= (told - begin) * 1000 + 20)
    time.sleep(0.5)
    check("and grows with the time", True, aged(one)[1] - age >= 490)


def facts(clients, web, plain):
    clients.open(plain, 1, port=81)
    check("a service with flow-cache off leaves no entry", [], tool("-j", "cache", "show"))
    one, child = clients.open(web, 2, mss=1444)
    two = clients.open(web, 3, timestamps=False, mss=1400)[0]
    shown = {flow["source_port"]: flow for flow in tool("-j", "cache", "show")}
    check("an entry for each connection", {one.ports[0], two.ports[0]}, set(shown))
    first, second = shown[one.ports[0]], shown[two.ports[0]]
    check("addresses, port, service", (source(2), SERVER, 80, "web"),
          tuple(first[key] for key in ("source", "dest", "port", "service")))
    check("with timestamps: MSS of its class, and how much may be lost",
          (True, True), (first["mss"] <= 1444, first["mss"] + first["mss_lost_max"] >= 1444))
    check("with timestamps: the other options are exact", (7, True, True, False, True),
          tuple(first[key] for key in ("wscale", "timestamps", "sack", "ecn", "exact")))
    check("without: nobody knows what was lost", (None, False, True, False),
          tuple(second[key] for key in ("mss_lost_max", "timestamps", "sack", "exact")))
    check("nothing came again, nothing is pinned", (0, 0, False),
          (first["repeated"], second["repeated"], first["pinned"]))
    table = tool("cache", "show", "port", "80").splitlines()
    check("the table has a title and as many lines", (3, True),
          (len(table), table[0].startswith("SOURCE")))
    return one, child


def repeated(cache, one):
    """Data that the server has already, and an ACK that only looks old."""
    one.write(b"hello")
    one.write(b"world")
    one.send("PA", b"hello", seq=one.next - 10)
    one.wait_answer()
    one.send("PA", b"world", seq=one.next - 5)
    one.wait_answer()
    one.send("A", seq=one.next - 1)
    one.wait_answer()
    found = [e for e in cache.entries()
             if struct.unpack("=H", e[C["A_CACHE_SOURCE_PORT"]][0])[0] == one.ports[0]]
    check("data sent again is counted", 2,
          struct.unpack("=I", found[0][C["A_CACHE_REPEATED"]][0])[0])


def filters(cache, clients, web):
    cache.flush()
    for number in range(10):
        clients.open(web, number)
    net = ("fd01::1:0/112", "fd01::2:0", 112) if V6 else ("10.1.1.0/24", "10.1.2.0", 24)
    other = "10.0.0.0/8" if V6 else "fd00::/8"
    check("by source", 5, len(tool("-j", "cache", "show", "src", net[0])))
    check("by service and port", 10,
          len(tool("-j", "cache", "show", "service", "web", "port", "80")))
    check("by another port, service, destination or family", [0, 0, 0, 0],
          [len(tool("-j", "cache", "show", *words)) for words in
           (("port", "81"), ("service", "plain"), ("dst", CLIENT), ("src", other))])
    check("by destination", 10, len(cache.entries(
        prefix(C["A_CACHE_DEST"], SERVER, 128 if V6 else 32))))
    one = clients.open(web, 12)[0]
    tuple_is = (prefix(C["A_CACHE_SOURCE"], source(12), 128 if V6 else 32) +
                prefix(C["A_CACHE_DEST"], SERVER, 128 if V6 else 32) + u16(C["A_CACHE_PORT"], 80))
    check("one by its tuple", 1, len(cache.sock.request(
        C["CMD_CACHE_GET"], tuple_is + u16(C["A_CACHE_SOURCE_PORT"], one.ports[0]))))
    check("flush says how many, by source", "5 flushed\n",
          tool("cache", "flush", "src", f"{net[1]}/{net[2]}") if len(cache.entries()) == 11 else 0)
    check("and of the others all", 6, tool("-j", "cache", "flush")["flushed"])


def wrong_words():
    for words, want in (
            (("src", "10.0.0.1/33"), 2), (("sorce", "10.0.0.1"), 2), (("port",), 2),
            (("port", "80", "port", "80"), 2), (("src", "10.0.0.0/8", "dst", "fd00::/8"), 2),
            (("service", "nobody"), 1)):
        code, sentence = tool("cache", "flush", *words, fails=True)
        check(f"cache flush {' '.join(words)}: a sentence", (want, 1),
              (code, sentence.count("\n") + 1))


def limits(cache, clients, web):
    sysctl("server", LIMIT_SYSCTL, PAGE)
    for number in range(50):
        clients.reset(*clients.open(web, number))
    got = cache.totals()
    check("a limit of one page holds", (PAGE // 128, PAGE, PAGE, 18),
          (got["entries"], got["bytes"], got["limit"], got["evicted"]))
    sysctl("server", LIMIT_SYSCTL, 1024)
    check("a lowered limit holds at once", 8, cache.totals()["entries"])
    sysctl("server", LIMIT_SYSCTL, 0)
    clients.reset(*clients.open(web, 1))
    check("0 is off, and what there was is gone", 0, cache.totals()["entries"])
    for value in ("-1", "99999999999999999", "many"):
        refused = False
        with contextlib.suppress(OSError):
            sysctl("server", LIMIT_SYSCTL, value)
            refused = None
        check(f"a limit of {value} is refused", False, refused)
    sysctl("server", LIMIT_SYSCTL, DEFAULT)


def served(one, child):
    one.send("PA", b"ping")
    child.settimeout(5)
    got = child.recv(4)
    child.send(b"pong")
    one.wait_data(4)
    return got == b"ping" and one.data[-4:] == b"pong"


def pressure(cache, clients, web):
    """The system's shrinker takes entries; their connections do not notice."""
    pairs = [clients.open(web, number) for number in range(40)]
    before = cache.totals()
    for _ in range(3):
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as handle:
            handle.write("2")
    after = cache.totals()
    check("memory pressure takes entries", (True, True),
          (before["entries"] >= 40, after["entries"] == 0 and after["reclaimed"] >= 40))
    check("their connections go on", 40, sum(served(*pair) for pair in pairs))
    for pair in pairs:
        clients.reset(*pair)


def free_kb():
    with open("/proc/meminfo", encoding="ascii") as handle:
        return next(int(line.split()[1]) for line in handle if line.startswith("MemFree:"))


def take_memory(enough):
    """A process takes what is free, until the kernel begins to look for memory (kswapd); it is asked
    to keep so much free that this is soon. Gives all of it back."""
    free = free_kb()
    old = sysctl("server", "vm.min_free_kbytes", (free - (32 << 10)) * 4 // 5)
    try:
        with mmap.mmap(-1, (free // 5 >> 10) << 20) as taken:
            for start in range(0, len(taken), 1 << 20):
                taken[start:start + (1 << 20)] = bytes(1 << 20)
                if enough():
                    return
            end = time.monotonic() + 20
            while not enough() and time.monotonic() < end:
                time.sleep(0.1)
    finally:
        sysctl("server", "vm.min_free_kbytes", old)


def low_memory(cache, clients, web):
    """As pressure(), but it is the kernel that runs short. Once in each boot: that keeps kswapd
    looking for what is not there, until it gives up for good; and memory is of no family."""
    if os.path.exists(LOW_ONCE):
        print("ok a kernel short of memory takes all entries # SKIP kswapd has given up", flush=True)
        return
    with open(LOW_ONCE, "w", encoding="ascii"):
        cache.flush()
    pairs = [clients.open(web, number) for number in range(40)]
    for number in range(160):
        clients.reset(*clients.open(web, number))
    before = cache.totals()
    take_memory(lambda: cache.totals()["entries"] == 0)
    after = cache.totals()
    check("a kernel short of memory takes all entries", (200, 0, 200),
          (before["entries"], after["entries"], after["reclaimed"] - before["reclaimed"]))
    check("their connections go on, too", 40, sum(served(*pair) for pair in pairs))
    for pair in pairs:
        clients.reset(*pair)
    clients.reset(*clients.open(web, 1))
    check("and there is room again", 1, cache.flush())


def flushes(cache, clients, web):
    """In the middle of handshakes, and of connections, while other load goes on."""
    well = flushed = 0
    for number in range(TIMES):
        one = clients.new(number, timestamps=number % 3 != 0)
        one.syn()
        one.wait_synack()
        flushed += cache.flush()
        one.send("A")
        child = accept(web)
        flushed += cache.flush()
        well += served(one, child)
        clients.reset(one, child)
    check(f"{TIMES} connections through {2 * TIMES} flushes", TIMES, well)
    check("which took as many entries at least", True, flushed >= TIMES)


def dumps(cache, clients, web):
    """A dump over many messages, while entries come and go."""
    for number in range(120):
        clients.reset(*clients.open(web, number))
    small = genl.Socket(4096)
    seen = {(e[C["A_CACHE_SOURCE"]][0], e[C["A_CACHE_SOURCE_PORT"]][0])
            for e in small.dump(C["CMD_CACHE_GET"])}
    check("a dump of many messages shows each entry once", (120, False),
          (len(seen), small.interrupted))
    small.send(C["CMD_CACHE_GET"], b"", genl.REQUEST | genl.DUMP)
    messages = sum(kind != genl.DONE for kind, _, _ in small.receive())
    cache.flush()
    ended = False
    while not ended and select.select([small.sock], [], [], 5)[0]:
        for kind, _, _ in small.receive():
            ended |= kind == genl.DONE
            messages += kind != genl.DONE
    check("a dump whose entries go ends", (True, True), (ended, messages < 120))


def main():
    cache, clients = Cache(), Clients()
    listeners = [listen.listen(port, backlog=4096) for port in (80, 81)]
    listen.enter("server")
    one, child = facts(clients, *listeners)
    repeated(cache, one)
    child.close()
    ages(clients, listeners[0])
    wrong_words()
    for part in (filters, limits, pressure, low_memory, dumps, flushes):
        used = time.process_time()
        part(cache, clients, listeners[0])
        print(f"# {part.__name__}: {time.process_time() - used:.1f} s of processor time")
    with connect(80) as real, accept(listeners[0]) as child:
        real.send(b"x")
        check("an ordinary client is served", b"x", child.recv(1))
    listen.enter("server")
    cache.service("web", 0)
    cache.flush()
    clients.open(listeners[0], 1)
    check("switched off, nothing is remembered", 0, cache.totals()["entries"])
    cache.service("web", 1)


def flush():
    cache, flushed = Cache(), 0
    for number in range(TIMES):
        end = time.monotonic() + 20
        while not (now := cache.flush()):
            if time.monotonic() > end:
                sys.exit(f"nothing to flush after {number} times")
            time.sleep(0.001)
        flushed += now
    print(flushed)


if MAC == "flush":
    flush()
else:
    main()
