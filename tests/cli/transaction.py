#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Transactions, as a program that is not the tool uses them.

tests/cli/transaction.py stale|closed|aborted|begin|many N

stale    two sockets begin on the same generation; the second to commit is refused
closed   what was staged is dropped with its socket
aborted  what is staged is not in force for another socket, and gone after abort
begin    base generation, a second begin, abort and commit without begin
many N   adds services s1 to sN (address 10.x.y.z, port 80) in one transaction
Prints what the kernel said, one line a request.
"""

import os
import re
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

import genl  # noqa: E402
from genl import C  # noqa: E402


class Socket(genl.Socket):
    def say(self, what, payload=b""):
        """Asks, prints what was said, and returns the replies."""
        try:
            replies, said = self.request(C["CMD_" + what], payload), "ok"
        except genl.Refused as refused:
            replies, said = [], f"{refused.sentence} ({os.strerror(refused.errno)})"
        said = re.sub(r"(generation|but|not) \d+", r"\1 N", said)
        print(f"{what.lower().replace('_', ' ')}: {said}")
        return replies

    def add(self, name, port):
        self.say("SERVICE_ADD", genl.text(C["A_SERVICE_NAME"], name) +
                 genl.u16(C["A_SERVICE_PORT_MIN"], port))

    def names(self, who):
        found = [reply[C["A_SERVICE_NAME"]][0].rstrip(b"\0").decode()
                 for reply in self.dump(C["CMD_SERVICE_GET"])]
        print(f"{who}:", *found)


def stale():
    one, two = Socket(), Socket()
    one.say("BEGIN")
    two.say("BEGIN")
    one.add("one", 1001)
    two.add("two", 1002)
    one.say("COMMIT")
    two.say("COMMIT")
    two.say("COMMIT")
    one.names("in force")


def closed():
    one = Socket()
    one.say("BEGIN")
    one.add("closed", 1003)
    one.close()
    Socket().names("in force")


def aborted():
    one, two = Socket(), Socket()
    one.say("BEGIN")
    one.add("staged", 1004)
    two.names("in force")
    one.say("ABORT")
    one.names("in force")


def begin():
    one = Socket()
    base = one.say("BEGIN")[0][C["A_TRANSACTION_GENERATION"]][0]
    one.say("BEGIN")
    one.say("ABORT")
    one.say("ABORT")
    one.say("COMMIT")
    one.say("BEGIN", genl.attr(C["A_TRANSACTION_GENERATION"], base))
    one.say("ABORT")
    one.say("BEGIN", genl.u32(C["A_TRANSACTION_GENERATION"], struct.unpack("=I", base)[0] + 100))


def many(count):
    one = Socket()
    one.say("BEGIN")
    for i in range(1, int(count) + 1):
        addr = genl.attr(C["A_PREFIX_ADDR4"], struct.pack(">I", 0x0a000000 + i))
        one.request(C["CMD_SERVICE_ADD"], genl.text(C["A_SERVICE_NAME"], f"s{i}") +
                    genl.nest(C["A_SERVICE_ADDR"], addr) + genl.u16(C["A_SERVICE_PORT_MIN"], 80))
    one.say("COMMIT")


if __name__ == "__main__":
    {"stale": stale, "closed": closed, "aborted": aborted, "begin": begin,
     "many": many}[sys.argv[1]](*sys.argv[2:])
