"""Videos that lose sight of their objects: pixels and ground truth agree, prompted frames stay, spells are as said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.data.disappearance import DISAPPEARANCES, Disappearance, Exit, Occluder, Spells
from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo
from masklet.media import write_image

RED, GREEN = (255, 0, 0), (0, 255, 0)
FRAMES, HEIGHT, WIDTH = 30, 48, 64


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[AnnotatedVideo]:
    """A red square that moves to the right on black; all green, with a mask somewhere; a short clip of 6 frames."""
    root = tmp_path_factory.mktemp("data")
    for name, count in (("a", FRAMES), ("b", 4), ("short", 6)):
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for index in range(count):
            picture = np.full((HEIGHT, WIDTH, 3), GREEN if name == "b" else (0, 0, 0), np.uint8)
            labels = np.zeros((HEIGHT, WIDTH), np.uint8)
            where = slice(20, 32), slice(4 + index, 16 + index)
            labels[where] = 1
            if name != "b":
                picture[where] = RED
            write_image(root / "JPEGImages" / name / f"{index:05d}.png", picture)
            write_image(root / "Annotations" / name / f"{index:05d}.png", labels)
    return open_videos(root)


ONCE = Spells(times=1, length=8)


@pytest.mark.parametrize("way", [Occluder(name="occluder", spells=ONCE), Exit(name="exit", spells=ONCE)])
def test_truth_is_what_is_left_to_be_seen(videos: list[AnnotatedVideo], way: Disappearance) -> None:
    hidden = way.apply(videos[0], videos[1])
    with hidden.clip:
        assert len(hidden.clip) == FRAMES
        depths = ONCE.depths(videos[0])
        seen: list[bool] = []
        for index in range(FRAMES):
            frame = hidden.clip[index]
            assert frame.shape == (HEIGHT, WIDTH, 3)
            red = (frame == RED).all(axis=-1)
            mask = hidden.video.annotations.masks(index)[1]
            np.testing.assert_array_equal(mask, red)
            seen.append(bool(red.any()))
            if not depths[index]:
                np.testing.assert_array_equal(frame, videos[0].frame(index))
    assert not any(visible for visible, depth in zip(seen, depths, strict=True) if depth == 1)
    assert sum(depths == 1) == 8
    assert seen[0]
    assert seen[-1]
    assert not any(seen[int(np.argmax(depths == 1)) : FRAMES - int(np.argmax(depths[::-1] == 1))])


def test_an_occluder_covers_only_its_place_and_an_exit_everything(videos: list[AnnotatedVideo]) -> None:
    middle = int(np.argmax(ONCE.depths(videos[0]) == 1))
    for way, share in ((Occluder(name="o", spells=ONCE), (0.08, 0.2)), (Exit(name="e", spells=ONCE), (1, 1))):
        with way.apply(videos[0], videos[1]).clip as clip:
            assert share[0] <= (clip[middle] == GREEN).all(axis=-1).mean() <= share[1]


@given(times=st.integers(1, 3), length=st.integers(1, 12))
def test_spells(videos: list[AnnotatedVideo], times: int, length: int) -> None:
    spells = Spells(times=times, length=length)
    room = (FRAMES - 1) / times
    if int(room) - 8 < 1:
        with pytest.raises(ValueError, match="9 frames are needed"):
            spells.depths(videos[0])
        return
    depths = spells.depths(videos[0])
    assert depths.shape == (FRAMES,)
    assert depths[0] == 0
    whole = np.diff(np.concatenate([[0], depths == 1, [0]]).astype(int))
    starts, stops = np.flatnonzero(whole == 1), np.flatnonzero(whole == -1)
    assert len(starts) == times
    assert set(stops - starts) == {min(length, int(room) - 8)}
    assert np.abs(np.diff(depths)).max() <= 0.2 + 1e-9  # never out of sight at a blow


def test_a_short_video_says_what_is_needed(videos: list[AnnotatedVideo]) -> None:
    with pytest.raises(ValueError, match=r"short: 2 x 9 frames are needed after frame 0, .* ends after 6"):
        DISAPPEARANCES["exit-2"].apply(videos[2], videos[1])


def test_names() -> None:
    assert list(DISAPPEARANCES) == [f"{kind}-{level}" for kind in ("occluder", "exit") for level in (1, 2, 3)]
    assert all(name == way.name for name, way in DISAPPEARANCES.items())
