# SPDX-License-Identifier: GPL-2.0
"""An iptables table read and replaced through the socket options that iptables-legacy uses, in this
task: rules made by the program once can be put in and taken out again and again."""

import ctypes
import os
import socket
import struct

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
