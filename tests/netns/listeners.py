#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Ordinary listeners; listeners.sh starts it. See tests/lib/listen.py."""

import os
import select
import socket
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import bpf  # noqa: E402
from listen import (ANY, BRIEF, LIMIT, SERVER, V6, accept, case, connect, ended,  # noqa: E402
                    ends, how, late, link_local, listen, nobody, pump, queued, receive, run,
                    serve, sysctl, tcp, where)

SO_MARK = (socket.SOL_SOCKET, socket.SO_MARK)
REUSEPORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def device(name):
    return socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode()


# --- Who listens ------------------------------------------------------------------------------

@case("wildcard listener")
def wildcard(port):
    with listen(port) as listener:
        return serve(listener, connect(port))


@case("listener of one address")
def specific(port):
    with listen(port, SERVER) as listener:
        return serve(listener, connect(port))


@case("listener of one address beside a wildcard one: the specific one is chosen")
def both(port):
    with listen(port, SERVER, REUSEPORT) as listener, listen(port, ANY, REUSEPORT) as other:
        outcome = serve(listener, connect(port))
        outcome["other"] = nobody(other, 0)
        return outcome


@case("dual-stack listener")
def dual_stack(port):
    both_families = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    with listen(port, "::", both_families, family=socket.AF_INET6) as listener:
        return serve(listener, connect(port))


@case("server speaks first")
def server_first(port):
    with listen(port) as listener, connect(port) as client, accept(listener) as child:
        child.sendall(b"220 ready\r\n")
        return {"banner": client.recv(100)}


# --- Groups -----------------------------------------------------------------------------------

def group(port, size, program=None):
    members = []
    for number in range(size):
        members.append(listen(port, ANY, REUSEPORT))
        if program and not number:
            bpf.attach_classic(members[0], bpf.ATTACH_REUSEPORT_CBPF, program)
    return members


def chosen(members, clients):
    """Which member each client has come to, by the client's own port."""
    by_port = {}
    for _ in clients:
        ready = select.select(members, [], [], LIMIT)[0]
        assert ready, f"{len(clients)} connected, {len(by_port)} accepted"
        child = accept(ready[0])
        by_port[child.getpeername()[1]] = members.index(ready[0])
        child.close()
    return [by_port.get(c.getsockname()[1]) for c in clients]


EIGHT = {"syn_answered": 8, "cookie_accepted": 8}


def in_group(port, program=None, size=4):
    members = group(port, size, program)
    clients = [connect(port) for _ in range(8)]
    got = chosen(members, clients)
    ports = [c.getsockname()[1] for c in clients]
    for sock in clients + members:
        sock.close()
    return got, ports


@case("SO_REUSEPORT group: everybody is accepted by some member", counts=EIGHT)
def reuseport(port):
    got, _ = in_group(port)
    return {"accepted": sum(g is not None for g in got)}


@case("SO_REUSEPORT group with a BPF program that always says 2", counts=EIGHT)
def reuseport_constant(port):
    return {"members": in_group(port, [(0x06, 0, 0, 2)])[0]}        # ret #2


@case("SO_REUSEPORT group with a BPF program that reads the source port", counts=EIGHT)
def reuseport_port(port):
    source = (-0x100000 + (40 if V6 else 20)) & 0xffffffff          # SKF_NET_OFF
    got, ports = in_group(port, [(0x28, 0, 0, source), (0x54, 0, 0, 3), (0x16, 0, 0, 0)])
    return {"as computed": got == [p & 3 for p in ports]}


@case("SO_REUSEPORT group whose program names nobody: the hash decides", counts=EIGHT)
def reuseport_nobody(port):
    got, _ = in_group(port, [(0x06, 0, 0, 99)])
    return {"accepted": sum(g is not None for g in got)}


def in_ebpf_group(port, kind, program):
    """Who of four members gets each of eight clients; program: a function of the members."""
    members = group(port, 4)
    bpf.attach_to_group(members[-1], kind, program(members))
    clients = [connect(port) for _ in range(8)]
    got = chosen(members, clients)
    ports = [c.getsockname()[1] for c in clients]
    for sock in clients + members:
        sock.close()
    return got, ports


@case("SO_REUSEPORT group with an eBPF socket filter that always says 2", counts=EIGHT)
def ebpf_constant(port):
    return {"members": in_ebpf_group(port, bpf.SOCKET_FILTER, lambda _: bpf.constant(2))[0]}


