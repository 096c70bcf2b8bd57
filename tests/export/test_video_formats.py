"""Overlay video, contact sheet and cut-outs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.export import (
    FORMATS,
    FormatError,
    OverlayStyle,
    draw_masks,
    read_cutout_pngs,
    read_cutout_video,
    write_contact_sheet,
    write_cutout_pngs,
    write_cutout_video,
    write_format,
    write_overlay_video,
)
from masklet.export.video import choose_frames
from masklet.masks import FrameMask, Masklet
from masklet.masks.rle import iou, union
from masklet.media import ArrayClip, MediaError, open_clip, read_image


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_overlay_video_shows_the_drawn_frames(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    style = OverlayStyle(labels=False)
    write_overlay_video(path, masklets, clip, style=style)
    with open_clip(path) as back:
        assert (len(back), back.height, back.width) == (9, 30, 46)
        assert back.fps == pytest.approx(12)
        for i in (0, 4, 8):
            masks = {masklet.object_id: masklet[i].rle for masklet in masklets}
            drawn = draw_masks(clip[i], masks, style=style)
            assert difference(back[i], drawn) < 12
            assert difference(back[i], clip[i]) > difference(back[i], drawn)


def test_overlay_video_of_odd_size_range_and_times(tmp_path: Path) -> None:
    frames = [np.full((31, 47, 3), 20 * i, np.uint8) for i in range(6)]

    class Uneven(ArrayClip):
        @property
        def timestamps(self) -> list[float]:
            return [0.0, 0.1, 0.5, 0.6, 1.0, 1.1]

    clip = Uneven(frames, fps=5)
    masklet = Masklet.from_masks(1, {i: np.eye(31, 47) for i in (1, 4)})
    write_overlay_video(tmp_path / "a.mp4", [masklet], clip)
    with open_clip(tmp_path / "a.mp4") as back:
        assert len(back) == 4
        assert (back.height, back.width) == (32, 48)
        assert np.diff(back.timestamps) == pytest.approx([0.4, 0.1, 0.4], abs=2e-3)
    write_overlay_video(tmp_path / "b.mp4", [masklet], clip, start=0, stop=6)
    with open_clip(tmp_path / "b.mp4") as back:
        assert len(back) == 6
    with pytest.raises(ValueError, match=r"within 0\.\.6"):
        write_overlay_video(tmp_path / "c.mp4", [masklet], clip, stop=7)
    with pytest.raises(ValueError, match="no masklet has a frame"):
        write_overlay_video(tmp_path / "c.mp4", [Masklet(1, 31, 47)], clip)
    with pytest.raises(ValueError, match="expected masks of 31x47"):
        write_overlay_video(tmp_path / "c.mp4", [Masklet(1, 47, 31)], clip)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_cutout_pngs_round_trip(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    write_cutout_pngs(folder, masklets, clip)
    back = read_cutout_pngs(folder)
    assert len(back.masklets) == 1
    for i in range(9):
        together = union(masklet[i].rle for masklet in masklets)
        assert back.masklets[0][i].rle == together
        with Image.open(folder / f"{i:05d}.png") as image:
            pixels = np.array(image)
        np.testing.assert_array_equal(pixels[together.decode(), :3], clip[i][together.decode()])
        assert not pixels[~together.decode()].any()
    with pytest.raises(MediaError, match="not empty"):
        write_cutout_pngs(folder, masklets, clip)


@pytest.mark.parametrize("name", ["cut.mov", "cut.webm"])
def test_cutout_video_round_trip(name: str, masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    path = tmp_path / name
    write_cutout_video(path, masklets, clip)
    back = read_cutout_video(path)
    assert (back.info.frame_count, back.info.height, back.info.width) == (9, 30, 46)
    assert back.info.fps == pytest.approx(12, rel=0.02)
    for i in range(9):
        assert iou(back.masklets[0][i].rle, union(masklet[i].rle for masklet in masklets)) > 0.97
    with open_clip(path) as colours:
        inside = masklets[0].mask(4)
        assert difference(colours[4][inside], clip[4][inside]) < 8


def test_cutout_refuses(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mov .* or a \.webm"):
        write_cutout_video(tmp_path / "cut.mp4", masklets, clip)
    write_overlay_video(tmp_path / "opaque.mp4", masklets, clip)
    with pytest.raises(FormatError, match=r"opaque\.mp4: the video has no alpha"):
        read_cutout_video(tmp_path / "opaque.mp4")
    with pytest.raises(MediaError, match="no such file"):
        read_cutout_video(tmp_path / "gone.mov")
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(clip[0]).save(folder / "0.png")
    with pytest.raises(FormatError, match=r"0\.png: expected a picture with alpha"):
        read_cutout_pngs(folder)
    (folder / "0.png").write_bytes(b"nothing")
    with pytest.raises(FormatError, match=r"0\.png: cannot be read"):
        read_cutout_pngs(folder)
    for i, size in enumerate([(4, 4), (4, 5)]):
        Image.new("RGBA", size).save(folder / f"{i}.png")
    with pytest.raises(FormatError, match=r"pictures: .*expected a mask of 4x4"):
        read_cutout_pngs(folder)


def test_an_error_in_the_clip_leaves_nothing(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    class Broken(ArrayClip):
        def _read(self, index: int) -> np.ndarray:
            if index == 5:
                raise MediaError("frame 5 is damaged")
            return super()._read(index)

    broken = Broken([clip[i] for i in range(9)], fps=12)
    for write, name in [(write_overlay_video, "a.mp4"), (write_cutout_video, "a.webm"), (write_cutout_pngs, "a")]:
        with pytest.raises(MediaError, match="frame 5"):
            write(tmp_path / name, masklets, broken)
    assert list(tmp_path.iterdir()) == []


def test_contact_sheet_file(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, masklets, clip, count=4, title="four frames")
    assert read_image(path).shape[1] > 46
    with pytest.raises(ValueError, match="no masklet has a frame"):
        write_contact_sheet(path, [Masklet(1, 30, 46)], clip)
    with pytest.raises(ValueError, match="at least 1 frame"):
        write_contact_sheet(path, masklets, clip, count=0)


@pytest.mark.parametrize(
    ("frames", "wanted", "count", "chosen"),
    [
        (range(10), set(), 4, [0, 3, 6, 9]),
        (range(10), {4}, 4, [0, 4, 6, 9]),
        (range(10), {0, 9}, 4, [0, 3, 6, 9]),
        (range(3), {1}, 9, [0, 1, 2]),
        ([5, 9, 30], {77}, 2, [5, 30]),
        ([5], {5}, 1, [5]),
    ],
)
def test_choose_frames(frames: range, wanted: set[int], count: int, chosen: list[int]) -> None:
    assert choose_frames(list(frames), wanted, count) == chosen


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_by_name(name: str, masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    out = tmp_path / "results"
    path = write_format(name, out, masklets, clip, model="nano")
    assert path == out / FORMATS[name].file
    assert write_format(name, out, masklets, clip) == path, "a second run replaces the first"
    assert [file.name for file in out.iterdir()] == [FORMATS[name].file]
    read = FORMATS[name].read
    if read is not None:
        back = read(path)
        assert back.masklets
        assert (back.info.height, back.info.width) == (30, 46)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file can grow beyond 300 bytes: the operating system refuses as it does on a full disk."""
    resource = pytest.importorskip("resource", reason="needs POSIX resource limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("name", FORMATS)
def test_full_disk_leaves_nothing(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    clip = ArrayClip([noise, noise])
    masklet = Masklet.from_masks(1, {i: noise[:, :, i] > 128 for i in range(2)})
    with pytest.raises(MediaError, match="cannot write") as caught:
        write_format(name, tmp_path, [masklet], clip)
    assert FORMATS[name].file in str(caught.value)
    assert ".tmp" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_unknown_format(masklets: list[Masklet], clip: ArrayClip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"json, overlay, .*got 'gif'"):
        write_format("gif", tmp_path, masklets, clip)


def test_one_picture(tmp_path: Path) -> None:
    clip = ArrayClip([np.zeros((20, 24, 3), np.uint8)], name="still.jpg")
    masklet = Masklet(1, 20, 24, [FrameMask.given(0, np.eye(20, 24))])
    for name in FORMATS:
        assert write_format(name, tmp_path, [masklet], clip).exists()
