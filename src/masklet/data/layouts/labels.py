"""Pictures of labels: 8-bit palette, grey or 1-bit files whose pixels are object ids. Anything else is refused.

Legend: H W image.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masklet.masks.palette import voc_palette
from masklet.media.images import read_header, read_mask

Labels = NDArray[np.uint8]
Size = tuple[int, int]

_MODES = {"P", "L", "1"}  # as Pillow names them: palette, grey, 1-bit


def check_label_file(path: Path, size: Size, *, colours: bool = False) -> None:
    """Whether a file can hold labels of a video of `size` (height, width), from its header only.

    Parameters
    ----------
    colours: whether colour pictures pass too, for masks whose red, green and blue are equal.

    Raises
    ------
    ValueError: no picture, more than 8 bits a pixel, colours or alpha, or another size.
    """
    header = read_header(path)
    if header.bit_depth > 8:
        raise ValueError(f"{path}: expected a mask of 8 bits a pixel, got {header.bit_depth}")
    if header.mode not in _MODES and not (colours and header.mode == "RGB"):
        raise ValueError(f"{path}: expected a mask (palette, grey or 1-bit picture), got a {header.mode} picture")
    if (header.height, header.width) != size:
        raise ValueError(
            f"{path}: expected a mask of {size[1]}x{size[0]} (width x height), got {header.width}x{header.height}"
        )


def read_labels(path: Path, size: Size, *, colours: bool = False) -> Labels:
    """The labels of a file, [H, W] uint8: palette indices, grey values, or 0 and 1.

    For `colours` see `check_label_file`.

    Raises
    ------
    ValueError: as `check_label_file`, a file that cannot be decoded, or a palette that shows that its indices are no
        object ids (an image editor re-ordered them).
    """
    check_label_file(path, size, colours=colours)
    labels = read_mask(path)
    _check_palette(path, labels)
    return labels


def values_of(labels: Labels) -> list[int]:
    """The values other than 0 that occur, ascending."""
    counts = cv2.calcHist([labels], [0], None, [256], [0, 256])
    return [int(value) for value in np.flatnonzero(counts) if value]


def mask_of(path: Path, labels: Labels) -> NDArray[np.bool_]:
    """The single object of a black and white picture. Raises ValueError that names `path` for more than two values."""
    values = values_of(labels)
    if len(values) > 1:
        raise ValueError(f"{path}: expected 0 and one other value in the mask of one object, got {[0, *values][:6]}")
    return labels > 0


def _check_palette(path: Path, labels: Labels) -> None:
    """Data sets colour their objects differently, so only two things are surely wrong: a background that is not black,
    and an object in the colour that DAVIS or VOC give to another one."""
    with Image.open(path) as picture:
        if picture.mode != "P":
            return
        palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    if len(palette) and palette[0].any() and not labels.all():
        raise ValueError(f"{path}: wrong palette: index 0, the background, is {palette[0].tolist()}, not black")
    for index in values_of(labels):
        if index >= len(palette) or len(set(palette[index].tolist())) == 1:  # greys are ramps of the index
            continue
        owner = np.flatnonzero((voc_palette() == palette[index]).all(axis=1))
        if owner.size and owner[0] != index:
            raise ValueError(
                f"{path}: wrong palette: index {index} has {palette[index].tolist()}, the colour of object {owner[0]}; "
                "are the indices object ids?"
            )
