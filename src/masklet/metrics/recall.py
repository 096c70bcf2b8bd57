"""Average recall of mask proposals, class by class unaware, as COCO defines it (`COCOeval`, useCats = 0).

Per IoU threshold, proposals are gone through by descending score, and each takes the object of highest IoU that is
still free. The share of objects that are taken is the recall; AR is its mean over the thresholds 0.5, 0.55 .. 0.95.
Where objects of one size are counted, a proposal may still spend itself on an object of another size, after those
that count.

Legend: D proposals, G objects, T thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pycocotools.mask as coco_mask
from numpy.typing import NDArray

from masklet.masks.rle import Rle

THRESHOLDS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Areas in pixels, both ends included."""


def rle_iou(proposals: Sequence[Rle], truth: Sequence[Rle]) -> NDArray[np.float64]:
    """IoU of every proposal with every object, [D, G]; all of one picture."""
    if not proposals or not truth:
        return np.zeros((len(proposals), len(truth)))
    left, right = (cast("list[Any]", [rle.to_coco() for rle in rles]) for rles in (proposals, truth))
    return np.asarray(coco_mask.iou(left, right, [0] * len(right)), np.float64)


def object_recall(ious: NDArray[np.float64], counted: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Share of the thresholds at which each object is found, [G]: its mean over a data set's objects is AR.

    Parameters
    ----------
    ious: [D, G], proposals by descending score.
    counted: [G], which objects count; the figures of the others are of no use. None: all.

    Example
    -------
    >>> object_recall(np.array([[0.72, 0.0], [0.9, 0.3]])).tolist()
    [0.9, 0.0]
    """
    counts = np.ones(ious.shape[1], np.bool_) if counted is None else counted
    found = np.zeros((len(THRESHOLDS), ious.shape[1]))
    for row, threshold in enumerate(THRESHOLDS):
        least = min(float(threshold), 1 - 1e-10)
        free = np.ones(ious.shape[1], np.bool_)
        for overlap in ious[(ious >= least).any(axis=1)]:
            fitting = free & (overlap >= least)
            fitting = fitting & counts if (fitting & counts).any() else fitting
            if fitting.any():
                # Of equal IoUs the last one is taken, as there.
                taken = len(overlap) - 1 - int(np.argmax(np.where(fitting, overlap, -1.0)[::-1]))
                free[taken] = False
        found[row] = ~free
    return found.mean(axis=0)


def of_size(areas: NDArray[np.int64], size: str) -> NDArray[np.bool_]:
    """Which objects [G] of those areas (pixels) are `size`: small, medium or large."""
    low, high = SIZES[size]
    return (areas >= low) & (areas <= high)
