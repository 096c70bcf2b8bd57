"""Archives: what is packed comes back, in any order, and other tools can read it."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from masklet.data.footage import Footage, MaskedClip
from masklet.data.packing import Packing, pack
from masklet.data.sources import open_collections
from masklet.data.tars import INDEX, open_shards


@pytest.fixture
def clips(clip_folder: Path, stills_folder: Path) -> list[MaskedClip]:
    """A clip of twelve frames, and three pictures."""
    return [*open_collections(clip_folder)[0].clips, *open_collections(stills_folder)[0].pictures]


def contents(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def same(one: MaskedClip, other: MaskedClip) -> bool:
    places = range(len(one))
    frames = all(np.array_equal(a, b) for a, b in zip(one.frames(places), other.frames(places), strict=True))
    masks = all(
        np.array_equal(mask, other.masks(place)[i])
        for place in places
        for i, mask in one.masks(place).items()
        if mask.any()
    )
    return len(one) == len(other) and frames and masks


def test_what_is_packed_comes_back(clips: list[MaskedClip], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    shards = pack(clips, tmp_path / "shards", Packing(samples=3), lambda done, total: told.append((done, total)))
    assert [path.name for path in shards] == ["shard-00000.tar", "shard-00001.tar"]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    packed = open_shards(tmp_path / "shards")
    assert [clip.still for clip in packed] == [False, True, True, True]
    assert packed[0].name == "shard-00000/00000000-walk-walk"
    for before, after in zip(clips, packed, strict=True):
        assert same(before, after)
    assert np.array_equal(packed[0].frames([7, 2])[1], clips[0].frames([2])[0])
    assert not packed[0].masks(8)[3].any()  # an object that left has an empty mask
    assert [packed[0].jpeg(i) for i in range(12)] == [clips[0].jpeg(i) for i in range(12)]  # byte for byte
    assert same(pickle.loads(pickle.dumps(packed[3])), clips[3])
    [only] = open_shards(shards[1])
    assert only == packed[3]


def test_archives_are_standard(clips: list[MaskedClip], tmp_path: Path) -> None:
    """Members of a sample lie side by side under a name up to the first dot, as webdataset groups them."""
    [shard] = pack(clips, tmp_path)
    with tarfile.open(shard) as archive:
        names = archive.getnames()
        listing = json.loads(contents(archive, "00000003-things-1-0.json"))
    keys = [name.partition(".")[0] for name in names]
    assert list(dict.fromkeys(keys)) == sorted(set(keys))
    assert names[:2] == ["00000000-walk-walk.00000.jpg", "00000000-walk-walk.00001.jpg"]
    assert names[-2:] == ["00000003-things-1-0.jpg", "00000003-things-1-0.json"]
    assert listing["image"] == {"file_name": "things/1@0", "height": 120, "width": 160}
    assert listing["annotations"][0]["area"] == 90 * 60
    again = pack(clips, tmp_path / "again")
    assert again[0].read_bytes() == shard.read_bytes()


def test_webdataset_reads_them(clips: list[MaskedClip], tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    [shard] = pack(clips, tmp_path)
    samples = list(webdataset.WebDataset(str(shard), shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples][1:3] == ["00000001-things-0-0", "00000002-things-0-1"]
    assert samples[0]["json"]["masklet_id"] == [1, 3]
    assert "00011.jpg" in samples[0]


def test_frames_shrink_with_their_masks(clips: list[MaskedClip], tmp_path: Path) -> None:
    pack(clips, tmp_path, Packing(short_side=60))
    walk, picture, *_ = open_shards(tmp_path)
    assert walk.frames([0])[0].shape == (60, 80, 3)  # was so before
    assert picture.frames([0])[0].shape == (60, 80, 3)
    [mask] = picture.masks(0).values()
    assert mask.shape == (60, 80)
    assert mask.sum() == pytest.approx(next(iter(clips[1].masks(0).values())).sum() / 4, rel=0.05)


def test_other_pictures_are_compressed(tmp_path: Path, writer: Any) -> None:
    folder = tmp_path / "png"
    writer.frames(folder / "JPEGImages", ["00000", "00001"], suffix=".png")
    for stem in ("00000", "00001"):
        writer.labels(folder / "Annotations" / f"{stem}.png", writer.box((1, 4)))
    [clip] = open_collections(folder)[0].clips
    pack([clip], tmp_path / "shards", Packing(quality=95))
    [packed] = open_shards(tmp_path / "shards")
    assert abs(packed.frames([1])[0].astype(int) - clip.frames([1])[0]).max() <= 2


@pytest.fixture
def photographs(tmp_path: Path, writer: Any) -> Sequence[Footage]:
    """Two JPEG files and a PNG, without masks."""
    writer.frames(tmp_path / "photographs", ["a", "b"])
    writer.frames(tmp_path / "photographs", ["c"], suffix=".png", size=(40, 20))
    [collection] = open_collections(tmp_path / "photographs")
    return collection.unlabelled


def test_pictures_without_masks_come_back(
    photographs: Sequence[Footage], clips: list[MaskedClip], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    shards = pack(
        clips[1:],
        tmp_path / "shards",
        Packing(samples=2),
        lambda done, total: told.append((done, total)),
        unlabelled=photographs,
    )
    assert len(shards) == 4  # two of pictures with masks, two of those without
    assert told == [(done, 6) for done in range(1, 7)]
    with tarfile.open(shards[2]) as archive:
        assert archive.getnames() == ["00000003-photographs-a.jpg", "00000004-photographs-b.jpg"]
    packed = open_shards(tmp_path / "shards")
    assert [clip.annotated for clip in packed] == [True, True, True, False, False, False]
    for before, after in zip(photographs, packed[3:], strict=True):
        one, other = before.frames([0])[0], after.frames([0])[0]
        assert one.shape == other.shape
        assert abs(one.astype(int) - other).max() <= (0 if before.jpeg(0) else 2)
        assert after.jpeg(0) == before.jpeg(0) or before.jpeg(0) is None  # byte for byte
        assert not after.masks(0)
    pack([], tmp_path / "small", Packing(short_side=16), unlabelled=photographs)
    assert [clip.frames([0])[0].shape for clip in open_shards(tmp_path / "small")] == [(16, 21, 3)] * 2 + [(32, 16, 3)]


def test_what_is_only_called_jpeg_is_compressed(tmp_path: Path) -> None:
    """A PNG, and a picture with a video behind it: archives hold what can be read from them."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    picture = Image.fromarray(np.full((24, 32, 3), (20, 120, 200), np.uint8))
    picture.save(folder / "a.jpg", format="png")
    picture.save(folder / "b.jpg")
    with (folder / "b.jpg").open("ab") as file:
        file.write(bytes(10_000))
    [collection] = open_collections(folder)
    assert [one.jpeg(0) for one in collection.unlabelled] == [None, None]
    pack([], tmp_path / "shards", unlabelled=collection.unlabelled)
    for clip in open_shards(tmp_path / "shards"):
        assert abs(clip.frames([0])[0].astype(int) - np.asarray(picture)).max() <= 3


