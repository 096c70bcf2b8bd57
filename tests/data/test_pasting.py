"""What is cut out lies within its mask, and is drawn where its opacity says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from masklet.data.motion import Swing
from masklet.data.pasting import Cutout, Shutter, cut_out, paste

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def film() -> tuple[np.ndarray, np.ndarray]:
    """Three frames [3, H, W, 3] of a grey level each, and masks [3, H, W] of a box that moves right."""
    images = np.stack([np.full((HEIGHT, WIDTH, 3), 60 * (t + 1), np.uint8) for t in range(3)])
    masks = np.zeros((3, HEIGHT, WIDTH), bool)
    for t in range(3):
        masks[t, 10:24, 8 + 6 * t : 24 + 6 * t] = True
    return images, masks


def test_a_cutout_holds_all_places_of_its_object(film: tuple[np.ndarray, np.ndarray]) -> None:
    cutout = cut_out("film", *film)
    assert cutout.images.shape == (3, 14 + 8, 16 + 12 + 8, 3)
    assert cutout.opacities.shape == cutout.images.shape[:3]
    _, masks = film
    inside = masks[:, 6:28, 4:40]
    assert (cutout.opacities[~inside] < 0.5).all()
    assert cutout.opacities[inside].mean() > 0.8
    assert (cutout.opacities[:, 11, 18] > 0.9).all()  # the middle, in all three


def test_a_filmed_cutout_shows_the_frame_of_the_moment(film: tuple[np.ndarray, np.ndarray]) -> None:
    cutout = cut_out("film", *film)
    assert [int(cutout.at(moment)[0][0, 0, 0]) for moment in (0, 0.4, 0.8, 2.0, 7.0)] == [60, 60, 120, 180, 180]
    still = cut_out("still", film[0][:1], film[1][:1])
    assert np.array_equal(still.at(3)[1], still.at(0)[1])
    swinging = replace(still, swing=Swing(np.random.default_rng(1), 4))
    assert np.array_equal(swinging.at(0)[1], still.at(0)[1])
    assert not np.allclose(swinging.at(3)[1], still.at(0)[1], atol=0.2)


@pytest.mark.parametrize("open_share", [0.0, 0.6])
def test_frames_change_where_the_opacity_says(film: tuple[np.ndarray, np.ndarray], open_share: float) -> None:
    drawn = 0
    for seed in range(8):
        frames = np.zeros((3, 48, 48, 3), np.uint8)
        shutter = Shutter(3, open_share)
        opacity = paste(np.random.default_rng(seed), frames, cut_out("film", *film), shutter, crosses=seed % 2 > 0)
        assert opacity.shape == (3, 48, 48)
        assert not frames[opacity == 0].any()
        solid = opacity > 0.99
        drawn += int(solid.any())
        if not open_share:
            for t in range(3):
                assert np.allclose(frames[t][solid[t]], 60 * (t + 1), atol=2)
    assert drawn >= 6


def test_shrinking_keeps_what_is_covered() -> None:
    opacities = np.zeros((1, 40, 40), np.float32)
    opacities[:, 10:30, 10:30] = 1
    cutout = Cutout(name="box", images=np.zeros((1, 40, 40, 3), np.uint8), opacities=opacities)
    small = cutout.resized(20, 10)
    assert small.images.shape == (1, 10, 20, 3)
    assert small.opacities.mean() == pytest.approx(cutout.opacities.mean(), abs=0.02)
