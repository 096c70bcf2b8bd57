"""Folders in the layouts of DAVIS and of SA-V: who is prompted where, which frames count, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from masklet.data.layouts import open_videos
from masklet.data.sequences import Target

STEMS = [f"{i:05d}" for i in range(5)]


@pytest.fixture
def palette(tmp_path: Path, writer: Any) -> Path:
    """Video a: objects 1 and, from frame 2 on, 7. Video b: one object on two of its frames."""
    for name in ("a", "b"):
        writer.frames(tmp_path / "JPEGImages" / name, STEMS)
    for i, stem in enumerate(STEMS):
        boxes = [(1, i)] if i < 2 else [(1, i), (7, 20)]
        writer.labels(tmp_path / f"Annotations/a/{stem}.png", writer.box(*boxes))
    for stem in (STEMS[1], STEMS[3]):
        writer.labels(tmp_path / f"Annotations/b/{stem}.png", writer.box((2, 0)))
    return tmp_path


@pytest.fixture
def per_object(tmp_path: Path, writer: Any) -> Path:
    """One video: object 0 that leaves, object 12 that comes on frame 2 and overlaps it."""
    root = tmp_path / "set"
    writer.frames(root / "JPEGImages" / "v", STEMS)
    for i, stem in enumerate(STEMS):
        writer.grey(root / f"Annotations/v/000/{stem}.png", writer.box((255, i)) if i < 4 else writer.box())
        writer.grey(root / f"Annotations/v/012/{stem}.png", writer.box((1, 3)) if i > 1 else writer.box())
    return root


def test_palette_videos_prompt_objects_where_they_are_first_seen(palette: Path) -> None:
    a, b = open_videos(palette)
    assert (a.name, len(a), a.stems) == ("a", 5, tuple(STEMS))
    assert list(a.targets) == [Target(object_id=1, frame=0), Target(object_id=7, frame=2)]
    assert a.targets[-1].object_id == 7
    assert a.scored == (1, 2, 3)
    assert a.annotations.frames == (0, 1, 2, 3, 4)
    masks = a.annotations.masks(1)
    assert {i: int(mask.sum()) for i, mask in masks.items()} == {1: 36, 7: 0}
    assert masks[1][4, 1]
    assert not masks[1][4, 0]
    assert list(b.targets) == [Target(object_id=2, frame=1)]
    assert b.annotations.frames == (1, 3)
    assert b.scored == ()
    assert a.groups == {}
    assert [path.name for path in b.annotations.files()] == ["00001.png", "00003.png"]


def test_opening_decodes_no_mask(palette: Path) -> None:
    broken = palette / "Annotations/a/00002.png"
    broken.write_bytes(b"no picture")
    a = open_videos(palette)[0]
    assert a.scored == (1, 2, 3)
    with pytest.raises(ValueError, match=r"a/00002\.png"):
        list(a.targets)


def test_videos_can_be_sent_to_workers(palette: Path, per_object: Path) -> None:
    for video in (*open_videos(palette), *open_videos(per_object)):
        copy = pickle.loads(pickle.dumps(video))
        assert list(copy.targets) == list(video.targets)
        frame = video.annotations.frames[-1]
        for i, mask in video.annotations.masks(frame).items():
            assert np.array_equal(copy.annotations.masks(frame)[i], mask)


def test_frames_and_clip_are_the_pictures(palette: Path) -> None:
    a = open_videos(palette)[0]
    assert a.frame(3).shape == (24, 32, 3)
    assert a.frame(3).mean() == pytest.approx(30, abs=2)
    assert len(a.clip()) == 5


def test_frames_of_two_sizes_are_an_error(palette: Path, writer: Any) -> None:
    writer.frames(palette / "JPEGImages/a", STEMS[3:4], size=(20, 32))
    with pytest.raises(ValueError, match=r"a/00003\.jpg is 32x20 but 00000\.jpg is 32x24"):
        open_videos(palette)[0].clip()


def test_the_two_other_ways_to_lay_out_a_palette_folder(tmp_path: Path, clip_folder: Path) -> None:
    (one,) = open_videos(clip_folder)
    assert (one.name, one.annotations.objects) == ("walk", (1, 3))
    (nested,) = open_videos(tmp_path)
    assert nested.name == "walk"
    assert nested.frames == one.frames


def test_a_split_is_a_list_in_its_own_order(palette: Path) -> None:
    (palette / "ImageSets").mkdir()
    (palette / "ImageSets/val.txt").write_text("b\na\n\n")
    assert [video.name for video in open_videos(palette, split="val")] == ["b", "a"]
    (palette / "ImageSets/val.txt").write_text("b\nzebra\n")
    with pytest.raises(ValueError, match=r"val\.txt: zebra is not in the data set"):
        open_videos(palette, split="val")
    (palette / "ImageSets/val.txt").write_text("\n")
    with pytest.raises(ValueError, match="names no video"):
        open_videos(palette, split="val")
    with pytest.raises(FileNotFoundError, match=r"test\.txt: no such list"):
        open_videos(palette, split="test")


def test_black_and_white_masks_are_object_1(palette: Path, writer: Any) -> None:
    for i, stem in enumerate(STEMS):
        writer.grey(palette / f"Annotations/a/{stem}.png", writer.box((255, i)))
    a = open_videos(palette, "palette")[0]
    assert list(a.targets) == [Target(object_id=1, frame=0)]
    assert {i: int(mask.sum()) for i, mask in a.annotations.masks(4).items()} == {1: 36}


def test_per_object_masks_may_overlap(per_object: Path) -> None:
    (video,) = open_videos(per_object)
    assert video.annotations.objects == (0, 12)
    assert list(video.targets) == [Target(object_id=0, frame=0), Target(object_id=12, frame=2)]
    assert video.scored == (1, 2, 3)
    masks = video.annotations.masks(2)
    assert int((masks[0] & masks[12]).sum()) == 30
    assert not video.annotations.masks(4)[0].any()
    assert len(video.annotations.files()) == 10


@pytest.mark.parametrize("kind", ["16-bit", "colour", "alpha", "size", "values"])
def test_a_mask_that_is_none_is_an_error(per_object: Path, writer: Any, kind: str) -> None:
    path = per_object / "Annotations/v/012/00003.png"
    mask = writer.box((1, 3))
    wrong, message = {
        "16-bit": (mask.astype(np.uint16), "8 bits a pixel, got 16"),
        "colour": (np.repeat(mask[..., None], 3, axis=2), "got a RGB picture"),
        "alpha": (np.repeat(mask[..., None], 4, axis=2), "got a RGBA picture"),
        "size": (mask[:20], r"32x24 \(width x height\), got 32x20"),
        "values": (writer.box((1, 3), (2, 20)), r"expected 0 and one other value.*\[0, 1, 2\]"),
    }[kind]
    writer.grey(path, wrong)
    (video,) = open_videos(per_object)
    with pytest.raises(ValueError, match=rf"012/00003\.png: .*{message}"):
        video.annotations.masks(3)


def test_palettes_that_show_reordered_indices_are_errors(palette: Path, writer: Any) -> None:
    path = palette / "Annotations/a/00001.png"
    labels = writer.box((1, 3))

    def with_palette(colours: list[int]) -> None:
        picture = Image.fromarray(labels)
        picture.putpalette(colours)
        picture.save(path)

    for colours, message in (
        ([0, 0, 0, 0, 128, 0], r"index 1 has \[0, 128, 0\], the colour of object 2"),
        ([128, 0, 0, 9, 9, 90], r"index 0 has \[128, 0, 0\], the colour of object 1"),
        ([236, 95, 103, 0, 0, 0], r"index 1 is black and index 0, the background, is \[236, 95, 103\]"),
    ):
        with_palette(colours)
        with pytest.raises(ValueError, match=rf"a/00001\.png: wrong palette: {message}"):
            open_videos(palette)[0].annotations.masks(1)
    for harmless in (
        [0, 0, 0, 236, 95, 103],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 128, 128, 128],
        [255, 255, 255, 128, 0, 0],
        [7, 70, 170, 200, 13, 50],
    ):
        with_palette(harmless)
        assert open_videos(palette)[0].annotations.masks(1)[1].sum() == 36


def test_frames_and_masks_that_do_not_pair_are_errors(palette: Path) -> None:
    (palette / "JPEGImages/a/00002.jpg").unlink()
    with pytest.raises(ValueError, match=r"Annotations/a/00002\.png: the mask has no picture"):
        open_videos(palette)
    for path in (palette / "JPEGImages/a").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="JPEGImages/a: the folder holds no pictures"):
        open_videos(palette)
    (palette / "JPEGImages/a").rmdir()
    with pytest.raises(ValueError, match=r"JPEGImages/a: no frames for the masks"):
        open_videos(palette)


def test_a_second_picture_of_a_frame_is_an_error(palette: Path, writer: Any) -> None:
    writer.frames(palette / "JPEGImages/a", STEMS[:1], suffix=".png")
    with pytest.raises(ValueError, match=r"a/00000\.png: a second picture of frame 00000"):
        open_videos(palette)


def test_a_video_without_masks_or_objects_is_an_error(palette: Path, writer: Any) -> None:
    for stem in STEMS:
        writer.labels(palette / f"Annotations/a/{stem}.png", writer.box())
    a = open_videos(palette)[0]
    with pytest.raises(ValueError, match="Annotations/a: no object in any mask"):
        list(a.targets)
    for path in (palette / "Annotations/a").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="Annotations/a: expected masks"):
        open_videos(palette, "palette")
    (palette / "Annotations/a").rmdir()
    with pytest.raises(ValueError, match="Annotations/a: no masks for the frames"):
        open_videos(palette)


def test_per_object_folders_are_complete_and_named_by_ids(per_object: Path) -> None:
    masks = per_object / "Annotations/v"
    (masks / "012/00003.png").rename(masks / "kept.png")
    with pytest.raises(ValueError, match=r"v/012/00003\.png: the mask is missing \(object 12"):
        open_videos(per_object, "per-object")
    (masks / "kept.png").rename(masks / "012/00003.png")
    (masks / "12").mkdir()
    with pytest.raises(ValueError, match="a second folder of object 12"):
        open_videos(per_object)
    (masks / "12").rename(masks / "dog")
    with pytest.raises(ValueError, match="v/dog: expected a folder named by an object id"):
        open_videos(per_object)


def test_an_object_without_a_pixel_is_an_error(per_object: Path, writer: Any) -> None:
    for stem in STEMS:
        writer.grey(per_object / f"Annotations/v/012/{stem}.png", writer.box())
    with pytest.raises(ValueError, match="v/012: object 12 is in none of its masks"):
        list(open_videos(per_object)[0].targets)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        open_videos(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no known layout in it; looked for .*JPEGImages_24fps \(sav\)"):
        open_videos(tmp_path)
    with pytest.raises(ValueError, match=r"layout must be auto or one of davis2016, .*, got 'coco'"):
        open_videos(tmp_path, "coco")
    with pytest.raises(FileNotFoundError, match="expected JPEGImages and Annotations in it"):
        open_videos(tmp_path, "palette")
