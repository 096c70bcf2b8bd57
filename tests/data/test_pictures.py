"""Image sets: objects of each layout, regions that do not count, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.data.pictures import open_pictures
from masklet.masks.rle import Rle


@pytest.fixture
def coco(tmp_path: Path, writer: Any) -> Path:
    """Picture 1 with a run-length object, a polygon and a crowd; picture 2 with nothing."""
    root = tmp_path / "coco"
    writer.frames(root / "images", ["one", "two"])
    annotations = [
        {"id": 7, "image_id": 1, "segmentation": Rle.encode(writer.box((1, 4)) > 0).to_coco(), "iscrowd": 0},
        {"id": 3, "image_id": 1, "segmentation": [[16, 12, 24, 12, 24, 20, 16, 20]]},
        {"id": 4, "image_id": 1, "segmentation": {"size": [24, 32], "counts": [0, 768]}, "iscrowd": 1},
        {"id": 5, "image_id": 1, "segmentation": {"size": [24, 32], "counts": [768]}, "iscrowd": 0},
    ]
    images = [{"id": i, "file_name": f"{name}.jpg", "height": 24, "width": 32} for i, name in ((1, "one"), (2, "two"))]
    (root / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return root


def edited(root: Path, key: str, index: int, **changes: Any) -> Path:
    """The folder, with fields of one entry of its JSON changed, or removed where None."""
    path = root / "instances.json"
    listing = json.loads(path.read_text())
    entry = listing[key][index]
    entry.update(changes)
    for name in [name for name, value in changes.items() if value is None]:
        del entry[name]
    path.write_text(json.dumps(listing))
    return root


def test_coco_objects_without_crowds(coco: Path) -> None:
    (picture,) = open_pictures(coco)
    assert (picture.name, picture.path.name) == ("one", "one.jpg")
    assert picture.image().shape == (24, 32, 3)
    assert picture.object_ids == (3, 7)
    assert picture.areas == {3: 64, 7: 36}
    assert picture.mask(7)[4, 4]
    assert int(picture.mask(3).sum()) == 64
    assert picture.ignored(3) is None
    assert picture.files() == [picture.path]
    with pytest.raises(KeyError):
        picture.mask(4)


@pytest.mark.parametrize("place", ["val2017", "images", "annotations/val2017", "annotations/images"])
def test_coco_as_it_is_published(coco: Path, place: str) -> None:
    (coco / "annotations").mkdir()
    (coco / "instances.json").rename(coco / "annotations/instances_val2017.json")
    (coco / "images").rename(coco / place)
    assert [picture.name for picture in open_pictures(coco)] == ["one"]
    assert [picture.name for picture in open_pictures(coco / "annotations/instances_val2017.json")] == ["one"]


@pytest.mark.parametrize(
    ("key", "index", "changes", "message"),
    [
        ("images", 0, {"height": 25}, r"instances\.json: annotation 7 is 32x24 \(width x height\), its image 32x25"),
        ("images", 0, {"height": None}, r"instances\.json: image 1 lacks height"),
        ("images", 1, {"id": None}, r"instances\.json: an image lacks id"),
        ("annotations", 1, {"segmentation": [[1, 2]]}, r"instances\.json: annotation 3: a COCO polygon has at least"),
        ("annotations", 0, {"segmentation": {"size": [24, 32], "counts": [5]}}, "annotation 7: run lengths cover 5"),
        ("annotations", 0, {"segmentation": None}, r"instances\.json: annotation 7 lacks segmentation"),
        ("annotations", 0, {"image_id": 9}, "annotation 7 is of image 9, which is not listed"),
        ("annotations", 0, {"id": 3}, "a second annotation 3 of image 1"),
        ("annotations", 0, {"id": None}, "an annotation lacks id"),
    ],
)
def test_coco_files_that_do_not_fit(coco: Path, key: str, index: int, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_pictures(edited(coco, key, index, **changes))


def test_coco_pictures_that_do_not_fit(coco: Path, writer: Any) -> None:
    writer.frames(coco / "images", ["one"], size=(24, 30))
    with pytest.raises(ValueError, match=r"one\.jpg: is 30x24 \(width x height\), instances\.json says 32x24"):
        open_pictures(coco)
    (coco / "images/one.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"one\.jpg: no such file; .*instances\.json lists it"):
        open_pictures(coco)
    (coco / "images/two.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"none of its pictures is there; looked in .*coco/images"):
        open_pictures(coco)


@pytest.mark.parametrize("text", ["{", "[]", '{"images": []}'])
def test_coco_files_that_are_none(coco: Path, text: str) -> None:
    (coco / "instances.json").write_text(text)
    with pytest.raises(ValueError, match=r"instances\.json: (no valid JSON|expected)"):
        open_pictures(coco)


@pytest.fixture
def masks(tmp_path: Path, writer: Any) -> Path:
    root = tmp_path / "masks"
    writer.frames(root / "images", ["a", "b", "c"])
    writer.labels(root / "masks/a.png", writer.box((1, 0), (5, 10), (255, 20)))
    writer.grey(root / "masks/b.png", writer.box((255, 3)))
    writer.grey(root / "masks/c/2.png", writer.box((255, 0)))
    writer.grey(root / "masks/c/010.png", writer.box((1, 3)))
    return root


def test_masks_of_one_or_many_objects(masks: Path) -> None:
    a, b, c = open_pictures(masks)
    assert a.areas == {1: 36, 5: 36}
    void = a.ignored(5)
    assert void is not None
    assert void.sum() == 36
    assert void[4, 20]
    assert b.areas == {1: 36}
    assert b.ignored(1) is None
    assert b.mask(1)[4, 3]
    assert c.object_ids == (2, 10)
    names = [[path.name for path in picture.files()] for picture in (a, b, c)]
    assert names == [["a.jpg", "a.png"], ["b.jpg", "b.png"], ["c.jpg", "2.png", "010.png"]]
    assert (c.mask(2) & c.mask(10)).sum() == 18


def test_masks_beside_their_pictures(tmp_path: Path, writer: Any) -> None:
    writer.frames(tmp_path, ["a"])
    writer.grey(tmp_path / "a.png", writer.box((1, 0), (2, 10)))
    (picture,) = open_pictures(tmp_path)
    assert (picture.name, picture.object_ids) == ("a", (1, 2))


def test_masks_and_pictures_that_do_not_pair(masks: Path, writer: Any) -> None:
    (masks / "masks/b.png").rename(masks / "masks/d.png")
    with pytest.raises(ValueError, match=r"images/b\.jpg: the picture has no mask b in .*masks"):
        open_pictures(masks)
    writer.grey(masks / "masks/b.png", writer.box((255, 3)))
    with pytest.raises(ValueError, match=r"masks/d\.png: the mask has no picture of that name"):
        open_pictures(masks)
    writer.frames(masks / "images", ["b"], suffix=".png")
    with pytest.raises(ValueError, match=r"images/b\.(png|jpg): a second file of that name"):
        open_pictures(masks)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("16-bit", "8 bits a pixel, got 16"),
        ("colour", "got a RGB picture"),
        ("size", "got 32x20"),
        ("empty", "no object"),
    ],
)
def test_masks_that_are_none(masks: Path, writer: Any, kind: str, message: str) -> None:
    mask = writer.box((1, 3))
    wrong = {
        "16-bit": mask.astype(np.uint16),
        "colour": np.repeat(mask[..., None], 3, axis=2),
        "size": mask[:20],
        "empty": writer.box(),
    }[kind]
    for name in ("c/2.png",) if kind == "16-bit" else ("b.png", "c/2.png"):
        good = (masks / "masks" / name).read_bytes()
        writer.grey(masks / "masks" / name, wrong)
        with pytest.raises(ValueError, match=f"{name}: .*{message}"):
            open_pictures(masks)
        (masks / "masks" / name).write_bytes(good)
    (masks / "masks/c/2.png").rename(masks / "masks/c/cat.png")
    with pytest.raises(ValueError, match=r"c/cat\.png: expected a mask named by the id of its object"):
        open_pictures(masks)


def test_labels_of_16_bits(masks: Path, writer: Any) -> None:
    """Instance masks of microscopes: more than 255 objects, and 255 is one of them."""
    labels = np.zeros((24, 32), np.uint16)
    labels[4:10, 2:8], labels[4:10, 12:17], labels[15:20, 2:4] = 300, 255, 65535
    writer.grey(masks / "masks/b.png", labels)
    deep = next(picture for picture in open_pictures(masks) if picture.name == "b")
    assert deep.areas == {255: 30, 300: 36, 65535: 10}
    for number in deep.areas:
        np.testing.assert_array_equal(deep.regions.mask(number), labels == number)
        assert deep.regions.ignored(number) is None


@pytest.mark.parametrize("layout", ["grabcut", "berkeley"])
def test_grey_masks_have_pixels_that_do_not_count(tmp_path: Path, writer: Any, layout: str) -> None:
    pictures, outlines, suffix = {
        "grabcut": ("data_GT", "boundary_GT", ".bmp"),
        "berkeley": ("images", "masks", ".png"),
    }[layout]
    writer.frames(tmp_path / pictures, ["llama", "sheep"])
    writer.grey(tmp_path / outlines / f"llama{suffix}", writer.box((255, 2), (128, 10), (64, 20)))
    writer.grey(tmp_path / outlines / f"sheep{suffix}", np.repeat(writer.box((255, 2))[..., None], 3, axis=2))
    llama, sheep = open_pictures(tmp_path, layout)
    assert llama.areas == {1: 36}
    assert [path.name for path in llama.files()] == ["llama.jpg", f"llama{suffix}"]
    unsure = llama.ignored(1)
    assert unsure is not None
    assert unsure.sum() == 36
    assert unsure[4, 10]
    assert sheep.ignored(1) is None
    colour = np.zeros((24, 32, 3), np.uint8)
    colour[..., 0] = 255
    writer.grey(tmp_path / outlines / f"sheep{suffix}", colour)
    with pytest.raises(ValueError, match=rf"sheep\{suffix}: expected a grey mask"):
        open_pictures(tmp_path, layout)
    writer.grey(tmp_path / outlines / f"sheep{suffix}", writer.box((128, 0)))
    with pytest.raises(ValueError, match=rf"sheep\{suffix}: no object in the mask"):
        open_pictures(tmp_path, layout)


def test_grabcut_is_recognised(tmp_path: Path, writer: Any) -> None:
    writer.frames(tmp_path / "data_GT", ["llama"])
    writer.grey(tmp_path / "boundary_GT/llama.bmp", writer.box((255, 2), (128, 10)))
    assert open_pictures(tmp_path)[0].ignored(1) is not None
    with pytest.raises(FileNotFoundError, match="images: no such folder; expected images and masks"):
        open_pictures(tmp_path, "berkeley")


def test_davis585_has_a_mask_for_each_object(tmp_path: Path, writer: Any) -> None:
    writer.frames(tmp_path / "bear", ["00009", "00040"])
    writer.grey(tmp_path / "bear/object1_00009.png", writer.box((255, 2)))
    writer.grey(tmp_path / "bear/object2_00009.png", writer.box((255, 12)))
    writer.grey(tmp_path / "bear/object1_00040.png", writer.box((200, 2)))
    for mode in ("stm", "sp"):
        writer.grey(tmp_path / f"bear/init_{mode}_object1_00009.png", writer.box((255, 20)))
    early, late = open_pictures(tmp_path)
    assert (early.name, early.object_ids, late.name) == ("bear/00009", (1, 2), "bear/00040")
    assert early.mask(2)[4, 12]
    assert late.areas == {1: 36}
    (tmp_path / "bear/00040.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"00040\.jpg: no such file; .*object1_00040\.png is its mask"):
        open_pictures(tmp_path)


def test_selection_by_size(coco: Path, masks: Path, writer: Any) -> None:
    assert open_pictures(coco, largest=1)[0].areas == {3: 64}
    assert open_pictures(coco, min_share=0.05)[0].areas == {3: 64}
    assert open_pictures(masks, largest=1)[0].areas == {1: 36}  # of two equal ones the lower id
    writer.labels(masks / "masks/a.png", writer.box((3, 0)) + np.pad(writer.box((1, 0))[4:6], ((20, 2), (0, 0))))
    assert [picture.name for picture in open_pictures(masks, min_share=0.04)] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"coco: no object covers 50\.00% of its picture"):
        open_pictures(coco, min_share=0.5)
    with pytest.raises(ValueError, match="largest must be at least 1, got 0"):
        open_pictures(coco, largest=0)
    with pytest.raises(ValueError, match="min_share must be a share"):
        open_pictures(coco, min_share=2)


def test_pictures_whose_objects_are_all_too_small_are_left_out(masks: Path, writer: Any) -> None:
    small = writer.box()
    small[0, 0] = 1
    writer.labels(masks / "masks/a.png", small)
    assert [picture.name for picture in open_pictures(masks, min_share=0.01)] == ["b", "c"]


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        open_pictures(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no known layout in it; looked for instances\.json"):
        open_pictures(tmp_path)
    with pytest.raises(ValueError, match="layout must be auto or one of coco, masks"):
        open_pictures(tmp_path, "davis2016")
    with pytest.raises(FileNotFoundError, match=r"expected instances\.json in it"):
        open_pictures(tmp_path, "coco")


def test_the_real_stills(shared: Path) -> None:
    pictures = open_pictures(shared / "data" / "stills_dev" / "coco")
    assert len(pictures) == 50
    assert sum(len(picture.areas) for picture in pictures) == 498
    first = pictures[0]
    assert first.mask(first.object_ids[0]).shape == first.image().shape[:2]
