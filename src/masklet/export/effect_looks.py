"""Effects drawn on a frame.

A target's mask is softened to a weight of 0..1 per pixel (`feather`), and an effect mixes its picture in by that
weight, so that pixels without weight stay exactly as they were. Blur and squares take a target's own colours only: no
neighbour shines into it, and nothing of it is left around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.export.cutout import with_alpha
from masklet.export.effect_text import text_picture
from masklet.export.effects import (
    Blur,
    CutOut,
    Desaturate,
    Effect,
    Erase,
    Follow,
    Gradient,
    Outline,
    Overlay,
    Pixelate,
    Replace,
    Spotlight,
    decode_picture,
    rgb,
)
from masklet.export.overlay import MaskLike
from masklet.export.text import Picture, blend
from masklet.masks.boxes import mask_to_box
from masklet.masks.rle import Mask, Rle, as_mask

FloatBox = tuple[float, float, float, float]
Weight = NDArray[np.float32]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of BT.709."""
_LARGEST_SIGMA = 8
"""A stronger blur is made on a smaller picture, where it is at most this strong."""
_FILL_MARGIN = 12
"""Pixels around a hole from which it is filled."""
_RELAXATIONS = 12
_TEXT_GAP = 6
"""Pixels between a box and the text above or below it."""


@dataclass(slots=True)
class Canvas:
    """A picture in the making: HxWx3 colours, and opacity (HxW, 0..1) as soon as something is transparent."""

    colours: Picture
    opacity: Weight | None = None


def apply_effects(
    frame: Picture,
    masks: Mapping[int, MaskLike],
    effects: Sequence[Effect],
    *,
    boxes: Mapping[int, FloatBox] | None = None,
) -> Picture:
    """A frame with effects, each drawn on what those before it left.

    An effect whose target is not in the frame leaves the frame as it is, but for a cut-out: without its target, nothing
    stays. Erasing needs surroundings: a target that is the whole frame stays.

    Args:
        frame: HxWx3 uint8, RGB; it is not changed.
        masks: object id -> HxW mask (bool, or 0 and 1) or Rle, of all objects of the frame. "background" is what none
            of them covers.
        effects: see `masklet.export.effects`.
        boxes: object id -> (x0, y0, x1, y1) for text that follows, such as boxes that were smoothed over time;
            otherwise the masks' own.

    Returns:
        HxWx3 uint8, or HxWx4 with straight alpha where a `CutOut` is among the effects; transparent pixels are black.

    Raises:
        ValueError: no RGB picture, a mask of another size, a picture that cannot be read, or a character that no font
            has.
    """
    canvas = draw_effects(frame, masks, effects, boxes=boxes)
    if canvas.opacity is None:
        return canvas.colours
    return with_alpha(canvas.colours, to_bytes(canvas.opacity * 255))


