"""Clips to measure on."""

from __future__ import annotations

import numpy as np

from masklet.data.scene import Scene, held


def test_a_scene_is_the_same_on_every_reading_and_its_discs_move() -> None:
    scene = Scene(40, 48, 64, objects=2)
    assert np.array_equal(scene[7], scene[7])
    assert list(scene.frames(5, 7))[1].tolist() == scene[6].tolist()
    assert not np.array_equal(scene.mask(0, 1), scene.mask(39, 1))
    assert scene.mask(0, 0).any()


def test_a_held_clip_goes_forth_and_back() -> None:
    scene = Scene(3, 24, 32)
    clip = held(scene, 8)
    assert len(clip) == 8
    for index, source in enumerate((0, 1, 2, 1, 0, 1, 2, 1)):
        assert np.array_equal(clip[index], scene[source])


def test_one_frame_can_be_held_any_number_of_times() -> None:
    scene = Scene(1, 24, 32)
    assert all(np.array_equal(frame, scene[0]) for frame in held(scene, 4))


def test_a_clip_can_be_held_from_any_frame_on() -> None:
    scene = Scene(4, 24, 32)
    clip = held(scene, 5, 2)
    assert [np.array_equal(clip[index], scene[source]) for index, source in enumerate((2, 3, 2, 3, 2))] == [True] * 5
