#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Golden tests as transcripts of a shell.

tests/cli/transcript.py [--update|--fresh] FILE...

    # a comment
    $ command                    run by bash in a folder of its own, which lasts for the file
      what it prints             stdout and stderr, each line indented by two blanks
      [exit 2]                   if not 0

Each command is one result, printed as KTAP. Values that change from run to run are replaced
first, by the table below. --update rewrites the files with what was printed: read the difference.
With --fresh each file has a network namespace of its own, with lo, and sh instead of bash.
Where $OUT is set, what was printed is left there too.
"""

import ctypes
import difflib
import os
import re
import subprocess
import sys
import tempfile

# What changes from run to run, and what stands for it.
VOLATILE = [
    (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "DATE TIME "),
    (r'"time": ?\d+', '"time":N'),
    (r'"(single_use_)?memory": \d+', r'"\1memory": N'),
    (r"\b\d+ bytes,", "N bytes,"),
    (r'"next_epoch_ms": \d+', '"next_epoch_ms": N'),
    (r"in \d+\.\d s", "in N s"),
    (r'"(epoch|floor)": ?\d+', r'"\1": N'),
    (r"epoch \d+", "epoch N"),
    (r"^(epoch|floor)( +)\d+", r"\1\2N"),
    (r"\b[0-9a-f]{64}\b", "64HEX"),
    (r"\b[0-9a-f]{32}\b", "32HEX"),
    (r'base \d+|"base": \d+', "BASE"),
    (r"^flow \d+", "flow BASE"),
    (r'"version": "[^"]*"', '"version": "V"'),
    (r"^module \S+,", "module V,"),
    (r'"seq":\d+', '"seq":N'),
    (r"connection tracking (is not loaded|holds \d+ of \d+ entries; .*)", "connection tracking S"),
    (r"^(ok  |note) ( +clock +)the clock source is .*", r"LEVEL\2the clock source S"),
    (r"^(ok +module +)version \S+", r"\1version V"),
    (r'cookiebox_info.version="[^"]*".', "cookiebox_info V"),
    (r"^(cookiebox_(epoch|memory_bytes)) \d+", r"\1 N"),
    # 6.1 has no room for names in sentences
    (r"no service has this name", "no service is named NAME"),
    (r"no service is named \w+", "no service is named NAME"),
    (r"another (?=service has the same)", ""),
    (r"service \w+ has the same", "service has the same"),
    (r"release-at must be below engage-at, and \d+ is not below \d+",
     "release-at must be below engage-at"),
    (r"another change came between: read again",
     "another change came between: generation N is in force, not N"),
]


def normalise(line):
    for pattern, word in VOLATILE:
        line = re.sub(pattern, word, line)
    return line


def words(command, shell):
    """What to start: the program itself, where a shell would do no more than find it. In an
    emulated machine, or one with KASAN, a shell takes longer to start than cookiebox."""
    if re.fullmatch(r"[\w@%+:,./-]+( [\w@%+=:,./-]+)*", command):
        return command.split()
    return [shell, "-c", command]


def run(command, folder, shell):
    """The lines that stand below the command in a transcript."""
    try:
        result = subprocess.run(words(command, shell), cwd=folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return ["  [no end within 60 s]"]
    lines = [normalise(line) for line in result.stdout.splitlines()]
    if result.returncode:
        lines.append(f"[exit {result.returncode}]")
    return ["  " + line if line else "" for line in lines]


def blocks(path):
    """(command or None, lines): a comment or blank line is a block without a command."""
    found = []
    with open(path, encoding="utf-8") as handle:
        for line in handle.read().splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("#") or not found:
                found.append((None, [line]))
            else:
                found[-1][1].append(line)
    return found


def trimmed(lines):
    """Without the blank lines at the end, which only part the blocks."""
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return lines[:end], lines[end:]


def enter_fresh_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):       # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def transcript(path, update, shell, report):
    name, text = os.path.splitext(os.path.basename(path))[0], []
    with tempfile.TemporaryDirectory() as folder:
        os.umask(0o022)
        for command, lines in blocks(path):
            if command is None:
                text += lines
                continue
            want, gap = trimmed(lines)
            got = trimmed(run(command, folder, shell))[0]
            text += [f"$ {command}", *got, *gap]
            if not update:
                report(f"{name}: {command}", want, got)
    targets = [path] if update else []
    if os.environ.get("OUT"):
        targets.append(f"{os.environ['OUT']}/{name}.txt")
    for target in targets:
        with open(target, "w", encoding="utf-8") as handle:
            handle.write("\n".join(text) + "\n")


def main():
    update, fresh = sys.argv[1:2] == ["--update"], sys.argv[1:2] == ["--fresh"]
    count, failed = 0, 0

    def report(what, want, got):
        nonlocal count, failed
        count += 1
        if want != got:
            failed += 1
            for line in difflib.unified_diff(want, got, "wanted", "got", lineterm=""):
                print("#", line)
        print(f"{'not ok' if want != got else 'ok'} {count} - {what.replace('#', '')}", flush=True)

    for path in sys.argv[1 + update + fresh:]:
        if fresh:
            enter_fresh_namespace()
        transcript(path, update, "sh" if fresh else "bash", report)
    if not update:
        print(f"1..{count}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
