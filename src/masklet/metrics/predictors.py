"""Who predicts: models through their session, and the two baselines that any tracker has to beat.

Every predictor takes every kind of prompt. A session answers them itself. The baselines are decoupled, as SAM + Cutie
and SAM + XMem++ are in the SAM 2 paper: an image model turns clicks and boxes into a mask of that one frame (a mask is
taken as it is), and a rule that knows no objects carries it along.

Legend: H W image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import masklet
from masklet.data.sequences import Clip, Mask
from masklet.masks import Rle
from masklet.metrics.users import Click
from masklet.session import CORRECT, ImagePredictor, ObjectMask, Policy, Prompt, VideoSession

BASELINES = ("copy", "flow")
Soft = dict[int, NDArray[np.float32]]
"""Object id -> [H, W], 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One object on one frame: its mask [H, W], and what the predictor says of it.

    Attributes
    ----------
    iou: its estimate of the mask's IoU, 0..1; None where it makes none.
    score: its object score, a logit above 0 where it takes the object to be visible; None where it has none.
    """

    mask: Mask
    iou: float | None = None
    score: float | None = None

    @property
    def visible(self) -> bool:
        """Whether the object is said to be seen: by the score, without one by the mask."""
        return bool(self.mask.any()) if self.score is None else self.score > 0


Frame = dict[int, Predicted]
"""Object id -> its prediction on one frame."""


class Tracking(Protocol):
    """One video under way; closing it closes the clip: `with contextlib.closing(predictor.open(clip)) as tracking`."""

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        """Point at an object, a new one if the id is new, and see the answer on that frame.

        Clicks are added to those that the object has on the frame; a box or a mask starts anew.

        Raises
        ------
        ValueError: the prompt does not fit the frame.
        """
        ...

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        """Every frame from the earliest prompted one to the last, in order, with all objects prompted up to there.

        Prompts may be given between two frames, for frames to come and for the one just yielded: an object that
        begins later is prompted when its frame is next. Called again, it starts from the beginning with all prompts.

        Raises
        ------
        ValueError: nothing was prompted.
        """
        ...

    def close(self) -> None:
        """Release the clip and all else."""
        ...


class Predictor(Protocol):
    """Follows objects through videos. Holds its model; keeps nothing from one video to the next."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:
        """Begin a video.

        Parameters
        ----------
        clip: taken over; closed with the tracking.
        overlap: whether masks of several objects may overlap; where not, a predictor that can tell gives each pixel to
            the object that it is surest of (the published inference for DAVIS, MOSE and YouTube-VOS).
        revisit: whether frames may be prompted once propagation is past them.
        """
        ...


class SessionPredictor:
    """A model in a `VideoSession`, as users have it.

    `model` is a name or a checkpoint's path, as `masklet.load_model` takes it; it is loaded at once.
    """

    def __init__(self, name: str, model: str, *, device: str | None = None, dtype: str | None = None) -> None:
        self.name = name
        self.model = _model(model, device, dtype)

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


class Carrier(Protocol):
    """A rule that carries masks through one clip."""

    def __call__(self, masks: Soft, frame: int) -> Soft:
        """The masks of frame - 1 as they are on `frame`."""
        ...


class Copy:
    """Nothing ever moves: the trivial baseline."""

    def __init__(self, clip: Clip) -> None:
        """A carrier needs its clip; this one does not look at it."""

    def __call__(self, masks: Soft, frame: int) -> Soft:  # noqa: ARG002 (the frame does not matter)
        return masks


class Flow:
    """Masks move along dense optical flow (DIS, Kroeger et al., ECCV 2016; OpenCV's medium preset), frame by frame."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._grey: tuple[int, NDArray[Any]] | None = None

    def __call__(self, masks: Soft, frame: int) -> Soft:
        """Each pixel takes the value of where it comes from, along the flow from `frame` back to the one before."""
        before = self._look(frame - 1)
        now = self._look(frame)
        flow = self._estimate.calc(now, before, np.zeros((*now.shape, 2), np.float32))
        rows, columns = np.indices(now.shape, dtype=np.float32)
        x, y = columns + flow[..., 0], rows + flow[..., 1]
        return {
            number: cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderValue=0).astype(np.float32)
            for number, mask in masks.items()
        }

    def _look(self, frame: int) -> NDArray[Any]:
        if self._grey is None or self._grey[0] != frame:
            self._grey = frame, cv2.cvtColor(self._clip[frame], cv2.COLOR_RGB2GRAY)
        return self._grey[1]


class CarriedPredictor:
    """An image model for prompted frames and a carrier for all others.

    `image_model`, a name or a checkpoint's path, is loaded with the first click or box.
    """

    def __init__(
        self,
        name: str,
        carrier: Callable[[Clip], Carrier],
        image_model: str = "nano",
        *,
        device: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.name = name
        self._carrier = carrier
        self._image_model = image_model, device, dtype

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:  # noqa: ARG002
        """Begin a video. Masks overlap where they meet, whatever is asked: a carrier cannot tell whose a pixel is."""
        return _CarriedTracking(clip, self._carrier(clip), self._stills, revisit=revisit)

    def _stills(self) -> ImagePredictor:
        return ImagePredictor(_model(*self._image_model))


@dataclass(frozen=True, slots=True)
class _Mark:
    """A prompted frame of an object: all that was said there, the mask, and the image model's logits of it."""

    prompt: Prompt
    shown: Predicted
    low_res: NDArray[np.float32] | None = None


