"""How metrics are called and written: one place, so that the terminal, the page and the charts say the same.

A metric is a share (0..1, written in percent) unless its name says what else it is.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A metric as people read it.

    Attributes
    ----------
    label: heading of its column.
    unit: what stands behind the number ("%", "s", ...); empty for plain numbers.
    factor: from the stored value to the number that is shown.
    decimals: of the number that is shown.
    lower_is_better: whether less of it is better.
    """

    label: str
    unit: str = ""
    factor: float = 1.0
    decimals: int = 1
    lower_is_better: bool = False

    def number(self, value: float) -> str:
        """The value without its unit: 0.8123 of a share is "81.2"; a value that is not finite is "–"."""
        return f"{value * self.factor:.{self.decimals}f}" if math.isfinite(value) else "–"

    def change(self, difference: float) -> str:
        """A difference of two values without its unit, with its sign: +0.021 of a share is "+2.1"."""
        return f"{difference * self.factor:+.{self.decimals}f}" if math.isfinite(difference) else "–"

    def text(self, value: float) -> str:
        """The value with its unit: "81.2 %"."""
        return f"{self.number(value)} {self.unit}" if self.unit and math.isfinite(value) else self.number(value)

    @property
    def heading(self) -> str:
        """The label, with the unit where it is not percent: "memory (MB)"."""
        return f"{self.label} ({self.unit})" if self.unit not in {"", "%"} else self.label


# Whole names, then words of names; whatever else a name has stays as it is.
_LABELS = {
    "frames_per_second": "speed",
    "memory_mb": "memory",
    "annotation_seconds": "user's time",
    "seconds_per_frame": "user's time a frame",
    "edited_share": "edited frames",
    "clicks_per_edited_frame": "clicks an edited frame",
}
_WORDS = {"iou": "IoU", "miou": "mIoU", "ece": "ECE", "auroc": "AUROC", "id": "ID"}
# (pattern of the name, unit, factor, decimals, less is better); the first that fits counts, none is a share.
_UNITS: tuple[tuple[str, str, float, int, bool], ...] = (
    (r".*_per_second", "/s", 1, 1, False),
    (r"seconds_per_frame", "s", 1, 2, True),
    (r"(.*_)?(seconds|time)(_.*)?", "s", 1, 1, True),
    (r"(.*_)?(milliseconds|ms)", "ms", 1, 1, True),
    (r"(.*_)?bytes", "MB", 1e-6, 0, True),
    (r"(.*_)?(mb|megabytes)", "MB", 1, 0, True),
    (r"(noc|clicks).*", "", 1, 2, True),
    (r".*(switches|frames|count|fragmentations)|objects|id_?sw", "", 1, 1, True),
    (r"object_score.*", "", 1, 2, False),
    (r".*decay|drop.*|false_alarm|failed@.*|edited_share|(.*_)?(ece|error)(_.*)?", "%", 100, 1, True),
)


def wording(metric: str) -> Wording:
    """How a metric is called and written, from its name in `Score.metric` or `Figure.metric`."""
    name = metric.lower()
    label = _LABELS.get(name) or " ".join(_WORDS.get(word, word) for word in metric.split("_"))
    for pattern, unit, factor, decimals, lower in _UNITS:
        if re.fullmatch(pattern, name):
            return Wording(label=label, unit=unit, factor=factor, decimals=decimals, lower_is_better=lower)
    return Wording(label=label, unit="%", factor=100)


def percent(value: float) -> str:
    """A share in percent as axes write it: 0.5 is "50", 0.713 is "71.3"."""
    return f"{100 * value:.1f}".removesuffix(".0")


def whole(value: float) -> str:
    """A number without decimals."""
    return f"{value:.0f}"
