"""J and F against hand cases and against an independent implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from masklet.metrics.jf import JF, boundary_accuracy, frame_jf, region_similarity, sequence_jf, statistics

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
    full, empty = np.ones((5, 7), bool), np.zeros((5, 7), bool)
    assert frame_jf(full, empty) == JF(j=0.0, f=1.0)
    assert frame_jf(full, full) == JF(j=1.0, f=1.0)


@pytest.mark.parametrize("measure", [region_similarity, boundary_accuracy, frame_jf])
@pytest.mark.parametrize("shapes", [((4, 4), (4, 5)), ((2, 4, 4), (2, 4, 4)), ((0, 4), (0, 4))])
def test_masks_that_cannot_be_compared_are_refused(measure, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="one size"):
        measure(np.zeros(shapes[0], bool), np.zeros(shapes[1], bool))


@pytest.mark.parametrize("share", [0, -0.1, 8])
def test_a_tolerance_is_a_share_of_the_diagonal(share: float) -> None:
    with pytest.raises(ValueError, match="diagonal"):
        boundary_accuracy(EMPTY, EMPTY, share)


@settings(deadline=None)
@given(arrays(bool, (12, 17)), arrays(bool, (12, 17)))
def test_measures_are_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    for measure in (region_similarity, boundary_accuracy):
        assert 0 <= measure(a, b) <= 1
        assert measure(a, b) == measure(b, a)
        assert measure(a, a) == 1


def test_any_number_type_and_memory_order_means_the_same() -> None:
    a, b = square(5, 5, 10), square(9, 7, 10)
    expected = frame_jf(a, b)
    assert frame_jf(a.astype(np.uint8) * 255, np.asfortranarray(b).astype(np.float32)) == expected
    assert frame_jf(np.repeat(a, 2, axis=1)[:, ::2], b.astype(int)) == expected
    assert expected == JF(j=region_similarity(a, b), f=boundary_accuracy(a, b))


# The oracle: vos-benchmark, which copies davis2017-evaluation literally.


def assert_equal_to_oracle(predicted: np.ndarray, truth: np.ndarray, share: float = 0.008) -> None:
    """Compare label maps, object by object and bit by bit."""
    evaluator = pytest.importorskip("vos_benchmark.evaluator").Evaluator(boundary=share)
    evaluator.feed_frame(predicted, truth)
    for label, (region,) in evaluator.object_iou.items():
        figures = frame_jf(predicted == label, truth == label, share)
        assert figures == JF(j=region, f=evaluator.boundary_f[label][0])


def label_maps(shape: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    """Noise, one value all over, one pixel, or a pile of rectangles: labels 0..3, often at the border."""
    height, width = shape

    def pixel(spot: tuple[int, int]) -> np.ndarray:
        labels = np.zeros(shape, np.uint8)
        labels[spot] = 1
        return labels

    def pile(corners: list[tuple[int, int, int, int]]) -> np.ndarray:
        labels = np.zeros(shape, np.uint8)
        for label, (top, left, rows, columns) in enumerate(corners, 1):
            labels[top : top + rows, left : left + columns] = label
        return labels

    rows, columns = st.integers(0, height - 1), st.integers(0, width - 1)
    sizes = st.integers(1, height), st.integers(1, width)
    return st.one_of(
        arrays(np.uint8, shape, elements=st.integers(0, 3)),
        st.integers(0, 1).map(lambda label: np.full(shape, label, np.uint8)),
        st.tuples(rows, columns).map(pixel),
        st.lists(st.tuples(rows, columns, *sizes), min_size=1, max_size=3).map(pile),
    )


SHAPES: Any = st.one_of(
    array_shapes(min_dims=2, max_dims=2, max_side=9), st.tuples(st.integers(1, 40), st.integers(1, 200))
)


@settings(deadline=None, max_examples=200)
@given(SHAPES, st.sampled_from([0.001, 0.008, 0.03, 0.2, 0.7]), st.data())
def test_equals_vos_benchmark(shape: tuple[int, int], share: float, data: st.DataObject) -> None:
    predicted, truth = data.draw(label_maps(shape)), data.draw(label_maps(shape))
    assert_equal_to_oracle(predicted, truth, share)


def test_equals_vos_benchmark_on_davis(shared: Path) -> None:
    sequences = sorted((shared / "data" / "davis_dev" / "Annotations" / "480p").iterdir())
    assert sequences
    for sequence in sequences:
        for index, path in enumerate(sorted(sequence.glob("*.png"))[::5]):
            with Image.open(path) as picture:
                truth = (np.array(picture) > 0).astype(np.uint8)
            moved = np.roll(truth, (index % 7 - 3, 4 - index % 9), axis=(0, 1))
            moved[:: 1 + index % 3] = truth[:: 1 + index % 3]
            assert_equal_to_oracle(moved, truth)


def test_a_sequence_is_the_mean_of_its_frames() -> None:
    predicted = np.stack([square(5, 5, 10), EMPTY, square(0, 0, 10)])
    truth = np.stack([square(10, 5, 10), EMPTY, square(30, 20, 10)])
    assert sequence_jf(predicted, truth).j == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert sequence_jf(predicted, truth).f == pytest.approx((boundary_accuracy(predicted[0], truth[0]) + 1 + 0) / 3)


def test_sequences_of_unequal_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        sequence_jf(np.zeros((2, 4, 4), bool), np.zeros((3, 4, 4), bool))


def literal_statistics(values: np.ndarray) -> tuple[float, float, float]:
    """`db_statistics` of davis2017-evaluation, up to 256 frames."""
    ids = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(np.uint8)
    bins = [values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return float(np.nanmean(values)), float(np.nanmean(values > 0.5)), float(np.nanmean(bins[0]) - np.nanmean(bins[3]))


@given(arrays(float, st.integers(1, 120), elements=st.floats(0, 1)))
def test_statistics_are_those_of_davis(values: np.ndarray) -> None:
    found = statistics(values.tolist())
    assert (found.mean, found.recall, found.decay) == literal_statistics(values)


def test_decay_is_what_is_lost_from_the_first_quarter_to_the_last() -> None:
    falling = np.linspace(1, 0, 1001)
    assert statistics(falling.tolist()).decay == pytest.approx(0.75)
    rising = statistics([0.5] * 300 + [0.6] * 700)
    assert (rising.mean, rising.recall, rising.decay) == pytest.approx((0.57, 0.7, -0.1))


def test_statistics_need_a_frame() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        statistics([])
