"""The loss of one batch: interactive prompts on stills, prompt-and-track on clips.

Legend: B clips, T frames, O objects of all clips, S image side, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import LossWeights
from masklet.train.losses import StepLoss, decoder_loss
from masklet.train.prompts import corrections, first_clicks, noisy_boxes
from masklet.train.unroll import Chosen, Unroll, candidates, choose


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


def _interact(
    tracker: Unroll, batch: Batch, frame: int, rounds: int, weights: LossWeights, rng: np.random.Generator,
    previous: Tensor | None,
) -> tuple[list[StepLoss], Chosen]:
    """Prompt `frame` `rounds` times; the first prompt is a click or a box, or a correction of `previous` logits."""
    truth = (batch.shares[:, frame] >= 0.5).numpy()
    prompts = _Prompts()
    losses: list[StepLoss] = []
    chosen: Chosen | None = None
    for _ in range(rounds):
        if previous is not None:
            prompts.add(corrections(rng, truth, (previous[:, 0] > 0).numpy()))
        elif rng.random() < 0.65:
            prompts.add(first_clicks(rng, truth))
        else:
            prompts.add(noisy_boxes(rng, truth))
        decoded = tracker.decode(frame, prompts.points, previous)
        losses.append(_frame_loss(decoded, batch, frame, weights, multimask=prompts.multimask))
        chosen = choose(decoded, multimask=prompts.multimask)
        previous = chosen.logits.detach()
    assert chosen is not None, "an interaction has at least one round"
    return losses, chosen


def _frame_loss(decoded, batch: Batch, frame: int, weights: LossWeights, *, multimask: bool) -> StepLoss:
    logits, iou = candidates(decoded, multimask=multimask)
    return decoder_loss(
        logits, iou, decoded.object_score, batch.shares[:, frame, None], batch.present[:, frame], weights
    )


def still_loss(model: Sam2, batch: Batch, rounds: int, weights: LossWeights, rng: np.random.Generator) -> BatchLoss:
    """Each picture's objects are prompted 1..`rounds` times; the mean loss of all answers."""
    tracker = Unroll(model, model.encode_image(batch.images), 1, batch.owner)
    given = int(rng.integers(1, rounds + 1))
    losses, _ = _interact(tracker, batch, 0, given, weights, rng, None)
    return _summary(losses, {"still_first": float(losses[0].iou.mean()), "still_last": float(losses[-1].iou.mean())})


def clip_loss(model: Sam2, batch: Batch, weights: LossWeights, rng: np.random.Generator) -> BatchLoss:
    """Frame 0 is prompted (mask, click or box, some corrections), the others are tracked; one may be corrected."""
    # A conditioning frame may be far back in a real video: the pointers' time code gets to see that.
    lag = int(rng.integers(0, 100)) if rng.random() < 0.5 else 0
    tracker = Unroll(model, model.encode_image(batch.images), batch.length, batch.owner, lag)
    losses: list[StepLoss] = []
    if rng.random() < 0.6:
        tracker.start_from_masks(0, batch.masks[:, 0, None].float())
    else:
        given = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
        prompted, chosen = _interact(tracker, batch, 0, given, weights, rng, None)
        losses += prompted
        tracker.remember(0, chosen, prompted=True)
    corrected = int(rng.integers(1, batch.length)) if rng.random() < 0.25 else None
    tracked: list[Tensor] = []
    for frame in range(1, batch.length):
        decoded = tracker.decode(frame, None)
        losses.append(_frame_loss(decoded, batch, frame, weights, multimask=True))
        tracked.append(losses[-1].iou[batch.present[:, frame]])
        chosen = choose(decoded, multimask=True)
        if frame == corrected:
            fixed, chosen = _interact(tracker, batch, frame, 1, weights, rng, chosen.logits.detach())
            losses += fixed
        if frame < batch.length - 1:
            tracker.remember(frame, chosen, prompted=frame == corrected)
    seen = torch.cat(tracked)
    return _summary(losses, {"tracked": float(seen.mean())} if len(seen) else {})


def _summary(losses: list[StepLoss], figures: dict[str, float]) -> BatchLoss:
    total = torch.stack([loss.total for loss in losses]).mean()
    parts = {name: float(sum(loss.parts[name].detach() for loss in losses) / len(losses)) for name in losses[0].parts}
    return BatchLoss(total, {"loss": float(total.detach()), **parts, **figures})
