"""Video files: exact counts, frame-accurate random access, times, rotation."""

from __future__ import annotations

import random
import struct
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

from masklet.media import MediaError, VideoClip, open_clip
from masklet.media import video as video_module
from masklet.media.decoder import FrameDecoder
from masklet.media.video import turn_of, turned

CASES = {
    "h264 mp4, B-frames": ("a.mp4", "libx264", {}),
    "h264 mp4, fragmented": ("a.mp4", "libx264", {"fragmented": True}),
    "h264 mov": ("a.mov", "libx264", {}),
    "h264 mkv, open GOP": ("a.mkv", "libx264", {"options": {"x264-params": "open-gop=1:keyint=10:bframes=3"}}),
    "h264 mkv, intra refresh": ("a.mkv", "libx264", {"options": {"x264-params": "intra-refresh=1:keyint=10"}}),
    "h264 mp4, interlaced": ("a.mp4", "libx264", {"options": {"x264-params": "interlaced=1"}}),
    "h264 avi, no true times": ("a.avi", "libx264", {}),
    "h264 raw, no times": ("a.h264", "libx264", {}),
    "h264 ts": ("a.ts", "libx264", {}),
    "h264 flv": ("a.flv", "libx264", {}),
    "h265 mp4, open GOP": ("a.mp4", "libx265", {}),
    "h265 mkv": ("a.mkv", "libx265", {}),
    "vp8 webm, hidden frames": (
        "a.webm",
        "libvpx",
        {"options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "10"}},
    ),
    "vp9 webm, hidden frames": (
        "a.webm",
        "libvpx-vp9",
        {"options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "10", "cpu-used": "8"}},
    ),
    "av1 mp4": ("a.mp4", "libsvtav1", {"options": {"g": "10", "preset": "12"}}),
    "av1 webm": ("a.webm", "libsvtav1", {"options": {"g": "10", "preset": "12"}}),
    "mpeg4 avi, B-frames": ("a.avi", "mpeg4", {"options": {"bf": "2", "g": "10"}}),
    "mpeg4 mp4, B-frames": ("a.mp4", "mpeg4", {"options": {"bf": "2", "g": "10"}}),
    "mpeg2 mpg, B-frames": ("a.mpg", "mpeg2video", {"options": {"bf": "2", "g": "10"}}),
    "mjpeg avi": ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
    "prores mov, 10 bits": ("a.mov", "prores_ks", {"pixels": "yuv422p10le"}),
    "raw avi": ("a.avi", "rawvideo", {"pixels": "bgr24"}),
    "ffv1 mkv": ("a.mkv", "ffv1", {}),
    "gif": ("a.gif", "gif", {"pixels": "rgb8"}),
    "odd size": ("a.mp4", "libx264", {"pixels": "yuv444p", "size": (47, 63)}),
    "one frame": ("a.mp4", "libx264", {"frames": 1}),
}


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.mark.parametrize("kept", [0, 4])
@pytest.mark.parametrize("case", CASES)
def test_every_access_equals_a_sequential_decode(case, kept, tmp_path, make_video, sequential, monkeypatch):
    monkeypatch.setattr(video_module, "KEPT_BYTES", kept * 48 * 64 * 3 // 2)
    name, encoder, settings = CASES[case]
    path = make_video(tmp_path / name, encoder, **settings)
    expected = sequential(path)
    assert len(expected) == settings.get("frames", 30)
    with open_clip(path) as clip:
        assert len(clip) == len(expected)
        assert clip.damage is None
        assert (clip.height, clip.width) == settings.get("size", (48, 64))
        shuffled = list(range(len(clip)))
        random.Random(1).shuffle(shuffled)
        for i in shuffled:
            np.testing.assert_array_equal(clip[i], expected[i], err_msg=f"frame {i}")
        for got, want in zip(clip.frames(), expected, strict=True):
            np.testing.assert_array_equal(got, want)
        for got, want in zip(clip.frames(step=-1), reversed(expected), strict=True):
            np.testing.assert_array_equal(got, want)
        assert len(clip.timestamps) == len(clip)
        assert all(a < b for a, b in zip(clip.timestamps, clip.timestamps[1:], strict=False))
        assert clip.fps == pytest.approx(25, rel=0.01)


@pytest.mark.parametrize("name", ["01_dog.mp4", "05_default_juggle.mp4"])
def test_real_clips(shared, name, sequential, times_of):
    path = shared / "media" / name
    expected = sequential(path)
    with open_clip(path) as clip:
        assert len(clip) == len(expected)
        assert clip.timestamps == pytest.approx(times_of(path))
        for i in [0, 200, 199, 31, len(clip) - 1, 32, 100]:
            np.testing.assert_array_equal(clip[i], expected[i])
        for i, got in zip(range(90, 60, -1), clip.frames(90, 60, -1), strict=True):
            np.testing.assert_array_equal(got, expected[i])
        for i, got in zip(range(3, 240, 50), clip.frames(3, 240, 50), strict=True):
            np.testing.assert_array_equal(got, expected[i])


def test_frames_asked_for_nearly_in_order_are_decoded_once(tmp_path, make_video, sequential, monkeypatch):
    monkeypatch.setattr(video_module, "KEPT_BYTES", 8 * 48 * 64 * 3 // 2)
    path = make_video(tmp_path / "a.mp4", options={"g": "30"})
    expected = sequential(path)
    starts = []
    start = FrameDecoder._start
    monkeypatch.setattr(FrameDecoder, "_start", lambda self, key: (starts.append(key), start(self, key)))
    with open_clip(path) as clip:
        for i in [0, 3, 1, 2, 7, 4, 6, 5, 9, 8, 12, 5]:
            np.testing.assert_array_equal(clip[i], expected[i], err_msg=f"frame {i}")
        assert len(starts) == 1
        np.testing.assert_array_equal(clip[4], expected[4])  # too long ago
        assert len(starts) == 2


def test_backward_in_pieces_when_a_group_of_pictures_does_not_fit(tmp_path, make_video, sequential, monkeypatch):
    path = make_video(tmp_path / "a.mp4")
    monkeypatch.setattr(video_module, "REVERSE_BUFFER", 4 * 48 * 64 * 3)
    expected = sequential(path)
    with open_clip(path) as clip:
        for step in (-1, -3):
            indices = range(29, -1, step)
            for i, got in zip(indices, clip.frames(step=step), strict=True):
                np.testing.assert_array_equal(got, expected[i])


def test_frames_is_a_range(tmp_path, make_video):
    with open_clip(make_video(tmp_path / "a.mp4", frames=12)) as clip:
        for start, stop, step in [(0, 5, 1), (5, 5, 1), (2, 12, 4), (11, 3, -2), (4, None, -1), (4, None, 1)]:
            indices = range(start, stop if stop is not None else (12 if step > 0 else -1), step)
            got = list(clip.frames(start, stop, step))
            assert len(got) == len(indices)
            assert all(np.array_equal(frame, clip[i]) for frame, i in zip(got, indices, strict=True))
        for bad in [(0, 13), (-1, 5), (13, None), (12, None, -1)]:
            with pytest.raises(ValueError, match="must lie in"):
                clip.frames(*bad)
        with pytest.raises(ValueError, match="step"):
            clip.frames(step=0)


def test_indexing_is_that_of_a_list(tmp_path, make_video):
    with open_clip(make_video(tmp_path / "a.mp4", frames=5)) as clip:
        np.testing.assert_array_equal(clip[-1], clip[np.int64(4)])
        for beyond in (5, -6):
            with pytest.raises(IndexError, match="5 frames"):
                clip[beyond]
        with pytest.raises(TypeError):
            clip[1.5]  # pyright: ignore[reportArgumentType]  (what is tested)


def test_frames_handed_out_are_the_callers_own(tmp_path, make_video):
    with open_clip(make_video(tmp_path / "a.mp4", frames=3)) as clip:
        clip[1][:] = 0
        assert clip[1].any()


def test_variable_frame_rate_keeps_its_times(tmp_path, make_video, times_of, sequential):
    times = [0.0, 0.04, 0.08, 0.5, 0.51, 0.9, 2.0, 2.04, 2.08, 3.5]
    for name in ("a.mp4", "a.mkv"):
        path = make_video(tmp_path / name, frames=10, times=times)
        expected = sequential(path)
        with open_clip(path) as clip:
            assert clip.timestamps == pytest.approx(times, abs=2e-3)
            assert clip.timestamps == pytest.approx(times_of(path))
            assert clip.fps == pytest.approx(9 / 3.5, rel=1e-2)
            for i in (9, 2, 5, 0):
                np.testing.assert_array_equal(clip[i], expected[i])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_start_other_than_zero(name, tmp_path, make_video, sequential, times_of):
    path = make_video(tmp_path / name, frames=20, times=[7 + i / 25 for i in range(20)])
    expected = sequential(path)
    with open_clip(path) as clip:
        assert len(clip) == 20
        assert clip.timestamps == pytest.approx(times_of(path))
        for i in (19, 0, 11, 10, 9):
            np.testing.assert_array_equal(clip[i], expected[i])


def test_an_edit_list_cuts_frames_away(tmp_path, make_video, sequential, times_of):
    path = make_video(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    _, begin = struct.unpack(">Ii", data[at : at + 8])
    data[at : at + 8] = struct.pack(">Ii", 15 * 40, begin + 7 * 512)  # 15 frames from the seventh on
    path.write_bytes(data)
    expected = sequential(path)
    assert len(expected) == 15
    with open_clip(path) as clip:
        assert len(clip) == 15
        assert clip.damage is None
        assert clip.timestamps == pytest.approx(times_of(path))
        for i in (14, 0, 3, 9, 2):
            np.testing.assert_array_equal(clip[i], expected[i])


def test_a_stream_cut_in_the_middle_of_a_group_of_pictures(tmp_path, make_video):
    path = make_video(tmp_path / "a.ts", frames=40, options={"bf": "0", "sc_threshold": "0"})
    with av.open(str(path)) as container:
        middle = [p.pos for p in container.demux(video=0) if p.size and p.pos is not None][5]
    cut = tmp_path / "cut.ts"
    cut.write_bytes(path.read_bytes()[middle // 188 * 188 :])
    with open_clip(path) as whole, open_clip(cut) as clip:
        assert len(clip) == 30
        assert clip.damage is None
        for i in (29, 0, 13):
            np.testing.assert_array_equal(clip[i], whole[i + 10])


@pytest.mark.parametrize("degrees", [90, 180, 270, -90])
def test_rotation_metadata_is_applied(degrees, tmp_path, make_video, sequential):
    path = make_video(tmp_path / "a.mp4", rotation=degrees, frames=3)
    stored = sequential(path)
    with open_clip(path) as clip:
        # FFmpeg's display rotation counts counterclockwise, as np.rot90 does.
        np.testing.assert_array_equal(clip[2], np.rot90(stored[2], degrees // 90))
        assert (clip.height, clip.width) == clip[2].shape[:2]
        assert isinstance(clip, VideoClip)
        assert clip.rotation == -degrees % 360
        np.testing.assert_array_equal(next(iter(clip.frames())), clip[0])


def test_display_matrices_with_mirrors():
    one = 65536
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for (a, b, c, d), expected in {
        (one, 0, 0, one): image,
        (-one, 0, 0, one): image[:, ::-1],
        (one, 0, 0, -one): image[::-1],
        (0, one, one, 0): image.transpose(1, 0, 2),
        (0, one, -one, 0): np.rot90(image, -1),
        (one, 900, -900, one): image,
    }.items():
        np.testing.assert_array_equal(turned(image, turn_of((a, b, 0, c, d, 0, 0, 0, 2**30))), expected)


def test_4k(tmp_path, make_video):
    path = make_video(tmp_path / "a.mp4", frames=3, size=(2160, 3840), options={"preset": "ultrafast"})
    with open_clip(path) as clip:
        assert clip[2].shape == (2160, 3840, 3)


def test_size_that_changes_within_the_stream(tmp_path):
    path = tmp_path / "a.h264"
    data = b""
    for size in ((48, 64), (64, 96)):
        context = av.CodecContext.create("libx264", "w")
        context.height, context.width, context.pix_fmt = *size, "yuv420p"
        context.time_base = Fraction(1, 25)
        for i in range(4):
            picture = av.VideoFrame.from_ndarray(np.full((*size, 3), i * 20, np.uint8)).reformat(format="yuv420p")
            picture.pts = i
            data += b"".join(bytes(p) for p in context.encode(picture))
        data += b"".join(bytes(p) for p in context.encode(None))
    path.write_bytes(data)
    with open_clip(path) as clip:
        assert len(clip) == 8
        assert clip[3].shape == (48, 64, 3)
        with pytest.raises(MediaError, match=r"frame 4 of .*a\.h264 is 96x64 but the first frame is 64x48"):
            clip[4]


def test_a_closed_clip(tmp_path, make_video):
    clip = open_clip(make_video(tmp_path / "a.mp4"))
    ahead = clip.frames()
    next(ahead)
    clip.close()
    clip.close()
    assert list(ahead) == []
    with pytest.raises(ValueError, match="was closed"):
        clip[0]
    with pytest.raises(ValueError, match="was closed"):
        clip.frames()


def test_indexing_and_several_iterators_do_not_disturb_each_other(tmp_path, make_video, sequential):
    path = make_video(tmp_path / "a.mp4")
    expected = sequential(path)
    with open_clip(path) as clip:
        for i, (a, b) in enumerate(zip(clip.frames(), clip.frames(step=-1), strict=True)):
            np.testing.assert_array_equal(a, expected[i])
            np.testing.assert_array_equal(b, expected[29 - i])
            np.testing.assert_array_equal(clip[(7 * i) % 30], expected[(7 * i) % 30])
