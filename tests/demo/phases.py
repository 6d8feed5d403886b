# SPDX-License-Identifier: GPL-2.0
"""From what tests/demo/recovery measures to phases, a table, a figure and a verdict."""

import timeline
from report import DEFENCES as LABELS, print_columns

DEFENCES = ("none", "cookies", "cookiebox")
FLOODS = {
    "replay": "replay flood: recorded SYNs and ACKs, sent again",
    "connection": "connection flood: handshakes from real addresses, then silence",
}
SERVED_AT_LEAST = 99.5
# Seconds are counted whole, so two defences that recover together may differ by one.
RECOVERY_TOLERANCE = 1.0
# Of the replayed ACKs: fewer, and most cookies had expired or were never looked at.
REPLAYED_AT_LEAST = 90.0
COLUMNS = ("flood", "defence", "before", "during", "after", "recovery", "half-open", "sockets",
           "made by the flood")


def percent(value):
    return f"{value:5.1f} %"


class Round:
    """One defence under one flood. Fields as tests/demo/recovery.sh prints; times in ms."""

    def __init__(self, data):
        self.data = data
        self.defence, self.flood, self.asked = data["defence"], data["flood"], data["asked"]
        self.served = data["load"]["by_second"]
        self.begin = data["load"]["begin_ms"]
        self.start, self.end = data["attack"]["first_ms"], data["attack"]["last_ms"]

    def second(self, index):
        """When that second of the load began, in ms."""
        return self.begin + 1000 * index

    def phase(self, name):
        """Percent served. A second that the flood began or ended in counts as during."""
        inside = {"before": lambda t: t + 1000 <= self.start,
                  "during": lambda t: t + 1000 > self.start and t <= self.end,
                  "after": lambda t: t > self.end}[name]
        served = [s for i, s in enumerate(self.served) if inside(self.second(i))]
        return 100.0 * sum(served) / (self.asked * len(served)) if served else 0.0

    @property
    def recovery(self):
        """Seconds from the flood's end until the second from which on all were served; or None."""
        lost = [i for i, s in enumerate(self.served) if s < self.asked]
        if lost and lost[-1] + 1 == len(self.served):
            return None
        return max(0.0, self.second(lost[-1] + 1) - self.end) / 1000 if lost else 0.0

    @property
    def recovery_text(self):
        return "never" if self.recovery is None else f"{self.recovery:.1f} s"

    @property
    def attempts(self):
        """Connections that the attacker asked for; of a recorded one it sends SYN and ACK."""
        return self.data["attack"]["started"] // (2 if self.flood == "replay" else 1)

    @property
    def made(self):
        """Sockets that the server made for the attacker."""
        return max(0, self.data["peak"]["passive_opens"] - self.data["load"]["connected"])

    def held(self, name):
        first, peak = self.data["peak"][name]
        return max(0, peak - first)

    def counted(self, reason):
        """By how much the module's counter grew."""
        before, after = (sum(s["done"].get(reason, 0) for s in stats["services"]) if stats else 0
                         for stats in self.data["stats"])
        return after - before

    @property
    def curve(self):
        return [((self.second(i) - self.start) / 1000, s) for i, s in enumerate(self.served)]

    def row(self):
        return (self.flood, LABELS[self.defence],
                *(percent(self.phase(p)) for p in ("before", "during", "after")),
                self.recovery_text, f"{self.held('half_open'):,}",
                f"{self.held('sockets'):,}", f"{self.made:,} of {self.attempts:,}")

    def summary(self):
        return {**self.data, **{p + "_percent": self.phase(p)
                                for p in ("before", "during", "after")},
                "recovery_seconds": self.recovery, "half_open_peak": self.held("half_open"),
                "sockets_peak": self.held("sockets"), "sockets_made_by_flood": self.made,
                "attempts": self.attempts, "replayed": self.counted("replayed")}


