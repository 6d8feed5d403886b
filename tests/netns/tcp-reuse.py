#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A client comes back with the same addresses and ports: tcp-reuse.py FAMILY SERVER-MAC

What the kernel still knows of the tuple decides (RFC 9293 3.5.1, 3.6.1; RFC 6191; RFC 5961 4.2), so
such SYNs are the stack's, with cookiebox and without. Where the kernel knows nothing, a cookie answers.
"""

import errno
import os
import socket
import struct
import sys
import time

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import genl  # noqa: E402
import tcpscript  # noqa: E402
from genl import C, text, u8, u16  # noqa: E402
from tcpclient import random32  # noqa: E402
from tcpwire import MASK  # noqa: E402

CASES = tcpscript.Cases()
TIMES = 100
HOUR = 3600000          # ms of the timestamp clock


def reopen(side, client, cookie, what="reopened"):
    """An ordinary handshake of another incarnation; what it came from makes no difference."""
    side.client = client
    synack = client.open()
    side.cookies += bool(side.engaged and cookie)
    side.saw_synack(synack, what)
    side.must("another client", side.app.accept() == client.ports[0])
    side.saw_info(what + ", socket")
    side.exchange()


def answered_with_ack(side, old, syn):
    """Challenge ACK, RFC 5961 4.2 or RFC 9293 3.10.7.4; to the new client it is out of sense."""
    side.client = syn
    syn.syn()
    answer = syn.wait("challenge ACK", lambda s: s.bare and s.has("A"))
    side.must(f"acknowledges something else: {answer}", answer.ack == old.next)
    side.must(f"not the old sequence: {answer}", answer.seq == old.expected)
    return answer


def recovers(side, old, syn, state="NONE"):
    """RFC 9293 3.5.1: the client resets what it does not know and sends its SYN again; what was
    known has gone by then, so a cookie answers."""
    answer = answered_with_ack(side, old, syn)
    syn.send("R", seq=answer.ack)
    side.state_becomes(state)
    reopen(side, syn, cookie=True, what="after the reset")


# --- TIME_WAIT -----------------------------------------------------------------------------------

def time_wait(side):
    """The server closed first; returns the client that was."""
    side.open()
    client = side.client
    side.exchange()
    side.app.close()
    client.wait_fin()
    client.send("A")
    client.send("FA")
    client.wait_acked()
    side.state_becomes("TIME_WAIT")
    return client


@CASES.named("TIME_WAIT, later sequence and timestamp")
def later_both(side):
    """RFC 6191 2, RFC 9293 3.6.1: accepted."""
    client = time_wait(side)
    reopen(side, client.again(), cookie=False)


@CASES.named("TIME_WAIT, earlier sequence, later timestamp")
def later_timestamp(side):
    """RFC 6191 2, case 1: the timestamp alone decides. Without one: an ACK, and recovery."""
    client = time_wait(side)
    syn = client.again(isn=client.next - 1000000, clock=client.clock + HOUR)
    if side.timestamps:
        reopen(side, syn, cookie=False)
    else:
        recovers(side, client, syn)


@CASES.named("TIME_WAIT, later sequence, earlier timestamp")
def earlier_timestamp(side):
    """RFC 6191 2, RFC 7323 5.3: an old duplicate, if timestamps are right. Without: accepted."""
    client = time_wait(side)
    syn = client.again(clock=client.clock - HOUR)
    if side.timestamps:
        recovers(side, client, syn)
    else:
        reopen(side, syn, cookie=False)


@CASES.named("TIME_WAIT, the client has timestamps no more")
def timestamps_gone(side):
    """RFC 6191 2: without timestamps the sequence number decides."""
    client = time_wait(side)
    reopen(side, client.again(timestamps=False), cookie=False)


@CASES.named("TIME_WAIT, the client has timestamps now")
def timestamps_new(side):
    """RFC 6191 2, last paragraph."""
    client = time_wait(side)
    reopen(side, client.again(timestamps=True), cookie=False)


@CASES.named("TIME_WAIT, same sequence and timestamp")
def same_both(side):
    """RFC 6191 2: neither is later, so it is ignored but for an ACK."""
    client = time_wait(side)
    recovers(side, client, client.again(isn=client.next - 1, clock=client.clock - HOUR))


@CASES.named("TIME_WAIT, old segments of the connection come again")
def time_wait_old(side):
    """RFC 9293 3.10.7.4: the FIN again is acknowledged; the ACK of the handshake, though its cookie
    would still open, neither opens another connection nor is it answered with a reset."""
    client = time_wait(side)
    client.send("FA", seq=client.next - 1)
    side.must("another ACK", client.wait_answer().ack == client.next)
    client.send("A", seq=client.isn + 1, ack=client.irs + 1 & MASK)
    client.send("FA", seq=client.next - 1)
    client.drain()
    side.must("a reset", not client.resets)
    side.must("a connection", side.app.idle())
    side.state_becomes("TIME_WAIT")


# --- FIN_WAIT_2, LAST_ACK ------------------------------------------------------------------------

def fin_wait2(side, close):
    side.open()
    client = side.client
    side.exchange()
    close()
    client.wait_fin()
    client.send("A")
    side.state_becomes("FIN_WAIT2")
    return client


@CASES.named("FIN_WAIT_2, the application still reads")
def fin_wait2_open(side):
    """RFC 5961 4.2: challenge ACK in every synchronized state; then as after a reboot."""
    client = fin_wait2(side, lambda: side.app.finish())
    recovers(side, client, client.again())


@CASES.named("FIN_WAIT_2, the application has closed")
def fin_wait2_closed(side):
    """The stack keeps a small sock; a SYN beyond the window is answered with an ACK."""
    client = fin_wait2(side, lambda: side.app.close())
    recovers(side, client, client.again())


@CASES.named("FIN_WAIT_2, the application has closed, a SYN in the window")
def fin_wait2_window(side):
    """As in RFC 9293 3.10.7.4 fourth step before RFC 5961: reset, and both forget."""
    client = fin_wait2(side, lambda: side.app.close())
    side.client = syn = client.again(isn=client.next + 1000)
    syn.syn()
    side.say("answer", syn.wait_reset().flags)
    side.state_becomes("NONE")
    reopen(side, client.again(isn=client.next + 2000), cookie=True)


@CASES.named("LAST_ACK")
def last_ack(side):
    """The client's ACK of the FIN was lost with the client."""
    side.open()
    client = side.client
    client.send("FA")
    client.wait_acked()
    side.app.close()
    client.wait_fin()
    side.state_becomes("LAST_ACK")
    recovers(side, client, client.again())


