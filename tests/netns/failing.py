#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every allocation of the module fails once; failing.sh starts it."""

import contextlib
import ctypes
import gc
import os
import select
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import failing  # noqa: E402
import failing_rules  # noqa: E402
import failing_splice  # noqa: E402
import tap  # noqa: E402
from genl import C, DUMP, Counted, Refused, Socket, attr, nest, text, u8, u16, u32  # noqa: E402
from report import Report  # noqa: E402

MODULE = os.environ["MODULE"]
NAME, PORT = C["A_SERVICE_NAME"], C["A_SERVICE_PORT_MIN"]
OFF = u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_OFF"])
KEY, PAIR, NOW = (C["A_KEY_" + n] for n in ("MASTER", "FLOW_PAIR", "NOW"))
SYSCTL = "/proc/sys/net/cookiebox/"
SMALL = b"8"            # entries: less than a page, so that there is nothing to fall back to
MPTCP, PACKET_ALL, CLONE_NEWNET = 262, 3, 0x40000000
# What allocates when the module is loaded, and not again for each namespace.
OF_LOAD = ("alloc_workqueue", "register_pernet_subsys", "genl_register_family")
LIBC = ctypes.CDLL(None, use_errno=True)

# What does not show among the places that failed. Some fail without a word: for them no_memory grows.
SPARED = {"pcpu_alloc_noprof": "percpu memory has no fault injection",
          "cb_gate_alloc": "larger than a page: falls back to vmalloc",
          "cb_prints_alloc": "likewise, but for its head", "cb_calm_prepare": "likewise",
          "cb_demux_listener": "all of the header was gathered before",
          "xt_register_targets": "allocates nothing",
          "inet_reqsk_alloc": "without a word", "mptcp_subflow_reqsk_alloc": "without a word",
          "__pskb_pull_tail": "without a word",
          "pskb_expand_head": "without a word", "skb_ensure_writable": "without a word",
          "cb_splice_begin": "without a word", "add": "likewise; the flow cache counts it",
          "inject_built": "without a word", "send_built": "without a word",
          "cb_profiles_start": "larger than a page: falls back to vmalloc",
          "cb_splice_start __kvmalloc_node_noprof": "likewise",
          # of attack.c, in a work queue, where nothing fails by number; tried again each second
          "tick": "the history", "make_history": "the history",
          # struct cb_show, __GFP_NOWARN; whichever function the compiler leaves it in
          "prepare": "without a word", "cb_conntrack_show": "without a word"}


ok = Report()


# --- Load -----------------------------------------------------------------------------------

def insmod():
    handle = os.open(MODULE, os.O_RDONLY)
    try:
        if LIBC.syscall(313, handle, b"", 0):           # finit_module
            raise OSError(ctypes.get_errno(), "finit_module")
    finally:
        os.close(handle)


def rmmod():
    if LIBC.syscall(176, b"cookiebox", 0):              # delete_module
        raise OSError(ctypes.get_errno(), "delete_module")


def loaded():
    return os.path.exists("/sys/module/cookiebox")


def remains():
    """What a load that failed has left behind."""
    if loaded():
        return "the module is still there"
    if os.path.exists(SYSCTL):
        return "the sysctls are still there"
    with contextlib.suppress(Refused):
        Socket()
        return "the netlink family is still there"
    return None


def load(fail):
    """Two namespaces exist: when the second cannot be prepared, the first is to be cleared."""
    def judge(_failed, result):
        if not isinstance(result, Exception) or loaded():
            rmmod()
        return remains()

    count, complaints = fail.each_until("alloc_workqueue", insmod, judge)
    ok(count > 20 and not complaints, f"load: {count} allocations fail, nothing stays", complaints)
    insmod()
    ok(loaded(), "and then it loads")


def namespace():
    with open("/proc/thread-self/ns/net", "rb") as handle:
        return os.fstat(handle.fileno()).st_ino


