"""What a run has come to so far: the log, read back and followed."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from masklet.train.config import Recipe
from masklet.train.loop import LOG, Record

FACTS = frozenset({"step", "samples", "frames", "size", "seconds", "waited", "norm"})
"""What a step's record holds beside the figures of its objective."""
_RECENT = 50
_POINTS = 40


class History:
    """The steps and validations of a run, as a watcher of the loop: put it before those that look at it.

    Attributes
    ----------
    recipe: of the run.
    steps: records of its steps, ascending; a step that was made again after an interruption counts once.
    validations: "step" and the figures, ascending.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.steps: list[Record] = []
        self.validations: list[Record] = []

    @classmethod
    def read(cls, folder: Path, recipe: Recipe) -> Self:
        """What the log of a run's folder holds; nothing where there is none. A torn last line is left out."""
        history = cls(recipe)
        path = folder / LOG
        if not path.is_file():
            return history
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the process died while it wrote this
                if "validation" in record:
                    history.judged({"step": record["step"], **record["validation"]})
                else:
                    history.step(record)
        return history

    def step(self, record: Record) -> None:
        """Take a step; those from it on, which a checkpoint did not have, are forgotten."""
        _cut(self.steps, record["step"])
        _cut(self.validations, record["step"])
        self.steps.append(record)

    def judged(self, record: Record) -> None:
        """Take a validation."""
        _cut(self.validations, record["step"])
        self.validations.append(record)

    def close(self) -> None:
        """Nothing is open."""

    @property
    def done(self) -> int:
        """Optimiser steps made."""
        return self.steps[-1]["step"] if self.steps else 0

    @property
    def finished(self) -> bool:
        """Whether all steps of the recipe were made."""
        return self.done >= self.recipe.steps

    @property
    def gave_up(self) -> bool:
        """Whether the run ended for want of a new best."""
        rules = self.recipe.validation
        if rules is None or not rules.patience or not self.validations:
            return False
        best = self.best()
        assert best is not None
        return sum(record["step"] > best["step"] for record in self.validations) >= rules.patience

    @property
    def seconds(self) -> float:
        """Time spent on the steps, waiting for samples included, validation not."""
        return sum(record["seconds"] for record in self.steps)

    @property
    def left(self) -> float | None:
        """Seconds until the end, at the pace of the last steps; None before the first one."""
        recent = self._recent("seconds")
        return None if recent is None else recent * (self.recipe.steps - self.done)

    @property
    def samples_per_second(self) -> float | None:
        """Clips and stills a second over the last steps."""
        samples, seconds = self._recent("samples"), self._recent("seconds")
        return None if samples is None or not seconds else samples / seconds

    @property
    def loss(self) -> float | None:
        """Mean loss of the last steps."""
        return self._recent("loss")

    def rate(self, step: int) -> float:
        """The learning rate of optimiser step `step` (counted from 1), outside of the trunk."""
        return self.recipe.optimiser.rate * self.recipe.schedule.factor(step - 1, self.recipe.steps)

    def best(self) -> Record | None:
        """The validation whose watched figure is highest, the first of several."""
        rules = self.recipe.validation
        judged = [] if rules is None else [record for record in self.validations if rules.watch in record]
        return max(judged, key=lambda record: record[rules.watch], default=None) if rules is not None else None

    def figures(self) -> list[str]:
        """Names of what the objective measured, in the order of first appearance."""
        return _names(self.steps, FACTS)

    def judgements(self) -> list[str]:
        """Names of the figures of the validations, in the order of first appearance."""
        return _names(self.validations, {"step"})

    def curve(self, name: str, points: int = _POINTS) -> list[tuple[float, float]]:
        """(step, value) of a step's figure, as at most so many means of neighbours."""
        return [(_mean(part, "step"), _mean(part, name)) for part in self._parts((name,), points)]

    def ratio(self, above: str, below: str, points: int = _POINTS) -> list[tuple[float, float]]:
        """(step, one figure / another one), as at most so many ratios of neighbours' sums."""
        found = [
            (_mean(part, "step"), _mean(part, above), _mean(part, below))
            for part in self._parts((above, below), points)
        ]
        return [(step, value / whole) for step, value, whole in found if whole > 0]

    def _parts(self, names: Sequence[str], points: int) -> list[Sequence[Record]]:
        """The steps that have these figures, in at most so many parts of neighbours."""
        having = [record for record in self.steps if all(name in record for name in names)]
        size = max(-(-len(having) // points), 1)
        return [having[start : start + size] for start in range(0, len(having), size)]

    def _recent(self, name: str) -> float | None:
        having = [record for record in self.steps[-_RECENT:] if name in record]
        return _mean(having, name) if having else None


def figures_of(record: Record) -> dict[str, float]:
    """The figures of a validation's record."""
    return {name: float(value) for name, value in record.items() if name != "step"}


def _mean(records: Sequence[Record], name: str) -> float:
    return sum(float(record[name]) for record in records) / len(records)


def _names(records: Iterable[Mapping[str, Any]], without: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(key for record in records for key in record) if name not in set(without)]


def _cut(records: list[Record], step: int) -> None:
    """Forget the records from `step` on."""
    if records and records[-1]["step"] >= step:
        del records[bisect_left(records, step, key=lambda record: record["step"]) :]
