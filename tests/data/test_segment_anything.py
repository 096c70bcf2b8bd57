"""SA-1B and SA-V's training set: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from masklet.data.sa1b import open_sa1b
from masklet.data.savideo import open_sav_videos
from masklet.masks.rle import Rle
from masklet.media import VideoWriter


def box(x: int, size: tuple[int, int] = (48, 64), side: int = 12) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[8 : 8 + side, x : x + side] = True
    return mask


@pytest.fixture
def sa1b(tmp_path: Path) -> Path:
    """Two pictures in a folder as an archive unpacks; of the first one's objects one is empty, one nearly all of it."""
    folder = tmp_path / "sa_000000"
    folder.mkdir()
    for number in (10, 9):
        Image.fromarray(np.full((48, 64, 3), number * 10, np.uint8)).save(folder / f"sa_{number}.jpg")
        masks = [box(4), box(30), box(60, side=0), ~box(0, side=1)] if number == 9 else [box(20)]
        annotations = [
            {"id": 100 + i, "segmentation": Rle.encode(mask).to_coco(), "area": int(mask.sum()), "predicted_iou": 0.9}
            for i, mask in enumerate(masks)
        ]
        image = {"image_id": number, "width": 64, "height": 48, "file_name": f"sa_{number}.jpg"}
        (folder / f"sa_{number}.json").write_text(json.dumps({"image": image, "annotations": annotations}))
    return tmp_path


def test_sa1b_is_read(sa1b: Path) -> None:
    first, second = open_sa1b(sa1b)
    assert (first.name, second.name, len(first)) == ("sa_9", "sa_10", 1)  # 9 comes before 10
    found = first.masks(0)
    assert list(found) == [100, 101]  # what is not an object is left out
    assert np.array_equal(found[101], box(30))
    assert first.frames([0])[0].shape == (48, 64, 3)
    assert first.jpeg(0) == (sa1b / "sa_000000" / "sa_9.jpg").read_bytes()
    with pytest.raises(KeyError):
        found[102]
    assert len(open_sa1b(sa1b / "sa_000000")) == 2


