"""How far a model's own scores can be trusted: predicted IoU against IoU, object score against visibility.

Legend: N frames or objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The values whose prediction lies in `low` (included) .. `high` (left out, but for 1)."""

    low: float
    high: float
    count: int
    predicted: float
    """Mean of the predictions."""
    actual: float
    """Mean of what they predict: on the diagonal, where it equals `predicted`, a model is calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A reliability curve: its bins that hold a value, by rising prediction."""

    bins: Sequence[Bin]

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(part.count for part in self.bins)

    @property
    def error(self) -> float:
        """Expected calibration error (ECE, Guo et al., ICML 2017): mean distance of the bins from the diagonal, 0..1.

        Every bin counts as many times as it holds values.
        """
        return sum(part.count * abs(part.predicted - part.actual) for part in self.bins) / self.count


def reliability(predicted: ArrayLike, actual: ArrayLike, bins: int = 10) -> Reliability:
    """Sort predictions [N] into bins of equal width and compare their means with those of what came true [N].

    Parameters
    ----------
    predicted: 0..1, a predicted IoU or a probability (`probability` makes one of an object score).
    actual: 0..1, the IoU, or 1 where the event came true and 0 where not.

    Raises
    ------
    ValueError: no value, shapes that differ, values out of range, or no bin.

    Example
    -------
    >>> reliability([0.875, 0.875, 0.875, 0.875], [1, 1, 1, 0]).error
    0.125
    """
    if bins < 1:
        raise ValueError(f"expected at least one bin, got {bins}")
    guesses, outcomes = _columns(predicted, actual)
    for name, values in (("predictions", guesses), ("outcomes", outcomes)):
        outside = values[~((values >= 0) & (values <= 1))]
        if outside.size:
            raise ValueError(f"expected {name} in 0..1, got {outside[0]:g}")
    places = np.minimum((guesses * bins).astype(int), bins - 1)
    counts = np.bincount(places, minlength=bins)
    guessed, came = (np.bincount(places, weights=values, minlength=bins) for values in (guesses, outcomes))
    return Reliability(
        bins=tuple(
            Bin(
                low=int(place) / bins,
                high=(int(place) + 1) / bins,
                count=int(counts[place]),
                predicted=float(guessed[place] / counts[place]),
                actual=float(came[place] / counts[place]),
            )
            for place in np.flatnonzero(counts)
        )
    )


def auroc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """Area under the ROC curve: how often a positive scores above a negative, 0..1; a tie counts half.

    Parameters
    ----------
    scores: [N], on any scale. positive: [N] bool.

    Returns
    -------
    None where one of the two classes does not occur: nothing can be told apart then.

    Raises
    ------
    ValueError: no value, shapes that differ, or NaN.

    Example
    -------
    >>> auroc([0.1, 0.4, 0.4, 0.8], [False, False, True, True])
    0.875
    """
    values, marks = _columns(scores, positive)
    wanted = marks.astype(bool)
    positives = int(np.count_nonzero(wanted))
    negatives = len(wanted) - positives
    if not positives or not negatives:
        return None
    # The Mann-Whitney statistic: equal scores share the mean of their ranks.
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    ranks = (ends - (sizes - 1) / 2)[group.reshape(-1)]
    return float((ranks[wanted].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def presence_accuracy(scores: ArrayLike, visible: ArrayLike) -> float:
    """Share of frames [N] on which an object score (logit) above 0 goes with a visible object, and else with none.

    Raises
    ------
    ValueError: no value, shapes that differ, or NaN.
    """
    values, marks = _columns(scores, visible)
    return float(np.mean((values > 0) == marks.astype(bool)))


def probability(scores: ArrayLike) -> NDArray[np.float64]:
    """Object scores (logits) [N] as probabilities [N]: the logistic function, without overflow."""
    logits = np.asarray(scores, np.float64)
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def _columns(left: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    if a.ndim != 1 or a.shape != b.shape or not a.size:
        raise ValueError(
            f"expected two lists of one length, at least 1, got the shapes {list(a.shape)}, {list(b.shape)}"
        )
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("expected numbers, got NaN")
    return a, b
