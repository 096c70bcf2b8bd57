"""A video file as a clip."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from masklet.media.clip import Clip, Frame
from masklet.media.decoder import FrameDecoder
from masklet.media.errors import MediaError
from masklet.media.index import build_index

REVERSE_BUFFER = 128 * 2**20
"""Bytes of decoded frames that backward iteration may hold at a time."""
KEPT_BYTES = 32 * 2**20
"""Bytes of decoded frames that are kept for reading nearly in order."""


class VideoClip(Clip):
    """Any video file that FFmpeg decodes.

    `clip[i]` is the i-th frame of a full sequential decode, whatever the codec, frame reordering, edit list or start
    time. The display matrix (rotation, mirroring) is applied, to the nearest quarter turn; pixels that are not square
    stay so; fields are not deinterlaced; deeper colours come as 8 bits.

    Damage is never concealed: a damaged frame, and those predicted from it, raise MediaError when they are reached; the
    others decode. For a file that ends early `len(clip)` is what can be decoded, `clip.damage` says so, and opening
    gives a warning.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    MediaError : missing, empty, not a video, sound only, or not one frame decodes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path)
        self.name = self.path.name
        self._index = build_index(self.path)
        self._turn = turn_of(self._index.matrix)
        size = (self._index.height, self._index.width)
        self.height, self.width = size[::-1] if self._turn[0] else size
        self.fps = self._index.fps
        self.damage = self._index.damage
        if self.damage:
            warnings.warn(f"{self.name}: {self.damage}", stacklevel=2)
        self._lock = threading.Lock()
        self._decoder = FrameDecoder(self.path, self._index, KEPT_BYTES)

    @property
    def timestamps(self) -> Sequence[float]:
        return self._index.seconds

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the stored frames were turned: 0, 90, 180 or 270 (mirroring not counted)."""
        transposed, flip_x, flip_y = self._turn
        if transposed:
            return 90 if flip_x else 270
        return 180 if flip_x and flip_y else 0

    def __len__(self) -> int:
        return len(self._index.order)

    def _read(self, index: int) -> Frame:
        with self._lock:
            return self._convert(self._decoder.frame(index), index)

    def _decode(self, indices: range) -> Iterator[Frame]:
        decoder = FrameDecoder(self.path, self._index)  # of its own: iterating does not disturb clip[i]
        try:
            if indices.step > 0:
                for i in indices:
                    yield self._convert(decoder.frame(i), i)
            else:
                yield from self._decode_backward(decoder, indices)
        finally:
            decoder.close()

    def pick(self, indices: Sequence[int]) -> Iterator[Frame]:
        self._check_open()
        decoder = FrameDecoder(self.path, self._index)
        try:
            for i in indices:
                yield self._convert(decoder.frame(i), i)
        finally:
            decoder.close()

    def _decode_backward(self, decoder: FrameDecoder, indices: range) -> Iterator[Frame]:
        """From the end, one group of pictures at a time, in pieces that fit the buffer."""
        room = max(1, REVERSE_BUFFER // (self.height * self.width * 3))
        while indices:
            start = decoder.key_rank(indices[0])
            piece = [i for i in indices[:room] if i >= start] or [indices[0]]
            held: list[Frame | MediaError] = []
            for i in reversed(piece):
                try:
                    held.append(self._convert(decoder.frame(i), i))
                except MediaError as error:  # raised in its turn, after the frames that lie behind it
                    held.append(error)
            while held:
                frame = held.pop()
                if isinstance(frame, MediaError):
                    raise frame
                yield frame
            indices = indices[len(piece) :]

    def _convert(self, decoded: VideoFrame, index: int) -> Frame:
        stored = (self._index.height, self._index.width)
        if (decoded.height, decoded.width) != stored:
            raise MediaError(
                f"frame {index} of {self.path} is {decoded.width}x{decoded.height} but the first frame is "
                f"{stored[1]}x{stored[0]}; all frames must have one size"
            )
        return turned(decoded.to_ndarray(format="rgb24"), self._turn)

    def close(self) -> None:
        super().close()
        with self._lock:
            self._decoder.close()


Turn = tuple[bool, bool, bool]
"""Transpose, then mirror left-right, then mirror top-bottom."""


def turn_of(matrix: tuple[int, ...] | None) -> Turn:
    """The quarter turn and mirroring nearest to a display matrix (a b u, c d v, x y w; x' = ax + cy, y' = bx + dy)."""
    if matrix is None:
        return False, False, False
    a, b, _, c, d = matrix[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, a < 0, d < 0
    return True, c < 0, b < 0


def turned(frame: np.ndarray, turn: Turn) -> np.ndarray:
    """`frame` (H x W x C) after `turn`, contiguous."""
    transposed, flip_x, flip_y = turn
    if transposed:
        frame = frame.transpose(1, 0, 2)
    if flip_x:
        frame = frame[:, ::-1]
    if flip_y:
        frame = frame[::-1]
    return np.ascontiguousarray(frame)
