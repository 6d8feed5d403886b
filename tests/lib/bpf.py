# SPDX-License-Identifier: GPL-2.0
"""Small BPF programs, put together by hand: classic ones, and eBPF, loaded by bpf(2)."""

import ctypes
import os
import socket
import struct

SOCKET_FILTER, SK_REUSEPORT = 1, 21             # enum bpf_prog_type
REUSEPORT_SOCKARRAY = 20                        # enum bpf_map_type
MAP_CREATE, MAP_UPDATE_ELEM, PROG_LOAD = 0, 2, 5
SK_DROP, SK_PASS = 0, 1
SELECT_REUSEPORT, PRANDOM = 82, 7               # enum bpf_func_id
ATTACH_FILTER, ATTACH_REUSEPORT_CBPF, ATTACH_REUSEPORT_EBPF = 26, 51, 52       # SO_*
LIBC = ctypes.CDLL(None, use_errno=True)


def attach_classic(sock, option, program):
    """Instructions: (code, jump if true, jump if false, constant)."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *i) for i in program))
    sock.setsockopt(socket.SOL_SOCKET, option,
                    struct.pack("@HP", len(program), ctypes.addressof(code)))


def attach_to_group(sock, kind, program):
    """An eBPF program that chooses in the SO_REUSEPORT group of that socket."""
    descriptor = load(kind, program)
    sock.setsockopt(socket.SOL_SOCKET, ATTACH_REUSEPORT_EBPF, descriptor)
    os.close(descriptor)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = LIBC.syscall(321, command, buffer, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def load(kind, instructions):
    """A descriptor of the program; instructions: (code, destination, source, offset, constant)."""
    code = b"".join(struct.pack("=BBhi", c, d | s << 4, o, k) for c, d, s, o, k in instructions)
    code, log, license_ = (ctypes.create_string_buffer(b, size) for b, size in (
        (code, len(code)), (b"", 65536), (b"GPL", 4)))
    try:
        return bpf(PROG_LOAD, struct.pack(
            "=IIQQIIQ", kind, len(instructions), ctypes.addressof(code),
            ctypes.addressof(license_), 1, len(log), ctypes.addressof(log)))
    except OSError as why:
        raise OSError(why.errno, f"{why.strerror}: {log.value.decode()}") from None


def socket_array(listeners):
    """A map from 0, 1, ... to listening sockets of one group."""
    made = bpf(MAP_CREATE, struct.pack("=IIII", REUSEPORT_SOCKARRAY, 4, 8, len(listeners)))
    for number, listener in enumerate(listeners):
        key = ctypes.create_string_buffer(struct.pack("=I", number), 4)
        value = ctypes.create_string_buffer(struct.pack("=Q", listener.fileno()), 8)
        bpf(MAP_UPDATE_ELEM, struct.pack("=IIQQQ", made, 0, ctypes.addressof(key),
                                         ctypes.addressof(value), 0))
    return made


EXIT = (0x95, 0, 0, 0, 0)


def constant(value):
    """Returns that."""
    return [(0xb7, 0, 0, 0, value), EXIT]


def half_at(offset, mask):
    """Of a socket filter: two bytes of the packet, as a number, and the mask."""
    return [(0xbf, 6, 1, 0, 0),                 # r6 = r1
            (0x28, 0, 0, 0, offset),            # r0 = ntohs(packet[offset])
            (0x57, 0, 0, 0, mask), EXIT]        # r0 &= mask


def lots(mask):
    """A number by chance."""
    return [(0x85, 0, 0, 0, PRANDOM), (0x57, 0, 0, 0, mask), EXIT]


def select_by_port(sockets, mask):
    """Of SK_REUSEPORT: the member of the map whose number is in the TCP source port."""
    return [(0xbf, 6, 1, 0, 0),                 # r6 = r1
            (0x79, 2, 1, 0, 0),                 # r2 = data, which begins with the TCP header
            (0x79, 3, 1, 8, 0),                 # r3 = data_end
            (0xbf, 4, 2, 0, 0),                 # r4 = r2
            (0x07, 4, 0, 0, 4),                 # r4 += 4
            (0x2d, 4, 3, 13, 0),                # if r4 > r3: drop
            (0x69, 5, 2, 0, 0),                 # r5 = source port
            (0xdc, 5, 0, 0, 16),                # ntohs
            (0x57, 5, 0, 0, mask),              # r5 &= mask
            (0x63, 10, 5, -4, 0),               # the key, on the stack
            (0xbf, 1, 6, 0, 0),                 # r1 = r6
            (0x18, 2, 1, 0, sockets), (0, 0, 0, 0, 0),  # r2 = the map
            (0xbf, 3, 10, 0, 0),                # r3 = r10
            (0x07, 3, 0, 0, -4),                # r3 -= 4
            (0xb7, 4, 0, 0, 0),                 # r4 = 0
            (0x85, 0, 0, 0, SELECT_REUSEPORT),
            (0xb7, 0, 0, 0, SK_PASS), EXIT,
            (0xb7, 0, 0, 0, SK_DROP), EXIT]
