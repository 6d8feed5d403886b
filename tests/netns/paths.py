#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The ways to a listener; paths.sh lays them and starts this."""

import os
import socket
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import tcpwire  # noqa: E402
from listen import (AF, ANY, LIMIT, SERVER, V6, Info, accept, case, connect, ended, enter, how,  # noqa: E402
                    link_local, listen, nobody, pump, receive, reply, run, serve, sysctl, tcp,
                    where)

HAVE = os.environ.get("HAVE", "").split()
DEFER = (socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
SO_TIMESTAMP, SO_TIMESTAMPING = 29, 37
ECN = ("NoECT", "ECT0", "ECT1", "CE")
RX_SOFTWARE, SOFTWARE = 8, 16           # SOF_TIMESTAMPING_*
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def server_on(subnet, host=2):
    return f"fd3{subnet}::{host}" if V6 else f"10.3{subnet}.0.{host}"


def device(name):
    return socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode()


def ordinary(address, *options):
    """Data both ways, on a connection of that listener."""
    def served(port):
        with listen(port, ANY, *options) as listener:
            return serve(listener, connect(port, address), 60000)
    return served


def both_replies(what, path, address, *options):
    for kind in ("route", "reflect"):
        case(f"{what}, reply {kind}", when=path in HAVE, service=reply(kind))(
            ordinary(address, *options))


both_replies("checksums never computed", "partial", server_on(1))
both_replies("VLAN", "vlan", server_on(5))
both_replies("bridge", "bridge", server_on(3))
both_replies("vxlan", "vxlan", server_on(6))
both_replies("vxlan by metadata", "vxlan", server_on(7))
both_replies("listener bound to the VLAN", "vlan", server_on(5), device("s1.10"))


# --- Bridge netfilter: PRE_ROUTING runs while the segment is still the bridge's -----------------

def bridge_netfilter(function):
    """With net.bridge.bridge-nf-call-iptables=1."""
    def switched(port):
        for table in ("iptables", "ip6tables"):
            sysctl("server", f"net.bridge.bridge-nf-call-{table}", 1)
        try:
            return function(port)
        finally:
            for table in ("iptables", "ip6tables"):
                sysctl("server", f"net.bridge.bridge-nf-call-{table}", 0)
    return switched


def bridged(what, function, **how_so):
    case(f"bridge-nf-call-iptables: {what}", when="bridge-nf" in HAVE, **how_so)(
        bridge_netfilter(function))


for how_back in ("route", "reflect"):
    bridged(f"wildcard listener, reply {how_back}", ordinary(server_on(3)),
            service=reply(how_back))
bridged("listener bound to the bridge", ordinary(server_on(3), device("br0")))


def bridged_local(port):
    with listen(port) as listener:
        return serve(listener, connect(port, link_local("server", "br0") + "%c3"), 60000)


if V6:
    case("bridge: link-local", when="bridge" in HAVE)(bridged_local)
    bridged("link-local", bridged_local)


def bridged_beside(port):
    """Two listeners, one for the bridge alone: who is chosen must not depend on the hook."""
    both = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    with listen(port, ANY, both) as other, listen(port, ANY, both, device("br0")) as listener, \
            connect(port, server_on(3)) as client:
        got = not nobody(listener)
        with accept(listener if got else other) as child:
            return {"bridge's": got, "data": pump(client, child, 60000)}


bridged("a wildcard listener and one bound to the bridge", bridged_beside)


# --- GRO ----------------------------------------------------------------------------------------

def received():
    """(segments, buffers) that the server's IP has counted before any hook: a merged one is more than
    a segment."""
    enter("server")
    if V6:
        with open("/proc/thread-self/net/snmp6", encoding="ascii") as handle:
            found = dict(line.split() for line in handle)
        return sum(int(found[f"Ip6In{ecn}Pkts"]) for ecn in ECN), int(found["Ip6InReceives"])
    found = {}
    for table in ("snmp", "netstat"):
        with open(f"/proc/thread-self/net/{table}", encoding="ascii") as handle:
            lines = [line.split() for line in handle]
        for names, values in zip(lines[::2], lines[1::2]):
            found |= {names[0] + name: value for name, value in zip(names[1:], values[1:])}
    return sum(int(found[f"IpExt:In{ecn}Pkts"]) for ecn in ECN), int(found["Ip:InReceives"])


def merged(what, **how_so):
    """A case in which GRO must have merged segments, without cookiebox and with it."""
    def declare(function):
        def counting(port):
            before = received()
            outcome = function(port)
            segments, buffers = (now - was for now, was in zip(received(), before))
            return {**outcome, "merged": segments > buffers}
        return case(what, when="gro" in HAVE, stock={"merged": True}, **how_so)(counting)
    return declare


@merged("GRO")
def gro(port):
    return ordinary(server_on(2))(port)


# PSH keeps them apart: they are handed over in a list, which nothing counts.
@case("GRO: small writes that follow the ACK in one burst", when="gro" in HAVE)
def gro_burst(port):
    with listen(port) as listener, connect(port, server_on(2), NODELAY) as client:
        for number in range(6):
            client.send(bytes([65 + number]) * 100)
        with accept(listener) as child:
            data = receive(child, 600)
            return {"data": data == b"".join(bytes([65 + n]) * 100 for n in range(6)),
                    "retransmitted": Info(client).total_retrans}


@merged("GRO: deferred accept, merged first flight",
        counts={"syn_answered": 1, "cookie_accepted": 1, "deferred": (0, 9)})
def gro_deferred(port):
    with listen(port, ANY, DEFER) as listener, connect(port, server_on(2)) as client:
        client.sendall(b"x" * 12000)
        with accept(listener) as child:
            return {"data": len(receive(child, 12000)),
                    "retransmitted": Info(client).total_retrans}


# --- fq, tcpdump, tc ----------------------------------------------------------------------------

def captured(function, device):
    """While somebody captures there: segments of all devices get time stamps,
    and those of that device are shared with the capture.
    """
    def watched(port):
        enter("server")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3) as watcher:
            watcher.bind((device, 3))
            watcher.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
            stamped()
            return function(port)
    return watched


