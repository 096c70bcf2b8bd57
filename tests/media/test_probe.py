"""What `masklet info` says."""

from __future__ import annotations

import pytest

from masklet.media import MediaError, probe, write_image


def test_video(tmp_path, make_video):
    info = probe(make_video(tmp_path / "a.mp4", rotation=90))
    assert (info.kind, info.codec, info.pixel_format, info.bit_depth) == ("video", "h264", "yuv420p", 8)
    assert (info.width, info.height, info.rotation, info.frames) == (48, 64, 270, 30)
    assert info.fps == info.fps_min == info.fps_max == 25
    assert info.duration == pytest.approx(1.2)
    assert not info.variable
    assert not info.audio
    assert info.damage is None


def test_deep_colour(tmp_path, make_video):
    info = probe(make_video(tmp_path / "a.mov", "prores_ks", pixels="yuv422p10le"))
    assert (info.codec, info.bit_depth) == ("prores", 10)


def test_variable_frame_rate(tmp_path, make_video):
    times = [0, 0.1, 0.2, 0.7, 0.75]
    info = probe(make_video(tmp_path / "a.mkv", frames=5, times=times))
    assert info.variable
    assert (info.fps_min, info.fps_max) == pytest.approx((2, 20))
    assert info.fps == pytest.approx(4 / 0.75, rel=1e-3)


def test_a_rounded_clock_is_no_variable_rate(tmp_path, make_video):
    times = [i / 29.97 for i in range(30)]
    assert not probe(make_video(tmp_path / "a.mkv", times=times)).variable


def test_truncated(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", faststart=True)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.warns(UserWarning, match="truncated"):
        info = probe(path)
    assert info.damage
    assert info.frames < 30


def test_pictures(tmp_path, frame):
    write_image(tmp_path / "a.png", frame(0))
    info = probe(tmp_path / "a.png")
    assert (info.kind, info.codec, info.width, info.height, info.frames) == ("image", "png", 64, 48, 1)
    assert info.duration == info.fps == 0
    write_image(tmp_path / "b.png", frame(1))
    info = probe(tmp_path)
    assert (info.kind, info.frames, info.fps) == ("images", 2, 24)


def test_real_clip(shared):
    info = probe(shared / "media" / "01_dog.mp4")
    assert (info.frames, info.width, info.height, info.rotation) == (289, 1280, 720, 0)
    assert info.fps == pytest.approx(30000 / 1001)


def test_nothing(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        probe(tmp_path / "a.mp4")
