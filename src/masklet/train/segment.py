"""Learning to segment: interactive prompts on stills, prompt-and-track on clips.

All objects of a step share one schedule (which frames are prompted, with what, how often): they run as one batch.

Legend: B clips, T frames, O objects of all clips, S image side, h w = S / 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model.mask_decoder import Decoded
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.train.batches import Batch
from masklet.train.config import LossWeights, Prompting
from masklet.train.losses import AnswerLoss, answer_loss
from masklet.train.objective import BatchLoss, Draw, ObjectiveModule
from masklet.train.prompts import corrections, first_clicks, noisy_boxes
from masklet.train.unroll import Chosen, Tracker, Unroll, candidates, choose

DISTURBANCE = 6.0
"""Largest standard deviation of a disturbed mask's dents and bumps, in logits."""
FAR = 100
"""Prompted frames may pass for being up to so many frames away."""


class SegmentModule(ObjectiveModule):
    """Prompts and tracks as `prompting` says, and judges every answer."""

    def __init__(self, model: Sam2, weights: LossWeights, prompting: Prompting) -> None:
        super().__init__(model)
        self._weights = weights
        self._prompting = prompting

    def forward(self, batch: Batch, draw: Draw) -> BatchLoss:
        return self.interaction(batch, draw).loss(self._weights)

    def interaction(self, batch: Batch, draw: Draw) -> User:
        """A whole step of prompting, all answers judged."""
        schedule = draw.schedule()
        lag = self.lag(batch, schedule)
        tracker = Unroll(self.model, self.model.encode_image(batch.images), batch.length, batch.owner, lag)
        return self.prompt(tracker, batch, draw, schedule)

    def lag(self, batch: Batch, schedule: np.random.Generator) -> int:
        """How many frames farther away than they are prompted frames pass for being in this step."""
        far = batch.length > 1 and schedule.random() < self._prompting.far_share
        return int(schedule.integers(0, FAR)) if far else 0

    def prompt(self, tracker: Tracker, batch: Batch, draw: Draw, schedule: np.random.Generator) -> User:
        """Prompt and track all of `batch` through `tracker`, all answers judged."""
        user = self.user(tracker, batch, draw, schedule)
        if batch.length == 1:
            user.still()
        else:
            user.clip()
        return user

    def user(self, tracker: Tracker, batch: Batch, draw: Draw, schedule: np.random.Generator) -> User:
        """Who prompts the objects of `batch`."""
        return User(tracker, batch, self._weights, self._prompting, schedule, draw.objects(batch))


@dataclass(frozen=True, slots=True)
class Answer:
    """One decoder call: what was asked (None: tracked), what came, and how wrong it was."""

    points: Points | None
    decoded: Decoded
    loss: AnswerLoss


class _Prompts:
    """Points given so far on one frame; a box counts as two of them."""

    def __init__(self) -> None:
        self._coordinates: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def add(self, prompts: tuple[np.ndarray, np.ndarray]) -> None:
        self._coordinates.append(prompts[0])
        self._labels.append(prompts[1])

    def points(self, device: torch.device) -> Points:
        coordinates = torch.from_numpy(np.concatenate(self._coordinates, axis=1))
        labels = torch.from_numpy(np.concatenate(self._labels, axis=1))
        return Points(coordinates.to(device), labels.to(device))

    @property
    def multimask(self) -> bool:
        return sum(labels.shape[1] for labels in self._labels) <= 1


