"""Streams: once, in order, of unknown length."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from masklet.media import MediaError, Stream, open_stream


def test_generator(frame):
    taken = []

    def source():
        for i in range(5):
            taken.append(i)
            yield frame(i)

    stream = open_stream(source(), fps=10)
    assert isinstance(stream, Stream)
    for i, got in enumerate(stream):
        np.testing.assert_array_equal(got, frame(i))
        assert taken == list(range(i + 1))  # a generator is never run ahead
        assert stream.time == pytest.approx(i / 10)
    assert (stream.count, stream.size) == (5, (48, 64))
    with pytest.raises(MediaError, match="only once"):
        iter(stream)


def test_closing_ends_the_generator(frame):
    ended = []

    def source():
        try:
            while True:
                yield frame(0)
        finally:
            ended.append(True)

    with open_stream(source()) as stream:
        next(iter(stream))
    del stream
    assert ended


def test_bad_frames(frame):
    stream = iter(open_stream([frame(0), frame(0, 20, 30)]))
    next(stream)
    with pytest.raises(MediaError, match="frame 1 of stream is 30x20 but the first frame is 64x48"):
        next(stream)
    with pytest.raises(MediaError, match="stream: no frames"):
        list(open_stream([]))
    with pytest.raises(MediaError, match="frame 0 of stream: expected uint8"):
        next(iter(open_stream([frame(0) / 255])))


def test_video_file_in_order(tmp_path, make_video, sequential, times_of):
    path = make_video(tmp_path / "a.mkv", rotation=None)
    stream = open_stream(path)
    times = []
    for got, want in zip(stream, sequential(path), strict=True):
        np.testing.assert_array_equal(got, want)
        times.append(stream.time)
    assert times == pytest.approx(times_of(path))


def test_rotation(tmp_path, make_video, sequential):
    path = make_video(tmp_path / "a.mp4", rotation=90, frames=2)
    np.testing.assert_array_equal(next(iter(open_stream(path))), np.rot90(sequential(path)[0]))


def test_binary_file(tmp_path, make_video, sequential):
    path = make_video(tmp_path / "a.ts")
    frames = list(open_stream(io.BytesIO(path.read_bytes())))
    assert len(frames) == len(sequential(path))


def test_standard_input(tmp_path, make_video):
    path = make_video(tmp_path / "a.mkv", frames=7)
    script = "from masklet.media import open_stream; print(sum(1 for _ in open_stream('-')))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", script], input=path.read_bytes(), env=env, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"7"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.mp4", "missing.mp4: not a video"),
        (b"bytes", "a camera number, an address or an iterable of frames, got bytes"),
        (io.BytesIO(b"no video at all" * 30), "not a video"),
        (True, "expected a camera number"),
        (None, "got NoneType"),
        (99, "camera 99 cannot be opened"),
    ],
)
def test_what_is_no_stream(source, message):
    with pytest.raises(MediaError, match=message):
        open_stream(source)
