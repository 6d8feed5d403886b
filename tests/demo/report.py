# SPDX-License-Identifier: GPL-2.0
"""From the demo's measurements to a table, a figure, JSON and a verdict."""

import figure

DEFENCES = {
    "none": "no defence",
    "cookies": "kernel's SYN cookies",
    "synproxy": "nft synproxy",
    "cookiebox": "cookiebox",
}
SERVED_AT_LEAST, SERVED_WITHOUT = 99.5, 5.0
# In calm everybody is served; of a peer that has just been through a flood a few may be missing.
CALM_AT_LEAST = {"none": 100.0, "cookiebox": 100.0}
CALM_OF_PEERS = 95.0
# Of the flood; below it the module was not the one that answered.
ANSWERED_AT_LEAST = 90.0
COLUMNS = ("defence", "honest requests served", "connect p50 / p99", "SYNs answered",
           "memory held", "conntrack", "CPU")


def size(count):
    return f"{count / 1024:,.0f} KiB" if count >= 1024 else f"{count} B"


def milliseconds(value):
    return "-" if value is None else f"{value:,.1f}"


def print_columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())


class Point:
    """One measurement: a defence under one rate of flood. Fields as tests/demo/guest.sh prints."""

    def __init__(self, data):
        self.data = data
        self.defence, self.rate = data["defence"], data["rate"]
        self.asked, self.served = data["load"]["asked"], data["load"]["served"]
        self.sent = data["flood"]["sent"]

    @property
    def percent(self):
        return 100.0 * self.served / self.asked

    @property
    def sent_rate(self):
        return self.sent / self.data["flood"]["seconds"] if self.sent else 0

    @property
    def answered(self):
        """SYNs that got a SYN-ACK; repeated SYN-ACKs are not counted again."""
        return max(0, self.data["answers"] - self.data["peak"]["retransmitted"])

    @property
    def answered_percent(self):
        return 100.0 * self.answered / self.sent if self.sent else 0.0

    def grown(self, name):
        first, peak = self.data["peak"][name]
        return max(0, peak - first)

    @property
    def module_bytes(self):
        before, after = self.data["show"]
        return max(0, after["status"]["memory"] - before["status"]["memory"]) if after else 0

    @property
    def module_answers(self):
        """SYNs that the module itself says it answered."""
        before, after = ([s.get("answered", 0) for s in show["services"]] if show else []
                         for show in self.data["show"])
        return sum(after) - sum(before)

    @property
    def memory(self):
        return (self.grown("request_sock_bytes") + self.grown("conntrack_bytes") +
                self.module_bytes)

    @property
    def busy(self):
        """Share of the CPU's time that was not idle while the honest clients asked, percent."""
        total, idle, total_after, idle_after = self.data["cpu"]
        return 100.0 * (1 - (idle_after - idle) / (total_after - total))

    def summary(self):
        return {**self.data, "served_percent": self.percent, "sent_per_second": self.sent_rate,
                "answered": self.answered, "memory_bytes": self.memory, "cpu_percent": self.busy}


class Table:
    """All points, and the rate at which defences are compared."""

    def __init__(self, points, rate, command):
        self.points, self.rate, self.command = points, rate, command
        self.rates = sorted({p.rate for p in points})

    def at(self, defence, rate):
        return next((p for p in self.points if (p.defence, p.rate) == (defence, rate)), None)

    def cpu(self, point):
        door = self.at("door", point.rate)
        extra = f" ({max(0.0, point.busy - door.busy):.0f} %)" if door else ""
        return f"{point.busy:.0f} %{extra}"

    def row(self, point):
        load = point.data["load"]
        connect = " / ".join(milliseconds(load[f"connect_{p}_ms"]) for p in ("p50", "p99"))
        return (DEFENCES[point.defence], f"{point.percent:5.1f} %  {point.served}/{point.asked}",
                f"{connect} ms", f"{point.answered:,} ({point.answered_percent:.0f} %)",
                size(point.memory), f"{point.grown('conntrack_entries'):,}", self.cpu(point))

    def show(self, release):
        rows = [COLUMNS] + [self.row(p) for p in self.points
                            if p.rate == self.rate and p.defence in DEFENCES]
        print(f"\nat {self.rate:,} spoofed SYNs a second (Debian's {release}, one CPU):\n")
        print_columns(rows)
        print("\n  memory held: request socks, conntrack entries and the module's own, grown since"
              " before the flood\n  CPU: busy in all (of that for answering: less what the same"
              " flood costs when nft drops it)")
        self.show_curves()

    def show_curves(self):
        print("\nhonest requests served, by rate of the flood (SYNs a second sent):\n")
        print("  " + " " * 22 + "".join(f"{rate or 'none':>9}" for rate in self.rates))
        for defence, label in DEFENCES.items():
            served = [self.at(defence, rate) for rate in self.rates]
            if any(served):
                print(f"  {label:22}" + "".join(f"{p.percent:7.1f} %" if p else "        -"
                                                for p in served))

    def draw(self, path, release):
        curves = {d: [(p.sent_rate, p.percent) for p in self.points if p.defence == d]
                  for d in DEFENCES}
        curves = {d: points for d, points in curves.items() if points}
        caption = [f"Measured by {self.command}: nginx on Debian's {release}, one emulated CPU of "
                   "250 MIPS.",
                   "Served: the whole page arrived within 5 s of the request, each over a new "
                   "connection."]
        figure.draw(path, self.rates, curves, {d: DEFENCES[d] for d in curves}, caption)

    def content(self):
        """For JSON."""
        return {"table_rate": self.rate, "points": [p.summary() for p in self.points]}

    def complaints(self, defences):
        """Sentences on why the demo does not show what it is for; none if it does."""
        found = []
        for defence in defences:
            calm = self.at(defence, 0)
            if not calm or calm.percent < CALM_AT_LEAST.get(defence, CALM_OF_PEERS):
                found.append(f"{DEFENCES[defence]}: not every request was served without a flood")
        found += self.judge_none() if "none" in defences else []
        return found + (self.judge_cookiebox() if "cookiebox" in defences else [])

    def judge_none(self):
        point = self.at("none", self.rate)
        if not point:
            return [f"no defence: nothing was measured at {self.rate:,} SYN/s"]
        if point.percent >= SERVED_WITHOUT:
            return [f"no defence: served {point.percent:.1f} % at {self.rate:,} SYN/s, so the "
                    f"flood proves nothing (below {SERVED_WITHOUT} % is needed)"]
        return []

    def judge_cookiebox(self):
        point = self.at("cookiebox", self.rate)
        if not point:
            return [f"cookiebox: nothing was measured at {self.rate:,} SYN/s"]
        found = []
        if point.percent < SERVED_AT_LEAST:
            found.append(f"cookiebox: served {point.percent:.1f} % at {self.rate:,} SYN/s, "
                         f"not {SERVED_AT_LEAST} %")
        by_module = 100.0 * point.module_answers / point.sent
        if by_module < ANSWERED_AT_LEAST:
            found.append(f"cookiebox: the module answered {by_module:.0f} % of the flood, so "
                         "something else defended the server")
        return found

    def verdict(self):
        none, cookiebox = self.at("none", self.rate), self.at("cookiebox", self.rate)
        if not none or not cookiebox:
            return "no verdict: not all rounds were run"
        return (f"passed: at {self.rate:,} SYN/s cookiebox served {cookiebox.percent:.1f} % of the "
                f"honest requests, no defence {none.percent:.1f} %")
