"""A clip: a finite sequence of frames of one size with random access and times."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import SupportsIndex
from weakref import WeakSet

import numpy as np

from masklet.media.errors import MediaError
from masklet.media.lookahead import Lookahead

Frame = np.ndarray
"""One picture, H x W x 3 uint8, RGB."""

DEFAULT_FPS = 24.0
"""Assumed for sources that carry no times (folders, arrays); DAVIS and cinema use it."""

LOOKAHEAD = 4
"""Frames decoded ahead of the consumer."""


class Clip(ABC):
    """A random-access, lazily decoded sequence of frames.

    Attributes
    ----------
    name : str, for messages and output names.
    height, width : int, pixels of every frame, after rotation metadata.
    timestamps : sequence of float, one a frame, seconds as stored in the source (the first need not be 0).
    fps : float, the average frame rate.
    damage : str or None, one line about what of the source is lost (truncated file), None if all is well.
    """

    name: str
    height: int
    width: int
    fps: float
    damage: str | None = None

    def __init__(self) -> None:
        self._running: WeakSet[Lookahead[Frame]] = WeakSet()
        self._closed = False

    @property
    @abstractmethod
    def timestamps(self) -> Sequence[float]: ...

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames that can be decoded, exact."""

    @abstractmethod
    def _read(self, index: int) -> Frame:
        """Frame `index`, 0 <= index < len(self)."""

    def _decode(self, indices: range) -> Iterator[Frame]:
        """The frames of `indices` in that order; runs in a background thread of its own."""
        return map(self._read, indices)

    def __getitem__(self, index: SupportsIndex) -> Frame:
        """Frame `index`, H x W x 3 uint8 RGB; negative counts from the end.

        Raises IndexError beyond the ends, MediaError for a frame that cannot be decoded.
        """
        i = operator.index(index)
        count = len(self)
        if not -count <= i < count:
            if self.damage and i >= 0:
                raise MediaError(f"frame {i} of {self.name} cannot be decoded: {self.damage}")
            raise IndexError(f"frame {i} of {self.name}, which has {count} frames")
        self._check_open()
        return self._read(i % count)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int | None = None, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Frames of `range(start, stop, step)`, decoded ahead in a background thread (four frames at most).

        Parameters
        ----------
        start : first frame; default 0, or the last frame if `step` is negative.
        stop : the frame before which to stop; default: after the end in the direction of `step`.
        step : any number but 0; negative goes backward.

        Raises
        ------
        ValueError : `start` or `stop` lies outside the clip, or `step` is 0.
        MediaError : from the iterator, in place of the first frame that cannot be decoded, and after the last frame of
            a truncated file unless `stop` was given.
        """
        count = len(self)
        if step == 0:
            raise ValueError("step must not be 0")
        if start is None:
            start = 0 if step > 0 else count - 1
        to_end = stop is None and step > 0
        if stop is None:
            stop = count if step > 0 else -1
        low, high = (0, count) if step > 0 else (-1, count - 1)
        for what, value in (("start", start), ("stop", stop)):
            if not low <= value <= high:
                raise ValueError(f"{what} must lie in {low}..{high} for {self.name} ({count} frames), got {value}")
        self._check_open()
        indices = range(start, stop, step)
        ahead = Lookahead(lambda: self._checked(indices, to_end), LOOKAHEAD)
        self._running.add(ahead)
        return ahead

    def pick(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Some frames, 0 <= index < len(self), best in ascending order: read apart from those of `clip[i]`, so that
        who reads here and who reads there do not send each other back and forth."""
        self._check_open()
        return map(self._read, indices)

    def _checked(self, indices: range, to_end: bool) -> Iterator[Frame]:
        yield from self._decode(indices)
        if to_end and self.damage:
            raise MediaError(f"frame {len(self)} of {self.name} cannot be decoded: {self.damage}")

    def frame_name(self, index: int) -> str:
        """A name for a frame: its file's name without suffix where it has one, else the zero-padded number."""
        return f"{range(len(self))[index]:05d}"

    def close(self) -> None:
        """End background decoding and release files. A closed clip cannot be read; closing twice is harmless."""
        self._closed = True
        for ahead in list(self._running):
            ahead.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self.name} was closed")

    def __enter__(self) -> Clip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self)} frames of {self.width}x{self.height})"


class ArrayClip(Clip):
    """Frames that lie in memory.

    >>> import numpy as np
    >>> clip = ArrayClip(np.zeros((5, 4, 6, 3), np.uint8))
    >>> len(clip), clip.height, clip.width
    (5, 4, 6)

    Parameters
    ----------
    frames : T x H x W x 3 uint8, or a sequence of H x W x 3 or H x W (grey) uint8 arrays of one size.
    fps : frames a second, for the times.
    name : for messages.
    """

    def __init__(
        self, frames: np.ndarray | Sequence[np.ndarray], *, fps: float = DEFAULT_FPS, name: str = "array"
    ) -> None:
        super().__init__()
        self.name = name
        self.fps = check_fps(fps)
        if isinstance(frames, np.ndarray) and frames.ndim not in (3, 4):
            raise MediaError(f"{name}: a clip is T x H x W x 3 (or T x H x W grey), got shape {frames.shape}")
        if len(frames) == 0:
            raise MediaError(f"{name}: no frames")
        if isinstance(frames, np.ndarray) and frames.ndim == 3 and frames.shape[2] == 3:
            raise MediaError(f"{name}: a clip is T x H x W x 3, got one picture {frames.shape}; pass [picture]")
        self._frames = frames
        self.height, self.width = as_rgb(frames[0], f"frame 0 of {name}").shape[:2]
        for i, frame in enumerate(frames):
            check_size(as_rgb(frame, f"frame {i} of {name}"), (self.height, self.width), f"frame {i} of {name}")
        self._timestamps = tuple(i / self.fps for i in range(len(frames)))

    @property
    def timestamps(self) -> Sequence[float]:
        return self._timestamps

    def __len__(self) -> int:
        return len(self._frames)

    def _read(self, index: int) -> Frame:
        return as_rgb(self._frames[index], f"frame {index} of {self.name}").copy()  # the caller's own


def as_rgb(array: np.ndarray, what: str) -> Frame:
    """`array` (H x W x 3, H x W x 1 or H x W, uint8) as H x W x 3 uint8; `what` names it in errors.

    Raises MediaError for other types and shapes: floats are ambiguous (0..1 or 0..255), alpha has to be dropped by
    the caller, who knows what it means.
    """
    if not isinstance(array, np.ndarray):
        raise MediaError(f"{what}: expected an H x W x 3 uint8 array, got {type(array).__name__}")
    if array.dtype != np.uint8:
        raise MediaError(f"{what}: expected uint8 with values 0..255, got {array.dtype}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 2 and array.size:
        return np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise MediaError(f"{what}: expected H x W x 3 (RGB) or H x W (grey) with at least one pixel, got {array.shape}")
    return array


def check_size(frame: Frame, size: tuple[int, int], what: str) -> None:
    """Raise MediaError unless `frame` has `size` (height, width)."""
    if frame.shape[:2] != size:
        raise MediaError(
            f"{what} is {frame.shape[1]}x{frame.shape[0]} but the first frame is {size[1]}x{size[0]}; "
            "all frames must have one size"
        )


def check_fps(fps: float) -> float:
    """`fps` as a float, or ValueError unless it is positive and finite."""
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"fps must be a positive number, got {fps}")
    return float(fps)
