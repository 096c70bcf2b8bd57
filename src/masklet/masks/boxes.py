"""Boxes as float arrays of shape (N, 4): x0, y0, x1, y1 in pixels, ends exclusive, so that x1 - x0 is a width."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masklet.masks.rle import as_mask

Boxes = NDArray[np.floating[Any]]


def as_boxes(boxes: ArrayLike) -> Boxes:
    """Return `boxes` as a float array of shape (N, 4).

    One box of shape (4,) becomes (1, 4); an empty sequence becomes (0, 4); integers become float64.

    Raises:
        ValueError: another shape, or values that are not finite.
    """
    array = np.asarray(boxes)
    if array.dtype.kind not in "f":
        array = array.astype(np.float64)
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have the shape (N, 4), got {np.shape(boxes)}")
    if not np.isfinite(array).all():
        raise ValueError("boxes are finite numbers, got NaN or infinity")
    return array


def box_area(boxes: ArrayLike) -> Boxes:
    """Areas (N,) in square pixels; 0 for a reversed box."""
    array = as_boxes(boxes)
    return _extent(array[:, 2] - array[:, 0]) * _extent(array[:, 3] - array[:, 1])


def box_iou(a: ArrayLike, b: ArrayLike) -> Boxes:
    """Intersection over union (N, M) of every box of `a` with every box of `b`; 0 where both have no area."""
    left, right = as_boxes(a), as_boxes(b)
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    overlap = _extent(high - low).prod(axis=2)
    total = box_area(left)[:, None] + box_area(right)[None, :] - overlap
    return np.divide(overlap, total, out=np.zeros_like(overlap), where=total > 0)


def xyxy_to_xywh(boxes: ArrayLike) -> Boxes:
    """x0, y0, x1, y1 to COCO's x, y, width, height."""
    array = as_boxes(boxes)
    return np.concatenate([array[:, :2], array[:, 2:] - array[:, :2]], axis=1)


def xywh_to_xyxy(boxes: ArrayLike) -> Boxes:
    """COCO's x, y, width, height to x0, y0, x1, y1."""
    array = as_boxes(boxes)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


def clip_boxes(boxes: ArrayLike, height: int, width: int) -> Boxes:
    """Cut boxes off at the edges of a picture of `height` x `width` pixels."""
    if height < 1 or width < 1:
        raise ValueError(f"a picture has at least 1x1 pixels, got {height}x{width}")
    array = as_boxes(boxes)
    limit = np.array([width, height, width, height], dtype=array.dtype)
    return np.clip(array, 0, limit)


def mask_to_box(mask: NDArray[Any]) -> tuple[int, int, int, int] | None:
    """(x0, y0, x1, y1) around the foreground of an HxW mask, ends exclusive; None for an empty mask."""
    array = as_mask(mask)
    rows = np.flatnonzero(array.any(axis=1))
    if rows.size == 0:
        return None
    y0, y1 = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(array[y0:y1].any(axis=0))
    return int(columns[0]), y0, int(columns[-1]) + 1, y1


def is_near_crop_edge(
    boxes: ArrayLike,
    crop: tuple[float, float, float, float],
    picture: tuple[float, float, float, float],
    atol: float = 20.0,
) -> NDArray[np.bool_]:
    """Which boxes (N, 4), in picture coordinates, touch an edge of `crop` that is no edge of the picture.

    The published mask generator drops the masks of a crop whose boxes come within `atol` pixels of the crop's inner
    edges: such an object goes on outside of the crop (`is_box_near_crop_edge`).
    """
    array = as_boxes(boxes)
    near_crop = np.isclose(array, np.asarray(crop, dtype=array.dtype), atol=atol, rtol=0)
    near_picture = np.isclose(array, np.asarray(picture, dtype=array.dtype), atol=atol, rtol=0)
    return np.any(near_crop & ~near_picture, axis=1)


def _extent(length: Boxes) -> Boxes:
    return np.maximum(length, 0)
