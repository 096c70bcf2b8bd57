"""Non-maximum suppression against the definition, written the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.masks.boxes import box_iou
from masklet.masks.nms import nms

COORDINATE = st.integers(0, 20)
BOX = st.tuples(COORDINATE, COORDINATE, st.integers(0, 12), st.integers(0, 12))


def slow_nms(boxes: np.ndarray, scores: list[float], threshold: float) -> list[int]:
    overlap = box_iou(boxes, boxes)
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if all(overlap[i, j] <= threshold for j in kept):
            kept.append(i)
    return kept


@given(st.lists(st.tuples(BOX, st.integers(0, 5)), max_size=12), st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0]))
def test_equals_the_definition(items: list[tuple[tuple[int, int, int, int], int]], threshold: float) -> None:
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _ in items], float).reshape(-1, 4)
    scores = [float(score) for _, score in items]
    assert nms(boxes, scores, threshold).tolist() == slow_nms(boxes, scores, threshold)


def test_threshold_is_strict_and_ties_keep_their_order() -> None:
    boxes = [[0, 0, 2, 1], [0, 0, 1, 1], [10, 10, 11, 11]]
    assert nms(boxes, [1, 1, 1], 0.5).tolist() == [0, 1, 2]
    assert nms(boxes, [1, 1, 1], 0.49).tolist() == [0, 2]


def test_nothing_in_nothing_out() -> None:
    assert nms([], [], 0.5).shape == (0,)


@pytest.mark.parametrize(
    ("scores", "threshold", "message"),
    [([1.0, 2.0], 0.5, "one score"), ([np.nan], 0.5, "finite"), ([1.0], 1.5, "threshold")],
)
def test_refuses(scores: list[float], threshold: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nms([[0, 0, 1, 1]], scores, threshold)
