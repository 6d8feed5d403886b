#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""How long the first byte takes: firstbyte.py ADDRESS PORT COUNT [REQUEST]

Connects COUNT times and prints the shortest time from the SYN to the first byte of the server, in
milliseconds; without a REQUEST the server speaks first.
"""

import socket
import sys
import time


def once(address, port, request):
    began = time.monotonic()
    with socket.create_connection((address, port), 10) as sock:
        if request:
            sock.sendall(request)
        sock.recv(1)
    return time.monotonic() - began


def main():
    address, port, count, *request = sys.argv[1:]
    asked = f"{request[0]}\r\n\r\n".encode() if request else b""
    print(round(1000 * min(once(address, int(port), asked) for _ in range(int(count)))))


main()
