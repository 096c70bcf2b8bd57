"""Polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from masklet.masks.polygons import Polygon, coco_polygons_to_rle, mask_to_polygons, polygons_to_mask


@settings(max_examples=300)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=16)))
def test_exact_polygons_give_the_mask_back(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(polygons_to_mask(mask_to_polygons(mask), *mask.shape), mask)


def test_pieces_and_holes() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:18, 2:18] = True
    mask[5:15, 5:15] = False
    mask[8:12, 8:12] = True
    mask[3:6, 22:28] = True
    polygons = mask_to_polygons(mask)
    assert sorted(len(polygon.holes) for polygon in polygons) == [0, 0, 1]
    np.testing.assert_array_equal(polygons_to_mask(polygons, 20, 30), mask)


def test_tolerance_saves_points() -> None:
    y, x = np.mgrid[:100, :100]
    disc = (y - 50) ** 2 + (x - 50) ** 2 < 40**2
    exact, coarse = mask_to_polygons(disc)[0], mask_to_polygons(disc, tolerance=1.5)[0]
    assert len(coarse.outer) < len(exact.outer) / 2
    again = polygons_to_mask([coarse], 100, 100)
    assert (again & disc).sum() / (again | disc).sum() > 0.95
    with pytest.raises(ValueError, match="tolerance"):
        mask_to_polygons(disc, tolerance=-1)


def test_empty() -> None:
    assert mask_to_polygons(np.zeros((3, 4))) == []
    assert not polygons_to_mask([], 3, 4).any()
    with pytest.raises(ValueError, match="1x1"):
        polygons_to_mask([Polygon(np.zeros((1, 2), np.int32))], 0, 4)


def test_coco_polygons() -> None:
    rle = coco_polygons_to_rle([[1, 1, 4, 1, 4, 3, 1, 3], [6, 0, 8, 0, 8, 2, 6, 2]], 5, 9)
    expected = np.zeros((5, 9), bool)
    expected[1:3, 1:4] = True
    expected[0:2, 6:8] = True
    np.testing.assert_array_equal(rle.decode(), expected)


@pytest.mark.parametrize(
    "segmentation",
    [
        [],
        {},
        "x",
        [1, 2, 3, 4, 5, 6],
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, 6, 7]],
        [[0, 0, 1, math.nan, 1, 1]],
        [["a"] * 6],
    ],
)
def test_coco_polygons_refuses(segmentation: object) -> None:
    with pytest.raises(ValueError, match="COCO polygon"):
        coco_polygons_to_rle(segmentation, 4, 4)
