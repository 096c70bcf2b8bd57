"""How a run's numbers are written: one place, so that the live line, the page and the card say the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise


def shown(figures: Mapping[str, float], most: int | None = None) -> str:
    """Figures in a line, in percent: "J&F 71.2, click-1 mIoU 40.3"; `most`: so many of them."""
    return ", ".join(f"{name} {percent(value)}" for name, value in list(figures.items())[:most])


def percent(value: float) -> str:
    """A share in percent with one decimal: 0.712 is "71.2"; a value that is not finite is "–"."""
    return f"{100 * value:.1f}" if math.isfinite(value) else "–"


def axis_percent(value: float) -> str:
    """A share in percent as axes write it: 0.5 is "50", 0.713 is "71.3"."""
    return percent(value).removesuffix(".0")


def loss_text(value: float) -> str:
    """A loss, norm or speed with three digits: "0.0312", "1.27", "1240"."""
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"


def rate_text(value: float) -> str:
    """A learning rate as people write it: "6e-4", "3.5e-5"."""
    number, _, power = f"{value:.1e}".partition("e")
    return f"{number.removesuffix('.0')}e{int(power)}" if value else "0"


def duration(seconds: float) -> str:
    """A time in its two largest units: "42 s", "3 min 20 s", "5 h 12 min", "3 d 4 h"."""
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    whole = round(seconds)
    for (name, size), (smaller, part) in pairwise(units):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def rough_duration(seconds: float) -> tuple[str, str]:
    """A time in its largest unit: ("3.2", "minutes")."""
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f}", unit
    return f"{seconds:.1f}", "seconds"
