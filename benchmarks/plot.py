"""Lines on a white ground as a PNG: all that the pictures of the benchmarks need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 320, 70, 20, 30, 40

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis shows; a logarithmic one begins with its smallest value, else it begins with 0."""

    label: str
    logarithmic: bool = False

    def ends(self, values: Sequence[float]) -> tuple[float, float]:
        """The first and last value of the axis; the last leaves some room."""
        if self.logarithmic:
            return min(values), max(*values, 1.01 * min(values))
        return 0.0, 1.05 * max(*values, 1e-9)

    def share(self, value: float, ends: tuple[float, float]) -> float:
        """Where a value lies between the ends, 0..1."""
        if self.logarithmic:
            return math.log(value / ends[0]) / math.log(ends[1] / ends[0])
        return (value - ends[0]) / (ends[1] - ends[0])

    def ticks(self, values: Sequence[float], ends: tuple[float, float]) -> list[float]:
        """The measured values of a logarithmic axis, else five steps."""
        return sorted(set(values)) if self.logarithmic else [ends[0] + (ends[1] - ends[0]) * k / 4 for k in range(5)]


def draw(path: Path, lines: Mapping[str, Points], *, x: Axis, y: Axis) -> None:
    """Each line under its name, at its end; there has to be at least one point."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    across = [point[0] for points in lines.values() for point in points]
    up = [point[1] for points in lines.values() for point in points]
    x_ends, y_ends = x.ends(across), y.ends(up)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x.share(point[0], x_ends),
            HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y.share(point[1], y_ends),
        )

    for value in y.ticks(up, y_ends) if not y.logarithmic else y_ends:
        level = place((x_ends[0], value))[1]
        pen.line((LEFT, level, WIDTH - RIGHT, level), fill="#dddddd")
        pen.text((6, level - 6), _short(value), fill="black")
    for value in x.ticks(across, x_ends):
        pen.text((place((value, y_ends[0]))[0] - 12, HEIGHT - BOTTOM + 8), _short(value), fill="black")
    for index, (name, points) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        spots = [place(point) for point in points]
        pen.line(spots, fill=colour, width=2)
        if len(spots) <= 20:
            for left, top in spots:
                pen.ellipse((left - 3, top - 3, left + 3, top + 3), fill=colour)
        end = spots[-1]
        pen.text((end[0] - 6 * len(name) - 8, end[1] - 18 + 26 * (index % 2)), name, fill=colour)
    pen.text((WIDTH // 2 - 3 * len(x.label), HEIGHT - 18), x.label, fill="black")
    pen.text((6, 8), y.label, fill="black")
    image.save(path)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"
