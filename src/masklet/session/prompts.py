"""What users point with, checked: clicks, boxes and masks in pixels of the picture.

Pixel coordinates are x, y with the origin at the top left corner of the picture; its edges, x = width and y = height,
belong to it. Boxes are x0, y0, x1, y1.

Legend: H W picture, S side of the model's image, P points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masklet.masks.rle import Rle
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


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the user pointed at on one frame, in pixels of the video: clicks and a box, or a mask."""

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None
    mask: Rle | None = None

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {}
        if self.points:
            record |= {"points": [list(p) for p in self.points], "labels": list(self.labels)}
        if self.box is not None:
            record["box"] = list(self.box)
        if self.mask is not None:
            record["mask"] = self.mask.to_coco()
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Prompt:
        box = record.get("box")
        return cls(
            points=tuple((float(x), float(y)) for x, y in record.get("points", ())),
            labels=tuple(int(label) for label in record.get("labels", ())),
            box=None if box is None else (box[0], box[1], box[2], box[3]),
            mask=Rle.from_coco(record["mask"]) if "mask" in record else None,
        )

    @classmethod
    def checked(
        cls,
        size: tuple[int, ...],
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: NDArray[Any] | None = None,
    ) -> Prompt:
        """A prompt on a picture of `size` (height, width); ValueError where it is empty or does not fit."""
        height, width = size[0], size[1]
        if mask is not None:
            if points is not None or box is not None or labels is not None:
                raise ValueError("in a video a mask prompt stands alone, got a mask with points or a box")
            return cls(mask=Rle.encode(check_mask(mask, height, width)))
        if points is None and labels is not None:
            raise ValueError("expected points to go with the labels, got none")
        if points is None and box is None:
            raise ValueError("expected points, a box or a mask, got none")
        corners = None
        if box is not None:
            x0, y0, x1, y1 = check_box(box, height, width).tolist()
            corners = (x0, y0, x1, y1)
        if points is None:
            return cls(box=corners)
        coordinates, marks = check_points(points, labels, height, width, allow_empty=box is not None)
        return cls(tuple((x, y) for x, y in coordinates.tolist()), tuple(marks.tolist()), corners)

    def added_to(self, earlier: Prompt | None) -> Prompt:
        """These clicks after those of `earlier`, whose box stays; a box or mask of its own starts anew."""
        if self.box is not None or self.mask is not None:
            raise ValueError("a box or a mask starts a prompt anew: it needs replace=True")
        if earlier is None or earlier.mask is not None:
            return self
        return Prompt((*earlier.points, *self.points), (*earlier.labels, *self.labels), earlier.box)
