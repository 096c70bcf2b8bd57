"""The reliability diagram: what came true against what was promised."""

from __future__ import annotations

import math
from collections.abc import Sequence

from masklet.export.svg import HEAD, WIDTH, Plot, add, headed, polyline, rendered
from masklet.metrics.calibration import Bin


def reliability_diagram(title: str, bins: Sequence[Bin], *, predicted: str, actual: str) -> str:
    """What came true against what was promised; on the diagonal a promise is kept. Discs grow with their count.

    Parameters
    ----------
    predicted, actual: names of the axes.

    Raises
    ------
    ValueError: no bin.
    """
    if not bins:
        raise ValueError(f"{title}: a reliability diagram needs at least one prediction")
    plot = Plot(left=38, right=WIDTH - 60, top=HEAD + 20, bottom=HEAD + WIDTH - 78, x=(0, 1), y=(0, 1))
    said = "; ".join(
        f"promised {100 * b.predicted:.0f} %, came true {100 * b.actual:.0f} % ({b.count} times)" for b in bins
    )
    root = headed(title, said, plot.bottom + 34)
    axis = [(value / 5, f"{20 * value}") for value in range(6)]
    plot.draw_axes(root, x_ticks=axis, y_ticks=axis, x_label=f"{predicted} (%)")
    add(root, "text", f"{actual} (%)", x=0, y=HEAD + 11, class_="name")
    (x0, y0), (x1, y1) = plot.at(0, 0), plot.at(1, 1)
    add(root, "line", x1=x0, y1=y0, x2=x1, y2=y1, class_="diagonal")
    points = [plot.at(bin_.predicted, bin_.actual) for bin_ in bins]
    add(root, "polyline", points=polyline(points), class_="line s0")
    largest = max(bin_.count for bin_ in bins)
    for bin_, (x, y) in zip(bins, points, strict=True):
        drawn = add(root, "circle", cx=x, cy=y, r=3 + 7 * math.sqrt(bin_.count / largest), class_="bubble s0")
        add(drawn, "title", f"promised {100 * bin_.predicted:.1f} %, came true {100 * bin_.actual:.1f} %, {bin_.count}")
    return rendered(root)
