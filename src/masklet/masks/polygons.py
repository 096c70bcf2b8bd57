"""Masks as polygons and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import pycocotools.mask as coco_mask
from numpy.typing import NDArray

from masklet.masks.rle import Mask, Rle, as_mask, union


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One connected piece of a mask.

    Args:
        outer: (N, 2) int32, x and y of the pixels around the piece.
        holes: the same around each of its holes; these pixels belong to the piece.
    """

    outer: NDArray[np.int32]
    holes: tuple[NDArray[np.int32], ...] = ()


def mask_to_polygons(mask: NDArray[Any], tolerance: float = 0.0) -> list[Polygon]:
    """The outlines of an HxW mask through the centres of its edge pixels, holes included.

    Args:
        tolerance: how far in pixels an outline may leave the true one (Douglas-Peucker); 0 keeps it exactly, and then
            `polygons_to_mask` gives the same mask again.

    Raises:
        ValueError: no mask, or a negative tolerance.
    """
    if tolerance < 0:
        raise ValueError(f"a tolerance is 0 or more pixels, got {tolerance}")
    array = as_mask(mask)
    contours, tree = cv2.findContours(array.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return []
    outlines = [_simplify(np.asarray(contour, np.int32).reshape(-1, 2), tolerance) for contour in contours]
    # Of each contour: next, previous, first child, parent. RETR_CCOMP has two levels: pieces, and the holes in them.
    parents = np.asarray(tree).reshape(-1, 4)[:, 3]
    holes: dict[int, list[NDArray[np.int32]]] = {i: [] for i in np.flatnonzero(parents < 0).tolist()}
    for outline, parent in zip(outlines, parents.tolist(), strict=True):
        if parent >= 0:
            holes[parent].append(outline)
    return [Polygon(outlines[i], tuple(inner)) for i, inner in holes.items()]


def polygons_to_mask(polygons: Sequence[Polygon], height: int, width: int) -> Mask:
    """Fill polygons, outlines included, into an HxW bool mask. Raises ValueError for a size below 1."""
    if height < 1 or width < 1:
        raise ValueError(f"a mask has at least 1x1 pixels, got {height}x{width}")
    result = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        # A hole may hold another piece: fill each piece on its own and then join them.
        piece = np.zeros_like(result)
        cv2.fillPoly(piece, [polygon.outer], 1)
        for hole in polygon.holes:
            inside = np.zeros_like(result)
            cv2.fillPoly(inside, [hole], 1)
            cv2.polylines(inside, [hole], isClosed=True, color=0)
            piece &= 1 - inside
        result |= piece
    return result.view(np.bool_)


def coco_polygons_to_rle(segmentation: object, height: int, width: int) -> Rle:
    """COCO's polygon segmentation, a list of flat lists [x0, y0, x1, y1, ...], filled by COCO's own rules.

    Raises:
        ValueError: no list of lists of at least three finite points each, or a size below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"a mask has at least 1x1 pixels, got {height}x{width}")
    if not isinstance(segmentation, list) or not segmentation:
        raise ValueError(f"COCO polygons are a list of lists of coordinates, got {segmentation!r}")
    outlines = [_coco_outline(outline) for outline in cast("list[object]", segmentation)]
    rasterise = cast("Callable[[list[list[float]], int, int], list[object]]", coco_mask.frPyObjects)
    return union(Rle.from_coco(piece) for piece in rasterise(outlines, height, width))


def _coco_outline(outline: object) -> list[float]:
    points: NDArray[Any] = np.asarray(outline)
    if not isinstance(outline, list) or points.ndim != 1 or points.dtype.kind not in "iuf":
        raise ValueError("a COCO polygon is a flat list of x, y, x, y, ...")
    if points.size < 6 or points.size % 2:
        raise ValueError(f"a COCO polygon has at least three points of x and y, got {points.size} numbers")
    if not np.isfinite(points).all():
        raise ValueError("COCO polygons are finite numbers, got NaN or infinity")
    return points.astype(np.float64).tolist()


def _simplify(outline: NDArray[np.int32], tolerance: float) -> NDArray[np.int32]:
    if tolerance == 0:
        return outline
    return np.asarray(cv2.approxPolyDP(outline, tolerance, closed=True), np.int32).reshape(-1, 2)
