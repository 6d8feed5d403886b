# SPDX-License-Identifier: GPL-2.0
"""A client, or a server, behind a tap device: segments as bytes, written and read by this task."""

import fcntl
import os
import select
import socket
import struct
import subprocess

OURS, THEIRS = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"     # client's and device's Ethernet address
CLIENT, SERVER = {4: "10.9.0.1", 6: "fd09::1"}, {4: "10.9.0.2", 6: "fd09::2"}
SYN, RST, ACK = 2, 4, 16


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(family, sport, dport, seq, ack, flags, options=b"", data=b"", ends=(CLIENT, SERVER)):
    """An Ethernet frame with a segment from the client to the server, or between other ends."""
    src, dst = (packed(end[family]) for end in ends)
    length = 20 + len(options) + len(data)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, (20 + len(options)) << 2, flags, 64240,
                      0, 0) + options + data
    pseudo = src + dst + struct.pack("!IHBB", length, 0, 0, 6)
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    if family == 6:
        return THEIRS + OURS + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, length, 6, 64) + \
            src + dst + tcp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0x4000, 64, 6, 0, src, dst)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return THEIRS + OURS + b"\x08\0" + head + tcp


class Tap:
    """A device of this host, and a neighbour behind it."""

    def __init__(self, name="cb0", host=SERVER, neighbour=CLIENT):      # pylint: disable=W0102
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x5002))
        mac = {key: ":".join(f"{b:02x}" for b in value)
               for key, value in (("ours", OURS), ("theirs", THEIRS))}
        commands = [f"link set {name} address {mac['theirs']} up"]
        for family in (4, 6):
            plen = 24 if family == 4 else 64
            nodad = "nodad" if family == 6 else ""
            commands += [f"addr add {host[family]}/{plen} dev {name} {nodad}",
                         f"neigh add {neighbour[family]} lladdr {mac['ours']} dev {name} nud permanent"]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)

    def send(self, family, *segment, partial=False, spoil=False, **more):
        """What is larger than a page goes in pieces, the first of which ends with the plain TCP
        header: the kernel has to gather it. partial: the checksum is left to the device; spoil:
        it is wrong. Returns the frame."""
        whole, tcp = bytearray(frame(family, *segment, **more)), 34 if family == 4 else 54
        if spoil or partial:
            whole[tcp + 16] ^= 0xff
        os.write(self.fd, struct.pack("=BBHHHH", partial, 0, tcp + 20, 0, partial * tcp,
                                      partial * 16) + whole)
        return bytes(whole)

    def drain(self):
        """The segments that have come: {sport, dport, seq, ack, flags}, whether the checksum was
        left to the device, the frame."""
        found = []
        while select.select([self.fd], [], [], 0)[0]:
            data = os.read(self.fd, 2048)
            partial, data = data[0] & 1, data[10:]
            kind = data[12:14]
            at = {b"\x08\0": 34, b"\x86\xdd": 54}.get(kind)
            if not at or data[at - 11 if kind == b"\x08\0" else 20] != 6:
                continue
            sport, dport, seq, ack, _, flags = struct.unpack("!HHIIBB", data[at:at + 14])
            found.append({"sport": sport, "dport": dport, "seq": seq, "ack": ack, "flags": flags,
                          "partial": partial, "frame": data})
        return found
