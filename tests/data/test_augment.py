"""Changes of samples: each against a case worked out by hand, and all of them decided by the generator."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from masklet.data.augment import (
    AUGMENTATIONS,
    PUBLISHED,
    Augmented,
    FrameJitter,
    Grayscale,
    Jitter,
    Mosaic,
    OnFrames,
)
from masklet.data.photometric import blur_some
from masklet.data.samples import Sample


def sample_of(length: int = 4, size: int = 32, seed: int = 0) -> Sample:
    """Noise, with a mask of 8x8 on bright pixels."""
    frames = np.random.default_rng(seed).integers(60, 190, (length, size, size, 3), dtype=np.uint8)
    masks = np.zeros((1, length, size, size), bool)
    masks[0, :, 4:12, 6:14] = True
    frames[masks[0]] = (250, 20, 20)
    return Sample(frames=frames, masks=masks, source="noise")


class Fixed:
    name = "noise"

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:  # noqa: ARG002
        return sample_of(length, size)


def test_brightness_alone_multiplies() -> None:
    before = sample_of()
    change = Jitter(brightness=0.1, contrast=0, saturation=0)
    ratios = []
    for seed in range(40):
        after = change(np.random.default_rng(seed), before)
        ratio = after.frames.astype(float) / before.frames
        factor = float(np.median(ratio))
        assert np.allclose(after.frames, np.minimum(before.frames * factor, 255), atol=1.5)
        ratios.append(factor)
        assert after.masks is before.masks
    assert 0.9 <= min(ratios) < 0.93
    assert 1.07 < max(ratios) <= 1.1


def test_contrast_keeps_the_mean_and_saturation_the_grey() -> None:
    before = sample_of()
    for seed in range(10):
        frames = Jitter(brightness=0, contrast=0.5, saturation=0)(np.random.default_rng(seed), before).frames
        grey, was = (f @ np.array([0.299, 0.587, 0.114]) for f in (frames[0], before.frames[0]))
        assert grey.mean() == pytest.approx(was.mean(), abs=2.5)
        frames = Jitter(brightness=0, contrast=0, saturation=0.3)(np.random.default_rng(seed), before).frames
        quiet = ~before.masks[0, 0]  # where nothing is clipped
        grey = frames[0][quiet] @ np.array([0.299, 0.587, 0.114])
        assert np.abs(grey - was[quiet]).mean() < 1.5


def test_a_clip_changes_as_one_and_a_flicker_frame_by_frame() -> None:
    still = sample_of(1)
    clip = Sample(frames=np.repeat(still.frames, 5, axis=0), masks=np.repeat(still.masks, 5, axis=1), source="clip")
    steady = Jitter()(np.random.default_rng(1), clip).frames
    assert all(np.array_equal(frame, steady[0]) for frame in steady)
    assert not np.array_equal(steady[0], clip.frames[0])
    flicker = FrameJitter()(np.random.default_rng(1), clip).frames
    assert len({float(frame.mean()) for frame in flicker}) == 5


def test_a_share_of_clips_loses_its_colours() -> None:
    grey = [
        np.ptp(Grayscale(share=0.3)(np.random.default_rng(seed), sample_of()).frames, axis=3).max() == 0
        for seed in range(100)
    ]
    assert 20 <= sum(grey) <= 40


def test_a_mosaic_shows_the_clip_four_times_and_means_one() -> None:
    before = sample_of()
    quarters = set()
    for seed in range(30):
        after = Mosaic(share=1.0)(np.random.default_rng(seed), before)
        assert after.masks.sum(axis=(2, 3)).tolist() == [[16] * 4]  # a quarter of 64, in one place
        assert (after.frames[after.masks[0]] == (250, 20, 20)).all()
        red = (after.frames[0] == (250, 20, 20)).all(axis=-1)
        assert red.sum() == 4 * 16  # the three others are there as well
        rows, columns = np.argwhere(after.masks[0, 0]).min(axis=0) // 16
        quarters.add((int(rows), int(columns)))
    assert len(quarters) == 4


def test_a_mosaic_leaves_stills_and_what_would_vanish() -> None:
    still = sample_of(1)
    assert Mosaic(share=1.0)(np.random.default_rng(0), still) is still
    clip = sample_of()
    tiny = np.zeros_like(clip.masks)
    tiny[0, :, 5, 5] = True
    dot = Sample(frames=clip.frames, masks=tiny, source="dot")
    assert Mosaic(share=1.0)(np.random.default_rng(0), dot).masks.any()
    assert Mosaic(share=0.0)(np.random.default_rng(0), clip) is clip


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_augmentations_follow_the_seed_and_travel_to_workers(name: str) -> None:
    source = Augmented(Fixed(), AUGMENTATIONS[name].changes)
    again = pickle.loads(pickle.dumps(source.__class__(Fixed(), pickle.loads(pickle.dumps(source._changes)))))
    for seed in range(5):
        one, other = (s.sample(np.random.default_rng(seed), 3, 32, 1) for s in (source, again))
        assert np.array_equal(one.frames, other.frames)
        assert np.array_equal(one.masks, other.masks)


def test_the_published_values() -> None:
    """SAM 2, appendix D.2.2."""
    assert (PUBLISHED.clips.turn, PUBLISHED.clips.shear, PUBLISHED.clips.flip) == (25, 20, 0.5)
    assert PUBLISHED.reverse == 0.5
    assert PUBLISHED.changes == (
        Jitter(brightness=0.1, contrast=0.03, saturation=0.03),
        Grayscale(share=0.05),
        FrameJitter(brightness=0.1, contrast=0.05, saturation=0.05),
        Mosaic(share=0.1),
    )


def test_changes_of_frames_keep_masks() -> None:
    before = sample_of()
    after = OnFrames(blur_some)(np.random.default_rng(3), before)
    assert after.masks is before.masks
    assert after.frames.shape == before.frames.shape
