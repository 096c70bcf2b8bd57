"""Overlap measures against definitions written out."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from masklet.metrics.jf import region_similarity
from masklet.metrics.overlap import boundary_iou, iou, mean_iou, pairwise_iou


@settings(deadline=None)
@given(arrays(bool, (3, 5, 6)), arrays(bool, (3, 5, 6)))
def test_the_iou_of_a_stack_is_that_of_its_masks(predicted: np.ndarray, truth: np.ndarray) -> None:
    expected = [region_similarity(a, b) for a, b in zip(predicted, truth, strict=True)]
    assert iou(predicted, truth).tolist() == expected
    assert mean_iou(predicted, truth) == pytest.approx(sum(expected) / 3)
    assert float(iou(predicted[0], truth[0])) == expected[0]


@settings(deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 3), st.just(4), st.just(5))), arrays(bool, (2, 4, 5)))
def test_pairwise_iou_compares_each_with_each(predicted: np.ndarray, truth: np.ndarray) -> None:
    found = pairwise_iou(predicted, truth)
    assert found.shape == (len(predicted), 2)
    assert np.array_equal(found, iou(predicted[:, None], truth[None]).reshape(found.shape))


def test_masks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        iou(np.ones((2, 4, 4)), np.ones((2, 4, 5)))
    with pytest.raises(ValueError, match="as many"):
        iou(np.ones((2, 4, 4)), np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="one size"):
        pairwise_iou(np.ones((4, 4)), np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="none"):
        mean_iou(np.ones((0, 4, 4)), np.ones((0, 4, 4)))
    with pytest.raises(ValueError, match="one size"):
        boundary_iou(np.ones((2, 4, 4)), np.ones((2, 4, 4)))
    with pytest.raises(ValueError, match="diagonal"):
        boundary_iou(np.ones((4, 4)), np.ones((4, 4)), 2)


def literal_band(mask: np.ndarray, share: float) -> np.ndarray:
    """The authors' `mask_to_boundary`: a frame of zeros, an erosion repeated, what it took."""
    height, width = mask.shape
    dilation = max(int(round(share * math.sqrt(height**2 + width**2))), 1)  # noqa: RUF046
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), dtype=np.uint8), iterations=dilation)
    return mask - eroded[1 : height + 1, 1 : width + 1]


@settings(deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.02, 0.1, 0.5]))
def test_boundary_iou_is_that_of_its_authors(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    masks = [cv2.resize(rng.random((4, 5)), (50, 37), interpolation=cv2.INTER_CUBIC) > 0.5 for _ in range(2)]
    a, b = (literal_band(mask.astype(np.uint8), share) for mask in masks)
    union = np.count_nonzero(a | b)
    assert boundary_iou(masks[0], masks[1], share) == (np.count_nonzero(a & b) / union if union else 1.0)


def test_boundary_iou_looks_at_the_outline_only() -> None:
    truth = np.zeros((200, 200), bool)
    truth[20:180, 20:180] = True
    hollow = truth.copy()
    hollow[80:120, 80:120] = False
    assert boundary_iou(truth, truth) == 1
    assert boundary_iou(hollow, truth) == pytest.approx(
        # Bands of round(0.02 * 283) = 6 pixels: the outer one is found, the one around the hole is too much.
        (160**2 - 148**2) / (160**2 - 148**2 + 52**2 - 40**2)
    )
    assert boundary_iou(np.zeros_like(truth), truth) == 0
    assert boundary_iou(np.zeros_like(truth), np.zeros_like(truth)) == 1


def test_the_image_border_is_part_of_the_outline() -> None:
    full = np.ones((100, 100), bool)
    inner = np.zeros_like(full)
    inner[3:-3, 3:-3] = True
    assert boundary_iou(full, inner) == 0