@case("SO_REUSEPORT group with an eBPF socket filter that reads the source port", counts=EIGHT)
def ebpf_port(port):
    source = -0x100000 + (40 if V6 else 20)                        # SKF_NET_OFF
    got, ports = in_ebpf_group(port, bpf.SOCKET_FILTER, lambda _: bpf.half_at(source, 3))
    return {"as computed": got == [p & 3 for p in ports]}


@case("SO_REUSEPORT group with an eBPF program that draws lots, anew for each segment", counts=EIGHT)
def ebpf_lots(port):
    got, _ = in_ebpf_group(port, bpf.SOCKET_FILTER, lambda _: bpf.lots(3))
    return {"accepted": sum(g is not None for g in got)}


@case("SO_REUSEPORT group whose program takes a socket from a map, by the TCP header", counts=EIGHT)
def ebpf_map(port):
    maps = []

    def program(members):
        maps.append(bpf.socket_array(members[::-1]))
        return bpf.select_by_port(maps[0], 3)

    got, ports = in_ebpf_group(port, bpf.SK_REUSEPORT, program)
    os.close(maps[0])
    return {"as computed": got == [3 - (p & 3) for p in ports]}


@case("SO_REUSEPORT group whose program refuses everybody", counts={"no_listener": (1, 3)},
      stock={"result": "ConnectionRefusedError"})
def ebpf_refuses(port):
    members = group(port, 2)
    bpf.attach_to_group(members[0], bpf.SK_REUSEPORT, bpf.constant(bpf.SK_DROP))
    outcome = {"result": how(connect, port)[0]}
    for sock in members:
        sock.close()
    return outcome


# --- Devices and VRFs -------------------------------------------------------------------------

@case("listener bound to the device")
def bound(port):
    with listen(port, ANY, device("s0")) as listener:
        return serve(listener, connect(port))


@case("listener bound to the device, beside one that is not: the same is chosen")
def bound_beside(port):
    with listen(port, ANY, REUSEPORT) as other, \
            listen(port, ANY, REUSEPORT, device("s0")) as listener, connect(port) as client:
        return {"chosen": chosen([other, listener], [client])}


@case("listener bound to another device: refused", counts={"no_listener": (1, 3)},
      stock={"result": "ConnectionRefusedError"})
def bound_elsewhere(port):
    with listen(port, ANY, device("s1")):
        return {"result": how(connect, port)[0]}


RED = "fd02::2" if V6 else "10.2.0.2"


@case("listener bound to a VRF")
def vrf(port):
    with listen(port, ANY, device("red")) as listener:
        return serve(listener, connect(port, RED))


@case("listener bound to a VRF beside a global one")
def vrf_beside(port):
    with listen(port) as other, listen(port, ANY, device("red")) as listener:
        outcome = serve(listener, connect(port, RED))
        outcome["other"] = nobody(other, 0)
        return outcome


@case("listener bound to a device of a VRF")
def vrf_member(port):
    with listen(port, ANY, device("s1")) as listener:
        return serve(listener, connect(port, RED))


THE_STACKS = {}         # such segments come by PRE_ROUTING only once, when they are not the VRF's yet


def red_link_local():
    return link_local("server", "s1") + "%c1"


@case("VRF, link-local: listener bound to the VRF", when=V6, counts=THE_STACKS)
def vrf_local(port):
    with listen(port, ANY, device("red")) as listener:
        return serve(listener, connect(port, red_link_local()), 60000)


@case("VRF, link-local: listener bound to the VRF, beside a global one", when=V6, counts=THE_STACKS)
def vrf_local_beside(port):
    with listen(port) as other, listen(port, ANY, device("red")) as listener:
        outcome = serve(listener, connect(port, red_link_local()))
        outcome["other"] = nobody(other, 0)
        return outcome


@case("VRF, link-local: listener bound to a device of it", when=V6, counts=THE_STACKS)
def vrf_local_member(port):
    with listen(port, ANY, device("s1")) as listener:
        return serve(listener, connect(port, red_link_local()))


@case("VRF, link-local: listener of that address", when=V6, counts=THE_STACKS)
def vrf_local_address(port):
    address = link_local("server", "s1")
    with listen(port, address + "%s1") as listener:
        return serve(listener, connect(port, address + "%c1"))


