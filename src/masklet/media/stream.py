"""Frames that come once and in order, of unknown number: generators, cameras, addresses, standard input."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from masklet.media.clip import DEFAULT_FPS, LOOKAHEAD, Frame, as_rgb, check_fps, check_size
from masklet.media.container import describe, pick_stream
from masklet.media.errors import MediaError
from masklet.media.index import display_matrix
from masklet.media.lookahead import Lookahead
from masklet.media.video import turn_of, turned

Timed = tuple[float, Any]
"""Seconds, and a frame that has yet to be checked."""


class Stream:
    """Frames that can be iterated once, H x W x 3 uint8 RGB, all of one size.

    Attributes
    ----------
    name : for messages.
    count : frames handed out so far.
    time : seconds of the latest frame, as the source gives them; None before the first.
    size : (height, width) of the frames; None before the first.
    """

    def __init__(self, make: Callable[[], Iterator[Timed]], name: str, *, ahead: bool) -> None:
        self.name = name
        self.count = 0
        self.time: float | None = None
        self.size: tuple[int, int] | None = None
        self._make = make
        self._ahead = ahead
        self._source: Iterator[Timed] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        """Raises MediaError if the stream was iterated or closed before, and from the iterator for bad frames."""
        if self._source is not None or self._closed:
            raise MediaError(f"{self.name}: a stream can be read only once")
        self._source = Lookahead(self._make, LOOKAHEAD) if self._ahead else self._make()
        return self._frames(self._source)

    def _frames(self, source: Iterator[Timed]) -> Iterator[Frame]:
        try:
            for seconds, array in source:
                what = f"frame {self.count} of {self.name}"
                frame = as_rgb(array, what)
                self.size = self.size or (frame.shape[0], frame.shape[1])
                check_size(frame, self.size, what)
                self.time = seconds
                self.count += 1
                yield frame
            if not self.count:
                raise MediaError(f"{self.name}: no frames")
        finally:
            self.close()

    def close(self) -> None:
        """Stop reading and release the source. Closing twice is harmless."""
        self._closed = True
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_stream(
    source: Iterable[np.ndarray] | str | os.PathLike[str] | int | BinaryIO, *, fps: float | None = None
) -> Stream:
    """Open a stream of frames.

    Parameters
    ----------
    source : an iterable of H x W x 3 (or H x W grey) uint8 arrays, consumed one at a time by whoever iterates; the
        number of a camera; an address such as `rtsp://...`, or a video file, read in order; "-" for a video on standard
        input; a binary file object with video in it. All but iterables are decoded ahead in a background thread.
    fps : frames a second of an iterable (default 24); other sources have times of their own.

    Raises
    ------
    MediaError : nothing readable there.
    """
    if isinstance(source, bool):
        raise MediaError(f"expected a camera number, an address or an iterable of frames, got {source}")
    if isinstance(source, int):
        capture = cv2.VideoCapture(source)
        if not capture.isOpened():
            raise MediaError(f"camera {source} cannot be opened")
        return Stream(lambda: _from_camera(capture, source), f"camera {source}", ahead=True)
    if isinstance(source, (str, os.PathLike)):
        text = os.fspath(source)
        if text == "-":
            return _decoded_stream(sys.stdin.buffer, "standard input")
        return _decoded_stream(text, text)
    if hasattr(source, "read"):
        return _decoded_stream(source, str(getattr(source, "name", "stream")))
    if isinstance(source, Iterable) and not isinstance(source, (bytes, bytearray)):
        rate = check_fps(DEFAULT_FPS if fps is None else fps)
        return Stream(lambda: ((i / rate, frame) for i, frame in enumerate(source)), "stream", ahead=False)
    raise MediaError(f"expected a camera number, an address or an iterable of frames, got {type(source).__name__}")


def _decoded_stream(file: Any, name: str) -> Stream:
    try:
        container = av.open(file, mode="r", metadata_errors="replace")
    except FFmpegError as error:
        raise MediaError(f"{name}: not a video that can be read ({describe(error)})") from error
    assert isinstance(container, InputContainer)
    try:
        pick_stream(container, name)
    except MediaError:
        container.close()
        raise
    return Stream(lambda: _from_container(container, name), name, ahead=True)


def _from_container(container: InputContainer, name: str) -> Iterator[Timed]:
    stream = pick_stream(container, name)
    stream.thread_type = "AUTO"
    count = 0
    with container:
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise MediaError(f"frame {count} of {name} cannot be decoded: its data is damaged")
                seconds = frame.time if frame.time is not None else count / float(stream.guessed_rate or 25)
                yield seconds, turned(frame.to_ndarray(format="rgb24"), turn_of(display_matrix(frame)))
                count += 1
        except FFmpegError as error:
            raise MediaError(f"frame {count} of {name} cannot be decoded: {describe(error)}") from error


def _from_camera(capture: cv2.VideoCapture, number: int) -> Iterator[Timed]:
    begin = time.monotonic()
    try:
        while True:
            ok, frame = capture.read()
            if not ok:
                raise MediaError(f"camera {number} gives no more frames")
            yield time.monotonic() - begin, np.ascontiguousarray(np.asarray(frame)[:, :, ::-1])
    finally:
        capture.release()
