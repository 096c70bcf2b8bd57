"""Overlap of masks: IoU of stacks, its mean over objects, and boundary IoU.

Where both masks are empty, the overlap is 1: nothing was there and nothing was found.

Legend: N any leading axes, H W image.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Masks = NDArray[Any]

BOUNDARY_IOU_SHARE = 0.02
"""Width of boundary IoU's band as a share of the image diagonal."""


def iou(predicted: Masks, truth: Masks) -> NDArray[np.float64]:
    """Intersection over union [N] of masks [N,H,W] (non-zero is inside); the leading axes broadcast.

    Raises
    ------
    ValueError: not [...,H,W], or the shapes do not fit.

    Example
    -------
    >>> iou(np.eye(2)[None], np.ones((3, 2, 2)))
    array([0.5, 0.5, 0.5])
    """
    predicted, truth = _stacks(predicted, truth)
    intersection, union = _areas(predicted & truth), _areas(predicted | truth)
    return np.where(union, intersection / np.maximum(union, 1), 1.0)


def pairwise_iou(predicted: Masks, truth: Masks) -> NDArray[np.float64]:
    """IoU [P, G] of every one of P masks [P,H,W] with every one of G masks [G,H,W]; P and G may be 0."""
    if predicted.ndim != 3 or truth.ndim != 3 or predicted.shape[1:] != truth.shape[1:]:
        raise ValueError(f"expected masks [P,H,W] and [G,H,W] of one size, got {predicted.shape} and {truth.shape}")
    rows = [iou(mask, truth) for mask in predicted]
    return np.stack(rows) if rows else np.empty((0, len(truth)))


def mean_iou(predicted: Masks, truth: Masks) -> float:
    """mIoU: the mean of `iou` over one or more pairs of masks [N,H,W].

    Raises
    ------
    ValueError: as `iou`, or no mask at all.
    """
    found = iou(predicted, truth)
    if not found.size:
        raise ValueError("expected at least one pair of masks for a mean IoU, got none")
    return float(found.mean())


def boundary_iou(predicted: Masks, truth: Masks, share: float = BOUNDARY_IOU_SHARE) -> float:
    """IoU of the inner bands along the outlines of two masks [H,W] (Cheng et al., CVPR 2021).

    A band is what an erosion of `share` of the image diagonal (0..1, rounded to whole pixels, at least 1) takes from a
    mask; the erosion repeats a 3 x 3 square, and beyond the image is outside. So it is in the authors' code.

    Raises
    ------
    ValueError: the shapes differ, a mask is not [H,W], or the share is out of range.
    """
    if predicted.ndim != 2 or predicted.shape != truth.shape:
        raise ValueError(f"expected two masks [H,W] of one size, got {predicted.shape} and {truth.shape}")
    if not 0 < share <= 1:
        raise ValueError(f"expected a share of the image diagonal in 0..1, got {share:g}")
    width = max(1, round(share * math.hypot(*truth.shape)))
    return float(iou(_band(predicted, width), _band(truth, width)))


def _band(mask: Masks, width: int) -> NDArray[np.bool_]:
    inside = mask.astype(bool)
    framed = np.pad(inside.view(np.uint8), 1)
    # Beyond its frame the image counts as inside here, and the frame itself is outside: so it erodes from there.
    kept = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return inside & (kept == 0)


def _areas(masks: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pixels of each mask; counted one by one, because numpy counts along axes many times slower."""
    leading = masks.shape[:-2]
    flat = masks.reshape(math.prod(leading), *masks.shape[-2:])
    return np.array([np.count_nonzero(mask) for mask in flat], np.intp).reshape(leading)


def _stacks(predicted: Masks, truth: Masks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if min(predicted.ndim, truth.ndim) < 2 or predicted.shape[-2:] != truth.shape[-2:]:
        raise ValueError(f"expected masks [...,H,W] of one size, got {predicted.shape} and {truth.shape}")
    try:
        np.broadcast_shapes(predicted.shape, truth.shape)
    except ValueError:
        raise ValueError(f"expected as many masks as truths, got {predicted.shape} and {truth.shape}") from None
    return predicted.astype(bool, copy=False), truth.astype(bool, copy=False)