def stamped():
    """Returns when segments get time stamps: the kernel begins with it in its own time."""
    enter("server")
    with socket.socket(AF, socket.SOCK_DGRAM) as receiver:
        receiver.bind(where(ANY, 0))
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE)
        receiver.settimeout(LIMIT)
        enter("client")
        with socket.socket(AF, socket.SOCK_DGRAM) as sender:
            end = time.monotonic() + LIMIT
            while time.monotonic() < end:
                sender.sendto(b"?", where(SERVER, receiver.getsockname()[1]))
                if any(kind == SO_TIMESTAMPING and any(data) for _, kind, data in
                       receiver.recvmsg(16, 256)[1]):
                    return
                time.sleep(0.01)
    raise AssertionError("received segments get no time stamps")


for how_back in ("route", "reflect"):
    for at, said in (("s4", "its device"), ("lo", "another device")):
        case(f"fq with a capture of {said}, ingress by ifb, egress mirrored, reply {how_back}",
             when="disciplines" in HAVE, service=reply(how_back))(
                 captured(ordinary(server_on(4)), at))


def raw_socket(name, device_name):
    """A packet socket of the family alone, so that what is sent is not copied for it."""
    enter(name)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((device_name, tcpwire.ETHER_IPV6 if V6 else tcpwire.ETHER_IPV4))
    sock.settimeout(LIMIT)
    return sock


raw_ports = iter(range(20000, 30000))


def answered(port):
    """A SYN whose buffer nobody else holds, as a network card hands it over. (A socket of the kernel's
    keeps a copy of what it sends, and then the answer has a buffer of its own.)"""
    own_port = next(raw_ports)      # the stack remembers a SYN
    with raw_socket("server", "s9") as peer:        # closed again: it would share what comes
        ethernet = peer.getsockname()[4]
    with listen(port), raw_socket("client", "c9") as client:
        source, dest = tcpwire.address(server_on(9, 77)), tcpwire.address(server_on(9))
        options = tcpwire.option(tcpwire.MSS, b"\5\xb4") + tcpwire.option(tcpwire.SACK_OK, b"")
        client.send(tcpwire.build(ethernet + client.getsockname()[4], source, dest,
                                  (own_port, port), 1000, 0, "S", 65535, options))
        while True:
            segment = tcpwire.parse(client.recv(2048))
            if segment and segment.dport == own_port:
                return {"flags": segment.flags, "ack": segment.ack}


# A stamp is the wall clock's. fq takes what a segment carries for the time at which it is to leave, and
# drops what lies ten seconds ahead. Nothing on this way clears it but the module.
for how_back in ("route", "reflect"):
    case(f"fq with a capture of another device, reply {how_back}", when="fq" in HAVE,
         service=reply(how_back))(captured(ordinary(server_on(9)), "lo"))
    case(f"fq with a capture of another device, reply {how_back} in the SYN's own buffer",
         when="fq" in HAVE, service=reply(how_back), counts={"syn_answered": 1},
         stock={"flags": "SA", "ack": 1001})(captured(answered, "lo"))


# --- IPsec --------------------------------------------------------------------------------------

def connect_from(source, address, port, limit=LIMIT):
    client = tcp("client")
    client.bind(where(source, 0))
    client.settimeout(limit)
    client.connect(where(address, port))
    client.settimeout(LIMIT)
    return client


for how_back in ("route", "reflect"):
    @case(f"IPsec, reply {how_back}", when="ipsec" in HAVE, service=reply(how_back))
    def ipsec(port):
        with listen(port) as listener:
            return serve(listener, connect_from(server_on(8, 1), server_on(8), port), 60000)


@case("IPsec: a client without it is not accepted", when="ipsec" in HAVE,
      counts={"reply_failed": (0, 3), "no_route": (0, 3), "syn_answered": (0, 3),
              "bad_source": (0, 3)},        # the route of what IPsec holds back leads to lo
      stock={"result": "TimeoutError", "accepted": False})
def ipsec_without(port):
    with listen(port) as listener:
        result, client = how(connect_from, server_on(8, 3), server_on(8), port, limit=0.5)
        outcome = {"result": result, "accepted": not nobody(listener)}
        if client:
            outcome["end"] = ended(client)
        return outcome


run()
