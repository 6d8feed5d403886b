# SPDX-License-Identifier: GPL-2.0
"""Draws what a segment costs as bars, one panel for each kind of segment, light and dark."""

import report

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
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(head + parts + ["</svg>", ""]))