# --- ESTABLISHED: a half-open connection ---------------------------------------------------------

def rebooted(side, old, syn):
    """The application learns that the old connection is gone; a new one is there."""
    connection = side.app.connection
    recovers(side, old, syn)
    new, side.app.connection = side.app.connection, connection
    side.equal("old connection", "ECONNRESET", side.app.end())
    side.app.close()
    side.app.connection = new
    side.exchange()


@CASES.named("ESTABLISHED, the client rebooted")
def reboot(side):
    """Half-open, RFC 9293 3.5.1 and figure 9; RFC 5961 4.2: any sequence number is challenged."""
    side.open()
    side.exchange()
    rebooted(side, side.client, side.client.again(isn=random32()))


@CASES.named("ESTABLISHED, the client rebooted with its sequence in the window")
def reboot_window(side):
    """RFC 5961 4.2 instead of the reset of RFC 793; the clock began anew, RFC 7323 5.3."""
    side.open()
    side.exchange()
    client = side.client
    rebooted(side, client, client.again(isn=client.next + 1000, clock=client.clock - HOUR))


@CASES.named("ESTABLISHED, unanswered data of the server finds a rebooted client")
def reboot_data(side):
    """RFC 9293 figure 10: the active side finds out, and its peer's RST ends the connection."""
    side.open()
    client = side.client
    side.exchange()
    side.client = after = client.again(isn=random32())
    side.app.write(b"anybody there?")
    segment = after.wait("data", lambda s: s.data)
    after.send("R", seq=segment.ack)
    side.state_becomes("NONE")
    side.equal("old connection", "ECONNRESET", side.app.end())
    reopen(side, after, cookie=True)


