"""Files that are empty, no video, cut off or damaged: one clear line, and nothing lost or made up."""

from __future__ import annotations

import shutil
import wave

import av
import numpy as np
import pytest

from masklet.media import MediaError, open_clip

FASTSTART = {"faststart": True}


def spoil_packet(path, number):
    """Overwrite packet `number` of a file."""
    with av.open(str(path)) as container:
        payload = [bytes(p) for p in container.demux(video=0) if p.size][number]
    data = path.read_bytes()
    assert data.count(payload) == 1
    path.write_bytes(data.replace(payload, b"\xff" * len(payload)))


def is_lost(clip, i, expected):
    try:
        got = clip[i]
    except MediaError:
        return True
    np.testing.assert_array_equal(got, expected)
    return False


def test_a_missing_file(tmp_path):
    with pytest.raises(MediaError, match=r"nothing\.mp4: no such file"):
        open_clip(tmp_path / "nothing.mp4")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match=r"a\.mp4: the file is empty"):
        open_clip(tmp_path / "a.mp4")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b"This is a text about a video. " * 20),
        ("a.txt", b"Some text files are videos to FFmpeg.\n" * 20),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + bytes(200)),
        ("a.avi", np.random.default_rng(0).bytes(5000)),
    ],
)
def test_no_video_at_all(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=rf"{name}: not a video") as error:
        open_clip(tmp_path / name)
    assert "\n" not in str(error.value)


def test_sound_only(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "NONE"))
        file.writeframes(bytes(16000))
    with pytest.raises(MediaError, match=r"a\.wav: not a video \(it has only audio\)"):
        open_clip(tmp_path / "a.wav")


def test_zero_frames(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", faststart=True)
    data = path.read_bytes()
    (tmp_path / "b.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    with pytest.raises(MediaError, match=r"b\.mp4"):
        open_clip(tmp_path / "b.mp4")


def test_cut_off_before_the_table_of_frames(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"a\.mp4: not a video that can be read"):
        open_clip(path)


@pytest.mark.parametrize(
    "case",
    [
        ("a.mp4", "libx264", FASTSTART),
        ("a.mp4", "libx265", FASTSTART),
        ("a.mp4", "libsvtav1", FASTSTART),
        ("a.mp4", "libx264", {"fragmented": True}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx-vp9", {"options": {"g": "10", "cpu-used": "8"}}),
        ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
        ("a.avi", "mpeg4", {"options": {"bf": "2", "g": "10"}}),
        ("a.gif", "gif", {"pixels": "rgb8"}),
    ],
)
def test_cut_off_in_the_middle(case, tmp_path, make_video, sequential):
    name, encoder, settings = case
    path = make_video(tmp_path / name, encoder, frames=40, **settings)
    expected = sequential(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    with pytest.warns(UserWarning, match="truncated or damaged after frame"):
        clip = open_clip(path)
    with clip:
        assert 5 < len(clip) < 40
        assert clip.damage is not None
        for i in (len(clip) - 1, 0, 5):
            np.testing.assert_array_equal(clip[i], expected[i])
        got = list(clip.frames(0, len(clip)))
        assert len(got) == len(clip)
        ahead = clip.frames()
        for want in expected[: len(clip)]:
            np.testing.assert_array_equal(next(ahead), want)
        with pytest.raises(MediaError, match=rf"frame {len(clip)} of {name} cannot be decoded: .*truncated"):
            next(ahead)
        assert list(ahead) == []
        with pytest.raises(MediaError, match=rf"frame {len(clip)} of {name}"):
            clip[len(clip)]


@pytest.mark.parametrize(
    "case",
    [
        ("a.mp4", "libx264", {"options": {"sc_threshold": "0"}}),
        ("a.mkv", "libx264", {"options": {"sc_threshold": "0"}}),
        ("a.webm", "libvpx-vp9", {"options": {"g": "10", "cpu-used": "8", "auto-alt-ref": "0"}}),
        ("a.avi", "mpeg4", {"options": {"bf": "2", "g": "10", "sc_threshold": "1000000000"}}),
        ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
    ],
)
def test_damage_in_the_middle(case, tmp_path, make_video, sequential):
    name, encoder, settings = case
    path = make_video(tmp_path / name, encoder, size=(96, 128), **settings)
    expected = sequential(path)
    spoil_packet(path, 14)
    with open_clip(path) as clip:
        assert len(clip) == 30
        lost = [i for i in range(30) if is_lost(clip, i, expected[i])]
        assert lost
        assert min(lost) >= 10
        assert max(lost) < 24
        with pytest.raises(MediaError, match=rf"frame {lost[0]} of .*{name} cannot be decoded"):
            clip[lost[0]]
        ahead = clip.frames()
        for i in range(min(lost)):
            np.testing.assert_array_equal(next(ahead), expected[i])
        with pytest.raises(MediaError, match=f"frame {min(lost)} of"):
            next(ahead)
        backward = clip.frames(step=-1)
        for i in range(29, max(lost), -1):
            np.testing.assert_array_equal(next(backward), expected[i])
        with pytest.raises(MediaError, match=f"frame {max(lost)} of"):
            next(backward)


def test_damage_in_the_first_frame(tmp_path, make_video, sequential):
    path = make_video(tmp_path / "a.mp4", size=(96, 128), options={"sc_threshold": "0"})
    expected = sequential(path)
    spoil_packet(path, 0)
    with open_clip(path) as clip:
        assert len(clip) == 30
        with pytest.raises(MediaError, match="frame 0 of"):
            clip[0]
        np.testing.assert_array_equal(clip[10], expected[10])


def test_a_video_that_is_deleted_while_open(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4")
    clip = open_clip(path)
    shutil.move(path, tmp_path / "b.mp4")
    with pytest.raises(MediaError, match="no such file"):
        next(iter(clip.frames()))


def test_tags_that_are_not_utf8_do_not_matter(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", frames=3)
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"L\xe4vf"))
    with open_clip(path) as clip:
        assert len(clip) == 3
