"""Clips made of other clips: frames in another order, changed, or after a trip through an encoder."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream
from numpy.typing import NDArray

from masklet.media.clip import Clip
from masklet.media.video import VideoClip

Frame = NDArray[np.uint8]
"""[H, W, 3] RGB."""

_BT601 = 6  # AVCOL_PRI_SMPTE170M, AVCOL_TRC_SMPTE170M and AVCOL_SPC_SMPTE170M alike


class EditedClip(Clip):
    """Frames of one or several clips in a new order, each perhaps changed; closing it closes the clips.

    Parameters
    ----------
    main: gives the name, the frame rate and the size; frames of other sizes are stretched to it.
    shown: for each frame, the clip that it is of and its index there.
    change: what to do to a frame, given the frame and its index here.
    """

    def __init__(
        self, main: Clip, shown: Sequence[tuple[Clip, int]], change: Callable[[Frame, int], Frame] | None = None
    ) -> None:
        super().__init__()
        self.name, self.height, self.width, self.fps = main.name, main.height, main.width, main.fps
        self._shown, self._change = list(shown), change
        self._sources = {id(main): main} | {id(source): source for source, _ in shown}

    @property
    def timestamps(self) -> Sequence[float]:
        return tuple(i / self.fps for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._shown)

    def _read(self, index: int) -> Frame:
        source, i = self._shown[index]
        frame = source[i]
        if frame.shape[:2] != (self.height, self.width):
            frame = np.asarray(cv2.resize(frame, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)
        return frame if self._change is None else self._change(frame, index)

    def close(self) -> None:
        super().close()
        for source in self._sources.values():
            source.close()


class EncodedClip(Clip):
    """A clip encoded as H.264 and decoded again, when its first frame is asked for; closing it closes the clip.

    Parameters
    ----------
    crf: x264's constant rate factor, 0..51.
    """

    def __init__(self, source: Clip, crf: int) -> None:
        super().__init__()
        self.name, self.height, self.width, self.fps = source.name, source.height, source.width, source.fps
        self._source, self._crf = source, crf
        self._lock = threading.Lock()
        self._decoded: VideoClip | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def timestamps(self) -> Sequence[float]:
        return tuple(i / self.fps for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._source)

    def _read(self, index: int) -> Frame:
        with self._lock:
            if self._decoded is None:
                self._folder = tempfile.TemporaryDirectory(prefix="masklet-h264-")
                path = Path(self._folder.name) / "clip.mp4"
                _encode(self._source, path, self._crf)
                self._decoded = VideoClip(path)
            return np.ascontiguousarray(self._decoded[index][: self.height, : self.width])

    def close(self) -> None:
        super().close()
        with self._lock:
            if self._decoded is not None:
                self._decoded.close()
            if self._folder is not None:
                self._folder.cleanup()
        self._source.close()


def _encode(clip: Clip, path: Path, crf: int) -> None:
    """Write a clip as H.264, 4:2:0, BT.601; odd sides get a copy of their last row or column.

    The same frames give the same bytes: x264's sums of floats differ between CPUs, and with AVX-512 from run to run.
    """
    rate = Fraction(clip.fps).limit_denominator(1001 * 4)
    options = {"crf": str(crf), "threads": "1", "x264-params": "cpu-independent=1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = clip.width + clip.width % 2, clip.height + clip.height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT601
        context.color_range = ColorRange.MPEG
        for i in range(len(clip)):
            frame = np.pad(clip[i], ((0, clip.height % 2), (0, clip.width % 2), (0, 0)), mode="edge")
            planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)
            picture = VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = i, 1 / rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
