"""Training data from any folder: every layout is recognised and trained from, and what is wrong is told."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from masklet.data.augment import CROPPED, PLAIN, PUBLISHED, STRONG
from masklet.data.packing import Packing, pack
from masklet.data.sources import open_collections, open_sources, recognise
from masklet.masks.rle import Rle
from masklet.media import VideoWriter

STEMS = [f"{t:05d}" for t in range(6)]


def film(writer: Any, frames: Path, masks: Path, *, stems: list[str] = STEMS) -> None:
    writer.frames(frames, stems)
    for t, stem in enumerate(stems):
        writer.labels(masks / f"{stem}.png", writer.box((1, 2 + t), (2, 22)))


def davis(writer: Any, root: Path) -> None:
    film(writer, root / "JPEGImages/480p/dog", root / "Annotations/480p/dog")


def youtube(writer: Any, root: Path) -> None:
    film(writer, root / "JPEGImages/a1", root / "Annotations/a1")
    entry = {"category": "dog", "frames": STEMS}
    (root / "meta.json").write_text(json.dumps({"videos": {"a1": {"objects": {"1": entry, "2": entry}}}}))


def palette(writer: Any, root: Path) -> None:
    film(writer, root / "JPEGImages/one", root / "Annotations/one")


def one_clip(writer: Any, root: Path) -> None:
    film(writer, root / "JPEGImages", root / "Annotations")


def per_object(writer: Any, root: Path) -> None:
    writer.frames(root / "JPEGImages/one", STEMS)
    for t, stem in enumerate(STEMS):
        writer.grey(root / f"Annotations/one/7/{stem}.png", writer.box((255, 2 + t)))


def sav_val(writer: Any, root: Path) -> None:
    writer.frames(root / "JPEGImages_24fps/v", STEMS)
    for stem in STEMS[::2]:
        writer.grey(root / f"Annotations_6fps/v/000/{stem}.png", writer.box((255, 8)))


def lvos(writer: Any, root: Path) -> None:
    palette(writer, root)
    (root / "unseen_videos.txt").write_text("one\n")


def sav_train(writer: Any, root: Path) -> None:
    with VideoWriter(root / "v.mp4", 24, 32, 24) as out:
        for t in range(12):
            out.write(np.full((24, 32, 3), 20 * t, np.uint8))
    rle = Rle.encode(writer.box((1, 8)) > 0).to_coco()
    value = {"video_frame_count": 12.0, "masklet_id": [0], "masklet": [[rle]] * 3}
    (root / "v_manual.json").write_text(json.dumps(value))


def pairs(writer: Any, root: Path) -> None:
    writer.frames(root / "images", ["a", "b"])
    for stem in "ab":
        writer.labels(root / f"masks/{stem}.png", writer.box((1, 4), (2, 20)))


def voc(writer: Any, root: Path) -> None:
    writer.frames(root / "JPEGImages", ["2007_000032", "2007_000039"])
    for stem in ("2007_000032", "2007_000039"):
        writer.labels(root / f"Annotations/{stem}.png", writer.box((1, 4), (2, 20)))


def coco(writer: Any, root: Path) -> None:
    writer.frames(root / "images", ["a"])
    mask = writer.box((1, 4)) > 0
    entry = {"id": 5, "image_id": 1, "segmentation": Rle.encode(mask).to_coco(), "area": 36}
    image = {"id": 1, "file_name": "a.jpg", "height": 24, "width": 32}
    (root / "instances.json").write_text(json.dumps({"images": [image], "annotations": [entry]}))


def sa1b(writer: Any, root: Path) -> None:
    writer.frames(root, ["sa_1"])
    entry = {"id": 5, "segmentation": Rle.encode(writer.box((1, 4)) > 0).to_coco(), "area": 36}
    (root / "sa_1.json").write_text(json.dumps({"annotations": [entry]}))


FILMED: dict[str, Callable] = {
    "davis2017": davis,
    "youtube-vos": youtube,
    "palette": palette,
    "palette (one)": one_clip,
    "per-object": per_object,
    "sav": sav_val,
    "lvos": lvos,
    "sav-train": sav_train,
}
PICTURED: dict[str, Callable] = {"masks": pairs, "masks (VOC)": voc, "coco": coco, "sa-1b": sa1b}


@pytest.mark.parametrize("layout", FILMED)
def test_every_layout_of_videos_is_trained_from(layout: str, writer: Any, tmp_path: Path) -> None:
    FILMED[layout](writer, tmp_path)
    assert recognise(tmp_path) == layout.partition(" ")[0]
    [collection] = open_collections(tmp_path)
    assert len(collection.clips) == 1
    assert not collection.pictures
    sources = pickle.loads(pickle.dumps(open_sources(tmp_path, augmentation=PLAIN)))
    sample = sources.real.sample(np.random.default_rng(0), 3, 32, 2)
    assert sample.frames.shape == (3, 32, 32, 3)
    assert sample.masks[:, 0].any(axis=(1, 2)).all()
    levels = sample.frames.mean(axis=(1, 2, 3))
    assert (np.diff(levels) > 5).all()  # in the order of time
    # Without pictures, the frames of the clips are the stills.
    still = sources.stills.sample(np.random.default_rng(0), 1, 32, 1)
    assert still.source == sample.source == collection.clips[0].name


@pytest.mark.parametrize("layout", PICTURED)
def test_every_layout_of_pictures_is_trained_from(layout: str, writer: Any, tmp_path: Path) -> None:
    PICTURED[layout](writer, tmp_path)
    assert recognise(tmp_path) == layout.partition(" ")[0]
    [collection] = open_collections(tmp_path)
    assert collection.pictures
    assert not collection.clips
    sources = pickle.loads(pickle.dumps(open_sources(tmp_path, augmentation=STRONG)))
    assert sources.stills.sample(np.random.default_rng(0), 1, 32, 2).masks.any()
    for clips in (sources.synthetic, sources.real):  # without clips, those made from pictures stand for them
        assert clips.sample(np.random.default_rng(0), 3, 32, 2).frames.shape == (3, 32, 32, 3)


def test_archives_are_trained_from(writer: Any, tmp_path: Path) -> None:
    davis(writer, tmp_path / "films")
    pairs(writer, tmp_path / "pictures")
    films, pictures = (open_collections(tmp_path / name)[0] for name in ("films", "pictures"))
    [shard] = pack([*films.clips, *pictures.pictures], tmp_path / "shards")
    for path in (tmp_path / "shards", shard):
        [collection] = open_collections(path)
        assert (len(collection.pictures), len(collection.clips)) == (2, 1)
        assert collection.weights == [pytest.approx(6**0.5)]
    packed, plain = (open_sources(tmp_path / name, augmentation=PUBLISHED) for name in ("shards", "films"))
    one, other = (sources.real.sample(np.random.default_rng(4), 4, 32, 2) for sources in (packed, plain))
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.masks, other.masks)


@pytest.fixture
def project(writer: Any, tmp_path: Path) -> Path:
    coco(writer, tmp_path / "stills" / "coco")
    pairs(writer, tmp_path / "stills" / "pairs")
    one_clip(writer, tmp_path / "clips" / "dog")
    one_clip(writer, tmp_path / "clips" / "cat")
    return tmp_path


def test_a_project_has_stills_and_clips(project: Path) -> None:
    found = open_collections(project)
    assert [(c.name, len(c.pictures), len(c.clips)) for c in found] == [
        ("coco", 1, 0),
        ("pairs", 2, 0),
        ("clips", 0, 2),
    ]
    sources = open_sources(project, augmentation=PLAIN, ratios={"coco": 8})
    names = [sources.stills.sample(np.random.default_rng(seed), 1, 32, 1).source for seed in range(60)]
    assert {name.partition("/")[0] for name in names} == {"coco", "pairs"}
    assert 0.65 < sum(name == "coco/a" for name in names) / 60 < 0.95  # 8 of 10
    clips = {sources.real.sample(np.random.default_rng(seed), 2, 32, 1).source for seed in range(20)}
    assert clips == {"clips/dog", "clips/cat"}


def test_ratios_name_data_sets_that_are_there(project: Path) -> None:
    with pytest.raises(ValueError, match="for 'cocco', but the data sets are coco, pairs, clips"):
        open_sources(project, ratios={"cocco": 1})
    with pytest.raises(ValueError, match="positive numbers, got -1"):
        open_sources(project, ratios={"coco": -1})


def test_clips_do_not_belong_among_the_stills(project: Path) -> None:
    shutil.move(project / "clips" / "dog", project / "stills" / "dog")
    with pytest.raises(ValueError, match=r"stills/dog: holds clips \(palette\); expected pictures, clips go into"):
        open_collections(project)
    shutil.rmtree(project / "stills")
    (project / "stills").mkdir()
    shutil.rmtree(project / "clips")
    with pytest.raises(FileNotFoundError, match="expected folders of pictures in stills/, or clips in clips/"):
        open_collections(project)


def test_what_was_looked_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        open_sources(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: no known layout in it; looked for *.tar (shards)")
    for sign in ("*_manual.json", "sa_*.json", "stills/", "JPEGImages/480p", "instances.json", "images and masks"):
        assert sign in message
    assert "\n" not in message
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        open_sources(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"notes\.txt: expected a folder, a COCO \.json or a \.tar archive"):
        open_sources(tmp_path / "notes.txt")


def test_layouts_and_splits_that_do_not_exist(writer: Any, tmp_path: Path) -> None:
    pairs(writer, tmp_path)
    with pytest.raises(ValueError, match=r"layout must be auto or one of shards, project, .*got 'cocoa'"):
        open_sources(tmp_path, "cocoa")
    with pytest.raises(ValueError, match=r"a split was given \(val\), but the layout masks has none"):
        open_sources(tmp_path, split="val")


def test_a_split_of_videos(writer: Any, tmp_path: Path) -> None:
    davis(writer, tmp_path)
    film(writer, tmp_path / "JPEGImages/480p/cat", tmp_path / "Annotations/480p/cat")
    (tmp_path / "ImageSets/2017").mkdir(parents=True)
    (tmp_path / "ImageSets/2017/train.txt").write_text("cat\n")
    [collection] = open_collections(tmp_path, split="train")
    assert [clip.name for clip in collection.clips] == [f"{tmp_path.name}/cat"]


def test_pictures_without_a_usable_object(writer: Any, tmp_path: Path) -> None:
    writer.frames(tmp_path / "images", ["a"])
    labels = np.ones((24, 32), np.uint8)
    labels[0, 0] = 0
    writer.labels(tmp_path / "masks" / "a.png", labels)
    with pytest.raises(ValueError, match=r"nothing to train on: no picture has an object between 0\.02 % and 90 %"):
        open_sources(tmp_path)


def test_pictures_without_masks_in_any_folders(writer: Any, tmp_path: Path) -> None:
    writer.frames(tmp_path, ["10", "9"], suffix=".png")  # by themselves: no masks of anything
    writer.frames(tmp_path / "cats" / "small", ["a", "b"], size=(40, 20))
    writer.frames(tmp_path / ".thumbnails", ["a"])
    (tmp_path / "notes.txt").touch()
    assert recognise(tmp_path) == "pictures"
    [collection] = open_collections(tmp_path)
    assert [picture.name for picture in collection.unlabelled] == [
        f"{tmp_path.name}/{stem}" for stem in ("9", "10", "a", "b")
    ]
    assert not collection.pictures
    assert not collection.clips
    sources = pickle.loads(pickle.dumps(open_sources(tmp_path, augmentation=CROPPED)))
    drawn = [sources.stills.sample(np.random.default_rng(seed), 1, 32, 3) for seed in range(20)]
    assert all(sample.frames.shape == (1, 32, 32, 3) for sample in drawn)
    assert all(sample.masks.shape == (0, 1, 32, 32) for sample in drawn)
    assert {sample.source for sample in drawn} == {f"{tmp_path.name}/{stem}" for stem in ("9", "10", "a", "b")}
    again = sources.stills.sample(np.random.default_rng(7), 1, 32, 1)
    assert np.array_equal(again.frames, drawn[7].frames)
    with pytest.raises(ValueError, match="no clips are made from pictures without masks, got length 3"):
        sources.real.sample(np.random.default_rng(0), 3, 32, 1)


def test_archives_of_pictures_without_masks_are_trained_from_as_their_folder_is(writer: Any, tmp_path: Path) -> None:
    writer.frames(tmp_path / "photographs", ["a", "b"])
    writer.frames(tmp_path / "photographs" / "small", ["c"], size=(40, 20))
    [collection] = open_collections(tmp_path / "photographs")
    shards = pack([], tmp_path / "shards", Packing(samples=2), unlabelled=collection.unlabelled)
    for path, count in ((tmp_path / "shards", 3), (shards[1], 1)):
        [packed] = open_collections(path)
        assert (len(packed.unlabelled), len(packed.pictures), len(packed.clips)) == (count, 0, 0)
    plain, archived = (
        pickle.loads(pickle.dumps(open_sources(tmp_path / name, augmentation=CROPPED)))
        for name in ("photographs", "shards")
    )
    for seed in range(12):
        one, other = (s.stills.sample(np.random.default_rng(seed), 1, 32, 3) for s in (plain, archived))
        assert np.array_equal(one.frames, other.frames)
        assert other.masks.shape == (0, 1, 32, 32)
    assert other.source.startswith("shard-0000")
    with pytest.raises(ValueError, match="shards: no clips are made from pictures without masks, got length 2"):
        archived.real.sample(np.random.default_rng(0), 2, 32, 1)


def test_a_set_of_archives_may_have_pictures_with_and_without_masks(writer: Any, tmp_path: Path) -> None:
    pairs(writer, tmp_path / "pairs")
    writer.frames(tmp_path / "photographs", ["a", "b", "c"])
    masked, bare = (open_collections(tmp_path / name)[0] for name in ("pairs", "photographs"))
    pack(masked.pictures, tmp_path / "shards", unlabelled=bare.unlabelled)
    [both] = open_collections(tmp_path / "shards")
    assert (len(both.pictures), len(both.unlabelled)) == (2, 3)
    sources = open_sources(tmp_path / "shards", augmentation=PLAIN)
    found = [len(sources.stills.sample(np.random.default_rng(seed), 1, 32, 1).masks) for seed in range(40)]
    assert set(found) == {0, 1}


def test_pictures_are_only_without_masks_where_nothing_else_is_found(writer: Any, tmp_path: Path) -> None:
    writer.frames(tmp_path / "flat", ["a", "b"])
    writer.labels(tmp_path / "flat" / "b.png", writer.box((1, 4)))
    assert recognise(tmp_path / "flat") == "masks"
    with pytest.raises(ValueError, match=r"a\.jpg: the picture has no mask a"):
        open_collections(tmp_path / "flat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: expected pictures in it or in its folders"):
        open_collections(tmp_path / "empty", "pictures")


def test_a_project_may_have_pictures_without_masks(project: Path, writer: Any) -> None:
    writer.frames(project / "stills" / "web", ["a", "b", "c"])
    sources = open_sources(project, augmentation=PLAIN, ratios={"web": 3})
    drawn = [sources.stills.sample(np.random.default_rng(seed), 1, 32, 1) for seed in range(60)]
    without = [sample for sample in drawn if not len(sample.masks)]
    assert {sample.source.partition("/")[0] for sample in without} == {"web"}
    assert 0.35 < len(without) / 60 < 0.65  # 3 of 6
    assert all(len(sources.real.sample(np.random.default_rng(seed), 2, 32, 1).masks) for seed in range(9))


def test_many_videos_are_not_opened_to_be_counted(writer: Any, tmp_path: Path) -> None:
    sav_train(writer, tmp_path)
    (tmp_path / "v_manual.json").write_text("cut off")
    [collection] = open_collections(tmp_path)
    assert len(collection.clips) == 1
    assert collection.lengths is collection.weights is None
    with pytest.raises(ValueError, match="no valid JSON"):
        len(collection.clips[0])


def test_longer_clips_are_drawn_more_often(writer: Any, tmp_path: Path) -> None:
    one_clip(writer, tmp_path / "long")
    film(writer, tmp_path / "short/JPEGImages", tmp_path / "short/Annotations", stems=STEMS[:1])
    [collection] = open_collections(tmp_path)
    assert collection.lengths == [6, 1]
    assert collection.weights == [pytest.approx(6**0.5), 1]
    Image.new("RGB", (8, 8)).save(tmp_path / "beside.png")  # a picture beside the clips is none of them
    assert len(open_collections(tmp_path)[0].clips) == 2