def test_sa1b_without_its_json_is_an_error(sa1b: Path) -> None:
    (sa1b / "sa_000000" / "sa_9.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"sa_9\.json: no such file; sa_9\.jpg is beside it"):
        open_sa1b(sa1b)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"sa_9\.json: no valid JSON"),
        ("[]", r"sa_9\.json: expected a JSON object, got list"),
        ('{"annotations": [{"id": 1}]}', r"sa_9\.json: expected .*segmentation"),
        (
            '{"annotations": [{"id": 1, "area": 100, "segmentation": {"size": [48, 64], "counts": "x"}}]}',
            r"sa_9\.json: annotation 1: ",
        ),
    ],
)
def test_sa1b_json_that_is_none(sa1b: Path, text: str, message: str) -> None:
    (sa1b / "sa_000000" / "sa_9.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_sa1b(sa1b)[0].masks(0)[1]


def test_sa1b_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected sa_\*\.jpg beside sa_\*\.json"):
        open_sa1b(tmp_path)


FRAMES = 10  # of which 0, 4 and 8 are annotated


def listing(masks: list[list[np.ndarray]], ids: list[int], **changes: Any) -> str:
    table = [[Rle.encode(mask).to_coco() for mask in row] for row in masks]
    value = {"video_id": "sav_000001", "video_frame_count": float(FRAMES), "masklet_id": ids, "masklet": table}
    return json.dumps(value | changes)


@pytest.fixture
def sav(tmp_path: Path) -> Path:
    """A video whose frames grow brighter, two manual objects, of which one leaves, and an automatic one."""
    folder = tmp_path / "sav_000"
    folder.mkdir()
    with VideoWriter(folder / "sav_000001.mp4", 24, 64, 48) as writer:
        for t in range(FRAMES):
            writer.write(np.full((48, 64, 3), 20 * t, np.uint8))
    nothing = np.zeros((48, 64), bool)
    manual = [[box(4), box(30)], [box(8), box(34)], [box(12), nothing]]
    (folder / "sav_000001_manual.json").write_text(listing(manual, [0, 1]))
    (folder / "sav_000001_auto.json").write_text(listing([[box(50)]] * 3, [0]))
    return tmp_path


def test_sav_is_read_at_the_annotated_frames(sav: Path) -> None:
    [clip] = open_sav_videos(sav)
    assert (clip.name, len(clip)) == ("sav_000001", 3)
    levels = [float(frame.mean()) for frame in clip.frames([2, 0, 1])]
    assert levels == pytest.approx([160, 0, 80], abs=6)  # frames 8, 0 and 4 of the video
    assert list(clip.masks(0)) == [0, 1, 2]  # manual ones, then automatic ones
    assert np.array_equal(clip.masks(1)[1], box(34))
    assert not clip.masks(2)[1].any()
    assert np.array_equal(clip.masks(2)[2], box(50))
    assert clip.jpeg(0) is None


def test_sav_with_one_listing(sav: Path) -> None:
    (sav / "sav_000" / "sav_000001_manual.json").unlink()
    [clip] = open_sav_videos(sav / "sav_000")
    assert list(clip.masks(0)) == [0]


def test_sav_annotated_on_every_frame(sav: Path) -> None:
    """Not SA-V's own rate, but the counts leave no doubt."""
    (sav / "sav_000" / "sav_000001_auto.json").unlink()
    (sav / "sav_000" / "sav_000001_manual.json").write_text(listing([[box(4)]] * FRAMES, [7]))
    [clip] = open_sav_videos(sav)
    assert len(clip) == FRAMES
    assert float(clip.frames([9])[0].mean()) == pytest.approx(180, abs=6)


def test_sav_files_come_together(sav: Path) -> None:
    folder = sav / "sav_000"
    (folder / "sav_000002_auto.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"sav_000002\.mp4: no such file; sav_000002_auto\.json annotates it"):
        open_sav_videos(sav)
    (folder / "sav_000002_auto.json").unlink()
    for kind in ("manual", "auto"):
        (folder / f"sav_000001_{kind}.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"sav_000001_manual\.json: no such file, and no sav_000001_auto"):
        open_sav_videos(sav)
    (folder / "sav_000001.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected VIDEO\.mp4 beside VIDEO_manual\.json"):
        open_sav_videos(sav)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected .*masklet_id"),
        (listing([[box(4)]] * 3, [0, 1]), "masks each, one for each masklet_id"),
        (listing([[box(4), box(4)]] * 3, [1, 1]), "list of different whole numbers"),
        (listing([[box(4)]] * 3, [0], video_frame_count=None), "number as video_frame_count"),
        (listing([[box(4)]] * 7, [0]), "7 annotated frames are not each n-th of 10"),
    ],
)
def test_sav_json_that_is_none(sav: Path, text: str, message: str) -> None:
    (sav / "sav_000" / "sav_000001_manual.json").write_text(text)
    with pytest.raises(ValueError, match=rf"sav_000001_manual\.json: .*{message}"):
        open_sav_videos(sav)[0].masks(0)


def test_sav_listings_annotate_the_same_frames(sav: Path) -> None:
    (sav / "sav_000" / "sav_000001_auto.json").write_text(listing([[box(50)]] * 5, [0]))
    with pytest.raises(ValueError, match=r"sav_000001_auto\.json: annotates other frames than sav_000001_manual"):
        open_sav_videos(sav)[0].masks(0)


def test_sav_video_that_is_too_short(sav: Path) -> None:
    for kind in ("manual", "auto"):
        (sav / "sav_000" / f"sav_000001_{kind}.json").write_text(listing([[box(4)]] * 5, [0], video_frame_count=20))
    [clip] = open_sav_videos(sav)
    with pytest.raises(ValueError, match=r"sav_000001\.mp4: 10 frames, but .* annotates frame 16"):
        clip.frames([0, 4])


def test_real_sav_json(shared: Path, tmp_path: Path) -> None:
    for kind in ("manual", "auto"):
        (tmp_path / f"sav_000001_{kind}.json").symlink_to(shared / "sav_example" / f"sav_000001_{kind}.json")
    (tmp_path / "sav_000001.mp4").touch()
    [clip] = open_sav_videos(tmp_path)
    assert len(clip) == 121
    shares = [clip.masks(place)[1].mean() for place in range(0, 121, 10)]
    assert list(clip.masks(120)) == list(range(5 + 9))
    assert clip.masks(0)[1].shape == (848, 480)
    assert np.mean(shares) == pytest.approx(0.0946, abs=0.01)  # masklet_size_rel, over all frames