def draw_effects(
    frame: Picture,
    masks: Mapping[int, MaskLike],
    effects: Sequence[Effect],
    *,
    boxes: Mapping[int, FloatBox] | None = None,
) -> Canvas:
    """What `apply_effects` does, with the colours of transparent pixels kept."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"expected an HxWx3 uint8 picture, got shape {frame.shape} of {frame.dtype}")
    decoded = {number: _decoded(number, mask, frame.shape[:2]) for number, mask in masks.items()}
    everything = np.zeros(frame.shape[:2], bool)
    for mask in decoded.values():
        everything |= mask
    canvas = Canvas(frame.copy())
    for effect in effects:
        if effect.target == "background":
            mask = ~everything
        elif effect.target == "objects":
            mask = everything
        else:
            mask = decoded.get(effect.target, np.zeros_like(everything))
        if isinstance(effect, Follow):
            for number in decoded if effect.target == "objects" else [effect.target]:
                box = _box_of(number, decoded, boxes or {})
                if box is not None:
                    _follow(canvas, box, effect)
        elif mask.any() or isinstance(effect, CutOut):
            _draw(canvas, mask, effect)
    return canvas


def _draw(canvas: Canvas, mask: Mask, effect: Effect) -> None:
    match effect:
        case Erase():
            reach = _grown(mask, effect.grow)
            if not reach.all():
                _fill(canvas.colours, reach)
        case CutOut():
            kept = softened(mask, effect.feather)
            canvas.opacity = kept if canvas.opacity is None else np.minimum(canvas.opacity, kept)
        case Outline():
            _over(canvas, np.full_like(canvas.colours, rgb(effect.colour)), _around(mask, effect.width))
        case Replace():
            new = np.full_like(canvas.colours, rgb(effect.colour))
            if effect.picture is not None:
                new = _backdrop(effect.picture, *mask.shape)
            _over(canvas, new, softened(mask, effect.feather))
        case _:
            blend(canvas.colours, *_paint(canvas.colours, mask, effect))


def _paint(colours: Picture, mask: Mask, effect: Effect) -> tuple[Picture, Weight]:
    """What is laid over the colours, and by how much, for effects that leave opacity alone."""
    match effect:
        case Blur():
            weight = softened(mask, effect.feather)
            return _blurred(colours, weight, effect.radius), weight
        case Pixelate():
            weight = softened(mask, effect.feather)
            return _squares(colours, weight, effect.size), weight
        case Desaturate():
            grey = to_bytes(colours.astype(np.float32) @ _LUMA)
            return np.repeat(grey[:, :, None], 3, axis=2), softened(mask, effect.feather) * np.float32(effect.amount)
        case Gradient():
            return _course(mask, effect), softened(mask, effect.feather) * np.float32(effect.opacity)
        case Spotlight():
            return np.zeros_like(colours), (1 - softened(mask, effect.feather)) * np.float32(effect.darkness)
        case Overlay():
            tint = np.full_like(colours, rgb(effect.colour))
            return tint, softened(mask, effect.feather) * np.float32(effect.opacity)
        case _:
            raise AssertionError(f"{type(effect).__name__} is not drawn")


def softened(mask: Mask, feather: float) -> Weight:
    """HxW weights 0..1: the mask with an edge that runs out over `feather` pixels to both sides, and no farther."""
    weight = mask.astype(np.float32)
    if feather == 0:
        return weight
    side = 2 * math.ceil(feather) + 1
    soft = cv2.GaussianBlur(weight, (side, side), feather / 2, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft, np.float32).reshape(mask.shape)


def to_bytes(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _decoded(number: int, mask: MaskLike, shape: tuple[int, ...]) -> Mask:
    array = mask.decode() if isinstance(mask, Rle) else as_mask(mask)
    if array.shape != shape:
        expected, came = ("x".join(map(str, size)) for size in (shape, array.shape))
        raise ValueError(f"object {number}: expected a mask of {expected} (height x width), got {came}")
    return array


def _over(canvas: Canvas, colour: Picture, opacity: Weight) -> None:
    """Lay opaque paint over the canvas, which is opaque there from then on."""
    if canvas.opacity is None:
        blend(canvas.colours, colour, opacity)
        return
    below = canvas.opacity * (1 - opacity)
    total = np.asarray(opacity + below, np.float32)
    blend(canvas.colours, colour, np.divide(opacity, total, out=np.zeros_like(total), where=total > 0))
    canvas.opacity = total


def _grown(mask: Mask, pixels: int) -> Mask:
    if pixels == 0:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.dilate(mask.view(np.uint8), disc)).reshape(mask.shape) > 0


def _fill(colours: Picture, hole: Mask) -> None:
    """Fill a hole in a picture, which changes, smoothly from around it.

    On a pyramid: each smaller level holds the means of what is known; going back up, what is not known is taken from
    the level below ("push-pull", Gortler et al., The Lumigraph, 1996) and relaxed towards the mean of its neighbours.
    """
    box = mask_to_box(hole)
    assert box is not None
    x0, y0, x1, y1 = box
    part = np.s_[max(y0 - _FILL_MARGIN, 0) : y1 + _FILL_MARGIN, max(x0 - _FILL_MARGIN, 0) : x1 + _FILL_MARGIN]
    known = (~hole[part]).astype(np.float32)
    level = np.dstack([colours[part].astype(np.float32) * known[:, :, None], known])
    levels = [level]
    while (level[:, :, 3] == 0).any() and max(level.shape[:2]) > 1:
        level = np.asarray(cv2.pyrDown(level), np.float32)
        # A few known pixels suffice: else the nearest level would count for little beside the far ones.
        level *= np.minimum(4, 1 / np.maximum(level[:, :, 3:], 1e-6))
        levels.append(level)
    smallest = levels.pop()
    filled = smallest[:, :, :3] / np.maximum(smallest[:, :, 3:], 1e-6)
    for level in reversed(levels):
        height, width = level.shape[:2]
        filled = np.asarray(cv2.pyrUp(filled, dstsize=(width, height)), np.float32)
        unknown = 1 - level[:, :, 3:]
        for _ in range(_RELAXATIONS):
            filled = level[:, :, :3] + unknown * filled
            filled = np.asarray(cv2.blur(filled, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)
        filled = level[:, :, :3] + unknown * filled
    colours[hole] = to_bytes(filled)[hole[part]]


def _blurred(colours: Picture, weight: Weight, sigma: float) -> Picture:
    """The target's colours, blurred; beyond it without meaning."""
    height, width = weight.shape
    factor = 2 ** max(0, math.ceil(math.log2(sigma / _LARGEST_SIGMA)))
    layers = _weighted(colours, weight)
    if factor > 1:
        small = (math.ceil(width / factor), math.ceil(height / factor))
        layers = cv2.resize(layers, small, interpolation=cv2.INTER_AREA)
    # Beyond the frame there is nothing, as beyond the target.
    layers = cv2.GaussianBlur(layers, (0, 0), sigma / factor, borderType=cv2.BORDER_CONSTANT)
    if factor > 1:
        layers = cv2.resize(layers, (width, height), interpolation=cv2.INTER_LINEAR)
    return _unweighted(np.asarray(layers, np.float32))