def namespaces(fail):
    """A namespace that cannot be prepared is not made; the module and all others go on."""
    home, before = os.open("/proc/thread-self/ns/net", os.O_RDONLY), namespace()
    of_load, fail.hit = fail.hit, set()

    def make():
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")

    def judge(_failed, result):
        made = not isinstance(result, Exception)
        if made == (namespace() == before):
            return f"{result!r}, and the namespace is {'the same' if made else 'another'}"
        answered = Socket().request(C["CMD_STATUS_GET"])
        if made and LIBC.setns(home, CLONE_NEWNET):
            return "no way back"
        return None if answered else "no status"

    count, complaints = fail.each_until(None, make, judge, 20)
    ok(count > 20 and not complaints, f"namespace: {count} allocations fail, nothing stays", complaints)
    wanted = {s for s in of_load if fail.sites[s] not in OF_LOAD}
    ok(len(wanted) > 2 and fail.hit == wanted,
       f"namespace: all {len(wanted)} places of the module have failed", sorted(fail.hit ^ wanted))
    fail.hit |= of_load
    os.close(home)
    rmmod()
    ok(not remains(), "and the module can go")
    insmod()


# --- Netlink and sysctls ----------------------------------------------------------------------

def services(sock):
    return [[reply[n] for n in sorted(reply) if n != C["A_SERVICE_ID"]]
            for reply in sock.dump(C["CMD_SERVICE_GET"])]


def state(sock):
    """What may only be as before, or as after all of a request. Masters become pending ones and
    the other way round as epochs go by, so they are one set; rotation makes up others."""
    key = sock.request(C["CMD_KEY_GET"], attr(C["A_KEY_SECRETS"]))[0]
    with open(SYSCTL + "epoch_seconds", encoding="ascii") as handle:
        return (services(sock), key[PAIR], handle.read(),
                sorted(m if m in MASTERS else b"another"
                       for m in key[KEY] + key.get(C["A_KEY_PENDING_MASTER"], [])))


class Request:
    """One request and how it is undone; `prepare` comes before each."""

    def __init__(self, command, payload=b"", undo=None, prepare=None, flags=5):
        self.command, self.payload, self.flags = command, payload, flags
        self.undo, self.prepare = undo, prepare

    def __call__(self, sock):
        return sock.request(C["CMD_" + self.command], self.payload, self.flags)


def pair(byte):
    return nest(PAIR, attr(C["A_FLOW_PAIR_KEY"], byte * 16), u32(C["A_FLOW_PAIR_BASE"], 7))


ALLOW = b"".join(nest(C["A_SERVICE_ALLOW"], attr(C["A_PREFIX_ADDR4"], bytes([10, i, 0, 0])),
                      u8(C["A_PREFIX_LEN"], 16)) for i in range(40))
ADD = Request("SERVICE_ADD", text(NAME, "new") + u16(PORT, 81) + OFF + ALLOW)
DEL = Request("SERVICE_DEL", text(NAME, "new"))
BEGIN, ABORT = Request("BEGIN"), Request("ABORT")
MASTERS = (b"o" * 32, b"k" * 32)
KEY_OLD = Request("KEY_SET", attr(KEY, MASTERS[0]) + attr(NOW) + pair(b"o"))


def many(sock):
    BEGIN(sock)
    for i in range(12):         # more than a stage has room for at first
        sock.request(C["CMD_SERVICE_ADD"], text(NAME, f"n{i}") + u16(PORT, 100 + i) + OFF)


def few(sock):
    BEGIN(sock)
    for i in range(12):
        sock.request(C["CMD_SERVICE_DEL"], text(NAME, f"n{i}"))
    sock.request(C["CMD_COMMIT"])


