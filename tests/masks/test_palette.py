"""Palettes."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from masklet.masks.palette import davis_palette, object_colour


def test_davis_palette() -> None:
    palette = davis_palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    # As in the annotations of DAVIS 2017 (written down from the published list).
    assert palette[:8].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [128, 0, 128],
        [0, 128, 128],
        [128, 128, 128],
    ]
    assert palette[8].tolist() == [64, 0, 0]
    assert palette[15].tolist() == [192, 128, 128]
    assert palette[21].tolist() == [128, 64, 128]
    assert palette[22].tolist() == [22, 22, 22]
    assert palette[255].tolist() == [255, 255, 255]
    with pytest.raises(ValueError, match="read-only"):
        palette[0] = 1


def test_object_colours_are_valid_and_distinct() -> None:
    colours = [object_colour(i) for i in range(200)]
    assert all(0 <= value <= 255 for colour in colours for value in colour)
    assert len(set(colours[:64])) == 64
    for a, b in combinations(colours[1:11], 2):
        assert np.abs(np.subtract(a, b)).max() >= 50
    # Neighbouring ids are never alike.
    assert all(np.abs(np.subtract(a, b)).max() >= 40 for a, b in pairwise(colours[1:]))


def test_object_colours_never_change() -> None:
    assert [object_colour(i) for i in (1, 2, 3)] == [(20, 150, 255), (255, 120, 20), (35, 200, 105)]