def test_plain_archives_of_pictures_are_read_as_they_are(photographs: Sequence[Footage], tmp_path: Path) -> None:
    data = photographs[1].jpeg(0)
    assert data is not None
    [clip] = open_shards(archive(tmp_path / "n01440764.tar", {"n01440764_10026.JPEG": data}))
    assert clip.name == "n01440764/n01440764_10026"
    assert np.array_equal(clip.frames([0])[0], photographs[1].frames([0])[0])


def test_the_index_is_used_and_made_again_when_it_is_old(clips: list[MaskedClip], tmp_path: Path) -> None:
    pack(clips, tmp_path, Packing(samples=2))
    index = tmp_path / INDEX
    written = index.read_text()
    index.unlink()
    open_shards(tmp_path / "shard-00001.tar")
    assert set(json.loads(index.read_text())["shards"]) == {"shard-00001.tar"}
    packed = open_shards(tmp_path)
    assert json.loads(index.read_text()) == json.loads(written)
    # Trusted as long as the sizes agree: a wrong place in it is a wrong place read.
    wrong = json.loads(written)
    wrong["shards"]["shard-00000.tar"]["samples"] = wrong["shards"]["shard-00000.tar"]["samples"][:1]
    index.write_text(json.dumps(wrong))
    assert len(open_shards(tmp_path)) == len(packed) - 1
    wrong["shards"]["shard-00000.tar"]["bytes"] += 512
    index.write_text(json.dumps(wrong))
    assert open_shards(tmp_path) == packed
    index.write_text('{"images": []}')
    with pytest.raises(ValueError, match=r"index\.json: expected .*index of archives; remove it"):
        open_shards(tmp_path)


