"""Simulated users against brute force and hand cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from masklet.metrics.users import AnnotationTime, Click, clicks_to_reach, correction_click, first_click, mask_box
from masklet.session.prompts import check_box, check_points

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9))


def depths(region: np.ndarray) -> np.ndarray:
    """Squared distance of every pixel of `region` to the nearest pixel outside, the image's surroundings included."""
    framed = np.pad(region, 1)
    outside = np.argwhere(~framed)
    found = np.zeros(framed.shape, int)
    for row, column in np.argwhere(framed):
        found[row, column] = ((outside - (row, column)) ** 2).sum(axis=1).min()
    return found[1:-1, 1:-1]


def centre(region: np.ndarray) -> tuple[float, float]:
    row, column = np.unravel_index(np.argmax(depths(region)), region.shape)
    return float(column), float(row)


@settings(deadline=None)
@given(MASKS)
def test_the_first_click_is_the_innermost_pixel_first_in_row_order(mask: np.ndarray) -> None:
    if mask.any():
        assert first_click(mask) == centre(mask)
        check_points([first_click(mask)], 1, *mask.shape)


@settings(deadline=None)
@given(MASKS, st.data())
def test_a_correction_lies_in_the_deeper_error(truth: np.ndarray, data: st.DataObject) -> None:
    predicted = data.draw(arrays(bool, truth.shape))
    click = correction_click(predicted, truth)
    missing, excess = truth & ~predicted, predicted & ~truth
    if not (missing | excess).any():
        assert click is None
        return
    positive = bool(depths(missing).max() > depths(excess).max())
    x, y = centre(missing if positive else excess)
    assert click == Click(x=x, y=y, positive=positive)


def test_the_image_border_counts_as_outside() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:, :7] = True
    x, y = first_click(mask)
    assert (x, y) == (3.0, 3.0)


def test_of_equally_deep_errors_the_excess_is_clicked() -> None:
    truth, predicted = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    truth[:3, :3] = predicted[6:, 6:] = True
    assert correction_click(predicted, truth) == Click(x=7.0, y=7.0, positive=False)


def test_the_first_click_corrects_an_empty_prediction() -> None:
    truth = np.zeros((30, 40), bool)
    truth[4:19, 11:33] = True
    click = correction_click(np.zeros_like(truth), truth)
    assert click is not None
    assert (click.x, click.y, click.positive) == (*first_click(truth), True)


@given(MASKS)
def test_a_box_is_one_that_a_session_takes_and_holds_the_mask_tightly(mask: np.ndarray) -> None:
    if not mask.any():
        return
    x0, y0, x1, y1 = (int(value) for value in mask_box(mask))
    check_box(mask_box(mask), *mask.shape)
    inside = mask[y0:y1, x0:x1]
    assert inside.sum() == mask.sum()
    assert inside[0].any()
    assert inside[-1].any()
    assert inside[:, 0].any()
    assert inside[:, -1].any()


@pytest.mark.parametrize("act", [first_click, mask_box])
def test_an_empty_mask_cannot_be_prompted(act) -> None:
    with pytest.raises(ValueError, match="empty"):
        act(np.zeros((4, 4), bool))


def test_masks_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[H, W\]"):
        first_click(np.ones((2, 3, 4), bool))
    with pytest.raises(ValueError, match="one size"):
        correction_click(np.ones((2, 3), bool), np.ones((3, 2), bool))


def test_annotation_time_adds_locating_clicking_and_examining() -> None:
    assert AnnotationTime().seconds(clicks=0, edited_frames=0, examined_frames=0) == 0
    assert AnnotationTime().seconds(clicks=6, edited_frames=2, examined_frames=150) == pytest.approx(2 + 9 + 15)
    assert AnnotationTime(click=2, locate=0, examine=0).seconds(3, 5, 100) == 6
    with pytest.raises(ValueError, match="0 or more"):
        AnnotationTime().seconds(-1, 0, 0)


@pytest.mark.parametrize(
    ("ious", "threshold", "limit", "expected"),
    [
        ([0.9, 0.95], 0.9, 20, 1),
        ([0.5, 0.84, 0.85, 0.2], 0.85, 20, 3),
        ([0.5, 0.6], 0.85, 20, 20),
        ([0.1, 0.2, 0.9], 0.85, 2, 2),
    ],
)
def test_clicks_to_reach(ious: list[float], threshold: float, limit: int, expected: int) -> None:
    assert clicks_to_reach(ious, threshold, limit) == expected


def test_clicks_to_reach_needs_a_click() -> None:
    with pytest.raises(ValueError, match="at least one"):
        clicks_to_reach([], 0.9)


def test_a_click_does_not_depend_on_where_the_mask_lies_in_memory():
    """OpenCV's distances differ in their last bit by alignment; the first of equally deep pixels wins all the same."""
    moving = np.random.default_rng(0)
    for seed in (32, 33, 104, 153, 158, 527):  # four equal disks each, where it did decide
        rng = np.random.default_rng(seed)
        squared = int(rng.integers(40, 160))
        radius = int(squared**0.5) + 2
        mask = np.zeros((60, 160), bool)
        rows, columns = np.indices(mask.shape)
        for disk in range(4):
            rng.integers(radius + 1 + 40 * disk, 40 * disk + 40)
            x, y = 40 * disk + 20 + int(rng.integers(-3, 4)), int(rng.integers(radius + 1, 60 - radius - 1))
            mask |= (rows - y) ** 2 + (columns - x) ** 2 < squared
        found: set[tuple[float, float]] = set()
        for _ in range(40):
            held = moving.random(moving.integers(1, 50_000))  # moves what is allocated next
            found.add(first_click(mask.copy()))
            del held
        assert len(found) == 1
