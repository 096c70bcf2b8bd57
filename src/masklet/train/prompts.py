"""Simulated users: a first click, box or mask on an object, then clicks on what is still wrong.

Everything is drawn on the stride-4 grid of the model's mask logits and jittered within the cell; coordinates are x, y
in pixels of the square model input. Rules: SAM 2 paper (arXiv 2408.00714), appendix D.1.

Every object has a random generator of its own, so that its prompts do not depend on which objects share its batch.

Legend: O objects, h w the grid (image side / 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

POSITIVE, NEGATIVE = 1, 0
BOX_LABELS = (2, 3)
CELL = 4  # pixels of the input a grid cell
DEEP = 0.7
"""A deliberate click lies at least so deep in a region, as a share of its deepest place."""


def click_inside(rng: np.random.Generator, region: np.ndarray) -> np.ndarray:
    """A uniformly random position in `region` [h, w] bool (the middle of the image where it is empty): [2] float32."""
    rows, columns = np.nonzero(region)
    if not len(rows):
        return np.array([region.shape[1], region.shape[0]], np.float32) * (CELL / 2)
    chosen = rng.integers(len(rows))
    return (
        np.array([columns[chosen], rows[chosen]], np.float32) + rng.uniform(0, 1, 2).astype(np.float32)
    ) * CELL - 0.5


def depths(region: np.ndarray) -> np.ndarray:
    """How far each cell of `region` [h, w] bool is from the nearest one outside, in cells; the picture's border is one.

    [h, w] float32, 0 outside the region.
    """
    framed = np.pad(region.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)[1:-1, 1:-1]


def first_clicks(
    rngs: Sequence[np.random.Generator], masks: np.ndarray, deliberate_share: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """One positive click in each of `masks` [O, h, w] bool: coordinates [O, 1, 2] and labels [O, 1].

    With probability `deliberate_share` it lies deep inside, else anywhere.
    """
    regions = [_deep(mask) if _happens(rng, deliberate_share) else mask for rng, mask in zip(rngs, masks, strict=True)]
    coordinates = np.stack([click_inside(rng, region) for rng, region in zip(rngs, regions, strict=True)])
    return coordinates[:, None], np.full((len(masks), 1), POSITIVE, np.int64)


def noisy_boxes(
    rngs: Sequence[np.random.Generator], masks: np.ndarray, noise: float = 0.1, at_most: float = 20.0
) -> tuple[np.ndarray, np.ndarray]:
    """The corners of each mask's box, each coordinate moved by up to `noise` of the side and `at_most` pixels.

    Masks [O, h, w] bool -> coordinates [O, 2, 2] and labels [O, 2] (top left, bottom right).
    """
    size = masks.shape[1] * CELL
    boxes = np.empty((len(masks), 2, 2), np.float32)
    for rng, box, mask in zip(rngs, boxes, masks, strict=True):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            rows = columns = np.array([0, mask.shape[0] - 1])
        corners = np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]], np.float32) * CELL
        reach = np.minimum((corners[1] - corners[0]) * noise, at_most)
        box[:] = np.clip(corners + rng.uniform(-1, 1, (2, 2)) * reach, 0, size - 1)
    return boxes, np.tile(np.array(BOX_LABELS, np.int64), (len(masks), 1))


def corrections(
    rngs: Sequence[np.random.Generator],
    truth: np.ndarray,
    predicted: np.ndarray,
    from_truth: float = 0.1,
    deliberate_share: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """One click per object, uniform over the error region: positive where something is missing, else negative.

    With probability `from_truth`, or where nothing is wrong, a positive click inside the true mask instead (negative
    outside it where the object is absent). With probability `deliberate_share`, a click on the error that reaches
    deepest, deep inside it: what people click on, and evaluation does, where a uniform click often meets a border that
    is a cell off. `truth`, `predicted` [O, h, w] bool -> [O, 1, 2] and labels [O, 1].
    """
    coordinates = np.empty((len(truth), 1, 2), np.float32)
    labels = np.empty((len(truth), 1), np.int64)
    for index, (rng, true, found) in enumerate(zip(rngs, truth, predicted, strict=True)):
        wrong = true ^ found
        if not wrong.any():
            region = true if true.any() else ~true
        elif _happens(rng, deliberate_share):
            region = _deep(true & ~found, found & ~true)
        else:
            region = wrong if rng.random() >= from_truth else (true if true.any() else ~true)
        spot = click_inside(rng, region)
        column, row = ((spot + 0.5) // CELL).astype(int).clip(0, true.shape[0] - 1)
        coordinates[index, 0] = spot
        labels[index, 0] = POSITIVE if true[row, column] else NEGATIVE
    return coordinates, labels


def _happens(rng: np.random.Generator, share: float) -> bool:
    return bool(share) and rng.random() < share


def _deep(*regions: np.ndarray) -> np.ndarray:
    """The innermost cells [h, w] of the region that reaches deepest."""
    deepest = max((depths(region) for region in regions), key=np.max)
    return (deepest > 0) & (deepest >= DEEP * deepest.max())