def test_a_folder_that_is_read_only_has_no_index(
    clips: list[MaskedClip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(clips, tmp_path)
    (tmp_path / INDEX).unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # noqa: ARG005 (root may write everywhere)
    assert len(open_shards(tmp_path)) == 4
    assert not (tmp_path / INDEX).exists()


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def test_sa1b_archives_are_read_as_they_are(clips: list[MaskedClip], tmp_path: Path) -> None:
    [shard] = pack(clips[1:2], tmp_path / "ours")
    with tarfile.open(shard) as tar:
        picture, listing = (contents(tar, name) for name in tar.getnames())
    theirs = archive(tmp_path / "sa_000020.tar", {"./sa_7.jpg": picture, "./sa_7.json": listing})
    [clip] = open_shards(theirs)
    assert clip.name == "sa_000020/sa_7"
    assert same(clips[1], clip)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no samples in the archive"),
        ({"a.00000.jpg": b""}, r"sample a: expected a\.jpg, .* and a\.json .*, got the endings 00000\.jpg"),
        ({"a.jpg": b"", "a.jpeg": b""}, "got the endings jpg, jpeg"),
        ({"a.jpg": b"", "a.json": b"{}", "b.jpg": b""}, r"sample b: expected b\.json, as other samples"),
        ({"a.json": b"{}", "a.txt": b""}, "got the endings json, txt"),
        ({"a.json": b"{}", "a.jpg": b"", "a.cls": b"1"}, "got the endings json, jpg, cls"),
    ],
)
def test_archives_of_other_things_are_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=rf"other\.tar: .*{message}"):
        open_shards(archive(tmp_path / "other.tar", files))


def test_damaged_contents_name_archive_and_sample(tmp_path: Path) -> None:
    video = json.dumps({"masklet_id": [1], "masklet": [[{"size": [4, 4], "counts": "04"}]]}).encode()
    path = archive(
        tmp_path / "a.tar",
        {"x.00000.jpg": b"?", "x.00001.jpg": b"?", "x.json": video, "y.jpg": b"?", "y.json": b"{"},
    )
    clip, still = open_shards(path)
    with pytest.raises(ValueError, match=r"a\.tar: frame 1 of x: not a readable JPEG"):
        clip.frames([1])
    with pytest.raises(ValueError, match=r"a\.tar: x\.json: annotates 1 frames, the archive has 2"):
        clip.masks(0)
    with pytest.raises(ValueError, match=r"a\.tar: y\.json: no valid JSON"):
        still.masks(0)


def test_no_archive_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"this is no archive" * 60)
    with pytest.raises(ValueError, match=r"a\.tar: no readable tar archive"):
        open_shards(tmp_path / "a.tar")
    with pytest.raises(FileNotFoundError, match=r"no \.tar archive in it"):
        open_shards(tmp_path.parent)
    with pytest.raises(FileNotFoundError, match=r"b\.tar: no such archive"):
        open_shards(tmp_path / "b.tar")


def test_packing_refuses_what_makes_no_sense(clips: list[MaskedClip], tmp_path: Path) -> None:
    pack(clips, tmp_path)
    with pytest.raises(ValueError, match=r"holds archives already \(shard-00000\.tar\)"):
        pack(clips, tmp_path)
    with pytest.raises(ValueError, match="nothing to pack"):
        pack([], tmp_path / "new")
    for changes, message in (
        ({"samples": 0}, "1 or more samples"),
        ({"short_side": 8}, "16 pixels"),
        ({"quality": 0}, "1..100"),
    ):
        with pytest.raises(ValueError, match=message):
            Packing(**changes)


def test_an_error_leaves_no_part_of_an_archive(clips: list[MaskedClip], clip_folder: Path, tmp_path: Path) -> None:
    (clip_folder / "JPEGImages" / "00011.jpg").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"00011\.jpg"):
        pack(clips, tmp_path / "shards")
    assert not list((tmp_path / "shards").iterdir())
