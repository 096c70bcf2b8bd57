"""Who predicts, by name: models through their session, as users have them, and the two baselines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

import masklet
from masklet.data.sequences import Clip, Mask
from masklet.masks import Rle
from masklet.metrics.carried import CarriedPredictor, Copy, Flow
from masklet.metrics.tracking import Frame, Predicted, Predictor, Tracking
from masklet.metrics.users import Click
from masklet.session import CORRECT, ImagePredictor, ObjectMask, Policy, Prompt, VideoSession

__all__ = [
    "BASELINES",
    "Frame",
    "Predicted",
    "Predictor",
    "PredictorSpec",
    "SessionPredictor",
    "Tracking",
    "box_prompt",
    "click_prompt",
    "load_predictor",
    "mask_prompt",
]

BASELINES = ("copy", "flow")


class SessionPredictor:
    """A model in a `VideoSession`, as users have it.

    `model` is a name or a checkpoint's path, as `masklet.load_model` takes it; it is loaded at once.
    """

    def __init__(
        self, name: str, model: str, *, device: str | None = None, dtype: str | None = None, fast: int = 0
    ) -> None:
        self.name = name
        self.model = _model(model, device, dtype, fast)

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:
        policy = CORRECT if overlap else Policy(non_overlap=True)
        return _SessionTracking(VideoSession(self.model, clip, policy=policy, archive=revisit))


class _SessionTracking:
    def __init__(self, session: VideoSession) -> None:
        self._session = session

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        result = self._session.prompt(
            frame,
            object_id,
            points=prompt.points or None,
            labels=prompt.labels or None,
            box=prompt.box,
            mask=None if prompt.mask is None else prompt.mask.decode(),
            replace=prompt.box is not None or prompt.mask is not None,
        )
        return _shown(result.objects[object_id])

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        for result in self._session.propagate():
            yield result.frame, {object_id: _shown(found) for object_id, found in result.objects.items()}

    def close(self) -> None:
        self._session.close()


def _shown(found: ObjectMask) -> Predicted:
    return Predicted(mask=found.mask, iou=min(max(found.iou, 0.0), 1.0), score=found.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSpec:
    """Which predictor, by words: what a manifest holds and a worker process gets.

    Attributes
    ----------
    name: what tables and folders call it; no slashes.
    model: "copy", "flow", a model's name, or the path of a checkpoint.
    device: "cpu", "cuda", ...; None is the best one present.
    dtype: "float32" or "bfloat16"; None is float32.
    fast: rung of `masklet.model.fast`, 0 for the model as it was trained.
    image_model: for copy and flow, the model that turns clicks and boxes into masks.
    """

    name: str
    model: str
    device: str | None = None
    dtype: str | None = None
    fast: int = 0
    image_model: str = "nano"

    @property
    def baseline(self) -> bool:
        """Whether it is copy or flow."""
        return self.model in BASELINES

    def image_predictor(self) -> ImagePredictor:
        """The model as an image predictor; of a baseline, its image model."""
        name = self.image_model if self.baseline else self.model
        return ImagePredictor(_model(name, self.device, self.dtype, self.fast))


@cache
def load_predictor(spec: PredictorSpec) -> Predictor:
    """The predictor; made once a process, so that its model is loaded once.

    Raises
    ------
    FileNotFoundError: no such model. ValueError: its file, device or dtype is of no use.
    """
    if spec.baseline:
        carrier = Copy if spec.model == "copy" else Flow
        return CarriedPredictor(spec.name, carrier, spec.image_predictor)
    return SessionPredictor(spec.name, spec.model, device=spec.device, dtype=spec.dtype, fast=spec.fast)


@cache
def _model(name: str, device: str | None, dtype: str | None, fast: int) -> Any:
    return masklet.load_model(name, device=device, dtype=None if dtype is None else getattr(torch, dtype), fast=fast)


def mask_prompt(mask: Mask) -> Prompt:
    """A mask [H, W] as the prompt."""
    return Prompt(mask=Rle.encode(mask))


def box_prompt(box: tuple[float, float, float, float]) -> Prompt:
    """x0, y0, x1, y1 along pixel edges as the prompt."""
    return Prompt(box=box)


def click_prompt(click: Click) -> Prompt:
    """One click as the prompt."""
    return Prompt(points=((click.x, click.y),), labels=(int(click.positive),))
