#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every client signature of p0f.fp as SYNs for rawtcp, and the judgement of what came of them.

p0f.py cases P0F.FP FAMILY                         descriptions for rawtcp on stdout
p0f.py judge RESULTS SS ROWS.C MTU FAMILY MEMORY   KTAP lines and tables on stdout

MEMORY is `cookie` or `exact`: whether the SYN-ACKs were remembered. If so, the MSS is exact, and
so is the window scale where the SYN-ACK has one (else none is in force).

`*` stands for the MSS and window scales below; every combination is tried with and without ECN.
In force is what `ss` says at the server. Without ROWS.C (`-`) the stock stack is the peer, which
keeps everything. What no row of the published table holds is printed as a table of losses.
"""

import collections
import json
import re
import sys

STAR_MSS = (1460, 1440, 1400, 1380, 1360, 1300, 1220, 8960)
STAR_SCALE = (0, 2, 7, 8)
MSS_SLACK, SCALE_SLACK = 40, 1      # what a client without timestamps may lose
DEFAULT_MSS = {"4": 536, "6": 1220}  # of a SYN without the option (RFC 9293, 3.7.1)
TS_BYTES = 12
Row = collections.namedtuple("Row", "mss scale sack ecn")       # scale -1: no window scaling


def signatures(path):
    """The signatures of [tcp:request], as lists of their fields."""
    section = ""
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section == "[tcp:request]" and re.match(r"sig\s*=", line):
                yield line.split("=", 1)[1].strip().split(":")


def cases(path, family):
    """One description per signature, value of `*` and ECN."""
    count = 0
    for number, fields in enumerate(signatures(path), 1):
        version, ttl, _, mss, window, layout, quirks, _ = fields
        count += 1
        if version not in ("*", family):
            continue
        window, scale = window.split(",")
        words = layout.split(",")
        scales = STAR_SCALE if scale == "*" and "ws" in words else [0 if scale == "*" else scale]
        for m in STAR_MSS if mss == "*" else [mss]:
            for s in scales:
                emit(number, m, s, False, ttl, window, layout, quirks)
                emit(number, m, s, True, ttl, window, layout, quirks)
    print(f"# {count} signatures", file=sys.stderr)


def emit(number, mss, scale, ecn, ttl, window, layout, quirks):
    words = [q for q in quirks.split(",") if q and q != "ecn"] + (["ecn"] if ecn else [])
    print(f"label=sig{number}.mss{mss}.ws{scale}.ecn{int(ecn)} mss={mss} ws={scale} "
          f"ttl={ttl.rstrip('-')} win={window} layout={layout} "
          + (f"quirks={','.join(words)}" if words else ""))


def read_results(path):
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            item = json.loads(line)
            if "label" in item:
                yield item


def read_ss(path):
    """What is in force at the server, by the client's address and port."""
    sockets = {}
    with open(path, encoding="utf-8") as handle:
        for line in handle:
            words = line.split()
            if len(words) < 5 or words[0] != "ESTAB":
                continue
            address, _, port = words[4].rpartition(":")
            scale = re.search(r" wscale:(\d+),(\d+)", line)
            sockets[address.strip("[]"), int(port)] = {
                "mss": int(re.search(r" mss:(\d+)", line)[1]),
                "scale": int(scale[1]) if scale else -1,
                "ts": " ts " in line, "sack": " sack " in line,
                "ecn": bool(re.search(r" ecn ", line)),
            }
    return sockets


def read_tables(path):
    """MSS classes and option rows of the published tables."""
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    classes = sorted(int(n) for n in re.findall(r"\bC\((\d+)\)", text))
    rows = [Row(int(m), -1 if s == "NO" else int(s), k == "1", e == "1") for m, s, k, e in
            re.findall(r"ROW\(A,\s*\d+,\s*(\d+),\s*(\d+|NO),\s*([01]),\s*([01])\)", text)]
    return classes, rows


def holds(offer, row):
    """Is the row within the contract for clients without timestamps?"""
    scale_ok = row.scale == offer.scale if offer.scale < 0 else \
        offer.scale - SCALE_SLACK <= row.scale <= offer.scale and row.scale >= 0
    return (scale_ok and offer.mss - MSS_SLACK <= row.mss <= offer.mss
            and row.sack == offer.sack and row.ecn == offer.ecn)


def offer_of(item):
    mss = item["o_mss"] if item["o_mss"] > 0 else DEFAULT_MSS["6" if ":" in item["src"] else "4"]
    return Row(mss, min(item["o_ws"], 14), bool(item["o_sack"]), bool(item["o_ecn"]))


