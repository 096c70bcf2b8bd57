"""The figures of video object segmentation, from the rows of a run.

J, F           mean over the frames of an object, then over objects; J&F is the mean of the two
J_recall, ...  recall and decay of DAVIS, of each object, then over objects
presence       share of frames on which the object is rightly said to be seen or not
iou_ece, ...   calibration of the predicted IoU and of the object score, over all objects and frames
HOTA, ...      identity of several objects, mean over videos
G              YouTube-VOS: mean of J and F of the seen and the unseen classes, four figures
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from masklet.metrics.calibration import auroc, probability, reliability
from masklet.metrics.jf import statistics
from masklet.metrics.results import Figure, Score

Group = tuple[str, str]
"""Predictor and setting."""
Series = dict[tuple[str, int | None], dict[int, float]]
"""(sequence, object) -> frame -> value."""

MEANS = ("HOTA", "IDF1", "id_switches", "frames_per_second")
"""Metrics of whole videos."""


def vos_figures(scores: Sequence[Score], classes: Mapping[tuple[str, int], str] | None = None) -> list[Figure]:
    """All figures of each predictor and setting, in the order of first appearance.

    Parameters
    ----------
    classes: (sequence, object) -> "seen" or "unseen", where the data set tells them apart.
    """
    tables: dict[Group, dict[str, Series]] = {}
    totals: dict[Group, dict[str, list[float]]] = {}
    for score in scores:
        group = score.predictor, score.setting
        if score.frame is None:
            totals.setdefault(group, {}).setdefault(score.metric, []).append(score.value)
            tables.setdefault(group, {})
            continue
        series = tables.setdefault(group, {}).setdefault(score.metric, {})
        series.setdefault((score.sequence, score.object_id), {})[score.frame] = score.value
    found: list[Figure] = []
    for (predictor, setting), table in tables.items():
        values = {**_regions(table), **_classes(table, classes or {}), **_trust(table)}
        for metric in MEANS:
            of_videos = totals.get((predictor, setting), {}).get(metric)
            if of_videos:
                values[metric] = float(np.mean(of_videos)), len(of_videos)
        found += [
            Figure(predictor=predictor, setting=setting, metric=metric, value=value, count=count)
            for metric, (value, count) in values.items()
        ]
    return found


Values = dict[str, tuple[float, int]]
"""Metric -> its figure, and of how many objects, frames or videos it is."""


def _regions(table: Mapping[str, Series]) -> Values:
    if "J" not in table:
        return {}
    of_objects = {metric: [statistics(_in_order(s)) for s in table[metric].values()] for metric in ("J", "F")}
    count = len(of_objects["J"])
    means = {metric: float(np.mean([s.mean for s in found])) for metric, found in of_objects.items()}
    values: Values = {"J&F": ((means["J"] + means["F"]) / 2, count)}
    for metric in ("J", "F"):
        values[metric] = means[metric], count
    for metric, found in of_objects.items():
        values[f"{metric}_recall"] = float(np.mean([s.recall for s in found])), count
        values[f"{metric}_decay"] = float(np.mean([s.decay for s in found])), count
    return values


def _classes(table: Mapping[str, Series], classes: Mapping[tuple[str, int], str]) -> Values:
    values: Values = {}
    names = sorted(set(classes.values()))
    for metric in ("J", "F"):
        for name in names:
            chosen = [
                float(np.mean(_in_order(series)))
                for (sequence, number), series in table.get(metric, {}).items()
                if number is not None and classes.get((sequence, number)) == name
            ]
            if chosen:
                values[f"{metric}_{name}"] = float(np.mean(chosen)), len(chosen)
    if {f"{metric}_{name}" for metric in ("J", "F") for name in ("seen", "unseen")} <= set(values):
        parts = [values[f"{metric}_{name}"] for metric in ("J", "F") for name in ("seen", "unseen")]
        values = {"G": (float(np.mean([value for value, _ in parts])), sum(n for _, n in parts) // 2), **values}
    return values


def _trust(table: Mapping[str, Series]) -> Values:
    values: Values = {}
    if "presence" in table:
        means = [float(np.mean(_in_order(series))) for series in table["presence"].values()]
        values["presence"] = float(np.mean(means)), len(means)
    predicted, actual = _paired(table, "predicted_iou", "J")
    if predicted:
        values["iou_ece"] = reliability(predicted, actual).error, len(predicted)
    scores, visible = _paired(table, "object_score", "visible")
    if scores:
        values["presence_ece"] = reliability(probability(scores), visible).error, len(scores)
        area = auroc(scores, visible)
        if area is not None:
            values["presence_auroc"] = area, len(scores)
    return values


def _paired(table: Mapping[str, Series], left: str, right: str) -> tuple[list[float], list[float]]:
    """Values of two metrics wherever both were measured."""
    pairs = [
        (value, table[right][key][frame])
        for key, series in table.get(left, {}).items()
        for frame, value in series.items()
    ]
    return [a for a, _ in pairs], [b for _, b in pairs]


def _in_order(series: Mapping[int, float]) -> list[float]:
    return [series[frame] for frame in sorted(series)]
