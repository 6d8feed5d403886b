#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Accepts at a port of both families and closes at once, until it is killed.

tests/netns/single-use.py PORT BACKLOG
"""

import socket
import sys


def main():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", int(sys.argv[1])))
    sock.listen(int(sys.argv[2]))
    while True:
        try:
            sock.accept()[0].close()
        except ConnectionAbortedError:
            pass


main()
