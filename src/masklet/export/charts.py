"""The charts of a page: bars, lines, differences with their intervals.

Each is a function from numbers to SVG text (see `masklet.export.svg` for what they share). Nothing is told by
colour alone: bars carry their names, lines have patterns and marks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from masklet.export.svg import (
    HEAD,
    WIDTH,
    Element,
    Format,
    Plot,
    add,
    colour_class,
    dashes,
    draw_legend,
    drawing,
    headed,
    legend_height,
    mark,
    polyline,
    rendered,
    shortened,
    ticks,
)

_BAR, _HEADING, _GAP = 13.0, 17.0, 9.0
_BAR_ROOM = 215.0
_MARKED = 40  # a line with more points than these shows marks only now and then
_FINEST = 300  # more points than these are thinned out


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: whose it is, its value (None: there is none), and the series that gives its colour."""

    label: str
    value: float | None
    series: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its name, its points (x, y) with x ascending, and the series that gives it colour, pattern and mark."""

    label: str
    points: Sequence[tuple[float, float]]
    series: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much something changed, and between which bounds that change lies with the chosen confidence."""

    label: str
    value: float
    low: float
    high: float
    good: bool | None
    """Whether it got better; None where the interval holds 0."""


def bar_chart(
    title: str, groups: Sequence[tuple[str, Sequence[Bar]]], *, text: Format, top: float | None = None
) -> str:
    """Horizontal bars in named groups.

    Parameters
    ----------
    text: how a value is written behind its bar.
    top: the value of a bar of full length; by default the largest value.

    Raises
    ------
    ValueError: a negative value, or no bars.
    """
    values = [bar.value for _, bars in groups for bar in bars if bar.value is not None and math.isfinite(bar.value)]
    if not any(bars for _, bars in groups) or min(values, default=0) < 0:
        raise ValueError(f"{title}: a chart of bars needs bars, and none below 0")
    full = max(top or 0, max(values, default=0)) or 1
    height = sum(_HEADING + _BAR * len(bars) + _GAP for _, bars in groups)
    root = drawing(title, _described(groups, text), height)
    y = 0.0
    for name, bars in groups:
        add(root, "text", shortened(name, WIDTH - 8), x=0, y=y + 12, class_="strong")
        y += _HEADING
        for bar in bars:
            known = bar.value is not None and math.isfinite(bar.value)
            length = _BAR_ROOM * (bar.value or 0) / full if known else 0.0
            said = text(bar.value) if bar.value is not None and known else "–"
            add(root, "rect", x=0, y=y + 1, width=_BAR_ROOM, height=_BAR - 3, class_="track")
            drawn = add(
                root, "rect", x=0, y=y + 1, width=length, height=_BAR - 3, class_=f"bar {colour_class(bar.series)}"
            )
            add(drawn, "title", f"{name}, {bar.label}: {said}")
            label = add(root, "text", said, x=_BAR_ROOM + 6, y=y + _BAR - 3)
            rest = shortened(bar.label, WIDTH - _BAR_ROOM - 50)
            add(label, "tspan", rest, x=_BAR_ROOM + 48, class_="name")
            y += _BAR
        y += _GAP
    return rendered(root)


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    x_text: Format,
    y_text: Format,
    y_range: tuple[float, float] | None = None,
    plot_height: float = 130,
) -> str:
    """Values over a number (frames, clicks, seconds).

    Parameters
    ----------
    x_text, y_text: how the axes' numbers are written.
    y_range: ends of the vertical axis; by default from 0 (or the lowest value) to the highest value.
    plot_height: of the field that the lines lie in, in units (the width is 360).

    Raises
    ------
    ValueError: no line, or a line without points.
    """
    if not lines or not all(line.points for line in lines):
        raise ValueError(f"{title}: a chart of lines needs lines with points")
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    low, high = y_range or _rounded(min(0.0, *ys), max(ys))
    plot = Plot(
        left=38,
        right=WIDTH - 10,
        top=HEAD + 8,
        bottom=HEAD + 8 + plot_height,
        x=_widened(min(xs), max(xs)),
        y=_widened(low, high),
    )
    # A single line that is called what the chart is called needs no legend.
    legend = [(line.label, line.series) for line in lines if len(lines) > 1 or line.label != title]
    root = headed(title, _summary(lines, y_text), plot.bottom + 34 + legend_height(legend))
    plot.draw_axes(
        root,
        x_ticks=[(value, x_text(value)) for value in _x_ticks(sorted(set(xs)), plot.x)],
        y_ticks=[(value, y_text(value)) for value in ticks(*plot.y, 4)],
        x_label=x_label,
    )
    for line in lines:
        _draw_line(root, plot, line, x_text, y_text)
    draw_legend(root, legend, plot.bottom + 32)
    return rendered(root)


