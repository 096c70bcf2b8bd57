"""What an evaluation measured: tidy rows, and the figures that are made of them.

Every protocol gives rows of one kind, so that tables, files, reports, slices and comparisons are written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One measured value.

    Attributes
    ----------
    predictor: who predicted ("nano", "copy", "flow", a checkpoint's name, "files").
    setting: under which conditions of the protocol ("mask", "click-3", "offline-2", "jpeg").
    sequence: video or picture.
    object_id, frame: what the value belongs to; None where it belongs to all of them.
    metric: "J", "F", "iou", "predicted_iou", "object_score", "visible", "frames_per_second", ...
    value: the figure itself, in the metric's unit (shares are 0..1).
    """

    predictor: str
    setting: str
    sequence: str
    object_id: int | None
    frame: int | None
    metric: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a protocol's table: a mean over objects, as its definition says."""

    predictor: str
    setting: str
    metric: str
    value: float
    count: int
    """How many objects (or sequences) it is the mean of."""


def object_means(scores: Iterable[Score], metric: str) -> dict[tuple[str, str, str, int | None], float]:
    """Mean over frames: (predictor, setting, sequence, object) -> value, of one metric."""
    values: dict[tuple[str, str, str, int | None], list[float]] = {}
    for score in scores:
        if score.metric == metric:
            key = (score.predictor, score.setting, score.sequence, score.object_id)
            values.setdefault(key, []).append(score.value)
    return {key: float(np.mean(found)) for key, found in values.items()}


def figures(scores: Sequence[Score], metrics: Sequence[str]) -> list[Figure]:
    """Mean over frames, then over objects, of each metric, predictor and setting; in the order of first appearance."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for metric in metrics:
        for (predictor, setting, _, _), value in object_means(scores, metric).items():
            found.setdefault((predictor, setting, metric), []).append(value)
    return [
        Figure(predictor=p, setting=s, metric=m, value=float(np.mean(values)), count=len(values))
        for (p, s, m), values in found.items()
    ]
