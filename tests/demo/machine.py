# SPDX-License-Identifier: GPL-2.0
"""The demos' VM, and what their programs have in common: options, progress, the end."""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path += [f"{TOP}/tests/vm", f"{TOP}/tests/lib"]      # behind HERE: both have a report.py

import guest  # noqa: E402

# Seconds: of the guest's clock, which runs ahead of ours while the guest is idle, and of ours.
GUEST_LIMIT, HOST_LIMIT = 3600, 1500


def load_vm():
    """tests/vm/run is a program without .py at its end; here it serves as a library."""
    loader = importlib.machinery.SourceFileLoader("vm_run", f"{TOP}/tests/vm/run")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("vm_run", loader))
    loader.exec_module(module)
    return module


def machine(kernel):
    class DemoMachine(load_vm().VirtualMachine):
        """One CPU of 250 MIPS; every slab cache on its own, so that request socks can be told."""

        def command(self, *arguments):
            command = super().command(*arguments)
            command[command.index("-append") + 1] += " slab_nomerge tsc=reliable"
            command[command.index("-icount") + 1] = "shift=2,sleep=off"
            return command

    return DemoMachine(kernel, 1024, True, f"demo-{kernel}")


class Progress:
    """Takes the guest's lines as they come: tells the user, hands the measurements to take()."""

    def __init__(self, take):
        self.take = take
        self.start = time.monotonic()

    def tell(self, words):
        print(f"[{time.monotonic() - self.start:4.0f} s] {words}", flush=True)

    def __call__(self, line):
        if line.startswith("# "):
            self.tell(line[2:])
        if line.startswith("data "):
            self.take(self, json.loads(line[5:]))


def parser(doc, figure):
    """What both programs are told; figure: where it goes by default, in build/."""
    result = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    result.add_argument("--kernel", default="6.12", metavar="6.12|6.1",
                        help="Debian kernel to boot")
    result.add_argument("--json", metavar="FILE", help="write all measurements there")
    result.add_argument("--svg", metavar="FILE", default=f"{TOP}/build/{figure}",
                        help=f"where the figure goes (default: build/{figure})")
    result.add_argument("--only", metavar="DEFENCE,...",
                        help="leave rounds out; without cookiebox there is no verdict")
    return result


def defences_of(options, known):
    """Those that --only names, or all."""
    defences = options.only.split(",") if options.only else list(known)
    unknown = [d for d in defences if d not in known]
    if unknown:
        sys.exit(f"demo: unknown defence {unknown[0]}; known: {', '.join(known)}")
    return defences


def measure(options, script, words, take):
    """Runs the guest's script. Returns the kernel's release and what failed, in lines."""
    for folder in (HERE, f"{TOP}/tests/tools"):
        subprocess.run(["make", "-s", "-C", folder], check=True)
    progress = Progress(take)
    guest.end_on_sigterm()
    vm = machine(options.kernel)
    progress.tell(f"booting Debian's {vm.release} in a virtual machine (nothing is installed)")
    job = guest.Job(script, tuple(words), "-", GUEST_LIMIT)
    try:
        results = vm.run([job], HOST_LIMIT, progress)
    finally:
        vm.stop()
    failures = [line for result in results for line in result.failures]
    if failures:
        print("\n".join(line for result in results for line in result.text[-20:]
                        if not line.startswith("data ")))
    return vm.release, failures


def conclude(options, table, release, complaints):
    """Table, figure, JSON and the verdict. Returns the exit code."""
    if table.points:
        table.show(release)
        table.draw(options.svg, release)
        print(f"\nfigure: {os.path.relpath(options.svg)}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"kernel": release, **table.content()}, out, indent=1)
            out.write("\n")
    if complaints:
        print("\n".join(f"demo: FAILED: {c}" for c in complaints))
        return 1
    print(table.verdict())
    return 0
