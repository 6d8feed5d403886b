#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Visits again and again from one port: reconnect.py ADDRESS LOCAL-PORT COUNT [reset]

Each visit fetches /page and the server closes first, or the client resets; the next one begins at
once: as soon as the client's own stack has had the last ACK of the one before and gives the port away.
Prints how many pages came.
"""

import errno
import socket
import struct
import sys
import time


def connect(sock, address):
    end = time.monotonic() + 3
    while True:
        try:
            return sock.connect((address, 80))
        except OSError as problem:
            if problem.errno != errno.EADDRNOTAVAIL or time.monotonic() > end:
                raise


def page(address, local, reset):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    host = f"[{address}]" if ":" in address else address
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", local))
        sock.settimeout(3)
        try:
            connect(sock, address)
            sock.sendall(f"GET /page HTTP/1.1\r\nHost: {host}\r\n"
                         "Connection: close\r\n\r\n".encode())
            answer = b""
            while data := sock.recv(65536):
                answer += data
        except OSError as problem:
            print(f"# {problem}")
            return False
        finally:
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return answer.startswith(b"HTTP/1.1 200 ") and len(answer) > 20000


def main():
    address, local, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(sum(page(address, local, "reset" in sys.argv) for _ in range(count)))


main()
