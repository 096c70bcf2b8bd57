"""Two runs object by object: what got better, what got worse, and how surely.

The same objects are measured twice, so intervals are of paired differences: an object that is hard in both runs does
not blur them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from masklet.metrics.bootstrap import DRAWS, Interval, paired_interval
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Score
from masklet.metrics.slices import Key, object_values

Table = dict[Key, float]
"""(sequence, object) -> value."""
Tables = dict[tuple[str, str, str], Table]
"""(predictor, setting, metric) -> values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """One object in both runs; `object_id` is None for what is measured of whole sequences."""

    sequence: str
    object_id: int | None
    first: float
    second: float

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one predictor and setting in both runs, over the objects that both have.

    Attributes
    ----------
    first_predictor, second_predictor: their names in the two runs, mostly the same.
    first, second: means over these objects.
    difference: mean of second less first, with its interval.
    objects: each of them, in the first run's order.
    """

    first_predictor: str
    second_predictor: str
    setting: str
    metric: str
    first: float
    second: float
    difference: Interval
    objects: Sequence[ObjectChange]

    @property
    def lower_is_better(self) -> bool:
        """Whether less of the metric is better."""
        return wording(self.metric).lower_is_better

    def improved(self, most: int = 5) -> list[ObjectChange]:
        """The objects that got better, up to `most` of them, those that gained most first."""
        return self._moved(1)[:most]

    def worsened(self, most: int = 5) -> list[ObjectChange]:
        """The objects that got worse, up to `most` of them, those that lost most first."""
        return self._moved(-1)[:most]

    def _moved(self, direction: int) -> list[ObjectChange]:
        sign = -direction if self.lower_is_better else direction
        moved = [change for change in self.objects if sign * change.difference > 0]
        return sorted(moved, key=lambda change: -sign * change.difference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs.

    Attributes
    ----------
    changes: what both have.
    only_first, only_second: what one of them has alone, in words: "predictor flow", "object 2 of bear (nano, mask)".
    """

    changes: Sequence[Change]
    only_first: Sequence[str]
    only_second: Sequence[str]


def compare(
    first: Sequence[Score],
    second: Sequence[Score],
    metrics: Sequence[str] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Compare the scores of two runs, object by object.

    Predictors are matched by name. Where each run has exactly one that the other does not have, these two are matched:
    a model before and after training, under two names.

    Parameters
    ----------
    metrics: names of `Score.metric`, or "J&F"; None: all of both runs, J&F first.
    draws, seed: of the bootstrap.

    Raises
    ------
    ValueError: the runs have no predictor, setting, metric and object in common.
    """
    names = _metrics(first, second) if metrics is None else tuple(metrics)
    before, after = _tables(first, names), _tables(second, names)
    matches = _matches(before, after)
    renamed = {theirs: ours for ours, theirs in matches.items()}
    aligned = {(renamed.get(name, name), setting, metric): table for (name, setting, metric), table in after.items()}
    changes = [
        _change(key, matches[key[0]], table, aligned[key], draws, seed)
        for key, table in before.items()
        if key[0] in matches and key in aligned and table.keys() & aligned[key].keys()
    ]
    if not changes:
        raise ValueError(
            "the runs have no object in common that the same predictor was scored on under one setting: "
            f"the first has {_contents(before)}; the second has {_contents(after)}"
        )
    back = {(matches.get(name, name), setting, metric): table for (name, setting, metric), table in before.items()}
    return Comparison(changes=changes, only_first=_missing(before, aligned), only_second=_missing(after, back))


def _metrics(first: Sequence[Score], second: Sequence[Score]) -> tuple[str, ...]:
    names = dict.fromkeys(score.metric for score in (*first, *second))
    return ("J&F", *names) if {"J", "F"} <= names.keys() else tuple(names)


def _tables(scores: Sequence[Score], metrics: Sequence[str]) -> Tables:
    """Tables in the order of predictor and setting, then of the metrics."""
    found: Tables = {}
    for metric in metrics:
        for (predictor, setting, sequence, number), value in object_values(scores, metric).items():
            found.setdefault((predictor, setting, metric), {})[sequence, number] = value
    order = {pair: place for place, pair in enumerate(dict.fromkeys((s.predictor, s.setting) for s in scores))}
    return dict(sorted(found.items(), key=lambda item: order[item[0][0], item[0][1]]))


def _matches(before: Tables, after: Tables) -> dict[str, str]:
    """Predictor of the first run -> of the second."""
    ours, theirs = (dict.fromkeys(predictor for predictor, _, _ in tables) for tables in (before, after))
    matches = {name: name for name in ours if name in theirs}
    left, right = ([name for name in names if name not in matches] for names in (ours, theirs))
    if len(left) == len(right) == 1:
        matches[left[0]] = right[0]
    return matches


def _change(key: tuple[str, str, str], renamed: str, before: Table, after: Table, draws: int, seed: int) -> Change:
    predictor, setting, metric = key
    shared = [place for place in before if place in after]
    ours, theirs = [before[place] for place in shared], [after[place] for place in shared]
    return Change(
        first_predictor=predictor,
        second_predictor=renamed,
        setting=setting,
        metric=metric,
        first=float(np.mean(ours)),
        second=float(np.mean(theirs)),
        difference=paired_interval(theirs, ours, draws=draws, seed=seed),
        objects=tuple(
            ObjectChange(sequence=sequence, object_id=number, first=a, second=b)
            for (sequence, number), a, b in zip(shared, ours, theirs, strict=True)
        ),
    )


def _missing(ours: Tables, theirs: Tables) -> tuple[str, ...]:
    """What `theirs` lacks of `ours`, each thing named once, as the largest that is missing."""
    predictors = {predictor for predictor, _, _ in theirs}
    settings = {(predictor, setting) for predictor, setting, _ in theirs}
    found: dict[str, None] = {}
    for key, table in ours.items():
        predictor, setting, metric = key
        if predictor not in predictors:
            found[f"predictor {predictor}"] = None
        elif (predictor, setting) not in settings:
            found[f"setting {setting} ({predictor})"] = None
        elif key not in theirs:
            found[f"metric {metric} ({predictor}, {setting})"] = None
        else:
            known = {sequence for sequence, _ in theirs[key]}
            for sequence, number in table:
                if sequence not in known:
                    found[f"sequence {sequence} ({predictor}, {setting})"] = None
                elif (sequence, number) not in theirs[key]:
                    found[f"object {number} of {sequence} ({predictor}, {setting})"] = None
    return tuple(found)


def _contents(tables: Tables) -> str:
    if not tables:
        return "no score of these metrics"
    pairs = dict.fromkeys(f"{predictor} ({setting})" for predictor, setting, _ in tables)
    sequences = list(dict.fromkeys(sequence for table in tables.values() for sequence, _ in table))
    shown = ", ".join(sequences[:3]) + (f" and {len(sequences) - 3} more" if len(sequences) > 3 else "")
    return f"{', '.join(pairs)} on {shown}"
