"""Crops and motion: the maps agree with the resampling that they describe."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.data.motion import TARGET, Motion, sampling_grid
from masklet.data.photometric import Crop, blur_some, jitter_colours, random_crop


def test_motion_starts_at_rest() -> None:
    motion = Motion(np.random.default_rng(1), TARGET, 5, 64, pivot=(20.0, 30.0))
    assert np.allclose(motion.matrix(0), np.eye(3))
    assert not motion.flow(0).any()
    assert not np.allclose(motion.matrix(4), np.eye(3))


def test_sampling_grid_of_the_identity_is_every_pixel() -> None:
    x, y = sampling_grid(np.eye(3), np.zeros((8, 8, 2), np.float32))
    columns, rows = np.meshgrid(np.arange(8), np.arange(8))
    assert np.allclose(x, columns)
    assert np.allclose(y, rows)


@pytest.mark.parametrize("flip", [False, True])
def test_crop_matrix_maps_its_corners_onto_the_output(flip: bool) -> None:
    matrix = Crop(x=10, y=20, width=40, height=20, flip=flip).matrix(80)
    corners = matrix @ np.array([[9.5, 49.5], [19.5, 39.5], [1, 1]])  # outer edges of the first and last pixel
    expected = [[79.5, -0.5], [-0.5, 79.5]] if flip else [[-0.5, 79.5], [-0.5, 79.5]]
    assert np.allclose(corners[:2], expected)


def test_random_crops_stay_inside() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        crop = random_crop(rng, 90, 160)
        assert crop.x >= 0
        assert crop.y >= 0
        assert crop.x + crop.width <= 160 + 1e-6
        assert crop.y + crop.height <= 90 + 1e-6


def test_colour_and_blur_keep_shape_and_type() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
    for _ in range(20):
        changed = blur_some(rng, jitter_colours(rng, frames))
        assert changed.shape == frames.shape
        assert changed.dtype == np.uint8
