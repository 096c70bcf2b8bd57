"""Pictures of labels: palette, grey or 1-bit files whose pixels are object ids. Anything else is refused.

Legend: H W image.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from masklet.masks.palette import voc_palette
from masklet.media.images import ImageHeader, read_header, read_mask

Labels = NDArray[np.uint8]
DeepLabels = NDArray[np.uint8] | NDArray[np.uint16]
Size = tuple[int, int]

_MODES = {"P", "L", "1", "I;16"}  # as Pillow names them: palette, grey, 1-bit, grey of 16 bits


def check_label_file(path: Path, size: Size, *, colours: bool = False, bits: int = 8) -> ImageHeader:
    """The header of a file that can hold labels of a video of `size` (height, width).

    Parameters
    ----------
    colours: whether colour pictures pass too, for masks whose red, green and blue are equal.
    bits: of a pixel, at most: 8 or 16.

    Raises
    ------
    ValueError: no picture, more bits a pixel, colours or alpha, or another size.
    """
    header = read_header(path)
    if header.bit_depth > bits:
        raise ValueError(f"{path}: expected a mask of {bits} bits a pixel, got {header.bit_depth}")
    if header.mode not in _MODES and not (colours and header.mode == "RGB"):
        raise ValueError(f"{path}: expected a mask (palette, grey or 1-bit picture), got a {header.mode} picture")
    if (header.height, header.width) != size:
        raise ValueError(
            f"{path}: expected a mask of {size[1]}x{size[0]} (width x height), got {header.width}x{header.height}"
        )
    return header


def read_labels(path: Path, size: Size, *, colours: bool = False) -> Labels:
    """The labels of a file, [H, W] uint8: palette indices, grey values, or 0 and 1.

    For `colours` see `check_label_file`.

    Raises
    ------
    ValueError: as `check_label_file`, a file that cannot be decoded, or a palette that shows that its indices are no
        object ids (an image editor re-ordered them).
    """
    header = check_label_file(path, size, colours=colours)
    labels = read_mask(path)
    if header.mode == "P":
        _check_palette(path, labels)
    return labels


def read_deep_labels(path: Path, size: Size) -> DeepLabels:
    """As `read_labels`, of up to 16 bits a pixel: microscopes see more than 255 cells."""
    if check_label_file(path, size, bits=16).bit_depth <= 8:
        return read_labels(path, size)
    return read_mask(path).astype(np.uint16, copy=False)


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
    """Data sets and tools colour objects as they like, so only two things show that an editor re-ordered the indices:
    one has the colour that VOC and DAVIS give to another object, or black is an object and not the background."""
    with Image.open(path) as picture:
        palette = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    for index in [0, *values_of(labels)]:
        if index >= len(palette):
            continue
        colour = palette[index].tolist()
        owner = np.flatnonzero((voc_palette() == colour).all(axis=1))
        if len(set(colour)) > 1 and owner.size and owner[0] != index:  # greys are ramps of the index
            raise ValueError(
                f"{path}: wrong palette: index {index} has {colour}, the colour of object {owner[0]}; "
                "are the indices object ids?"
            )
        if index and not any(colour) and palette[0].any():
            raise ValueError(
                f"{path}: wrong palette: index {index} is black and index 0, the background, is {palette[0].tolist()}"
            )
