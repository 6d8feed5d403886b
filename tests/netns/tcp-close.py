#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How connections are probed, close and are reset, scripted: tcp-close.py FAMILY SERVER-MAC

Each case names where the rule stands that the stack and cookiebox must both follow.
"""

import os
import socket
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import tcpscript  # noqa: E402
from tcpwire import MASK  # noqa: E402

CASES = tcpscript.Cases()


# --- Idle connections and closed windows ---------------------------------------------------------

@CASES.named("keepalive probes from the server, answered and then not")
def keepalive_server(side):
    """RFC 9293 3.8.4: SEQ-1; the connection ends when nobody answers."""
    side.open()
    side.exchange()
    client, connection = side.client, side.app.connection
    for name, value in (("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 1), ("TCP_KEEPIDLE", 1)):
        connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe = client.wait_answer()
    side.equal("probe", client.expected - client.irs - 1 & MASK, client.offset(probe.seq))
    client.send("A")
    client.wait_answer()
    client.wait_reset()
    side.equal("end", "ETIMEDOUT", side.app.end())


def probe_both_ways(side):
    """Without data and with one byte of it, RFC 9293 3.8.4."""
    client = side.client
    client.send("A", seq=client.next - 1)
    side.challenged()
    client.send("A", b"\0", seq=client.next - 1)
    side.challenged()


@CASES.named("keepalive probes from the client, before any data")
def keepalive_first(side):
    side.open()
    probe_both_ways(side)
    side.exchange()


@CASES.named("keepalive probes from the client, later and half-closed")
def keepalive_later(side):
    side.open()
    side.exchange()
    probe_both_ways(side)
    side.app.finish()
    side.client.wait_fin()
    side.client.send("A")
    side.client.send("A", b"\0", seq=side.client.next - 1)
    side.challenged()


def window_of(client):
    scale = next(s.wscale for s in client.seen if s.has("S")) or 0
    last = client.seen[-1]
    return (last.ack + (last.window << scale) - client.next) & MASK


@CASES.named("zero window of the server, probed by the client")
def window_server(side):
    """RFC 9293 3.8.6.1: the probe's byte is refused, the window told; then all goes on."""
    side.open()
    client, sent = side.client, b""
    client.send("A")
    while window_of(client):
        for _ in range(2):      # the second one is acknowledged at once, RFC 5681 4.2
            data = b"w" * min(window_of(client), 1400)
            client.send("PA", data)
            sent += data
        client.wait_acked()
    client.send("A", b"p", seq=client.next)
    answer = client.wait("answer to the probe", lambda s: s.bare and s.has("A"))
    side.equal("window and ACK", (0, 0),
               (answer.window, answer.ack - client.next & MASK))
    side.reads(sent)
    client.wait_until("window", lambda: window_of(client) > 1400)
    client.write(b"goes on")
    side.reads(b"goes on")


@CASES.named("zero window of the client, probed by the server")
def window_client(side):
    """RFC 9293 3.8.6.1, from the ACK that opens the connection on."""
    client = side.client
    client.syn()
    client.wait_synack()
    client.send("A", window=0)
    side.accept()
    side.app.write(b"banner")
    side.equal("probe", 0, client.offset(client.wait_answer().seq))
    side.must("data into a closed window", not client.data)
    client.send("A")
    client.wait_data(6)
    client.send("A")
    side.exchange()


# --- Closing -------------------------------------------------------------------------------------

@CASES.named("client closes its half")
def half_close_client(side):
    """RFC 9293 3.6: CLOSE-WAIT may send on."""
    side.open()
    client, answer = side.client, b"y" * 5000
    side.exchange()
    client.send("FA")
    client.wait_acked()
    side.equal("end", "EOF", side.app.end())
    side.state_becomes("CLOSE_WAIT")
    side.app.write(answer)
    client.wait_data(6 + len(answer))
    client.send("A")
    side.app.close()
    client.wait_fin()
    side.state_becomes("LAST_ACK")
    client.send("A")
    side.state_becomes("NONE")


@CASES.named("server closes its half")
def half_close_server(side):
    """RFC 9293 3.6: FIN-WAIT-2 still receives."""
    side.open()
    client = side.client
    side.exchange()
    side.app.finish()
    client.wait_fin()
    side.state_becomes("FIN_WAIT1")
    client.send("A")
    side.state_becomes("FIN_WAIT2")
    client.write(b"z" * 1200)
    side.reads(b"z" * 1200)
    client.send("FA")
    client.wait_acked()
    side.equal("end", "EOF", side.app.end())
    side.state_becomes("TIME_WAIT")


