#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Opens connections now and uses them again later: keepalive.py HOST COUNT

Prints how many gave a page; then, for each line on standard input, how many of the same
connections gave another one. A connection that was lost is never opened again.
"""

import http.client
import sys


def use(connection):
    """One page over a connection that must still be the same."""
    try:
        if connection.sock is None:
            return False
        connection.request("GET", "/page")
        return connection.getresponse().read() != b""
    except (OSError, http.client.HTTPException):
        connection.close()
        return False


def main():
    connections = [http.client.HTTPConnection(sys.argv[1], 80, timeout=10)
                   for _ in range(int(sys.argv[2]))]
    for connection in connections:
        connection.auto_open = 0
        connection.connect()
    print(sum(map(use, connections)), flush=True)
    for _ in sys.stdin:
        print(sum(map(use, connections)), flush=True)


main()