@CASES.named("ESTABLISHED, the challenge is lost")
def reboot_lost(side):
    """The SYN is sent again (RFC 9293 3.8.1); the stack answers one challenge in half a second."""
    side.open()
    side.exchange()
    old, syn = side.client, side.client.again()
    answered_with_ack(side, old, syn)
    answer = None
    while not answer:
        syn.syn()
        syn.drain()
        answer = next((s for s in syn.seen[1:] if s.bare), None)
    syn.send("R", seq=answer.ack)
    side.state_becomes("NONE")
    reopen(side, syn, cookie=True)


# --- SYN_RECV ------------------------------------------------------------------------------------

@CASES.named("SYN_RECV, another incarnation")
def syn_recv(side):
    """RFC 9293 3.10.7.4 first step, SYN-RECEIVED: out of the window, an ACK, the client resets (3.5.1
    figure 8). A cookie keeps no such state, so the second SYN is answered at once; either way the
    second incarnation opens and the application sees that one alone."""
    old = side.client
    old.syn()
    old.wait_synack()
    side.client = syn = old.again(isn=old.isn + 5000000, clock=old.clock + HOUR)
    syn.syn()
    answer = syn.wait("answer", lambda s: s.has("A"))
    if not answer.has("S"):
        side.must("only the stack remembers", not side.engaged)
        syn.send("R", seq=answer.ack)
        side.state_becomes("NONE")
        syn.syn()
        answer = syn.wait_synack()
    side.facts.clear()
    side.saw_synack(answer)
    syn.send("A")
    side.cookies += side.engaged
    side.app.accept()
    side.saw_info("socket")
    side.exchange()
    side.must("two connections", side.app.idle())


