"""Training samples on a sheet, with the prompts that training would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from masklet.data.samples import Sample, Sources
from masklet.export import OverlayStyle, contact_sheet
from masklet.export.sheet import PAPER
from masklet.train.prompts import CELL, first_clicks, noisy_boxes

_CELL_WIDTH = 256  # pixels of a frame on the sheet
_WIDEST = 1800  # pixels of a sheet, unless one sample takes more
_LETTERS = 32  # of a title that fits above one frame


def draw_samples(
    sources: Sources, kinds: Sequence[str], count: int, *, length: int, size: int, objects: int, seed: int
) -> list[tuple[str, Sample]]:
    """`count` samples with their kinds, which take turns; kind by kind in the list.

    Raises ValueError where the data has no sample of such a kind.
    """
    order = sorted(range(count), key=lambda number: number % len(kinds))
    drawn: list[tuple[str, Sample]] = []
    for number in order:
        kind = kinds[number % len(kinds)]
        rng = np.random.default_rng([seed, number])
        drawn.append((kind, getattr(sources, kind).sample(rng, 1 if kind == "stills" else length, size, objects)))
    return drawn


def sample_sheet(samples: Sequence[tuple[str, Sample]], seed: int) -> np.ndarray:
    """All samples on one sheet, [H, W, 3] uint8 RGB: clips as rows of frames, stills side by side."""
    strips = [_strip(kind, sample, np.random.default_rng([seed, n])) for n, (kind, sample) in enumerate(samples)]
    widest = max(_WIDEST, *(strip.shape[1] for strip in strips))
    rows: list[list[np.ndarray]] = []
    for strip in strips:
        fits = rows and rows[-1][0].shape[0] == strip.shape[0]
        if fits and sum(part.shape[1] for part in rows[-1]) + strip.shape[1] <= widest:
            rows[-1].append(strip)
        else:
            rows.append([strip])
    lines = [np.concatenate(row, axis=1) for row in rows]
    width = max(line.shape[1] for line in lines)
    sheet = np.empty((sum(line.shape[0] for line in lines), width, 3), np.uint8)
    sheet[:] = PAPER
    top = 0
    for line in lines:
        sheet[top : top + line.shape[0], : line.shape[1]] = line
        top += line.shape[0]
    return sheet


def _strip(kind: str, sample: Sample, rng: np.random.Generator) -> np.ndarray:
    """One sample: its frames in a row, a title above."""
    length = len(sample.frames)
    title = f"{kind}  {sample.source}"
    if len(title) > _LETTERS * length:
        title = title[: _LETTERS * length - 1] + "…"
    numbered = range(1, len(sample.masks) + 1)
    return contact_sheet(
        list(sample.frames),
        [dict(zip(numbered, sample.masks[:, t], strict=True)) for t in range(length)],
        prompts=[prompts_of(sample, rng), *[[]] * (length - 1)],
        title=title,
        columns=length,
        cell_width=_CELL_WIDTH,
        style=OverlayStyle(labels=False),
    )


def prompts_of(sample: Sample, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A click and a box for each object on the first frame, as training draws them; records for `draw_prompts`."""
    if not len(sample.masks):
        return []
    side = sample.masks.shape[-1] // CELL
    shares = [
        cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) for mask in sample.masks[:, 0]
    ]
    grids = np.stack(shares) >= 0.5
    rngs = rng.spawn(len(grids))
    clicks, _ = first_clicks(rngs, grids)
    boxes, _ = noisy_boxes(rngs, grids)
    return [
        {"object": number, "points": [tuple(map(float, click[0]))], "box": box.reshape(4).tolist()}
        for number, (grid, click, box) in enumerate(zip(grids, clicks, boxes, strict=True), start=1)
        if grid.any()
    ]
