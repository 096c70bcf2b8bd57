"""What every protocol is made of: independent units of work, each of which ends in scores.

A unit is the grain of resuming and of parallel work, so it never depends on another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from masklet.metrics.results import Figure, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One predictor under one setting on one sequence (a video, a picture, or a batch of pictures)."""

    predictor: str
    setting: str
    sequence: str

    @property
    def key(self) -> str:
        """Unique in a run, stable between runs: "nano/mask/bear"."""
        return f"{self.predictor}/{self.setting}/{self.sequence}"

    def score(self, metric: str, value: float, *, object_id: int | None = None, setting: str | None = None) -> Score:
        """A value of the unit, over all its frames; of a finer `setting` than its own where one is given."""
        return Score(
            predictor=self.predictor,
            setting=setting or self.setting,
            sequence=self.sequence,
            object_id=object_id,
            frame=None,
            metric=metric,
            value=float(value),
        )


class EvaluationProtocol(Protocol):
    """A protocol with its data and options: can be pickled for workers; loads models when first used."""

    name: str

    def units(self) -> Sequence[Unit]:
        """All of the work, in a stable order; reads no pictures."""
        ...

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """Do one unit. Writes predictions, where it writes any, atomically; depends on nothing but the unit."""
        ...

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """The protocol's table, from the scores of all units."""
        ...

    def describe(self) -> dict[str, Any]:
        """Options as JSON, for the manifest: all that `evaluate` depends on, but data and model files."""
        ...
