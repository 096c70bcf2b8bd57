"""What a training run is made of, as frozen values.

The defaults are those of the published model where it has one (SAM 2, arXiv 2408.00714, appendix D.2 and the released
training code); a recipe says where it differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from masklet.model.configs import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weights of the loss terms.

    `cross_entropy` and `focal` are two forms of the per-pixel term; `iou` weighs the error of the IoU estimate.
    The loss of an object is the sum of its answers' losses (`answers="sum"`, as published), or their mean.
    """

    cross_entropy: float = 0.0
    focal: float = 20.0
    dice: float = 1.0
    iou: float = 1.0
    visible: float = 1.0
    answers: Literal["sum", "mean"] = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """How the simulated user prompts a clip; ranges are inclusive and drawn uniformly.

    Attributes
    ----------
    mask_share: probability that a clip's first prompt is the mask.
    box_share: probability that it is a box; else it is a click. On stills, where a mask would be the answer, the two
        keep their proportion.
    first_frames: how many frames get first prompts: frame 0 and random others that show all objects.
    corrections: clicks that follow a first click or box, each on what is still wrong.
    corrected_share: probability that tracked frames of a clip are corrected.
    corrected_frames: how many are, then.
    corrected_clicks: clicks on each of them.
    from_truth: probability of a correction click anywhere in the object, instead of in the error.
    deliberate_share: probability of a click deep inside the object, or its largest error, instead of anywhere in it.
    disturbed_share: probability that a tracked mask is disturbed before it is remembered, as drift would.
    far_share: probability that prompted frames pass for being up to 100 frames farther away than they are.
    """

    mask_share: float = 0.5
    box_share: float = 0.25
    first_frames: tuple[int, int] = (1, 2)
    corrections: tuple[int, int] = (7, 7)
    corrected_share: float = 0.5
    corrected_frames: tuple[int, int] = (1, 1)
    corrected_clicks: tuple[int, int] = (7, 7)
    from_truth: float = 0.1
    deliberate_share: float = 0.0
    disturbed_share: float = 0.0
    far_share: float = 0.0

    def __post_init__(self) -> None:
        if not (self.mask_share >= 0 and self.box_share >= 0 and self.mask_share + self.box_share <= 1):
            raise ValueError(f"mask_share {self.mask_share:g} and box_share {self.box_share:g} are no shares of one")
        for name, least in (("first_frames", 1), ("corrections", 0), ("corrected_frames", 1), ("corrected_clicks", 1)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(f"{name}: expected a range that starts at {least} or above, got {low}..{high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A run of optimiser steps with one image size and one mix of stills and clips.

    Attributes
    ----------
    steps: optimiser steps.
    size: side of the training image in pixels, a multiple of 32.
    clip_share: probability that a step is made of clips (else of stills).
    real_share: probability that a clip is a real one (else synthesised from stills).
    clips, length: clips of a step over all processes, and frames of each.
    stills: pictures of a step over all processes.
    objects: at most so many targets of one clip; still_objects: of one picture, None: as many.
    prompting: how they are prompted.
    """

    steps: int
    size: int
    clip_share: float
    real_share: float
    clips: int
    length: int
    stills: int
    objects: int
    still_objects: int | None = None
    prompting: Prompting = field(default_factory=Prompting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Rate at its peak from the end of the warm-up; half a cosine to zero over the last `cool_down` steps.

    The level part leaves the length of a run open: it can be cut short or extended.
    """

    warm_up: int
    cool_down: int

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak rate at `step` of `steps`."""
        progress = max(0.0, 1 - (steps - step) / self.cool_down)
        return _warm(step, self.warm_up) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine:
    """Half a cosine from the peak to `floor` of it over the whole run, after a linear warm-up."""

    warm_up: int = 0
    floor: float = 0.1

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak rate at `step` of `steps`."""
        progress = min(max(0.0, (step - self.warm_up) / max(steps - self.warm_up, 1)), 1.0)
        return _warm(step, self.warm_up) * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * progress)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReciprocalSqrt:
    """Falls with the reciprocal root of the steps, linearly to zero at the end (SAM 2's image pre-training)."""

    warm_up: int = 1000
    cool_down: int = 5000
    timescale: int = 1000

    def factor(self, step: int, steps: int) -> float:
        """Share of the peak rate at `step` of `steps`."""
        root = math.sqrt(self.timescale / max(step - self.warm_up + self.timescale, self.timescale))
        return _warm(step, self.warm_up) * root * min(1.0, (steps - step) / self.cool_down)


Schedule = Level | Cosine | ReciprocalSqrt


def _warm(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / steps) if steps else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank updates beside frozen linear layers (arXiv 2106.09685).

    Attributes
    ----------
    targets: regular expressions; linear layers whose full name one of them matches get an update.
    rank: rank of the update. alpha: it is scaled by alpha / rank.
    """

    targets: tuple[str, ...] = (r".*attn\.(qkv|q_proj|k_proj|v_proj|out_proj|proj)", r".*(to_image|to_token).*_proj")
    rank: int = 8
    alpha: float = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """AdamW: rates, decay, and what it may touch.

    Attributes
    ----------
    rate: peak rate of all but the trunk; trunk_rate: of the trunk's last layer.
    layer_decay: each earlier layer of the trunk has so much of the rate of the one behind it.
    weight_decay: none on biases, norms and learned vectors.
    clip_norm: gradients are scaled down to this norm.
    frozen: regular expressions; parameters whose full name one of them matches keep their values.
    lora: low-rank updates instead of full ones, in the layers that it names.
    """

    rate: float = 5e-6
    trunk_rate: float = 3e-6
    layer_decay: float = 0.9
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 0.1
    frozen: tuple[str, ...] = ()
    lora: Lora | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Learn to answer prompts and to follow objects."""

    losses: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mae:
    """Masked auto-encoding of pictures (arXiv 2111.06377): the trunk learns to see before it learns to segment.

    Attributes
    ----------
    mask_share: share of the patches that is hidden. patch: their side in pixels.
    width, depth: channels and transformer blocks of the decoder, which is thrown away.
    """

    mask_share: float = 0.75
    patch: int = 32
    width: int = 256
    depth: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Distill:
    """Learn to answer as a larger model does, beside the true masks.

    Attributes
    ----------
    teacher: name or path, as `masklet.load_model` takes it.
    features: weight of the distance between the two image embeddings, through a learned projection.
    masks: weight of the distance between the two models' mask logits for the same prompts.
    losses: of the true masks.
    """

    teacher: str
    features: float = 1.0
    masks: float = 1.0
    losses: LossWeights = field(default_factory=LossWeights)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepTracking:
    """Learn to answer prompts, and go on tracking as an earlier model does.

    For runs in which encoder and memory are frozen: what tracks is the decoder then, on features that both models have.

    Attributes
    ----------
    teacher: name or path of the earlier model, as `masklet.load_model` takes it; of the same architecture.
    masks, iou, tokens, visible: weights of the distances between the two answers on tracked frames: masks, IoU
        estimates, what pointers are made of, object score.
    first_click: share of what a first click costs that is the distance from the teacher's answer (0..1); the rest is
        the loss against the true mask. 1: what one click means stays, and further ones learn.
    losses: of prompts, against the true masks.
    """

    teacher: str
    masks: float = 20.0
    iou: float = 2.0
    tokens: float = 1.0
    visible: float = 0.1
    first_click: float = 0.0
    losses: LossWeights = field(default_factory=LossWeights)


Objective = Segment | Mae | Distill | KeepTracking


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """When the averaged weights are judged, which figure chooses the best of them, and when to give up.

    Attributes
    ----------
    every: steps between two judgements.
    watch: name of the figure that is to rise.
    patience: the run ends after so many judgements without a new best; 0: never.
    """

    every: int = 500
    watch: str = "J&F"
    patience: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole run.

    Attributes
    ----------
    start: name or path of the model whose weights the run starts from, as `masklet.load_model` takes it; None: none.
    objective: what is learnt. stages: in their order.
    ema: the averaged weights keep so much of themselves a step.
    precision: of the forward pass; weights and optimiser stay float32.
    drop_path: rate at which residual branches of a Hiera trunk's last block are left out, less in earlier ones.
    dropout: rate at which what memory attention's layers give is set to zero, number by number.
    checkpointing: trunk activations are computed again in the backward pass instead of kept.
    accumulate: a step's samples are worked through in so many parts.
    validation: None: the run is not judged while it goes on.
    """

    name: str
    model: ModelConfig
    stages: tuple[Stage, ...]
    start: str | None = None
    objective: Objective = field(default_factory=Segment)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Cosine)
    ema: float = 0.999
    precision: Literal["float32", "bfloat16"] = "float32"
    drop_path: float = 0.0
    dropout: float = 0.0
    checkpointing: bool = False
    accumulate: int = 1
    validation: Validation | None = None
    seed: int = 1
    save_every: int = 100

    def __post_init__(self) -> None:
        if not self.stages or any(stage.steps < 1 for stage in self.stages):
            raise ValueError("a recipe needs at least one stage, each of at least one step")
        if self.accumulate < 1:
            raise ValueError(f"accumulate must be at least 1, got {self.accumulate}")
        for name, rate in (("drop_path", self.drop_path), ("dropout", self.dropout)):
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must be a rate of at least 0 and below 1, got {rate:g}")

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
