"""Boxes: areas, IoU, conversions, clipping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masklet.masks.boxes import (
    as_boxes,
    box_area,
    box_iou,
    clip_boxes,
    is_near_crop_edge,
    mask_to_box,
    xywh_to_xyxy,
    xyxy_to_xywh,
)
from masklet.masks.rle import Rle

BOXES = hnp.arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=st.integers(-50, 50))


@given(BOXES)
def test_xywh_round_trip(boxes: np.ndarray) -> None:
    np.testing.assert_array_equal(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)


@given(BOXES)
def test_iou_with_itself_is_one_where_there_is_area(boxes: np.ndarray) -> None:
    own = np.diag(box_iou(boxes, boxes))
    np.testing.assert_array_equal(own, (box_area(boxes) > 0).astype(float))


def test_iou_by_hand() -> None:
    a = [[0, 0, 2, 2], [0, 0, 1, 1]]
    b = [[1, 1, 3, 3], [5, 5, 6, 6], [0, 0, 2, 2]]
    np.testing.assert_allclose(box_iou(a, b), [[1 / 7, 0, 1], [0, 0, 1 / 4]])
    assert box_iou(a, []).shape == (2, 0)


def test_area_of_reversed_box_is_zero() -> None:
    np.testing.assert_array_equal(box_area([[2, 2, 0, 0], [0, 0, 2, 3]]), [0, 6])


def test_clip() -> None:
    np.testing.assert_array_equal(clip_boxes([[-5, -5, 20, 3]], height=10, width=8), [[0, 0, 8, 3]])
    with pytest.raises(ValueError, match="1x1"):
        clip_boxes([[0, 0, 1, 1]], 0, 8)


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=16)))
def test_mask_to_box_agrees_with_rle(mask: np.ndarray) -> None:
    assert mask_to_box(mask) == Rle.encode(mask).bbox


def test_near_crop_edge_spares_the_edges_of_the_picture() -> None:
    crop, picture = (0, 0, 100, 100), (0, 0, 200, 100)
    boxes = [[0, 0, 50, 100], [40, 30, 95, 60], [40, 30, 70, 60]]
    assert is_near_crop_edge(boxes, crop, picture).tolist() == [False, True, False]


@pytest.mark.parametrize("boxes", [[[0, 0, 1]], np.zeros((2, 2, 4)), [[0, 0, 1, np.nan]], [0, 0, np.inf, 1]])
def test_refuses(boxes: object) -> None:
    with pytest.raises(ValueError, match="boxes"):
        as_boxes(boxes)  # pyright: ignore[reportArgumentType]
