"""SA-V JSON, on the published samples where they are present and on masklets of our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.export import FormatError, VideoInfo, read_sav_json, write_sav_json
from masklet.masks import Masklet, Rle


@pytest.mark.parametrize(("kind", "objects"), [("manual", 5), ("auto", 9)])
def test_published_sample_round_trip(kind: str, objects: int, shared: Path, tmp_path: Path) -> None:
    source = shared / "sav_example" / f"sav_000001_{kind}.json"
    annotation = read_sav_json(source)
    info = annotation.info
    assert (info.name, info.height, info.width, info.frame_count, info.fps) == ("sav_000001", 848, 480, 483, 24.0)
    assert len(annotation.masklets) == objects
    assert annotation.masklets[0].frames == tuple(range(0, 483, 4))

    again = tmp_path / "again.json"
    write_sav_json(again, annotation.masklets, info, extra=annotation.extra)
    theirs, ours = json.loads(source.read_text()), json.loads(again.read_text())
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        if key == "masklet":
            # The same masks: their strings may spell equal runs in another way.
            for row, our_row in zip(value, ours[key], strict=True):
                assert [Rle.from_coco(item) for item in row] == [Rle.from_coco(item) for item in our_row]
        elif key in ("masklet_size_rel", "masklet_size_abs"):
            assert ours[key] == pytest.approx(value, rel=1e-6)
        else:
            assert ours[key] == value, key
    assert read_sav_json(again).masklets == annotation.masklets


def test_sampled_frames_and_statistics(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "sav.json"
    write_sav_json(path, masklets, info, every=4)
    value = json.loads(path.read_text())
    assert len(value["masklet"]) == 3
    assert value["masklet_frame_count"] == [3, 3, 3]
    assert value["masklet_id"] == [1, 2, 7]
    assert value["masklet_visibility_changes"] == [0, 2, 0]
    assert value["masklet_first_appeared_frame"] == [0, 0, 0]
    assert value["masklet_size_abs"] == [80, 80, 108]
    assert value["masklet_size_bucket"] == ["small"] * 3
    assert value["masklet_edited_frame_count"] == [1, 0, 0]
    assert value["masklet_stability_score"] == [None] * 3
    assert (value["video_duration"], value["video_frame_count"], value["video_resolution"]) == (0.75, 9, 30 * 46)
    back = read_sav_json(path, every=4)
    assert back.masklets[0].frames == (0, 4, 8)
    np.testing.assert_array_equal(back.masklets[0].mask(4), masklets[0].mask(4))
    write_sav_json(path, masklets, info, every=1)
    assert read_sav_json(path).masklets[1].frames == tuple(range(9))


def test_first_appearance_and_absence(tmp_path: Path) -> None:
    on, off = np.ones((40, 40)), np.zeros((40, 40))
    late = Masklet.from_masks(0, {0: off, 1: off, 2: on, 3: off, 4: on})
    never = Masklet.from_masks(1, {0: off})
    path = tmp_path / "sav.json"
    write_sav_json(path, [late, never], VideoInfo(name="v", height=40, width=40, frame_count=5), every=1)
    value = json.loads(path.read_text())
    assert value["masklet_first_appeared_frame"] == [2, 0]
    assert value["masklet_visibility_changes"] == [2, 0]
    assert value["masklet_size_abs"] == [1600, 0]
    assert value["masklet_size_rel"] == [1, 0]
    assert value["masklet_size_bucket"] == ["medium", "small"]
    assert value["video_duration"] == pytest.approx(5 / 24)


def test_every_is_inferred_at_six_frames_a_second(tmp_path: Path) -> None:
    mask = np.ones((4, 4))
    for fps, count, every in [(24.0, 483, 4), (30.0, 483, 5), (24.0, 5, 4), (12.0, 9, 2), (24.0, 1, 4), (24.0, 40, 1)]:
        masklet = Masklet.from_masks(3, dict.fromkeys(range(0, count, every), mask))
        path = tmp_path / "sav.json"
        write_sav_json(path, [masklet], VideoInfo(name="v", height=4, width=4, frame_count=count, fps=fps), every=every)
        assert read_sav_json(path).masklets[0].frames == masklet.frames
    with pytest.raises(FormatError, match="don't fit"):
        read_sav_json(path, every=7)


def test_extra_values_are_checked(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "sav.json"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"masklet_id": [1, 2, 3]}, "unknown keys: masklet_id"),
        ({"video_split": 3}, "video_split: expected a string"),
        ({"masklet_type": ["manual"]}, "3 times"),
        ({"masklet_type": ["manual", "auto", "magic"]}, "3 times"),
        ({"masklet_stability_score": [0.5, 0.5, 0.5]}, "lists of 3"),
        ({"masklet_edited_frame_count": [1, -1, 0]}, "3 whole numbers"),
    ]
    for extra, message in wrong:
        with pytest.raises(ValueError, match=message):
            write_sav_json(path, masklets, info, extra=extra)
    with pytest.raises(ValueError, match="1 or more"):
        write_sav_json(path, masklets, info, every=0)
    assert not path.exists()
    extra = {
        "video_environment": "Indoor",
        "video_split": "val",
        "masklet_type": ["auto"] * 3,
        "masklet_edited_frame_count": [0, 0, 0],
        "masklet_stability_score": [[0.5, 0.75, 1.0]] * 3,
    }
    write_sav_json(path, masklets, info, every=4, extra=extra)
    assert read_sav_json(path).extra == extra


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("surprise", 1, "unknown keys: surprise"),
        ("video_id", None, "video_id"),
        ("video_height", 31.0, "masklet.0..0.|31x46"),
        ("video_height", 30.5, "whole number"),
        ("video_duration", 0, "positive"),
        ("masklet_num", 4, "masklet_id is a list of masklet_num = 4"),
        ("masklet", [[]], "3 masks each"),
        ("masklet_id", [1, 1, 2], "occurs twice"),
        ("masklet_id", [1, "b", 2], "whole number"),
        ("video_frame_count", 90.0, "don't fit|annotated"),
    ],
)
def test_reader_refuses(
    key: str, value: object, message: str, masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    path = tmp_path / "sav.json"
    write_sav_json(path, masklets, info)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(FormatError, match=rf"sav\.json: .*({message})"):
        read_sav_json(path, every=4)


def test_reader_names_missing_keys(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "sav.json"
    write_sav_json(path, masklets, info)
    value = json.loads(path.read_text())
    path.write_text(json.dumps({key: value[key] for key in value if key != "masklet_type"}))
    with pytest.raises(FormatError, match="lacks masklet_type"):
        read_sav_json(path)
