"""Video out: H.264 for looking at, ProRes 4444 and VP9 for cut-outs with alpha. Files appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from masklet.media.atomic import atomic_path
from masklet.media.clip import check_fps
from masklet.media.container import describe
from masklet.media.errors import MediaError

VideoCodec = Literal["h264", "prores4444", "vp9"]

_CLOCK = Fraction(1, 90_000)  # for variable frame rates
_QUICKTIME = {".mp4", ".mov", ".m4v"}
_BT709 = 1  # AVCOL_PRI_BT709, AVCOL_TRC_BT709 and AVCOL_SPC_BT709 alike


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    encoder: str
    pixels: str
    alpha_pixels: str | None
    suffixes: tuple[str, ...]
    even: bool  # chroma is subsampled, sides must be even
    options: dict[str, str] = field(default_factory=dict)


_FORMATS: dict[str, _Format] = {
    "h264": _Format(
        encoder="libx264",
        pixels="yuv420p",
        alpha_pixels=None,
        suffixes=(".mp4", ".mov", ".m4v", ".mkv"),
        even=True,
        # Else the same frames may give other bytes from run to run.
        options={"crf": "18", "preset": "veryfast", "x264-params": "cpu-independent=1"},
    ),
    "prores4444": _Format(
        encoder="prores_ks",
        pixels="yuv444p10le",
        alpha_pixels="yuva444p10le",
        suffixes=(".mov",),
        even=False,
        options={"profile": "4444", "alpha_bits": "16"},
    ),
    "vp9": _Format(
        encoder="libvpx-vp9",
        pixels="yuv420p",
        alpha_pixels="yuva420p",
        suffixes=(".webm", ".mkv"),
        even=True,
        options={"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0"},
    ),
}


class VideoWriter:
    """Write frames to a video file.

    The file is written beside `path` under a hidden name and takes its place when the writer closes; leaving the
    `with` block by an error, or never having written a frame, leaves nothing behind (and an older file as it was).
    H.264 and VP9 need even sides: odd ones get a copy of the last column or row. Colours are stored as BT.709.

    >>> with VideoWriter("out.mp4", fps=25, width=640, height=360) as writer:   # doctest: +SKIP
    ...     writer.write(np.zeros((360, 640, 3), np.uint8))

    Parameters
    ----------
    path : .mp4, .mov, .m4v, .mkv for h264; .mov for prores4444; .webm, .mkv for vp9. Its folder must exist.
    fps : frames a second; with times given to `write`, only a hint for the encoder.
    width, height : pixels of the frames that will come.
    codec : "h264" (yuv420p), "prores4444" (10 bits, large, for editing) or "vp9".
    alpha : store a fourth channel; prores4444 and vp9 only.

    Raises
    ------
    ValueError : parameters that do not fit each other.
    MediaError : the target cannot be written (here, from `write`, or from `close` for a full disk).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float,
        width: int,
        height: int,
        codec: VideoCodec = "h264",
        *,
        alpha: bool = False,
    ) -> None:
        self.path = Path(path)
        if codec not in _FORMATS:
            raise ValueError(f"codec must be one of {', '.join(_FORMATS)}, got {codec!r}")
        kind = _FORMATS[codec]
        if self.path.suffix.lower() not in kind.suffixes:
            raise ValueError(f"{codec} goes into {' or '.join(kind.suffixes)} files, got {self.path.name!r}")
        if alpha and kind.alpha_pixels is None:
            raise ValueError(f"{codec} stores no alpha; use prores4444 or vp9")
        if width < 1 or height < 1:
            raise ValueError(f"width and height must be at least 1, got {width}x{height}")
        self.width, self.height, self.alpha = int(width), int(height), alpha
        self.frames_written = 0
        self._pad = (self.height % 2, self.width % 2) if kind.even else (0, 0)
        self._pixels = (kind.alpha_pixels if alpha else None) or kind.pixels
        self._rate = Fraction(check_fps(fps)).limit_denominator(1001 * 4)
        self._kind = kind
        self._timed: bool | None = None
        self._zero = 0.0
        self._last_pts = -1
        self._closed = False
        self._stack = ExitStack()
        self._container: OutputContainer | None = None
        self._temporary = self._stack.enter_context(atomic_path(self.path))
        try:
            options = {"movflags": "+faststart"} if self.path.suffix.lower() in _QUICKTIME else {}
            self._container = av.open(str(self._temporary), "w", options=options)
        except (FFmpegError, ValueError) as error:
            self._abort()
            raise MediaError(f"cannot write {self.path}: {error}") from error

    def write(self, frame: np.ndarray, time: float | None = None) -> None:
        """Append a frame.

        Parameters
        ----------
        frame : height x width x 3 uint8 RGB, or x 4 RGBA (straight alpha) if the writer has alpha.
        time : seconds, for a variable frame rate; for every frame or for none, ascending. The times are stored as
            they are, moved to start at 0 if the first is negative.

        Raises
        ------
        ValueError : wrong size or type, times that do not ascend, or the writer was closed.
        MediaError : the file cannot be written; nothing of it remains.
        """
        if self._closed:
            raise ValueError(f"the writer of {self.path} was closed")
        expected = (self.height, self.width, 4 if self.alpha else 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise ValueError(f"expected a frame of shape {expected} uint8, got {frame.shape} {frame.dtype}")
        pts = self._next_pts(time)
        if any(self._pad):
            frame = np.pad(frame, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgba" if self.alpha else "rgb24")
        picture = picture.reformat(
            format=self._pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts = pts
        picture.time_base = self._time_base
        self._encode(picture)
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file and put it in its place. Closing twice is harmless. Raises MediaError."""
        if self._closed:
            return
        if not self.frames_written:
            self._abort()
            raise MediaError(f"cannot write {self.path}: no frame was written")
        self._encode(None)
        assert self._container is not None
        try:
            self._container.close()
        except (FFmpegError, OSError) as error:
            self._abort()
            raise self._cannot(error) from error
        self._closed = True
        self._stack.close()

    def discard(self) -> None:
        """Drop what was written; the target stays as it was."""
        if not self._closed:
            self._abort()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _next_pts(self, time: float | None) -> int:
        timed = time is not None
        if self._timed is None:
            self._timed = timed
            self._zero = min(0.0, time) if time is not None else 0.0
            self._add_stream()
        if timed != self._timed:
            raise ValueError("give a time to every frame or to none")
        if time is None:
            return self.frames_written
        pts = round((time - self._zero) / self._time_base)
        if pts <= self._last_pts:
            raise ValueError(f"times must ascend, got {time} s for frame {self.frames_written}")
        self._last_pts = pts
        return pts

    def _add_stream(self) -> None:
        assert self._container is not None
        self._time_base = _CLOCK if self._timed else 1 / self._rate
        try:
            stream = self._container.add_stream(self._kind.encoder, rate=self._rate, options=dict(self._kind.options))
        except (FFmpegError, ValueError) as error:
            self._abort()
            raise MediaError(f"cannot write {self.path}: this FFmpeg has no {self._kind.encoder} encoder") from error
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self.width + self._pad[1], self.height + self._pad[0]
        stream.pix_fmt = self._pixels
        stream.time_base = stream.codec_context.time_base = self._time_base
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = ColorRange.MPEG
        if self._kind.encoder == "prores_ks":
            context.thread_type = "SLICE"
        self._stream = stream

    def _encode(self, picture: VideoFrame | None) -> None:
        assert self._container is not None
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except (FFmpegError, OSError) as error:
            self._abort()
            raise self._cannot(error) from error

    def _cannot(self, error: BaseException) -> MediaError:
        if isinstance(error, FFmpegError):
            return MediaError(f"cannot write {self.path}: {describe(error).lower()}")
        return MediaError(f"cannot write {self.path}: {getattr(error, 'strerror', None) or error}")

    def _abort(self) -> None:
        """Close and remove the temporary file."""
        self._closed = True
        if self._container is not None:
            with suppress(FFmpegError, OSError):  # the trailer of a file that goes away
                self._container.close()
        cause = _Discarded()
        self._stack.__exit__(type(cause), cause, None)


class _Discarded(Exception):
    """Unwinds `atomic_path` without a rename."""
