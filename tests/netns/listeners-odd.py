#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Listeners and clients out of the ordinary; listeners-odd.sh starts it."""

import os
import socket
import struct
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import bpf  # noqa: E402
from genl import C, attr, nest, u8  # noqa: E402
from listen import (AF, ANY, CLIENT, LIMIT, SERVER, V6, accept, case, connect, ends, ended,  # noqa: E402
                    enter, how, link_local, listen, nobody, pump, queued, receive, run, serve, sh,
                    sysctl, tcp, where)

MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
TCP_MD5SIG, MSG_FASTOPEN = 14, 0x20000000
ONE = {"syn_answered": 1, "cookie_accepted": 1}
SILENT = 0.4            # seconds after which a connect counts as not answered


# --- MPTCP ------------------------------------------------------------------------------------

def kind(sock):
    """What a socket of an MPTCP program has become."""
    try:
        flags = struct.unpack_from("=I", sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 64), 8)[0]
    except OSError:
        return "tcp"
    return "fallback" if flags & 1 else "mptcp"


def serve_mptcp(listener, client):
    with accept(listener) as child, client:
        outcome = {"client": kind(client), "server": kind(child)}
        outcome["data"] = pump(client, child, 40000)
        child.shutdown(socket.SHUT_WR)
        outcome["end"] = ended(client)
        return outcome


@case("MPTCP listener, TCP client")
def mptcp_listener(port):
    with listen(port, protocol=MPTCP) as listener:
        return serve_mptcp(listener, connect(port))


@case("TCP listener, MPTCP client")
def mptcp_client(port):
    with listen(port) as listener:
        return serve_mptcp(listener, connect(port, protocol=MPTCP))


@case("MPTCP listener, MPTCP client", stock={"client": "mptcp", "server": "mptcp"},
      differs={"client": "a cookie does not offer MPTCP: both fall back to TCP", "server": "same"})
def mptcp_both(port):
    with listen(port, protocol=MPTCP) as listener:
        return serve_mptcp(listener, connect(port, protocol=MPTCP))


@case("dual-stack MPTCP listener, TCP client")
def mptcp_dual(port):
    with listen(port, "::", (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0),
                family=socket.AF_INET6, protocol=MPTCP) as listener:
        return serve_mptcp(listener, connect(port))


@case("MPTCP listener full, drained", counts={"syn_answered": 2, "cookie_accepted": 2,
                                              "queue_full": (1, 9)})
def mptcp_full(port):
    with listen(port, protocol=MPTCP, backlog=0) as listener, connect(port) as first:
        queued(listener, 1)
        early = how(connect, port, limit=0.3)[0]
        one = accept(listener)
        outcome = serve_mptcp(listener, connect(port))
        one.close()
        outcome.update(early=early, first=ended(first))
        return outcome


def allow(address):
    """The service does not challenge that client."""
    return nest(C["A_SERVICE_ALLOW"], attr(C["A_PREFIX_ADDR6" if V6 else "A_PREFIX_ADDR4"],
                                           socket.inet_pton(AF, address)))


def subflows(sock, want=1):
    """How many further subflows the connection has, after a while."""
    end = time.monotonic() + LIMIT
    while True:
        found = sock.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)[0]
        if found >= want or time.monotonic() > end:
            return found
        time.sleep(0.02)


@case("MPTCP connection that the stack made: a further subflow from an address that is challenged",
      service=allow(CLIENT), counts={"allow_listed": 1, "listener_unsupported": (1, 3)},
      stock={"subflows": 1})
def mptcp_join(port):
    with listen(port, protocol=MPTCP) as listener, connect(port, protocol=MPTCP) as client:
        with accept(listener) as child:
            return {"kind": kind(client), "data": pump(client, child, 3000),
                    "subflows": subflows(client), "more": pump(client, child, 3000),
                    "others": nobody(listener, 0)}


# --- Fast Open --------------------------------------------------------------------------------

