"""The one number that says how good a mask was: J&F where both were measured, else J, else the IoU."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from masklet.metrics.results import Figure, Score, object_means

HEADLINES = ("J&F", "J", "iou", "AR", "frames_per_second")


def headline(figures: Sequence[Figure]) -> str | None:
    """The metric that a run is judged by; None where it has no figures."""
    measured = dict.fromkeys(figure.metric for figure in figures)
    return next((metric for metric in (*HEADLINES, *measured) if metric in measured), None)


def of_measures(values: Mapping[str, float]) -> float | None:
    """The quality from the measures of one mask, or their means; None where none of them says it."""
    if "J" in values and "F" in values:
        return (values["J"] + values["F"]) / 2
    return next((values[name] for name in ("J", "iou") if name in values), None)


def object_quality(scores: Iterable[Score]) -> dict[tuple[str, str, str, int | None], float]:
    """(predictor, setting, sequence, object) -> mean over its frames, 0..1."""
    kept = [score for score in scores if score.metric in {"J", "F", "iou"}]
    measures: dict[tuple[str, str, str, int | None], dict[str, float]] = {}
    for metric in ("J", "F", "iou"):
        for key, value in object_means(kept, metric).items():
            measures.setdefault(key, {})[metric] = value
    return {key: value for key, found in measures.items() if (value := of_measures(found)) is not None}


def sequence_quality(scores: Iterable[Score]) -> dict[str, dict[str, dict[str, float]]]:
    """Setting -> sequence -> predictor -> mean over the sequence's objects, 0..1."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for (predictor, setting, sequence, _), value in object_quality(scores).items():
        found.setdefault(setting, {}).setdefault(sequence, {}).setdefault(predictor, []).append(value)
    return {
        setting: {
            sequence: {predictor: float(np.mean(values)) for predictor, values in predictors.items()}
            for sequence, predictors in sequences.items()
        }
        for setting, sequences in found.items()
    }