def _squares(colours: Picture, weight: Weight, size: int) -> Picture:
    """Squares in the mean of the target's colours; without meaning where it has none."""
    height, width = weight.shape
    rows, columns = -(-height // size), -(-width // size)
    layers = np.zeros((rows * size, columns * size, 4), np.float32)
    layers[:height, :width] = _weighted(colours, weight)
    means = np.asarray(cv2.resize(layers, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
    small = _unweighted(means.reshape(rows, columns, 4))
    return np.repeat(np.repeat(small, size, axis=0), size, axis=1)[:height, :width]


def _weighted(colours: Picture, weight: Weight) -> NDArray[np.float32]:
    return np.dstack([colours.astype(np.float32) * weight[:, :, None], weight])


def _unweighted(layers: NDArray[np.float32]) -> Picture:
    return to_bytes(layers[:, :, :3] / np.maximum(layers[:, :, 3:], 1e-6))


def _course(mask: Mask, effect: Gradient) -> Picture:
    """The gradient's colours over the whole frame; they begin and end at the corners of the mask's box."""
    box = mask_to_box(mask)
    assert box is not None
    x0, y0, x1, y1 = box
    angle = math.radians(effect.angle)
    across, down = math.cos(angle), math.sin(angle)
    half = abs(across) * (x1 - x0) / 2 + abs(down) * (y1 - y0) / 2
    rows, columns = np.arange(mask.shape[0], dtype=np.float32), np.arange(mask.shape[1], dtype=np.float32)
    along = (columns + 0.5 - (x0 + x1) / 2)[None] * across + (rows + 0.5 - (y0 + y1) / 2)[:, None] * down
    share = np.clip(along / (2 * half) + 0.5, 0, 1)[:, :, None]
    start, end = np.array(rgb(effect.start), np.float32), np.array(rgb(effect.end), np.float32)
    return to_bytes(start + (end - start) * share)


def _around(mask: Mask, width: float) -> Weight:
    """Opacity of a line around the mask, `width` pixels wide, its outer edge smooth."""
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(width + 1 - np.asarray(distance, np.float32), 0, 1) * ~mask


@lru_cache(maxsize=4)
def _backdrop(content: bytes, height: int, width: int) -> Picture:
    return decode_picture(content, height, width)


def _box_of(number: Any, masks: Mapping[int, Mask], boxes: Mapping[int, FloatBox]) -> FloatBox | None:
    """The box that text follows; None where the object is not in the frame."""
    own = mask_to_box(masks[number]) if number in masks else None
    return None if own is None else boxes.get(number, own)


def _follow(canvas: Canvas, box: FloatBox, effect: Follow) -> None:
    text = text_picture(effect.text, effect.size, rgb(effect.colour))
    height, width = text.shape[:2]
    x0, y0, x1, y1 = box
    left = (x0 + x1 - width) / 2
    top = {"above": y0 - _TEXT_GAP - height, "centre": (y0 + y1 - height) / 2, "below": y1 + _TEXT_GAP}[effect.place]
    rows, columns = canvas.colours.shape[:2]
    # Text stays in the picture as far as it fits. Fractions of pixels count, or slow text would tremble.
    left = min(max(left, 0.0), max(columns - width, 0))
    top = min(max(top, 0.0), max(rows - height, 0))
    colour = text[:, :, :3].astype(np.float32) * (text[:, :, 3:] / np.float32(255))
    layers = np.dstack([colour, text[:, :, 3].astype(np.float32) / 255])
    shift = np.array([[1, 0, left - math.floor(left)], [0, 1, top - math.floor(top)]], np.float32)
    layers = np.asarray(cv2.warpAffine(layers, shift, (width + 1, height + 1), flags=cv2.INTER_LINEAR), np.float32)
    y, x = math.floor(top), math.floor(left)
    layers = layers[: rows - y, : columns - x]
    part = np.s_[y : y + layers.shape[0], x : x + layers.shape[1]]
    opacity = np.ascontiguousarray(layers[:, :, 3])
    paint = to_bytes(layers[:, :, :3] / np.maximum(layers[:, :, 3:], 1e-6))
    piece = Canvas(canvas.colours[part], None if canvas.opacity is None else canvas.opacity[part])
    _over(piece, paint, opacity)
    if canvas.opacity is not None and piece.opacity is not None:
        canvas.opacity = canvas.opacity.copy()
        canvas.opacity[part] = piece.opacity
