"""Arrays and folders of pictures as clips."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from masklet.media import ArrayClip, ImageFolderClip, MediaError, open_clip, write_image
from masklet.media.folder import natural_key


@pytest.fixture
def folder(tmp_path, frame):
    """Twelve pictures whose names sort wrongly as text, and files that are no frames."""
    folder = tmp_path / "my shots"
    folder.mkdir()
    for i in range(12):
        write_image(folder / f"Take {i}{'.PNG' if i % 2 else '.png'}", frame(i))
    (folder / "notes.txt").write_text("x")
    (folder / "._Take 3.png").write_text("x")
    (folder / "sub").mkdir()
    return folder


def test_array_clip(frame):
    frames = np.stack([frame(i) for i in range(6)])
    for source in (frames, list(frames), tuple(frames)):
        with open_clip(source, fps=10) as clip:
            assert isinstance(clip, ArrayClip)
            assert (len(clip), clip.height, clip.width, clip.fps) == (6, 48, 64, 10)
            assert clip.timestamps == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
            np.testing.assert_array_equal(np.stack(list(clip)), frames)
            np.testing.assert_array_equal(np.stack(list(clip.frames(4, 1, -1))), frames[4:1:-1])
            assert clip.frame_name(3) == "00003"
            clip[2][:] = 0
            np.testing.assert_array_equal(clip[2], frames[2])
    clip = ArrayClip(frames)
    assert open_clip(clip) is clip


def test_grey_arrays_become_rgb(frame):
    grey = frame(0)[:, :, 0]
    for source in ([grey, grey], np.stack([grey, grey]), [grey[:, :, None]]):
        np.testing.assert_array_equal(open_clip(source)[0], np.repeat(grey[:, :, None], 3, 2))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "no frames"),
        (np.zeros((0, 4, 4, 3), np.uint8), "no frames"),
        (np.zeros((2, 4, 4, 3), np.float32), "expected uint8 with values 0..255, got float32"),
        ([np.zeros((4, 4, 3), np.int64)], "expected uint8 with values 0..255, got int64"),
        (np.zeros((4, 5, 3), np.uint8), "one picture"),
        (np.zeros((4,), np.uint8), "a clip is T x H x W x 3"),
        (np.zeros((2, 4, 4, 4), np.uint8), "expected H x W x 3"),
        (np.zeros((2, 0, 4, 3), np.uint8), "at least one pixel"),
        ([np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)], "frame 1 of array is 4x5 but .* 5x4"),
        (["a.png", np.zeros((4, 5, 3), np.uint8)], "got str"),
        (42, "got int"),
        (None, "got NoneType"),
        (iter([]), "use open_stream"),
        ("http://host/clip.mp4", "use open_stream"),
    ],
)
def test_what_is_no_clip(source, message):
    with pytest.raises(MediaError, match=message):
        open_clip(source)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_fps_must_make_sense(fps, frame):
    with pytest.raises(ValueError, match="fps"):
        open_clip([frame(0)], fps=fps)


def test_folder_in_natural_order(folder, frame):
    with open_clip(folder, fps=25) as clip:
        assert isinstance(clip, ImageFolderClip)
        assert clip.name == "my shots"
        assert [clip.frame_name(i) for i in range(12)] == [f"Take {i}" for i in range(12)]
        for i, got in zip(range(12), clip.frames(), strict=True):
            np.testing.assert_array_equal(got, frame(i))
        np.testing.assert_array_equal(clip[-2], frame(10))
        assert clip.timestamps[5] == pytest.approx(0.2)
    assert len(open_clip(str(folder))) == 12


def test_globs_lists_and_single_pictures(folder, frame):
    with open_clip(f"{folder}/Take ?.png") as clip:
        assert [clip.frame_name(i) for i in range(len(clip))] == [f"Take {i}" for i in (0, 2, 4, 6, 8)]
    with open_clip([folder / "Take 7.PNG", str(folder / "Take 2.png")]) as clip:
        np.testing.assert_array_equal(clip[0], frame(7))
        np.testing.assert_array_equal(clip[1], frame(2))
    with open_clip(folder / "Take 3.PNG") as clip:
        assert len(clip) == 1
        assert clip.name == "Take 3.PNG"
    with pytest.raises(MediaError, match="no file matches"):
        open_clip(f"{folder}/*.bmp")


def test_brackets_in_a_real_name_are_no_glob(tmp_path, frame):
    folder = tmp_path / "shot[1]"
    folder.mkdir()
    write_image(folder / "a.png", frame(0))
    assert len(open_clip(str(folder))) == 1


def test_folder_without_pictures(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(MediaError, match=r"holds no pictures \(1 other files\)"):
        open_clip(tmp_path)


def test_a_frame_of_another_size_names_the_file_and_both_sizes(folder, frame):
    write_image(folder / "Take 5.PNG", frame(5, 40, 30))
    with pytest.raises(MediaError, match=r"Take 5\.PNG is 30x40 but Take 0\.png is 64x48"):
        open_clip(folder)


def test_an_unreadable_picture_is_an_error_when_it_is_reached(folder, frame):
    (folder / "Take 5.PNG").write_text("broken")
    half = (folder / "Take 7.PNG").read_bytes()
    (folder / "Take 7.PNG").write_bytes(half[: len(half) // 2])
    with open_clip(folder) as clip:
        assert len(clip) == 12
        ahead = clip.frames()
        for i in range(5):
            np.testing.assert_array_equal(next(ahead), frame(i))
        with pytest.raises(MediaError, match=r"Take 5\.PNG: not a picture"):
            next(ahead)
        np.testing.assert_array_equal(clip[6], frame(6))
        with pytest.raises(MediaError, match=r"Take 7\.PNG: cannot be read"):
            clip[7]


def test_only_unreadable_pictures(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(MediaError, match=r"a\.png: the file is empty"):
        open_clip(tmp_path)


def test_orientation_counts_for_the_size(tmp_path, frame):
    exif = Image.Exif()
    exif[0x0112] = 6
    write_image(tmp_path / "0.png", frame(0, 64, 48))
    Image.fromarray(frame(1, 48, 64)).save(tmp_path / "1.png", exif=exif)
    with open_clip(tmp_path) as clip:
        np.testing.assert_array_equal(clip[1], np.rot90(frame(1, 48, 64), -1))


def test_fps_of_a_video_cannot_be_overruled(tmp_path, make_video):
    with pytest.raises(ValueError, match="times of its own"):
        open_clip(make_video(tmp_path / "a.mp4", frames=2), fps=10)


def test_real_folder(shared):
    with open_clip(shared / "media" / "bedroom") as clip:
        names = [int(clip.frame_name(i)) for i in range(len(clip))]
        assert names == sorted(names)
        assert clip[0].shape == (clip.height, clip.width, 3)


@given(st.lists(st.integers(0, 10**12), min_size=1, unique=True), st.sampled_from(["", "frame_", "é ", "a1b"]))
def test_numbers_sort_as_numbers(numbers, prefix):
    names = [Path(f"{prefix}{n}.png") for n in numbers]
    assert [p.name for p in sorted(names, key=natural_key)] == [f"{prefix}{n}.png" for n in sorted(numbers)]


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)))
def test_any_names_can_be_sorted(names):
    paths = [Path(re.sub(r"^\.+$", "x", n)) for n in names]
    once = sorted(paths, key=natural_key)
    paths.reverse()
    assert sorted(paths, key=natural_key) == once
