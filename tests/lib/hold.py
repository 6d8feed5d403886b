#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Fetches a page over connections from given ports, all at once, and holds them open.

tests/lib/hold.py ADDRESS PORT PAGE: for each line `SECONDS LOCAL-PORT...` on its input it first closes
those of the line before, then prints for each local port `PORT ok`, `PORT refused` or `PORT timeout`,
and last `ready`. An empty line only closes, and says so: `closed`.
"""

import select
import socket
import sys
import time


def start(address, port, local):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", local))
    sock.setblocking(False)
    sock.connect_ex((address, port))
    return sock


def request(sock, host, page):
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return "refused"
    sock.send(f"GET {page} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return None


def answer(sock):
    try:
        return "ok" if sock.recv(64).startswith(b"HTTP/1.1 200") else "refused"
    except OSError:
        return "refused"


def fetch(socks, host, page, seconds):
    """What became of each socket."""
    asked, results = set(), {}
    end = time.monotonic() + seconds
    while len(results) < len(socks) and time.monotonic() < end:
        waiting = [s for s in socks if s not in results]
        readable, writable, _ = select.select([s for s in waiting if s in asked],
                                              [s for s in waiting if s not in asked], [], 0.1)
        for sock in writable:
            asked.add(sock)
            why = request(sock, host, page)
            if why:
                results[sock] = why
        for sock in readable:
            results[sock] = answer(sock)
    return results


def main():
    address, port, page = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    host, socks = address.join("[]" if ":" in address else ["", ""]), {}
    for line in sys.stdin:
        for sock in socks:
            sock.close()
        seconds, *locals_ = line.split() or [0]
        socks = {start(address, port, int(p)): p for p in locals_}
        results = fetch(list(socks), host, page, float(seconds))
        for sock, local in socks.items():
            print(local, results.get(sock, "timeout"))
        print("ready" if socks else "closed", flush=True)


if __name__ == "__main__":
    main()
