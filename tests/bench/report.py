# SPDX-License-Identifier: GPL-2.0
"""What the benchmark measures, and its figures as a table and as JSON."""

import dataclasses
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
    "gw-open": ("handshake", "through a gateway: a handshake, both sides together"),
    "gw-up": ("data up", "through a gateway: 512 bytes from client to server"),
    "gw-down": ("data down", "through a gateway: 512 bytes from server to client"),
    "gw-syn": ("SYN", "through a gateway: a SYN in a flood"),
    "gw-bad": ("bad ACK", "through a gateway: a blind ACK with timestamps"),
}
# The host is itself the server, or a gateway in front of one: a table each.
ON_GATEWAY = tuple(r for r in ROWS if r.startswith("gw-"))
ON_SERVER = tuple(r for r in ROWS if r not in ON_GATEWAY)
# Peer: label, rows that mean something for it.
PEERS = {
    "none": ("no defence", ("later", "data", "icmp")),
    "drop-ingress": ("nft drop at ingress", ("syn",)),
    "drop-prerouting": ("nft drop at prerouting", ("syn",)),
    "in-stack": ("in-stack, tcp_syncookies=2", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "synproxy": ("nft synproxy", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "xdp": ("XDP synproxy, generic", ("syn", "bad", "bad-plain", "good", "later", "data")),
    "route": ("cookiebox, reply route", ON_SERVER),
    "reflect": ("cookiebox, reply reflect", ("syn",)),
    "use-off": ("cookiebox, single-use off", ("good",)),
    "gw-none": ("plain forwarding", ON_GATEWAY),
    "gw-synproxy": ("nft synproxy, gateway", ON_GATEWAY),
    "gw-splice": ("cookiebox, mode splice", ON_GATEWAY),
    "many": ("cookiebox, 10,000 services", ("syn",)),
}
OURS = ("route", "reflect", "gw-splice")
# What cookiebox adds to a segment that passes, and over which row of no defence.
EXTRAS = {"later": "later", "data": "data", "other": "later", "icmp": "icmp"}
# A socket's memory comes from a new page now and then, and that counts.
ON_THE_MEAN = ("good",)
ANSWERING = ("in-stack", "synproxy", "xdp", "route", "reflect", "use-off", "many", "gw-synproxy",
             "gw-splice")
FORWARDING = ("gw-none",)
CONNECTED = ("good", "later", "data", "other", "gw-open", "gw-up", "gw-down")
# What may cost as much as something else does, and so much more: a look-up is not a search.
AT_MOST = {("many", "syn"): ("route", 1.03)}


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

    def wanted(self):
        """{what: how many} of what the row is about, beside the connections."""
        if self.row in ("syn", "syn-calm"):
            return {"answers": self.segments if self.peer in ANSWERING else 0}
        if self.row == "data":
            return {"answers": self.segments}
        if self.row.startswith("bad") and self.peer in OURS:
            return {"answers": 0}
        if self.row in ("gw-syn", "gw-bad"):
            passes = self.peer in FORWARDING
            answered = self.row == "gw-syn" and not passes
            return {"answers": self.segments * answered, "forwarded": self.segments * passes}
        if self.row in ("gw-up", "gw-down"):
            up = self.row == "gw-up"
            return {"answers": self.segments * (not up), "forwarded": self.segments * up}
        return {}

    def near(self, what, count):
        """As many of them as that? A timer may have sent something of its own."""
        return abs(self.result[what] - count) <= self.segments / 100

    def complaint(self):
        """A sentence if the peer did not do what the row is about, else None."""
        res, name = self.result, f"{self.kernel} IPv{self.family} {self.peer} {self.row}"
        for what, count in self.wanted().items():
            if not self.near(what, count):
                return f"{name}: {res[what]} {what} of {res['segments']} segments, not {count}"
        if self.row in CONNECTED and (res["accepted"] != res["synacks"] or not res["accepted"]):
            return f"{name}: {res['accepted']} of {res['synacks']} connections accepted"
        return None

    def record(self):
        return {"kernel": self.kernel, "family": self.family, "peer": self.peer, "row": self.row,
                "per_segment": round(self.each, 1), **self.result}


@dataclasses.dataclass
class Lookup:
    """What a look-up in the flow cache costs; tests/bench/lookup.sh judges it."""
    kernel: str
    family: int
    entries: int
    instructions: float

    @classmethod
    def told(cls, line, kernel):
        family, entries, hundredths = map(int, line.split()[1:])
        return cls(kernel, family, entries, hundredths / 100)

    def __str__(self):
        return (f"IPv{self.family}, a look-up in a flow cache of {self.entries:,}: "
                f"{self.instructions:,.1f} instructions")


class Figures:
    """All figures of one kernel."""

    def __init__(self, kernel, release, unit):
        self.kernel, self.release, self.unit, self.all = kernel, release, unit, []
        self.lookups = []

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

    def table(self, family, rows):
        lines = [["", *(ROWS[r][0] for r in rows)]]
        for peer, (label, _) in PEERS.items():
            if any(self.at(peer, r, family) for r in rows):
                lines.append([label, *(self.cell(peer, r, family) for r in rows)])
        extras = {r: self.extra(r, family) for r in rows if r in EXTRAS}
        if any(v is not None for v in extras.values()):
            lines.append(["cookiebox, extra", *(
                f"{extras[r]:+,.0f}" if extras.get(r) is not None else "" for r in rows)])
        return lines

    def show(self):
        for family in self.families():
            for where, group in (("", ON_SERVER), (", through a gateway", ON_GATEWAY)):
                rows = [r for r in group if any(
                    f.row == r and f.family == family for f in self.all)]
                if rows:
                    print(f"\n{self.kernel}, IPv{family}{where}: {self.unit} per segment\n")
                    show_table(self.table(family, rows))
        for lookup in self.lookups:
            print(f"  {lookup}")

    def comparisons(self):
        """Yields (ok, sentence) for each figure that is bound by another one."""
        for figure in self.all:
            peer, times = AT_MOST.get(figure.key[:2], (None, 0))
            other = self.at(peer, figure.row, figure.family) if peer else None
            if other:
                yield figure.each <= times * other.each, (
                    f"{self.kernel} IPv{figure.family} {figure.peer} {figure.row}: "
                    f"{figure.each:,.0f}, {figure.each / other.each - 1:+.1%} to {peer}")

    def complaints(self):
        return [c for c in (f.complaint() for f in self.all) if c] + \
            [words for good, words in self.comparisons() if not good]


def show_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + line[0].ljust(widths[0]) + "".join(
            "  " + word.rjust(width) for word, width in zip(line[1:], widths[1:])))


def as_json(kernels):
    return json.dumps({"unit": kernels[0].unit if kernels else None,
                       "figures": [f.record() for k in kernels for f in k.all],
                       "lookups": [dataclasses.asdict(l) for k in kernels for l in k.lookups]},
                      indent=1) + "\n"
