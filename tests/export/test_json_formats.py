"""The project's JSON, NPZ, COCO and YouTube-VIS: round trips and refusals."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.export import (
    Annotation,
    FormatError,
    VideoInfo,
    read_coco_json,
    read_masklet_json,
    read_npz,
    read_youtube_vis_json,
    write_coco_json,
    write_masklet_json,
    write_npz,
    write_youtube_vis_json,
)
from masklet.masks import FrameMask, Masklet, Rle
from masklet.media import MediaError

WRITERS = [write_masklet_json, write_npz, write_coco_json, write_youtube_vis_json]
READERS = [read_masklet_json, read_npz, read_coco_json, read_youtube_vis_json]
JSON_READERS = [read_masklet_json, read_coco_json, read_youtube_vis_json]


def same_masks(came: tuple[Masklet, ...], expected: list[Masklet]) -> None:
    assert [masklet.object_id for masklet in came] == [masklet.object_id for masklet in expected]
    for a, b in zip(came, expected, strict=True):
        assert a.frames == b.frames
        assert [record.rle for record in a] == [record.rle for record in b]
        assert a.visibility == b.visibility
        assert a.name == b.name


@pytest.mark.parametrize(("write", "read"), [(write_masklet_json, read_masklet_json), (write_npz, read_npz)])
def test_lossless_round_trip(
    write: Callable[..., None],
    read: Callable[..., Annotation],
    masklets: list[Masklet],
    info: VideoInfo,
    tmp_path: Path,
) -> None:
    path = tmp_path / "masks.bin"
    write(path, masklets[::-1], info)
    back = read(path)
    assert back.info == info
    assert list(back.masklets) == masklets


@pytest.mark.parametrize(("write", "read"), [(write_masklet_json, read_masklet_json), (write_npz, read_npz)])
def test_nothing_to_say_is_said_too(
    write: Callable[..., None], read: Callable[..., Annotation], tmp_path: Path
) -> None:
    info = VideoInfo(name="x", height=3, width=9, frame_count=2, frame_names=("a", "b"))
    write(tmp_path / "none", [], info)
    assert read(tmp_path / "none") == Annotation(info=info, masklets=())
    write(tmp_path / "empty", [Masklet(4, 3, 9)], info)
    assert read(tmp_path / "empty").masklets == (Masklet(4, 3, 9),)


def test_npz_is_plain_arrays(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "masks.npz"
    write_npz(path, masklets, info)
    with np.load(path, allow_pickle=False) as arrays:
        masks = np.unpackbits(arrays["masks"], axis=2, count=info.width).astype(bool)
        assert masks.shape == (27, info.height, info.width)
        assert sorted(zip(arrays["frame"], arrays["object_id"], strict=True)) == list(
            zip(arrays["frame"], arrays["object_id"], strict=True)
        )
        row = np.flatnonzero((arrays["frame"] == 4) & (arrays["object_id"] == 1))[0]
        np.testing.assert_array_equal(masks[row], masklets[0].mask(4))
        assert arrays["iou"][row] == masklets[0][4].iou


def test_coco_round_trip(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    write_coco_json(path, masklets, info)
    back = read_coco_json(path)
    same_masks(back.masklets, masklets)
    assert (back.info.name, back.info.frame_count, back.info.fps, back.info.model) == ("smooth.mp4", 9, 12.0, "nano")
    assert back.masklets[0][3] == masklets[0][3]
    assert back.masklets[0][0].prompted


def test_coco_is_coco(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    path = tmp_path / "coco.json"
    write_coco_json(path, masklets, info)
    data = coco.COCO(str(path))
    assert len(data.imgs) == 9
    assert len(data.anns) == 9 + 6 + 9
    annotation = data.loadAnns(data.getAnnIds(imgIds=[1]))[0]
    np.testing.assert_array_equal(data.annToMask(annotation) == 1, masklets[0].mask(0))
    assert annotation["bbox"] == [1, 2, 10, 8]
    assert annotation["area"] == 80


def test_foreign_coco_with_polygons(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    value: dict[str, Any] = {
        "info": {"description": "theirs", "year": 2017},
        "licenses": [],
        "images": [
            {"id": 77, "file_name": "b/00011.jpg", "height": 10, "width": 12, "license": 1},
            {"id": 5, "file_name": "b/00012.jpg", "height": 10, "width": 12},
        ],
        "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}],
        "annotations": [
            {"id": 900, "image_id": 77, "category_id": 18, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]], "iscrowd": 0},
            {"id": 901, "image_id": 5, "category_id": 18, "segmentation": {"size": [10, 12], "counts": [3, 4, 113]}},
        ],
    }
    path.write_text(json.dumps(value))
    back = read_coco_json(path)
    assert [masklet.object_id for masklet in back.masklets] == [900, 901]
    assert back.masklets[0].name == "dog"
    assert back.masklets[0].bbox(0) == (1, 1, 5, 4)
    assert back.masklets[0].visibility == {0: True, 1: False}
    assert back.masklets[1].area(1) == 4
    assert back.info.frame_names == ("00011", "00012")


def test_youtube_vis_round_trip(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "ytvis.json"
    write_youtube_vis_json(path, masklets, info)
    back = read_youtube_vis_json(path)
    same_masks(back.masklets, masklets)
    assert (back.info.name, back.info.frame_count, back.info.fps) == ("smooth.mp4", 9, 12.0)
    value = json.loads(path.read_text(encoding="utf-8"))
    assert value["annotations"][1]["segmentations"][3] is None
    assert value["annotations"][1]["bboxes"][0] == [20, 15, 10, 8]
    assert value["videos"][0]["file_names"][8] == "smooth/00008.jpg"


def test_youtube_vis_with_several_videos(tmp_path: Path) -> None:
    path = tmp_path / "ytvis.json"
    rle = Rle.encode(np.ones((2, 3))).to_coco()
    value = {
        "videos": [
            {"id": n, "height": 2, "width": 3, "length": 2, "file_names": [f"v{n}/00000.jpg", f"v{n}/00005.jpg"]}
            for n in (1, 2)
        ],
        "annotations": [
            {"id": 10 * n, "video_id": n, "category_id": 1, "segmentations": [None, rle], "areas": [None, 6]}
            for n in (1, 2)
        ],
        "categories": [{"id": 1, "name": "person"}],
    }
    path.write_text(json.dumps(value))
    with pytest.raises(FormatError, match="2 videos"):
        read_youtube_vis_json(path)
    with pytest.raises(FormatError, match="no video has the id 3"):
        read_youtube_vis_json(path, video=3)
    back = read_youtube_vis_json(path, video=2)
    assert back.info.name == "v2"
    assert back.info.frame_names == ("00000", "00005")
    assert back.masklets[0].object_id == 20
    assert back.masklets[0].visibility == {0: False, 1: True}


@pytest.mark.parametrize("write", WRITERS)
def test_writers_check_the_video(write: Callable[..., None], masklets: list[Masklet], tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(ValueError, match="expected masks of 31x46"):
        write(path, masklets, VideoInfo(name="x", height=31, width=46, frame_count=9))
    with pytest.raises(ValueError, match="ends with frame 7"):
        write(path, masklets, VideoInfo(name="x", height=30, width=46, frame_count=8))
    with pytest.raises(ValueError, match="occurs twice"):
        write(path, [masklets[0], masklets[0]], VideoInfo(name="x", height=30, width=46, frame_count=9))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_writers_name_a_missing_folder(
    write: Callable[..., None], masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        write(tmp_path / "no" / "file", masklets, info)


@pytest.mark.parametrize("write", [write_masklet_json, write_npz])
def test_failure_keeps_the_old_file(
    write: Callable[..., None], masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    masklets[0].prompts = ({"points": object()},)  # no JSON
    with pytest.raises(TypeError):
        write(path, masklets, info)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("read", READERS)
def test_readers_name_a_missing_or_damaged_file(read: Callable[..., Annotation], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"gone.*no such file"):
        read(tmp_path / "gone")
    bad = tmp_path / "bad"
    bad.write_bytes(b'{"format": \xff')
    with pytest.raises(FormatError, match="bad"):
        read(bad)


@pytest.mark.parametrize("read", JSON_READERS)
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": NaN}', "[" * 100_000, '{"format": "masklet", "version": 2}'])
def test_json_readers_refuse_what_is_no_such_file(read: Callable[..., Annotation], text: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"strange\.json"):
        read(path)


def put(value: Any, place: list[Any], new: object) -> Any:
    """`value` with something else at a place; "del" removes it."""
    at = value
    for key in place[:-1]:
        at = at[key]
    if new == "del":
        del at[place[-1]]
    else:
        at[place[-1]] = new
    return value


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        (["surprise"], 1, "unknown keys: surprise"),
        (["objects"], "del", "lacks objects"),
        (["objects"], {}, "is a list"),
        (["video"], [], "is an object"),
        (["video", "fps"], "fast", "fps"),
        (["video", "fps"], -1, "positive"),
        (["video", "height"], 31, "expected masks of 31x46"),
        (["video", "frame_count"], 5, "5 frame times"),
        (["video", "name"], None, "name"),
        (["video", "timestamps", 0], "0", "timestamps"),
        (["objects", 0, "frames", 0, "counts"], "00", "run lengths"),
        (["objects", 1, "object_id"], 1, "occurs twice"),
    ],
)
def test_masklet_json_refuses(
    place: list[Any], new: object, message: str, masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    path = tmp_path / "masks.json"
    write_masklet_json(path, masklets, info)
    path.write_text(json.dumps(put(json.loads(path.read_text(encoding="utf-8")), place, new)))
    with pytest.raises(FormatError, match=rf"masks\.json: .*{message}"):
        read_masklet_json(path)


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        (["surprise"], 1, "unknown keys: surprise"),
        (["images"], "del", "lacks images"),
        (["images"], [], "at least one image"),
        (["images", 1, "height"], 99, "image 2 is 99x46"),
        (["images", 1, "id"], 1, "image 1 occurs twice"),
        (["annotations", 0, "image_id"], 99, "annotation 1: no image has the id 99"),
        (["annotations", 0, "category_id"], 99, "annotation 1: no category has the id 99"),
        (["annotations", 0, "segmentation", "size"], [46, 30], "annotation 1|30x46"),
        (["annotations", 0, "segmentation", "counts"], "5", "annotation 1: run lengths"),
        (["annotations", 0, "score"], 1.5, "annotation 1: an IoU"),
        (["annotations", 3, "object_id"], 2, "object 2"),
        (["annotations", 0, "object_id"], "one", "whole number"),
        (["categories", 1, "id"], 1, "category 1 occurs twice"),
        (["info", "fps"], "fast", "fps"),
    ],
)
def test_coco_refuses(
    place: list[Any], new: object, message: str, masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    path = tmp_path / "coco.json"
    write_coco_json(path, masklets, info)
    path.write_text(json.dumps(put(json.loads(path.read_text(encoding="utf-8")), place, new)))
    with pytest.raises(FormatError, match=rf"coco\.json: .*({message})"):
        read_coco_json(path)


@pytest.mark.parametrize(
    ("place", "new", "message"),
    [
        (["surprise"], 1, "unknown keys: surprise"),
        (["videos"], [], "0 videos"),
        (["annotations", 0, "video_id"], 9, "annotation 1: no video has the id 9"),
        (["annotations", 0, "category_id"], 9, "annotation 1: no category has the id 9"),
        (["annotations", 0, "segmentations"], [None], "expected 9 segmentations"),
        (["annotations", 0, "segmentations", 0, "size"], [46, 30], "30x46"),
        (["annotations", 1, "object_id"], 1, "object 1 occurs twice"),
    ],
)
def test_youtube_vis_refuses(
    place: list[Any], new: object, message: str, masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    path = tmp_path / "vis.json"
    write_youtube_vis_json(path, masklets, info)
    path.write_text(json.dumps(put(json.loads(path.read_text(encoding="utf-8")), place, new)))
    with pytest.raises(FormatError, match=rf"vis\.json: .*{message}"):
        read_youtube_vis_json(path)


def test_npz_refuses(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    path = tmp_path / "masks.npz"
    write_npz(path, masklets, info)
    with np.load(path) as loaded:
        good = dict(loaded)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"masks": good["masks"][:-1]}, "expected uint8 of shape"),
        ({"masks": good["masks"].astype(np.int32)}, "expected uint8"),
        ({"score": good["score"][:-1]}, "differ in length"),
        ({"frame": good["frame"].astype(np.int32)}, "frame: expected"),
        ({"object_id": good["object_id"] + 100}, "unknown object"),
        ({"iou": good["iou"] + 5}, "IoU"),
        ({"info": np.array("{}")}, "lacks"),
        ({"info": np.array("{")}, "masks.npz"),
        ({"info": np.array([{}], object)}, "pickle|Object arrays"),
        ({"more": np.zeros(1)}, "unknown arrays"),
    ]
    for change, message in changes:
        np.savez(path, **(good | change))
        with pytest.raises(FormatError, match=message) as caught:
            read_npz(path)
        assert str(path) in str(caught.value)
    write_npz(path, masklets, info)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FormatError, match="no readable NPZ"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(FormatError, match="missing arrays"):
        read_npz(path)


def test_video_info() -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        VideoInfo(name="x", height=1, width=1, frame_count=0)
    with pytest.raises(ValueError, match="expected 2 frame names, got 1"):
        VideoInfo(name="x", height=1, width=1, frame_count=2, frame_names=("a",))
    with pytest.raises(ValueError, match="got one twice"):
        VideoInfo(name="x", height=1, width=1, frame_count=2, frame_names=("a", "a"))
    info = VideoInfo(name="x", height=1, width=1, frame_count=2, frame_names=("a", "b"))
    assert info.frame_name(1) == "b"
    with pytest.raises(ValueError, match="ends with frame 1"):
        Annotation(info=info, masklets=(Masklet(1, 1, 1, [FrameMask.given(2, np.ones((1, 1)))]),))
