"""What a session gives back: one frame's masks of all objects, or one object's masks of all frames.

Legend: H W video frame, h w = S / 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from masklet.masks.masklet import FrameMask, Masklet
from masklet.masks.rle import Rle
from masklet.session.objects import ObjectState
from masklet.session.records import Memory


class ObjectMask:
    """One object on one frame.

    Attributes
    ----------
    low_res : Tensor
        Logits at a quarter of the model's image size, [4h, 4w] float32.
    score : float
        Object score, a logit: the object is visible where it is above 0.
    iou : float
        The model's own estimate of the mask's IoU, 0..1.
    prompted : bool
        Whether the frame carries a prompt for the object.
    """

    def __init__(self, record: Memory, size: tuple[int, int], *, prompted: bool) -> None:
        self.low_res: Tensor = record.logits[0]
        self.score = record.score
        self.iou = record.iou
        self.prompted = prompted
        self._size = size

    @property
    def visible(self) -> bool:
        """Whether the object is to be seen on the frame."""
        return self.score > 0

    @cached_property
    def logits(self) -> NDArray[np.float32]:
        """Mask logits at frame size, [H, W] float32; bilinear from `low_res`."""
        return at_frame_size(self.low_res, self._size)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The mask at frame size, [H, W] bool."""
        return self.logits > 0

    def frame_mask(self, frame: int) -> FrameMask:
        """The mask as one frame of a masklet."""
        return FrameMask(
            frame=frame,
            rle=Rle.encode(self.mask),
            score=self.score,
            iou=min(max(self.iou, 0.0), 1.0),
            visible=self.visible,
            prompted=self.prompted,
        )


def at_frame_size(low_res: Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    """Logits [4h, 4w] at a frame's size [H, W], bilinear.

    As torch does it without `align_corners`, but for the last digits, in a sixth of the time.
    """
    low = low_res.float().numpy(force=True)
    return np.asarray(cv2.resize(low, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The objects of one frame, by id; an object that has no result on the frame is absent."""

    frame: int
    objects: dict[int, ObjectMask]


def separate(objects: dict[int, ObjectMask]) -> None:
    """Lets the strongest object win each pixel: the others' logits there are clamped to at most -10, in place."""
    if len(objects) < 2:
        return
    stack = np.stack([entry.logits for entry in objects.values()])  # [O, H, W]
    winner = stack.argmax(axis=0)
    for index, entry in enumerate(objects.values()):
        np.minimum(entry.logits, np.where(winner == index, np.inf, -10.0), out=entry.logits, casting="same_kind")


def masklet_of(object_id: int, state: ObjectState, size: tuple[int, int]) -> Masklet:
    """All masks of an object of which there is a record, at frame `size`."""
    prompts = [{"frame": frame, **prompt.to_json()} for frame, prompt in sorted(state.prompts.items())]
    masklet = Masklet(object_id, *size, prompts=prompts)
    for frame in sorted({*state.bank.tracked.frames(), *state.bank.conditioning, *state.pending}):
        record = state.record(frame)
        assert record is not None
        masklet.add(ObjectMask(record, size, prompted=frame in state.prompts).frame_mask(frame))
    return masklet
