"""Where it went most wrong: single frames as strips of picture, ground truth, prediction and error.

Legend: H W image, h w one field of a strip.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.data.sequences import Mask
from masklet.export.overlay import OverlayStyle, draw_masks
from masklet.export.text import draw_label
from masklet.masks.boxes import mask_to_box
from masklet.metrics.report.quality import of_measures
from masklet.metrics.results import Score

Picture = NDArray[np.uint8]
Box = tuple[int, int, int, int]

# Blue and orange, which all eyes tell apart.
MISSING = (0, 114, 255)
TOO_MUCH = (255, 140, 0)
_HIT = (225, 228, 235)
_CHIP = (38, 41, 48)
_FRAME = (255, 205, 40)
_STYLE = OverlayStyle(fill=0.45, contour=3.0, labels=False)
_FIELD = 320
_GAP = 4
_SMALLEST_VIEW = 0.3  # of the picture's sides


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstFrame:
    """An object on a frame, and how well it was predicted there (0..1)."""

    predictor: str
    setting: str
    sequence: str
    object_id: int
    frame: int
    value: float


def frame_values(scores: Iterable[Score]) -> list[WorstFrame]:
    """How well each object was predicted on each frame: J&F (mean of the two), or J or the IoU where there is no F.

    Values that belong to no single object and frame are left out.
    """
    found: dict[tuple[str, str, str, int, int], dict[str, float]] = {}
    for score in scores:
        if score.metric in {"J", "F", "iou"} and score.frame is not None and score.object_id is not None:
            key = (score.predictor, score.setting, score.sequence, score.object_id, score.frame)
            found.setdefault(key, {})[score.metric] = score.value
    return [
        WorstFrame(
            predictor=predictor, setting=setting, sequence=sequence, object_id=object_id, frame=frame, value=value
        )
        for (predictor, setting, sequence, object_id, frame), values in found.items()
        if (value := of_measures(values)) is not None and math.isfinite(value)
    ]


def worst_frames(frames: Iterable[WorstFrame], count: int, *, apart: int = 10) -> list[WorstFrame]:
    """The worst of some frames, spread out: first the worst of each sequence, then second ones, and so on.

    Parameters
    ----------
    apart: how many frames two picked ones of one sequence lie apart, at least.
    """
    waiting: dict[str, list[WorstFrame]] = {}
    for frame in sorted(frames, key=lambda frame: (frame.value, frame.sequence, frame.frame, frame.object_id)):
        waiting.setdefault(frame.sequence, []).append(frame)
    picked: list[WorstFrame] = []
    while waiting and len(picked) < count:
        # Every round takes one frame of each sequence that still has one; the sequences' order is by their worst.
        for sequence in list(waiting)[: count - len(picked)]:
            chosen = waiting[sequence][0]
            picked.append(chosen)
            rest = [other for other in waiting[sequence] if abs(other.frame - chosen.frame) >= apart]
            if rest:
                waiting[sequence] = rest
            else:
                del waiting[sequence]
    return picked


def error_map(picture: Picture, truth: Mask, predicted: Mask) -> Picture:
    """A dim grey picture [H,W,3] with what is missing in blue, what is too much in orange, what is right near white.

    Raises
    ------
    ValueError: sizes that differ.
    """
    if not picture.shape[:2] == truth.shape == predicted.shape:
        raise ValueError(f"expected masks of {picture.shape[:2]}, got {truth.shape} and {predicted.shape}")
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    result = np.repeat((30 + 0.35 * grey)[:, :, None], 3, axis=2)
    for where, colour, opacity in (
        (truth & predicted, _HIT, 0.45),
        (truth & ~predicted, MISSING, 0.9),
        (predicted & ~truth, TOO_MUCH, 0.9),
    ):
        result[where] = (1 - opacity) * result[where] + opacity * np.asarray(colour, np.float32)
    return result.round().astype(np.uint8)


def strip(picture: Picture, truth: Mask, predicted: Mask, *, object_id: int = 1) -> Picture:
    """Picture, ground truth, prediction and error as one picture; the last three show where the object is.

    Wide pictures stand two by two, upright ones in a row, so that either fits a column of text.

    Parameters
    ----------
    picture: [H, W, 3] uint8, RGB.
    truth, predicted: [H, W] bool.
    object_id: gives the masks their colour.

    Raises
    ------
    ValueError: sizes that differ.
    """
    errors = error_map(picture, truth, predicted)
    x0, y0, x1, y1 = view = view_of(truth | predicted)
    longer = max(picture.shape[:2])
    height, width = (max(round(side * _FIELD / longer), 1) for side in picture.shape[:2])
    whole = _resized(picture, (width, height))
    if view != (0, 0, picture.shape[1], picture.shape[0]):
        corners = [
            (round(x * width / picture.shape[1]), round(y * height / picture.shape[0]))
            for x, y in ((x0, y0), (x1 - 1, y1 - 1))
        ]
        cv2.rectangle(whole, *corners, color=_FRAME, thickness=2)
    near = _resized(picture[y0:y1, x0:x1], (width, height))
    fields = [whole]
    for mask in (truth, predicted):
        shown = _resized(mask[y0:y1, x0:x1].astype(np.uint8) * 255, (width, height)) >= 128
        fields.append(draw_masks(near, {object_id: shown}, style=_STYLE))
    # Pixels of an error map are counted by eye: they are not blended with their neighbours.
    close = cv2.resize(errors[y0:y1, x0:x1], (width, height), interpolation=cv2.INTER_NEAREST)
    fields.append(np.asarray(close, np.uint8))
    columns = 2 if width >= height else 4
    rows = 4 // columns
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 128, np.uint8)
    for index, (field, name) in enumerate(zip(fields, ("picture", "truth", "prediction", "error"), strict=True)):
        draw_label(field, name, (4 + 4 * len(name), 12), _CHIP, size=12)
        top, left = (place * (side + _GAP) for place, side in zip(divmod(index, columns), (height, width), strict=True))
        sheet[top : top + height, left : left + width] = field
    return sheet


def view_of(mask: Mask) -> Box:
    """The part of a picture to look at: around all that is set, with room, in the picture's own shape.

    Returns
    -------
    x0, y0, x1, y1, the last two behind the end: all of the picture where nothing is set or the part is nearly all.
    """
    height, width = mask.shape
    box = mask_to_box(mask)
    if box is None:
        return 0, 0, width, height
    x0, y0, x1, y1 = box
    share = max(1.5 * max((x1 - x0) / width, (y1 - y0) / height), _SMALLEST_VIEW)
    if share > 0.8:
        return 0, 0, width, height
    wide, high = round(share * width), round(share * height)
    left = min(max(round((x0 + x1 - wide) / 2), 0), width - wide)
    top = min(max(round((y0 + y1 - high) / 2), 0), height - high)
    return left, top, left + wide, top + high


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height)."""
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)
