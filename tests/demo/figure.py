# SPDX-License-Identifier: GPL-2.0
"""Draws service quality against load as an SVG that reads well on light and on dark pages."""

import math

WIDTH, HEIGHT = 760, 452
LEGEND = 52
LEFT, RIGHT, TOP, BOTTOM = 70, 722, 78, 350

# Colour on light, on dark, width of the line, mark. Marks differ for who sees no colour; widths
# differ so that lines which lie on each other are all seen.
STYLES = {
    "none": ("#8c564b", "#d9a08f", 2.4, "square"),
    "cookies": ("#8fc1ea", "#2f6ea5", 9, "circle"),
    "synproxy": ("#9467bd", "#b98fe0", 5, "diamond"),
    "cookiebox": ("#116329", "#7ee787", 2, "triangle"),
}

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.page { fill: #ffffff; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.axis { stroke: #59636e; stroke-width: 1.2; }
.line { fill: none; stroke-linejoin: round; }
"""
DARK = """text { fill: #f0f6fc; } .page { fill: #0d1117; } .small { fill: #9198a1; }
.grid { stroke: #3d444d; } .axis { stroke: #9198a1; }
"""


def style(more="", more_dark=""):
    light = "".join(f".{n} {{ stroke: {s[0]}; }} .line.{n} {{ stroke-width: {s[2]}; }} .mark.{n} {{ fill: {s[0]}; }}\n"
                    for n, s in STYLES.items())
    dark = "".join(f".{n} {{ stroke: {s[1]}; }} .mark.{n} {{ fill: {s[1]}; }}\n"
                   for n, s in STYLES.items())
    return (f"<style>{STYLE}{more}{light}@media (prefers-color-scheme: dark) "
            f"{{ {DARK}{more_dark}{dark} }}</style>")


class Scale:
    """The flood's rate to x: logarithmic, with a place of its own for no flood at all."""

    def __init__(self, rates):
        positive = [r for r in rates if r > 0]
        self.low = math.log10(min(positive))
        self.high = max(math.log10(max(positive)), self.low + 0.1)

    def x(self, rate):
        if rate <= 0:
            return LEFT
        start = LEFT + 90
        return start + (math.log10(rate) - self.low) / (self.high - self.low) * (RIGHT - start)


def y(percent):
    return BOTTOM - percent / 100 * (BOTTOM - TOP)


def mark(shape, name, x, at):
    if shape == "circle":
        return f'<circle class="mark {name}" cx="{x:.1f}" cy="{at:.1f}" r="7"/>'
    points = {"square": "-4,-4 4,-4 4,4 -4,4", "diamond": "0,-7 7,0 0,7 -7,0",
              "triangle": "0,-5 5,4 -5,4"}[shape]
    return (f'<polygon class="mark {name}" points="{points}" '
            f'transform="translate({x:.1f} {at:.1f})"/>')


def text(x, at, words, anchor="middle", kind=""):
    return f'<text x="{x:.1f}" y="{at:.1f}" text-anchor="{anchor}" class="{kind}">{words}</text>'


def frame(scale, rates):
    parts = []
    for percent in range(0, 101, 20):
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y(percent):.1f}" '
                     f'y2="{y(percent):.1f}"/>')
        parts.append(text(LEFT - 10, y(percent) + 4, f"{percent} %", "end"))
    for rate in rates:
        x = scale.x(rate)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" '
                     f'y2="{BOTTOM + 5}"/>')
        parts.append(text(x, BOTTOM + 20, f"{rate:,}" if rate else "none"))
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>')
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 42,
                      "flood of spoofed SYNs, per second (logarithmic)"))
    parts.append(f'<text transform="translate(18 {(TOP + BOTTOM) / 2}) rotate(-90)" '
                 'text-anchor="middle">honest requests served</text>')
    return parts


def legend(labels):
    parts, x = [], LEFT
    for name, label in labels.items():
        parts.append(f'<line class="line {name}" x1="{x}" x2="{x + 30}" y1="{LEGEND}" '
                     f'y2="{LEGEND}"/>')
        parts.append(mark(STYLES[name][3], name, x + 15, LEGEND))
        parts.append(text(x + 38, LEGEND + 4, label, "start"))
        x += 38 + 6.5 * len(label) + 22
    return parts


def write(path, title, height, styles, parts):
    """A page of that height, with its title; styles is what style() made."""
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t">',
            f'<title id="t">{title}, measured</title>', styles,
            f'<rect class="page" width="{WIDTH}" height="{height}"/>',
            text(LEFT, 28, title, "start", "title")]
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(head + parts + ["</svg>", ""]))


def polyline(name, spots):
    return (f'<polyline class="line {name}" points="'
            + " ".join(f"{a:.1f},{b:.1f}" for a, b in spots) + '"/>')


def notes(lines, at):
    """Small print from there on down."""
    return [text(LEFT, at + 15 * number, line, "start", "small")
            for number, line in enumerate(lines)]


def draw(path, rates, curves, labels, caption):
    """rates: for the x axis; curves: name -> [(rate, percent served)...]; labels: for the legend."""
    scale = Scale(rates)
    parts = frame(scale, rates) + legend(labels)
    for name, points in curves.items():
        spots = [(scale.x(rate), y(percent)) for rate, percent in sorted(points)]
        parts.append(polyline(name, spots))
        parts += [mark(STYLES[name][3], name, a, b) for a, b in spots]
    parts += notes(caption, BOTTOM + 64)
    write(path, "Service quality against load", HEIGHT, style(), parts)