def fast(port, mode, size):
    """A client that sends with its SYN. Two connections: the first may only ask for a cookie."""
    sysctl("client", "net.ipv4.tcp_fastopen", mode)
    got = []
    with listen(port, ANY, (socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)) as listener:
        for _ in range(2):
            with tcp("client") as client:
                client.settimeout(None)
                sent = client.sendto(b"q" * size, MSG_FASTOPEN, where(SERVER, port))
                with accept(listener) as child:
                    got.append(len(receive(child, sent)) == sent and
                               pump(client, child, 5000))
    return {"served": got}


TWO = {"syn_answered": 2, "cookie_accepted": 2}


@case("Fast Open client that asks for a cookie", counts=TWO)
def fastopen(port):
    return fast(port, 1, 300)


@case("Fast Open client that needs no cookie", counts=TWO)
def fastopen_without(port):
    return fast(port, 5, 300)


@case("Fast Open client with more than a segment", counts=TWO)
def fastopen_large(port):
    return fast(port, 5, 6000)


# --- TCP-MD5 ----------------------------------------------------------------------------------

def auth(which):
    return u8(C["A_SERVICE_AUTH_OPTION"], C["AUTH_OPTION_" + which])


def key(peer, secret=b"secret"):
    """TCP_MD5SIG for a peer's address."""
    if V6:
        address = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(AF, peer), 0)
    else:
        address = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_pton(AF, peer))
    return (socket.IPPROTO_TCP, TCP_MD5SIG,
            struct.pack("=128sBBHi80s", address, 0, 0, len(secret), 0, secret))


def keyed(port, server_keys, client_keys, serving=True):
    with listen(port, ANY, *server_keys) as listener:
        if serving:
            outcome = serve(listener, connect(port, SERVER, *client_keys))
            outcome["result"] = "ok"
            return outcome
        result, client = how(connect, port, SERVER, *client_keys, limit=SILENT)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if client:
            client.close()
        return outcome


REFUSED = {"stock": {"result": "TimeoutError", "accepted": False}}


@case("keys on both sides, auth-option pass: the stack serves", service=auth("PASS"),
      counts={"auth_passed": (1, 2)})
def md5_pass(port):
    return keyed(port, [key(CLIENT)], [key(SERVER)])


@case("keys on both sides, auth-option drop", service=auth("DROP"),
      counts={"auth_dropped": (1, 9)}, differs={"result": "as asked for", "accepted": "same"},
      stock={"result": "ok", "accepted": True})
def md5_drop(port):
    return keyed(port, [key(CLIENT)], [key(SERVER)], False)


@case("another key, auth-option pass", service=auth("PASS"), counts={"auth_passed": (1, 9)},
      **REFUSED)
def md5_wrong(port):
    return keyed(port, [key(CLIENT)], [key(SERVER, b"other")], False)


@case("keyed client, listener without keys, auth-option pass", service=auth("PASS"),
      counts={"auth_dropped": (1, 9)}, **REFUSED)
def md5_unexpected(port):
    return keyed(port, [], [key(SERVER)], False)


@case("keyed client, listener without keys, auth-option drop", service=auth("DROP"),
      counts={"auth_dropped": (1, 9)}, **REFUSED)
def md5_unexpected_drop(port):
    return keyed(port, [], [key(SERVER)], False)


@case("client without the key that the listener has for it, auth-option pass",
      service=auth("PASS"), counts={"auth_passed": (1, 9)}, **REFUSED)
def md5_missing(port):
    return keyed(port, [key(CLIENT)], [], False)


@case("listener with a key for somebody else", service=auth("PASS"))
def md5_other(port):
    return keyed(port, [key("fd00::77" if V6 else "10.0.0.77")], [])


# --- What children inherit, what refuses them -------------------------------------------------

INHERITED = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.SOL_SOCKET, socket.SO_SNDBUF, 9999),
             (socket.SOL_SOCKET, socket.SO_PRIORITY, 3), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
             (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 7777),
             (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77), (socket.SOL_IP, socket.IP_TTL, 33),
             (socket.SOL_IP, socket.IP_TOS, 0x28),
             *([(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 44),
                (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x48)] if V6 else [])]