@case("global listener, tcp_l3mdev_accept=1")
def vrf_global(port):
    old = sysctl("server", "net.ipv4.tcp_l3mdev_accept", 1)
    try:
        with listen(port) as listener:
            return serve(listener, connect(port, RED))
    finally:
        sysctl("server", "net.ipv4.tcp_l3mdev_accept", old)


@case("global listener does not serve a VRF: refused", counts={"no_listener": (1, 3)},
      stock={"result": "ConnectionRefusedError"})
def vrf_refused(port):
    with listen(port):
        return {"result": how(connect, port, RED)[0]}


# --- Transparent, marked ----------------------------------------------------------------------

FOREIGN, POLICY, MARKED = (("fd77::7", "fd78::7", "fd79::1") if V6 else
                           ("10.77.0.7", "10.78.0.7", "10.79.0.1"))
TRANSPARENT = (socket.IPPROTO_IPV6, 75, 1) if V6 else (socket.SOL_IP, 19, 1)


@case("IP_TRANSPARENT listener of a foreign address that a local route takes")
def transparent(port):
    with listen(port, FOREIGN, TRANSPARENT) as listener:
        return serve(listener, connect(port, FOREIGN))


ONE = {"syn_answered": 1, "cookie_accepted": 1}


@case("IP_TRANSPARENT listener of an address that a policy route takes",
      counts=ONE if V6 else {"not_local": (1, 99)})      # IPv6 has one way to ask what is local
def transparent_policy(port):
    with listen(port, POLICY, TRANSPARENT) as listener:
        return serve(listener, connect(port, POLICY))


@case("SO_MARK of the listener routes the SYN-ACK, and its children have it")
def marked(port):
    with listen(port, ANY, (*SO_MARK, 7)) as listener:
        return serve(listener, connect_from(MARKED, 0, port))


def connect_from(address, source_port, port):
    client = tcp("client")
    client.bind(where(address, source_port))
    client.connect(where(SERVER, port))
    return client


marked_ports = iter(range(4990, 5000))


@case("tcp_fwmark_accept: children have the mark of the segment")
def fwmark_accept(port):
    old = sysctl("server", "net.ipv4.tcp_fwmark_accept", 1)
    try:
        with listen(port) as listener:
            return serve(listener, connect_from(ANY, next(marked_ports), port))
    finally:
        sysctl("server", "net.ipv4.tcp_fwmark_accept", old)


# --- Windows ----------------------------------------------------------------------------------

SCALE = {"client.snd_wscale": "of the namespace, not of the listener",
         "server.rcv_wscale": "of the namespace, not of the listener"}


def with_buffer(port, *options):
    with listen(port, ANY, *options) as listener:
        return serve(listener, connect(port), 30000)


@case("SO_RCVBUF of 2304: the least there is", differs=SCALE)
def rcvbuf_least(port):
    return with_buffer(port, (socket.SOL_SOCKET, socket.SO_RCVBUF, 1152))


@case("SO_RCVBUF of 8 KiB", differs=SCALE)
def rcvbuf_small(port):
    return with_buffer(port, (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096))


@case("SO_RCVBUF of 300 KiB", differs=SCALE)
def rcvbuf_large(port):
    return with_buffer(port, (socket.SOL_SOCKET, socket.SO_RCVBUF, 150 << 10))


@case("TCP_WINDOW_CLAMP of 1000", differs=SCALE)
def clamp(port):
    return with_buffer(port, (socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, 1000))


@case("TCP_MAXSEG of 700")
def maxseg(port):
    return with_buffer(port, (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 700))


# --- Deferred accept --------------------------------------------------------------------------