class Table:
    """All rounds."""

    def __init__(self, points):
        self.points = sorted(points, key=lambda r: list(FLOODS).index(r.flood))

    def at(self, defence, flood):
        return next((r for r in self.points if (r.defence, r.flood) == (defence, flood)), None)

    def show(self, release):
        first = self.points[0]
        print(f"\n{first.asked} honest requests and, in a flood, {first.data['rate']} of the "
              f"attacker's connections a second\n(Debian's {release}, one CPU):\n")
        print_columns([COLUMNS] + [r.row() for r in self.points])
        print("\n  before, during, after: honest requests served within 2 s\n"
              "  recovery: from the flood's end until all of a second are served again, and of "
              "all later ones\n  half-open, sockets: the most that the server held, more than "
              "before\n  made by the flood: sockets, of the connections that the attacker asked for")

    def draw(self, path, release):
        panels = [timeline.Panel(title, {r.defence: r.curve for r in rounds},
                                 max((r.end - r.start) / 1000 for r in rounds), rounds[0].asked)
                  for flood, title in FLOODS.items()
                  for rounds in [[r for r in self.points if r.flood == flood]] if rounds]
        rate = self.points[0].data["rate"]
        caption = [f"Measured by make demo-recovery on Debian's {release}, one emulated CPU of 250 "
                   "MIPS.",
                   f"Both floods: {rate} connections a second, each with the first byte of a request "
                   "in its ACK.",
                   "nginx holds 768 connections, and each of those for 60 s. Served: within 2 s of "
                   "the request."]
        timeline.draw(path, "Service before, during and after a flood", panels,
                      {d: LABELS[d] for d in DEFENCES if any(r.defence == d for r in self.points)},
                      caption)

    def content(self):
        """For JSON."""
        return {"rounds": [r.summary() for r in self.points]}

    def complaints(self, defences):
        """Sentences on why the demo does not show what it is for; none if it does."""
        found = []
        for flood in FLOODS:
            rounds = [self.at(d, flood) for d in defences]
            found += [f"{LABELS[d]}: nothing was measured under a {flood} flood"
                      for d, r in zip(defences, rounds) if not r]
            found += [f"{LABELS[r.defence]}: not every request was served before the {flood} flood"
                      for r in rounds if r and r.phase("before") < SERVED_AT_LEAST]
            found += judge_recovery([r for r in rounds if r])
        replays = self.at("cookies", "replay")
        if replays and not replays.made:
            found.append("kernel's SYN cookies: no replayed ACK made a socket, so the replay flood "
                         "proves nothing")
        ours = self.at("cookiebox", "replay")
        return found + (judge_replay(ours) if ours else [])

    def verdict(self):
        ours, kernel = self.at("cookiebox", "replay"), self.at("cookies", "replay")
        if not ours or not kernel:
            return "no verdict: not all rounds were run"
        return (f"passed: replayed ACKs made no socket with cookiebox, {kernel.made:,} with the "
                f"kernel's cookies; recovery took {ours.recovery_text} and {kernel.recovery_text}")


def judge_recovery(rounds):
    """cookiebox recovers, and as fast as the others under the same flood."""
    ours = next((r for r in rounds if r.defence == "cookiebox"), None)
    if not ours:
        return []
    if ours.recovery is None:
        return [f"cookiebox: after the {ours.flood} flood service did not return"]
    return [f"cookiebox: recovered {ours.recovery_text} after the {ours.flood} flood, "
            f"{LABELS[r.defence]} after {r.recovery_text}"
            for r in rounds if r.recovery is not None and
            ours.recovery > r.recovery + RECOVERY_TOLERANCE]


def judge_replay(ours):
    found = [f"cookiebox: served {ours.phase(name):.1f} % {name} the replay flood, not "
             f"{SERVED_AT_LEAST} %"
             for name in ("during", "after") if ours.phase(name) < SERVED_AT_LEAST]
    if ours.made:
        found.append(f"cookiebox: {ours.made:,} replayed ACKs made a socket")
    replayed = ours.counted("replayed")
    if 100.0 * replayed < REPLAYED_AT_LEAST * ours.attempts:
        found.append(f"cookiebox: {replayed:,} of {ours.attempts:,} replayed ACKs were refused as "
                     "such, so the replay flood proves little")
    return found
