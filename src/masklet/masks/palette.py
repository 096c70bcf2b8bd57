"""Colours: the palette of DAVIS annotations, and one stable, distinct colour for each object id."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

# Bright, far apart from each other, none close to black, white or grey; the first ones also hold for colour-blind eyes.
_FIRST_COLOURS: tuple[Rgb, ...] = (
    (20, 150, 255),
    (255, 120, 20),
    (35, 200, 105),
    (240, 65, 140),
    (255, 205, 40),
    (150, 95, 255),
    (0, 205, 210),
    (235, 60, 50),
    (160, 215, 40),
    (225, 120, 240),
)


@cache
def voc_palette() -> NDArray[np.uint8]:
    """The 256x3 RGB palette of PASCAL VOC segmentations, read-only.

    The bits of the index, three at a time, fill red, green and blue from their highest bit down.
    """
    palette = np.zeros((256, 3), np.uint8)
    for index in range(256):
        for bit in range(8):
            palette[index, bit % 3] |= ((index >> bit) & 1) << (7 - bit // 3)
    palette.setflags(write=False)
    return palette


@cache
def davis_palette() -> NDArray[np.uint8]:
    """The 256x3 RGB palette of DAVIS annotations, read-only: VOC's colours for 0..21, grey (i, i, i) from 22 on."""
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    palette[:22] = voc_palette()[:22]
    palette.setflags(write=False)
    return palette


def object_colour(object_id: int) -> Rgb:
    """The RGB colour (0..255) in which an object is drawn: the same id has the same colour everywhere, for ever.

    Ids 1..10 are picked by hand; all others walk around the hue circle by the golden angle, which keeps any run of
    ids far apart.
    """
    if 1 <= object_id <= len(_FIRST_COLOURS):
        return _FIRST_COLOURS[object_id - 1]
    turn = object_id * (3 - math.sqrt(5)) / 2 + 0.35
    lightness = (0.74, 0.64, 0.82)[object_id % 3]
    return _oklch(lightness, 0.16, turn % 1.0)


def _oklch(lightness: float, chroma: float, turn: float) -> Rgb:
    """OKLCH (hue in turns) to 8-bit sRGB, clipped. Constants: Ottosson, "A perceptual color space" (2020)."""
    a, b = chroma * math.cos(2 * math.pi * turn), chroma * math.sin(2 * math.pi * turn)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (round(255 * _gamma(min(max(value, 0.0), 1.0))) for value in linear)
    return red, green, blue


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
