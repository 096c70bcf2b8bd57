"""Video out: what is read back, alpha, times, and that no partial file remains."""

from __future__ import annotations

import os
import subprocess
import sys

import av
import numpy as np
import pytest

from masklet.media import MediaError, VideoWriter, open_clip, probe


def smooth(i, height, width, *, alpha=False):
    y, x = np.mgrid[:height, :width]
    planes = [80 + x + i, 60 + y + 2 * i, 100 + (x + y) // 2]
    if alpha:
        planes.append((x + 2 * y + i) % 256)
    return np.stack(planes, -1).astype(np.uint8)


def write(path, codec, count=8, *, size=(46, 64), alpha=False, times=None):
    with VideoWriter(path, 25, size[1], size[0], codec, alpha=alpha) as writer:
        for i in range(count):
            writer.write(smooth(i, *size, alpha=alpha), None if times is None else times[i])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "h264", "yuv420p"),
        ("a.mov", "h264", "yuv420p"),
        ("a.mkv", "h264", "yuv420p"),
        ("a.webm", "vp9", "yuv420p"),
        ("a.mov", "prores4444", "yuv444p12le"),
    ],
)
def test_round_trip(tmp_path, name, codec, pixels):
    path = write(tmp_path / name, codec)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    info = probe(path)
    assert (info.pixel_format, info.frames, info.variable) == (pixels, 8, False)
    with open_clip(path) as clip:
        assert (clip.height, clip.width, len(clip)) == (46, 64, 8)
        assert clip.fps == pytest.approx(25)
        for i in range(8):
            assert np.abs(clip[i].astype(int) - smooth(i, 46, 64)).mean() < 3