@CASES.named("simultaneous close")
def both_close(side):
    """RFC 9293 3.6 case 3: CLOSING, then TIME-WAIT."""
    side.open()
    client = side.client
    side.exchange()
    unacknowledged = client.expected
    side.app.finish()
    client.wait_fin()
    client.send("FA", ack=unacknowledged)
    client.wait_acked()
    side.state_becomes("CLOSING")
    client.send("A")
    side.state_becomes("TIME_WAIT")
    client.send("FA", seq=client.next - 1)
    side.challenged()


@CASES.named("data of both in flight at a simultaneous close")
def both_close_data(side):
    side.open()
    client = side.client
    unacknowledged = client.expected
    side.app.write(b"last words")
    side.app.finish()
    client.wait_fin()
    client.send("FPA", b"mine", ack=unacknowledged)
    client.wait_acked()
    side.reads(b"mine")
    side.state_becomes("CLOSING")
    side.must("last words not seen", client.data == b"last words")
    client.send("A")
    side.state_becomes("TIME_WAIT")


# --- RST at every stage --------------------------------------------------------------------------

@CASES.named("RST instead of the final ACK")
def reset_handshake(side):
    """RFC 9293 3.10.7.4, SYN-RECEIVED: back to LISTEN, and the user is not told."""
    client = side.client
    client.syn()
    client.wait_synack()
    client.send("R")
    side.state_becomes("NONE")
    side.must("a connection", side.app.idle())
    side.client = client.again()
    side.open()
    side.exchange()


def reset_in(state, prepare):
    """RFC 9293 3.10.7.4: in every later state an RST ends the connection."""
    def run(side):
        side.open()
        side.exchange()
        prepare(side, side.client)
        side.state_becomes(state)
        side.client.send("R")
        side.state_becomes("NONE")
        if side.app.connection.fileno() >= 0:
            side.say("first read", side.app.read(100))
            side.say("second read", side.app.read(100))
            side.say("write", side.app.write(b"too late"))
        side.must("the server answered the RST", not side.client.resets)
    CASES.named(f"RST in {state}")(run)


def client_fin(side, client):
    client.send("FA")
    client.wait_acked()


def server_fin(side, client, ack=True):
    side.app.close()
    client.wait_fin()
    if ack:
        client.send("A")


def last_ack(side, client):
    client_fin(side, client)
    side.app.close()
    client.wait_fin()


def closing(side, client):
    unacknowledged = client.expected
    side.app.close()
    client.wait_fin()
    client.send("FA", ack=unacknowledged)
    client.wait_acked()


def time_wait(side, client):
    """An RST ends TIME-WAIT too, as tcp_rfc1337 is 0."""
    server_fin(side, client)
    client_fin(side, client)


reset_in("ESTABLISHED", lambda side, client: client.write(b"unread"))
reset_in("CLOSE_WAIT", client_fin)
reset_in("LAST_ACK", last_ack)
reset_in("FIN_WAIT1", lambda side, client: server_fin(side, client, ack=False))
reset_in("FIN_WAIT2", server_fin)
reset_in("CLOSING", closing)
reset_in("TIME_WAIT", time_wait)


@CASES.named("RST before the application accepts")
def reset_unaccepted(side):
    client = side.client
    client.open()
    client.send("R")
    side.state_becomes("NONE")
    side.cookies += side.engaged
    side.app.accept()
    side.say("read", side.app.read(1))


@CASES.named("RST within the window, and outside")
def reset_guessed(side):
    """RFC 5961 3.2: challenge ACK within the window, silence outside."""
    side.open()
    side.exchange()
    client = side.client
    client.send("R", seq=client.next + 100)
    side.challenged()
    client.send("R", seq=client.next - 100000)
    side.exchange()
    client.send("R")
    side.state_becomes("NONE")


@CASES.named("server resets")
def server_resets(side):
    """RFC 9293 3.10.5; RFC 2525 2.17 where data was not read."""
    side.open()
    side.exchange()
    side.app.close(reset=True)
    reset = side.client.wait_reset()
    side.equal("sequence number", side.client.expected - side.client.irs & MASK,
               reset.seq - side.client.irs & MASK)
    side.state_becomes("NONE")


@CASES.named("server closes with data unread")
def server_unread(side):
    """RFC 2525 2.17."""
    side.open()
    side.client.write(b"never read")
    side.app.close()
    side.say("flags", side.client.wait_reset().flags)
    side.state_becomes("NONE")


@CASES.named("data for a server that has closed")
def data_after_close(side):
    """RFC 9293 3.6.1: reset, since nobody will read it."""
    side.open()
    side.app.close()
    side.client.wait_fin()
    side.client.send("A")
    side.client.send("PA", b"anybody there?")
    side.say("flags", side.client.wait_reset().flags)
    side.state_becomes("NONE")


if __name__ == "__main__":
    tcpscript.run_all(CASES, sys.argv[1], sys.argv[2])
