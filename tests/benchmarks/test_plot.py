from __future__ import annotations

import numpy as np
import pytest
from benchmarks.plot import COLOURS, Axis, draw
from PIL import Image, ImageColor


@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_line_is_drawn_in_its_colour_and_rises_to_the_right(tmp_path, logarithmic):
    path = tmp_path / "plot.png"
    lines = {"one": [(1, 1.0), (10, 2.0), (100, 4.0)], "two": [(1, 8.0), (100, 8.0)]}
    draw(path, lines, x=Axis(label="frames", logarithmic=logarithmic), y=Axis(label="ms"))
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    for colour in COLOURS[:2]:
        assert (pixels == ImageColor.getrgb(colour)).all(-1).any()
    rows, columns = np.nonzero((pixels[60:] == ImageColor.getrgb(COLOURS[0])).all(-1))
    assert rows[columns.argmin()] > rows[columns.argmax()]


def test_one_point_is_a_picture_too(tmp_path):
    draw(tmp_path / "plot.png", {"one": [(5, 0.0)]}, x=Axis(label="x", logarithmic=True), y=Axis(label="y"))
    assert (tmp_path / "plot.png").exists()
