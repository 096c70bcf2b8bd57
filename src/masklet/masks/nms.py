"""Greedy non-maximum suppression of boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masklet.masks.boxes import as_boxes


def nms(boxes: ArrayLike, scores: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """Indices of the boxes that remain, by descending score.

    Takes the best box, drops every other whose IoU with it is **greater** than `threshold`, and goes on with the best
    of the rest: the result of `torchvision.ops.nms`. Equal scores keep the order of the input.

    Args:
        boxes: (N, 4) as x0, y0, x1, y1.
        scores: (N,), finite.
        threshold: IoU, 0..1.

    Raises:
        ValueError: shapes that don't fit each other, a score that is not finite, a threshold outside 0..1.
    """
    array = as_boxes(boxes)
    values = np.asarray(scores)
    if values.shape != (len(array),):
        raise ValueError(f"expected one score a box, shape ({len(array)},), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores are finite numbers, got NaN or infinity")
    if not 0 <= threshold <= 1:
        raise ValueError(f"an IoU threshold lies in 0..1, got {threshold}")
    x0, y0, x1, y1 = array.T
    area = (x1 - x0) * (y1 - y0)
    order = np.argsort(-values.astype(np.float64), kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        wide = np.maximum(np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest]), 0)
        high = np.maximum(np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest]), 0)
        overlap = wide * high
        # Boxes without area give 0/0: no overlap, so they stay, as in torchvision.
        with np.errstate(invalid="ignore", divide="ignore"):
            drop = overlap / (area[best] + area[rest] - overlap) > threshold
        order = rest[~drop]
    return np.asarray(kept, dtype=np.int64)
