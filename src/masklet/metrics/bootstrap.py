"""Bootstrap confidence intervals: how far a mean, or a difference of means, may be chance.

Percentile intervals (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13): objects are drawn anew with
replacement, as many as there are, and the interval holds the middle `level` of the means so found. Every function is
deterministic: the same values and seed give the same interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
LEVEL = 0.95
_CELLS = 1_000_000  # numbers drawn at a time: some megabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval, in the unit of the values."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside: a difference that chance explains badly."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0) -> Interval:
    """Interval of the mean of independent values (one an object, say); of one value, that value.

    Raises
    ------
    ValueError: no value, NaN, fewer than one draw, or a level outside of 0..1.

    Example
    -------
    >>> mean_interval([0.5, 0.5, 0.5])
    Interval(value=0.5, low=0.5, high=0.5)
    """
    found = _checked(values, "values")
    return _interval(float(found.mean()), _means(found, draws, np.random.default_rng(seed)), level)


def difference_interval(
    values: Sequence[float], others: Sequence[float], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Interval of mean(`values`) - mean(`others`) of two groups of different objects, each drawn for itself.

    Raises
    ------
    ValueError: as `mean_interval`.
    """
    ours, theirs = _checked(values, "values"), _checked(others, "values of the other group")
    rng = np.random.default_rng(seed)
    return _interval(float(ours.mean() - theirs.mean()), _means(ours, draws, rng) - _means(theirs, draws, rng), level)


def paired_interval(
    values: Sequence[float], others: Sequence[float], *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Interval of the mean of `values` - `others`, two measurements of the same objects in the same order.

    Narrower than `difference_interval` where an object that is hard for one is hard for the other.

    Raises
    ------
    ValueError: as `mean_interval`, or the lengths differ.
    """
    if len(values) != len(others):
        raise ValueError(f"expected two values of every object, got {len(values)} and {len(others)}")
    differences = _checked(values, "values") - _checked(others, "values")
    return mean_interval(differences.tolist(), draws=draws, level=level, seed=seed)


def _checked(values: Sequence[float], name: str) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not found.size:
        raise ValueError(f"expected a list of {name}, at least one, got the shape {list(found.shape)}")
    if not np.isfinite(found).all():
        raise ValueError(f"expected finite {name}, got NaN or infinity")
    return found


def _means(values: NDArray[np.float64], draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means [draws] of as many values as there are, drawn with replacement."""
    if draws < 1:
        raise ValueError(f"expected at least one draw, got {draws}")
    count = len(values)
    return np.concatenate(
        [values[rng.integers(count, size=(rows, count))].mean(axis=1) for rows in _portions(draws, _CELLS // count)]
    )


def _portions(total: int, most: int) -> Iterator[int]:
    while total > 0:
        portion = min(total, max(most, 1))
        yield portion
        total -= portion


def _interval(value: float, means: NDArray[np.float64], level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"expected a confidence level between 0 and 1, got {level:g}")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high))
