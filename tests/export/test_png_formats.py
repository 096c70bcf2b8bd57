"""Folders of PNGs: DAVIS palette pictures and per-object pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.export import (
    FormatError,
    VideoInfo,
    read_object_pngs,
    read_palette_pngs,
    write_object_pngs,
    write_palette_pngs,
)
from masklet.export.palette_png import labels_at
from masklet.masks import FrameMask, Masklet
from masklet.masks.palette import davis_palette
from masklet.media import MediaError


def save(path: Path, array: np.ndarray, palette: np.ndarray | None = None) -> None:
    image = Image.fromarray(array)
    if palette is not None:
        image.putpalette(palette.astype(np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def test_palette_round_trip(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    write_palette_pngs(folder, masklets[:2], info)
    assert [file.name for file in sorted(folder.iterdir())] == [f"{i:05d}.png" for i in range(9)]
    back = read_palette_pngs(folder)
    assert (back.info.name, back.info.frame_count) == ("masks", 9)
    assert [masklet.object_id for masklet in back.masklets] == [1, 2]
    for came, expected in zip(back.masklets, masklets, strict=False):
        assert came.frames == expected.frames
        assert came.visibility == expected.visibility
    np.testing.assert_array_equal(back.masklets[0].mask(4), masklets[0].mask(4))


def test_palette_picture_is_that_of_davis(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    write_palette_pngs(tmp_path / "masks", masklets, info)
    with Image.open(tmp_path / "masks" / "00000.png") as image:
        assert image.mode == "P"
        assert image.getpalette() == davis_palette().reshape(-1).tolist()
        np.testing.assert_array_equal(np.array(image), labels_at(masklets, 0))


def test_lowest_id_wins_where_masks_overlap(masklets: list[Masklet]) -> None:
    labels = labels_at(masklets[::-1], 0)
    both = masklets[1].mask(0) & masklets[2].mask(0)
    assert both.any()
    assert (labels[both] == 2).all()
    assert set(np.unique(labels)) == {0, 1, 2, 7}


@pytest.mark.parametrize("object_id", [0, 256])
def test_palette_holds_ids_1_to_255(object_id: int, tmp_path: Path) -> None:
    masklet = Masklet.from_masks(object_id, {0: np.ones((3, 4))})
    info = VideoInfo(name="v", height=3, width=4, frame_count=1)
    with pytest.raises(ValueError, match=rf"1\.\.255, got {object_id}"):
        write_palette_pngs(tmp_path / "masks", [masklet], info)
    assert list(tmp_path.iterdir()) == []
    masklet = Masklet.from_masks(255, {0: np.ones((3, 4))})
    write_palette_pngs(tmp_path / "masks", [masklet], info)
    assert read_palette_pngs(tmp_path / "masks").masklets == (masklet,)


def test_object_round_trip_keeps_overlaps_and_ids(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    masklets[2].object_id = 1234
    masklets[2].discard(0)
    write_object_pngs(folder, masklets, info)
    assert sorted(place.name for place in folder.iterdir()) == ["001", "002", "1234"]
    back = read_object_pngs(folder)
    assert [masklet.object_id for masklet in back.masklets] == [1, 2, 1234]
    for came, expected in zip(back.masklets, masklets, strict=True):
        assert came.frames == expected.frames
        assert [record.rle for record in came] == [record.rle for record in expected]
    with Image.open(folder / "002" / "00004.png") as image:
        assert image.mode == "1"


@pytest.mark.parametrize("write", [write_palette_pngs, write_object_pngs])
def test_frame_names(write: type, masklets: list[Masklet], tmp_path: Path) -> None:
    names = tuple(f"frame {chr(105 - i)}" for i in range(9))
    info = VideoInfo(name="v", height=30, width=46, frame_count=9, frame_names=names)
    write(tmp_path / "masks", masklets[:1], info)
    read = read_palette_pngs if write is write_palette_pngs else read_object_pngs
    back = read(tmp_path / "masks", names=names)
    assert back.info.frame_names == names
    np.testing.assert_array_equal(back.masklets[0].mask(2), masklets[0].mask(2))
    with pytest.raises(FormatError, match=r"frame .\.png: the video has no frame of that name"):
        read(tmp_path / "masks", names=("a", "b"))


def test_numbers_that_leave_gaps_are_frames(tmp_path: Path) -> None:
    for number in (5, 10, 100):
        save(tmp_path / "v" / f"{number}.png", np.full((3, 4), 2, np.uint8), davis_palette())
    back = read_palette_pngs(tmp_path / "v")
    assert back.masklets[0].frames == (5, 10, 100)
    assert back.info.frame_count == 101


def test_grey_labels_are_read(tmp_path: Path) -> None:
    save(tmp_path / "v" / "00000.png", np.array([[0, 3], [3, 0]], np.uint8))
    assert read_palette_pngs(tmp_path / "v").masklets[0].object_id == 3


@pytest.mark.parametrize("write", [write_palette_pngs, write_object_pngs])
def test_folders_are_not_overwritten_unless_asked(
    write: type, masklets: list[Masklet], info: VideoInfo, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "precious.txt").write_text("x")
    with pytest.raises(MediaError, match="not empty"):
        write(folder, masklets, info)
    assert (folder / "precious.txt").exists()
    write(folder, masklets, info, overwrite=True)
    assert not (folder / "precious.txt").exists()
    assert [place.name for place in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(MediaError, match="cannot write"):
        write(tmp_path / "no" / "where", masklets, info)
    (tmp_path / "file").write_text("x")
    with pytest.raises(MediaError, match="there is a file"):
        write(tmp_path / "file", masklets, info)


def test_failure_leaves_the_old_folder(masklets: list[Masklet], info: VideoInfo, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    write_palette_pngs(folder, masklets[:1], info)
    masklets.append(Masklet(300, 30, 46, [FrameMask.given(8, masklets[0].mask(8))]))
    with pytest.raises(ValueError, match="300"):
        write_palette_pngs(folder, masklets, info, overwrite=True)
    assert len(list(folder.iterdir())) == 9
    assert [place.name for place in tmp_path.iterdir()] == ["masks"]


def test_palette_reader_refuses(tmp_path: Path) -> None:
    good = np.array([[0, 1], [2, 0]], np.uint8)

    def check(name: str, message: str, array: np.ndarray, palette: np.ndarray | None = None) -> None:
        folder = tmp_path / name
        save(folder / "00000.png", good, davis_palette())
        save(folder / "00001.png", array, palette)
        with pytest.raises(ValueError, match=message) as caught:
            read_palette_pngs(folder)
        assert "00001.png" in str(caught.value)

    check("palette", "not the palette of DAVIS: index 0", good, 255 - davis_palette())
    check("deep", "8 bits a pixel, got 16", good.astype(np.uint16) * 300)
    check("size", "expected 2x2 .height x width., got 2x3", np.zeros((2, 3), np.uint8), davis_palette())
    check("colour", "colour picture", np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    (tmp_path / "size" / "00001.png").write_bytes(b"")
    with pytest.raises(MediaError, match=r"00001\.png"):
        read_palette_pngs(tmp_path / "size")
    back = read_palette_pngs(tmp_path / "palette", check_palette=False)
    assert [masklet.object_id for masklet in back.masklets] == [1, 2]
    (tmp_path / "none").mkdir()
    with pytest.raises(FormatError, match=r"holds no \.png"):
        read_palette_pngs(tmp_path / "none")
    with pytest.raises(FormatError, match="no such folder"):
        read_palette_pngs(tmp_path / "gone")
    save(tmp_path / "twice" / "1.png", good)
    save(tmp_path / "twice" / "01.png", good)
    with pytest.raises(FormatError, match="second picture of frame 1"):
        read_palette_pngs(tmp_path / "twice")


def test_object_reader_refuses(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        read_object_pngs(tmp_path / "gone")
    with pytest.raises(FormatError, match="no object folders"):
        read_object_pngs(tmp_path)
    save(tmp_path / "a" / "001" / "00000.png", np.array([[0, 1, 2]], np.uint8))
    with pytest.raises(FormatError, match=r"00000\.png: expected 0 and one other value"):
        read_object_pngs(tmp_path / "a")
    save(tmp_path / "b" / "cat" / "00000.png", np.array([[0, 1]], np.uint8))
    with pytest.raises(FormatError, match="cat: an object folder is named by its id"):
        read_object_pngs(tmp_path / "b")
    save(tmp_path / "c" / "1" / "00000.png", np.array([[0, 1]], np.uint8))
    save(tmp_path / "c" / "2" / "00000.png", np.array([[0, 1, 1]], np.uint8))
    with pytest.raises(FormatError, match="expected 1x2"):
        read_object_pngs(tmp_path / "c")
    save(tmp_path / "d" / "1" / "00000.png", np.array([[0, 1]], np.uint8))
    save(tmp_path / "d" / "001" / "00000.png", np.array([[0, 1]], np.uint8))
    with pytest.raises(FormatError, match="second folder of object 1"):
        read_object_pngs(tmp_path / "d")


def test_davis_annotations_are_read(shared: Path) -> None:
    folder = next(iter(sorted((shared / "data" / "davis_dev" / "Annotations" / "480p").iterdir())))
    back = read_palette_pngs(folder)
    assert back.info.height == 480
    assert back.masklets[0].frames == tuple(range(back.info.frame_count))
    assert back.masklets[0].first_seen == 0
