"""Quality for speed, in steps: what a model may leave out without being trained anew.

docs/speed.md has the price of each rung. Arithmetic (bfloat16) is a choice of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from masklet.model.configs import ModelConfig

_STEP = 32
"""Image sizes are multiples of this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What is left out: nothing, by default.

    `side` is the share of the model's image size that is kept (rounded to a multiple of 32), `recent` how many recent
    frames a frame attends to at most, `pool` the side of the squares of cells over which memories are averaged.
    """

    side: Fraction = Fraction(1)
    recent: int | None = None
    pool: int = 1

    def of(self, config: ModelConfig) -> ModelConfig:
        """The same model on this rung.

        >>> from masklet.model.configs import NANO
        >>> FAST[3].of(NANO).image_size
        256
        """
        size = max(round(config.image_size * self.side / _STEP), 1) * _STEP
        return replace(config, image_size=size, memory_recent=self.recent, memory_pool=self.pool)


FAST = (
    Rung(),
    Rung(pool=2),
    Rung(pool=2, recent=1, side=Fraction(5, 6)),
    Rung(pool=2, recent=1, side=Fraction(2, 3)),
)
"""The ladder, from the model as it was trained to the fastest."""


def rung(level: int) -> Rung:
    """A rung of the ladder; ValueError where there is none."""
    if not 0 <= level < len(FAST):
        raise ValueError(f"expected a rung of the ladder from 0 (as trained) to {len(FAST) - 1}, got {level}")
    return FAST[level]
