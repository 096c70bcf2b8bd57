"""Calibration against definitions written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.metrics.calibration import Bin, auroc, presence_accuracy, probability, reliability

SHARES = st.floats(0, 1)


def test_a_curve_has_the_means_of_its_bins() -> None:
    curve = reliability([0.0, 0.125, 0.5, 0.5625, 1.0], [0, 1, 0.25, 0.75, 1], bins=5)
    assert curve.bins == (
        Bin(low=0.0, high=0.2, count=2, predicted=0.0625, actual=0.5),
        Bin(low=0.4, high=0.6, count=2, predicted=0.53125, actual=0.5),
        Bin(low=0.8, high=1.0, count=1, predicted=1.0, actual=1.0),
    )
    assert curve.count == 5
    assert curve.error == pytest.approx((2 * 0.4375 + 2 * 0.03125) / 5)


@given(st.lists(st.tuples(SHARES, SHARES), min_size=1), st.integers(1, 12))
def test_every_value_falls_into_one_bin(pairs: list[tuple[float, float]], bins: int) -> None:
    predicted, actual = zip(*pairs, strict=True)
    curve = reliability(predicted, actual, bins)
    assert curve.count == len(pairs)
    assert sum(part.count * part.actual for part in curve.bins) == pytest.approx(sum(actual))
    assert 0 <= curve.error <= 1
    for part in curve.bins:
        assert part.low - 1e-9 <= part.predicted <= part.high + 1e-9


@given(st.lists(SHARES, min_size=1))
def test_predictions_that_come_true_have_no_error(values: list[float]) -> None:
    assert reliability(values, values).error == pytest.approx(0)


@pytest.mark.parametrize(
    ("predicted", "actual", "bins", "message"),
    [
        ([], [], 10, "at least 1"),
        ([0.5], [0.5, 1], 10, "one length"),
        ([1.5], [1], 10, "predictions in 0..1, got 1.5"),
        ([0.5], [-1], 10, "outcomes in 0..1, got -1"),
        ([float("nan")], [1], 10, "NaN"),
        ([0.5], [1], 0, "at least one bin"),
    ],
)
def test_what_cannot_be_binned_is_refused(predicted: list[float], actual: list[float], bins: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reliability(predicted, actual, bins)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30))
def test_auroc_counts_the_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    positives = [score for score, positive in pairs if positive]
    negatives = [score for score, positive in pairs if not positive]
    found = auroc([score for score, _ in pairs], [positive for _, positive in pairs])
    if not positives or not negatives:
        assert found is None
        return
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    assert found == pytest.approx(wins / (len(positives) * len(negatives)))


def test_presence_is_a_score_above_zero() -> None:
    assert presence_accuracy([3.0, -0.5, 0.0, 2.0], [True, False, False, False]) == 0.75
    with pytest.raises(ValueError, match="at least 1"):
        presence_accuracy([], [])


def test_probabilities_of_scores() -> None:
    found = probability([-1e4, -1.0, 0.0, 1.0, 1e4])
    assert found.tolist() == pytest.approx([0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1])