@case("options of the listener are its children's")
def inherited(port):
    with listen(port, ANY, *INHERITED) as listener, connect(port) as client:
        with accept(listener) as child:
            return {"data": pump(client, child, 3000),
                    "options": [child.getsockopt(level, name) for level, name, _ in INHERITED]}


def filtered(port, verdict):
    with listen(port) as listener:
        bpf.attach_classic(listener, bpf.ATTACH_FILTER, [(0x06, 0, 0, verdict)])
        result, client = how(connect, port, limit=SILENT)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if outcome["accepted"]:
            with accept(listener) as child:
                outcome["data"] = pump(client, child, 3000)
        if client:
            client.close()
        return outcome


@case("socket filter that passes everything", stock={"accepted": True})
def filter_passes(port):
    return filtered(port, 0xffff)


LATE = {"result": "asked when the ACK is there, not at the SYN"}


@case("socket filter that passes nothing: nobody is accepted", differs=LATE,
      counts={"syn_answered": (1, 3), "cookie_accepted": (0, 9), "refused_by_host": (0, 9),
              "not_ours": (0, 9)}, stock={"result": "TimeoutError", "accepted": False})
def filter_refuses(port):
    return filtered(port, 0)


MINIMUM = (socket.IPPROTO_IPV6, 73, 255) if V6 else (socket.SOL_IP, 21, 255)
HOPS = (socket.IPPROTO_IPV6, 16) if V6 else (socket.SOL_IP, socket.IP_TTL)


@case("TTL security, client with 255")
def ttl_enough(port):
    with listen(port, ANY, MINIMUM) as listener:
        return serve(listener, connect(port, SERVER, (*HOPS, 255)))


@case("TTL security, client with 64: nobody is accepted", differs=LATE,
      counts={"syn_answered": (1, 3), "cookie_accepted": (0, 9), "refused_by_host": (0, 9),
              "not_ours": (0, 9)}, stock={"result": "TimeoutError", "accepted": False})
def ttl_short(port):
    with listen(port, ANY, MINIMUM) as listener:
        result, client = how(connect, port, limit=SILENT)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if client:
            client.close()
        return outcome


# --- Addresses --------------------------------------------------------------------------------

HALF = {"client.snd_mss": "half of a window that is rounded otherwise"}


@case("loopback", differs=HALF)
def loopback(port):
    address = "::1" if V6 else "127.0.0.1"
    with listen(port) as listener:
        return serve(listener, connect(port, address, name="server"), 200000)


@case("loopback, listener of the loopback address", differs=HALF)
def loopback_specific(port):
    address = "::1" if V6 else "127.0.0.1"
    with listen(port, address) as listener:
        return serve(listener, connect(port, address, name="server"))


@case("own address, over lo", differs=HALF)
def own_address(port):
    with listen(port) as listener:
        return serve(listener, connect(port, SERVER, name="server"))


@case("link-local, wildcard listener", when=V6)
def local_wildcard(port):
    with listen(port) as listener:
        outcome = serve(listener, connect(port, link_local("server", "s0") + "%c0"), 60000)
        return outcome


@case("link-local, listener of the address", when=V6)
def local_specific(port):
    address = link_local("server", "s0")
    enter("server")
    with listen(port, address + "%s0") as listener:
        enter("client")
        return serve(listener, connect(port, address + "%c0"))


# --- IP options and extension headers ---------------------------------------------------------

def with_header(port, *options):
    with listen(port) as listener, connect(port, SERVER, *options) as client:
        with accept(listener) as child:
            outcome = {"ends": ends(client, child), "data": pump(client, child, 20000)}
            if not V6:
                outcome["options"] = child.getsockopt(socket.SOL_IP, socket.IP_OPTIONS, 44)
            return outcome


def ip_options(data):
    return socket.SOL_IP, socket.IP_OPTIONS, data


