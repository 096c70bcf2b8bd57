from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.session.prompts import check_box, check_mask, check_points, model_points, to_model

HEIGHT, WIDTH = 40, 60


def test_points_come_back_as_float32_and_int32():
    points, labels = check_points([[1, 2], [60, 40]], [1, 0], HEIGHT, WIDTH)
    assert points.dtype == np.float32
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(points, [[1, 2], [60, 40]])
    np.testing.assert_array_equal(labels, [1, 0])


def test_one_point_needs_no_brackets_and_no_label():
    points, labels = check_points((3, 4), None, HEIGHT, WIDTH)
    np.testing.assert_array_equal(points, [[3, 4]])
    np.testing.assert_array_equal(labels, [1])
    np.testing.assert_array_equal(check_points((3, 4), 0, HEIGHT, WIDTH)[1], [0])


def test_no_points_only_where_allowed():
    points, labels = check_points([], [], HEIGHT, WIDTH, allow_empty=True)
    assert points.shape == (0, 2)
    assert labels.shape == (0,)
    with pytest.raises(ValueError, match="at least one point"):
        check_points([], [], HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        ([[60.5, 1]], [1], "outside of the picture of 60x40"),
        ([[1, -0.1]], [1], "outside"),
        ([[np.nan, 1]], [1], "finite"),
        ([[1, np.inf]], [1], "finite"),
        ([[1, 2]], [2], "label is 1 .* got 2"),
        ([[1, 2]], [-1], "got -1"),
        ([[1, 2]], [0.5], "got 0.5"),
        ([[1, 2]], [np.nan], "got nan"),
        ([[1, 2], [3, 4]], [1], "one label for each of 2 points"),
        ([[1, 2, 3]], [1], r"shape \[P, 2\]"),
        ([[1, 2], [3]], [1, 1], "array of numbers"),
        ("here", [1], "array of numbers"),
    ],
)
def test_wrong_points_are_refused(points: object, labels: object, message: str):
    with pytest.raises(ValueError, match=message):
        check_points(points, labels, HEIGHT, WIDTH)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("box", [[0, 0, 60, 40], [[0, 0], [60, 40]], np.array([[0, 0, 60, 40]])])
def test_a_box_may_touch_the_edges(box: object):
    result = check_box(box, HEIGHT, WIDTH)  # pyright: ignore[reportArgumentType]
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [0, 0, 60, 40])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([10, 1, 5, 9], "reversed or empty"),
        ([1, 9, 5, 9], "reversed or empty"),
        ([-1, 0, 5, 9], "outside"),
        ([0, 0, 61, 9], "outside"),
        ([70, 50, 80, 60], "outside"),
        ([0, 0, np.nan, 9], "finite"),
        ([0, 0, np.inf, 9], "finite"),
        ([0, 0, 5], "four numbers"),
        (None, "box"),
    ],
)
def test_wrong_boxes_are_refused(box: object, message: str):
    with pytest.raises(ValueError, match=message):
        check_box(box, HEIGHT, WIDTH)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("top", [True, 1, 1.0, np.uint8(255), np.int64(1)])
def test_masks_of_any_number_type(top: object):
    mask = np.zeros((HEIGHT, WIDTH), np.asarray(top).dtype)
    mask[3:5, 6:9] = top
    result = check_mask(mask, HEIGHT, WIDTH)
    assert result.dtype == np.bool_
    np.testing.assert_array_equal(result, mask != 0)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((HEIGHT, WIDTH), bool), "empty"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "empty"),
        (np.ones((WIDTH, HEIGHT), bool), r"shape \[40, 60\]"),
        (np.ones((HEIGHT, WIDTH, 1), bool), "shape"),
        (np.full((HEIGHT, WIDTH), 7), "0 and 1, or 0 and 255, got the values 7"),
        (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 2 - 1.0, "0 and 1"),
        (np.full((HEIGHT, WIDTH), np.nan), "0 and 1"),
        (np.full((HEIGHT, WIDTH), "a"), "bool or numbers"),
    ],
)
def test_wrong_masks_are_refused(mask: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        check_mask(mask, HEIGHT, WIDTH)


def test_a_box_comes_first_with_its_own_labels():
    points, labels = check_points([[30, 20]], [0], HEIGHT, WIDTH)
    coordinates, marks = model_points(points, labels, check_box([0, 0, 60, 40], HEIGHT, WIDTH), HEIGHT, WIDTH, 128)
    np.testing.assert_array_equal(coordinates, [[0, 0], [128, 128], [64, 64]])
    np.testing.assert_array_equal(marks, [2, 3, 0])
    assert coordinates.dtype == np.float32


@given(
    x=st.floats(0, 1, width=32),
    y=st.floats(0, 1, width=32),
    height=st.integers(1, 4000),
    width=st.integers(1, 4000),
)
def test_scaling_stays_inside(x: float, y: float, height: int, width: int):
    scaled = to_model(np.array([[x * width, y * height]], np.float32), height, width, 512)
    assert (scaled >= 0).all()
    np.testing.assert_allclose(scaled, [[x * 512, y * 512]], rtol=1e-5, atol=1e-4)
