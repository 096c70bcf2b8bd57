"""Masks drawn onto pictures: a tinted fill, a smooth contour and a label in the object's own colour.

Edges are drawn from a blurred mask. A blurred step edge tells, at every pixel near it, how far away the edge is; a
table turns the blurred value into that distance and the distance into opacity. This gives anti-aliased contours
without stairs for the price of a blur, and only inside of each mask's bounding box.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.export.text import Picture, Rgb, blend, draw_label, label_size
from masklet.masks.boxes import mask_to_box
from masklet.masks.palette import object_colour
from masklet.masks.rle import Bbox, Mask, Rle, as_mask

MaskLike = NDArray[Any] | Rle

POSITIVE = (40, 200, 80)
NEGATIVE = (235, 50, 50)
_WHITE = (255, 255, 255)
_SHADOW = (12, 14, 18)
_SHIFT = 4
_RIM = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayStyle:
    """How masks are drawn.

    Args:
        fill: opacity of the tint, 0..1.
        contour: width of the contour in pixels of a picture 720 pixels high, scaled with the picture; 0 for none.
        labels: whether to write the id (or the name, where there is one) on each object.

    Raises:
        ValueError: an opacity outside 0..1, or a width that is negative or not finite.
    """

    fill: float = 0.42
    contour: float = 2.4
    labels: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.fill <= 1:
            raise ValueError(f"the fill's opacity lies in 0..1, got {self.fill}")
        if not (math.isfinite(self.contour) and self.contour >= 0):
            raise ValueError(f"the contour's width is 0 or more pixels, got {self.contour}")


def draw_masks(
    frame: Picture,
    masks: Mapping[int, MaskLike],
    *,
    names: Mapping[int, str] | None = None,
    style: OverlayStyle | None = None,
) -> Picture:
    """A copy of a frame with masks drawn onto it.

    Args:
        frame: HxWx3 uint8, RGB.
        masks: object id -> HxW mask (bool, or 0 and 1) or Rle. Large ones are drawn first, so that small ones stay
            visible.
        names: object id -> what to write instead of the id.
        style: see `OverlayStyle`.

    Raises:
        ValueError: no RGB picture, or a mask of another size.
    """
    style = style or OverlayStyle()
    result = _as_picture(frame).copy()
    scale = _scale(result)
    found = sorted(
        ((object_id, *placed) for object_id, mask in masks.items() if (placed := _place(mask, object_id, result))),
        key=lambda item: (-np.count_nonzero(item[1]), item[0]),
    )
    for object_id, mask, box in found:
        _tint(result, mask, box, object_colour(object_id), fill=style.fill, width=style.contour * scale)
    if style.labels:
        size = round(max(12.0, 17 * scale))
        for object_id, mask, box in found:
            text = (names or {}).get(object_id, str(object_id))
            draw_label(result, text, _anchor(mask, box, label_size(text, size)), object_colour(object_id), size=size)
    return result


def draw_prompts(frame: Picture, prompts: Iterable[Mapping[str, Any]]) -> Picture:
    """A copy of a frame with prompts drawn onto it.

    Args:
        frame: HxWx3 uint8, RGB.
        prompts: records with any of `points` (x, y pairs in pixels), `labels` (1 on the object, 0 off it; default 1)
            and `box` (x0, y0, x1, y1), and with `object`, whose colour the box takes. Positive points are green
            discs with a plus, negative ones red with a minus.
    """
    result = _as_picture(frame).copy()
    scale = _scale(result)
    for prompt in prompts:
        box = prompt.get("box")
        points: Sequence[Any] = prompt.get("points") or ()
        if box is not None:
            _draw_box(result, tuple(float(side) for side in box), object_colour(int(prompt.get("object", 0))), scale)
        labels = prompt.get("labels") or [1] * len(points)
        for (x, y), label in zip(points, labels, strict=True):
            _draw_point(result, float(x), float(y), positive=bool(label), scale=scale)
    return result


def _as_picture(frame: Picture) -> Picture:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"expected an HxWx3 uint8 picture, got shape {frame.shape} of {frame.dtype}")
    return frame


def _scale(frame: Picture) -> float:
    """How much wider lines are than on 720 lines. They grow slower than the picture: small ones stay legible so."""
    ratio = min(frame.shape[:2]) / 720
    return max(0.6, ratio ** (0.5 if ratio < 1 else 0.75))


def _place(mask: MaskLike, object_id: int, frame: Picture) -> tuple[Mask, Bbox] | None:
    """The mask cut to its bounding box (x0, y0, x1, y1), or None where it is empty."""
    array = mask.decode() if isinstance(mask, Rle) else as_mask(mask)
    if array.shape != frame.shape[:2]:
        expected, came = ("x".join(map(str, shape)) for shape in (frame.shape[:2], array.shape))
        raise ValueError(f"object {object_id}: expected a mask of {expected} (height x width), got {came}")
    box = mask_to_box(array)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    return array[y0:y1, x0:x1], box


def _tint(picture: Picture, mask: Mask, box: Bbox, colour: Rgb, *, fill: float, width: float) -> None:
    """Fill and contour (`width` pixels) of one mask (cut to `box`) into `picture`."""
    sigma = max(0.9, 0.55 * width)
    margin = math.ceil(width + 3 * sigma)
    x0, y0, x1, y1 = box
    height, full = picture.shape[:2]
    # The picture's edge is no edge of the object: beyond it the mask goes on as it is.
    wide = cv2.copyMakeBorder(mask.view(np.uint8) * 255, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    top, left = max(y0 - margin, 0), max(x0 - margin, 0)
    bottom, right = min(y1 + margin, height), min(x1 + margin, full)
    reach = np.asarray(wide, np.uint8)[
        top - y0 + margin : bottom - y0 + margin, left - x0 + margin : right - x0 + margin
    ]
    soft = cv2.GaussianBlur(np.ascontiguousarray(reach), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    soft = np.asarray(soft, np.uint8).reshape(reach.shape)
    opacity, paint, inside = _tables(sigma, width, fill, colour)
    # What is thinner than the blur would fade out: a mask's own pixels count as at least half a pixel inside.
    np.maximum(soft, (reach >> 7) * np.uint8(inside), out=soft)
    # cv2's tables are several times faster than indexing with an array.
    coloured = cv2.LUT(cv2.merge([soft, soft, soft]), paint.reshape(1, 256, 3))
    blend(
        picture[top:bottom, left:right], np.asarray(coloured, np.uint8), np.asarray(cv2.LUT(soft, opacity), np.float32)
    )


@lru_cache(maxsize=512)
def _tables(sigma: float, width: float, fill: float, colour: Rgb) -> tuple[NDArray[np.float32], Picture, int]:
    """For each value 0..255 of the blurred mask: how opaque it is, and in which colour.

    Also the value half a pixel inside of a straight edge.
    """
    normal = NormalDist(0, sigma)
    # Distance in pixels to the edge, positive inside.
    depth = np.array([normal.inv_cdf(min(max(value / 255, 1e-4), 1 - 1e-4)) for value in range(256)])
    line = np.clip(width / 2 + 0.5 - np.abs(depth), 0, 1) if width else np.zeros_like(depth)
    tint = np.maximum(line, np.clip(depth + 0.5, 0, 1) * fill)
    # A thin dark rim outside of the contour sets it off from a background of its own colour.
    rim = np.clip(width / 2 + 1.5 - np.abs(depth), 0, 1) * _RIM * (depth < 0) if width else np.zeros_like(depth)
    opacity = tint + rim * (1 - tint)
    share = np.divide(tint, opacity, out=np.ones_like(tint), where=opacity > 0)[:, None]
    paint = share * np.array(colour) + (1 - share) * np.array(_SHADOW)
    return opacity.astype(np.float32), paint.round().astype(np.uint8), int(np.searchsorted(depth, 0.5))


def _anchor(mask: Mask, box: Bbox, label: tuple[int, int]) -> tuple[float, float]:
    """Where the centre of a label of size (width, height) goes.

    Deep inside of the mask, and among equally deep places close to its centre of mass; beside an object that it would
    hide.
    """
    x0, y0, x1, y1 = box
    if label[0] * label[1] > 0.15 * np.count_nonzero(mask):
        above = y0 - 0.5 * label[1] - 3
        return (x0 + x1) / 2, above if above > 0.5 * label[1] else y1 + 0.5 * label[1] + 3
    shrink = max(1.0, max(mask.shape) / 64)
    size = (max(round(mask.shape[1] / shrink), 1), max(round(mask.shape[0] / shrink), 1))
    small = np.asarray(cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_AREA), np.uint8)
    small = np.pad(small.reshape(size[1], size[0]), 1)
    if not small.any():
        return (x0 + x1) / 2, (y0 + y1) / 2
    depth = np.asarray(cv2.distanceTransform(small, cv2.DIST_L2, 5)).reshape(small.shape)
    rows, columns = np.nonzero(small)
    away = np.hypot(rows - rows.mean(), columns - columns.mean())
    best = int(np.argmax(depth[rows, columns] - 0.35 * away))
    return x0 + (columns[best] - 0.5) * mask.shape[1] / size[0], y0 + (rows[best] - 0.5) * mask.shape[0] / size[1]


def _draw_box(picture: Picture, box: tuple[float, ...], colour: Rgb, scale: float) -> None:
    if len(box) != 4:
        raise ValueError(f"a box is x0, y0, x1, y1, got {len(box)} numbers")
    low, high = (_fixed(box[0]), _fixed(box[1])), (_fixed(box[2]), _fixed(box[3]))
    width = max(2, round(2.2 * scale))
    cv2.rectangle(picture, low, high, _WHITE, width + 2, cv2.LINE_AA, _SHIFT)
    cv2.rectangle(picture, low, high, colour, width, cv2.LINE_AA, _SHIFT)


def _draw_point(picture: Picture, x: float, y: float, *, positive: bool, scale: float) -> None:
    radius = 7.5 * scale
    centre = (_fixed(x), _fixed(y))
    cv2.circle(picture, centre, _fixed(radius + 2.4 * scale), _SHADOW, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(picture, centre, _fixed(radius + 1.6 * scale), _WHITE, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(picture, centre, _fixed(radius), POSITIVE if positive else NEGATIVE, -1, cv2.LINE_AA, _SHIFT)
    arm, thick = 0.55 * radius, 0.16 * radius
    _bar(picture, x, y, arm, thick)
    if positive:
        _bar(picture, x, y, thick, arm)


def _bar(picture: Picture, x: float, y: float, half_width: float, half_height: float) -> None:
    corners = [(x - half_width, y - half_height), (x + half_width, y - half_height)]
    corners += [(x + half_width, y + half_height), (x - half_width, y + half_height)]
    outline = np.array([[_fixed(px), _fixed(py)] for px, py in corners], np.int32)
    cv2.fillPoly(picture, [outline], _WHITE, cv2.LINE_AA, _SHIFT)


def _fixed(value: float) -> int:
    """Pixels in cv2's fixed-point numbers."""
    return round(value * (1 << _SHIFT))
