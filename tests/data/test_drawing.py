"""Stills, filmed clips and clips made from stills: what comes out fits together, and the seed decides it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from masklet.data.clips import ClipSource
from masklet.data.footage import FilmedClip, MaskedClip, decode_jpeg, read_frame
from masklet.data.framing import Whole
from masklet.data.layouts import open_videos
from masklet.data.samples import Source
from masklet.data.sources import open_collections
from masklet.data.stills import StillPool, StillSource
from masklet.data.synthesis import ClipSynthesis, Variety, joined
from masklet.media import MediaError


@pytest.fixture
def pictures(stills_folder: Path) -> list[MaskedClip]:
    return list(open_collections(stills_folder)[0].pictures)


@pytest.fixture
def pool(pictures: list[MaskedClip]) -> StillPool:
    return StillPool([(pictures, 1.0)])


@pytest.fixture
def clip(clip_folder: Path) -> FilmedClip:
    return FilmedClip(open_videos(clip_folder)[0], "films")


def test_pictures_are_listed_once_for_each_annotator(pictures: list[MaskedClip]) -> None:
    # The first picture has two annotators, the third no instance of usable size.
    assert [picture.name for picture in pictures] == ["things/0@0", "things/0@1", "things/1@0"]
    [mask] = pictures[1].masks(0).values()
    assert np.argwhere(mask).min(axis=0).tolist() == [10, 100]
    [image] = pictures[1].frames([0])
    assert image.shape == (120, 160, 3)
    assert abs(image[mask].astype(int) - (200, 40, 140)).mean() < 12


def test_a_broken_picture_is_an_error(stills_folder: Path, pictures: list[MaskedClip]) -> None:
    path = stills_folder / "images" / "0.jpg"
    path.write_bytes(path.read_bytes()[:-400])  # OpenCV would decode it, and make up the rest
    with pytest.raises(MediaError, match=r"0\.jpg"):
        pictures[0].frames([0])
    path.unlink()
    with pytest.raises(MediaError, match=r"0\.jpg: no such file"):
        pictures[0].frames([0])
    with pytest.raises(ValueError, match="cam/3: not a readable JPEG"):
        decode_jpeg(b"no picture", "cam/3")


def test_jpegs_are_read_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture = np.zeros((16, 32, 3), np.uint8)
    picture[:, :16] = (250, 0, 0)
    Image.fromarray(picture).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    frame = read_frame(tmp_path / "turned.jpg")
    assert frame.shape == (32, 16, 3)
    assert frame[2, 8, 0] > 200  # red is on top, and is red
    assert frame[30, 8, 0] < 50


def test_clips_have_annotated_frames_only(clip_folder: Path) -> None:
    for t in (0, 3, 7):
        (clip_folder / "Annotations" / f"{t:05d}.png").unlink()
    clip = FilmedClip(open_videos(clip_folder)[0], "films")
    assert len(clip) == 9
    assert clip.name == "films/walk"
    assert set(clip.masks(0)) == {1, 3}  # frame 1
    assert set(clip.masks(5)) == {1}  # frame 8: object 3 is gone
    assert clip.masks(2)[1][15, 5 + 3 * 4]
    later, earlier = clip.frames([2, 0])
    assert np.array_equal(earlier, read_frame(clip_folder / "JPEGImages" / "00001.jpg"))
    assert np.array_equal(later, read_frame(clip_folder / "JPEGImages" / "00004.jpg"))
    assert clip.jpeg(0) == (clip_folder / "JPEGImages" / "00001.jpg").read_bytes()


def test_stills_have_one_frame(pool: StillPool) -> None:
    with pytest.raises(ValueError, match="one frame"):
        StillSource(pool).sample(np.random.default_rng(0), 3, 64, 1)


@pytest.mark.parametrize("kind", ["stills", "synthesis", "clips"])
def test_samples_are_well_formed_and_follow_the_seed(kind: str, pool: StillPool, clip: FilmedClip) -> None:
    sources: dict[str, Source] = {
        "stills": StillSource(pool),
        "synthesis": ClipSynthesis(pool),
        "clips": ClipSource([clip]),
    }
    length = 1 if kind == "stills" else 4
    for seed in range(8):
        sample, again = (sources[kind].sample(np.random.default_rng(seed), length, 64, 2) for _ in range(2))
        assert sample.frames.shape == (length, 64, 64, 3)
        assert 1 <= len(sample.masks) <= (4 if kind == "stills" else 2)  # a mosaic shows twice as many
        assert (sample.masks[:, 0].mean(axis=(1, 2)) >= 0.004).all()
        assert np.array_equal(sample.frames, again.frames)
        assert np.array_equal(sample.masks, again.masks)
        assert sample.source.startswith("films/walk" if kind == "clips" else "things/")


def test_clips_keep_their_order_or_run_backward(clip: FilmedClip) -> None:
    """Object 1 of the clip moves to the right."""

    def travel(reverse: float, seed: int) -> float:
        source = ClipSource([clip], max_stride=1, reverse=reverse, framing=Whole(flip=0))
        masks = source.sample(np.random.default_rng(seed), 6, 64, 2).masks
        moving = masks[np.argmax([(first ^ last).sum() for first, last in zip(masks[:, 0], masks[:, -1], strict=True)])]
        return np.argwhere(moving[-1])[:, 1].mean() - np.argwhere(moving[0])[:, 1].mean()

    assert all(travel(0.0, seed) == pytest.approx(5 * 3 * 64 / 80, abs=1) for seed in range(4))
    assert all(travel(1.0, seed) == pytest.approx(-5 * 3 * 64 / 80, abs=1) for seed in range(4))


def test_strides_are_drawn_up_to_the_longest(clip: FilmedClip) -> None:
    source = ClipSource([clip], max_stride=3, reverse=0, framing=Whole(flip=0))
    lefts = []
    for seed in range(30):
        first, second = source.sample(np.random.default_rng(seed), 2, 80, 1).masks[0]
        if second.any():  # object 3 leaves
            lefts.append(np.argwhere(second)[:, 1].min() - np.argwhere(first)[:, 1].min())
    assert {round(left / 3) for left in lefts} == {0, 1, 2, 3}  # 0: object 3 stands still


def test_small_objects_are_prompted_only_where_wanted(clip: FilmedClip, pictures: list[MaskedClip]) -> None:
    """Object 3 of the clip covers 300 of 4800 pixels, the rectangles of the pictures at least 1500 of 19200."""
    moving = ClipSource([clip], least=0.07, framing=Whole(flip=0), reverse=0, max_stride=1)
    for seed in range(8):
        sample = moving.sample(np.random.default_rng(seed), 2, 64, 2)
        assert len(sample.masks) == 1
        assert sample.masks[0, 0].mean() > 0.07
    large = StillPool([(pictures, 1)], least=0.2)
    shares = {round(float(large.draw(np.random.default_rng(seed), 3).masks.mean()), 3) for seed in range(30)}
    assert shares == {round(80 * 80 / 19200, 3), round(90 * 60 / 19200, 3)}  # the small rectangle is left out
    with pytest.raises(ValueError, match="no picture of 50 had an object of usable size"):
        StillPool([(pictures, 1)], least=0.6).draw(np.random.default_rng(0), 3)


def test_weights_decide_between_clips(clip: FilmedClip) -> None:
    other = FilmedClip(clip.video, "others")
    source = ClipSource([clip, other], weights=[1, 9])
    names = [source.sample(np.random.default_rng(seed), 2, 32, 1).source for seed in range(60)]
    assert 45 <= names.count("others/walk") < 60
    with pytest.raises(ValueError, match="a weight for each of 2 clips, got 1"):
        ClipSource([clip, other], weights=[1])
    with pytest.raises(ValueError, match="at least one clip"):
        ClipSource([])


def test_clips_that_are_too_short_say_so(clip: FilmedClip) -> None:
    with pytest.raises(ValueError, match="has 20 annotated frames; the longest has 12"):
        ClipSource([clip]).sample(np.random.default_rng(0), 20, 64, 1)


def test_a_mask_of_another_size_than_its_frame_is_an_error(clip: FilmedClip) -> None:
    for t in range(12):
        path = clip.video.frames[t]
        Image.open(path).resize((40, 30)).save(path)
    with pytest.raises(ValueError, match=r"walk: a mask is 80x60 \(width x height\), its frame 40x30"):
        ClipSource([clip]).sample(np.random.default_rng(0), 3, 64, 1)


def test_synthesised_clips_move(pool: StillPool) -> None:
    source = ClipSynthesis(pool)
    moved = [
        (sample.masks[0, 0] ^ sample.masks[0, -1]).mean() > 0.002
        for sample in (source.sample(np.random.default_rng(seed), 5, 64, 1) for seed in range(12))
    ]
    assert sum(moved) >= 8


def test_a_slow_shutter_blurs_what_moves_and_not_the_masks(pool: StillPool) -> None:
    sharper = 0
    for seed in range(10):
        sharp, blurred = (
            ClipSynthesis(pool, variety=Variety(blurred=share)).sample(np.random.default_rng(seed), 4, 96, 1)
            for share in (0.0, 1e-9)
        )
        assert np.array_equal(sharp.frames, blurred.frames)  # a share that is never drawn changes nothing
        blurred = ClipSynthesis(pool, variety=Variety(blurred=1.0)).sample(np.random.default_rng(seed), 4, 96, 1)
        edges = [cv2.Laplacian(sample.frames[1:].reshape(-1, 96, 3), cv2.CV_32F).std() for sample in (sharp, blurred)]
        sharper += edges[0] > edges[1]
    assert sharper >= 8


def test_filmed_grounds_and_objects_are_made_into_clips(pool: StillPool, clip: FilmedClip) -> None:
    films = ClipSource([clip], max_stride=1, reverse=0, framing=Whole(flip=0))
    variety = Variety(filmed_grounds=1.0, filmed_objects=0.0, blurred=0.0, twins=0.0)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        sample = ClipSynthesis(pool, films, variety).sample(rng, 4, 64, 3)
        assert sample.source.split(" + ")[0] == "films/walk"
    variety = Variety(filmed_grounds=0.0, filmed_objects=1.0, blurred=0.0)
    sources = {
        name
        for seed in range(12)
        for name in ClipSynthesis(pool, films, variety)
        .sample(np.random.default_rng(seed), 4, 64, 3)
        .source.split(" + ")
    }
    assert any(name.startswith("things/") for name in sources)
    assert {name for name in sources if not name.startswith("things/")} == {"films/walk"}


def test_objects_that_touch_become_one() -> None:
    """Two halves of a square touch; the corner does not."""
    masks = np.zeros((3, 40, 40), bool)
    masks[0, :4, :4] = masks[1, 10:20, 10:15] = masks[2, 10:20, 16:20] = True
    both, corner = joined(masks)
    assert np.array_equal(both, masks[1] | masks[2])
    assert np.array_equal(corner, masks[0])
    assert np.array_equal(joined(masks[:2]), masks[:2])
    halves = np.zeros((2, 40, 40), bool)
    halves[0, :, :20] = halves[1, :, 20:] = True
    assert np.array_equal(joined(halves), halves)  # together they would be all there is


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