DEFER = (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
DEFERRED = {"syn_answered": 1, "cookie_accepted": 1, "deferred": (1, 9)}


@case("deferred accept: nobody before the data, then all of it", counts=DEFERRED)
def defer(port):
    with listen(port, ANY, DEFER) as listener, connect(port) as client:
        early = nobody(listener)
        client.sendall(b"first")
        with accept(listener) as child:
            return {"early": early, "data": child.recv(100), "more": pump(client, child, 9000)}


@case("deferred accept: a client that closes without a word", counts=DEFERRED)
def defer_fin(port):
    with listen(port, ANY, DEFER) as listener:
        client = connect(port)
        early = nobody(listener)
        client.shutdown(socket.SHUT_WR)
        with accept(listener) as child:
            return {"early": early, "data": child.recv(100), "ends": ends(client, child)}


@case("deferred accept: a first flight larger than a segment", counts=DEFERRED)
def defer_flight(port):
    with listen(port, ANY, DEFER) as listener, connect(port) as client:
        client.sendall(b"x" * 12000)
        with accept(listener) as child:
            return {"data": len(receive(child, 12000))}


# --- Many, full, gone -------------------------------------------------------------------------

MANY = 1000


def connect_many(port, number):
    clients, waiting = [], set()
    for _ in range(number):
        sock = tcp("client")
        sock.setblocking(False)
        assert sock.connect_ex(where(SERVER, port)) in (0, 115)
        clients.append(sock)
    poll = select.poll()
    for sock in clients:
        poll.register(sock, select.POLLOUT)
        waiting.add(sock.fileno())
    end = time.monotonic() + LIMIT
    while waiting and time.monotonic() < end:
        for descriptor, _ in poll.poll(1000):
            poll.unregister(descriptor)
            waiting.discard(descriptor)
    return clients, sum(not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for s in clients
                        if s.fileno() not in waiting)


def accept_many(listener, number):
    children = []
    while len(children) < number and select.select([listener], [], [], 3)[0]:
        children.append(listener.accept()[0])
    return children


@case(f"{MANY} parallel connects", counts={"syn_answered": (MANY, 2 * MANY),
                                           "cookie_accepted": MANY})
def many(port):
    with listen(port, backlog=2 * MANY) as listener:
        clients, connected = connect_many(port, MANY)
        children = accept_many(listener, MANY)
        for sock in children:
            sock.sendall(b"x")
        answered = sum(c.recv(1) == b"x" for c in clients)
        ports = {c.getsockname()[1] for c in clients} == {c.getpeername()[1] for c in children}
        for sock in clients + children:
            sock.close()
        return {"connected": connected, "accepted": len(children), "same": ports,
                "answered": answered}


@case("backlog full, then drained: who had to wait is served, server speaking first",
      counts={"syn_answered": (5, 9), "cookie_accepted": 5, "queue_full": (1, 9)})
def full(port):
    with listen(port, backlog=3) as listener:
        clients = [connect(port) for _ in range(4)]
        queued(listener, 4)
        late = tcp("client")
        late.setblocking(False)
        late.connect_ex(where(SERVER, port))
        early = bool(select.select([], [late], [], BRIEF)[1])
        children = [accept(listener) for _ in clients]
        done = bool(select.select([], [late], [], LIMIT)[1])
        children.append(accept(listener))
        children[-1].sendall(b"220")
        late.settimeout(LIMIT)
        banner = late.recv(3)
        for sock in clients + children + [late]:
            sock.close()
        return {"early": early, "done": done, "banner": banner}


@case("opened within 100 ms of a refused connect", counts={"no_listener": (1, 9)},
      late={"syn_answered": (0, 1), "cookie_accepted": (0, 1)})
def opened(port):
    began = time.monotonic()
    refused = how(connect, port)[0]
    with listen(port) as listener:
        client = connect(port)
        if time.monotonic() - began > 0.1:
            late(port)
        return {**serve(listener, client), "before": refused}


@case("closed and opened again within 100 ms", counts={"syn_answered": 2, "cookie_accepted": 2})
def reopened(port):
    with listen(port) as listener:
        first = serve(listener, connect(port))
    with listen(port) as listener:
        return {"first": first, "second": serve(listener, connect(port))}


@case("closed: a connect after 100 ms is refused", stock={"result": "ConnectionRefusedError"},
      counts={"syn_answered": 1, "cookie_accepted": 1, "no_listener": (1, 3)})
def closed(port):
    with listen(port) as listener:
        outcome = serve(listener, connect(port))
    time.sleep(0.15)
    return {**outcome, "result": how(connect, port)[0]}


@case("closed while a client waits in the queue: reset")
def closed_queued(port):
    listener = listen(port)
    client = connect(port)
    select.select([listener], [], [], LIMIT)
    listener.close()
    return {"end": ended(client)}


sysctl("server", "net.core.somaxconn", 4096)
sysctl("server", "net.ipv4.tcp_max_syn_backlog", 4096)
run()