REQUESTS = {
    "add": Request("SERVICE_ADD", ADD.payload, undo=DEL),
    "set": Request("SERVICE_SET", text(NAME, "web") + ALLOW,
                   undo=Request("SERVICE_SET", text(NAME, "web") + nest(C["A_SERVICE_ALLOW"]))),
    "delete": Request("SERVICE_DEL", text(NAME, "new"), prepare=ADD, undo=ADD),
    "begin": Request("BEGIN", undo=ABORT),
    "add to a transaction": Request("SERVICE_ADD", ADD.payload, prepare=BEGIN, undo=ABORT),
    "commit": Request("COMMIT", prepare=many, undo=few),
    "abort": Request("ABORT", prepare=many),
    "get": Request("SERVICE_GET", text(NAME, "web")),
    "dump": Request("SERVICE_GET", flags=1 | DUMP),
    "look-up": Request("LOOKUP", attr(C["A_LOOKUP_DEST4"], bytes(4)) +
                       u16(C["A_LOOKUP_PORT"], 80)),
    "reason": Request("REASON_GET", u32(C["A_REASON_ID"], 1)),
    "reasons": Request("REASON_GET", flags=1 | DUMP),
    "stats": Request("STATS_GET", text(C["A_STATS_NAME"], "web")),
    "all stats": Request("STATS_GET", flags=1 | DUMP),
    "status": Request("STATUS_GET"),
    "key get": Request("KEY_GET", attr(C["A_KEY_SECRETS"])),
    "master": Request("KEY_SET", attr(KEY, MASTERS[1]) + attr(NOW), undo=KEY_OLD),
    "flow pairs": Request("KEY_SET", pair(b"p") + pair(b"o"), undo=KEY_OLD),
    "master and flow pairs": Request("KEY_SET", attr(KEY, MASTERS[1]) + attr(NOW) + pair(b"p"),
                                     undo=KEY_OLD),
    "rotation": Request("KEY_ROTATE", attr(NOW), undo=KEY_OLD),
    "flows": Request("CACHE_GET", flags=1 | DUMP),
    "flush": Request("CACHE_FLUSH"),
    "attacks": Request("ATTACK_GET", flags=1 | DUMP),
    "servers": Request("SERVER_GET", flags=1 | DUMP),
}


def attempt(fail, name, request):
    """Each allocation of the request fails; all of it is done or nothing."""
    sock, other = Socket(), Socket()

    def ready():
        if request.prepare:
            request.prepare(sock)
        return state(other)

    def tidy(done):
        if done and request.undo:
            request.undo(sock)
        for left_over in (ABORT, *([DEL] if request.prepare is ADD else [])):
            with contextlib.suppress(Refused):
                left_over(sock)

    before = ready()
    request(sock)
    after = state(other)
    tidy(True)
    mute = []

    def judge(failed, result):
        sock.drain()
        now = state(other)
        if isinstance(result, Refused) and fail.last and not result.sentence:
            mute.append(fail.last)
        done = not isinstance(result, Exception) or (now == after and after != before)
        tidy(done)
        wrong = None if now in (before, after) else f"neither done nor not done: {result!r}"
        if not failed and now != after:
            wrong = f"no allocation failed, and yet: {result!r}"
        if ready() != before:
            wrong = f"{wrong}; cannot be undone"
        return wrong

    ready()
    count, complaints = fail.each(lambda: refused(sock, request), judge)
    tidy(False)
    ok(not mute, f"{name}: what the module refuses for want of memory has a sentence", mute)
    ok(count > 1 and not complaints,
       f"{name}: {count} allocations fail, none leaves half of it", complaints)
    sock.close()
    other.close()


def refused(sock, request):
    try:
        return request(sock)
    except Refused as why:
        return why


def anew():
    """The module as if nobody had ever asked it for anything."""
    rmmod()
    insmod()
    return Socket()


def first_of_namespace(fail, what, request):
    """What is made when it is first asked for: the module is loaded anew each time."""
    sock = Socket()

    def judge(_failed, _result):
        nonlocal sock
        sock.close()
        sock = anew()

    count, complaints = fail.each(lambda: refused(sock, request), judge)
    ok(count > 5 and not complaints, f"{what}: {count} allocations fail", complaints)