def test_colours_are_tagged_and_survive(tmp_path):
    colours = [(220, 30, 30), (30, 200, 40), (40, 50, 210), (128, 128, 128), (0, 0, 0), (255, 255, 255)]
    with VideoWriter(tmp_path / "a.mp4", 25, 64, 64) as writer:
        for colour in colours:
            writer.write(np.full((64, 64, 3), colour, np.uint8))
    with open_clip(tmp_path / "a.mp4") as clip:
        for frame, colour in zip(clip, colours, strict=True):
            assert np.abs(frame.astype(int) - colour).max() <= 4
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.webm", "vp9")])
@pytest.mark.parametrize("size", [(45, 63), (45, 64), (1, 1)])
def test_odd_sizes_repeat_their_last_row_and_column(tmp_path, name, codec, size):
    path = write(tmp_path / name, codec, size=size)
    height, width = size
    with open_clip(path) as clip:
        assert (clip.height, clip.width) == (height + height % 2, width + width % 2)
        padded = np.pad(smooth(7, *size), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        assert np.abs(clip[7].astype(int) - padded).mean() < 4


def test_prores_keeps_odd_sizes(tmp_path):
    with open_clip(write(tmp_path / "a.mov", "prores4444", size=(45, 63))) as clip:
        assert (clip.height, clip.width) == (45, 63)


def test_prores_alpha(tmp_path):
    path = write(tmp_path / "a.mov", "prores4444", alpha=True)
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            assert np.abs(frame.to_ndarray(format="rgba").astype(int) - smooth(i, 46, 64, alpha=True)).max() <= 2


def test_vp9_alpha(tmp_path):
    path = write(tmp_path / "a.webm", "vp9", alpha=True)
    decoder = av.CodecContext.create("libvpx-vp9", "r")
    with av.open(str(path)) as container:
        frames = [frame for packet in container.demux(video=0) for frame in decoder.decode(packet)]
    assert len(frames) == 8
    for i, frame in enumerate(frames):
        assert frame.format.name == "yuva420p"
        alpha = frame.to_ndarray(format="rgba")[:, :, 3]
        assert np.abs(alpha.astype(int) - smooth(i, 46, 64, alpha=True)[:, :, 3]).mean() < 8


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.webm", "vp9"), ("a.mov", "prores4444")])
def test_times(tmp_path, name, codec):
    times = [0.0, 0.04, 0.2, 0.21, 0.9, 2.0, 2.04, 3.5]
    with open_clip(write(tmp_path / name, codec, times=times)) as clip:
        assert clip.timestamps == pytest.approx(times, abs=1e-3)
    shifted = [t + 1.25 for t in times]
    with open_clip(write(tmp_path / name, codec, times=shifted)) as clip:
        assert clip.timestamps == pytest.approx(shifted, abs=1e-3)
    with open_clip(write(tmp_path / name, codec, times=[t - 0.5 for t in times])) as clip:
        assert clip.timestamps == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize("fps", [30000 / 1001, 24000 / 1001, 12.5, 60, 1])
def test_frame_rates(tmp_path, fps):
    with VideoWriter(tmp_path / "a.mp4", fps, 32, 32) as writer:
        for i in range(5):
            writer.write(smooth(i, 32, 32))
    with open_clip(tmp_path / "a.mp4") as clip:
        assert clip.fps == pytest.approx(fps, rel=1e-4)
        assert clip.timestamps == pytest.approx([i / fps for i in range(5)], abs=1e-4)


def test_parameters_that_do_not_fit(tmp_path):
    path = tmp_path / "a.mp4"
    for arguments, message in [
        ((path, 25, 4, 4, "h265"), "codec must be one of"),
        ((path, 25, 4, 4, "vp9"), r"vp9 goes into \.webm or \.mkv"),
        ((path, 0, 4, 4), "fps"),
        ((path, 25, 0, 4), "at least 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            VideoWriter(*arguments)
    with pytest.raises(ValueError, match="no alpha"):
        VideoWriter(path, 25, 4, 4, alpha=True)
    assert list(tmp_path.iterdir()) == []


def write_all(path, *frames):
    with VideoWriter(path, 25, 64, 46) as writer:
        for frame, time in frames:
            writer.write(frame, time)


def test_frames_that_do_not_fit_leave_no_file(tmp_path):
    good = smooth(0, 46, 64)
    for bad in (smooth(0, 64, 46), good[:, :, 0], good.astype(float), smooth(0, 46, 64, alpha=True)):
        with pytest.raises(ValueError, match=r"expected a frame of shape \(46, 64, 3\) uint8"):
            write_all(tmp_path / "a.mp4", (good, None), (bad, None))
    for first, second in [(0.5, 0.5), (0.5, 0.2), (None, 0.1), (0.1, None)]:
        with pytest.raises(ValueError, match=r"times must ascend|to every frame or to none"):
            write_all(tmp_path / "a.mp4", (good, first), (good, second))
    with pytest.raises(MediaError, match="no frame was written"):
        write_all(tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_closed_writer(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", 25, 64, 46)
    writer.write(smooth(0, 46, 64))
    writer.close()
    writer.close()
    writer.discard()
    with pytest.raises(ValueError, match="was closed"):
        writer.write(smooth(0, 46, 64))
    assert (tmp_path / "a.mp4").exists()


def test_an_interrupted_writer_keeps_the_old_file(tmp_path):
    path = write(tmp_path / "a.mp4", "h264")
    old = path.read_bytes()

    def interrupted():
        with VideoWriter(path, 25, 64, 46) as writer:
            writer.write(smooth(0, 46, 64))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="is not a folder"):
        VideoWriter(tmp_path / "file" / "a.mp4", 25, 64, 46)
    with pytest.raises(MediaError, match="does not exist"):
        VideoWriter(tmp_path / "none" / "a.mp4", 25, 64, 46)


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
@pytest.mark.parametrize("count", [1, 40])
def test_a_full_disk(tmp_path, count):
    """A limit on the size of files stands for the full disk: from `write`, or from `close` if all is buffered."""
    script = f"""
import resource, signal, sys
import numpy as np
from masklet.media import MediaError, VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
noise = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], 25, 320, 240) as writer:
        for _ in range({count}):
            writer.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
except MediaError as error:
    print(error)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.mp4")], check=True, env=env, capture_output=True, text=True
    )
    assert done.stdout.strip().endswith("a.mp4: file too large")
    assert list(tmp_path.iterdir()) == []
