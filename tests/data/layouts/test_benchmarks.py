"""DAVIS, YouTube-VOS, MOSE, LVOS, SA-V, SegTrack and FBMS: each data set's own rules, on tiny copies of its folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo, Target
from masklet.masks.rle import Rle

STEMS = [f"{i:05d}" for i in range(5)]


def starts(video: AnnotatedVideo) -> dict[int, int]:
    return {target.object_id: target.frame for target in video.targets}


@pytest.fixture
def davis(tmp_path: Path, writer: Any) -> Path:
    writer.frames(tmp_path / "JPEGImages/480p/bear", STEMS)
    for i, stem in enumerate(STEMS):
        writer.labels(tmp_path / f"Annotations/480p/bear/{stem}.png", writer.box((1, i), (2, 20)))
    return tmp_path


def test_davis_2017_has_the_objects_of_the_first_frame(davis: Path, writer: Any) -> None:
    (video,) = open_videos(davis)
    assert starts(video) == {1: 0, 2: 0}
    assert video.scored == (1, 2, 3)
    writer.labels(davis / "Annotations/480p/bear/00003.png", writer.box((1, 0), (3, 20)))
    with pytest.raises(ValueError, match=r"bear/00003\.png: object 3 is not in the first mask, which has objects 1, 2"):
        video.annotations.masks(3)


def test_davis_2016_has_one_object(davis: Path, writer: Any) -> None:
    (video,) = open_videos(davis, "davis2016")  # the masks of 2017, joined
    assert starts(video) == {1: 0}
    assert int(video.annotations.masks(2)[1].sum()) == 72
    for i, stem in enumerate(STEMS):
        writer.grey(davis / f"Annotations/480p/bear/{stem}.png", writer.box((255, i)))
    (video,) = open_videos(davis)  # recognised by its black and white masks
    assert starts(video) == {1: 0}
    assert {i: int(mask.sum()) for i, mask in video.annotations.masks(2).items()} == {1: 36}
    assert video.scored == (1, 2, 3)


def test_davis_splits_are_those_of_the_year(davis: Path) -> None:
    (davis / "ImageSets/2017").mkdir(parents=True)
    (davis / "ImageSets/2017/val.txt").write_text("bear\n")
    assert [video.name for video in open_videos(davis, "davis2017", split="val")] == ["bear"]
    with pytest.raises(FileNotFoundError, match=r"2016/val\.txt: no such list"):
        open_videos(davis, "davis2016", split="val")


def test_davis_has_every_frame_and_mask(davis: Path) -> None:
    mask = davis / "Annotations/480p/bear/00002.png"
    mask.rename(davis / "kept.png")
    with pytest.raises(ValueError, match=r"bear/00002\.png: the mask of .*00002\.jpg is missing"):
        open_videos(davis)
    (davis / "JPEGImages/480p/bear/00002.jpg").unlink()
    with pytest.raises(ValueError, match=r"bear/00002\.jpg: the frame is missing between 00001\.jpg and 00003\.jpg"):
        open_videos(davis)


def test_davis_test_sets_have_first_masks_only(davis: Path) -> None:
    for stem in STEMS[1:]:
        (davis / f"Annotations/480p/bear/{stem}.png").unlink()
    (video,) = open_videos(davis)
    assert starts(video) == {1: 0, 2: 0}
    assert video.scored == ()


def test_davis_without_an_object_in_the_first_mask(davis: Path, writer: Any) -> None:
    writer.labels(davis / "Annotations/480p/bear/00000.png", writer.box())
    (video,) = open_videos(davis)
    with pytest.raises(ValueError, match=r"bear/00000\.png: no object in the first mask"):
        list(video.targets)


@pytest.fixture
def youtube(tmp_path: Path, writer: Any) -> Path:
    """A validation set: object 2, a zebra, starts on the third frame."""
    root = tmp_path / "valid"
    writer.frames(root / "JPEGImages/vid", STEMS)
    writer.labels(root / "Annotations/vid/00000.png", writer.box((1, 0)))
    writer.labels(root / "Annotations/vid/00002.png", writer.box((1, 2), (2, 20)))
    objects = {
        "1": {"category": "dog", "frames": STEMS},
        "2": {"category": "zebra", "frames": STEMS[2:]},
    }
    (root / "meta.json").write_text(json.dumps({"videos": {"vid": {"objects": objects}}}))
    return root


def test_youtube_vos_objects_start_where_the_list_says(youtube: Path) -> None:
    (video,) = open_videos(youtube)
    assert starts(video) == {1: 0, 2: 2}
    assert video.annotations.frames == (0, 2)
    assert video.scored == (2,)
    assert video.groups == {}
    assert {i: int(mask.sum()) for i, mask in video.annotations.masks(0).items()} == {1: 36, 2: 0}
    assert [v.name for v in open_videos(youtube.parent, split="valid")] == ["vid"]


def test_youtube_vos_groups_by_the_categories_of_training(youtube: Path) -> None:
    training = youtube.parent / "train"
    training.mkdir()
    seen = {"videos": {"x": {"objects": {"1": {"category": "dog", "frames": STEMS}}}}}
    (training / "meta.json").write_text(json.dumps(seen))
    assert open_videos(youtube)[0].groups == {1: "seen", 2: "unseen"}
    (youtube / "unseen_categories.json").write_text('["dog"]')  # the list comes first
    assert open_videos(youtube)[0].groups == {1: "unseen", 2: "seen"}
    (youtube / "unseen_categories.json").write_text('{"dog": 1}')
    with pytest.raises(ValueError, match=r"unseen_categories\.json: expected a list of category names"):
        open_videos(youtube)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ({"1": {"category": "dog"}}, r"meta\.json: object 1 of video vid lacks its list of frames"),
        ({"1": {"category": "dog", "frames": ["00009"]}}, "object 1 of video vid starts on frame 00009, which is not"),
        ({"1": {"category": "dog", "frames": ["00001"]}}, r"vid/00001\.png: the mask with which object 1 starts"),
        ({"a": {"category": "dog", "frames": STEMS}}, r"object a of video vid: expected an id in 1\.\.255"),
        ({"1": 3}, "object 1 of video vid is no JSON object"),
        ({}, "no object in video vid"),
        ([], r"no object in video vid"),
    ],
)
def test_youtube_vos_lists_that_do_not_fit(youtube: Path, objects: Any, message: str) -> None:
    (youtube / "meta.json").write_text(json.dumps({"videos": {"vid": {"objects": objects}}}))
    with pytest.raises(ValueError, match=message):
        open_videos(youtube, "youtube-vos")


def test_youtube_vos_masks_that_contradict_the_list(youtube: Path, writer: Any) -> None:
    writer.labels(youtube / "Annotations/vid/00000.png", writer.box((2, 0)))
    (video,) = open_videos(youtube)
    with pytest.raises(ValueError, match=r"vid/00000\.png: object 1 should first be seen here"):
        video.annotations.masks(0)
    writer.labels(youtube / "Annotations/vid/00000.png", writer.box((1, 0), (5, 20)))
    with pytest.raises(ValueError, match=r"vid/00000\.png: object 5 is not in the data set's list"):
        video.annotations.masks(0)


def test_youtube_vos_videos_are_listed_and_there(youtube: Path) -> None:
    meta = json.loads((youtube / "meta.json").read_text())
    meta["videos"]["gone"] = meta["videos"]["vid"]
    (youtube / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=r"JPEGImages/gone: no frames of a video that meta\.json lists"):
        open_videos(youtube)
    (youtube / "meta.json").write_text('{"videos": {}}')
    with pytest.raises(ValueError, match=r"meta\.json: does not list the video vid"):
        open_videos(youtube, "youtube-vos")
    (youtube / "meta.json").write_text("{")
    with pytest.raises(ValueError, match=r"meta\.json: no valid JSON"):
        open_videos(youtube, "youtube-vos")
    (youtube / "meta.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"meta\.json: no such file"):
        open_videos(youtube, "youtube-vos")


def test_a_meta_file_of_something_else_makes_no_youtube_vos(youtube: Path) -> None:
    (youtube / "meta.json").write_text('{"licence": "none"}')
    (video,) = open_videos(youtube)  # as a palette folder
    assert starts(video) == {1: 0, 2: 2}


@pytest.fixture
def long_videos(tmp_path: Path, writer: Any) -> Path:
    for name in ("old", "new"):
        writer.frames(tmp_path / f"valid/JPEGImages/{name}", STEMS)
        for i, stem in enumerate(STEMS):
            boxes = [(1, i)] if i < 3 else [(1, i), (2, 20)]
            writer.labels(tmp_path / f"valid/Annotations/{name}/{stem}.png", writer.box(*boxes))
    return tmp_path


def test_mose_is_scored_between_first_and_last(long_videos: Path) -> None:
    videos = open_videos(long_videos, "mose", split="valid")
    assert [(v.name, starts(v), v.scored) for v in videos] == [
        ("new", {1: 0, 2: 3}, (1, 2, 3)),
        ("old", {1: 0, 2: 3}, (1, 2, 3)),
    ]


def test_lvos_counts_all_frames_but_the_last_and_knows_unseen_videos(long_videos: Path) -> None:
    assert all(video.groups == {} for video in open_videos(long_videos, "lvos", split="valid"))
    (long_videos / "valid/unseen_videos.txt").write_text("new\n")
    new, old = open_videos(long_videos, split="valid")
    assert new.scored == (0, 1, 2, 3)
    assert dict(new.groups) == {1: "unseen", 2: "unseen"}
    assert dict(old.groups) == {1: "seen", 2: "seen"}
    assert 3 not in old.groups


@pytest.fixture
def sav(tmp_path: Path, writer: Any) -> Path:
    root = tmp_path / "sav_val"
    stems = [f"{i:05d}" for i in range(13)]
    for name in ("sav_1", "sav_2"):
        writer.frames(root / f"JPEGImages_24fps/{name}", stems)
        for i, stem in enumerate(stems[::4]):
            writer.grey(root / f"Annotations_6fps/{name}/000/{stem}.png", writer.box((1, i)))
            writer.grey(root / f"Annotations_6fps/{name}/001/{stem}.png", writer.box((1, 20)))
    (root / "sav_val.txt").write_text("sav_2\n")
    return root


def test_sav_is_annotated_every_fourth_frame(sav: Path) -> None:
    (video,) = open_videos(sav)
    assert (video.name, len(video)) == ("sav_2", 13)
    assert video.annotations.frames == (0, 4, 8, 12)
    assert video.scored == (4, 8)
    assert starts(video) == {0: 0, 1: 0}
    assert [v.name for v in open_videos(sav, split="val")] == ["sav_2"]
    assert [v.name for v in open_videos(sav.parent, split="val")] == ["sav_2"]
    (sav / "sav_val.txt").unlink()
    assert [v.name for v in open_videos(sav)] == ["sav_1", "sav_2"]
    with pytest.raises(FileNotFoundError, match=r"sav_test\.txt: no such list"):
        open_videos(sav, "sav", split="test")


def test_sav_with_a_frame_missing(sav: Path) -> None:
    (sav / "JPEGImages_24fps/sav_2/00006.jpg").unlink()
    with pytest.raises(ValueError, match=r"sav_2/00006\.jpg: the frame is missing"):
        open_videos(sav)


@pytest.fixture
def segtrack(tmp_path: Path, writer: Any) -> Path:
    writer.frames(tmp_path / "JPEGImages/girl", ["girl_1", "girl_2", "girl_10"], suffix=".bmp")
    for i in range(3):
        colour = np.repeat(writer.box((255, i))[..., None], 3, axis=2)
        writer.grey(tmp_path / f"GroundTruth/girl/{i + 70}.png", colour)
    writer.frames(tmp_path / "JPEGImages/worms", STEMS, suffix=".png")
    for number in (1, 2):
        for stem in STEMS:
            writer.grey(tmp_path / f"GroundTruth/worms/{number}/{stem}.bmp", writer.box((255, 10 * number)))
    return tmp_path


def test_segtrack_has_one_object_or_folders_of_them(segtrack: Path) -> None:
    girl, worms = open_videos(segtrack)
    assert starts(girl) == {1: 0}
    assert girl.stems == ("girl_1", "girl_2", "girl_10")
    assert int(girl.annotations.masks(2)[1][:, 2].sum()) == 6  # paired in order: the last mask begins at column 2
    assert girl.scored == (1, 2)
    assert starts(worms) == {1: 0, 2: 0}
    (segtrack / "ImageSets").mkdir()
    (segtrack / "ImageSets/all.txt").write_text("*worms\n")
    assert [video.name for video in open_videos(segtrack, split="all")] == ["worms"]


def test_segtrack_masks_in_colour_or_too_few(segtrack: Path, writer: Any) -> None:
    colour = np.zeros((24, 32, 3), np.uint8)
    colour[:4, :4] = (255, 0, 0)
    writer.grey(segtrack / "GroundTruth/girl/71.png", colour)
    girl = open_videos(segtrack)[0]
    with pytest.raises(ValueError, match=r"71\.png: expected a mask"):
        girl.annotations.masks(1)
    (segtrack / "GroundTruth/girl/71.png").unlink()
    with pytest.raises(ValueError, match="girl: 2 masks do not pair with the 3 frames"):
        open_videos(segtrack)


@pytest.fixture
def fbms(tmp_path: Path, writer: Any) -> Path:
    """Colours on white for cars, greys on black for dogs."""
    writer.frames(tmp_path / "Testset/cars", [f"cars_{i:02d}" for i in range(1, 7)])
    writer.frames(tmp_path / "Testset/dogs", [f"dogs{i}" for i in range(1, 7)])
    for index, number in enumerate((1, 3, 6)):
        colours = np.full((24, 32, 3), 255, np.uint8)
        colours[2:8, 2:8] = (255, 0, 0)
        if index:
            colours[12:18, 2:8] = (0, 0, 255)
        writer.grey(tmp_path / f"Testset/cars/GroundTruth/cars_{number:02d}_gt.ppm", colours)
        writer.grey(tmp_path / f"Testset/cars/GroundTruth/cars_{number:02d}_PROB_gt.ppm", colours)
        writer.grey(tmp_path / f"Testset/dogs/GroundTruth/{number:03d}.pgm", writer.box((80, 0), (200, 20)))
    return tmp_path


def test_fbms_regions_are_objects_by_their_colour(fbms: Path) -> None:
    cars, dogs = open_videos(fbms, split="Testset")
    assert cars.annotations.frames == (0, 2, 5)
    assert starts(cars) == {1: 2, 2: 0}  # blue sorts before red
    assert cars.scored == (2, 5)
    assert {i: int(mask.sum()) for i, mask in cars.annotations.masks(0).items()} == {1: 0, 2: 36}
    assert starts(dogs) == {1: 0, 2: 0}
    assert dogs.annotations.masks(2)[2][5, 21]
    assert [video.name for video in open_videos(fbms / "Testset")] == ["cars", "dogs"]


def test_fbms_masks_that_fit_no_frame(fbms: Path, writer: Any) -> None:
    truth = fbms / "Testset/dogs/GroundTruth"
    writer.grey(truth / "3.pgm", writer.box((80, 0)))
    with pytest.raises(ValueError, match=r"003\.pgm: a second mask of dogs3\.jpg|3\.pgm: a second mask of dogs3\.jpg"):
        open_videos(fbms, split="Testset")
    (truth / "3.pgm").rename(truth / "99.pgm")
    with pytest.raises(ValueError, match=r"99\.pgm: the mask has no picture"):
        open_videos(fbms, split="Testset")
    with pytest.raises(FileNotFoundError, match="Trainset: no such folder"):
        open_videos(fbms, "fbms", split="Trainset")


def test_fbms_masks_that_are_none(fbms: Path, writer: Any) -> None:
    truth = fbms / "Testset/dogs/GroundTruth"
    writer.grey(truth / "003.pgm", writer.box((80, 0))[:20])
    dogs = open_videos(fbms / "Testset")[1]
    with pytest.raises(ValueError, match=r"003\.pgm: expected a mask of 32x24"):
        list(dogs.targets)
    for path in truth.iterdir():
        writer.grey(path, writer.box())
    with pytest.raises(ValueError, match="GroundTruth: no object in any mask"):
        list(open_videos(fbms / "Testset")[1].targets)


def test_the_real_davis_set(shared: Path) -> None:
    videos = open_videos(shared / "data" / "davis_dev")
    assert [video.name for video in videos] == [
        "bmx-trees",
        "breakdance",
        "car-shadow",
        "cows",
        "dance-twirl",
        "soapbox",
    ]
    cows = videos[3]
    assert (len(cows), len(cows.scored)) == (104, 102)
    assert list(cows.targets) == [Target(object_id=1, frame=0)]
    assert cows.annotations.masks(103)[1].shape == cows.frame(103).shape[:2]


def test_real_masklets_in_the_folders_of_sav(shared: Path, tmp_path: Path, writer: Any) -> None:
    """SA-V's published example is a JSON of the training set: its first masks, written as the test sets have them."""
    listing = json.loads((shared / "sav_example" / "sav_000001_manual.json").read_text())
    height, width = int(listing["video_height"]), int(listing["video_width"])
    writer.frames(tmp_path / "JPEGImages_24fps/sav_000001", [f"{i:05d}" for i in range(9)], size=(height, width))
    truth = [[Rle.from_coco(rle).decode() for rle in masklets[:3]] for masklets in listing["masklet"][:3]]
    for step, masks in enumerate(truth):
        for i, mask in enumerate(masks):
            writer.grey(tmp_path / f"Annotations_6fps/sav_000001/{i:03d}/{4 * step:05d}.png", mask)
    (video,) = open_videos(tmp_path)
    assert starts(video) == {0: 0, 1: 0, 2: 0}
    assert video.scored == (4,)
    read = video.annotations.masks(4)
    assert all(np.array_equal(read[i], truth[1][i]) for i in range(3))
