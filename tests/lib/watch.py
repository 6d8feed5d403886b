#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What connections that nobody has completed take up, sampled in the server's namespace.

Prints, for each line on its input, what there is now: "REQUEST-SOCKS CONNTRACKS MODULE-BYTES"; at
the end of its input the peak of each since the first line, and how often it has looked.
"""

import os
import select
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

from genl import C, Socket  # noqa: E402

SLABS = ("request_sock_TCP", "request_sock_TCPv6", "request_sock_subflow_v4",
         "request_sock_subflow_v6")
EVERY = 0.05


def request_socks():
    with open("/proc/slabinfo", encoding="ascii") as handle:
        found = [int(line.split()[1]) for line in handle if line.split(None, 1)[0] in SLABS]
    if not found:
        sys.exit("no slab of request sockets")
    return sum(found)


def conntracks():
    """Counted when an entry is allocated, whatever becomes of it."""
    try:
        with open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as handle:
            return int(handle.read())
    except FileNotFoundError:
        return 0


def module_bytes(sock):
    """None without the module."""
    if not sock:
        return None
    value = sock.request(C["CMD_STATUS_GET"])[0][C["A_STATUS_MEMORY"]][0]
    return int.from_bytes(value, sys.byteorder)


def main():
    sock = Socket() if os.path.exists("/sys/module/cookiebox") else None
    peaks, samples, line = (0, 0, 0), 0, sys.stdin.readline()
    while line:
        now = request_socks(), conntracks(), module_bytes(sock)
        print(*now, flush=True)
        while not select.select([sys.stdin], [], [], EVERY if samples else 0)[0] or not samples:
            now = request_socks(), conntracks(), module_bytes(sock)
            peaks = tuple(max(p, n or 0) for p, n in zip(peaks, now))
            samples += 1
        line = sys.stdin.readline()
    print(*peaks, samples, flush=True)


main()
