"""The two baselines that any tracker has to beat: the first mask copied, and the first mask moved by optical flow.

They are decoupled, as SAM + Cutie and SAM + XMem++ are in the SAM 2 paper: an image model turns clicks and boxes into a
mask of that one frame (a mask is taken as it is), and a rule that knows no objects carries it along.

Legend: H W image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.data.sequences import Clip
from masklet.masks import Rle
from masklet.metrics.tracking import Frame, Predicted, Tracking
from masklet.session import ImagePredictor, Prompt

Soft = dict[int, NDArray[np.float32]]
"""Object id -> [H, W], 0..1."""


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

    `stills` loads the image model; called with the first click or box.
    """

    def __init__(self, name: str, carrier: Callable[[Clip], Carrier], stills: Callable[[], ImagePredictor]) -> None:
        self.name = name
        self._carrier = carrier
        self._stills = stills

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:  # noqa: ARG002
        """Begin a video. Masks overlap where they meet, whatever is asked: a carrier cannot tell whose a pixel is."""
        return _CarriedTracking(clip, self._carrier(clip), self._stills, revisit=revisit)


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
