"""Frames of videos as an image set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from masklet.data.frames import frames_as_pictures, spread
from masklet.data.layouts import open_videos
from masklet.media import write_image


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ""), (1, "a"), (2, "ac"), (3, "abd"), (5, "abcde"), (9, "abcde"), (None, "abcde")]
)
def test_spread(count: int | None, expected: str) -> None:
    assert "".join(spread("abcde", count)) == expected


def test_annotated_frames_with_objects_are_pictures(tmp_path: Path) -> None:
    for folder in ("JPEGImages", "Annotations"):
        (tmp_path / folder / "v").mkdir(parents=True)
    for index in range(4):
        write_image(tmp_path / "JPEGImages/v" / f"{index:05d}.png", np.full((20, 30, 3), 50 * index, np.uint8))
        labels = np.zeros((20, 30), np.uint8)
        if index != 1:
            labels[2:4, 3 : 8 + index] = 1
            labels[10:15, 0:2] = 2
        write_image(tmp_path / "Annotations/v" / f"{index:05d}.png", labels)
    pictures = frames_as_pictures(open_videos(tmp_path))
    assert [picture.name for picture in pictures] == ["v/00000", "v/00002", "v/00003"]
    assert [dict(picture.areas) for picture in pictures] == [{1: 10, 2: 10}, {1: 14, 2: 10}, {1: 16, 2: 10}]
    assert int(pictures[1].image()[0, 0, 0]) == 100
    assert pictures[1].mask(1).sum() == 14
    assert pictures[1].ignored(1) is None
    assert [picture.name for picture in frames_as_pictures(open_videos(tmp_path), 2)] == ["v/00000", "v/00002"]