class _CarriedTracking:
    def __init__(self, clip: Clip, carrier: Carrier, stills: Callable[[], ImagePredictor], *, revisit: bool) -> None:
        self._clip = clip
        self._carrier = carrier
        self._make_stills = stills
        self._revisit = revisit
        self._stills: ImagePredictor | None = None
        self._looked_at: int | None = None
        self._marks: dict[int, dict[int, _Mark]] = {}  # object -> frame
        self._seen: dict[int, dict[int, Rle]] = {}  # frame -> object: masks that clicks can correct

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        marks = self._marks.get(object_id, {})
        mark = self._answer(frame, prompt, marks.get(frame), self._seen.get(frame, {}).get(object_id))
        self._marks[object_id] = {**marks, frame: mark}
        return mark.shown

    def _answer(self, frame: int, prompt: Prompt, earlier: _Mark | None, carried: Rle | None) -> _Mark:
        if prompt.mask is not None:
            return _Mark(prompt, Predicted(mask=prompt.mask.decode()))
        previous = rough = None
        if prompt.box is None:
            if earlier is not None:
                previous = earlier.low_res
                rough = earlier.prompt.mask
            elif carried is not None and carried.area:
                rough = carried
            prompt = prompt.added_to(None if earlier is None else earlier.prompt)
        if self._stills is None:
            self._stills = self._make_stills()
        if self._looked_at != frame:
            self._stills.set_image(self._clip[frame])
            self._looked_at = frame
        alone = previous is None and rough is None and prompt.box is None and len(prompt.points) == 1
        found = self._stills.predict(
            points=prompt.points or None,
            labels=prompt.labels or None,
            box=prompt.box,
            mask=None if rough is None else rough.decode(),
            previous=previous,
            multimask=alone,  # one click is ambiguous
        )
        best = found.best
        shown = Predicted(mask=found.masks[best], iou=min(max(float(found.iou[best]), 0.0), 1.0))
        return _Mark(prompt, shown, found.low_res[best])

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        if not self._marks:
            raise ValueError("there is no prompt to propagate: point at something first")
        carried: Soft = {}
        for frame in range(min(min(marks) for marks in self._marks.values()), len(self._clip)):
            carried = (self._carrier(carried, frame) if carried else {}) | self._marked(frame)
            masks = {number: mask > 0.5 for number, mask in carried.items()}
            if not self._revisit:
                self._seen.clear()
            self._seen[frame] = {number: Rle.encode(mask) for number, mask in masks.items()}
            yield frame, {number: Predicted(mask=mask) for number, mask in masks.items()}
            carried |= self._marked(frame)

    def _marked(self, frame: int) -> Soft:
        return {
            number: marks[frame].shown.mask.astype(np.float32)
            for number, marks in self._marks.items()
            if frame in marks
        }

    def close(self) -> None:
        self._clip.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSpec:
    """Which predictor, by words: what a manifest holds and a worker process gets.

    Attributes
    ----------
    name: what tables and folders call it; no slashes.
    model: "copy", "flow", a model's name, or the path of a checkpoint.
    device: "cpu", "cuda", ...; None is the best one present.
    dtype: "float32" or "bfloat16"; None is float32.
    image_model: for copy and flow, the model that turns clicks and boxes into masks.
    """

    name: str
    model: str
    device: str | None = None
    dtype: str | None = None
    image_model: str = "nano"

    @property
    def baseline(self) -> bool:
        """Whether it is copy or flow."""
        return self.model in BASELINES

    def image_predictor(self) -> ImagePredictor:
        """The model as an image predictor; of a baseline, its image model."""
        name = self.image_model if self.baseline else self.model
        return ImagePredictor(_model(name, self.device, self.dtype))


@cache
def load_predictor(spec: PredictorSpec) -> Predictor:
    """The predictor; made once a process, so that its model is loaded once.

    Raises
    ------
    FileNotFoundError: no such model. ValueError: its file, device or dtype is of no use.
    """
    if spec.baseline:
        carrier = Copy if spec.model == "copy" else Flow
        return CarriedPredictor(spec.name, carrier, spec.image_model, device=spec.device, dtype=spec.dtype)
    return SessionPredictor(spec.name, spec.model, device=spec.device, dtype=spec.dtype)


@cache
def _model(name: str, device: str | None, dtype: str | None) -> Any:
    return masklet.load_model(name, device=device, dtype=None if dtype is None else getattr(torch, dtype))


def mask_prompt(mask: Mask) -> Prompt:
    """A mask [H, W] as the prompt."""
    return Prompt(mask=Rle.encode(mask))


def box_prompt(box: tuple[float, float, float, float]) -> Prompt:
    """x0, y0, x1, y1 along pixel edges as the prompt."""
    return Prompt(box=box)


def click_prompt(click: Click) -> Prompt:
    """One click as the prompt."""
    return Prompt(points=((click.x, click.y),), labels=(int(click.positive),))
