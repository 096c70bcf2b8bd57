"""Connected components of masks: holes to fill, islands to remove."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from masklet.masks.rle import Mask, as_mask

Connectivity = Literal[4, 8]


def label_components(mask: NDArray[Any], connectivity: Connectivity = 8) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the connected components of the foreground.

    Returns:
        labels: HxW, 0 for background, 1..K for the components.
        areas: (K + 1,) pixels of each label, the background's first.
    """
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity is 4 or 8, got {connectivity}")
    array = as_mask(mask)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        array.view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    # cv2 5 may drop an axis of length 1: the reshapes state what comes back.
    areas = np.asarray(stats).reshape(-1, 5)[:, cv2.CC_STAT_AREA].astype(np.int64)
    return np.asarray(labels, dtype=np.int32).reshape(array.shape), areas


def small_components(binary: NDArray[Any], max_area: int, connectivity: Connectivity = 8) -> Mask:
    """HxW bool: the pixels of the foreground components of `binary` that have at most `max_area` pixels."""
    array = as_mask(binary)
    if max_area <= 0:
        return np.zeros_like(array)
    labels, areas = label_components(array, connectivity)
    small = areas <= max_area
    small[0] = False
    return small[labels]


def fill_holes(mask: NDArray[Any], max_area: int, connectivity: Connectivity = 8) -> tuple[Mask, bool]:
    """Make background components of at most `max_area` pixels foreground.

    A component at the edge of the picture counts as a hole too, as in the published model's post-processing.

    Returns:
        The new HxW mask and whether anything changed.
    """
    array = as_mask(mask)
    holes = small_components(~array, max_area, connectivity)
    return array | holes, bool(holes.any())


def remove_islands(mask: NDArray[Any], max_area: int, connectivity: Connectivity = 8) -> tuple[Mask, bool]:
    """Make foreground components of at most `max_area` pixels background.

    Returns:
        The new HxW mask, empty where all components were small, and whether anything changed.
    """
    array = as_mask(mask)
    islands = small_components(array, max_area, connectivity)
    return array & ~islands, bool(islands.any())


def small_region_cleanup(mask: NDArray[Any], area: float, mode: Literal["holes", "islands"]) -> tuple[Mask, bool]:
    """Fill holes or remove islands of **fewer** than `area` pixels, as the published mask generator does.

    It differs from `fill_holes` and `remove_islands` in the strict bound, and in that the largest island stays where
    all are small (`remove_small_regions`, reference: segment-anything's `min_mask_region_area`).

    Returns:
        The new HxW mask and whether the generator regards it as changed.
    """
    if mode not in ("holes", "islands"):
        raise ValueError(f"mode is 'holes' or 'islands', got {mode!r}")
    array = as_mask(mask)
    labels, areas = label_components(~array if mode == "holes" else array, 8)
    small = areas < area
    small[0] = False
    if not small.any():
        return array, False
    if mode == "holes":
        return array | small[labels], True
    kept = ~small
    kept[0] = False
    if not kept.any():
        kept[1 + int(np.argmax(areas[1:]))] = True
    return kept[labels], True
