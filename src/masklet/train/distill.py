"""Learning from a larger model: its image embeddings and its masks, beside the true masks.

The teacher answers the same prompts: what the user points at follows from the student's errors, but each model corrects
its own masks and remembers what it saw itself.

Legend: N images, O objects, M mask candidates, C channels, S image side, h w a grid; of the student unless said.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.encoder import ImageFeatures
from masklet.model.mask_decoder import Decoded
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import Distill, Prompting
from masklet.train.objective import BatchLoss, Draw
from masklet.train.segment import SegmentModule, User
from masklet.train.unroll import Chosen, Unroll, candidates, choose


class DistillModule(SegmentModule):
    """Prompts and tracks as `SegmentModule` does, with a teacher that does the same.

    Parameters
    ----------
    teacher: sees the same pictures at its own image size; it is neither trained nor saved nor averaged.
    """

    def __init__(self, model: Sam2, teacher: Sam2, options: Distill, prompting: Prompting) -> None:
        super().__init__(model, options.losses, prompting)
        self._options = options
        self._teacher = Teacher(teacher)
        self.projection = nn.Conv2d(model.config.d_model, teacher.config.d_model, 1)

    def forward(self, batch: Batch, draw: Draw) -> BatchLoss:
        schedule = draw.schedule()
        lag = self.lag(batch, schedule)
        seen, taught = self.model.encode_image(batch.images), self._teacher.look(batch.images)
        pupil = Unroll(self.model, seen, batch.length, batch.owner, lag)
        tracker = SideBySide(pupil, self._teacher, taught, batch, lag)
        user = self.prompt(tracker, batch, draw, schedule)
        loss = user.loss(self._options.losses)
        features = feature_distance(self.projection(seen.embedding), taught.embedding)  # [N]
        features = features.view(-1, batch.length).mean(dim=1)[batch.owner]  # of each object, its clip's: [O]
        masks = self._mask_distances(user, tracker, batch)  # [answers, O]
        per_object = masks.sum(dim=0) if self._weights.answers == "sum" else masks.mean(dim=0)
        total = loss.total + (self._options.features * features + self._options.masks * per_object).sum()
        figures = {
            **loss.figures,
            "loss": (float(total.detach()), loss.units),
            "features": (float(features.detach().sum()), loss.units),
            "masks": (float(masks.detach().sum()), masks.numel()),
        }
        return BatchLoss(total, loss.units, figures)

    def _mask_distances(self, user: User, tracker: SideBySide, batch: Batch) -> Tensor:
        distances: list[Tensor] = []
        for answer, taught in zip(user.answers, tracker.taught, strict=True):
            logits, _ = candidates(answer.decoded, multimask=taught.multimask)
            # Where the object is not there, or the teacher does not see it, its mask says nothing.
            counts = batch.present[:, taught.frame] & taught.chosen.visible[:, 0]
            distances.append(mask_distance(logits.float(), taught.chosen.logits.float()) * counts)
        return torch.stack(distances)


class Teacher:
    """A model that is only asked: no module, so that nobody trains, moves or saves it along with the student."""

    def __init__(self, model: Sam2) -> None:
        self.model = model.eval().requires_grad_(requires_grad=False)

    @property
    def size(self) -> int:
        """Side of its images in pixels."""
        return self.model.config.image_size

    @torch.no_grad()
    def look(self, images: Tensor) -> ImageFeatures:
        """Features of the student's images [N, 3, S, S], at the teacher's own size."""
        self.model.to(images.device)
        return self.model.encode_image(_resized(images, self.size))


@dataclass(frozen=True, slots=True)
class Taught:
    """The teacher's answer on a frame: the mask that it takes, and whether that was one of three candidates."""

    frame: int
    chosen: Chosen
    multimask: bool


class SideBySide:
    """A `Tracker`: the student's, with the teacher's beside it that gets the same prompts.

    Attributes
    ----------
    taught: the teacher's answers, one for each call of `decode`, logits on the student's grid.
    """

    def __init__(self, pupil: Unroll, teacher: Teacher, seen: ImageFeatures, batch: Batch, lag: int) -> None:
        self.taught: list[Taught] = []
        self._pupil = pupil
        self._teacher = Unroll(teacher.model, seen, batch.length, batch.owner, lag)
        self._side = teacher.size
        self._scale = teacher.size / batch.images.shape[2]
        self._last: Chosen | None = None  # the teacher's latest answer

    def start_from_masks(self, frame: int, masks: Tensor) -> None:
        self._pupil.start_from_masks(frame, masks)
        with torch.no_grad():
            self._teacher.start_from_masks(frame, (_resized(masks, self._side) >= 0.5).float())

    def decode(self, frame: int, points: Points | None, previous: Tensor | None = None) -> Decoded:
        decoded = self._pupil.decode(frame, points, previous)
        multimask = points is None or points.labels.shape[1] <= 1
        with torch.no_grad():
            own = None if previous is None or self._last is None else self._last.logits
            answer = self._teacher.decode(frame, self._moved(points), own)
            self._last = choose(answer, multimask=multimask)
            on_grid = _resized(self._last.logits, decoded.logits.shape[3])
        self.taught.append(Taught(frame, Chosen(on_grid, self._last.token, self._last.visible), multimask))
        return decoded

    def remember(self, frame: int, chosen: Chosen, *, prompted: bool) -> None:
        self._pupil.remember(frame, chosen, prompted=prompted)
        assert self._last is not None, "what is remembered was decoded before"
        with torch.no_grad():
            self._teacher.remember(frame, self._last, prompted=prompted)

    def _moved(self, points: Points | None) -> Points | None:
        """Points of the student's picture in the teacher's: pixel centres lie at whole numbers in both."""
        if points is None:
            return None
        return Points((points.coordinates + 0.5) * self._scale - 0.5, points.labels)


def feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - cosine of the angle between features of the same place, mean over the student's grid: 0..2.

    Student [N, C, h, w], teacher [N, C, any, any] -> [N].
    """
    a, b = student.float(), _resized(teacher.float(), student.shape[3])
    return 1 - F.cosine_similarity(a, b, dim=1).mean(dim=(1, 2))


def mask_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a cell's inside and outside, mean over cells; of the candidate that is nearest.

    Logits: student [O, M, h, w], teacher [O, 1, h, w] -> [O], 0 where one candidate agrees.
    """
    shares = teacher.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(teacher, shares, reduction="none")
    crossed = F.binary_cross_entropy_with_logits(student, shares.expand_as(student), reduction="none")
    return (crossed - entropy).mean(dim=(2, 3)).min(dim=1).values


def _resized(x: Tensor, side: int) -> Tensor:
    """Square maps [.., .., a, a] at another side."""
    if x.shape[3] == side:
        return x
    # A processor has no bfloat16 for what is shrunk.
    y = F.interpolate(x.float(), size=(side, side), mode="bilinear", antialias=side < x.shape[3])
    return y.to(x.dtype)
