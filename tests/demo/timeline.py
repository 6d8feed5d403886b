# SPDX-License-Identifier: GPL-2.0
"""Draws service over time, one panel for each flood, as an SVG for light and dark pages."""

import figure
from figure import LEFT, RIGHT, text

TOP, PANEL, GAP = 104, 130, 52
FLOOD = ".flood { fill: #ffd8b5; }\n"
FLOOD_DARK = ".flood { fill: #5a3a22; }\n"
# Seconds between a line's marks, and between the marks of one line and the next one's.
MARK_EVERY, MARK_SHIFT = 12, 3


class Panel:
    """One flood: title, its seconds, and the curves, name -> [(second, served)...]."""

    def __init__(self, title, curves, end, asked):
        self.title, self.curves, self.end, self.asked = title, curves, end, asked


class Scale:
    """Seconds since the flood's start and requests a second to places in a panel from top down."""

    def __init__(self, panels, number):
        seconds = [s for p in panels for curve in p.curves.values() for s, _ in curve]
        self.first, self.last = min(seconds), max(seconds) + 1
        self.top = TOP + number * (PANEL + GAP)
        self.bottom = self.top + PANEL
        self.asked = panels[number].asked

    def x(self, second):
        second = min(max(second, self.first), self.last)
        return LEFT + (second - self.first) / (self.last - self.first) * (RIGHT - LEFT)

    def y(self, served):
        return self.bottom - served / self.asked * PANEL


def frame(panel, scale, axis_title):
    parts = [f'<rect class="flood" x="{scale.x(0):.1f}" y="{scale.top}" '
             f'width="{scale.x(panel.end) - scale.x(0):.1f}" height="{PANEL}"/>',
             text(LEFT, scale.top - 10, panel.title, "start")]
    for served in range(0, panel.asked + 1, max(1, panel.asked // 5)):
        y = scale.y(served)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(text(LEFT - 10, y + 4, f"{served}", "end"))
    for second in range(int(scale.first) // 10 * 10, int(scale.last) + 1, 10):
        if second < scale.first:
            continue
        x = scale.x(second)
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{scale.bottom}" '
                     f'y2="{scale.bottom + 5}"/>')
        parts.append(text(x, scale.bottom + 19, f"{second}"))
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {scale.top}V{scale.bottom}H{RIGHT}"/>')
    if axis_title:
        parts.append(text((LEFT + RIGHT) / 2, scale.bottom + 38, axis_title))
    return parts


def steps(scale, curve):
    """A second's requests are those that started in it: flat from its begin to its end."""
    spots = []
    for second, served in curve:
        spots += [(scale.x(second), scale.y(served)), (scale.x(second + 1), scale.y(served))]
    return spots


def lines(panel, scale):
    parts = []
    widest_first = sorted(panel.curves.items(), key=lambda item: -figure.STYLES[item[0]][2])
    for number, (name, curve) in enumerate(widest_first):
        parts.append(figure.polyline(name, steps(scale, curve)))
        parts += [figure.mark(figure.STYLES[name][3], name, scale.x(second + 0.5), scale.y(served))
                  for second, served in curve[number * MARK_SHIFT::MARK_EVERY]]
    return parts


def draw(path, title, panels, labels, caption):
    """labels: for the legend; caption: lines of small print."""
    parts = figure.legend(labels)
    bottom = TOP
    for number, panel in enumerate(panels):
        scale = Scale(panels, number)
        last = number + 1 == len(panels)
        parts += frame(panel, scale, last and "seconds since the flood began (shaded)")
        parts += lines(panel, scale)
        bottom = scale.bottom
    middle = (TOP + bottom) / 2
    parts.append(f'<text transform="translate(24 {middle}) rotate(-90)" text-anchor="middle">'
                 'honest requests served, of those of each second</text>')
    parts += figure.notes(caption, bottom + 60)
    height = bottom + 60 + 15 * len(caption) + 4
    figure.write(path, title, height, figure.style(FLOOD, FLOOD_DARK), parts)
