# SPDX-License-Identifier: GPL-2.0
"""Rules whose insertion fails for want of memory; part of tests/netns/failing.py."""

import errno
import struct
import subprocess
import time

import xtables
from genl import C, Socket, text, u8

NAME = C["A_SERVICE_NAME"]
OFF = u8(C["A_SERVICE_ENGAGE"], C["ENGAGE_OFF"])


def rules(fail, ok):
    """By iptables-legacy, which replaces a table as a whole."""
    sock, table = Socket(), xtables.Table()
    sock.request(C["CMD_SERVICE_ADD"], text(NAME, "ruled") + u8(C["A_SERVICE_RULE_ONLY"], 1) + OFF)
    command = ["iptables-legacy", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-j", "COOKIEBOX",
               "--service", "ruled"]
    subprocess.run(["iptables-legacy", "-t", "raw", "-S"], check=True, capture_output=True)
    without = table.save()
    subprocess.run(command, check=True)
    ruled = table.save()
    table.replace(without)

    def held():
        reply = sock.request(C["CMD_SERVICE_GET"], text(NAME, "ruled"))[0]
        return struct.unpack("=I", reply[C["A_SERVICE_RULES"]][0])[0], table.info()[2]

    none = held()

    def judge(failed, result):
        now, good = held(), not isinstance(result, Exception)
        if good:
            table.replace(without)
        if now != ((1, none[1] + 1) if good else none) or (not failed and not good):
            return f"{result!r}: {now}"
        return None

    count, complaints = fail.each(lambda: table.replace(ruled), judge)
    ok(count > 3 and not complaints, f"rule: {count} allocations fail, none holds the service",
       complaints)
    ok(held() == none, "and all rules have let go of it")
    nft_rules(fail, ok, sock)
    sock.request(C["CMD_SERVICE_DEL"], text(NAME, "ruled"))


def nft_rules(fail, ok, sock):
    """The same through nf_tables, which deletes a rule a while after it is asked to."""
    chain = xtables.NftChain()
    subprocess.run(["iptables-nft", "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "-j", "COOKIEBOX",
                    "--service", "ruled"], check=True)
    rule = chain.rules()[0]

    def held():
        reply = sock.request(C["CMD_SERVICE_GET"], text(NAME, "ruled"))[0]
        return struct.unpack("=I", reply[C["A_SERVICE_RULES"]][0])[0], len(chain.rules())

    def let_go():
        if chain.rules():
            chain.clear()
        end = time.monotonic() + 5
        while held() != (0, 0) and time.monotonic() < end:
            time.sleep(0.01)
        return held() == (0, 0)

    def judge(failed, result):
        now, good = held(), not isinstance(result, Exception)
        if not let_go():
            return f"{result!r}: {now}, and does not let go"
        if good or getattr(result, "errno", 0) != errno.ENOBUFS:
            right = now == (good, good) and (failed or good)
        else:                       # only the answer may have been lost
            right = failed and now in ((0, 0), (1, 1))
        return None if right else f"{result!r}: {now}"

    ok(held() == (1, 1) and let_go(), "a rule of iptables-nft holds the service and lets go of it")
    count, complaints = fail.each(lambda: chain.add(rule), judge)
    ok(count > 10 and not complaints,
       f"rule by nft: {count} allocations fail, none holds the service", complaints)
