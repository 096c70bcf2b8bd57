"""Small text on pictures: labels in a rounded field, lines in the margin. In the font that Pillow brings along."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
Rgb = tuple[int, int, int]

_LONGEST = 28


def label_size(text: str, size: int) -> tuple[int, int]:
    """(width, height) in pixels of the field that `draw_label` draws for `text`."""
    field = _field(_shorten(text), (0, 0, 0), size)
    return field.shape[1], field.shape[0]


def draw_label(picture: Picture, text: str, centre: tuple[float, float], colour: Rgb, *, size: int) -> None:
    """Write `text` in a rounded field of `colour` into `picture` (HxWx3 uint8, changed in place).

    Args:
        centre: x, y of the field's centre; it is moved so that the field lies within the picture.
        size: of the font in pixels.
    """
    field = _field(_shorten(text), colour, size)
    height, width = picture.shape[:2]
    x = min(max(round(centre[0] - field.shape[1] / 2), 0), max(width - field.shape[1], 0))
    y = min(max(round(centre[1] - field.shape[0] / 2), 0), max(height - field.shape[0], 0))
    part = picture[y : y + field.shape[0], x : x + field.shape[1]]
    field = field[: part.shape[0], : part.shape[1]]
    blend(part, field[:, :, :3], field[:, :, 3].astype(np.float32) / 255)


def draw_line(picture: Picture, text: str, at: tuple[int, int], colour: Rgb, *, size: int) -> None:
    """Write a line of text with its top left corner at `at` (x, y) into `picture`, which changes; cut at its edges."""
    font = default_font(size)
    width = int(font.getlength(text)) + 2
    image = Image.new("L", (width, round(size * 1.4)), 0)
    ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font)
    x, y = at
    part = picture[y : y + image.height, x : x + width]
    opacity = np.asarray(image, np.float32)[: part.shape[0], : part.shape[1]] / np.float32(255)
    blend(part, np.full_like(part, colour), opacity)


def blend(part: Picture, colour: Picture, opacity: NDArray[np.floating]) -> None:
    """Lay `colour` (HxWx3) over `part` (HxWx3, changed in place) with `opacity` (HxW, 0..1)."""
    if part.size:
        mixed = cv2.blendLinear(np.ascontiguousarray(colour), np.ascontiguousarray(part), opacity, 1 - opacity)
        part[:] = np.asarray(mixed).reshape(part.shape)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@lru_cache(maxsize=16)
def default_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings along."""
    return ImageFont.load_default(size)


@lru_cache(maxsize=512)
def _field(text: str, colour: Rgb, size: int) -> Picture:
    """The label as RGBA, drawn at four times its size and shrunk: smooth corners at any size."""
    factor = 4
    font = default_font(size * factor)
    weight = round(0.022 * size * factor)  # a stroke makes the light font bolder
    left, right = font.getbbox(text, stroke_width=weight)[::2]
    # The height comes from digits and capitals, so that all labels are equally high.
    cap_top, cap_bottom = font.getbbox("0M")[1::2]
    pad_x, pad_y = 0.42 * size * factor, 0.34 * size * factor
    height = cap_bottom - cap_top + 2 * pad_y
    width = max(right - left + 2 * pad_x, height)
    image = Image.new("RGBA", (round(width), round(height)), (*colour, 0))
    draw = ImageDraw.Draw(image)
    border = max(factor, round(0.085 * size * factor))
    draw.rounded_rectangle((0, 0, image.width - 1, image.height - 1), height * 0.42, (255, 255, 255, 255))
    inner = (border, border, image.width - 1 - border, image.height - 1 - border)
    draw.rounded_rectangle(inner, height * 0.42 - border, (*colour, 255))
    x = (image.width - (right - left)) / 2 - left
    y = (image.height - (cap_bottom - cap_top)) / 2 - cap_top
    ink = _ink(colour)
    draw.text((x, y), text, fill=(*ink, 255), font=font, stroke_width=weight, stroke_fill=(*ink, 255))
    small = image.resize((max(round(width / factor), 1), max(round(height / factor), 1)), Image.Resampling.BOX)
    pixels = np.array(small)
    pixels.setflags(write=False)
    return pixels


def _luminance(colour: Rgb) -> float:
    """Relative luminance of sRGB, 0..1 (WCAG 2)."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _ink(colour: Rgb) -> Rgb:
    """Dark or white, whichever is easier to read on `colour`; a little in favour of white on saturated fields."""
    return (255, 255, 255) if _luminance(colour) < 0.36 else (16, 18, 24)
