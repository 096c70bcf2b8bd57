"""Contact sheets: chosen frames in a grid, with their masks, prompts and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from masklet.export.overlay import MaskLike, OverlayStyle, draw_masks, draw_prompts
from masklet.export.text import Picture, draw_label, draw_line
from masklet.masks.rle import Rle

PAPER = (24, 26, 31)
_INK = (214, 218, 226)
_CHIP = (38, 41, 48)


def contact_sheet(
    frames: Sequence[Picture],
    masks: Sequence[Mapping[int, MaskLike]],
    *,
    numbers: Sequence[int] | None = None,
    prompts: Sequence[Iterable[Mapping[str, Any]]] | None = None,
    names: Mapping[int, str] | None = None,
    title: str | None = None,
    columns: int | None = None,
    cell_width: int = 480,
    style: OverlayStyle | None = None,
) -> Picture:
    """A grid of frames with masks drawn onto them.

    Args:
        frames: HxWx3 uint8 RGB, of one or of several sizes; at least one.
        masks: for each frame, object id -> HxW mask or Rle.
        numbers: the number written on each frame; default 0, 1, 2, ...
        prompts: for each frame, the prompt records to draw (see `draw_prompts`).
        names: object id -> what to write instead of the id.
        title: a line above the grid.
        columns: default: what makes the sheet about 4:3.
        cell_width: pixels of a frame on the sheet; a smaller frame is not enlarged beyond twice its size.
        style: see `OverlayStyle`.

    Returns:
        HxWx3 uint8 RGB.

    Raises:
        ValueError: no frames, lists of different lengths, or fewer than one column or 16 pixels of width.
    """
    numbers = range(len(frames)) if numbers is None else numbers
    prompts = [()] * len(frames) if prompts is None else prompts
    if not frames:
        raise ValueError("expected at least one frame, got none")
    if not len(frames) == len(masks) == len(numbers) == len(prompts):
        lengths = f"{len(frames)} frames, {len(masks)} masks, {len(numbers)} numbers, {len(prompts)} prompts"
        raise ValueError(f"expected lists of one length, got {lengths}")
    if cell_width < 16 or (columns is not None and columns < 1):
        raise ValueError(f"expected a cell of at least 16 pixels and at least 1 column, got {cell_width} and {columns}")
    factor = min(cell_width / max(frame.shape[1] for frame in frames), 2.0)
    cells: list[Picture] = []
    for frame, found, said, number in zip(frames, masks, prompts, numbers, strict=True):
        # A frame is shrunk before it is drawn on, so that lines keep their width.
        small = _resize(frame, factor)
        size = (small.shape[1], small.shape[0])
        shrunk = {object_id: _resize_mask(mask, size) for object_id, mask in found.items()}
        cell = draw_masks(small, shrunk, names=names, style=style)
        cell = draw_prompts(cell, [_scaled(prompt, factor) for prompt in said])
        font = max(11, size[0] // 30)
        draw_label(cell, str(number), (font * (0.8 + 0.3 * len(str(number))), font), _CHIP, size=font)
        cells.append(cell)
    width, height = max(cell.shape[1] for cell in cells), max(cell.shape[0] for cell in cells)
    columns = columns or min(len(cells), max(1, round(math.sqrt(len(cells) * 4 / 3 * height / width))))
    rows = math.ceil(len(cells) / columns)
    gap = max(6, width // 60)
    size = max(13, width // 26)
    head = round(size * 1.9) if title else 0
    sheet = np.empty((head + gap + rows * (height + gap), gap + columns * (width + gap), 3), np.uint8)
    sheet[:] = PAPER
    if title:
        draw_line(sheet, title, (gap, gap + size // 4), _INK, size=size)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        y = head + gap + row * (height + gap) + (height - cell.shape[0]) // 2
        x = gap + column * (width + gap) + (width - cell.shape[1]) // 2
        sheet[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return sheet


def _resize(frame: Picture, factor: float) -> Picture:
    size = (max(round(frame.shape[1] * factor), 1), max(round(frame.shape[0] * factor), 1))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, size, interpolation=way), np.uint8).reshape(size[1], size[0], 3)


def _resize_mask(mask: MaskLike, size: tuple[int, int]) -> np.ndarray:
    array = mask.decode() if isinstance(mask, Rle) else np.asarray(mask)
    soft = cv2.resize(array.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return np.asarray(soft).reshape(size[1], size[0]) >= 128


def _scaled(prompt: Mapping[str, Any], factor: float) -> dict[str, Any]:
    result = dict(prompt)
    if prompt.get("points"):
        result["points"] = [(x * factor, y * factor) for x, y in prompt["points"]]
    if prompt.get("box") is not None:
        result["box"] = [side * factor for side in prompt["box"]]
    return result
