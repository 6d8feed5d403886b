# SPDX-License-Identifier: GPL-2.0
"""Rules of iptables put in and taken out again and again, in this task, which the programs made once:
a table through the socket options of iptables-legacy, a chain through the netlink of iptables-nft."""

import ctypes
import os
import socket
import struct

from genl import NESTED, attr, parse

SET_REPLACE = GET_INFO = 64
GET_ENTRIES = 65
LIBC = ctypes.CDLL(None, use_errno=True)


class Table:
    def __init__(self, name="raw"):
        self.name = name.encode()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def get(self, option, buffer):
        size = ctypes.c_uint32(len(buffer))
        if LIBC.getsockopt(self.sock.fileno(), 0, option, buffer, ctypes.byref(size)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return bytes(buffer)

    def info(self):
        """(hooks, their 10 offsets, number of entries, bytes of all)"""
        data = self.get(GET_INFO, ctypes.create_string_buffer(self.name, 84))
        hooks, *offsets, entries, size = struct.unpack("=I10III", data[32:84])
        return hooks, offsets, entries, size

    def save(self):
        """What replace() takes."""
        info = self.info()
        head = struct.pack("=32sI4x", self.name, info[3])
        buffer = ctypes.create_string_buffer(head + bytes(info[3]), len(head) + info[3])
        return info, self.get(GET_ENTRIES, buffer)[len(head):]

    def replace(self, saved):
        (hooks, offsets, entries, size), blob = saved
        old = self.info()[2]
        counters = ctypes.create_string_buffer(16 * old)
        head = struct.pack("=32sIII10II", self.name, hooks, entries, size, *offsets, old)
        head += struct.pack("=Q", ctypes.addressof(counters))
        self.sock.setsockopt(0, SET_REPLACE, head + blob)


BATCH_BEGIN, BATCH_END, NEW_RULE, GET_RULE, DEL_RULE = 16, 17, 0xa06, 0xa07, 0xa08
RULE_TABLE, RULE_CHAIN, RULE_EXPRESSIONS, RULE_COMPAT = 1, 2, 4, 5
REQUEST, ACK, CREATE_APPEND, IPV4 = 1, 4, 0xc00, 2


class NftChain:
    """A chain of iptables-nft for IPv4."""

    def __init__(self, table="raw", chain="PREROUTING"):
        self.where = attr(RULE_TABLE, table.encode() + b"\0") + \
            attr(RULE_CHAIN, chain.encode() + b"\0")
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
        self.sock.bind((0, 0))

    @staticmethod
    def message(kind, flags, body=b"", family=IPV4, resource=0):
        return struct.pack("=IHHIIBBH", 20 + len(body), kind, flags, 1, 0, family, 0,
                           socket.htons(resource)) + body

    def replies(self):
        """(kind, body) of all that waits: the kernel answers before send() returns."""
        while True:
            try:
                data = self.sock.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            while len(data) >= 16:
                length, kind = struct.unpack("=IH", data[:6])
                yield kind, data[16:length]
                data = data[(length + 3) & ~3:]

    def batch(self, kind, flags, body):
        self.sock.send(self.message(BATCH_BEGIN, REQUEST, family=0, resource=10) +
                       self.message(kind, REQUEST | ACK | flags, self.where + body) +
                       self.message(BATCH_END, REQUEST, family=0, resource=10))
        for answer, said in list(self.replies()):
            error = -struct.unpack("=i", said[:4])[0] if answer == 2 else 0
            if error:
                raise OSError(error, os.strerror(error))

    def rules(self):
        """What add() takes, for each rule."""
        self.sock.send(self.message(GET_RULE, REQUEST | 0x300, self.where))
        found = []
        for kind, body in self.replies():
            if kind == NEW_RULE:
                found.append(parse(body[4:])[RULE_EXPRESSIONS][0])
        return found

    def add(self, expressions):
        tcp = attr(1, struct.pack(">I", socket.IPPROTO_TCP)) + attr(2, bytes(4))
        self.batch(NEW_RULE, CREATE_APPEND, attr(RULE_EXPRESSIONS | NESTED, expressions) +
                   attr(RULE_COMPAT | NESTED, tcp))

    def clear(self):
        self.batch(DEL_RULE, 0, b"")