class Late:
    """A service of the case's port alone: off, until engage(). Where the case is not to meet cookiebox
    nothing is done."""

    def __init__(self, side):
        self.side, self.port = side, u16(C["A_SERVICE_PORT_MIN"], side.app.port)
        self.name = text(C["A_SERVICE_NAME"], f"late{side.app.port}")

    def __enter__(self):
        if self.side.engaged:
            self.control = genl.Socket()
            self.control.request(C["CMD_SERVICE_ADD"], self.name + self.port +
                                 u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_OFF"]))
        return self

    def engage(self):
        if self.side.engaged:
            self.control.request(C["CMD_SERVICE_SET"], self.name +
                                 u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_ALWAYS"]))

    def cookies(self):
        """SYNs answered and ACKs that made a connection."""
        done = 0
        for stats in self.control.request(C["CMD_STATS_GET"], self.name):
            for counter in map(genl.parse, stats.get(C["A_STATS_COUNTER"], [])):
                if counter[C["A_COUNTER_NAME"]][0].rstrip(b"\0") in COOKIES:
                    done += int.from_bytes(counter[C["A_COUNTER_DONE"]][0], sys.byteorder)
        return done

    def __exit__(self, *_):
        if self.side.engaged:
            self.control.request(C["CMD_SERVICE_DEL"], self.name)
            self.control.close()


COOKIES = (b"syn_answered", b"cookie_accepted")


def engaged_late(side, *between):
    """The stack has a request sock when the service engages. What the client then sends reaches it: its
    SYN again, if it does, and its ACK."""
    client = side.client
    with Late(side) as late:
        client.syn()
        side.saw_synack(client.wait_synack())
        late.engage()
        for step in between:
            step(side, client)
        client.send("A")
        side.must("another client", side.app.accept() == client.ports[0])
        side.saw_info("socket")
        side.exchange()
        side.must("a cookie", not side.engaged or not late.cookies())
        # Now that nothing of it is left, the next one is answered by a cookie.
        side.app.close(reset=True)
        client.wait_reset()
        side.client = client.again()
        side.saw_synack(side.client.open(), "the next one")
        side.must("another client", side.app.accept() == client.ports[0])
        side.must("no cookie", not side.engaged or late.cookies() == 2)


def syn_again(side, client):
    answered = client.irs
    client.irs = None
    client.syn()
    client.wait_synack()
    side.must("another SYN-ACK", client.irs == answered)


@CASES.named("SYN_RECV of the stack, then the service engages: the ACK")
def engaged_ack(side):
    """Handshakes in flight when a service engages are the stack's to the end."""
    engaged_late(side)


@CASES.named("SYN_RECV of the stack, then the service engages: the SYN again, the ACK")
def engaged_syn(side):
    """RFC 9293 3.8.1: it is answered as the first one was, from the request sock."""
    engaged_late(side, syn_again)


# --- Again and again -----------------------------------------------------------------------------

def server_first(side, client):
    side.app.close()
    client.wait_fin()
    client.send("FA")
    client.wait_acked()
    return False


def client_first(side, client):
    client.send("FA")
    client.wait_acked()
    side.app.close()
    client.wait_fin()
    client.send("A")
    return True


def client_resets(side, client):
    client.send("R")
    side.app.close()
    return True


def many(name, closes, forms=tcpscript.FORMS):
    """The stack makes it of a TIME_WAIT, a cookie where nothing is left: returned by `close`."""
    def run(side):
        client, cookie, opened = side.client, True, 0
        for turn in range(TIMES):
            side.client = client
            client.syn()
            client.wait_synack()
            side.cookies += bool(side.engaged and cookie)
            client.send("PA", b"ask")
            side.app.accept()
            opened += side.app.read(3) == (b"ask", "")
            side.app.write(b"answer")
            client.wait_data(6)
            cookie = closes[turn % len(closes)](side, client)
            client = client.again()
        side.equal("opened", TIMES, opened)
    CASES.named(f"{TIMES} connections from one port, {name}", forms)(run)


EACH = [server_first, client_first, client_resets]
if os.environ.get("LONG"):
    many("each end closes in turn", EACH)
    many("the server closes first", [server_first])
    many("the client closes first", [client_first])
    many("the client resets", [client_resets])
else:           # with timestamps: as the kernel's client, below
    many("each end closes in turn", EACH, {0: "no timestamps"})


def connected(side):
    """A socket of the client's kernel; as soon as that has done with the one before."""
    end = time.monotonic() + tcpscript.PATIENCE
    while True:
        client = side.client.wire.foreign_socket(side.app.family, socket.SOCK_STREAM)
        client.settimeout(tcpscript.PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", 20000 + side.app.port))
        try:
            client.connect((side.spec.server, side.app.port))
            return client
        except OSError as problem:
            client.close()
            if problem.errno != errno.EADDRNOTAVAIL or time.monotonic() > end:
                raise


@CASES.named(f"{TIMES} connections from one port of the kernel's", forms={1: "its own options"})
def kernel_client(side):
    """Every second one is reset, so that a TIME_WAIT and nothing at all is what the next one meets."""
    opened = again = 0
    for turn in range(TIMES):
        with connected(side) as client:
            side.cookies += bool(side.engaged and turn % 2 == 0)
            client.send(b"ask")
            side.app.accept()
            opened += side.app.read(3) == (b"ask", "") and side.app.write(b"answer") == ""
            again += tcpscript.info_of(client)["retransmitted"]
            if turn % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                side.app.close()
            else:
                side.app.close()
                while client.recv(10):
                    pass
    side.equal("opened, retransmitted", (TIMES, 0), (opened, again))


if __name__ == "__main__":
    tcpscript.run_all(dict(reversed(CASES.items())), sys.argv[1], sys.argv[2])
