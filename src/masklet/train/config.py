"""What a training run is made of, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from masklet.model.configs import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weights of the loss terms; `cross_entropy` and `focal` are two forms of the per-pixel term."""

    cross_entropy: float = 1.0
    focal: float = 0.0
    dice: float = 1.0
    iou: float = 1.0
    visible: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A run of optimiser steps with one image size and one mix of stills and clips.

    Attributes
    ----------
    steps: optimiser steps.
    size: side of the training image in pixels, a multiple of 32.
    clip_share: probability that a step is made of clips (else of stills).
    real_share: probability that a clip is a real one (else synthesised from stills).
    clips, length: clips a step, and frames of each.
    stills: pictures of a still step.
    objects: at most so many targets of one clip or picture.
    rounds: a still is prompted 1..rounds times (first prompt, then corrections).
    """

    steps: int
    size: int
    clip_share: float
    real_share: float
    clips: int
    length: int
    stills: int
    objects: int
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run. Learning rates rise linearly over `warm_up` steps and fall to zero over the last `cool_down`."""

    name: str
    model: ModelConfig
    stages: tuple[Stage, ...]
    losses: LossWeights = LossWeights()
    head_rate: float = 6e-4
    encoder_rate: float = 8e-5
    weight_decay: float = 0.02
    warm_up: int = 200
    cool_down: int = 400
    clip_norm: float = 1.0
    ema: float = 0.999
    frozen_stages: int = 2
    """The stem and so many first stages of a convolutional trunk keep their initial weights."""
    seed: int = 1
    save_every: int = 100

    def __post_init__(self) -> None:
        if not self.stages or any(stage.steps < 1 for stage in self.stages):
            raise ValueError("a recipe needs at least one stage, each of at least one step")

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage of optimiser step `step` (0-based)."""
        return self._find(step)[0]

    def stage_end(self, step: int) -> int:
        """The first step after the stage that `step` belongs to."""
        return self._find(step)[1]

    def _find(self, step: int) -> tuple[Stage, int]:
        for stage, end in zip(self.stages, accumulate(stage.steps for stage in self.stages), strict=True):
            if step < end:
                return stage, end
        raise ValueError(f"step {step} is past the end of the run ({self.steps} steps)")
