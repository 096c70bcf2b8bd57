"""The loss of one batch: interactive prompts on stills, prompt-and-track on clips.

Legend: B clips, T frames, O objects of all clips, S image side, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model.mask_decoder import Decoded
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import LossWeights
from masklet.train.losses import StepLoss, decoder_loss
from masklet.train.prompts import corrections, first_clicks, noisy_boxes
from masklet.train.unroll import Chosen, Unroll, candidates, choose

DISTURBED_SHARE = 0.4
"""Share of tracked frames whose mask is disturbed before it is remembered."""
DISTURBANCE = 6.0
"""Largest standard deviation of the disturbance, in logits."""


@dataclass(frozen=True, slots=True)
class BatchLoss:
    """`total` to differentiate and figures for the log."""

    total: Tensor
    figures: dict[str, float]


class _Prompts:
    """Points given so far on one frame; a box counts as two of them."""

    def __init__(self) -> None:
        self._coordinates: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def add(self, prompts: tuple[np.ndarray, np.ndarray]) -> None:
        self._coordinates.append(prompts[0])
        self._labels.append(prompts[1])

    @property
    def points(self) -> Points:
        coordinates = np.concatenate(self._coordinates, axis=1)
        return Points(torch.from_numpy(coordinates), torch.from_numpy(np.concatenate(self._labels, axis=1)))

    @property
    def multimask(self) -> bool:
        return sum(labels.shape[1] for labels in self._labels) <= 1


class _Teacher:
    """Prompts the frames of one batch and keeps the loss of every answer."""

    def __init__(self, tracker: Unroll, batch: Batch, weights: LossWeights, rng: np.random.Generator) -> None:
        self.losses: list[StepLoss] = []
        self._tracker = tracker
        self._batch = batch
        self._weights = weights
        self._rng = rng

    def interact(self, frame: int, rounds: int, previous: Tensor | None = None) -> Chosen:
        """Prompt `frame` `rounds` >= 1 times: a click or a box first, or a correction of `previous` logits."""
        truth = (self._batch.shares[:, frame] >= 0.5).numpy()
        prompts = _Prompts()
        chosen: Chosen | None = None
        for _ in range(rounds):
            if previous is not None:
                prompts.add(corrections(self._rng, truth, (previous[:, 0] > 0).numpy()))
            elif self._rng.random() < 0.65:
                prompts.add(first_clicks(self._rng, truth))
            else:
                prompts.add(noisy_boxes(self._rng, truth))
            decoded = self._tracker.decode(frame, prompts.points, previous)
            self._judge(decoded, frame, multimask=prompts.multimask)
            chosen = choose(decoded, multimask=prompts.multimask)
            previous = chosen.logits.detach()
        assert chosen is not None, "an interaction has at least one round"
        return chosen

    def track(self, frame: int) -> Chosen:
        """Let the model find the objects on `frame` by memory alone."""
        decoded = self._tracker.decode(frame, None)
        self._judge(decoded, frame, multimask=True)
        return choose(decoded, multimask=True)

    def _judge(self, decoded: Decoded, frame: int, *, multimask: bool) -> None:
        logits, iou = candidates(decoded, multimask=multimask)
        loss = decoder_loss(
            logits,
            iou,
            decoded.object_score,
            targets=self._batch.shares[:, frame, None],
            present=self._batch.present[:, frame],
            weights=self._weights,
        )
        self.losses.append(loss)


def still_loss(model: Sam2, batch: Batch, rounds: int, weights: LossWeights, rng: np.random.Generator) -> BatchLoss:
    """Each picture's objects are prompted 1..`rounds` times; the mean loss of all answers."""
    teacher = _Teacher(Unroll(model, model.encode_image(batch.images), 1, batch.owner), batch, weights, rng)
    teacher.interact(0, int(rng.integers(1, rounds + 1)))
    first, last = teacher.losses[0].iou, teacher.losses[-1].iou
    return _summary(teacher.losses, {"still_first": float(first.mean()), "still_last": float(last.mean())})


def clip_loss(model: Sam2, batch: Batch, weights: LossWeights, rng: np.random.Generator) -> BatchLoss:
    """Frame 0 is prompted (mask, click or box, some corrections), the others are tracked; one may be corrected."""
    # A conditioning frame may be far back in a real video: the pointers' time code gets to see that.
    lag = int(rng.integers(0, 100)) if rng.random() < 0.5 else 0
    tracker = Unroll(model, model.encode_image(batch.images), batch.length, batch.owner, lag)
    teacher = _Teacher(tracker, batch, weights, rng)
    if rng.random() < 0.6:
        tracker.start_from_masks(0, batch.masks[:, 0, None].float())
    else:
        chosen = teacher.interact(0, int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])))
        tracker.remember(0, chosen, prompted=True)
    corrected = int(rng.integers(1, batch.length)) if rng.random() < 0.25 else None
    tracked: list[Tensor] = []
    for frame in range(1, batch.length):
        chosen = teacher.track(frame)
        tracked.append(teacher.losses[-1].iou[batch.present[:, frame]])
        if frame == corrected:
            chosen = teacher.interact(frame, 1, chosen.logits.detach())
        elif rng.random() < DISTURBED_SHARE:
            chosen = replace(chosen, logits=disturb(rng, chosen.logits))
        if frame < batch.length - 1:
            tracker.remember(frame, chosen, prompted=frame == corrected)
    seen = torch.cat(tracked)
    return _summary(teacher.losses, {"tracked": float(seen.mean())} if len(seen) else {})


def disturb(rng: np.random.Generator, logits: Tensor) -> Tensor:
    """Logits [O, 1, h, w] with a few large dents and bumps: what a tracker that has begun to drift remembers.

    Short clips show the model few errors of its own; from these it learns to trust the prompt and the picture more.
    """
    bumps = rng.normal(0, rng.uniform(0, DISTURBANCE), (len(logits), 1, 6, 6)).astype(np.float32)
    return logits + F.interpolate(torch.from_numpy(bumps), size=logits.shape[2:], mode="bicubic")


def _summary(losses: list[StepLoss], figures: dict[str, float]) -> BatchLoss:
    total = torch.stack([loss.total for loss in losses]).mean()
    parts = {name: float(sum(loss.parts[name].detach() for loss in losses) / len(losses)) for name in losses[0].parts}
    return BatchLoss(total, {"loss": float(total.detach()), **parts, **figures})
