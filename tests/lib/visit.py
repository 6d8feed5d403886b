#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Honest clients, one after another: visit.py COUNT PAUSE LIMIT ADDRESS...

Fetches /page of each address over a new connection, COUNT times (10s: for so many seconds; 0: until
its input ends), with PAUSE seconds in between; none may take longer than LIMIT. Prints how many
pages came, and how many did not.
"""

import select
import socket
import sys
import time


def page(address, limit):
    """Whether all of the page came, over a connection of its own."""
    host = f"[{address}]" if ":" in address else address
    try:
        with socket.create_connection((address, 80), limit) as sock:
            sock.sendall(f"GET /page HTTP/1.1\r\nHost: {host}\r\n"
                         "Connection: close\r\n\r\n".encode())
            answer = bytearray()
            while data := sock.recv(65536):
                answer += data
    except OSError:
        return False
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return (head.startswith(b"HTTP/1.1 200 ") and body != b"" and
            b"Content-Length: %d\r\n" % len(body) in head + b"\r\n")


def turns(count, pause):
    """Yields as often as somebody is to come."""
    end = time.monotonic() + float(count[:-1]) if count.endswith("s") else float("inf")
    times = float("inf") if count == "0" or count.endswith("s") else int(count)
    while times > 0 and time.monotonic() < end:
        yield
        times -= 1
        if count != "0":
            time.sleep(pause)
        elif select.select([sys.stdin], [], [], pause)[0]:
            break


def main():
    came = [page(address, float(sys.argv[3])) for _ in turns(sys.argv[1], float(sys.argv[2]))
            for address in sys.argv[4:]]
    print(sum(came), len(came) - sum(came))


main()
