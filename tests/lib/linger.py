#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that stay: linger.py ADDRESS COUNT LOCAL-PORT, then a command a line on its input.

Opens COUNT connections to port 80, each of which has got /page, and says `ready N`. Commands:
  ask           fetches /page over each of them again: `answered N`
  ended SECONDS waits until all have ended, at most so long: `reset N`, by RST, and `closed M`
"""

import select
import socket
import sys
import time


def start(address, local):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(10)
    sock.bind(("", local))
    sock.connect((address, 80))
    return sock


def page(sock, host):
    """Whether the page came over this connection."""
    try:
        sock.sendall(f"GET /page HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 20000:
            data = sock.recv(65536)
            if not data:
                return False
            answer += data
        return answer.startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def ends(socks, seconds):
    """How many were reset, how many closed, in that time."""
    waiting, resets, closed = list(socks), 0, 0
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        for sock in select.select(waiting, [], [], 0.1)[0]:
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                resets, more = resets + 1, None
                waiting.remove(sock)
            if more == b"":
                closed += 1
                waiting.remove(sock)
    return resets, closed


def main():
    address, count, local = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    host, socks = address.join("[]" if ":" in address else ["", ""]), []
    for number in range(count):
        try:
            socks.append(start(address, local + number))
        except OSError as problem:
            print(f"# {problem}", file=sys.stderr)
    print("ready", sum(page(s, host) for s in socks), flush=True)
    for line in sys.stdin:
        what, *seconds = line.split()
        if what == "ask":
            print("answered", sum(page(s, host) for s in socks), flush=True)
        else:
            print("reset %d closed %d" % ends(socks, float(seconds[0])), flush=True)


main()
