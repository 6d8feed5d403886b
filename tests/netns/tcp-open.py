#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How connections open, scripted: tcp-open.py FAMILY SERVER-MAC

Each case names where the rule stands that the stack and cookiebox must both follow.
"""

import os
import sys

sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")

import tcpscript  # noqa: E402
from tcpwire import MASK, before  # noqa: E402

CASES = tcpscript.Cases()
SHUFFLED = (4, 2, 9, 1, 8, 6, 3, 7, 5)


# --- The handshake -------------------------------------------------------------------------------

@CASES.named("SYN sent again")
def syn_again(side):
    """RFC 9293 3.8.1 and 3.10.7.4, SYN-RECEIVED. The stack counts its second SYN-ACK as a
    retransmission; cookiebox does not know that it is one."""
    client = side.client
    client.syn()
    first = client.wait_synack()
    client.syn()
    second = client.wait_synack()
    side.saw_synack(second)
    side.must("the second SYN-ACK has another ISN", first.seq == second.seq)
    client.send("A")
    side.accept("retransmitted")
    side.exchange()


@CASES.named("SYN again on an established connection")
def syn_late(side):
    """RFC 5961 4.2, RFC 9293 3.10.7.4: a challenge ACK and nothing else."""
    side.open()
    side.exchange()
    side.client.send("S", seq=side.client.isn)
    side.challenged()
    side.exchange()


@CASES.named("SYN with data")
def syn_data(side):
    """RFC 9293 3.10.7.2, RFC 7413 4.1.2: without Fast Open the data comes again."""
    client = side.client
    client.syn(data=b"early")
    side.saw_synack(client.wait_synack())
    client.write(b"early")
    side.accept()
    side.reads(b"early")
    side.exchange()


@CASES.named("SYN with ECN")
def syn_ecn(side):
    """RFC 3168 6.1.1."""
    client = side.client
    client.syn("SEC")
    side.saw_synack(client.wait_synack())
    client.send("A")
    side.accept()
    side.exchange()


@CASES.named("final ACK lost, data first")
def ack_lost(side):
    """RFC 9293 3.10.7.4, SYN-RECEIVED: any acceptable ACK completes the handshake."""
    client = side.client
    client.syn()
    side.saw_synack(client.wait_synack())
    client.lose("A")
    client.write(b"data before any ACK")
    side.accept()
    side.reads(b"data before any ACK")
    side.exchange()


@CASES.named("round trip time of the handshake")
def handshake_rtt(side):
    """RFC 6298 2.2, RFC 7323 4. Without timestamps nothing tells how old the SYN-ACK is, so that the
    socket of a cookie begins with 3 s, RFC 6298 5.7, until the first data is acknowledged."""
    side.open()
    blind = side.engaged and not side.timestamps
    info = side.app.info()
    side.must(f"timeout {info['rto']} us", info["rto"] == 3000000 if blind else
              info["rto"] < 1000000)
    side.must(f"round trip {info['rtt']} us", bool(info["rtt"]) != blind)
    side.exchange()
    info = side.app.info()
    side.must(f"after an exchange {info}", info["rtt"] and info["rto"] < 1000000)


@CASES.named("final ACK twice")
def ack_twice(side):
    """RFC 9293 3.10.7.4: a duplicate ACK of an open connection is ignored."""
    side.open()
    side.client.send("A")
    side.exchange()
    side.must("two connections", side.app.idle())


@CASES.named("first ACK with a full segment")
def first_data(side):
    client = side.client
    client.syn()
    client.wait_synack()
    client.write(b"x" * (client.mss - 12 * side.timestamps))
    side.accept()
    side.reads(b"x" * (client.mss - 12 * side.timestamps))
    side.exchange()


@CASES.named("first ACK with data and FIN")
def first_fin(side):
    """RFC 9293 3.10.7.4, eighth step: text and FIN of the segment that completes the handshake."""
    client = side.client
    client.syn()
    client.wait_synack()
    client.send("FPA", b"all I say")
    client.wait_acked()
    side.accept()
    side.reads(b"all I say")
    side.equal("end", "EOF", side.app.end())
    side.equal("reply", "", side.app.write(b"reply"))
    side.app.close()
    client.wait_fin()
    side.must("reply not seen", client.data == b"reply")
    client.send("A")
    side.state_becomes("NONE")


@CASES.named("first ACK is a FIN")
def bare_fin(side):
    client = side.client
    client.syn()
    client.wait_synack()
    client.send("FA")
    client.wait_acked()
    side.accept()
    side.equal("end", "EOF", side.app.end())
    side.app.close()
    client.wait_fin()
    client.send("A")
    side.state_becomes("NONE")


# --- A first flight of ten -----------------------------------------------------------------------

def flight(side):
    """Ten segments of which the first is lost, the others in disorder."""
    client = side.client
    size = client.mss - 12 * side.timestamps
    sent = [bytes([65 + i]) * size for i in range(10)]
    first = client.next
    frames = [client.make("A", data) for data in sent]
    client.put(*(frames[i] for i in SHUFFLED))
    return first, b"".join(sent)


@CASES.named("first flight of ten reordered, the first lost")
def flight_after_ack(side):
    """RFC 9293 3.10.7.4 (segments are processed in order of sequence), RFC 2018 4."""
    side.open()
    client = side.client
    first, sent = flight(side)
    size = len(sent) // 10
    others = (first + size & MASK, first + len(sent) & MASK)
    client.wait_until("SACK of the other nine", lambda: others in client.seen[-1].sack)
    client.send("A", sent[:size], seq=first)
    client.wait_acked()
    side.reads(sent)
    side.saw_info("after it", "receive ssthresh", "receive space")
    side.exchange()


@CASES.named("first flight of ten reordered, the first and the final ACK lost")
def flight_without_ack(side):
    """A cookie opens by the segment that follows the SYN, so the others are lost where the stack
    would keep them: the client sends them again (RFC 6298 5.4, RFC 5681 3.1). Never a reset, as
    the handshake is not refused."""
    client = side.client
    client.syn()
    client.wait_synack()
    first, sent = flight(side)
    client.drain()
    side.must("the first flight was reset", not client.resets)
    while client.acked != client.next:
        lowest, offset = client.acked, client.acked - first & MASK
        client.send("A", sent[offset:offset + client.mss - 12], seq=lowest)
        client.wait_until("ACK", lambda low=lowest: before(low, client.acked))
    side.accept("receive ssthresh", "receive space")
    side.reads(sent)
    side.exchange()


# --- Either speaks first -------------------------------------------------------------------------

@CASES.named("server speaks first")
def banner(side):
    side.open()
    side.app.write(b"220 welcome\r\n")
    side.client.wait_data(13)
    side.must("another banner", side.client.data == b"220 welcome\r\n")
    side.client.send("A")
    side.exchange(b"HELO\r\n", b"250 pleased\r\n")


@CASES.named("both speak first")
def crossed(side):
    """RFC 9293 3.10.7.4: the client's data acknowledges only the SYN-ACK."""
    client = side.client
    client.syn()
    client.wait_synack()
    client.send("A")
    side.accept()
    side.app.write(b"220 welcome\r\n")
    client.send("PA", b"HELO\r\n", ack=(client.irs + 1) & MASK)
    client.wait_data(13)
    client.wait_acked()
    side.reads(b"HELO\r\n")
    client.send("A")
    side.exchange()


if __name__ == "__main__":
    tcpscript.run_all(CASES, sys.argv[1], sys.argv[2])
