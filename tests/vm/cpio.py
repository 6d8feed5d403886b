# SPDX-License-Identifier: GPL-2.0
"""Writes initramfs archives (cpio "newc", owner root), so that no root and no fakeroot is needed."""

import os
import stat


class Archive:
    """An archive under construction. Parents are made on the way; a path is written once."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.seen = set()
        self.inode = 1

    def _entry(self, name, mode, data=b"", mtime=0):
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, mtime, len(data), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        self.out.write(head + raw + b"\0" * (-(len(head) + len(raw)) % 4))
        self.out.write(data + b"\0" * (-len(data) % 4))
        self.inode += 1

    def directory(self, name):
        name = name.strip("/")
        if not name or name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def symlink(self, name, target):
        name = name.strip("/")
        if name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def data(self, name, content, mode=0o644, mtime=0):
        name = name.strip("/")
        if name in self.seen:
            return
        self.directory(os.path.dirname(name))
        self.seen.add(name)
        self._entry(name, stat.S_IFREG | mode, content, mtime)

    def file(self, name, source):
        info = os.stat(source)
        with open(source, "rb") as handle:
            self.data(name, handle.read(), info.st_mode & 0o777, int(info.st_mtime))

    def node(self, name, major, minor):
        """A character device; /dev/console must be there before init runs."""
        raw = name.encode() + b"\0"
        fields = (self.inode, stat.S_IFCHR | 0o600, 0, 0, 1, 0, 0, 0, 0, major, minor, len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields)
        self.out.write(head + raw + b"\0" * (-(len(head) + len(raw)) % 4))
        self.inode += 1

    def close(self):
        self._entry("TRAILER!!!", 0)
        self.out.write(b"\0" * (-self.out.tell() % 512))
        self.out.close()
