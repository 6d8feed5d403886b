#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Accepts at a port of both families and closes at once, until it is killed.

tests/netns/single-use.py PORT BACKLOG [FILE]

FILE: on SIGUSR1 says there how many connections it has accepted and, of those, how many were of
different peers.
"""

import os
import signal
import socket
import sys

total, peers = 0, set()


def tell(*_):
    with open(sys.argv[3] + ".new", "w", encoding="ascii") as handle:
        handle.write(f"{total} {len(peers)}\n")
    os.rename(sys.argv[3] + ".new", sys.argv[3])


def main():
    global total
    if len(sys.argv) > 3:
        signal.signal(signal.SIGUSR1, tell)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", int(sys.argv[1])))
    sock.listen(int(sys.argv[2]))
    while True:
        try:
            child, peer = sock.accept()
        except ConnectionAbortedError:
            continue
        if len(sys.argv) > 3:
            total += 1
            peers.add(peer)
        child.close()


main()
