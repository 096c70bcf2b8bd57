"""Learning clicks without forgetting how to track: an earlier model says how frames are tracked.

Training on pictures changes the decoder, and with it tracking, though pictures say nothing of it. So clips teach two
things here: their first frame is prompted and judged as a picture is, and on the others the decoder is to answer as the
earlier model's does. What a first click means can be held in the same way. Both decoders get the features that the
earlier model's memory has conditioned: no gradient goes through time, and a clip costs little more than its pictures.

Legend: O objects, M mask candidates, C channels, h w grid of the logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model.encoder import ImageFeatures
from masklet.model.mask_decoder import Decoded
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import KeepTracking, Prompting
from masklet.train.distill import Teacher
from masklet.train.objective import BatchLoss, Draw
from masklet.train.segment import SegmentModule, User, disturb
from masklet.train.unroll import Unroll, choose, gather_features


class KeepTrackingModule(SegmentModule):
    """Prompts as `SegmentModule` does, and tracks as an earlier model.

    Parameters
    ----------
    teacher: the earlier model; it is neither trained nor saved nor averaged.

    Raises
    ------
    ValueError: the two models are of different configurations.
    """

    def __init__(self, model: Sam2, teacher: Sam2, options: KeepTracking, prompting: Prompting) -> None:
        super().__init__(model, options.losses, prompting)
        if replace(teacher.config, name=model.config.name) != model.config:
            raise ValueError(
                f"the tracking of {teacher.config.name} at {teacher.config.image_size} px cannot be kept by"
                f" {model.config.name} at {model.config.image_size} px: expected the same configuration"
            )
        self._options = options
        self._teacher = Teacher(teacher)

    def forward(self, batch: Batch, draw: Draw) -> BatchLoss:
        if batch.length == 1 and not self._options.first_click:
            return super().forward(batch, draw)  # nothing to ask the teacher
        schedule = draw.schedule()
        lag = self.lag(batch, schedule)
        seen, taught = self.model.encode_image(batch.images), self._teacher.look(batch.images)
        user = self.user(Unroll(self.model, seen, batch.length, batch.owner), batch, draw, schedule)
        user.still()
        loss = user.loss(self._options.losses)
        teacher = Unroll(self._teacher.model, taught, batch.length, batch.owner, lag)
        loss = self._with_first_click(loss, user, teacher)
        if batch.length == 1:
            return loss
        tracked = self._track(teacher, seen, batch, schedule, draw.objects(batch))
        return _plus(loss, tracked, {"tracked_as_before": tracked})

    def _with_first_click(self, loss: BatchLoss, user: User, teacher: Unroll) -> BatchLoss:
        """The loss of `user`, a share of its first click's part being the distance from the teacher's answer."""
        share, (first, *others) = self._options.first_click, user.answers
        if not share or first.points is None or first.points.labels.shape[1] > 1:
            return loss
        with torch.no_grad():
            answer = teacher.decode(0, first.points)
        distance = answer_distance(first.decoded, answer, self._options)
        count = 1 if self._options.losses.answers == "sum" else 1 + len(others)
        return _plus(loss, share * (distance - first.loss.total) / count, {"first_as_before": distance})

    def _track(
        self,
        teacher: Unroll,
        seen: ImageFeatures,
        batch: Batch,
        schedule: np.random.Generator,
        rngs: list[np.random.Generator],
    ) -> Tensor:
        """How far the decoder is from the teacher's through each object's clip, mean over its frames: [O]."""
        old = self._teacher.model
        rows = batch.owner * batch.length
        masks = batch.masks[:, 0, None].float()
        nothing = self.model.no_points(len(batch.owner))
        with torch.no_grad():
            teacher.start_from_masks(0, masks)
            pointer = old.mask_pointer(teacher.features_at(0), masks)
        own_pointer = self.model.mask_pointer(gather_features(seen, rows), masks)
        distances = [self._options.tokens * F.mse_loss(own_pointer, pointer, reduction="none").mean(dim=1)]
        for frame in range(1, batch.length):
            with torch.no_grad():
                embedding = teacher.conditioned_at(frame)
                answer = old.decode(embedding, teacher.features_at(frame), points=nothing)
            own = self.model.decode(embedding, gather_features(seen, rows + frame), points=nothing)
            distances.append(answer_distance(own, answer, self._options))
            if frame < batch.length - 1:
                chosen = choose(answer, multimask=True)
                if schedule.random() < self._prompting.disturbed_share:
                    chosen = replace(chosen, logits=disturb(rngs, chosen.logits))
                with torch.no_grad():
                    teacher.remember(frame, chosen, prompted=False)
        return torch.stack(distances).mean(dim=0)


def _plus(loss: BatchLoss, more: Tensor, noted: Mapping[str, Tensor]) -> BatchLoss:
    """A loss with something more for each object [O], and what is `noted` of each in the log."""
    total = loss.total + more.sum()
    figures = {name: (float(values.detach().sum()), loss.units) for name, values in noted.items()}
    return BatchLoss(total, loss.units, {**loss.figures, "loss": (float(total.detach()), loss.units), **figures})


def answer_distance(own: Decoded, taught: Decoded, weights: KeepTracking) -> Tensor:
    """The weighted distances between two answers of the decoder, all M masks of each object counted: [O].

    Masks: Kullback-Leibler divergence of a cell's inside and outside; estimates and object scores: absolute; tokens:
    squared.
    """
    logits, shares = own.logits.float(), taught.logits.float().sigmoid()
    entropy = F.binary_cross_entropy_with_logits(taught.logits.float(), shares, reduction="none")
    crossed = F.binary_cross_entropy_with_logits(logits, shares, reduction="none")
    return (
        weights.masks * (crossed - entropy).mean(dim=(1, 2, 3))
        + weights.iou * (own.iou - taught.iou).abs().mean(dim=1)
        + weights.tokens * (own.tokens - taught.tokens).square().mean(dim=(1, 2))
        + weights.visible * (own.object_score - taught.object_score).abs().mean(dim=1)
    )
