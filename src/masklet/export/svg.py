"""What charts are drawn with: SVG elements, axes, legends, marks that tell series apart without colour.

A drawing is 360 units wide, about a phone's screen, and grows with its column; its colours are the CSS variables of
the page around it (`s0`, `s1`, ... set `--c`), so that light, dark and print are the page's matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

Element = ElementTree.Element
Format = Callable[[float], str]

WIDTH = 360.0
HEAD = 20.0
"""Room that the title of a `headed` drawing takes."""
COLOURS = 8
_LETTER = 6.0  # mean width of a letter at the size of labels
_DASHES = ("", "6 3", "2 2.5", "9 3 2 3", "1 3")


def drawing(title: str, description: str, height: float) -> Element:
    """An empty drawing with a name and a description for those who cannot see it."""
    size = f"0 0 {number(WIDTH)} {number(height)}"
    root = Element("svg", {"viewBox": size, "role": "img", "class": "chart"})
    add(root, "title", title)
    add(root, "desc", description)
    return root


def headed(title: str, description: str, height: float) -> Element:
    """A drawing (of `height` in all) that also shows its name, above what is drawn."""
    root = drawing(title, description, height)
    add(root, "text", shortened(title, WIDTH - 24), x=0, y=13, class_="title")
    return root


def add(parent: Element, tag: str, text: str | None = None, **attributes: str | float) -> Element:
    """A new last child: `class_` becomes class, an underscore a hyphen, a float at most two decimals."""
    named = {
        name.rstrip("_").replace("_", "-"): value if isinstance(value, str) else number(value)
        for name, value in attributes.items()
    }
    child = ElementTree.SubElement(parent, tag, named)
    child.text = text
    return child


def number(value: float) -> str:
    """At most two decimals, no zeros at the end: 1.50 is "1.5"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Places in the drawing as the attribute `points` of a polyline."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def rendered(root: Element) -> str:
    """The drawing as text, for use inside of HTML."""
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def shortened(text: str, width: float) -> str:
    """As much of a text as fits into `width` units, its middle left out: names mostly differ at their ends."""
    room = max(int(width / _LETTER), 3)
    if len(text) <= room:
        return text
    head = (room - 1) // 2
    return f"{text[:head]}…{text[len(text) - (room - 1 - head) :]}"


def ticks(low: float, high: float, count: int) -> list[float]:
    """About `count` round numbers (1, 2 or 5 times a power of ten apart) that lie within low..high.

    Raises
    ------
    ValueError: `high` is not above `low`, or one of them is not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        raise ValueError(f"expected an axis from a lower to a higher number, got {low} to {high}")
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A rectangle of the drawing with a linear scale along each side: `left`..`right`, `top`..`bottom` in units."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point in the drawing."""
        return self.across(x), self.down(y)

    def across(self, x: float) -> float:
        """The place of a value along the horizontal axis."""
        return self.left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def down(self, y: float) -> float:
        """The place of a value along the vertical axis, which grows upward."""
        return self.bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (self.bottom - self.top)

    def draw_axes(
        self,
        root: Element,
        *,
        x_ticks: Sequence[tuple[float, str]],
        y_ticks: Sequence[tuple[float, str]],
        x_label: str,
    ) -> None:
        """Grid lines with their numbers; the name of the horizontal axis under it."""
        for value, text in y_ticks:
            y = self.down(value)
            add(root, "line", x1=self.left, x2=self.right, y1=y, y2=y, class_="grid")
            add(root, "text", text, x=self.left - 5, y=y + 3.5, class_="end")
        for value, text in x_ticks:
            x = self.across(value)
            add(root, "line", x1=x, x2=x, y1=self.bottom, y2=self.bottom + 3, class_="axis")
            add(root, "text", text, x=x, y=self.bottom + 14, class_="middle")
        add(root, "line", x1=self.left, x2=self.right, y1=self.bottom, y2=self.bottom, class_="axis")
        add(root, "text", x_label, x=(self.left + self.right) / 2, y=self.bottom + 27, class_="middle name")


def dashes(series: int) -> dict[str, str]:
    """The attribute that gives the line of a series its own pattern; none for the first one."""
    pattern = _DASHES[series % len(_DASHES)]
    return {"stroke_dasharray": pattern} if pattern else {}


def colour_class(series: int) -> str:
    """The class that sets the colour of a series."""
    return f"s{series % COLOURS}"


def mark(root: Element, series: int, x: float, y: float, title: str | None = None) -> None:
    """The shape of a series at a place: disc, square, triangle, diamond, cross, in turn."""
    style = f"mark {colour_class(series)}"
    shape = series % 5
    if shape == 0:
        drawn = add(root, "circle", cx=x, cy=y, r=3.2, class_=style)
    elif shape == 1:
        drawn = add(root, "rect", x=x - 2.9, y=y - 2.9, width=5.8, height=5.8, class_=style)
    else:
        steps = {2: "m0-4 4 7h-8z", 3: "m0-4.3 4.3 4.3-4.3 4.3-4.3-4.3z", 4: "m-3-3 6 6m0-6-6 6"}
        drawn = add(
            root, "path", d=f"M{number(x)} {number(y)}{steps[shape]}", class_=f"{style} open" if shape == 4 else style
        )
    if title:
        add(drawn, "title", title)


def legend_height(entries: Sequence[tuple[str, int]]) -> float:
    """How much room `draw_legend` takes."""
    return (max(row for _, row in _places(entries)) + 1) * 16 if entries else 0


def draw_legend(root: Element, entries: Sequence[tuple[str, int]], top: float) -> None:
    """A line with its mark and its name for each (name, series), in as many rows as it takes."""
    for (label, series), (x, row) in zip(entries, _places(entries), strict=True):
        y = top + 16 * row + 8
        add(root, "line", x1=x, x2=x + 22, y1=y, y2=y, class_=f"line {colour_class(series)}", **dashes(series))
        mark(root, series, x + 11, y)
        add(root, "text", shortened(label, WIDTH - 40), x=x + 27, y=y + 3.5)


def _places(entries: Sequence[tuple[str, int]]) -> list[tuple[float, int]]:
    """(x, row) of each entry of the legend."""
    places: list[tuple[float, int]] = []
    x, row = 4.0, 0
    for label, _ in entries:
        width = 40 + _LETTER * len(shortened(label, WIDTH - 40))
        if x > 4 and x + width > WIDTH:
            x, row = 4.0, row + 1
        places.append((x, row))
        x += width
    return places
