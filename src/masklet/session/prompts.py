"""What users point with, checked: clicks, boxes and masks in pixels of the picture.

Pixel coordinates are x, y with the origin at the top left corner of the picture; its edges, x = width and y = height,
belong to it. Boxes are x0, y0, x1, y1.

Legend: H W picture, S side of the model's image, P points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masklet.model.prompt_encoder import BOX_END, BOX_START, NEGATIVE, POSITIVE

Coordinates = NDArray[np.float32]
Labels = NDArray[np.int32]


def check_points(
    points: ArrayLike, labels: ArrayLike | None, height: int, width: int, *, allow_empty: bool = False
) -> tuple[Coordinates, Labels]:
    """Clicks as [P, 2] float32 x, y in pixels and their labels [P] int32.

    Parameters
    ----------
    points
        [P, 2] or one point [2]; finite, 0 <= x <= `width`, 0 <= y <= `height`.
    labels
        [P] or one number: 1 on the object, 0 off it. None: all are on the object.
    allow_empty
        Whether P may be 0.

    Raises
    ------
    ValueError
        Anything else; the message names the point.
    """
    coordinates = _numbers(points, "points")
    if coordinates.shape == (2,):
        coordinates = coordinates[None]
    if coordinates.size == 0:
        coordinates = coordinates.reshape(0, 2)
    if coordinates.ndim != 2 or coordinates.shape[1] != 2:
        raise ValueError(f"expected points of shape [P, 2] as x, y, got {list(coordinates.shape)}")
    count = len(coordinates)
    if count == 0 and not allow_empty:
        raise ValueError("expected at least one point, got none")
    marks = np.full(count, POSITIVE) if labels is None else _numbers(labels, "labels")
    if marks.ndim == 0:
        marks = marks[None]
    if marks.shape != (count,):
        raise ValueError(f"expected one label for each of {count} points, got labels of shape {list(marks.shape)}")
    wrong = marks[(marks != NEGATIVE) & (marks != POSITIVE)]
    if wrong.size:
        raise ValueError(f"a point's label is 1 (on the object) or 0 (off it), got {wrong[0]:g}")
    for x, y in coordinates:
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError(f"a point's coordinates are finite numbers, got ({x:g}, {y:g})")
        if not (0 <= x <= width and 0 <= y <= height):
            raise ValueError(f"point ({x:g}, {y:g}) lies outside of the picture of {width}x{height} pixels")
    return coordinates.astype(np.float32), marks.astype(np.int32)


def check_box(box: ArrayLike, height: int, width: int) -> NDArray[np.float32]:
    """A box [4] as float32 x0, y0, x1, y1 with 0 <= x0 < x1 <= `width` and 0 <= y0 < y1 <= `height`.

    Raises ValueError for anything else.
    """
    corners = _numbers(box, "box")
    if corners.shape in ((1, 4), (2, 2)):
        corners = corners.reshape(4)
    if corners.shape != (4,):
        raise ValueError(f"expected a box of four numbers x0, y0, x1, y1, got shape {list(corners.shape)}")
    x0, y0, x1, y1 = corners.tolist()
    shown = f"box ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not np.isfinite(corners).all():
        raise ValueError(f"a box's corners are finite numbers, got {shown}")
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"a box has x0 < x1 and y0 < y1, got {shown}, which is reversed or empty")
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        raise ValueError(f"{shown} reaches outside of the picture of {width}x{height} pixels")
    return corners.astype(np.float32)


def check_mask(mask: NDArray[Any], height: int, width: int) -> NDArray[np.bool_]:
    """A mask [`height`, `width`] as bool; of any number type that holds 0 and 1, or 0 and 255.

    Raises ValueError for another size, other values, or a mask without foreground.
    """
    array = np.asarray(mask)
    if array.shape != (height, width):
        raise ValueError(f"expected a mask of shape [{height}, {width}] like the picture, got {list(array.shape)}")
    if array.dtype != np.bool_:
        if array.dtype.kind not in "iuf":
            raise ValueError(f"expected a mask of bool or numbers, got {array.dtype}")
        top = array.max()
        foreground = array == top
        if top not in (0, 1, 255) or not np.all(foreground | (array == 0)):
            shown = ", ".join(f"{value:g}" for value in np.unique(array)[:5])
            raise ValueError(f"expected a mask of 0 and 1, or 0 and 255, got the values {shown}")
        array = foreground & (array != 0)
    if not array.any():
        raise ValueError("the mask is empty: no pixel of it is foreground")
    return np.ascontiguousarray(array, dtype=np.bool_)


def model_points(
    points: Coordinates | None,
    labels: Labels | None,
    box: NDArray[np.float32] | None,
    height: int,
    width: int,
    side: int,
) -> tuple[Coordinates, Labels]:
    """Checked prompts as the model reads them: pixels of its S x S image [P', 2] and labels [P'].

    A box is its two corners with labels of their own, placed before the clicks.
    """
    coordinates = [np.empty((0, 2), np.float32)]
    marks = [np.empty(0, np.int32)]
    if box is not None:
        coordinates.append(box.reshape(2, 2))
        marks.append(np.array([BOX_START, BOX_END], np.int32))
    if points is not None and labels is not None:
        coordinates.append(points)
        marks.append(labels)
    return to_model(np.concatenate(coordinates), height, width, side), np.concatenate(marks)


def to_model(coordinates: Coordinates, height: int, width: int, side: int) -> Coordinates:
    """Pixels of the picture [.., 2] -> pixels of the model's image; divides before it multiplies, as published."""
    return coordinates / np.array([width, height], np.float32) * np.float32(side)


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"expected {name} as an array of numbers, got {values!r:.80}") from None