def control(fail):
    sock = Socket()
    ok(sock.request(C["CMD_STATUS_GET"])[0][C["A_STATUS_HOOKS"]][0] == b"\0", "no hooks yet")
    listener = Socket()
    listener.sock.setsockopt(270, 1, listener.groups["events"])         # NETLINK_ADD_MEMBERSHIP
    first = Request("SERVICE_ADD", text(NAME, "web") + u16(PORT, 80) + OFF,
                    undo=Request("SERVICE_DEL", text(NAME, "web")))
    KEY_OLD(sock)
    with open(SYSCTL + "embryonic_max", "wb", buffering=0) as handle:
        handle.write(b"9")          # as SMALL
    attempt(fail, "the first service, with the hooks", first)
    first(sock)
    for name, request in REQUESTS.items():
        attempt(fail, name, request)
    before = state(sock)
    handle = os.open(SYSCTL + "epoch_seconds", os.O_RDWR)

    def judge(_failed, result):
        now = state(sock)
        os.pwrite(handle, before[2].encode(), 0)
        return None if now == before or now[2].split() == ["30"] else f"{result!r}: {now[2]}"

    count, complaints = fail.each(lambda: os.pwrite(handle, b"30", 0), judge)
    ok(count > 0 and not complaints, f"sysctl: {count} allocations fail", complaints)
    resize(fail, "single_use_max", b"2000", "size of a set")
    resize(fail, "embryonic_max", SMALL, "size of the embryonic cache")


def resize(fail, name, other, what):
    """Another size, or the one that it had."""
    handle = os.open(SYSCTL + name, os.O_RDWR)
    before = os.pread(handle, 32, 0)

    def judge(_failed, result):
        now = os.pread(handle, 32, 0)
        os.pwrite(handle, before, 0)
        return None if now in (before, other + b"\n") else f"{result!r}: {now}"

    count, complaints = fail.each(lambda: os.pwrite(handle, other, 0), judge)
    ok(count > 0 and not complaints, f"{what}: {count} allocations fail", complaints)


# --- Segments ---------------------------------------------------------------------------------

def listener(family, port, protocol):
    sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM,
                         protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((tap.SERVER[family], port))
    sock.listen(64)
    return sock


class Client:
    """Handshakes from ever new ports with one listener."""
    port = 20000

    def __init__(self, device, family, dport, server):
        self.device, self.family, self.dport, self.server = device, family, dport, server
        # Somebody who captures holds on to the SYN: its buffer cannot be used for the answer.
        self.capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PACKET_ALL))
        self.capture.setblocking(False)

    def syn(self, data=b""):
        Client.port += 1
        self.device.drain()
        with contextlib.suppress(BlockingIOError):
            while self.capture.recv(64):
                pass
        self.device.send(self.family, Client.port, self.dport, 1000, 0, tap.SYN,
                         b"\2\4\5\xb4\4\2\1\1", data)
        return [s for s in self.device.drain() if s["dport"] == Client.port]

    def ack(self, seq):
        self.device.send(self.family, Client.port, self.dport, 1001, seq, tap.ACK)

    def accepted(self):
        if not select.select([self.server], [], [], 0)[0]:
            return False
        child = self.server.accept()[0]
        # By a RST: nobody would acknowledge a FIN, and what waits for that knows the tuple.
        child.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        child.close()
        return True


def syns(fail, sock, client, what, data=b""):
    """Whatever fails, a SYN is answered or not, and the next one is."""
    counted = Counted(sock)

    def judge(failed, result):
        good = isinstance(result, list) and len(result) == 1 and result[0]["flags"] == tap.SYN | tap.ACK
        if not failed and not good:
            return f"not answered: {result!r}"
        return None if len(client.syn()) == 1 else "the next one is not answered"

    count, complaints = fail.each(lambda: client.syn(data), judge, 200)
    grown = counted["no_memory"]
    ok(count > 1 and not complaints, f"{what}: {count} allocations fail", complaints)
    ok(grown > 0, f"{what}: no_memory grows by {grown}")


def acks(fail, sock, client, what):
    """Whatever fails, the same ACK sent again makes the connection."""
    counted, one = Counted(sock), None
    seq = 0

    def shake():
        nonlocal seq, one
        one = Counted(sock)
        answer = client.syn()
        seq = answer[0]["seq"] + 1 if answer else 0

    def judge(failed, result):
        made, again = client.accepted(), False
        if not made:
            client.ack(seq)
            again = client.accepted()
        wrong = None if made or again else f"nor when it is sent again: {result!r}; {one}"
        if not failed and not made:
            wrong = f"no connection: {result!r}; {one}"
        shake()
        return wrong

    shake()
    count, complaints = fail.each(lambda: client.ack(seq), judge, 200)
    grown = counted["no_memory"]
    ok(count > 3 and not complaints, f"{what}: {count} allocations fail", complaints)
    ok(grown > 0, f"{what}: no_memory grows by {grown}")


