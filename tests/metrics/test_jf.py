"""J and F against hand cases and against an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from masklet.metrics.jf import boundary, boundary_accuracy, region_similarity, sequence_jf

EMPTY = np.zeros((40, 60), bool)


def square(x: int, y: int, side: int) -> np.ndarray:
    mask = EMPTY.copy()
    mask[y : y + side, x : x + side] = True
    return mask


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (EMPTY, EMPTY, 1.0),
        (square(5, 5, 10), EMPTY, 0.0),
        (EMPTY, square(5, 5, 10), 0.0),
        (square(5, 5, 10), square(5, 5, 10), 1.0),
        (square(5, 5, 10), square(10, 5, 10), 50 / 150),
        (square(0, 0, 10), square(30, 20, 10), 0.0),
    ],
)
def test_region_similarity_of_hand_cases(predicted: np.ndarray, truth: np.ndarray, expected: float) -> None:
    assert region_similarity(predicted, truth) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        (EMPTY, EMPTY, 1.0),
        (square(5, 5, 10), EMPTY, 0.0),
        (EMPTY, square(5, 5, 10), 0.0),
        (square(5, 5, 10), square(5, 5, 10), 1.0),
        (square(5, 5, 10), square(6, 5, 10), 1.0),  # the tolerance is ceil(0.008 * 72.1) = 1 pixel
        (square(0, 0, 10), square(40, 20, 10), 0.0),
    ],
)
def test_boundary_accuracy_of_hand_cases(predicted: np.ndarray, truth: np.ndarray, expected: float) -> None:
    assert boundary_accuracy(predicted, truth) == pytest.approx(expected)


def test_a_whole_image_mask_has_no_boundary() -> None:
    assert not boundary(np.ones((5, 7), bool)).any()
    assert boundary_accuracy(np.ones((5, 7), bool), np.zeros((5, 7), bool)) == 1.0


def test_boundary_lies_on_the_pixels_before_a_change() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    expected = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], bool)
    assert np.array_equal(boundary(mask), expected)


@pytest.mark.parametrize("measure", [region_similarity, boundary_accuracy])
def test_masks_of_other_shapes_are_refused(measure) -> None:
    with pytest.raises(ValueError, match="one size"):
        measure(np.zeros((4, 4), bool), np.zeros((4, 5), bool))


@settings(deadline=None)
@given(arrays(bool, (12, 17)), arrays(bool, (12, 17)))
def test_measures_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    for measure in (region_similarity, boundary_accuracy):
        assert 0 <= measure(a, b) <= 1
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert measure(a, a) == 1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.floats(0.02, 0.4))
def test_agrees_with_vos_benchmark(seed: int, size: float) -> None:
    evaluator = pytest.importorskip("vos_benchmark.evaluator").Evaluator()
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((90, 160))

    def blob() -> np.ndarray:
        y, x = rng.uniform(0, 90), rng.uniform(0, 160)
        return np.hypot(rows - y, (columns - x) * rng.uniform(0.5, 1)) < size * 90

    predicted, truth = np.stack([blob(), blob()]), np.stack([blob(), blob()])
    for mask, wanted in zip(predicted, truth, strict=True):
        evaluator.feed_frame(mask.astype(np.uint8), wanted.astype(np.uint8))
    regions, outlines = evaluator.conclude()
    if 1 not in regions:
        return
    figures = sequence_jf(predicted, truth)
    # Its accumulation starts at an object's first appearance; ours counts every frame.
    if len(evaluator.object_iou[1]) == 2:
        assert 100 * figures.j == pytest.approx(regions[1])
        assert 100 * figures.f == pytest.approx(outlines[1])


def test_sequences_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        sequence_jf(np.zeros((2, 4, 4), bool), np.zeros((3, 4, 4), bool))