class User:
    """Prompts the frames of one batch and keeps the loss of every answer.

    Attributes
    ----------
    answers: every decoder call with its loss, in order.
    """

    def __init__(
        self,
        tracker: Tracker,
        batch: Batch,
        weights: LossWeights,
        prompting: Prompting,
        schedule: np.random.Generator,
        rngs: Sequence[np.random.Generator],
    ) -> None:
        self.answers: list[Answer] = []
        self._tracker = tracker
        self._batch = batch
        self._weights = weights
        self._prompting = prompting
        self._schedule = schedule
        self._rngs = rngs
        self._device = batch.images.device
        self._figures: dict[str, tuple[float, int]] = {}

    def still(self) -> None:
        """Prompt the first frame once, then correct."""
        self._interact(0, 1 + self._between(self._prompting.corrections))
        for name, answer in (("still_first", self.answers[0]), ("still_last", self.answers[-1])):
            self._note(name, answer.loss.iou)

    def clip(self) -> None:
        """Prompt the first frames, then track the others in order; some of them are corrected."""
        length, prompting = self._batch.length, self._prompting
        first = self._first_frames()
        masked = self._schedule.random() < prompting.mask_share
        for frame in first:
            if masked:
                self._tracker.start_from_masks(frame, self._batch.masks[:, frame, None].float())
            else:
                chosen = self._interact(frame, 1 + self._between(prompting.corrections))
                self._tracker.remember(frame, chosen, prompted=True)
        others = [frame for frame in range(length) if frame not in first]
        corrected = self._corrected_frames(others)
        for frame in others:
            decoded = self._tracker.decode(frame, None)
            loss = self._judge(None, decoded, frame, multimask=True)
            self._note("tracked", loss.iou[self._batch.present[:, frame]])
            chosen = choose(decoded, multimask=True)
            if frame in corrected:
                clicks = self._between(prompting.corrected_clicks)
                chosen = self._interact(frame, clicks, chosen.logits.detach())
            elif self._schedule.random() < prompting.disturbed_share:
                chosen = replace(chosen, logits=disturb(self._rngs, chosen.logits))
            if frame != others[-1]:
                self._tracker.remember(frame, chosen, prompted=frame in corrected)

    def loss(self, weights: LossWeights) -> BatchLoss:
        """Sum over objects of the sum, or mean, of their answers' losses."""
        totals = torch.stack([answer.loss.total for answer in self.answers])  # [answers, O]
        count = totals.shape[1]
        total = totals.sum() if weights.answers == "sum" else totals.mean(dim=0).sum()
        figures = dict(self._figures)
        figures["loss"] = float(total.detach()), count
        for part in self.answers[0].loss.parts:
            values = [answer.loss.parts[part].detach().sum() for answer in self.answers]
            figures[part] = float(torch.stack(values).sum()), count * len(self.answers)
        return BatchLoss(total, count, figures)

    def _first_frames(self) -> list[int]:
        shown = self._batch.present.all(dim=0).tolist()
        more = [frame for frame in range(1, self._batch.length - 1) if shown[frame]]
        count = min(self._between(self._prompting.first_frames) - 1, len(more))
        return [0, *sorted(int(frame) for frame in self._schedule.choice(more, count, replace=False))] if count else [0]

    def _corrected_frames(self, tracked: Sequence[int]) -> set[int]:
        if self._schedule.random() >= self._prompting.corrected_share:
            return set()
        count = min(self._between(self._prompting.corrected_frames), len(tracked))
        return {int(frame) for frame in self._schedule.choice(tracked, count, replace=False)}

    def _between(self, bounds: tuple[int, int]) -> int:
        return int(self._schedule.integers(bounds[0], bounds[1] + 1))

    def _interact(self, frame: int, rounds: int, previous: Tensor | None = None) -> Chosen:
        """Prompt `frame` `rounds` >= 1 times: a click or a box first, or a correction of `previous` logits."""
        truth = (self._batch.shares[:, frame] >= 0.5).cpu().numpy()
        prompts = _Prompts()
        chosen: Chosen | None = None
        for _ in range(rounds):
            if previous is not None:
                found = (previous[:, 0] > 0).cpu().numpy()
                prompting = self._prompting
                prompts.add(corrections(self._rngs, truth, found, prompting.from_truth, prompting.deliberate_share))
            elif self._schedule.random() * (1 - self._prompting.mask_share) < self._prompting.box_share:
                prompts.add(noisy_boxes(self._rngs, truth))
            else:
                prompts.add(first_clicks(self._rngs, truth, self._prompting.deliberate_share))
            points = prompts.points(self._device)
            decoded = self._tracker.decode(frame, points, previous)
            self._judge(points, decoded, frame, multimask=prompts.multimask)
            chosen = choose(decoded, multimask=prompts.multimask)
            previous = chosen.logits.detach()
        assert chosen is not None, "an interaction has at least one round"
        return chosen

    def _judge(self, points: Points | None, decoded: Decoded, frame: int, *, multimask: bool) -> AnswerLoss:
        logits, iou = candidates(decoded, multimask=multimask)
        loss = answer_loss(
            logits,
            iou,
            decoded.object_score,
            targets=self._batch.shares[:, frame, None],
            present=self._batch.present[:, frame],
            weights=self._weights,
        )
        self.answers.append(Answer(points, decoded, loss))
        return loss

    def _note(self, name: str, values: Tensor) -> None:
        total, count = self._figures.get(name, (0.0, 0))
        self._figures[name] = total + float(values.sum()), count + len(values)


def disturb(rngs: Sequence[np.random.Generator], logits: Tensor) -> Tensor:
    """Logits [O, 1, h, w] with a few large dents and bumps: what a tracker that has begun to drift remembers.

    Short clips show the model few errors of its own; from these it learns to trust the prompt and the picture more.
    """
    bumps = np.stack([rng.normal(0, rng.uniform(0, DISTURBANCE), (1, 6, 6)) for rng in rngs]).astype(np.float32)
    coarse = torch.from_numpy(bumps).to(logits.device)
    return logits + F.interpolate(coarse, size=logits.shape[2:], mode="bicubic").to(logits.dtype)
