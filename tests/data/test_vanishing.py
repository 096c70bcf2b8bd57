"""Clips that lose sight of their objects: masks stay true to what is seen, and the first frame shows everything."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest

from masklet.data.samples import Sample
from masklet.data.vanishing import Vanishing

RED, BLUE = (250, 20, 20), (20, 20, 250)
SIZE = 64


class Drifting:
    """A red disc and a blue square that drift over dark noise."""

    name = "drifting"

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        frames = rng.integers(0, 40, (length, size, size, 1), dtype=np.uint8).repeat(3, axis=3)
        masks = np.zeros((objects, length, size, size), bool)
        rows, columns = np.indices((size, size))
        for number, colour in zip(range(objects), (RED, BLUE), strict=False):
            place, speed = rng.uniform(0.25, 0.75, 2) * size, rng.uniform(-1.5, 1.5, 2)
            for t in range(length):
                y, x = place + speed * t
                far = np.abs(rows - y), np.abs(columns - x)
                inside = np.maximum(*far) < size / 8 if number else np.hypot(*far) < size / 7
                masks[: number + 1, t] &= ~inside
                masks[number, t] = inside
                frames[t, inside] = colour
        return Sample(frames=frames, masks=masks[masks[:, 0].any(axis=(1, 2))], source="film")


class Meadow:
    """Stills without anything red or blue."""

    def __init__(self, *names: str) -> None:
        self.name = "meadow"
        self._names = names or ("meadow",)

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        frames = np.zeros((length, size, size, 3), np.uint8)
        frames[..., 1] = rng.integers(120, 200, (length, size, size), dtype=np.uint8)
        masks = np.ones((objects, length, size, size), bool)
        return Sample(frames=frames, masks=masks, source=self._names[int(rng.integers(len(self._names)))])


def draw(
    seed: int, *, share: float = 1.0, length: int = 7, objects: int = 2, size: int = SIZE
) -> tuple[Sample, Sample]:
    """A sample as it comes from the source, and as it is made of it."""
    whole = Drifting().sample(np.random.default_rng(seed), length, size, objects)
    return whole, Vanishing(Drifting(), Meadow(), share).sample(np.random.default_rng(seed), length, size, objects)


def test_the_first_frame_shows_every_object_and_a_later_one_does_not() -> None:
    returned = 0
    for seed in range(200):
        before, after = draw(seed)
        assert after.frames.shape == before.frames.shape
        assert after.frames.dtype == np.uint8
        assert after.masks.dtype == np.bool_
        assert 1 <= len(after.masks) <= len(before.masks)
        assert after.source == before.source
        present = after.present
        assert present[:, 0].all()
        gone = ~present.all(axis=1)
        assert gone.any()
        returned += bool(present[gone, -1].any())
    assert 60 < returned < 160  # some come back, some do not


@pytest.mark.parametrize("size", [64, 96])
def test_masks_are_where_the_objects_are_seen(size: int) -> None:
    """In every frame, up to a rim where colours mix: red or blue is in a mask, and masks are red or blue."""
    rim = np.ones((5, 5), np.uint8)
    for seed in range(120):
        _, after = draw(seed, size=size, objects=1)
        for frame, mask in zip(after.frames.astype(int), after.masks[0].astype(np.uint8), strict=True):
            red = frame[..., 0] - frame[..., 1:].max(axis=2) > 115
            assert not red[cv2.dilate(mask, rim) == 0].any(), seed
            assert red[cv2.erode(mask, rim) > 0].all(), seed


def test_what_is_not_changed_is_the_same() -> None:
    for seed in range(20):
        before, after = draw(seed, share=0)
        assert np.array_equal(before.frames, after.frames)
        assert np.array_equal(before.masks, after.masks)
        for length in (1, 2):  # stills, and clips too short to lose sight of anything
            before, after = draw(seed, length=length)
            assert np.array_equal(before.frames, after.frames)
            assert np.array_equal(before.masks, after.masks)


def test_a_share_of_the_clips_is_changed() -> None:
    pairs = [draw(seed, share=0.3) for seed in range(200)]
    assert 40 < sum(not np.array_equal(a.frames, b.frames) for a, b in pairs) < 80


def test_the_generator_decides_in_every_process() -> None:
    source = Vanishing(Drifting(), Meadow(), 1.0)
    again = pickle.loads(pickle.dumps(source))
    assert source.name == "drifting"
    for seed in range(12):
        one, other = (s.sample(np.random.default_rng(seed), 6, SIZE, 2) for s in (source, again))
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.masks, other.masks)


def test_short_clips_can_lose_sight_too() -> None:
    for seed in range(40):
        present = draw(seed, length=3)[1].present
        assert present[:, 0].all()
        assert not present.all()


def test_another_scene_is_not_the_clip_itself() -> None:
    """With few clips and no pictures, the stills are frames of the clips: the objects would be there without masks."""
    for name in ("film", "other + film"):
        own = Vanishing(Drifting(), Meadow(name), 1.0)
        for seed in range(20):
            before, after = draw(seed)[0], own.sample(np.random.default_rng(seed), 7, SIZE, 2)
            assert np.array_equal(before.frames, after.frames)
    sometimes = Vanishing(Drifting(), Meadow("film", "other"), 1.0)
    assert not any(sometimes.sample(np.random.default_rng(seed), 7, SIZE, 2).present.all() for seed in range(40))


def test_objects_that_are_hidden_from_the_start_are_not_waited_for() -> None:
    class Hidden(Drifting):
        def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
            sample = super().sample(rng, length, size, objects)
            sample.masks[0, 0] = False
            return sample

    for seed in range(60):
        after = Vanishing(Hidden(), Meadow(), 1.0).sample(np.random.default_rng(seed), 7, SIZE, 2)
        assert len(after.masks)