@case("IPv4 options: no operation", when=not V6)
def ipv4_nop(port):
    return with_header(port, ip_options(b"\1\1\1\1"))


@case("IPv4 options: router alert", when=not V6)
def ipv4_alert(port):
    return with_header(port, ip_options(b"\x94\4\0\0"))


OLD = tuple(int(n) for n in os.uname().release.split(".")[:2]) < (6, 8)


@case("IPv4 options: record route", when=not V6,
      differs={"options": "not sent back", "ends.server.snd_mss": "same"} if OLD else {})
def ipv4_record(port):
    return with_header(port, ip_options(b"\7\x0f\4" + bytes(12) + b"\0"))


PADDING = b"\0\0\1\4\0\0\0\0"
LONG = b"\0\2\x1e\x14" + bytes(20)      # an experimental option to be skipped
HOP, DST = 54, 59


def header(which, data):
    return socket.IPPROTO_IPV6, which, data


@case("hop-by-hop options", when=V6)
def hop_by_hop(port):
    return with_header(port, header(HOP, PADDING))


@case("destination options", when=V6)
def destination(port):
    return with_header(port, header(DST, PADDING))


@case("hop-by-hop and long destination options", when=V6)
def both_headers(port):
    return with_header(port, header(HOP, PADDING), header(DST, LONG))


ROUTING = 57
VIA = "fd00::22"        # another address of the server
NOT_TCP = {}            # what a routing header covers is the stack's: nothing is counted


def segments(*addresses):
    """RFC 8754: a routing header by way of these addresses; its last segment is the destination."""
    listed = b"".join(socket.inet_pton(socket.AF_INET6, a) for a in (SERVER, *addresses))
    left = len(addresses)
    return header(ROUTING, struct.pack("BBBBBBH", 0, 2 * (left + 1), 4, left, left, 0, 0) + listed)


def seg6(value):
    for device in ("all", "s0"):
        sysctl("server", f"net.ipv6.conf.{device}.seg6_enabled", value)


def routed(port, *options):
    """The server is one that takes routing headers."""
    seg6(1)
    try:
        return with_header(port, *options)
    finally:
        seg6(0)


@case("routing header, no segment left", when=V6, counts=NOT_TCP)
def routing_done(port):
    return routed(port, segments())


@case("routing header by way of another address of the server", when=V6, counts=NOT_TCP)
def routing_via(port):
    return routed(port, segments(VIA))


@case("hop-by-hop and destination options around a routing header", when=V6, counts=NOT_TCP)
def routing_between(port):
    return routed(port, header(HOP, PADDING), header(55, PADDING), segments(VIA), header(DST, LONG))


@case("routing header that the host does not take: nobody is accepted", when=V6, counts=NOT_TCP,
      stock={"result": "TimeoutError", "accepted": False})
def routing_refused(port):
    with listen(port) as listener:
        result, client = how(connect, port, SERVER, segments(), limit=SILENT)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if client:
            client.close()
        return outcome


def of_unknown_type(function):
    """On its way out, a routing header becomes one of a type that nobody knows."""
    def changed(port):
        sh("client", "nft 'table ip6 unknown { chain out { type filter hook output priority 0; "
           "@nh,48,8 43 @nh,336,8 set 99; }; }'")
        try:
            return function(port)
        finally:
            sh("client", "nft delete table ip6 unknown")
    return changed


@case("routing header of an unknown type, no segment left", when=V6)
@of_unknown_type
def routing_unknown(port):
    return with_header(port, segments())


@case("the same, and destination options", when=V6)
@of_unknown_type
def routing_unknown_more(port):
    return with_header(port, segments(), header(DST, LONG))


@case("routing header of an unknown type, a segment left: an error comes back", when=V6,
      counts=NOT_TCP, stock={"accepted": False})
@of_unknown_type
def routing_unknown_left(port):
    with listen(port) as listener:
        result, client = how(connect, port, SERVER, segments(VIA), limit=SILENT)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if client:
            client.close()
        return outcome


sysctl("server", "net.ipv4.tcp_fastopen", 3)
run()
