# SPDX-License-Identifier: GPL-2.0
"""Makes the kernel's allocations fail, one at a time, and tells which of the module's it were.

Needs a kernel with fault injection (User-Mode Linux, debug). /proc/self/fail-nth makes the n-th
allocation of this task fail, in process context only. The kernel prints the stack of each: return
addresses, innermost first, with old ones in between. The first that is one of sites(), with its
allocator further in, tells where in the module it was.
"""

import os
import re
import subprocess

FAIL_NTH = "/proc/thread-self/fail-nth"
FAILSLAB = "/sys/kernel/debug/failslab"
# What the module calls that allocates, by itself or below.
ALLOCATORS = (r"__alloc_skb|__k[vmz]*alloc\w*|k[vm]*alloc\w*|kmemdup\w*|inet_reqsk_alloc|"
              r"mptcp_subflow_reqsk_alloc|alloc_workqueue|pcpu_alloc\w*|register_pernet_subsys|"
              r"register_net_sysctl_sz|nf_register_net_hooks|genl_register_family|"
              r"xt_register_targets|__pskb_pull_tail|pskb_expand_head|skb_ensure_writable|"
              r"kmem_cache_alloc\w*")
# These jump to another function, which is seen in their place.
SEEN_AS = {"__kvmalloc_node_noprof": "__kmalloc_node_noprof",
           "register_net_sysctl_sz": "__register_sysctl_table"}


def available():
    return os.path.exists(FAIL_NTH) and os.path.exists(FAILSLAB)


def prepare():
    """All kinds of allocation may fail, and each that does is told with its stack."""
    for knob, value in (("ignore-gfp-wait", "N"), ("verbose", "2"),
                        ("verbose_ratelimit_interval_ms", "0")):
        with open(f"{FAILSLAB}/{knob}", "w", encoding="ascii") as handle:
            handle.write(value)


def sites(module):
    """{function+offset: allocator} of the calls in the module's machine code. A jump leaves no
    return address: those are {function: allocator}."""
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", module], check=True,
                          capture_output=True, text=True).stdout
    found, function, start, called = {}, None, 0, None
    for line in text.splitlines():
        if label := re.match(r"([0-9a-f]+) <([\w.]+)>:", line):
            start, function = int(label[1], 16), label[2]
            called = None
        elif relocation := re.search(rf"R_X86_64_\w+\s+({ALLOCATORS})(?:[-+]0x|$)", line):
            called = relocation[1]
        elif instruction := re.match(r"\s*([0-9a-f]+):\t(.*)", line):
            if isinstance(called, tuple):
                found[f"{function}+{int(instruction[1], 16) - start:#x}"] = called[0]
                called = None
            if called and instruction[2].startswith("jmp"):
                found[function] = called
                called = None
            if called and instruction[2].startswith("call"):
                called = (called,)
    return found


class Failing:
    """each() runs an action again and again, with one allocation after another failing."""

    def __init__(self, module):
        self.sites = sites(module)
        self.knob = os.open(FAIL_NTH, os.O_RDWR)
        self.log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        self.hit = set()        # sites that failed
        self.last = None        # that of the latest failure, if it was in the module
        self.read_log()
        self.hit.clear()

    def read_log(self):
        """Which sites failed: of each report, the first frame in the module."""
        inner, jump, self.last = None, None, None
        while True:
            try:
                line = os.read(self.log, 8192).decode(errors="replace").split(";", 1)[-1]
            except BlockingIOError:
                self.hit.update({self.last or jump} - {None})
                self.last = self.last or jump
                return
            except BrokenPipeError:             # overwritten before it was read
                continue
            if "FAULT_INJECTION" in line:
                inner = set()
            elif inner is not None and (frame := re.search(r"([\w.]+)\+(0x[1-9a-f]\w*)/0x", line)):
                inner.add(frame[1])
                address = f"{frame[1]}+{frame[2]}"
                if not self.last and self.called(address, inner):
                    self.last = address
                jump = jump or next((s for s in self.sites
                                     if "+" not in s and self.called(s, inner)), None)

    def called(self, site, inner):
        """Whether the allocator that is called there is further in."""
        allocator = self.sites.get(site)
        return {allocator, SEEN_AS.get(allocator)} & inner

    def once(self, nth, action):
        """(whether the n-th allocation came and failed, what the action returned)."""
        os.pwrite(self.knob, b"%d" % nth, 0)
        try:
            result = action()
        except (OSError, MemoryError) as why:
            result = why
        finally:
            left = int(os.pread(self.knob, 16, 0).strip(b"\0\n"))
            os.pwrite(self.knob, b"0", 0)
        self.read_log()
        return left == 0, result

    def each(self, action, judge, limit=2000):
        """judge(failed, result) says what is wrong, or None; it also tidies up. Returns how many
        allocations failed, and the complaints."""
        complaints = []
        for nth in range(1, limit):
            failed, result = self.once(nth, action)
            wrong = judge(failed, result)
            if wrong:
                complaints.append(f"allocation {nth}: {wrong}")
            if not failed:
                return nth - 1, complaints
        return limit, [*complaints, "no end"]

    def each_until(self, first, action, judge, quiet=1):
        """As each(), backwards from the last allocation to those of the allocator `first` (None: any
        in the module), and `quiet` more: at load much comes before them that is not the module's."""
        os.pwrite(self.knob, b"1000000", 0)
        result = action()
        total = 1000000 - int(os.pread(self.knob, 16, 0).strip(b"\0\n"))
        os.pwrite(self.knob, b"0", 0)
        complaints, since, nth = [judge(False, result)], None, total
        while nth > 0:
            failed, result = self.once(nth, action)
            now = self.last is not None and first in (None, self.sites.get(self.last))
            wrong = judge(failed, result)
            complaints.append(wrong and f"allocation {nth} of {total}: {wrong}")
            since = 0 if now else since if since is None else since + 1
            if since == quiet:
                break
            nth -= 1
        return total - nth, [c for c in complaints if c]
