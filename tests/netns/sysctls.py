#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""net.cookiebox.* in this namespace against Documentation/sysctl.rst: defaults; least and most are
taken; one less, one more and what is no number are refused and change nothing; words likewise.

Prints a line for each, "ok WHAT" or "not ok WHAT". With an argument: writes valid values, round and
round, for so many seconds, and prints how many."""

import errno
import itertools
import os
import re
import sys
import time

FOLDER = "/proc/sys/net/cookiebox"
# Of two that depend on each other the other one is moved out of the way first.
AWAY = {"auto_engage_percent": ("auto_release_percent", "1"),
        "auto_release_percent": ("auto_engage_percent", "100")}
NONSENSE = ["-1", "x", "7x", "1.5", "18446744073709551616", "99999999999999999999999999"]
LOAD = {"epoch_seconds": ["2", "30", "3600", "7"], "default_reply": ["reflect", "route"],
        "invalid_rate": ["0", "1000"], "flow_cache_bytes": ["0", "4096", "16777216"],
        "auto_engage_percent": ["100", "50"], "auto_release_percent": ["1", "25"],
        "auto_hold_seconds": ["1", "10"], "embryonic_max": ["0", "64", "1024"],
        "synack_retransmit_rate": ["0", "8"], "single_use_max": ["65536", "262144"],
        "single_use_full": ["drop", "accept"],
        "splice_max": ["0", "65536"], "splice_waiting_max": ["1", "4096"],
        "splice_prefix_max": ["1", "256"], "splice_server_max": ["1", "2048"],
        "splice_held_bytes": ["0", "4194304"], "splice_idle_seconds": ["1", "1800"],
        "splice_probe_seconds": ["1", "30"], "splice_probes": ["1", "5"],
        "splice_linger_seconds": ["1", "60"], "splice_adopt_seconds": ["0", "60"],
        "splice_backlog": ["8", "128"]}


def read(name):
    with open(f"{FOLDER}/{name}", encoding="ascii") as handle:
        return handle.read().strip()


def write(name, value):
    """The error's name, or None."""
    try:
        with open(f"{FOLDER}/{name}", "w", encoding="ascii") as handle:
            handle.write(value)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


def sections():
    with open(f"{os.environ['TOP']}/Documentation/sysctl.rst", encoding="utf-8") as handle:
        parts = re.split(r"^(\w+)\n=+\n", handle.read(), flags=re.M)
    return {n: t for n, t in zip(parts[1::2], parts[2::2]) if ":Default:" in t}


def report(fine, what):
    print(f"{'ok' if fine else 'not ok'} {what}")


def takes(name, value):
    said = write(name, value)
    report(said is None and read(name) == value, f"{name} takes {value} ({said}, {read(name)})")


def refuses(name, value):
    before = read(name)
    said = write(name, value)
    report(said == "EINVAL" and read(name) == before,
           f"{name} refuses {value!r} and stays {before} ({said}, {read(name)})")


def try_range(name, least, most, default):
    if name in AWAY:
        write(*AWAY[name])
    takes(name, str(least))
    takes(name, str(most))
    for value in [str(least - 1), str(most + 1), str(most + 2 ** 32), *NONSENSE]:
        refuses(name, value)
    takes(name, default)


def try_words(name, words, default):
    for word in words:
        takes(name, word)
    for word in ["\n", words[0][:-1], words[0] + "s", words[0].upper(), "0", f"{words[0]} x"]:
        refuses(name, word)
    takes(name, default)


def try_all():
    pages = sections()
    report(sorted(pages) == sorted(os.listdir(FOLDER)), "each has its section, and no other")
    defaults = {name: re.search(r"^:Default: (?:``)?(\w+)", text, re.M)[1]
                for name, text in pages.items()}
    for name, default in defaults.items():
        report(read(name) == default, f"{name} is {default} at first ({read(name)})")
    for name, text in pages.items():
        default = defaults[name]
        limits = re.search(r"^:Range: (\d+) to (\d+)", text, re.M)
        if limits:
            try_range(name, int(limits[1]), int(limits[2]), default)
        else:
            try_words(name, re.findall(r"``(\w+)``", re.search(r":Values:.*", text)[0]), default)
    write("auto_release_percent", "25")
    write("auto_engage_percent", "50")
    refuses("auto_engage_percent", "25")
    refuses("auto_release_percent", "50")


def load(seconds):
    """EBUSY: what was held under the size before still is."""
    end, count = time.monotonic() + seconds, 0
    rounds = {name: itertools.cycle(values) for name, values in LOAD.items()}
    while time.monotonic() < end:
        for name, values in rounds.items():
            value = next(values)
            said = write(name, value)
            if said not in (None, "EBUSY"):
                sys.exit(f"{name}: {value}: {said}")
            count += 1
            time.sleep(0.02)
    print(count)


if len(sys.argv) > 1:
    load(float(sys.argv[1]))
else:
    try_all()
