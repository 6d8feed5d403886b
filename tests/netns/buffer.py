#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What becomes of the SYN's buffer; buffer.sh starts it."""

import contextlib
import os
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")]

import tap  # noqa: E402
from genl import C, Socket, text, u8, u16  # noqa: E402
from report import Report  # noqa: E402

FAMILY = int(os.environ["FAMILY"])
OPTIONS = b"\2\4\5\xb4\4\2\1\1"
ok = Report()


class Client:
    port = 30000

    def __init__(self):
        self.device = tap.Tap()

    def syn(self, port=None, **how):
        """The frame sent, and the answers."""
        Client.port += 1
        self.device.drain()
        sent = self.device.send(FAMILY, port or Client.port, 8080, 1000, 0, tap.SYN, OPTIONS, **how)
        return sent, [s for s in self.device.drain() if s["dport"] == (port or Client.port)]


def whole(segment):
    """Whether its TCP checksum is right."""
    at, frame = (34, segment["frame"]) if FAMILY == 4 else (54, segment["frame"])
    addresses = frame[at - 8:at] if FAMILY == 4 else frame[at - 32:at]
    tcp = frame[at:]
    return tap.checksum(addresses + len(tcp).to_bytes(4, "big") + b"\0\0\0\6" + tcp) == 0


def captured(sock):
    frames = []
    with contextlib.suppress(BlockingIOError):
        while True:
            frames.append(sock.recv(2048))
    return frames


def rule(*words):
    subprocess.run(["nft", *words], check=True)


def answers(client, reply):
    """The same for each way that the answer can go."""
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    capture.setblocking(False)
    sent, got = client.syn()
    frames = captured(capture)
    capture.close()
    ok(len(got) == 1 and whole(got[0]), f"{reply}: a SYN is answered while somebody captures", got)
    ok(sent in frames, f"{reply}: and the capture has the SYN as it was")
    _, got = client.syn(partial=True)
    ok(len(got) == 1 and not got[0]["partial"] and whole(got[0]),
       f"{reply}: the answer to a partial checksum has a whole one", got)
    _, got = client.syn(spoil=True)
    ok(not got, f"{reply}: a wrong checksum is not answered", got)


def output(client):
    rule("add", "table", "inet", "t")
    rule("add", "chain", "inet", "t", "out", "{ type filter hook output priority 0; }")
    rule("add", "rule", "inet", "t", "out", "tcp", "sport", "8080", "drop")
    _, got = client.syn()
    ok(not got, "an OUTPUT rule that drops it drops the answer", got)
    rule("delete", "table", "inet", "t")
    _, got = client.syn()
    ok(len(got) == 1, "without the rule it is sent", got)


def live(client):
    """The challenge ACK of RFC 5961, which does not acknowledge the SYN."""
    _, got = client.syn()
    port = Client.port
    client.device.send(FAMILY, port, 8080, 1001, got[0]["seq"] + 1, tap.ACK)
    _, got = client.syn(port)
    ok([s["flags"] for s in got] == [tap.ACK] and got[0]["ack"] == 1001,
       "a SYN on a live connection is the stack's", got)


def main():
    print("KTAP version 1")
    sock, client = Socket(), Client()
    server = socket.socket(socket.AF_INET6 if FAMILY == 6 else socket.AF_INET)
    server.bind((tap.SERVER[FAMILY], 8080))
    server.listen()
    for reply in ("ROUTE", "REFLECT"):
        command = C["CMD_SERVICE_ADD" if reply == "ROUTE" else "CMD_SERVICE_SET"]
        sock.request(command, text(C["A_SERVICE_NAME"], "web") + u16(C["A_SERVICE_PORT_MIN"], 8080) +
                     u8(C["A_SERVICE_REPLY"], C["REPLY_" + reply]))
        answers(client, reply.lower())
    sock.request(C["CMD_SERVICE_SET"], text(C["A_SERVICE_NAME"], "web") +
                 u8(C["A_SERVICE_REPLY"], C["REPLY_ROUTE"]))
    output(client)
    live(client)
    return ok.done()


if __name__ == "__main__":
    sys.exit(main())
