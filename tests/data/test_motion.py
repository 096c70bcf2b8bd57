"""Crops and motion: the maps agree with the resampling that they describe."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.data.framing import Crop, RandomCrop, Whole, keeping
from masklet.data.motion import TARGET, Motion, Swing, sampling_grid, thin_plate
from masklet.data.photometric import blur_some, jitter_colours


def test_motion_starts_at_rest() -> None:
    motion = Motion(np.random.default_rng(1), TARGET, 5, 64, pivot=(20.0, 30.0))
    assert np.allclose(motion.matrix(0), np.eye(3))
    assert not motion.flow(0).any()
    assert not np.allclose(motion.matrix(4), np.eye(3))


def test_motion_between_frames_lies_between_them() -> None:
    motion = Motion(np.random.default_rng(1), TARGET, 5, 64, pivot=(20.0, 30.0))
    before, middle, after = (motion.matrix(t)[:2, 2] for t in (2, 2.5, 3))
    assert (np.minimum(before, after) - 1 <= middle).all()
    assert (middle <= np.maximum(before, after) + 1).all()
    assert np.allclose(motion.flow(2.5), (motion.flow(2) + motion.flow(3)) / 2, atol=1e-4)
    assert np.allclose(motion.matrix(4.0), motion.matrix(4))


def test_what_swings_starts_at_rest_and_stays_near() -> None:
    swing = Swing(np.random.default_rng(3), 8, reach=0.1)
    columns, rows = np.meshgrid(np.arange(40.0), np.arange(20.0))
    x, y = swing.grid(0, 20, 40)
    assert np.allclose(x, columns)
    assert np.allclose(y, rows)
    reached = []
    for t in range(1, 8):
        x, y = swing.grid(t, 20, 40)
        assert x.shape == y.shape == (20, 40)
        reached.append(float(np.hypot(x - columns, y - rows).max()))
    assert 0.5 < max(reached) < 40
    stiff = Swing(np.random.default_rng(3), 8, reach=0.0)
    assert np.allclose(stiff.grid(5, 20, 40)[0], columns)


def test_a_thin_plate_passes_through_its_knots_and_keeps_planes() -> None:
    rng = np.random.default_rng(2)
    knots, shifts = rng.random((9, 2)), rng.normal(size=(9, 2))
    assert np.allclose(thin_plate(knots, shifts, knots), shifts)
    linear = np.array([[0.2, -0.1], [0.4, 0.3]])
    points = rng.random((20, 2))
    assert np.allclose(thin_plate(knots, knots @ linear + 0.5, points), points @ linear + 0.5)  # no bending is free


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


def test_a_tilt_turns_the_picture_and_not_the_square() -> None:
    """A square in a wide picture, turned by 90 degrees, stays a square of the picture: a tall box of the output."""
    picture = np.zeros((60, 120), np.uint8)
    picture[20:40, 50:70] = 1
    crop = Crop(x=0, y=0, width=120, height=60, flip=False, turn=np.pi / 2)
    seen = crop.view(picture.astype(bool), 120)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert (len(rows), len(columns)) == pytest.approx((40, 20), abs=2)
    for shear in (0.3, 0.0):
        matrix = Crop(x=10, y=5, width=90, height=40, flip=True, turn=0.3, shear=shear).matrix(64)
        dot = np.zeros((60, 120, 3), np.uint8)
        dot[20:24, 48:54] = 255
        tilted = Crop(x=10, y=5, width=90, height=40, flip=True, turn=0.3, shear=shear).apply(dot, 64)
        bright = np.argwhere(tilted.mean(axis=2) > 180).mean(axis=0)[::-1]
        assert np.allclose(bright, (matrix @ [50.5, 21.5, 1])[:2], atol=1)  # the matrix says where apply puts it


def test_a_tilt_that_loses_a_mask_is_left_out() -> None:
    corner = np.zeros((1, 60, 60), bool)
    corner[0, :4, :4] = True
    crop = Crop(x=0, y=0, width=60, height=60, flip=False, turn=np.radians(25))
    kept, seen = keeping(crop, corner, 60)
    assert not kept.tilted
    assert seen.sum() == 16
    middle = np.zeros((1, 60, 60), bool)
    middle[0, 25:35, 25:35] = True
    kept, seen = keeping(crop, middle, 60)
    assert kept.tilted
    assert 80 < seen.sum() < 120


def test_whole_pictures_are_mirrored_and_tilted_in_range() -> None:
    rng = np.random.default_rng(0)
    crops = [Whole(turn=25, shear=20)(rng, 90, 160) for _ in range(300)]
    assert 0.4 < np.mean([crop.flip for crop in crops]) < 0.6
    assert 23 < np.degrees(max(abs(crop.turn) for crop in crops)) <= 25
    assert 18 < np.degrees(max(abs(crop.shear) for crop in crops)) <= 20
    assert not any(Whole(flip=0)(rng, 90, 160).tilted for _ in range(9))


def test_random_crops_stay_inside() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        crop = RandomCrop()(rng, 90, 160)
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