class Judge:
    """Gathers faults per kind; a kind with none is a passed test."""

    kinds = {
        "page": "a page is fetched through every signature",
        "offer": "the SYN-ACK offers only what was offered",
        "packet": "checksums, echoed timestamp and length of every SYN-ACK are right",
        "higher": "nothing in force is higher than offered",
        "timestamps": "with timestamps: scale, SACK and ECN exact, MSS of its class",
        "remembered": "MSS and window scale are the client's own",
        "rows": "without timestamps: whatever the published table holds is kept within bounds",
        "wire": "no segment on the wire is longer than the client's MSS",
        "seen": "ss shows every connection",
    }

    def __init__(self, tables, mtu, family, remembered):
        self.tables, self.remembered = tables, remembered
        self.device_mss = mtu - (60 if family == "6" else 40)
        self.faults = collections.defaultdict(list)
        self.losses = collections.defaultdict(list)
        self.count = collections.Counter()

    def fault(self, kind, item, why):
        self.faults[kind].append(f"{item['label']} ({item['o_layout']}): {why}")

    def synack(self, item):
        for name in ("ws", "sack", "ts"):
            offered = item[f"o_{name}"] >= 0 if name == "ws" else item[f"o_{name}"]
            answered = item[f"a_{name}"] >= 0 if name == "ws" else item[f"a_{name}"]
            if answered and not offered:
                self.fault("offer", item, f"{name} answered, not offered: {item['a_layout']}")
        if item["a_flags"] & 0xC0 and not item["o_ecn"]:
            self.fault("offer", item, "ECN answered, not offered")
        if item["a_flags"] & ~0x52 or item["a_ws"] > 14 or item["malformed"]:
            self.fault("packet", item, f"flags {item['a_flags']:#x}, {item['a_layout']}")
        if item["bad_csum"]:
            self.fault("packet", item, "wrong checksum")
        if item["a_ts"] and not item["tsecr_ok"]:
            self.fault("packet", item, "TSval not echoed")
        if item["a_len"] > item["syn_len"] + 4 and self.tables:
            self.fault("packet", item, f"{item['a_len']} bytes for a SYN of {item['syn_len']}")

    def bounds(self, item, got):
        """Never more than was offered, in any respect. The MSS without timestamp bytes."""
        offer = offer_of(item)
        if item["no_ts_later"] or got["ts"] != bool(item["a_ts"]):
            self.fault("offer", item, "timestamps negotiated, but not on every segment")
        if (got["mss"] > min(offer.mss, self.device_mss) or got["scale"] > offer.scale
                or got["sack"] > offer.sack or got["ecn"] > offer.ecn):
            self.fault("higher", item, f"in force {got}")
        longest = min(offer.mss, self.device_mss) - (TS_BYTES if got["ts"] else 0)
        if item["max_seg"] > longest:
            self.fault("wire", item, f"{item['max_seg']} bytes, {longest} allowed")

    def exact(self, item, got):
        """With timestamps: everything exact, the MSS the highest class not above the offer."""
        offer = offer_of(item)
        classes = self.tables[0] if self.tables and not self.remembered else [offer.mss]
        fitting = [c for c in classes if c <= offer.mss]
        want = min(max(fitting) if fitting else offer.mss, self.device_mss)
        if (got["mss"], got["scale"], got["sack"], got["ecn"]) != (want, *offer[1:]):
            self.fault("timestamps", item, f"wanted MSS {want}, in force {got}")
        self.count["with timestamps"] += 1

    def near(self, item, got):
        """Without: within bounds wherever a row is."""
        offer = offer_of(item)
        fact = Row(got["mss"], got["scale"], got["sack"], got["ecn"])
        self.count["without timestamps"] += 1
        if offer.mss > self.device_mss or holds(offer, fact):
            self.count["within bounds"] += 1
            return
        low = self.tables and offer.mss < self.tables[0][0]
        rows = [offer] if not self.tables or low else self.tables[1]
        if any(holds(offer, row) for row in rows):
            self.fault("rows", item, f"in force {got}")
        else:
            self.losses[offer, fact].append(item["label"])

    def own(self, item, got):
        """In calm times: nothing lower either, of what the SYN-ACK said to be in force."""
        offer = offer_of(item)
        scale = offer.scale if item["a_ws"] >= 0 else -1
        if (got["mss"], got["scale"]) != (min(offer.mss, self.device_mss), scale):
            self.fault("remembered", item, f"in force {got}")

    def take(self, item, sockets):
        self.count["connections"] += 1
        if item["a_flags"]:
            self.synack(item)
        if item["result"] != "ok" or item["status"] != 200:
            self.fault("page", item, f"{item['result']} in phase {item['phase']}")
            return
        got = sockets.get((item["src"], item["sport"]))
        if not got:
            self.fault("seen", item, "not in the list")
            return
        if got["ts"]:
            got["mss"] += TS_BYTES
        self.bounds(item, got)
        if self.remembered:
            self.own(item, got)
        if item["o_ts"]:
            self.exact(item, got)
        else:
            self.near(item, got)

    def report(self):
        for kind, sentence in self.kinds.items():
            if kind == "remembered" and not self.remembered:
                continue
            for why in self.faults[kind][:10]:
                print(f"# {why}")
            if len(self.faults[kind]) > 10:
                print(f"# and {len(self.faults[kind]) - 10} more")
            print(f"RESULT {'not ok' if self.faults[kind] else 'ok'} {sentence}")
        print("# " + ", ".join(f"{n} {what}" for what, n in self.count.items()))
        self.print_losses()

    def print_losses(self):
        lost = sum(len(v) for v in self.losses.values())
        print(f"# {lost} combinations without timestamps that no row of the table holds:")
        if lost:
            print("#   offered                      in force                     times")
        for (offer, fact), labels in sorted(self.losses.items(), reverse=True):
            print(f"#   {describe(offer):28} {describe(fact):28} {len(labels)}")


def describe(row):
    scale = f"ws {row.scale}" if row.scale >= 0 else "no ws"
    return f"{row.mss} {scale}{' sack' if row.sack else ''}{' ecn' if row.ecn else ''}"


def main():
    if sys.argv[1] == "cases":
        cases(sys.argv[2], sys.argv[3])
        return
    results, sockets, rows, mtu, family, memory = sys.argv[2:8]
    judge = Judge(None if rows == "-" else read_tables(rows), int(mtu), family, memory == "exact")
    known = read_ss(sockets)
    for item in read_results(results):
        judge.take(item, known)
    judge.report()


main()
