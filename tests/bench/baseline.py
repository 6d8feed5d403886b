# SPDX-License-Identifier: GPL-2.0
"""Compares cookiebox' figures with those of tests/bench/baseline.json, and renews that file.

Segments that pass are compared by what cookiebox adds to them: a small sum that would be lost in
what the stack spends. A figure may grow by 3 %, or by 10 % if Debian's kernel is not the one that
the baseline was measured with.
"""

import json
import os

import report

PATH = f"{os.path.dirname(os.path.abspath(__file__))}/baseline.json"
GROWTH, GROWTH_OTHER_KERNEL = 0.03, 0.10
# Differs from `later` only by what the stack spends on data; and what no baseline has been made for.
LEFT_OUT = ("data",)
NOISE = 12                  # instructions; matters only to what is below 400
SHRUNK = 0.03               # so much less is worth a new baseline


def values(figures):
    """{name: instructions} of what is compared."""
    found = {}
    for figure in figures.all:
        if figure.peer not in report.OURS or figure.row in LEFT_OUT:
            continue
        value, what = figure.each, ""
        if figure.row in report.EXTRAS:
            value, what = figures.extra(figure.row, figure.family), ", extra"
        if value is not None:
            found[f"IPv{figure.family} {figure.peer} {figure.row}{what}"] = round(value, 1)
    return found


def read():
    try:
        with open(PATH, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return {}


def update(kernels):
    """Takes the figures of these kernels over; keeps those of others."""
    content = read()
    for figures in kernels:
        content[figures.kernel] = {"release": figures.release, "instructions": values(figures)}
    with open(PATH, "w", encoding="utf-8") as out:
        json.dump(content, out, indent=1, sort_keys=True)
        out.write("\n")


def compare(figures):
    """Yields (ok, sentence) for every figure, those of the baseline that are missing too."""
    known = read().get(figures.kernel, {})
    was, now = known.get("instructions", {}), values(figures)
    growth = GROWTH if known.get("release") == figures.release else GROWTH_OTHER_KERNEL
    for name in sorted(was.keys() | now.keys()):
        title = f"{figures.kernel} {name}"
        if name not in now:
            yield False, f"{title}: not measured"
        elif name not in was:
            yield False, f"{title}: {now[name]:,.0f}, and not in the baseline; renew it"
        else:
            limit = was[name] + max(growth * abs(was[name]), NOISE)
            yield now[name] <= limit, (f"{title}: {now[name]:,.0f} instructions, "
                                       f"{now[name] - was[name]:+,.0f} to the baseline")


def improved(figures):
    """Names of figures that are so much better that the baseline is out of date."""
    was = read().get(figures.kernel, {}).get("instructions", {})
    return [n for n, v in values(figures).items()
            if n in was and v < was[n] - max(SHRUNK * abs(was[n]), NOISE)]
