"""Predictions on disk: both layouts are read as they are, and whatever is wrong with them is an error with a name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.data.layouts import open_videos
from masklet.data.predictions import open_predictions, prediction_path
from masklet.data.sequences import AnnotatedVideo

STEMS = [f"{i:05d}" for i in range(6)]


@pytest.fixture
def videos(tmp_path: Path, writer: Any) -> list[AnnotatedVideo]:
    """Video a with the objects 1 and (from frame 2 on) 3; video b with object 1 only."""
    for name in ("a", "b"):
        writer.frames(tmp_path / f"truth/JPEGImages/{name}", STEMS)
        for i, stem in enumerate(STEMS):
            boxes = [(1, i), (3, 20)] if name == "a" and i > 1 else [(1, i)]
            writer.labels(tmp_path / f"truth/Annotations/{name}/{stem}.png", writer.box(*boxes))
    return open_videos(tmp_path / "truth")


@pytest.fixture
def palette(tmp_path: Path, videos: list[AnnotatedVideo]) -> Path:
    """The truth itself as predictions."""
    shutil.copytree(tmp_path / "truth/Annotations", tmp_path / "palette")
    assert videos
    return tmp_path / "palette"


@pytest.fixture
def per_object(tmp_path: Path, videos: list[AnnotatedVideo], writer: Any) -> Path:
    """The truth as predictions of the scored frames."""
    folder = tmp_path / "objects"
    for video in videos:
        for frame in video.scored:
            for i, mask in video.annotations.masks(frame).items():
                writer.grey(prediction_path(folder, video, frame, i), mask)
    return folder


@pytest.mark.parametrize("layout", ["palette", "per_object"])
def test_masks_are_those_of_the_files(videos: list[AnnotatedVideo], layout: str, request: Any) -> None:
    predictions = open_predictions(request.getfixturevalue(layout), videos)
    for video in videos:
        for frame in video.scored:
            masks = predictions.masks(video, frame)
            truth = video.annotations.masks(frame)
            assert list(masks) == list(truth)
            for i, mask in masks.items():
                assert mask.dtype == bool
                assert np.array_equal(mask, truth[i])
    count = {"palette": 6, "per_object": 8}[layout]
    assert len(predictions.files(videos[0])) == count


def test_names_are_those_that_are_read(videos: list[AnnotatedVideo], tmp_path: Path) -> None:
    a = videos[0]
    assert prediction_path(tmp_path, a, 2) == tmp_path / "a/00002.png"
    assert prediction_path(tmp_path, a, 2, 3) == tmp_path / "a/003/00002.png"


def test_each_video_may_have_its_own_layout(videos: list[AnnotatedVideo], palette: Path, per_object: Path) -> None:
    shutil.rmtree(palette / "b")
    shutil.copytree(per_object / "b", palette / "b")
    (palette / "b/001").rename(palette / "b/1")
    predictions = open_predictions(palette, videos)
    assert predictions.masks(videos[1], 2)[1].sum() == 36


def test_unscored_frames_and_tables_of_evaluators_do_not_matter(videos: list[AnnotatedVideo], palette: Path) -> None:
    (palette / "a/00000.png").unlink()
    (palette / "results.csv").write_text("J,F\n")
    predictions = open_predictions(palette, videos)
    with pytest.raises(ValueError, match="palette/a: holds no prediction of frame 0"):
        predictions.masks(videos[0], 0)


def test_a_single_object_may_be_white(videos: list[AnnotatedVideo], palette: Path, writer: Any) -> None:
    for i, stem in enumerate(STEMS):
        writer.grey(palette / f"b/{stem}.png", writer.box((255, i)) if i < 3 else writer.box())
    predictions = open_predictions(palette, videos)
    assert predictions.masks(videos[1], 2)[1].sum() == 36
    assert predictions.masks(videos[1], 4)[1].sum() == 0
    writer.grey(palette / "a/00003.png", writer.box((255, 0)))
    with pytest.raises(ValueError, match=r"a/00003\.png: unknown object 255; the video's objects are 1, 3"):
        open_predictions(palette, videos).masks(videos[0], 3)


def test_a_lost_object_is_no_missing_one(videos: list[AnnotatedVideo], palette: Path, writer: Any) -> None:
    for stem in STEMS[3:]:
        writer.labels(palette / f"a/{stem}.png", writer.box((1, 0)))
    assert not open_predictions(palette, videos).masks(videos[0], 4)[3].any()
    writer.labels(palette / f"a/{STEMS[2]}.png", writer.box((1, 0)))
    with pytest.raises(ValueError, match="palette/a: object 3 is missing: it is in none of the predictions"):
        open_predictions(palette, videos)


def test_an_unknown_object_is_an_error(videos: list[AnnotatedVideo], palette: Path, writer: Any) -> None:
    writer.labels(palette / "a/00004.png", writer.box((1, 0), (2, 20)))
    with pytest.raises(ValueError, match=r"a/00004\.png: unknown object 2; the video's objects are 1, 3"):
        open_predictions(palette, videos).masks(videos[0], 4)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a/00002.png", r"a/00002\.png: the prediction is missing"),
        ("a", "palette/a: no predictions of the video a"),
    ],
)
def test_missing_palette_predictions(videos: list[AnnotatedVideo], palette: Path, path: str, message: str) -> None:
    (palette / path).rename(palette.parent / "away")
    with pytest.raises(ValueError, match=message):
        open_predictions(palette, videos)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a/003/00002.png", r"a/003/00002\.png: the prediction is missing"),
        ("a/003", "a/003: the predictions of object 3 are missing"),
    ],
)
def test_missing_predictions_of_objects(
    videos: list[AnnotatedVideo], per_object: Path, path: str, message: str
) -> None:
    (per_object / path).rename(per_object.parent / "away")
    with pytest.raises(ValueError, match=message):
        open_predictions(per_object, videos)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a/001", "a/002", "a/002: unknown object 2; the video's objects are 1, 3"),
        ("a/001", "a/1", "a second folder of object 1"),
        ("a/001", "a/dog", "a/dog: expected a folder named by an object id"),
        ("a", "c", "c: predictions of a video that is not in the data set"),
        ("a/001/00001.png", "a/001/00077.png", r"a/001/00077\.png: the mask has no picture of that name"),
        ("a/001/00001.png", "a/00001.png", "a: pictures of labels beside folders of objects"),
        ("a/001/00001.png", "00001.png", r"00001\.png: expected a folder for each video"),
        ("a/001/00001.png", "a/00001.jpg", r"a/00001\.jpg: expected PNG predictions, got \.jpg"),
    ],
)
def test_predictions_too_many(
    videos: list[AnnotatedVideo], per_object: Path, source: str, target: str, message: str
) -> None:
    copy = shutil.copytree if (per_object / source).is_dir() else shutil.copy
    copy(per_object / source, per_object / target)
    with pytest.raises(ValueError, match=message):
        open_predictions(per_object, videos)


@pytest.mark.parametrize("folder", ["palette", "per_object"])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("16-bit", "expected a mask of 8 bits a pixel, got 16"),
        ("colour", r"expected a mask \(palette, grey or 1-bit picture\), got a RGB picture"),
        ("size", r"expected a mask of 32x24 \(width x height\), got 16x12"),
        ("broken", "not a picture"),
    ],
)
def test_files_that_hold_no_mask(
    videos: list[AnnotatedVideo], writer: Any, request: Any, folder: str, kind: str, message: str
) -> None:
    root: Path = request.getfixturevalue(folder)
    name = "b/00003.png" if folder == "palette" else "b/001/00003.png"
    if kind == "broken":
        (root / name).write_bytes(b"no picture")
    else:
        mask = writer.box((1, 0))
        wrong = {
            "16-bit": mask.astype(np.uint16),
            "colour": np.repeat(mask[..., None], 3, axis=2),
            "size": mask[::2, ::2].copy(),
        }
        writer.grey(root / name, wrong[kind])
    with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
        open_predictions(root, videos)


def test_more_than_one_object_in_an_objects_own_picture(
    videos: list[AnnotatedVideo], per_object: Path, writer: Any
) -> None:
    writer.grey(per_object / "a/001/00002.png", writer.box((1, 0), (2, 20)))
    with pytest.raises(ValueError, match=r"a/001/00002\.png: expected 0 and one other value"):
        open_predictions(per_object, videos).masks(videos[0], 2)


def test_no_folder(videos: list[AnnotatedVideo], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        open_predictions(tmp_path / "nowhere", videos)
    (tmp_path / "empty/a").mkdir(parents=True)
    with pytest.raises(ValueError, match="empty/a: no object"):
        open_predictions(tmp_path / "empty", videos)
