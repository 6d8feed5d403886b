# SPDX-License-Identifier: GPL-2.0
"""Draws what a segment costs as bars, one panel for each kind of segment, light and dark.

Documentation/bench.svg is drawn from figure.json, a run of all peers that `make bench FIGURE=update`
has kept; `make bench BASELINE=update` takes over what cookiebox' part of it costs then.
tests/lint/figure-drift asks complaints() whether the three belong together.
"""

import dataclasses
import json
import os

import baseline
import report

HERE = os.path.dirname(os.path.abspath(__file__))
SAVED = f"{HERE}/figure.json"
DRAWN = os.path.normpath(f"{HERE}/../../Documentation/bench.svg")

WIDTH, LABELS, RIGHT, BAR, GAP = 760, 210, 690, 15, 5
PANELS = ("syn", "bad", "good", "later", "data")

STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.page { fill: #ffffff; }
.title { font-size: 16px; font-weight: 600; }
.panel { font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
.bar { fill: #8c959f; }
.ours { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .page { fill: #0d1117; } .small { fill: #9198a1; }
.bar { fill: #6e7681; } .ours { fill: #3fb950; }
}
</style>"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def panel(figures, family, row, y):
    """The bars of one kind of segment, from y down; returns them and where they end."""
    heading, what = report.ROWS[row]
    found = [f for p in report.PEERS for f in [figures.at(p, row, family)] if f]
    parts = [text(16, y + 13, f"{heading}: {what}", "panel")]
    y += 22
    most = max(f.each for f in found)
    for figure in found:
        length = (RIGHT - LABELS) * figure.each / most
        kind = "ours" if figure.peer in report.OURS else "bar"
        parts.append(text(LABELS - 8, y + BAR - 3, report.PEERS[figure.peer][0], "", "end"))
        parts.append(f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{length:.1f}" '
                     f'height="{BAR}"/>')
        parts.append(text(LABELS + length + 6, y + BAR - 3, f"{figure.each:,.0f}"))
        y += BAR + GAP
    return parts, y + 12


def draw(path, figures, family):
    with open(path, "w", encoding="utf-8") as out:
        out.write(drawing(figures, family))


def drawing(figures, family):
    parts, y = [], 60
    for row in PANELS:
        if any(f.row == row and f.family == family for f in figures.all):
            more, y = panel(figures, family, row, y)
            parts += more
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
            f'height="{y}" role="img" aria-labelledby="t">',
            '<title id="t">What a segment costs, measured</title>', STYLE,
            f'<rect class="page" width="{WIDTH}" height="{y}"/>',
            text(16, 26, "What a segment costs", "title"),
            text(16, 45, f"{figures.unit} per segment, Linux {figures.kernel}, IPv{family}; "
                 "fewer is better", "small")]
    return "\n".join(head + parts + ["</svg>", ""])


# --- What is kept of a run ----------------------------------------------------------------------

@dataclasses.dataclass
class Kept:
    """A figure without the details of its measurement."""
    peer: str
    row: str
    family: int
    each: float

    @property
    def key(self):
        return self.peer, self.row, self.family


def read():
    with open(SAVED, encoding="utf-8") as handle:
        content = json.load(handle)
    figures = report.Figures(content["kernel"], content["release"], content["unit"])
    figures.all = [Kept(peer, row, content["family"], each)
                   for peer, rows in content["each"].items() for row, each in rows.items()]
    return figures


def keep(figures, known=None):
    """Writes those of the first family and draws them; known: earlier ones, of peers left out now."""
    family = known.families()[0] if known else figures.families()[0]
    measured = {f.peer for f in figures.all if f.family == family}
    every = [f for f in figures.all if f.family == family]
    every += [f for f in known.all if f.peer not in measured] if known else []
    each = {peer: {f.row: round(f.each, 1) for f in every if f.peer == peer}
            for peer in report.PEERS if any(f.peer == peer for f in every)}
    with open(SAVED, "w", encoding="utf-8") as out:
        json.dump({"kernel": figures.kernel, "release": figures.release, "unit": figures.unit,
                   "family": family, "each": each}, out, indent=1)
        out.write("\n")
    kept = read()
    draw(DRAWN, kept, family)


def renew(kernels):
    """The baseline is new: so is cookiebox' part of the figure."""
    known = read()
    for figures in kernels:
        if figures.kernel == known.kernel and known.families()[0] in figures.families():
            keep(figures, known)


def complaints():
    """Sentences on what does not belong together."""
    kept = read()
    with open(DRAWN, encoding="utf-8") as handle:
        if handle.read() != drawing(kept, kept.families()[0]):
            yield "Documentation/bench.svg is not what tests/bench/figure.json looks like"
    known = baseline.read()[kept.kernel]
    if known["release"] != kept.release:
        yield f"figure.json is of {kept.release}, baseline.json of {known['release']}"
    now, was = baseline.values(kept), known["instructions"]
    for name in now:
        limit = max(baseline.GROWTH * abs(was[name]), baseline.NOISE) if name in was else -1
        if name not in was or abs(now[name] - was[name]) > limit:
            yield f"figure.json: {name} is {now[name]}, in baseline.json {was.get(name)}"
