# SPDX-License-Identifier: GPL-2.0
"""What `make demo` and `make demo-gateway` do: floods of several rates, one defence after another."""

import machine
import report

RATES = (0, 100, 1000, 10000, 20000)
# Slow to show what it comes to, and nothing to whoever has a defence.
ONLY_UNDEFENDED = 100
# The rate at which the table is drawn up and the verdict given.
TABLE_RATE = 10000


class Points(list):
    """Takes the measurements as they come, and tells them."""

    def __init__(self, sentences):
        super().__init__()
        self.sentences = sentences

    def take(self, progress, data):
        point = report.Point(data)
        if not self or self[-1].defence != point.defence:
            progress.tell(self.sentences[point.defence])
        self.append(point)
        progress.tell(f"  {point.sent_rate:7,.0f} SYN/s: {point.served:3} of {point.asked} "
                      f"honest requests served")


def words_for_guest(defences):
    words = []
    for defence in defences:
        rates = [r for r in RATES if defence == "none" or r != ONLY_UNDEFENDED]
        words += [defence, *map(str, rates), "/"]
    return (*words, "door", str(TABLE_RATE))


def telling_rate(points):
    """The lowest rate, from the table's on, at which no defence hardly serves anybody."""
    rates = [p.rate for p in points if p.defence == "none" and p.rate >= TABLE_RATE and
             p.percent < report.SERVED_WITHOUT]
    return min(rates, default=TABLE_RATE)


def main(doc, name, script, sentences):
    """name: of the make target and, in build/, of the figure; sentences: {defence: what it is}."""
    options = machine.parser(doc, f"{name}.svg").parse_args()
    defences = machine.defences_of(options, [d for d in sentences if d in report.DEFENCES])
    points = Points(sentences)
    release, failures = machine.measure(options, script, words_for_guest(defences), points.take)
    table = report.Table(points, telling_rate(points), f"make {name}")
    return machine.conclude(options, table, release, failures + table.complaints(defences))