def difference_chart(title: str, rows: Sequence[Difference], *, text: Format) -> str:
    """Changes with their intervals around a line of no change: worse lies left, better right, if more is better.

    Raises
    ------
    ValueError: no rows.
    """
    if not rows:
        raise ValueError(f"{title}: a chart of differences needs at least one")
    reach = max(max(abs(row.low), abs(row.high), abs(row.value)) for row in rows) or 1
    top = HEAD + 4
    plot = Plot(left=118, right=WIDTH - 62, top=top, bottom=top + 17.0 * len(rows), x=(-reach, reach), y=(0, 1))
    root = headed(title, "; ".join(f"{row.label}: {_interval(row, text)}" for row in rows), plot.bottom + 30)
    plot.draw_axes(
        root, x_ticks=[(value, text(value)) for value in ticks(-reach, reach, 3)], y_ticks=[], x_label="difference"
    )
    zero = plot.across(0)
    add(root, "line", x1=zero, x2=zero, y1=plot.top, y2=plot.bottom, class_="axis")
    for index, row in enumerate(rows):
        y = plot.top + 17.0 * index + 8.5
        style = {True: "better", False: "worse", None: "same"}[row.good]
        add(root, "text", shortened(row.label, plot.left - 8), x=plot.left - 6, y=y + 3.5, class_="end")
        drawn = add(
            root, "line", x1=plot.across(row.low), x2=plot.across(row.high), y1=y, y2=y, class_=f"interval {style}"
        )
        add(drawn, "title", f"{row.label}: {_interval(row, text)}")
        # An open disc says that the interval holds 0.
        add(root, "circle", cx=plot.across(row.value), cy=y, r=3.6, class_=f"point {style}")
        add(root, "text", text(row.value), x=WIDTH, y=y + 3.5, class_="end strong")
    return rendered(root)


def thinned(points: Sequence[tuple[float, float]], most: int = _FINEST) -> list[tuple[float, float]]:
    """At most `most` (2 or more) of a line's points: of each stretch its lowest and highest, so that no dip is lost."""
    if len(points) <= most:
        return list(points)
    kept: list[tuple[float, float]] = []
    stretches = most // 2
    for index in range(stretches):
        stretch = points[index * len(points) // stretches : (index + 1) * len(points) // stretches]
        ends = {min(stretch, key=lambda point: point[1]), max(stretch, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def _draw_line(root: Element, plot: Plot, line: Line, x_text: Format, y_text: Format) -> None:
    series = line.series
    points = [plot.at(x, y) for x, y in thinned(line.points)]
    style = f"line {colour_class(series)}"
    add(root, "polyline", points=polyline(points), class_=style, **dashes(series))
    few = len(line.points) <= _MARKED
    # On a dense line the marks of different series stand at different places.
    shown = line.points if few else line.points[len(line.points) // 12 + 5 * series :: max(len(line.points) // 5, 1)]
    for x, y in shown:
        title = f"{line.label}: {x_text(x)}: {y_text(y)}" if few else None
        mark(root, series, *plot.at(x, y), title)


def _x_ticks(values: Sequence[float], ends: tuple[float, float]) -> Sequence[float]:
    """The values themselves where they are few (clicks), otherwise round numbers (frames)."""
    wide = ends[1] - ends[0]
    apart = min((b - a for a, b in itertools.pairwise(values)), default=wide)
    return values if len(values) <= 10 and apart >= wide / 12 else ticks(*ends, 6)


def _rounded(low: float, high: float) -> tuple[float, float]:
    """The range with its upper end on a round number, so that the axis says how far it goes."""
    marks = ticks(*_widened(low, high), 4)
    return low, high if marks[-1] >= high else marks[-1] + (marks[1] - marks[0])


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _interval(row: Difference, text: Format) -> str:
    return f"{text(row.value)} ({text(row.low)} to {text(row.high)})"


def _described(groups: Sequence[tuple[str, Sequence[Bar]]], text: Format) -> str:
    return "; ".join(
        f"{name}: " + ", ".join(f"{bar.label} {text(bar.value) if bar.value is not None else '–'}" for bar in bars)
        for name, bars in groups
    )


def _summary(lines: Sequence[Line], text: Format) -> str:
    return "; ".join(
        f"{line.label}: from {text(line.points[0][1])} to {text(line.points[-1][1])}, "
        f"lowest {text(min(y for _, y in line.points))}, {len(line.points)} points"
        for line in lines
    )
