"""What an objective is: a module that holds the model and whatever else it trains, and gives the loss of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch

SCHEDULE, PROMPTS, PICTURES, PATHS, DROPOUT = 1, 2, 3, 4, 5
"""Streams of random numbers beside that of the samples (0)."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The random numbers of one step: they follow from seed and step alone, however the step's work is shared out."""

    seed: int
    step: int

    def schedule(self) -> np.random.Generator:
        """For what all objects of the step have in common: the same in every process."""
        return np.random.default_rng([self.seed, SCHEDULE, self.step])

    def objects(self, batch: Batch, stream: int = PROMPTS) -> list[np.random.Generator]:
        """One generator an object, the same whatever objects share its batch."""
        return [np.random.default_rng([self.seed, stream, self.step, *seat]) for seat in batch.seats]

    def pictures(self, batch: Batch, stream: int = PICTURES) -> list[np.random.Generator]:
        """One generator a picture (clip by clip, frame by frame), the same whatever pictures share its batch."""
        return [
            np.random.default_rng([self.seed, stream, self.step, number, frame])
            for number in batch.numbers
            for frame in range(batch.length)
        ]


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """Sums over a batch.

    `total`: the loss of all its units (objects; pictures where there are none), to be divided by their number in the
    whole step; `units`: how many they are; `figures`: name -> (sum, count) for the log.
    """

    total: Tensor
    units: int
    figures: Mapping[str, tuple[float, int]]


class ObjectiveModule(nn.Module, ABC):
    """A model and a way to learn; `forward` is one batch. What it trains beside the model is thrown away in the end."""

    def __init__(self, model: Sam2) -> None:
        super().__init__()
        self.model = model

    def units(self, batch: Batch) -> int:
        """What the loss is divided by: the number of objects.

        Raises
        ------
        ValueError: a sample without an object.
        """
        if len(batch.owner.unique()) < len(batch.numbers):
            raise ValueError("a sample has no masks: only masked auto-encoding (mae) learns from pictures without them")
        return len(batch.owner)

    @abstractmethod
    def forward(self, batch: Batch, draw: Draw) -> BatchLoss:
        """The loss of a batch."""
