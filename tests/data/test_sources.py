"""Stills, real clips and clips made from stills: what comes out fits together, and the seed decides it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from masklet.data.clips import ClipSource, MaskedClip
from masklet.data.samples import Source
from masklet.data.stills import StillPool, Stills, StillSource
from masklet.data.synthesis import ClipSynthesis


@pytest.fixture
def pool(stills_folder: Path) -> StillPool:
    return StillPool([(Stills(stills_folder), 1.0)])


def test_stills_read_pictures_and_masks(stills_folder: Path) -> None:
    stills = Stills(stills_folder)
    assert len(stills) == 2  # the third picture has no instance of usable size
    picture = stills.picture(0, annotator=1)
    assert picture.image.shape == (120, 160, 3)
    assert np.argwhere(picture.masks[0]).min(axis=0).tolist() == [10, 100]
    assert picture.masks.shape == (1, 120, 160)  # one annotator's instances only
    assert abs(picture.image[picture.masks[0]].astype(int) - (200, 40, 140)).mean() < 12


def test_a_missing_or_broken_picture_is_an_error(stills_folder: Path) -> None:
    (stills_folder / "images" / "0.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="picture 0 is not a readable image"):
        Stills(stills_folder).picture(0)
    (stills_folder / "images" / "0.jpg").unlink()
    with pytest.raises(FileNotFoundError):
        Stills(stills_folder)


def test_a_folder_without_usable_instances_is_an_error(stills_folder: Path) -> None:
    listing = json.loads((stills_folder / "instances.json").read_text())
    (stills_folder / "instances.json").write_text(json.dumps(listing | {"annotations": []}))
    with pytest.raises(ValueError, match="no picture has an instance"):
        Stills(stills_folder)


def test_clip_reads_labels_and_frames(clip_folder: Path) -> None:
    clip = MaskedClip.open(clip_folder)
    assert (len(clip), clip.height, clip.width) == (12, 60, 80)
    assert clip.object_ids(0) == [1, 3]
    assert clip.object_ids(6) == [1]
    assert clip.labels(2)[15, 12] == 1
    assert clip.frame(0).shape == (60, 80, 3)


def test_clip_with_a_frame_missing_is_an_error(clip_folder: Path) -> None:
    (clip_folder / "JPEGImages" / "00004.jpg").unlink()
    with pytest.raises(ValueError, match="11 frames and 12 masks"):
        MaskedClip.open(clip_folder)


def test_stills_have_one_frame(pool: StillPool) -> None:
    with pytest.raises(ValueError, match="one frame"):
        StillSource(pool).sample(np.random.default_rng(0), 3, 64, 1)


@pytest.mark.parametrize("kind", ["stills", "synthesis", "clips"])
def test_samples_are_well_formed_and_follow_the_seed(kind: str, pool: StillPool, clip_folder: Path) -> None:
    sources: dict[str, Source] = {
        "stills": StillSource(pool),
        "synthesis": ClipSynthesis(pool),
        "clips": ClipSource([MaskedClip.open(clip_folder)]),
    }
    length = 1 if kind == "stills" else 4
    for seed in range(8):
        sample, again = (sources[kind].sample(np.random.default_rng(seed), length, 64, 2) for _ in range(2))
        assert sample.frames.shape == (length, 64, 64, 3)
        assert 1 <= len(sample.masks) <= (4 if kind == "stills" else 2)  # a mosaic shows twice as many
        assert (sample.masks[:, 0].mean(axis=(1, 2)) >= 0.004).all()
        assert np.array_equal(sample.frames, again.frames)
        assert np.array_equal(sample.masks, again.masks)


def test_synthesised_clips_move(pool: StillPool) -> None:
    source = ClipSynthesis(pool)
    moved = [
        (sample.masks[0, 0] ^ sample.masks[0, -1]).mean() > 0.002
        for sample in (source.sample(np.random.default_rng(seed), 5, 64, 1) for seed in range(12))
    ]
    assert sum(moved) >= 8


def test_a_mosaic_keeps_each_instance_in_its_quarter(pool: StillPool) -> None:
    source = StillSource(pool, mosaics=1.0)
    for seed in range(6):
        sample = source.sample(np.random.default_rng(seed), 1, 64, 2)
        assert 2 <= len(sample.masks) <= 4
        for mask in sample.masks[:, 0]:
            quarters = [mask[y : y + 32, x : x + 32].any() for y in (0, 32) for x in (0, 32)]
            assert sum(quarters) == 1


def test_masks_lie_on_the_colours_that_they_name(pool: StillPool) -> None:
    """The rectangles of the stills are red; a mask that drifted off its object would lie on noise."""
    sample = StillSource(pool, mosaics=0.0).sample(np.random.default_rng(2), 1, 64, 1)
    pixels = sample.frames[0][sample.masks[0, 0]].astype(int)
    others = sample.frames[0][~sample.masks[0, 0]].astype(int)
    assert pixels.std(axis=0).mean() < others.std(axis=0).mean()
