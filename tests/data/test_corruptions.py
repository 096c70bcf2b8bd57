"""Corruptions: what they do to frames and to their order, always the same for one seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from masklet.data.corruptions import CORRUPTIONS, Dropped, Duplicated, LowLight, Noise, ShotCuts
from masklet.media import Clip
from masklet.media.folder import ImageFolderClip

KINDS = ["blur", "motion-blur", "noise", "jpeg", "h264", "low-light", "dropped", "duplicated", "shot-cuts"]
PER_FRAME = ["blur", "motion-blur", "noise", "jpeg", "h264", "low-light"]
REORDERING = ["dropped", "duplicated", "shot-cuts"]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Clip]:
    """Clips of a checkered square that moves over a ramp; odd sides, so that encoders have to pad."""

    def make(name: str = "clip", count: int = 9, size: tuple[int, int] = (61, 83)) -> Clip:
        folder = tmp_path / name
        if not folder.is_dir():
            folder.mkdir()
            ramp = np.linspace(40, 200, size[1]).astype(np.uint8)
            for i in range(count):
                frame = np.repeat(np.tile(ramp, (size[0], 1))[..., None], 3, axis=2)
                square = frame[15:45, 10 + 3 * i : 34 + 3 * i]
                square[...] = 0
                square[np.indices(square.shape[:2]).sum(axis=0) // 4 % 2 == 1] = (250, 120, 20)
                Image.fromarray(frame).save(folder / f"{i:03d}.png")
        return ImageFolderClip(folder)

    return make


def test_there_are_three_severities_of_each_kind() -> None:
    assert list(CORRUPTIONS) == [f"{kind}-{level}" for kind in KINDS for level in (1, 2, 3)]
    assert all(corruption.name == name for name, corruption in CORRUPTIONS.items())


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_outcomes_fit_their_clip_and_repeat(opened: Callable[..., Clip], name: str) -> None:
    first, again = (CORRUPTIONS[name].apply(opened(), other=opened("other", 4, (30, 40))) for _ in range(2))
    assert len(first.clip) == len(first.origin)
    assert (first.clip.height, first.clip.width, first.clip.name) == (61, 83, "clip")
    assert len(first.clip.timestamps) == len(first.clip)
    assert first.origin == again.origin
    assert first.first(0) == 0
    frames = list(first.clip.frames())
    assert len(frames) == len(first.clip)
    for i, frame in enumerate(frames):
        assert frame.shape == (61, 83, 3)
        assert frame.dtype == np.uint8
        assert np.array_equal(frame, again.clip[i])
    for corrupted in (first, again):
        corrupted.clip.close()
        with pytest.raises(ValueError, match="closed"):
            corrupted.clip[0]


@pytest.mark.parametrize("kind", PER_FRAME)
def test_frames_get_worse_with_severity_and_keep_their_place(opened: Callable[..., Clip], kind: str) -> None:
    clean = opened("large", 5, (481, 641))[4].astype(float)
    errors = []
    for level in (1, 2, 3):
        corrupted = CORRUPTIONS[f"{kind}-{level}"].apply(opened("large", 5, (481, 641)))
        assert corrupted.origin == tuple(range(5))
        errors.append(float(((corrupted.clip[4] - clean) ** 2).mean()))
        corrupted.clip.close()
    assert 0 < errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("kind", REORDERING)
def test_reordered_frames_are_the_original_ones(opened: Callable[..., Clip], kind: str) -> None:
    clip = opened()
    corrupted = CORRUPTIONS[f"{kind}-2"].apply(opened(), other=opened("other", 4))
    for i, original in enumerate(corrupted.origin):
        if original is not None:
            assert np.array_equal(corrupted.clip[i], clip[original])


@given(share=st.floats(0, 1), seed=st.integers(0, 99), keep=st.sets(st.integers(0, 39)))
def test_dropped_frames_spare_those_to_be_kept(share: float, seed: int, keep: set[int]) -> None:
    origin = Dropped(name="d", share=share, seed=seed).apply(Blank(40), keep=keep).origin
    assert list(origin) == sorted(set(origin), key=lambda i: i if i is not None else -1)
    assert {0} | keep <= set(origin)
    free = 39 - len(keep - {0})
    assert 40 - len(origin) == round(share * free)


def test_a_dropped_frame_has_no_place() -> None:
    corrupted = Dropped(name="d", share=1.0).apply(Blank(5), keep=[3])
    assert corrupted.origin == (0, 3)
    assert corrupted.first(3) == 1
    with pytest.raises(ValueError, match="frame 2 was dropped"):
        corrupted.first(2)


def test_duplicated_frames_stand_beside_each_other() -> None:
    assert Duplicated(name="d", share=1.0).apply(Blank(3)).origin == (0, 0, 1, 1, 2, 2)
    half = Duplicated(name="d", share=0.5).apply(Blank(10)).origin
    assert (len(half), list(half)) == (15, sorted(half, key=lambda i: i or 0))
    assert half != Duplicated(name="d", share=0.5, seed=1).apply(Blank(10)).origin


def test_shot_cuts_show_other_footage_between_equal_parts(opened: Callable[..., Clip]) -> None:
    other = opened("other", 4, (30, 40))
    corrupted = ShotCuts(name="s", shots=2, length=3).apply(opened(), other=opened("other", 4))
    assert corrupted.origin == (0, 1, 2, None, None, None, 3, 4, 5, None, None, None, 6, 7, 8)
    assert corrupted.clip[3].shape == (61, 83, 3)
    # The footage has four frames: the second shot begins with the last one and starts over.
    assert not np.array_equal(corrupted.clip[9], corrupted.clip[3])
    assert np.array_equal(corrupted.clip[10], corrupted.clip[3])
    assert len(other) == 4
    with pytest.raises(ValueError, match="s needs other footage to cut to"):
        ShotCuts(name="s", shots=2).apply(opened())
    with pytest.raises(ValueError, match="s needs more than 9 frames, got 9"):
        ShotCuts(name="s", shots=9).apply(opened(), other=other)


def test_noise_differs_from_frame_to_frame_and_seed_to_seed() -> None:
    noisy = Noise(name="n", sigma=20).apply(Blank(2)).clip
    assert not np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], Noise(name="n", sigma=20, seed=1).apply(Blank(2)).clip[0])
    assert np.std(noisy[0]) == pytest.approx(20, rel=0.1)


def test_low_light_is_dark() -> None:
    dark = LowLight(name="l", gain=0.25, sigma=2).apply(Blank(1)).clip[0]
    assert dark.mean() == pytest.approx(32, abs=1)


class Blank(Clip):
    """Grey frames that cost nothing."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.name, self.height, self.width, self.fps = "blank", 48, 64, 24.0
        self._count = count

    @property
    def timestamps(self) -> tuple[float, ...]:
        return tuple(i / self.fps for i in range(self._count))

    def __len__(self) -> int:
        return self._count

    def _read(self, index: int) -> np.ndarray:
        assert 0 <= index < self._count
        return np.full((48, 64, 3), 128, np.uint8)
