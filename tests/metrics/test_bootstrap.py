"""Bootstrap intervals: exact cases, coverage, and what pairing is for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masklet.metrics.bootstrap import Interval, difference_interval, mean_interval, paired_interval

VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=20)


@settings(deadline=None, max_examples=50)
@given(VALUES, st.integers(0, 5))
def test_an_interval_lies_within_the_values_and_is_the_same_again(values: list[float], seed: int) -> None:
    found = mean_interval(values, draws=200, seed=seed)
    assert found.value == pytest.approx(sum(values) / len(values))
    assert min(values) - 1e-12 <= found.low <= found.high <= max(values) + 1e-12
    assert mean_interval(values, draws=200, seed=seed) == found


def test_the_interval_is_that_of_all_resamples() -> None:
    values = [0.0, 0.1, 0.5, 0.9]
    means = [np.mean(drawn) for drawn in itertools.product(values, repeat=4)]
    found = mean_interval(values, draws=50_000, level=0.8)
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.1, 0.9]), abs=0.026)
    assert mean_interval(values, draws=50_000, level=0.5).low > found.low


def test_a_known_mean_is_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        found = mean_interval(rng.normal(0.3, 0.2, 40).tolist(), draws=400, level=0.9)
        hits += found.low <= 0.3 <= found.high
    assert 0.82 <= hits / 200 <= 0.96


def test_many_values_are_drawn_in_portions() -> None:
    values = np.linspace(0, 1, 3001).tolist()
    found = mean_interval(values, draws=1000)
    spread = 1.96 * np.std(values) / np.sqrt(len(values))
    assert (found.low, found.high) == pytest.approx((0.5 - spread, 0.5 + spread), abs=0.003)


def test_groups_are_drawn_apart() -> None:
    found = difference_interval([0.9, 0.8, 1.0], [0.1, 0.2, 0.0, 0.3], draws=500)
    assert found.value == pytest.approx(0.9 - 0.15)
    assert 0.9 - 0.15 - 0.35 < found.low < found.value < found.high < 0.9 - 0.15 + 0.3
    assert found.excludes_zero


def test_pairing_takes_out_how_hard_the_objects_are() -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(0, 1, 30)
    after = before + rng.normal(0.02, 0.01, 30)
    paired = paired_interval(after.tolist(), before.tolist(), draws=1000)
    apart = difference_interval(after.tolist(), before.tolist(), draws=1000)
    assert paired.value == pytest.approx(apart.value)
    assert paired.excludes_zero
    assert not apart.excludes_zero


def test_one_value_is_its_own_interval() -> None:
    assert mean_interval([0.25]) == Interval(value=0.25, low=0.25, high=0.25)
    assert paired_interval([0.5], [0.25]) == Interval(value=0.25, low=0.25, high=0.25)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])
    with pytest.raises(ValueError, match="finite"):
        mean_interval([0.1, float("nan")])
    with pytest.raises(ValueError, match="other group"):
        difference_interval([0.1], [])
    with pytest.raises(ValueError, match="every object, got 1 and 2"):
        paired_interval([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="one draw"):
        mean_interval([0.1], draws=0)
    with pytest.raises(ValueError, match="level"):
        mean_interval([0.1], level=95)