def remembered(fail, sock, client):
    """Whatever fails, the connection is made; the flow cache counts what it could not take."""
    cached = text(NAME, "p8080") + u8(C["A_SERVICE_FLOW_CACHE"], C["FLOW_CACHE_ON"])
    sock.request(C["CMD_SERVICE_SET"], cached)
    before = failing_splice.flows(sock, "REFUSED")
    acks(fail, sock, client, f"IPv{client.family} ACK, with the flow cache")
    grown = failing_splice.flows(sock, "REFUSED") - before
    ok(grown > 0, f"IPv{client.family} ACK, with the flow cache: it refuses {grown}")
    attempt(fail, "flows that are there", REQUESTS["flows"])
    sock.request(C["CMD_SERVICE_SET"], text(NAME, "p8080") + u8(C["A_SERVICE_FLOW_CACHE"], 0))


def nft(commands):
    subprocess.run(["nft", commands], check=True)


def segments(fail, device):
    sock = Socket()
    for port in (8080, 8081):
        sock.request(C["CMD_SERVICE_ADD"], text(NAME, f"p{port}") + u16(PORT, port))
    for family in (4, 6):
        plain, multipath = listener(family, 8080, 0), listener(family, 8081, MPTCP)
        client = Client(device, family, 8080, plain)
        ok(len(client.syn()) == 1, f"IPv{family}: a SYN is answered")
        syns(fail, sock, client, f"IPv{family} SYN, routed")
        sock.request(C["CMD_SERVICE_SET"], text(NAME, "p8080") +
                     u8(C["A_SERVICE_REPLY"], C["REPLY_REFLECT"]))
        syns(fail, sock, client, f"IPv{family} SYN, reflected")
        sock.request(C["CMD_SERVICE_SET"], text(NAME, "p8080") +
                     u8(C["A_SERVICE_REPLY"], C["REPLY_ROUTE"]))
        syns(fail, sock, client, f"IPv{family} SYN in pieces", bytes(5000))
        acks(fail, sock, client, f"IPv{family} ACK")
        acks(fail, sock, Client(device, family, 8081, multipath), f"IPv{family} ACK, MPTCP")
        remembered(fail, sock, client)
        nft("add table inet t; add chain inet t in { type filter hook input priority 0; }; "
            "add rule inet t in ct state established accept")
        acks(fail, sock, client, f"IPv{family} ACK, beside conntrack")
        nft("delete table inet t")


def all_sites(fail):
    """Every call of an allocator in the module's code has failed."""
    sites = fail.sites
    spared = {site for site, allocator in sites.items()
              if SPARED.keys() & {allocator, (function := site.split("+")[0]),
                                  f"{function} {allocator}"}}
    never = {f"{site} ({sites[site]})" for site in set(sites) - fail.hit - spared}
    ok(len(sites) > 20 and not never,
       f"of {len(sites)} places that allocate all have failed, {len(spared)} apart", sorted(never))


def main():
    print("KTAP version 1")
    gc.disable()
    failing.prepare()
    fail = failing.Failing(MODULE)
    load(fail)
    namespaces(fail)
    first_of_namespace(fail, "the first key ring", Request("KEY_GET"))
    first_of_namespace(fail, "the first flow cache",
                       Request("SERVICE_ADD", text(NAME, "web") + u16(PORT, 80) + OFF))
    failing_splice.first_service(fail, ok, anew)
    control(fail)
    failing_rules.rules(fail, ok)
    device = tap.Tap()
    segments(fail, device)
    failing_splice.segments(fail, ok, device)
    all_sites(fail)
    return ok.done()


if __name__ == "__main__":
    sys.exit(main())
