"""Where a session's frames come from: a clip with random access, or a stream of which the last frames are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from masklet.media.clip import Clip
from masklet.media.opening import open_clip
from masklet.media.stream import Stream, open_stream
from masklet.session.prepare import check_picture

Picture = NDArray[np.uint8]
KEPT_FRAMES = 32
"""Frames of a stream that can still be prompted."""


class Source(Protocol):
    """Frames by index."""

    @property
    def length(self) -> int | None:
        """Number of frames, None while it is unknown."""
        ...

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width, None before the first frame."""
        ...

    def check(self, index: int) -> None:
        """ValueError where there is no frame `index`, or no longer."""
        ...

    def frame(self, index: int) -> Picture:
        """Frame `index`; ValueError where there is none."""
        ...

    def walk(self, start: int, stop: int | None, *, reverse: bool) -> Iterator[tuple[int, Picture]]:
        """Frames from `start` up to `stop` (exclusive; None: to the end), downwards if `reverse`."""
        ...

    def close(self) -> None: ...


class ClipSource:
    """All frames of a clip, in any order."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip

    @property
    def length(self) -> int:
        return len(self.clip)

    @property
    def size(self) -> tuple[int, int]:
        return self.clip.height, self.clip.width

    def check(self, index: int) -> None:
        if not 0 <= index < len(self.clip):
            raise ValueError(f"expected a frame in 0..{len(self.clip) - 1} of {self.clip.name}, got {index}")

    def frame(self, index: int) -> Picture:
        self.check(index)
        return self.clip[index]

    def walk(self, start: int, stop: int | None, *, reverse: bool) -> Iterator[tuple[int, Picture]]:
        step = -1 if reverse else 1
        pictures = self.clip.frames(start, stop, step)
        for offset, picture in enumerate(pictures):
            yield start + step * offset, picture

    def close(self) -> None:
        self.clip.close()


class StreamSource:
    """Frames that come once: pushed by the caller, or drawn from an iterator. The last ones are kept."""

    def __init__(self, stream: Stream | None) -> None:
        self._stream = stream
        self._frames = None if stream is None else iter(stream)
        self._kept: OrderedDict[int, Picture] = OrderedDict()
        self.count = 0
        self.size: tuple[int, int] | None = None
        self.length: int | None = None

    def resume(self, count: int, size: tuple[int, ...] | None) -> None:
        """Goes on after `count` frames that were taken in an earlier session; an iterator starts with the next one."""
        assert self.count == 0
        self.count = count
        self.size = None if size is None else (size[0], size[1])

    @property
    def oldest(self) -> int:
        """The first frame that is still kept."""
        return self.count - len(self._kept)

    def push(self, picture: Picture) -> int:
        """Takes the next frame and returns its index."""
        size = check_picture(picture).shape[:2]
        if self.size is not None and size != self.size:
            raise ValueError(
                f"expected a frame of {self.size[1]}x{self.size[0]} like the first, got {size[1]}x{size[0]}"
            )
        self.size = (size[0], size[1])
        index = self.count
        self._kept[index] = picture
        while len(self._kept) > KEPT_FRAMES:
            self._kept.popitem(last=False)
        self.count += 1
        return index

    def _draw(self) -> bool:
        if self._frames is None:
            return False
        picture = next(self._frames, None)
        if picture is None:
            self.length = self.count
            self._frames = None
            return False
        self.push(picture)
        return True

    def check(self, index: int) -> None:
        self.frame(index)

    def frame(self, index: int) -> Picture:
        while index >= self.count and self._draw():
            pass
        if index in self._kept:
            return self._kept[index]
        if 0 <= index < self.count:
            raise ValueError(
                f"frame {index} of the stream is gone: only the last {KEPT_FRAMES} frames are kept "
                f"({self.oldest}..{self.count - 1})"
            )
        raise ValueError(f"the stream has {self.count} frames so far, there is no frame {index}")

    def walk(self, start: int, stop: int | None, *, reverse: bool) -> Iterator[tuple[int, Picture]]:
        index = start
        end = -1 if stop is None and reverse else stop
        while end is None or (index > end if reverse else index < end):
            if index >= self.count and not self._draw():
                return
            yield index, self.frame(index)
            index += -1 if reverse else 1

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def open_source(source: Any) -> ClipSource | StreamSource:
    """A clip for files, folders and arrays; a stream for iterators; an empty stream to push to for None."""
    if source is None:
        return StreamSource(None)
    if isinstance(source, Stream):
        return StreamSource(source)
    if isinstance(source, Iterable) and not isinstance(source, Sized):
        return StreamSource(open_stream(cast("Iterable[Picture]", source)))
    return ClipSource(open_clip(cast("Any", source)))
