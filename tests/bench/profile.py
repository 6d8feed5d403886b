# SPDX-License-Identifier: GPL-2.0
"""Instructions per function, from the counts of tests/bench/profile.c and the guest's kallsyms."""

import bisect
import collections


class Symbols:
    """Text symbols of a guest, by address."""

    def __init__(self, path):
        found = {}
        with open(path, encoding="ascii") as handle:
            for line in handle:
                address, _, name, *module = line.split()
                found.setdefault(int(address, 16), (name, module[0] if module else ""))
        self.starts = sorted(found)
        self.names = [found[a] for a in self.starts]

    def at(self, address):
        """(start, name, module) of the function that holds the address."""
        index = bisect.bisect_right(self.starts, address) - 1
        return (self.starts[index], *self.names[index]) if index >= 0 else (0, "?", "")


def read_counts(path):
    """One (batches, {address: count}) per run, in the order of the runs."""
    runs = []
    with open(path, encoding="ascii") as handle:
        for line in handle:
            first, second, *rest = line.split()
            if first == "run":
                runs.append((int(rest[0]), collections.Counter()))
            else:
                runs[-1][1][int(first, 16)] += int(second)
    return runs


def functions(counts, symbols, segments):
    """(instructions, calls, name, module) per segment, the most expensive first."""
    spent, calls = collections.Counter(), collections.Counter()
    for address, count in counts.items():
        start, name, module = symbols.at(address)
        spent[name, module] += count
        if address == start:
            calls[name, module] += count
    return [(count / segments, calls[key] / segments, *key) for key, count in spent.most_common()]


def show(title, counts, symbols, segments, least=0.5):
    lines = functions(counts, symbols, segments)
    modules = collections.Counter()
    for spent, _, _, module in lines:
        modules[module or "[kernel]"] += spent
    print(f"\n{title}: {sum(modules.values()):,.0f} instructions per segment: " +
          ", ".join(f"{m.strip('[]')} {n:,.0f}" for m, n in modules.most_common()))
    print("  instructions   calls  function")
    for spent, calls, name, module in lines:
        if spent >= least:
            print(f"  {spent:12,.1f}  {calls:6.2f}  {name} {module}".rstrip())
