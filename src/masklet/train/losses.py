"""Losses of SAM 2 (arXiv 2408.00714, appendix D.2): per-pixel, dice, IoU estimate, object visible or not.

Legend: O objects, M mask candidates, h w grid of the logits. Targets are the share of each cell that the object covers,
0..1, so that a coarse grid still teaches where inside the cell the border runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.train.config import LossWeights


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy of each mask: [O, M, h, w] logits, [O, 1, h, w] targets -> [O, M]."""
    return F.binary_cross_entropy_with_logits(logits, targets.expand_as(logits), reduction="none").mean(dim=(2, 3))


def focal(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Mean sigmoid focal loss of each mask (arXiv 1708.02002): shapes as `cross_entropy`."""
    targets = targets.expand_as(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    probability = logits.sigmoid()
    miss = probability * (1 - targets) + (1 - probability) * targets
    balance = alpha * targets + (1 - alpha) * (1 - targets)
    return (balance * miss**gamma * entropy).mean(dim=(2, 3))


def dice(logits: Tensor, targets: Tensor) -> Tensor:
    """1 - (2 overlap + 1) / (sum of areas + 1) of each mask: shapes as `cross_entropy`."""
    probability = logits.sigmoid()
    overlap = (probability * targets).sum(dim=(2, 3))
    areas = probability.sum(dim=(2, 3)) + targets.sum(dim=(2, 3))
    return 1 - (2 * overlap + 1) / (areas + 1)


def true_iou(logits: Tensor, targets: Tensor) -> Tensor:
    """IoU of each thresholded mask with the thresholded target (1 where both are empty): [O, M], no gradient."""
    found, truth = logits.detach() > 0, targets >= 0.5
    overlap = (found & truth).sum(dim=(2, 3)).float()
    union = (found | truth).sum(dim=(2, 3)).float()
    return torch.where(union > 0, overlap / union.clamp(min=1), torch.ones_like(union))


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """The loss of one decoder call: `parts` [O] to differentiate, IoU of the supervised mask [O] for the log."""

    parts: dict[str, Tensor]
    iou: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the parts, [O]."""
        return torch.stack(list(self.parts.values())).sum(dim=0)


def answer_loss(
    logits: Tensor, iou: Tensor, object_score: Tensor, *, targets: Tensor, present: Tensor, weights: LossWeights
) -> AnswerLoss:
    """Loss of one decoder call, object by object.

    `logits` [O, M, h, w] and `iou` [O, M] are the candidates that count (1 or 3); mask terms apply to the candidate
    with the least of them, and are zero for objects that are not `present` ([O] bool), as is the IoU term.
    `object_score` [O, 1] logits; `targets` [O, 1, h, w] in 0..1.
    """
    logits, iou, object_score = logits.float(), iou.float(), object_score.float()
    shape = weights.dice * dice(logits, targets)
    pixel = torch.zeros_like(shape)
    if weights.cross_entropy:
        pixel = pixel + weights.cross_entropy * cross_entropy(logits, targets)
    if weights.focal:
        pixel = pixel + weights.focal * focal(logits, targets)
    best = (pixel + shape).detach().argmin(dim=1, keepdim=True)  # [O, 1]
    reached = true_iou(logits, targets)
    shown = present.to(logits.dtype)
    parts = {
        "pixel": pixel.gather(1, best)[:, 0] * shown,
        "dice": shape.gather(1, best)[:, 0] * shown,
        "iou": weights.iou * (iou - reached).abs().mean(dim=1) * shown,
        "visible": weights.visible * F.binary_cross_entropy_with_logits(object_score[:, 0], shown, reduction="none"),
    }
    return AnswerLoss(parts=parts, iou=reached.gather(1, best)[:, 0])
