"""What part of a picture the model sees, and how it is turned into the square that it takes.

Legend: H W picture, S side of the square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

MEAN_COLOUR = (124, 116, 104)
"""RGB of what lies beyond the picture: ImageNet's mean, which the model's normalisation maps to zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A rectangle of a picture (pixels, may be flipped, then tilted about its centre) that becomes the square.

    `turn` and `shear` are angles in radians, measured in the rectangle before it is squeezed: clockwise, and of its
    upright lines to the left at the bottom.
    """

    x: float
    y: float
    width: float
    height: float
    flip: bool
    turn: float = 0.0
    shear: float = 0.0

    @property
    def tilted(self) -> bool:
        """Whether it is turned or sheared."""
        return bool(self.turn or self.shear)

    @property
    def upright(self) -> Crop:
        """The same without the tilt."""
        return replace(self, turn=0.0, shear=0.0)

    def matrix(self, size: int) -> np.ndarray:
        """3x3 map from source pixel centres to pixel centres of the `size` x `size` output."""
        sx, sy = size / self.width, size / self.height
        forward = np.array(
            [[sx, 0, (0.5 - self.x) * sx - 0.5], [0, sy, (0.5 - self.y) * sy - 0.5], [0, 0, 1]], dtype=np.float64
        )
        if self.flip:
            forward = np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]], dtype=np.float64) @ forward
        return self._tilt(size) @ forward

    def apply(self, image: np.ndarray, size: int, *, nearest: bool = False) -> np.ndarray:
        """Cut the rectangle out of `image` (HxW or HxWx3) and resample it to `size` x `size`.

        Beyond the picture, where a tilt looks, is the mean colour, or 0 for HxW.
        """
        height, width = image.shape[:2]
        x0, y0 = max(round(self.x), 0), max(round(self.y), 0)
        x1, y1 = min(round(self.x + self.width), width), min(round(self.y + self.height), height)
        shrinks = (x1 - x0) * (y1 - y0) > size * size
        method = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        out = cv2.resize(image[y0:y1, x0:x1], (size, size), interpolation=method)
        if self.flip:
            out = np.ascontiguousarray(out[:, ::-1])
        if self.tilted:
            method = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
            beyond = MEAN_COLOUR if out.ndim == 3 else 0
            out = cv2.warpAffine(out, self._tilt(size)[:2], (size, size), flags=method, borderValue=beyond)
        return out

    def view(self, mask: np.ndarray, size: int) -> np.ndarray:
        """What is seen of a mask [H, W] bool: [S, S] bool."""
        return self.apply(mask.view(np.uint8), size, nearest=True) > 0

    def _tilt(self, size: int) -> np.ndarray:
        """3x3 map of the square onto itself; the rectangle's aspect makes a turn of it a squeezed turn."""
        turn = np.array([[np.cos(self.turn), -np.sin(self.turn)], [np.sin(self.turn), np.cos(self.turn)]])
        linear = turn @ np.array([[1, -np.tan(self.shear)], [0, 1]])
        linear *= np.array([[1, self.height / self.width], [self.width / self.height, 1]])
        centre = np.full(2, (size - 1) / 2)
        tilt = np.eye(3)
        tilt[:2, :2], tilt[:2, 2] = linear, centre - linear @ centre
        return tilt


Framing = Callable[[np.random.Generator, int, int], Crop]
"""Chooses a crop of a picture of a height and width in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The whole picture, as the model sees it in use (SAM 2's training: flipped, and tilted up to 25 and 20 degrees).

    Attributes
    ----------
    flip: probability of a mirror image. turn, shear: at most so many degrees either way.
    """

    flip: float = 0.5
    turn: float = 0.0
    shear: float = 0.0

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        return Crop(
            x=0,
            y=0,
            width=width,
            height=height,
            flip=bool(rng.random() < self.flip),
            turn=float(np.radians(rng.uniform(-self.turn, self.turn))),
            shear=float(np.radians(rng.uniform(-self.shear, self.shear))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCrop:
    """A part of `min_share`..1 of the picture; its aspect varies because the model squeezes it to a square."""

    min_share: float = 0.35
    flip: float = 0.5

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> Crop:
        share = rng.uniform(self.min_share, 1.0)
        aspect = np.exp(rng.uniform(np.log(0.8), np.log(2.0)))
        crop_width = min(width, np.sqrt(share * width * height * aspect))
        crop_height = min(height, crop_width / aspect)
        return Crop(
            x=rng.uniform(0, width - crop_width),
            y=rng.uniform(0, height - crop_height),
            width=crop_width,
            height=crop_height,
            flip=bool(rng.random() < self.flip),
        )


def keeping(crop: Crop, masks: np.ndarray, size: int) -> tuple[Crop, np.ndarray]:
    """The crop and what is seen through it of first-frame masks [N, H, W]: [N, S, S] bool.

    A tilt that makes one of the masks vanish is left out, as in SAM 2's training.
    """
    seen = np.stack([crop.view(mask, size) for mask in masks])
    if not crop.tilted:
        return crop, seen
    level = np.stack([crop.upright.view(mask, size) for mask in masks])
    vanishes = level.any(axis=(1, 2)) & ~seen.any(axis=(1, 2))
    return (crop.upright, level) if vanishes.any() else (crop, seen)
