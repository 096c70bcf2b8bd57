"""Simulated users: where they click, what box they draw, how long they take.

Coordinates are x, y in pixels with the centre of the first pixel at (0, 0) for clicks, as in the published code; boxes
run along pixel edges, as a session's box prompt does.

Legend: H W image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.masks.boxes import mask_to_box

PROMPTS = ("mask", "box", "click-1", "click-3", "click-5")
"""Settings of semi-supervised video object segmentation: what is given on an object's first frame."""

EXAMINED_FRAMES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One click at x, y (pixels): on the object, or off it."""

    x: float
    y: float
    positive: bool


@dataclass(frozen=True, slots=True)
class _Centre:
    """The innermost pixel of a region and its distance to the nearest pixel outside; 0 for an empty region."""

    x: float = 0.0
    y: float = 0.0
    depth: float = 0.0


def first_click(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """x, y of the pixel of `mask` [H, W] that is farthest from its outside; of several, the first in row order.

    The maximum of the Euclidean distance transform, where all beyond the image counts as outside (SAM paper, section
    7.1; SAM 2 paper, appendix on interactive evaluation).

    Raises
    ------
    ValueError: not [H, W], or empty.

    Example
    -------
    >>> first_click(np.ones((5, 9), bool))
    (2.0, 2.0)
    """
    centre = _centre(_plane(mask))
    if not centre.depth:
        raise ValueError("expected a mask with foreground to click on, got an empty one")
    return centre.x, centre.y


def correction_click(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Click | None:
    """The next click on a prediction [H, W], given the true mask [H, W]; None where the two are equal.

    Of what is missing (truth without prediction) and what is too much (prediction without truth), the region whose
    distance transform reaches higher is clicked at that maximum, the first in row order: positively where it is
    missing, negatively where it is too much. At equal heights the click is negative. This is the rule of RITM (Sofiiuk
    et al., 2021), which the published evaluation of SAM 2 uses (`sample_one_point_from_error_center`).

    Raises
    ------
    ValueError: the shapes differ or are not [H, W].
    """
    predicted, truth = _plane(predicted), _plane(truth)
    if predicted.shape != truth.shape:
        raise ValueError(f"expected two masks [H, W] of one size, got {predicted.shape} and {truth.shape}")
    missing, excess = _centre(truth & ~predicted), _centre(predicted & ~truth)
    positive = missing.depth > excess.depth
    centre = missing if positive else excess
    return Click(x=centre.x, y=centre.y, positive=positive) if centre.depth else None


def mask_box(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """The tight box of a mask [H, W] as x0, y0, x1, y1 along pixel edges: one pixel at (3, 2) gives (3, 2, 4, 3).

    Raises
    ------
    ValueError: not [H, W], or empty.
    """
    box = mask_to_box(_plane(mask))
    if box is None:
        raise ValueError("expected a mask with foreground to draw a box around, got an empty one")
    x0, y0, x1, y1 = box
    return float(x0), float(y0), float(x1), float(y1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotationTime:
    """What a user's actions cost in seconds (SAM 2 paper, appendix on interactive evaluation).

    Attributes
    ----------
    locate: finding the object on a frame that is to be edited.
    click: one click.
    examine: looking through 300 frames of a result.
    """

    locate: float = 1.0
    click: float = 1.5
    examine: float = 30.0

    def seconds(self, clicks: int, edited_frames: int, examined_frames: int) -> float:
        """Time of `clicks` clicks on `edited_frames` frames and of `examined_frames` frames looked through.

        Example
        -------
        >>> AnnotationTime().seconds(clicks=3, edited_frames=1, examined_frames=300)
        35.5
        """
        if min(clicks, edited_frames, examined_frames) < 0:
            raise ValueError(f"expected counts of 0 or more, got {clicks}, {edited_frames} and {examined_frames}")
        return self.locate * edited_frames + self.click * clicks + self.examine * examined_frames / EXAMINED_FRAMES


def clicks_to_reach(ious: Sequence[float], threshold: float, limit: int = 20) -> int:
    """Number of clicks (NoC) until the IoU is at least `threshold`; `limit` where it is not within so many clicks.

    `ious` are the IoUs after 1, 2, ... clicks. NoC@85 is the mean over objects at 0.85 (RITM, Sofiiuk et al., 2021).

    Raises
    ------
    ValueError: no IoU, or a limit below 1.
    """
    if not ious or limit < 1:
        raise ValueError(f"expected the IoU of at least one click and a limit of at least 1, got {len(ious)}, {limit}")
    return next((count for count, iou in enumerate(ious[:limit], 1) if iou >= threshold), limit)


def _plane(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if mask.ndim != 2:
        raise ValueError(f"expected a mask [H, W], got the shape {list(mask.shape)}")
    return mask.astype(np.bool_, copy=False)


def _centre(region: NDArray[np.bool_]) -> _Centre:
    box = mask_to_box(region)
    if box is None:
        return _Centre()
    x0, y0, x1, y1 = box
    # Nothing of the region lies beyond its box, so one pixel of margin is as good as the whole image.
    framed = np.pad(region[y0:y1, x0:x1].view(np.uint8), 1)
    depths = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # Their last bit depends on where in memory the mask lies, and would decide between equal pixels; squared, they
    # are whole numbers.
    squares = np.rint(depths.astype(np.float64) ** 2)
    row, column = np.unravel_index(int(np.argmax(squares)), squares.shape)
    return _Centre(x=float(x0 + column), y=float(y0 + row), depth=math.sqrt(squares[row, column]))
