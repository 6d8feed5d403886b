# SPDX-License-Identifier: GPL-2.0
"""What the benchmark measures, and its figures as a table and as JSON."""

import json

# Row: heading, what it is.
ROWS = {
    "syn": ("SYN", "a SYN with MSS, SACK, timestamps and window scale, in a flood"),
    "syn-calm": ("SYN, calm", "the same, and the SYN-ACK is remembered"),
    "bad": ("bad ACK", "a blind ACK with timestamps"),
    "bad-plain": ("bad plain", "a blind ACK without options"),
    "bad-fresh": ("bad fresh", "an ACK with a fresh timestamp and a wrong number"),
    "good": ("good ACK", "the ACK that makes a connection, up to the accept queue"),
    "later": ("later", "an empty ACK of that connection"),
    "data": ("data", "512 bytes of that connection, acknowledged at once"),
    "other": ("other port", "an empty ACK of a connection to an unprotected port"),
    "icmp": ("not TCP", "an ICMP echo reply that nobody asked for"),
}
# Peer: label, rows that mean something for it.
PEERS = {
    "none": ("no defence", ("later", "data", "icmp")),
    "drop-ingress": ("nft drop at ingress", ("syn",)),
    "drop-prerouting": ("nft drop at prerouting", ("syn",)),
    "in-stack": ("in-stack, tcp_syncookies=2", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "synproxy": ("nft synproxy", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "xdp": ("XDP synproxy, generic", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "route": ("cookiebox, reply route", tuple(ROWS)),
    "reflect": ("cookiebox, reply reflect", ("syn",)),
}
OURS = ("route", "reflect")
# What cookiebox adds to a segment that passes, and over which row of no defence.
EXTRAS = {"later": "later", "data": "data", "other": "later", "icmp": "icmp"}
# A socket's memory comes from a new page now and then, and that counts.
ON_THE_MEAN = ("good",)
ANSWERING = ("in-stack", "synproxy", "xdp", "route", "reflect")


class Figure:
    """One row of one peer, as tests/bench/guest.sh reports it."""

    def __init__(self, data, kernel, counted):
        self.peer, self.row, self.kernel = data["peer"], data["name"], kernel
        self.result = data["result"]
        self.family = self.result["family"]
        self.segments = self.result["segments"]
        batch = self.result["batch"]
        if not counted:     # time on a machine that does other things as well
            self.each = self.result["best"] / batch
        elif self.row in ON_THE_MEAN:
            self.each = self.result["cycles"] / self.segments
        else:               # a timer's tick would cost as much as one segment
            self.each = self.result["median"] / batch

    @property
    def key(self):
        return self.peer, self.row, self.family

    def near(self, answers):
        """As many answers as that? A timer may have sent something of its own."""
        return abs(self.result["answers"] - answers) <= self.segments / 100

    def complaint(self):
        """A sentence if the peer did not do what the row is about, else None."""
        res, name = self.result, f"{self.kernel} IPv{self.family} {self.peer} {self.row}"
        if self.row.startswith("syn"):
            want = self.segments if self.peer in ANSWERING else 0
            if not self.near(want):
                return f"{name}: {res['answers']} answers to {res['segments']} SYNs, not {want}"
        if self.row in ("good", "later", "data", "other") and \
                (res["accepted"] != res["synacks"] or not res["accepted"]):
            return f"{name}: {res['accepted']} of {res['synacks']} connections accepted"
        if self.row == "data" and not self.near(self.segments):
            return f"{name}: {res['answers']} answers to {self.segments} segments of data"
        if self.row.startswith("bad") and self.peer in OURS and not self.near(0):
            return f"{name}: {res['answers']} refused ACKs were answered"
        return None

    def record(self):
        return {"kernel": self.kernel, "family": self.family, "peer": self.peer, "row": self.row,
                "per_segment": round(self.each, 1), **self.result}


class Figures:
    """All figures of one kernel."""

    def __init__(self, kernel, release, unit):
        self.kernel, self.release, self.unit, self.all = kernel, release, unit, []

    def at(self, peer, row, family):
        return next((f for f in self.all if f.key == (peer, row, family)), None)

    def extra(self, row, family, peer="route"):
        """What cookiebox adds to a segment that it lets through."""
        ours, bare = self.at(peer, row, family), self.at("none", EXTRAS[row], family)
        return ours.each - bare.each if ours and bare else None

    def add(self, figure):
        """What was measured more than once counts by its best."""
        known = self.at(*figure.key)
        if known and known.each <= figure.each:
            return
        self.all = [f for f in self.all if f is not known] + [figure]

    def families(self):
        return sorted({f.family for f in self.all})

    def cell(self, peer, row, family):
        figure = self.at(peer, row, family)
        return f"{figure.each:,.0f}" if figure else ""

    def table(self, family):
        rows = [r for r in ROWS if any(f.row == r and f.family == family for f in self.all)]
        lines = [["", *(ROWS[r][0] for r in rows)]]
        for peer, (label, _) in PEERS.items():
            if any(f.peer == peer and f.family == family for f in self.all):
                lines.append([label, *(self.cell(peer, r, family) for r in rows)])
        extras = {r: self.extra(r, family) for r in rows if r in EXTRAS}
        if any(v is not None for v in extras.values()):
            lines.append(["cookiebox, extra", *(
                f"{extras[r]:+,.0f}" if extras.get(r) is not None else "" for r in rows)])
        return lines

    def show(self):
        for family in self.families():
            print(f"\n{self.kernel}, IPv{family}: {self.unit} per segment\n")
            lines = self.table(family)
            widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
            for line in lines:
                print("  " + line[0].ljust(widths[0]) + "".join(
                    "  " + word.rjust(width) for word, width in zip(line[1:], widths[1:])))

    def complaints(self):
        return [c for c in (f.complaint() for f in self.all) if c]


def as_json(kernels):
    return json.dumps({"unit": kernels[0].unit if kernels else None,
                       "figures": [f.record() for k in kernels for f in k.all]}, indent=1) + "\n"
